#include "oidc/redirect_uri.h"

static bool host_is_loopback(struct str host) {
    return str_eq(host, STR("127.0.0.1")) || str_eq(host, STR("[::1]")) || str_eq(host, STR("localhost"));
}

/* Splits off the port of a loopback http URI: the parts before and behind it are what must be equal. */
static bool split_loopback(struct str uri, struct str *ret_host, struct str *ret_rest) {
    struct url url;
    struct err err;
    if (url_parse(uri, &url, &err) != ERR_OK || !str_eq(url.scheme, STR("http")) || url.has_userinfo ||
        !host_is_loopback(url.host))
        return false;
    *ret_host = url.host;
    /* From the path on; an empty path is a place behind the authority. */
    *ret_rest = str_from(uri, (size_t)(url.path.ptr - uri.ptr));
    return true;
}

bool redirect_uri_is_loopback(struct str uri) {
    struct str host, rest;
    return split_loopback(uri, &host, &rest);
}

static bool equal_but_for_port(struct str registered, struct str given) {
    struct str host_a, rest_a, host_b, rest_b;
    return split_loopback(registered, &host_a, &rest_a) && split_loopback(given, &host_b, &rest_b) &&
           str_eq(host_a, host_b) && str_eq(rest_a, rest_b);
}

bool redirect_uri_allowed(const struct client *c, struct str uri) {
    if (uri.len == 0)
        return false;
    for (size_t i = 0; i < c->redirect_uris.len; i++) {
        if (str_eq(c->redirect_uris.items[i], uri))
            return true;
        if (c->is_public && equal_but_for_port(c->redirect_uris.items[i], uri))
            return true;
    }
    return false;
}

void redirect_uri_begin(struct strbuf *out, struct str uri) {
    strbuf_add(out, uri);
    bool has_query = str_find(uri, '?') < uri.len;
    if (!has_query)
        strbuf_addc(out, '?');
    else if (!str_ends_with(uri, STR("?")) && !str_ends_with(uri, STR("&")))
        strbuf_addc(out, '&');
}

void redirect_uri_end(const struct oidc_provider *p, struct strbuf *out, struct str state) {
    if (state.ptr != NULL)
        form_add(out, STR("state"), state);
    form_add(out, STR("iss"), p->issuer);
}
