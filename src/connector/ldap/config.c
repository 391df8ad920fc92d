#include "connector/ldap/config.h"
#include "connector/ldap/dn.h"
#include "connector/ldap/filter.h"
#include "connector/ldap/limits.h"
#include "connector/ldap/tls.h"
#include <arpa/inet.h>

static const char *const scopes[] = { "sub", "one", NULL };

#define AT(member) offsetof(struct ldap_matcher_config, member)
static const struct cfg_field matcher_fields[] = {
    { .key = "userAttr",
      .type = CFG_STRING,
      .offset = AT(user_attr),
      .flags = CFG_REQUIRED,
      .help = "Attribute of the user whose values the groups hold; DN is the entry's own name." },
    { .key = "groupAttr",
      .type = CFG_STRING,
      .offset = AT(group_attr),
      .flags = CFG_REQUIRED,
      .help = "Attribute of the group that holds them." },
    { .key = "recursionGroupAttr",
      .type = CFG_STRING,
      .offset = AT(recursion_group_attr),
      .help = "Attribute by which a group holds other groups' DNs: their groups count, too." },
    { .type = CFG_END },
};
#undef AT

#define AT(member) offsetof(struct ldap_user_search_config, member)
static const struct cfg_field user_search_fields[] = {
    { .key = "baseDN",
      .type = CFG_STRING,
      .offset = AT(base_dn),
      .flags = CFG_REQUIRED,
      .help = "Where users are searched, e.g. ou=People,dc=example,dc=com." },
    { .key = "filter",
      .type = CFG_STRING,
      .offset = AT(filter),
      .help = "Which entries are users, e.g. (objectClass=person)." },
    { .key = "username",
      .type = CFG_STRINGS,
      .offset = AT(username),
      .flags = CFG_REQUIRED,
      .help = "Attribute, or list of attributes, the typed name is compared with." },
    { .key = "scope",
      .type = CFG_ENUM,
      .offset = AT(scope),
      .fallback = "sub",
      .choices = scopes,
      .help = "sub: the whole tree below baseDN; one: one level." },
    { .key = "idAttr",
      .type = CFG_STRING,
      .offset = AT(id_attr),
      .fallback = "uid",
      .help = "Attribute that identifies the user for ever (entryUUID, objectGUID, uid); DN is the entry's "
              "name." },
    { .key = "emailAttr",
      .type = CFG_STRING,
      .offset = AT(email_attr),
      .help = "Attribute of the e-mail address; must then be there. Not given: mail, if the entry has it." },
    { .key = "emailSuffix",
      .type = CFG_STRING,
      .offset = AT(email_suffix),
      .help = "Instead of emailAttr: the address is the user's name (nameAttr) @ this." },
    { .key = "nameAttr",
      .type = CFG_STRING,
      .offset = AT(name_attr),
      .help = "Attribute of the claim `name`; must then be there. Not given: the login name." },
    { .key = "preferredUsernameAttr",
      .type = CFG_STRING,
      .offset = AT(preferred_username_attr),
      .help = "Attribute of the claim `preferred_username`; must then be there. Not given: as `name`." },
    { .type = CFG_END },
};
#undef AT

#define AT(member) offsetof(struct ldap_group_search_config, member)
static const struct cfg_field group_search_fields[] = {
    { .key = "baseDN",
      .type = CFG_STRING,
      .offset = AT(base_dn),
      .help = "Where groups are searched. Not given: no groups." },
    { .key = "filter",
      .type = CFG_STRING,
      .offset = AT(filter),
      .help = "Which entries are groups, e.g. (objectClass=groupOfNames)." },
    { .key = "scope",
      .type = CFG_ENUM,
      .offset = AT(scope),
      .fallback = "sub",
      .choices = scopes,
      .help = "sub: the whole tree below baseDN; one: one level." },
    { .key = "nameAttr",
      .type = CFG_STRING,
      .offset = AT(name_attr),
      .help = "Attribute of the group's name. Needed with baseDN." },
    { .key = "userMatchers",
      .type = CFG_LIST,
      .offset = AT(user_matchers),
      .fields = matcher_fields,
      .elem_size = sizeof(struct ldap_matcher_config),
      .help = "How users and groups belong together; several ways are added up." },
    { .key = "userAttr",
      .type = CFG_STRING,
      .offset = AT(user_attr),
      .help = "Older form of one userMatchers entry." },
    { .key = "groupAttr",
      .type = CFG_STRING,
      .offset = AT(group_attr),
      .help = "Older form of one userMatchers entry." },
    { .key = "recursionGroupAttr",
      .type = CFG_STRING,
      .offset = AT(recursion_group_attr),
      .help = "Older form of one userMatchers entry." },
    { .key = "maxDepth",
      .type = CFG_INT,
      .offset = AT(max_depth),
      .fallback = "64",
      .min = 1,
      .max = 1000,
      .help = "How deep groups may lie in groups; deeper ends the login with an error." },
    { .key = "maxGroups",
      .type = CFG_INT,
      .offset = AT(max_groups),
      .fallback = "10000",
      .min = 1,
      .max = 100000,
      .help = "How many groups one user may have; more ends the login with an error." },
    { .type = CFG_END },
};
#undef AT

static const struct cfg_field kerberos_fields[] = {
    { .key = "enabled",
      .type = CFG_BOOL,
      .offset = offsetof(struct ldap_kerberos_config, enabled),
      .help = "Must be false: people log in with their password." },
    { .key = "keytabPath", .type = CFG_IGNORED },
    { .key = "spn", .type = CFG_IGNORED },
    { .key = "keytabPrincipal", .type = CFG_IGNORED },
    { .key = "maxClockSkew", .type = CFG_IGNORED },
    { .key = "expectedRealm", .type = CFG_IGNORED },
    { .key = "usernameFromPrincipal", .type = CFG_IGNORED },
    { .key = "fallbackToPassword", .type = CFG_IGNORED },
    { .type = CFG_END },
};

#define AT(member) offsetof(struct ldap_config, member)
const struct cfg_field ldap_config_fields[] = {
    { .key = "host",
      .type = CFG_STRING,
      .offset = AT(host),
      .help = "host or host:port of the directory. Port 636, or 389 with startTLS or insecureNoSSL." },
    { .key = "hosts",
      .type = CFG_STRINGS,
      .offset = AT(hosts),
      .help = "Further servers with the same content: the first that answers is used." },
    { .key = "insecureNoSSL",
      .type = CFG_BOOL,
      .offset = AT(insecure_no_ssl),
      .help = "Speak without TLS. Passwords cross the network readable: for tests and loopback." },
    { .key = "startTLS",
      .type = CFG_BOOL,
      .offset = AT(start_tls),
      .help = "Begin without TLS and switch over (RFC 4511 4.14), instead of LDAPS." },
    { .key = "insecureSkipVerify",
      .type = CFG_BOOL,
      .offset = AT(insecure_skip_verify),
      .help = "Do not check the server's certificate." },
    { .key = "rootCA",
      .type = CFG_STRING,
      .offset = AT(root_ca),
      .help = "File of the CA certificates (PEM). Not given: the system's." },
    { .key = "rootCAData",
      .type = CFG_STRING,
      .offset = AT(root_ca_data),
      .help = "The CA certificates themselves, base64 of PEM; wins over rootCA." },
    { .key = "clientCert",
      .type = CFG_STRING,
      .offset = AT(client_cert),
      .help = "File of our certificate (PEM), when the directory asks for one." },
    { .key = "clientKey", .type = CFG_STRING, .offset = AT(client_key), .help = "File of its key (PEM)." },
    { .key = "bindDN",
      .type = CFG_STRING,
      .offset = AT(bind_dn),
      .help = "The account that searches. Not given: anonymous." },
    { .key = "bindPW", .type = CFG_SECRET, .offset = AT(bind_pw), .help = "Its password." },
    { .key = "usernamePrompt",
      .type = CFG_STRING,
      .offset = AT(username_prompt),
      .help = "What the login page calls the user name." },
    { .key = "userSearch",
      .type = CFG_TABLE,
      .offset = AT(user_search),
      .flags = CFG_REQUIRED,
      .fields = user_search_fields,
      .help = "How a login name becomes an entry, and an entry a user." },
    { .key = "groupSearch",
      .type = CFG_TABLE,
      .offset = AT(group_search),
      .fields = group_search_fields,
      .help = "How a user's groups are found." },
    { .key = "kerberos",
      .type = CFG_TABLE,
      .offset = AT(kerberos),
      .fields = kerberos_fields,
      .help = "dex's SPNEGO login: not supported." },
    { .key = "connectTimeout",
      .type = CFG_DURATION_S,
      .offset = AT(connect_timeout_s),
      .fallback = "5s",
      .min = 1,
      .max = 60,
      .help = "For TCP, TLS and the bind of one server." },
    { .key = "requestTimeout",
      .type = CFG_DURATION_S,
      .offset = AT(request_timeout_s),
      .fallback = "10s",
      .min = 1,
      .max = 120,
      .help = "For one search or bind." },
    { .key = "idleTimeout",
      .type = CFG_DURATION_S,
      .offset = AT(idle_timeout_s),
      .fallback = "60s",
      .min = 1,
      .max = 3600,
      .help = "A connection not used for so long is not used again." },
    { .key = "poolSize",
      .type = CFG_INT,
      .offset = AT(pool_size),
      .fallback = "16",
      .min = 1,
      .max = 256,
      .help = "Logins that may be under way at a time; as many connections of each kind are kept." },
    { .type = CFG_END },
};
#undef AT

/* ---- hosts ---- */

uint16_t ldap_default_port(const struct ldap_config *c) {
    return c->insecure_no_ssl || c->start_tls ? 389 : 636;
}

static bool host_chars_ok(struct str host, bool v6) {
    if (host.len == 0 || host.len > 253)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '.' && c != '_' && !(v6 && c == ':'))
            return false;
    }
    return true;
}

enum err_code ldap_host_parse(struct arena *a, struct str text, uint16_t default_port, struct ldap_host *ret,
                              struct err *err) {
    struct str host = text, port = STR_NULL;
    bool v6 = str_starts_with(text, STR("["));
    if (str_contains(text, STR("://")))
        return err_set(err, ERR_INVALID, "write host or host:port, without ldap:// or ldaps://");
    if (v6) {
        size_t end = str_find(text, ']');
        host = str_sub(text, 1, end - 1);
        port = str_from(text, end + 1);
        if (end == text.len || (port.len > 0 && port.ptr[0] != ':'))
            return err_set(err, ERR_INVALID, "an IPv6 address looks like [2001:db8::1]:636");
        port = str_from(port, 1);
    } else {
        (void)str_cut(text, ':', &host, &port);
    }
    if (!host_chars_ok(host, v6))
        return err_set(err, ERR_INVALID, "\"%.*s\" is no host name or address",
                       STR_FMT(str_sub(host, 0, 80)));
    uint64_t number = default_port;
    if (host.len != text.len && !(v6 && port.len == 0) && parse_u64(port, 1, 65535, &number, err) != ERR_OK)
        return err_set(err, ERR_INVALID, "\"%.*s\" is no port", STR_FMT(str_sub(port, 0, 16)));
    *ret = (struct ldap_host) { arena_strdup(a, host), (uint16_t)number };
    return ret->name != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
}

/* ---- checks ---- */

struct checker {
    struct cfg_problems *problems;
    const struct cfg_node *node, *users, *groups;
};

static void check_filter(struct checker *k, const struct cfg_node *n, const char *filter) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(LDAP_FILTER_MAX);
    struct err err = { 0 };
    if (filter != NULL && ldap_filter_parse(str_of(filter), &out, &err) != ERR_OK)
        cfg_problem_at(k->problems, n, "filter", "not a search filter (RFC 4515): %s", err.detail);
}

static void check_dn(struct checker *k, const struct cfg_node *n, const char *key, const char *dn) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(4 * LDAP_DN_MAX);
    struct err err = { 0 };
    if (dn != NULL && ldap_dn_key(str_of(dn), &out, &err) != ERR_OK)
        cfg_problem_at(k->problems, n, key, "%s", err.detail);
}

static void check_attr(struct checker *k, const struct cfg_node *n, const char *key, const char *attr) {
    if (attr != NULL && !ldap_attr_name_ok(str_of(attr)))
        cfg_problem_at(k->problems, n, key, "\"%s\" is no attribute name", attr);
}

static void check_match(struct checker *k, const struct cfg_node *n, const char *key, const char *name) {
    if (name != NULL && !ldap_filter_name_ok(str_of(name)))
        cfg_problem_at(k->problems, n, key, "\"%s\" is no attribute name", name);
}

static void check_hosts(struct checker *k, const struct ldap_config *c) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024);
    struct ldap_host host;
    struct err err = { 0 };
    if (a == NULL)
        return;
    if (c->host == NULL && c->hosts.len == 0)
        cfg_problem_at(k->problems, k->node, "host", "is missing");
    if (c->host != NULL && ldap_host_parse(a, str_of(c->host), 0, &host, &err) != ERR_OK)
        cfg_problem_at(k->problems, k->node, "host", "%s", err.detail);
    for (size_t i = 0; i < c->hosts.len; i++)
        if (ldap_host_parse(a, str_of(c->hosts.items[i]), 0, &host, &err) != ERR_OK)
            cfg_problem_at(k->problems, k->node, "hosts", "%s", err.detail);
    if (c->hosts.len + (c->host != NULL) > LDAP_HOSTS_MAX)
        cfg_problem_at(k->problems, k->node, "hosts", "more than %d servers", (int)LDAP_HOSTS_MAX);
}

static void check_tls(struct checker *k, const struct ldap_config *c) {
    if ((c->client_cert != NULL) != (c->client_key != NULL))
        cfg_problem_at(k->problems, k->node, c->client_cert != NULL ? "clientCert" : "clientKey",
                       "clientCert and clientKey go together: one of them is missing");
    if (c->insecure_no_ssl && c->start_tls)
        cfg_warning_at(k->problems, k->node, "startTLS",
                       "has no effect: insecureNoSSL wins, and passwords cross the network readable");
    if (c->insecure_no_ssl)
        return;
    AUTO_FREE(ldap_tls_free) struct ldap_tls *tls = NULL;
    const char *key;
    struct err err = { 0 };
    if (ldap_tls_new(c, &tls, &key, &err) != ERR_OK)
        cfg_problem_at(k->problems, k->node, key, "%s", err.detail);
}

static void check_users(struct checker *k, const struct ldap_user_search_config *u) {
    check_dn(k, k->users, "baseDN", u->base_dn);
    check_filter(k, k->users, u->filter);
    if (u->username.len == 0 && cfg_node_find(k->users, "username") != NULL)
        cfg_problem_at(k->problems, k->users, "username", "names no attribute");
    for (size_t i = 0; i < u->username.len; i++)
        check_attr(k, k->users, "username", u->username.items[i]);
    check_attr(k, k->users, "idAttr", u->id_attr);
    check_attr(k, k->users, "emailAttr", u->email_attr);
    check_attr(k, k->users, "nameAttr", u->name_attr);
    check_attr(k, k->users, "preferredUsernameAttr", u->preferred_username_attr);
    if (u->email_suffix != NULL && u->email_suffix[0] == '@')
        cfg_problem_at(k->problems, k->users, "emailSuffix", "write it without the '@'");
}

static void check_groups(struct checker *k, const struct ldap_group_search_config *g) {
    check_dn(k, k->groups, "baseDN", g->base_dn);
    check_filter(k, k->groups, g->filter);
    check_attr(k, k->groups, "nameAttr", g->name_attr);
    check_attr(k, k->groups, "userAttr", g->user_attr);
    check_match(k, k->groups, "groupAttr", g->group_attr);
    check_match(k, k->groups, "recursionGroupAttr", g->recursion_group_attr);
    const struct ldap_matcher_config *m = g->user_matchers.items;
    for (size_t i = 0; i < g->user_matchers.len; i++) {
        check_attr(k, k->groups, "userMatchers", m[i].user_attr);
        check_match(k, k->groups, "userMatchers", m[i].group_attr);
        check_match(k, k->groups, "userMatchers", m[i].recursion_group_attr);
    }
    if ((g->user_attr != NULL) != (g->group_attr != NULL))
        cfg_problem_at(k->problems, k->groups, g->user_attr != NULL ? "userAttr" : "groupAttr",
                       "userAttr and groupAttr go together: one of them is missing");
    if (g->base_dn == NULL)
        return;
    if (g->name_attr == NULL)
        cfg_problem_at(k->problems, k->groups, "nameAttr", "is missing (e.g. cn)");
    if (g->user_matchers.len == 0 && g->user_attr == NULL)
        cfg_problem_at(k->problems, k->groups, "userMatchers",
                       "is missing: nothing says which groups a user belongs to");
}

void ldap_config_check(const void *config, struct cfg_problems *problems, const struct cfg_node *node) {
    const struct ldap_config *c = config;
    struct checker k = { problems, node, cfg_node_find(node, "userSearch"),
                         cfg_node_find(node, "groupSearch") };
    if (k.users == NULL)
        k.users = node;
    if (k.groups == NULL)
        k.groups = node;
    check_hosts(&k, c);
    check_tls(&k, c);
    check_dn(&k, node, "bindDN", c->bind_dn);
    if (c->bind_dn != NULL && c->bind_pw.len == 0)
        cfg_problem_at(problems, node, "bindPW",
                       "is missing: without a password, bindDN would be an anonymous bind (RFC 4513 5.1.2)");
    if (c->bind_dn == NULL && c->bind_pw.len > 0)
        cfg_problem_at(problems, node, "bindDN", "is missing, although bindPW is given");
    check_users(&k, &c->user_search);
    check_groups(&k, &c->group_search);
    if (c->kerberos.enabled)
        cfg_problem_at(problems, cfg_node_find(node, "kerberos"), "enabled",
                       "not supported: people log in with their password");
}
