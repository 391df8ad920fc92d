/* web owns pages: templates (escaped by default), message catalogues, static files, themes. It must never decide anything:
 * it gets values and renders them. */
#pragma once
#include "tkeauth/base.h"

/* Everything embedded in the binary, or overridden by files of a theme folder:
 *   templates/NAME.html           a page or, as _NAME.html, a part of pages; the language is described in src/web/template.h
 *   templates/messages/LANG.json  texts, laid over the built-in ones; another language may be added
 *   static/NAME                   logo.svg, favicon.svg, style.css ...
 *   theme.json                    {"title": "...", "logo_url": "...", "accent": "#..."}; what the options say goes first
 * Immutable once built. */
struct web;
struct web_options {
    const char *dir;   /* may be NULL */
    const char *title; /* e.g. "TKEStack"; NULL: "tke-auth" */
    const char
        *logo_url; /* a path, or https://host/...; NULL: the built-in logo, or the theme's static/logo.svg */
    const char *
        accent; /* "#1a73e8"; NULL: built in. Checked: #rgb or #rrggbb. Darkened where text would not be readable */
    const char *base_path; /* "/oidc", or "" : in front of static URLs */
};
/* Reads and compiles everything. ERR_INVALID: a page or value that is wrong, as "FILE:LINE: what" (so a bad theme is refused and
 * the last good one goes on); ERR_NOT_FOUND: no such folder; ERR_LIMIT, ERR_NOMEM, ERR_UNAVAILABLE. */
MUST_CHECK enum err_code web_new(const struct web_options *options, struct web **ret, struct err *err);
void web_free(struct web *w);
DEFINE_AUTO_FREE(web_free, struct web);

/* Values for a template: name -> text, flag or list. */
struct web_value {
    const char *name;
    struct str text;             /* shown escaped */
    bool flag;                   /* {{#if name}}; a value with text, or a list with rows, is true as well */
    const struct web_list *list; /* {{#each name}} */
};
struct web_list {
    const struct web_value *const *items; /* each a row: values ending with name NULL */
    size_t len;
};
/* The language to answer in: the first of `ui_locales` (OIDC Core 3.1.2.1, blank separated) that there is a catalogue for, else
 * the best of Accept-Language (RFC 9110 12.5.4), else "en". Returns "en", "zh", or a language the theme added; lives as `w`. */
const char *web_language(const struct web *w, struct str ui_locales, struct str accept_language);
/* A message of the catalogue; the key itself when it is unknown (a test makes sure none is). Lives as `w`. */
const char *web_message(const struct web *w, const char *language, const char *key);
/* A page, by its values (all may be left out; each template says what they mean):
 *   login            action login prompt tenant client error_credentials error_blocked error_throttled retry_after
 *                    error_unavailable error_form request_id ticket csrf back
 *   tenants          choices(name href) client
 *   error            heading message next request_id retry_href
 *   logout_confirm   action client csrf ticket cancel
 *   logged_out       client return_href
 * Texts for `error`: messages error_X_heading, error_X_text and error_X_next, X one of bad_request unknown_client redirect_uri
 * expired login_ticket unknown_tenant logout forbidden denied not_found throttled unavailable internal.
 * Besides its values a template sees lang, title, logo, own_logo and base.
 * ERR_NOT_FOUND: no such page. ERR_INVALID: a value the page does not know (a slip of ours), or a link target that is neither
 * http(s) nor relative: the caller checks URLs from outside before, this is the second line. ERR_LIMIT: over out->max. */
MUST_CHECK enum err_code web_render(const struct web *w, const char *page, const char *language,
                                    const struct web_value *values, struct strbuf *out, struct err *err);
/* A static file by its name ("style.css"). ERR_NOT_FOUND. The slices live as long as `w`. `ret_etag` is quoted. Pages link to
 * them with "?v=" and the first WEB_TAG_LEN characters inside the quotes: a browser may keep what it got so for good. */
enum { WEB_TAG_LEN = 10 };
MUST_CHECK enum err_code web_static(const struct web *w, struct str path, struct str *ret_body,
                                    const char **ret_type, struct str *ret_etag, struct err *err);
/* Content-Security-Policy for pages: no inline script or style, no foreign source but the host of an absolute logo_url.
 * form-action is left open to http(s) because browsers apply it to the redirects after a form POST, which lead to relying
 * parties. Lives as `w`. */
const char *web_csp(const struct web *w);
