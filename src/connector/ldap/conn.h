/* One connection to a directory: libldap's protocol over our own stream and TLS, every wait with a deadline. One thread at a
 * time. After any error the connection is of no more use (ldap_conn_is_broken) and must be freed. */
#pragma once
#include "connector/ldap/entry.h"
#include "connector/ldap/tls.h"
#include "connector/ldap/verdict.h"

struct ldap_target {
    const char *host;
    uint16_t port;
    struct ldap_tls *tls; /* NULL: plain */
    bool start_tls;
    struct ldap_resolver *resolver;
    const struct clock *clock;
};
struct ldap_conn;
/* Before the first connection, on the thread that loads configurations: libldap sets its global options up at first use without a
 * lock that later readers take, so that two first logins at once would race. Harmless to repeat. */
void ldap_conn_init_library(void);
/* ERR_UNAVAILABLE or ERR_TIMEOUT, with host and stage in the detail. */
MUST_CHECK enum err_code ldap_conn_open(const struct ldap_target *target, int64_t deadline_mono_ms,
                                        struct ldap_conn **ret, struct err *err);
void ldap_conn_free(struct ldap_conn *c);
DEFINE_AUTO_FREE(ldap_conn_free, struct ldap_conn);

bool ldap_conn_is_broken(const struct ldap_conn *c);
/* The server closed the connection before it answered: with another one the same request may work. */
bool ldap_conn_is_lost(const struct ldap_conn *c);
/* Nothing has happened on it while it was idle (a server says good-bye, or just closes). One system call. */
bool ldap_conn_is_quiet(const struct ldap_conn *c);

/* A simple bind (RFC 4513 5.1). ERR_OK whenever the server answered; the answer's text lives in `a`. A connection may be bound
 * again and again. `password` must not be empty with a DN: the server would call that a success (5.1.2). */
MUST_CHECK enum err_code ldap_conn_bind(struct ldap_conn *c, struct arena *a, struct str dn,
                                        struct str password, int64_t deadline_mono_ms,
                                        struct ldap_bind_reply *ret, struct err *err);

/* What to do with an entry, by its DN. */
enum ldap_wish {
    LDAP_WISH_KEEP,
    LDAP_WISH_PASS,   /* not this one */
    LDAP_WISH_ENOUGH, /* nor any after it: what is still on its way is lost with the connection */
};
struct ldap_query {
    const char *base;
    int scope; /* LDAP_SCOPE_* */
    const char *filter;
    const char *const *attrs; /* NULL-terminated */
    size_t size_limit;        /* told to the server; 0: its own */
    size_t page_size;         /* RFC 2696 paging, followed to the end; 0: none */
    size_t entries_max;       /* more of them are result 4, whatever the server says */
    size_t values_max;        /* of one attribute that are kept (ldap_attr.cut); 0: LDAP_VALUES_MAX */
    /* One page only. In: where it begins (empty: at the start); out: where the next one does (empty: there is none, or the
     * server knows no paging). Good for the next search on the same connection. NULL: all pages. */
    struct strbuf *cookie;
    enum ldap_wish (*wish)(void *wish_ctx, struct str dn); /* NULL: all are kept */
    void *wish_ctx;
};
struct ldap_reply {
    int code;
    struct str diagnostic, matched;
    struct ldap_entry **entries;
    size_t len;
    size_t references; /* to other servers: not followed */
    bool enough;       /* LDAP_WISH_ENOUGH was said; `code` is then 0 */
};
/* ERR_OK whenever the server answered: look at `code`. Everything in `a`. */
MUST_CHECK enum err_code ldap_conn_search(struct ldap_conn *c, struct arena *a, const struct ldap_query *q,
                                          int64_t deadline_mono_ms, struct ldap_reply *ret, struct err *err);
