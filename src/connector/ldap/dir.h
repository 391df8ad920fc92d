/* The directory as one connector sees it: what its configuration means, and the searches that follow from it. */
#pragma once
#include "connector/ldap/config.h"
#include "connector/ldap/pool.h"
#include "tkeauth/connector.h"

/* How a group names its members, by one of userMatchers. */
struct ldap_member_rule {
    const char
        *values; /* attribute of the group; NULL: a matching rule that names none, so that nobody can tell */
    const char *nested;    /* attribute that holds the DNs of groups whose members count, too; NULL: none */
    const char *user_attr; /* the users' attribute with the same value; NULL: their DN */
    bool is_login;         /* the values are login names */
};

struct ldap_dir {
    const struct ldap_config *config;
    const struct connector_env *env;
    const char *id; /* of the connector */
    struct ldap_tls *tls;
    struct ldap_pool *pool;
    struct arena *prepared;                 /* holds what follows */
    const char *user_filter, *group_filter; /* as RFC 4515 spells them; NULL: none */
    const char *const *user_attrs, *const *group_attrs;
    const struct ldap_matcher_config *matchers;
    size_t matcher_count;
    /* For listings. */
    const char *const *person_attrs;      /* what a directory_user is made of */
    const char *const *index_attrs;       /* what members are told by */
    const char *const *member_attrs;      /* of a group, its name included */
    const struct ldap_member_rule *rules; /* one for each matcher */
    bool nests;                           /* a rule has `nested` */
};

/* A connection kept over several requests: pages belong to the connection they began on. */
struct ldap_held {
    struct ldap_lease lease;
    bool timed_out;
};

/* One login, refresh or look-up under way. */
struct ldap_session {
    struct ldap_dir *dir;
    struct arena *a; /* for what the directory answers; gone at the end */
    int64_t deadline_mono_ms;
    const char *request_id;
    struct strbuf *trace; /* NULL, or what `tke-auth ldap search` prints */
    struct ldap_held *
        held; /* NULL: a connection for each request, inside of a visit. Else this one, and each request is a visit */
    struct err *err;
};

/* Runs `q` as the searching account; once more when the server had dropped the kept connection. */
MUST_CHECK enum err_code ldap_dir_search(struct ldap_session *s, const struct ldap_query *q,
                                         struct ldap_reply *ret);
/* Gives the held connection back, if there is one. */
void ldap_dir_let_go(struct ldap_session *s);
/* ERR_UNAVAILABLE with the result code, what the server said, and a hint. */
enum err_code ldap_dir_result_error(struct ldap_session *s, const char *what, const struct ldap_reply *r);
int ldap_dir_scope(int choice); /* enum ldap_scope_choice -> LDAP_SCOPE_* */
/* Binds as a user. */
MUST_CHECK enum err_code ldap_dir_bind(struct ldap_session *s, struct str dn, struct str password,
                                       struct ldap_bind_reply *ret);

/* The entry of the person who typed `username`. NULL: there is none. ERR_UNAVAILABLE: more than one, or the directory says no. */
MUST_CHECK enum err_code ldap_dir_find_user(struct ldap_session *s, struct str username,
                                            const struct ldap_entry **ret);
/* The entry with `id` (raw bytes) in idAttr, still matched by filter and scope; of several the one at `dn`. NULL: gone. */
MUST_CHECK enum err_code ldap_dir_find_by_id(struct ldap_session *s, struct str id, struct str dn,
                                             const struct ldap_entry **ret);
/* The names of the user's groups, without duplicates, in `out`. */
MUST_CHECK enum err_code ldap_dir_find_groups(struct ldap_session *s, const struct ldap_entry *user,
                                              struct arena *out, struct str_list *ret);
/* Entry -> identity, in `out`. ERR_UNAVAILABLE names every attribute that is missing. */
MUST_CHECK enum err_code ldap_dir_identity(struct ldap_session *s, const struct ldap_entry *user,
                                           struct str typed, struct arena *out, struct identity *ret);
/* The raw bytes of the user's id; the entry must have it. */
struct str ldap_dir_user_id(const struct ldap_dir *d, const struct ldap_entry *user);

enum err_code ldap_connector_login(struct connector *c, struct arena *a, const struct login *login,
                                   enum login_outcome *ret, struct identity *ret_identity, struct err *err);
enum err_code ldap_connector_refresh(struct connector *c, struct arena *a, const struct identity *old,
                                     bool want_groups, int64_t deadline_mono_ms, enum refresh_outcome *ret,
                                     struct identity *ret_identity, struct err *err);
enum err_code ldap_connector_list_users(struct connector *c, struct arena *a, const struct directory_query *q,
                                        enum err_code (*each)(void *ctx, const struct directory_user *u,
                                                              struct err *err),
                                        void *ctx, struct str *ret_next, struct err *err);
enum err_code
ldap_connector_list_groups(struct connector *c, struct arena *a, const struct directory_query *q,
                           enum err_code (*each)(void *ctx, const struct directory_group *g, struct err *err),
                           void *ctx, struct str *ret_next, struct err *err);
enum err_code ldap_connector_get_user(struct connector *c, struct arena *a, struct str id,
                                      const struct directory_query *q, struct directory_user *ret,
                                      struct err *err);
enum err_code ldap_connector_get_group(struct connector *c, struct arena *a, struct str id,
                                       const struct directory_query *q, struct directory_group *ret,
                                       struct err *err);
