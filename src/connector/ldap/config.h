/* The configuration of an LDAP connector: the keys of ldap.json and of dex's LDAP connector. */
#pragma once
#include "tkeauth/config.h"

enum ldap_scope_choice { LDAP_SCOPE_CHOICE_SUB, LDAP_SCOPE_CHOICE_ONE };

struct ldap_matcher_config {
    const char *user_attr, *group_attr, *recursion_group_attr;
};
struct ldap_user_search_config {
    const char *base_dn, *filter;
    struct cfg_strings username; /* attributes; one is enough to match */
    int scope;                   /* enum ldap_scope_choice */
    const char *id_attr, *email_attr, *email_suffix, *name_attr, *preferred_username_attr;
};
struct ldap_group_search_config {
    const char *base_dn, *filter, *name_attr;
    int scope;
    struct cfg_list user_matchers;                             /* struct ldap_matcher_config */
    const char *user_attr, *group_attr, *recursion_group_attr; /* the older, single matcher */
    int64_t max_depth, max_groups;
};
struct ldap_config {
    const char *host;
    struct cfg_strings hosts;
    bool insecure_no_ssl, start_tls, insecure_skip_verify;
    const char *root_ca, *root_ca_data, *client_cert, *client_key;
    const char *bind_dn;
    struct secret bind_pw;
    const char *username_prompt;
    struct ldap_user_search_config user_search;
    struct ldap_group_search_config group_search;
    struct ldap_kerberos_config {
        bool enabled;
    } kerberos;
    int64_t connect_timeout_s, request_timeout_s, idle_timeout_s, pool_size;
};
extern const struct cfg_field ldap_config_fields[];

/* What the field table cannot know: filters, DNs, attribute names, hosts, files, pairs of keys. Reads the CA and client
 * certificate files; contacts nobody. */
void ldap_config_check(const void *config, struct cfg_problems *problems, const struct cfg_node *node);

struct ldap_host {
    const char *name; /* without brackets; in the arena */
    uint16_t port;
};
/* "name", "name:port", "[v6]:port", "[v6]"; `port` stays when none is given. ERR_INVALID says what is wrong. */
MUST_CHECK enum err_code ldap_host_parse(struct arena *a, struct str text, uint16_t default_port,
                                         struct ldap_host *ret, struct err *err);
uint16_t ldap_default_port(const struct ldap_config *c); /* 389, or 636 for LDAPS */
