#include "connector/ldap/ldap.h"
#include "connector/ldap/dir.h"
#include "connector/ldap/filter.h"
#include "connector/ldap/limits.h"

/* ---- what the configuration means ---- */

struct attr_list {
    const char **items;
    size_t len;
};

static void add_attr(struct attr_list *l, const char *name) {
    /* An empty name would mean "all attributes". */
    if (name == NULL || name[0] == '\0' || l->len == LDAP_USER_ATTRS_MAX - 1)
        return;
    for (size_t i = 0; i < l->len; i++)
        if (str_eq_nocase(str_of(l->items[i]), str_of(name)))
            return;
    l->items[l->len++] = name;
}

static const char *const *user_attrs(const struct ldap_dir *d, struct arena *a) {
    const struct ldap_user_search_config *u = &d->config->user_search;
    struct attr_list l = { .items = arena_array(a, LDAP_USER_ATTRS_MAX, sizeof(char *)) };
    if (l.items == NULL)
        return NULL;
    add_attr(&l, u->id_attr);
    add_attr(&l, u->email_attr != NULL ? u->email_attr : "mail");
    add_attr(&l, u->name_attr);
    add_attr(&l, u->preferred_username_attr);
    for (size_t i = 0; i < u->username.len; i++)
        add_attr(&l, u->username.items[i]);
    for (size_t i = 0; i < d->matcher_count; i++)
        add_attr(&l, d->matchers[i].user_attr);
    for (size_t i = 0; ldap_status_attrs[i] != NULL; i++)
        add_attr(&l, ldap_status_attrs[i]);
    return l.items;
}

static enum err_code filter_text(struct arena *a, const char *filter, const char **ret, struct err *err) {
    *ret = NULL;
    if (filter == NULL)
        return ERR_OK;
    AUTO(strbuf_done) struct strbuf out = STRBUF(LDAP_FILTER_MAX);
    enum err_code rc = ldap_filter_parse(str_of(filter), &out, err);
    if (rc == ERR_OK && (*ret = arena_strdup(a, strbuf_str(&out))) == NULL)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

/* userMatchers, or the older single pair. */
static void matchers(struct ldap_dir *d, struct ldap_matcher_config *single) {
    const struct ldap_group_search_config *g = &d->config->group_search;
    d->matchers = g->user_matchers.items;
    d->matcher_count = g->user_matchers.len;
    if (d->matcher_count > 0 || g->user_attr == NULL)
        return;
    *single = (struct ldap_matcher_config) { g->user_attr, g->group_attr, g->recursion_group_attr };
    d->matchers = single;
    d->matcher_count = 1;
}

/* ---- what listings need besides ---- */

/* Those that tell the login name, with room for more; no items: out of memory. */
static struct attr_list login_attrs(const struct ldap_user_search_config *u, struct arena *a) {
    struct attr_list l = { .items = arena_array(a, LDAP_USER_ATTRS_MAX, sizeof(char *)) };
    for (size_t i = 0; l.items != NULL && i < u->username.len; i++)
        add_attr(&l, u->username.items[i]);
    return l;
}

static const char *const *person_attrs(const struct ldap_dir *d, struct arena *a) {
    const struct ldap_user_search_config *u = &d->config->user_search;
    struct attr_list l = login_attrs(u, a);
    if (l.items == NULL)
        return NULL;
    add_attr(&l, u->preferred_username_attr);
    add_attr(&l, u->name_attr);
    if (u->email_suffix == NULL)
        add_attr(&l, u->email_attr != NULL ? u->email_attr : "mail");
    return l.items;
}

static const char *const *index_attrs(const struct ldap_dir *d, struct arena *a) {
    struct attr_list l = login_attrs(&d->config->user_search, a);
    if (l.items == NULL)
        return NULL;
    for (size_t i = 0; i < d->matcher_count; i++)
        add_attr(&l, d->rules[i].user_attr);
    return l.items;
}

static const char *const *member_attrs(const struct ldap_dir *d, struct arena *a) {
    struct attr_list l = { .items = arena_array(a, LDAP_USER_ATTRS_MAX, sizeof(char *)) };
    if (l.items == NULL)
        return NULL;
    add_attr(&l, d->config->group_search.name_attr);
    for (size_t i = 0; i < d->matcher_count; i++) {
        add_attr(&l, d->rules[i].values);
        add_attr(&l, d->rules[i].nested);
    }
    return l.items;
}

/* "member:1.2.840.113556.1.4.1941:" -> "member"; NULL: no attribute stands before the rule. */
static const char *attr_before_rule(struct arena *a, const char *name) {
    struct str attr, rule;
    if (name == NULL || !str_cut(str_of(name), ':', &attr, &rule))
        return name;
    return attr.len > 0 ? arena_strdup(a, attr) : NULL;
}

/* Active Directory's rule that follows a chain of groups by itself when it searches; who reads attributes has to follow. */
static bool is_chain_rule(const char *name) {
    return name != NULL && str_contains(str_of(name), STR(":1.2.840.113556.1.4.1941:"));
}

static struct ldap_member_rule rule_of(const struct ldap_dir *d, struct arena *a,
                                       const struct ldap_matcher_config *m) {
    struct ldap_member_rule r = { .values = attr_before_rule(a, m->group_attr),
                                  .nested = attr_before_rule(a, m->recursion_group_attr) };
    if (!str_eq_nocase(str_of(m->user_attr), STR("dn")))
        r.user_attr = m->user_attr;
    else if (r.nested == NULL && is_chain_rule(m->group_attr))
        r.nested = r.values;
    r.is_login = r.user_attr != NULL &&
                 str_eq_nocase(str_of(r.user_attr), str_of(d->config->user_search.username.items[0]));
    return r;
}

static enum err_code prepare_listings(struct ldap_dir *d, struct arena *a, struct err *err) {
    struct ldap_member_rule *rules = arena_array(a, d->matcher_count ? d->matcher_count : 1, sizeof *rules);
    for (size_t i = 0; rules != NULL && i < d->matcher_count; i++) {
        rules[i] = rule_of(d, a, &d->matchers[i]);
        d->nests |= rules[i].nested != NULL;
    }
    d->rules = rules;
    if (rules != NULL) {
        d->person_attrs = person_attrs(d, a);
        d->index_attrs = index_attrs(d, a);
        d->member_attrs = member_attrs(d, a);
    }
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
}

static enum err_code prepare(struct ldap_dir *d, struct arena *a, struct err *err) {
    struct ldap_matcher_config *single = arena_alloc(a, sizeof *single);
    const char **group_attrs = arena_array(a, 2, sizeof *group_attrs);
    if (single == NULL || group_attrs == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    matchers(d, single);
    group_attrs[0] = d->config->group_search.name_attr;
    d->group_attrs = group_attrs;
    d->user_attrs = user_attrs(d, a);
    enum err_code rc = filter_text(a, d->config->user_search.filter, &d->user_filter, err);
    if (rc == ERR_OK)
        rc = filter_text(a, d->config->group_search.filter, &d->group_filter, err);
    if (rc == ERR_OK && d->user_attrs == NULL)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    return rc == ERR_OK ? prepare_listings(d, a, err) : rc;
}

static enum err_code hosts(const struct ldap_config *c, struct arena *a, struct ldap_host *ret,
                           size_t *ret_len, struct err *err) {
    uint16_t port = ldap_default_port(c);
    enum err_code rc = ERR_OK;
    *ret_len = 0;
    if (c->host != NULL)
        rc = ldap_host_parse(a, str_of(c->host), port, &ret[(*ret_len)++], err);
    for (size_t i = 0; rc == ERR_OK && i < c->hosts.len && *ret_len < LDAP_HOSTS_MAX; i++)
        rc = ldap_host_parse(a, str_of(c->hosts.items[i]), port, &ret[(*ret_len)++], err);
    return rc;
}

/* ---- the connector ---- */

static void ldap_close(struct connector *c) {
    struct ldap_dir *d = c->impl;
    if (d == NULL)
        return;
    ldap_pool_free(d->pool);
    ldap_tls_free(d->tls);
    arena_free(d->prepared);
    free(d);
    c->impl = NULL;
}

static enum err_code open_pool(struct ldap_dir *d, struct err *err) {
    const char *key;
    struct ldap_host list[LDAP_HOSTS_MAX];
    size_t n = 0;
    enum err_code rc = hosts(d->config, d->prepared, list, &n, err);
    if (rc == ERR_OK && !d->config->insecure_no_ssl)
        rc = ldap_tls_new(d->config, &d->tls, &key, err);
    if (rc != ERR_OK)
        return rc;
    const struct ldap_pool_options options = { .config = d->config,
                                               .hosts = list,
                                               .host_count = n,
                                               .tls = d->tls,
                                               .clock = d->env->clock,
                                               .log = d->env->log,
                                               .metrics = d->env->metrics,
                                               .id = d->id };
    return ldap_pool_new(&options, &d->pool, err);
}

static enum err_code ldap_open(struct connector *c, const void *config, const struct connector_env *env,
                               struct err *err) {
    struct ldap_dir *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    ldap_conn_init_library();
    c->impl = d;
    d->config = config;
    d->env = env;
    d->id = c->id;
    d->prepared = arena_new(256 * 1024);
    if (d->prepared == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    enum err_code rc = prepare(d, d->prepared, err);
    if (rc == ERR_OK)
        rc = open_pool(d, err);
    if (rc == ERR_OK && d->config->insecure_skip_verify && !d->config->insecure_no_ssl)
        log_warn(
            env->log, NULL, "ldap.insecure", KV("connector", c->id),
            KV("problem", "insecureSkipVerify: anybody can pose as the directory and collect passwords"));
    return rc;
}

static const char *ldap_prompt(const struct connector *c) {
    const struct ldap_dir *d = c->impl;
    return d->config->username_prompt;
}

static enum err_code ldap_health(const struct connector *c, struct err *err) {
    const struct ldap_dir *d = c->impl;
    return ldap_pool_health(d->pool, err);
}

const struct connector_ops ldap_connector_ops = {
    .type = "ldap",
    .fields = ldap_config_fields,
    .config_size = sizeof(struct ldap_config),
    .capabilities = CONNECTOR_PASSWORD | CONNECTOR_REFRESH,
    .check = ldap_config_check,
    .open = ldap_open,
    .close = ldap_close,
    .login = ldap_connector_login,
    .refresh = ldap_connector_refresh,
    .list_users = ldap_connector_list_users,
    .list_groups = ldap_connector_list_groups,
    .get_user = ldap_connector_get_user,
    .get_group = ldap_connector_get_group,
    .prompt = ldap_prompt,
    .health = ldap_health,
};
