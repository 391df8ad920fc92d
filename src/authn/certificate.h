/* Whom a client certificate names, and for how long that is known. */
#pragma once
#include "authn/client_ca.h"

struct certificate_cas {
    const struct client_ca *clients, *proxies; /* NULL: none */
    const struct str *proxy_names;             /* common names; none: any */
    size_t proxy_name_count;
};
struct certificate_identity {
    bool is_proxy;            /* of the request-header CA, and one of those allowed */
    bool is_client;           /* names a caller: */
    struct str name;          /* the common name */
    const struct str *groups; /* the organizations */
    size_t group_count;
    const char *
        refusal; /* neither, and this is why it must not be passed over; static text. NULL: it is just not of our CAs */
    int64_t from, until; /* the same for all of [from, until); until 0: ask again each time */
};
/* In `a`. ERR_NOMEM. */
MUST_CHECK enum err_code certificate_identify(struct arena *a, const struct certificate_cas *cas,
                                              struct str der, int64_t now, struct certificate_identity *ret,
                                              struct err *err);

/* Remembers them, so that a certificate is not parsed and verified on each request. Bounded; no locks. */
struct certificate_cache;
MUST_CHECK enum err_code certificate_cache_new(const struct random *random, struct certificate_cache **ret,
                                               struct err *err);
void certificate_cache_free(struct certificate_cache *c);
DEFINE_AUTO_FREE(certificate_cache_free, struct certificate_cache);
/* Copies into `a`. False: not known, or not for `now`. */
bool certificate_cache_find(struct certificate_cache *c, struct arena *a, struct str der, int64_t now,
                            struct certificate_identity *ret);
/* Copies. */
void certificate_cache_put(struct certificate_cache *c, struct str der, int64_t now,
                           const struct certificate_identity *identity);
