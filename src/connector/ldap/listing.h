/* What listings of users and of groups have in common: pages, the limit, where to go on. */
#pragma once
#include "connector/ldap/pages.h"

/* A session: of many requests, with a connection of its own in `held`; or, with NULL, of one. Ends with ldap_listing_end,
 * also after an error. */
MUST_CHECK enum err_code ldap_listing_begin(struct ldap_session *s, struct ldap_held *held,
                                            struct connector *c, const struct directory_query *q,
                                            struct err *err);
void ldap_listing_end(struct ldap_session *s);

enum ldap_use {
    LDAP_USE,
    LDAP_USE_OTHER,    /* not what was asked for */
    LDAP_USE_NAMELESS, /* it has no name that can be told: the log will say how many had none */
};
struct ldap_listing {
    struct ldap_pages pages; /* s, what, may_lack_base and query are filled in */
    size_t batch_max;
    /* Is this entry to be told of? Asked before `give`, and about one entry more than the limit. */
    enum ldap_use (*use)(void *ctx, struct ldap_session *s, const struct ldap_entry *e);
    /* Tells of it. `*ret_again`: pages of another search were read on the connection; this entry comes again. */
    enum err_code (*give)(void *ctx, struct ldap_session *s, const struct ldap_entry *e, bool *ret_again);
    void *ctx;

    /* Ours. */
    size_t given, nameless;
    bool more;
};
/* `*ret_next` as connector.h has it, in `a`. */
MUST_CHECK enum err_code ldap_listing_run(struct ldap_listing *l, const struct directory_query *q,
                                          struct arena *a, struct str *ret_next);
/* "(&<configured><conditions>)", or what there is of both; in `a`. ERR_LIMIT: too long. */
MUST_CHECK enum err_code ldap_listing_filter(struct arena *a, const char *configured,
                                             const struct strbuf *conditions, const char **ret,
                                             struct err *err);
/* A value that can be a name: UTF-8 without control characters, not only blanks, `max` bytes at most. */
bool ldap_name_ok(struct str value, size_t max);
/* The one entry of `q` whose name is `id`, letter case aside: the directory also finds it by a second value, or another attribute.
 * ERR_NOT_FOUND: "no such <what>". ERR_UNAVAILABLE: several. */
MUST_CHECK enum err_code
ldap_listing_find(struct ldap_session *s, struct ldap_query *q, const char *what, struct str id,
                  struct str (*name_of)(const struct ldap_dir *, const struct ldap_entry *),
                  struct ldap_entry **ret);
