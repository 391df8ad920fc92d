#include "http/origin.h"

/* "https://host:443" and Host "host" are the same place. */
static struct str without_default_port(struct str authority, struct str scheme) {
    struct str port = str_eq_nocase(scheme, STR("https")) ? STR(":443") : STR(":80");
    return str_ends_with(authority, port) ? str_sub(authority, 0, authority.len - port.len) : authority;
}

bool origin_is_same_site(const struct origin_headers *h) {
    if (h->sec_fetch_site.ptr != NULL)
        return str_eq(h->sec_fetch_site, STR("same-origin")) || str_eq(h->sec_fetch_site, STR("none"));
    if (h->origin.ptr == NULL)
        return true; /* curl and the like: no cookie of a victim is at stake */
    struct str scheme, authority;
    if (!str_cut(h->origin, ':', &scheme, &authority) || !str_starts_with(authority, STR("//")))
        return false;
    authority = without_default_port(str_from(authority, 2), scheme);
    return authority.len > 0 && str_eq_nocase(authority, without_default_port(h->host, scheme));
}

struct str cors_allowed_origin(const struct http_strings *origins, struct str origin) {
    if (origin.len == 0)
        return STR_NULL;
    for (size_t i = 0; i < origins->len; i++) {
        if (str_eq(str_of(origins->items[i]), STR("*")))
            return STR("*");
        if (str_eq(str_of(origins->items[i]), origin))
            return str_of(origins->items[i]);
    }
    return STR_NULL;
}
