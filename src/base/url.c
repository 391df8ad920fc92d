#include "tkeauth/base/encoding.h"

static bool scheme_is_valid(struct str scheme) {
    if (scheme.len == 0 || !ascii_is_alpha(scheme.ptr[0]))
        return false;
    for (size_t i = 0; i < scheme.len; i++) {
        char c = scheme.ptr[i];
        if (!ascii_is_alnum(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

/* A browser and a server must not read the same bytes as two different hosts, so odd characters are refused. */
static bool has_odd_character(struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>' || c == '^' || c == '`' ||
            c == '{' || c == '|' || c == '}')
            return true;
    }
    return false;
}

static bool host_is_valid(struct str host) {
    bool literal = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    struct str inner = literal ? str_sub(host, 1, host.len - 2) : host;
    for (size_t i = 0; i < inner.len; i++) {
        char c = inner.ptr[i];
        bool ok = literal ? ascii_is_alnum(c) || c == ':' || c == '.'
                          : ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '%';
        if (!ok)
            return false;
    }
    return inner.len > 0;
}

static enum err_code parse_authority(struct str authority, struct url *url, struct err *err) {
    size_t at = str_rfind(authority, '@');
    if (at < authority.len) {
        url->has_userinfo = true;
        url->userinfo = str_sub(authority, 0, at);
        authority = str_from(authority, at + 1);
    }
    size_t bracket = str_rfind(authority, ']');
    size_t from = bracket < authority.len ? bracket : 0;
    size_t colon = str_find(str_from(authority, from), ':') + from;
    url->host = str_sub(authority, 0, colon);
    url->port = str_from(authority, colon < authority.len ? colon + 1 : authority.len);
    uint64_t port = 0;
    if (colon < authority.len && parse_u64(url->port, 1, 65535, &port, err) != ERR_OK)
        return err_set(err, ERR_INVALID, "a bad port in a URL");
    if ((authority.len > 0 || url->has_userinfo) && !host_is_valid(url->host))
        return err_set(err, ERR_INVALID, "a bad host in a URL");
    return ERR_OK;
}

enum err_code url_parse(struct str in, struct url *ret, struct err *err) {
    struct url url = { 0 };
    struct str rest = STR_NULL;
    if (has_odd_character(in))
        return err_set(err, ERR_INVALID, "a character that a URL must not hold");
    if (!str_cut(in, ':', &url.scheme, &rest) || !scheme_is_valid(url.scheme))
        return err_set(err, ERR_INVALID, "a URL without a scheme");
    url.has_fragment = str_cut(rest, '#', &rest, &url.fragment);
    url.has_query = str_cut(rest, '?', &rest, &url.query);
    if (str_starts_with(rest, STR("//"))) {
        url.has_authority = true;
        struct str authority = str_from(rest, 2);
        size_t slash = str_find(authority, '/');
        rest = str_from(authority, slash);
        enum err_code rc = parse_authority(str_sub(authority, 0, slash), &url, err);
        if (rc != ERR_OK)
            return rc;
    }
    url.path = rest;
    *ret = url;
    return ERR_OK;
}

bool url_host_is_loopback(struct str host) {
    return str_eq(host, STR("127.0.0.1")) || str_eq(host, STR("[::1]")) ||
           str_eq_nocase(host, STR("localhost"));
}

enum err_code url_check_redirect(struct str uri, bool plain_http_ok, struct err *err) {
    struct url url;
    if (uri.len > REDIRECT_URI_MAX)
        return err_set(err, ERR_INVALID, "a redirect URI over %d bytes", REDIRECT_URI_MAX);
    if (url_parse(uri, &url, err) != ERR_OK)
        return err_context(err, "a redirect URI");
    if (url.has_fragment) /* RFC 6749 3.1.2 */
        return err_set(err, ERR_INVALID, "a redirect URI must not have a fragment (#...)");
    if (url.has_userinfo)
        return err_set(err, ERR_INVALID, "a redirect URI must not have user information (...@)");
    bool is_http = str_eq_nocase(url.scheme, STR("http"));
    if (is_http || str_eq_nocase(url.scheme, STR("https"))) {
        if (url.host.len == 0)
            return err_set(err, ERR_INVALID, "a redirect URI without a host");
        if (is_http && !plain_http_ok && !url_host_is_loopback(url.host))
            return err_set(err, ERR_INVALID,
                           "a redirect URI must use https (http only on 127.0.0.1, [::1] or localhost)");
        return ERR_OK;
    }
    /* RFC 8252 7.1: the reverse of a domain name that the app's maker owns. Words without a dot (javascript, data, urn,
     * myapp) are anybody's. */
    if (str_find(url.scheme, '.') == url.scheme.len)
        return err_set(
            err, ERR_INVALID,
            "a redirect URI must use https, or a private-use scheme with a dot in it (com.example.app:/x)");
    if (url.path.len == 0 && url.host.len == 0)
        return err_set(err, ERR_INVALID, "a redirect URI that names nothing behind its scheme");
    return ERR_OK;
}
