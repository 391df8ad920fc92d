#include "http/cookie.h"

struct str cookie_find(struct str header, struct str name) {
    struct str rest = header, pair;
    for (bool more = true; more;) {
        more = str_cut(rest, ';', &pair, &rest);
        struct str key, value;
        if (!str_cut(pair, '=', &key, &value) || !str_eq(str_trim(key), name))
            continue;
        value = str_trim(value);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = str_sub(value, 1, value.len - 2);
        return value.ptr != NULL ? value : STR("");
    }
    return STR_NULL;
}

/* RFC 6265 4.1.1: cookie-octet. */
static bool is_cookie_octet(char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

static bool is_cookie_text(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!is_cookie_octet(s.ptr[i]))
            return false;
    return true;
}

bool cookie_format(const struct http_cookie_spec *cookie, struct strbuf *out) {
    struct str name = str_of(cookie->name), path = str_of(cookie->path),
               same_site = str_of(cookie->same_site);
    if (name.len == 0 || !is_cookie_text(name) || str_find(name, '=') < name.len ||
        !is_cookie_text(cookie->value) || !is_cookie_text(path) || !is_cookie_text(same_site))
        return false;
    strbuf_add(out, name);
    strbuf_addc(out, '=');
    strbuf_add(out, cookie->value);
    if (path.len > 0) {
        strbuf_adds(out, "; Path=");
        strbuf_add(out, path);
    }
    if (cookie->max_age_s > 0)
        strbuf_addf(out, "; Max-Age=%lld", (long long)cookie->max_age_s);
    else if (cookie->max_age_s < 0)
        strbuf_adds(out, "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    if (cookie->http_only)
        strbuf_adds(out, "; HttpOnly");
    if (cookie->secure)
        strbuf_adds(out, "; Secure");
    if (same_site.len > 0) {
        strbuf_adds(out, "; SameSite=");
        strbuf_add(out, same_site);
    }
    return !out->failed;
}
