#include "web/html.h"

static bool is_blank(char ch) { return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r'; }

static bool name_push(char *name, char ch) {
    size_t len = strlen(name);
    if (len == HTML_NAME_MAX)
        return false;
    name[len] = ascii_lower(ch);
    name[len + 1] = '\0';
    return true;
}

static const char *end_of_tag(struct html_cursor *c) {
    bool script = strcmp(c->tag, "script") == 0;
    if (strcmp(c->tag, "style") == 0)
        return "inline styles are blocked by the Content-Security-Policy: use a static file";
    c->in_script = script && !c->closing;
    c->place = HTML_TEXT;
    return NULL;
}

static const char *after_open(struct html_cursor *c, char ch) {
    c->closing = ch == '/';
    if (c->closing) {
        c->place = HTML_NAME;
        return NULL;
    }
    if (c->in_script)
        return "inline script is blocked by the Content-Security-Policy: use a static file";
    if (ch == '!') {
        c->place = HTML_MARKUP;
        return NULL;
    }
    if (!ascii_is_alpha(ch))
        return "a bare '<': write &lt;";
    c->place = HTML_NAME;
    (void)name_push(c->tag, ch);
    return NULL;
}

static const char *in_tag(struct html_cursor *c, char ch) {
    if (is_blank(ch) || ch == '/') {
        c->place = HTML_TAG;
        return NULL;
    }
    if (ch == '>')
        return end_of_tag(c);
    if (ch == '"' || ch == '\'' || ch == '<' || (ch == '=' && c->place == HTML_TAG))
        return "an attribute must be written as name=\"value\"";
    if (c->place == HTML_TAG) {
        c->attribute[0] = '\0';
        c->place = HTML_ATTRIBUTE;
    }
    if (ch == '=') {
        if (strcmp(c->attribute, "style") == 0 || strncmp(c->attribute, "on", 2) == 0)
            return "style and on... attributes are blocked by the Content-Security-Policy";
        c->place = HTML_EQUALS;
        return NULL;
    }
    return name_push(c->attribute, ch) ? NULL : "an attribute name that long";
}

static const char *step(struct html_cursor *c, char ch) {
    switch (c->place) {
    case HTML_TEXT:
        if (ch == '<') {
            c->place = HTML_OPEN;
            c->tag[0] = '\0';
            c->closing = false;
        } else if (c->in_script && !is_blank(ch))
            return "inline script is blocked by the Content-Security-Policy: use a static file";
        return NULL;
    case HTML_OPEN: return after_open(c, ch);
    case HTML_NAME:
        if (is_blank(ch) || ch == '/' || ch == '>')
            return in_tag(c, ch);
        if (!ascii_is_alnum(ch) && ch != '-')
            return "a tag name of letters and digits is expected";
        return name_push(c->tag, ch) ? NULL : "a tag name that long";
    case HTML_TAG:
    case HTML_ATTRIBUTE: return in_tag(c, ch);
    case HTML_EQUALS:
        if (ch != '"')
            return "an attribute value must stand in double quotes";
        c->place = HTML_VALUE;
        c->value_started = false;
        return NULL;
    case HTML_VALUE:
        if (ch == '"')
            c->place = HTML_TAG;
        else
            c->value_started = true;
        return NULL;
    case HTML_MARKUP:
        if (ch == '-')
            return "write comments as {{! ... }}, which visitors do not see";
        if (ch == '>')
            c->place = HTML_TEXT;
        return NULL;
    default: return "not HTML";
    }
}

const char *html_advance(struct html_cursor *c, struct str text, size_t *ret_at) {
    for (size_t i = 0; i < text.len; i++) {
        const char *wrong = step(c, text.ptr[i]);
        if (wrong != NULL) {
            *ret_at = i;
            return wrong;
        }
    }
    return NULL;
}

bool html_same_place(const struct html_cursor *a, const struct html_cursor *b) {
    if (a->place != b->place || a->in_script != b->in_script)
        return false;
    if (a->place == HTML_TEXT)
        return true;
    return strcmp(a->tag, b->tag) == 0 && a->closing == b->closing &&
           (a->place != HTML_VALUE || strcmp(a->attribute, b->attribute) == 0);
}

static bool is_one_of(const char *name, const char *const *names, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

enum html_value_kind html_value_at(const struct html_cursor *c, const char **ret_why) {
    static const char *const urls[] = { "href",   "src",  "action", "formaction",
                                        "poster", "data", "cite",   "xlink:href" };
    /* Lists of URLs, documents and redirects: more than one escape would be needed. */
    static const char *const refused[] = { "srcset", "srcdoc", "ping", "imagesrcset", "http-equiv" };
    if (c->place == HTML_TEXT && !c->in_script)
        return HTML_VALUE_PLAIN;
    if (c->place != HTML_VALUE) {
        *ret_why = "may only stand in text or in a double-quoted attribute value";
        return HTML_VALUE_REFUSED;
    }
    if (is_one_of(c->attribute, refused, ARRAY_LEN(refused))) {
        *ret_why = "may not stand in this attribute";
        return HTML_VALUE_REFUSED;
    }
    return is_one_of(c->attribute, urls, ARRAY_LEN(urls)) && !c->value_started ? HTML_VALUE_URL
                                                                               : HTML_VALUE_PLAIN;
}

/* Length of the well-formed UTF-8 sequence at the start of `s`, 0 if there is none. */
static size_t utf8_length(struct str s) {
    unsigned char lead = (unsigned char)s.ptr[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return n <= s.len && str_is_utf8(str_sub(s, 0, n)) ? n : 0;
}

void html_escape(struct strbuf *out, struct str s) {
    while (s.len > 0) {
        size_t n = utf8_length(s);
        char ch = s.ptr[0];
        bool control = ((unsigned char)ch < 0x20 && !is_blank(ch)) || ch == 0x7f;
        if (n == 0 || control)
            strbuf_add(out, STR("\xef\xbf\xbd"));
        else if (ch == '&')
            strbuf_add(out, STR("&amp;"));
        else if (ch == '<')
            strbuf_add(out, STR("&lt;"));
        else if (ch == '>')
            strbuf_add(out, STR("&gt;"));
        else if (ch == '"')
            strbuf_add(out, STR("&#34;"));
        else if (ch == '\'')
            strbuf_add(out, STR("&#39;"));
        else
            strbuf_add(out, str_sub(s, 0, n));
        s = str_from(s, n ? n : 1);
    }
}

bool html_url_is_safe(struct str url) {
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f || url.ptr[i] == '\\')
            return false;
    if (str_starts_with_nocase(url, STR("https://")) || str_starts_with_nocase(url, STR("http://")))
        return true;
    if (str_starts_with(url, STR("//")))
        return false;
    /* RFC 3986 4.2: a relative reference has no colon in its first segment. */
    for (size_t i = 0; i < url.len; i++) {
        char ch = url.ptr[i];
        if (ch == '/' || ch == '?' || ch == '#')
            return true;
        if (ch == ':')
            return false;
    }
    return true;
}
