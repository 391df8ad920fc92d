/* web owns pages: templates (escaped by default), message catalogues, static files, themes. It must never decide anything:
 * it gets values and renders them. */
#pragma once
#include "tkeauth/base.h"

/* Everything embedded in the binary, or overridden by files of a theme folder (templates/x.html, static/x, theme.yaml-like
 * values title, logo, colours). Immutable once built. */
struct web;
struct web_options {
    const char *dir; /* may be NULL. Its templates and static files replace the built-in ones of the same name */
    const char *title;     /* e.g. "TKEStack"; NULL: "tke-auth" */
    const char *logo_url;  /* NULL: the built-in logo */
    const char *accent;    /* "#1a73e8"; NULL: built in. Checked: #rgb or #rrggbb */
    const char *base_path; /* "/oidc": in front of static URLs */
};
MUST_CHECK enum err_code web_new(const struct web_options *options, struct web **ret, struct err *err);
void web_free(struct web *w);
DEFINE_AUTO_FREE(web_free, struct web);

/* Values for a template: name -> text, flag or list. */
struct web_value {
    const char *name;
    struct str text;             /* shown escaped */
    bool flag;                   /* {{#if name}}; a value with text is true as well */
    const struct web_list *list; /* {{#each name}} */
};
struct web_list {
    const struct web_value *const *items; /* each a row: values ending with name NULL */
    size_t len;
};
/* The language to answer in: the first of `ui_locales` (OIDC Core 3.1.2.1, blank separated), else the best of Accept-Language
 * (RFC 9110 12.5.4) that there is a catalogue for, else "en". Returns "en" or "zh". */
const char *web_language(const struct web *w, struct str ui_locales, struct str accept_language);
/* A message of the catalogue; the key itself when it is unknown (a test makes sure none is). */
const char *web_message(const struct web *w, const char *language, const char *key);
/* A page: "login", "tenants", "error", "logged_out", "logout_confirm" and whatever templates/ holds. Values end with name NULL.
 * ERR_NOT_FOUND: no such page. The template sees, besides its values, lang, title, logo, base and {{t key}} messages. */
MUST_CHECK enum err_code web_render(const struct web *w, const char *page, const char *language,
                                    const struct web_value *values, struct strbuf *out, struct err *err);
/* A static file. ERR_NOT_FOUND. The slices live as long as `w`. `ret_etag` is quoted. */
MUST_CHECK enum err_code web_static(const struct web *w, struct str path, struct str *ret_body,
                                    const char **ret_type, struct str *ret_etag, struct err *err);
/* Content-Security-Policy for pages: no inline script, no foreign source. form-action is left open to https: and loopback
 * because browsers apply it to the redirects after a form POST, which lead to relying parties. */
const char *web_csp(void);
