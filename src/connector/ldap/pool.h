/* Connections that are kept: a login then costs two messages instead of two handshakes. Knows several servers with the same
 * content, leaves a failing one alone for a while, and bounds how many logins are under way. Any thread. */
#pragma once
#include "connector/ldap/conn.h"
#include "tkeauth/log.h"

enum ldap_purpose {
    LDAP_FOR_SERVICE, /* bound as the searching account */
    LDAP_FOR_USERS,   /* bound as whoever came last: for binds only */
};
enum { LDAP_PURPOSES = 2 };

struct ldap_pool;
struct ldap_pool_options {
    const struct ldap_config *config; /* outlives the pool, as everything here */
    const struct ldap_host *hosts;    /* copied; the names are not */
    size_t host_count;
    struct ldap_tls *tls; /* NULL: plain */
    const struct clock *clock;
    struct log *log;
    struct metrics *metrics;
    const char *id; /* the connector's, for log and metrics */
};
MUST_CHECK enum err_code ldap_pool_new(const struct ldap_pool_options *o, struct ldap_pool **ret,
                                       struct err *err);
/* Nobody may be inside any more. */
void ldap_pool_free(struct ldap_pool *p);
DEFINE_AUTO_FREE(ldap_pool_free, struct ldap_pool);

/* One login is one visit; at most poolSize at a time. ERR_UNAVAILABLE: no place became free by the deadline. */
MUST_CHECK enum err_code ldap_pool_enter(struct ldap_pool *p, int64_t deadline_mono_ms, struct err *err);
void ldap_pool_leave(struct ldap_pool *p);
/* A listing is many requests: at most a quarter of poolSize of them, and at least one, are under way at a time. It visits for
 * one request after the other, each time behind all logins that wait, so that no login waits for more than a page of it.
 * ERR_UNAVAILABLE as above. */
MUST_CHECK enum err_code ldap_pool_begin_listing(struct ldap_pool *p, int64_t deadline_mono_ms,
                                                 struct err *err);
void ldap_pool_end_listing(struct ldap_pool *p);
/* Ends with ldap_pool_leave. */
MUST_CHECK enum err_code ldap_pool_enter_behind(struct ldap_pool *p, int64_t deadline_mono_ms,
                                                struct err *err);

struct ldap_lease {
    struct ldap_conn *conn;
    enum ldap_purpose purpose;
    size_t server;
    bool reused; /* it was idle before: the server may have dropped it unseen */
    int64_t idle_since_ms;
};
/* A connection of that purpose, kept or new (always new with `fresh`), from the first server that is not being left alone.
 * ERR_UNAVAILABLE (at once while every server is left alone), ERR_TIMEOUT. */
MUST_CHECK enum err_code ldap_pool_take(struct ldap_pool *p, enum ldap_purpose purpose, bool fresh,
                                        int64_t deadline_mono_ms, struct ldap_lease *ret, struct err *err);
/* Takes the connection back: kept when it is sound and there is room. `timed_out`: the server owed an answer. */
void ldap_pool_give(struct ldap_pool *p, struct ldap_lease *lease, bool timed_out);

/* ERR_OK when the last contact went well, or there was none yet. No I/O. */
MUST_CHECK enum err_code ldap_pool_health(const struct ldap_pool *p, struct err *err);
