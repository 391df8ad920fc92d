/* HTML as far as a template compiler must know it: where in a document a text stands, and how a value is written there. */
#pragma once
#include "tkeauth/base.h"

/* Follows literal HTML. Zero-initialised is the start of a document. The dialect is deliberately narrow (attribute values
 * in double quotes, no comments, no inline script or style), so that a value can only stand where escaping is enough. */
enum html_place {
    HTML_TEXT,      /* between tags */
    HTML_OPEN,      /* behind '<' */
    HTML_NAME,      /* in a tag's name */
    HTML_TAG,       /* in a tag, between attributes */
    HTML_ATTRIBUTE, /* in an attribute's name */
    HTML_EQUALS,    /* behind '=' */
    HTML_VALUE,     /* in a double-quoted attribute value */
    HTML_MARKUP,    /* in <!doctype ...> */
};
enum { HTML_NAME_MAX = 31 };
struct html_cursor {
    enum html_place place;
    bool closing;       /* in an end tag */
    bool in_script;     /* between <script> and </script> */
    bool value_started; /* literal text has been seen in this attribute value */
    char tag[HTML_NAME_MAX + 1], attribute[HTML_NAME_MAX + 1];
};
/* Moves over `text`. NULL, or what is wrong with it; *ret_at is then the offset of the fault. */
const char *html_advance(struct html_cursor *c, struct str text, size_t *ret_at);

/* Would the same text be read the same way at both? */
bool html_same_place(const struct html_cursor *a, const struct html_cursor *b);

enum html_value_kind {
    HTML_VALUE_REFUSED,
    HTML_VALUE_PLAIN, /* escape */
    HTML_VALUE_URL,   /* html_url_is_safe, then escape */
};
/* How a value must be written at the cursor; with HTML_VALUE_REFUSED, *ret_why says why not. */
enum html_value_kind html_value_at(const struct html_cursor *c, const char **ret_why);

/* Text for HTML_TEXT and HTML_VALUE. Control characters and bytes that are not UTF-8 become U+FFFD. */
void html_escape(struct strbuf *out, struct str s);
/* http://, https://, a path or a relative reference: nothing that a browser runs (javascript:, data: ...), no other host by
 * "//host", no control character, blank or backslash (browsers drop or turn them). Empty is safe. */
bool html_url_is_safe(struct str url);
