/* tke-auth can: may they, and why. */
#include "cli/can_store.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "enforcer/enforcer.h"

#include <stdio.h>
#include <unistd.h>

DEFINE_AUTO_FREE(enforcer_free, struct enforcer);

enum { CAN_MEMORY_MAX = 256 * 1024 * 1024, NEAR_MAX = 5 };

struct can {
    const char *config, *model, *policy, *abac;
    const char *tenant, *namespace, *api_group, *project, *cluster;
    struct cli_list groups;
    bool explain;
    struct arena *arena;
    const struct config *loaded; /* NULL: there is none */
};

/* The configuration as the daemon reads it; without one the files on the command line are enough. */
static enum err_code read_config(struct can *can, bool is_default, struct authz_options *ret,
                                 struct err *err) {
    bool has_files = can->model != NULL || can->policy != NULL || can->abac != NULL;
    if (is_default && has_files && access(can->config, R_OK) != 0) {
        *ret = (struct authz_options) { .privileged_user = STR("admin"), .any_tenant = true };
        return ERR_OK;
    }
    AUTO(cfg_problems_done) struct cfg_problems problems = { 0 };
    const struct config *c = NULL;
    enum err_code rc = cfg_problems_init(&problems, err);
    if (rc == ERR_OK)
        rc = config_load(can->arena, can->config, &c, &problems, err);
    AUTO(strbuf_done) struct strbuf text = STRBUF(1 << 20);
    if (rc != ERR_OK) {
        cfg_problems_print(&problems, &text);
        (void)fputs(strbuf_c(&text), stderr);
        return rc;
    }
    can->loaded = c;
    if (can->tenant == NULL)
        can->tenant = c->auth.init_tenant_id;
    return authz_options_from_config(can->arena, c, ret, err);
}

/* Rules and tenants: of the files, and of the database once there is one. */
static enum err_code gather(struct can *can, struct authz_options *options, struct enforcer *e,
                            struct err *err) {
    AUTO_FREE(store_close) struct store *store = NULL;
    /* The file first: loading it replaces what was there. */
    enum err_code rc = options->files.policy != NULL ? authz_enforcer_load(e, options->files.policy, err)
                                                     : ERR_OK;
    if (rc != ERR_OK || can->loaded == NULL)
        return rc;
    rc = can_store_open(can->loaded, &store, err);
    if (rc == ERR_OK && store != NULL)
        rc = can_store_rules(store, e, err);
    if (rc == ERR_OK && store != NULL)
        rc = can_store_tenants(store, can->arena, options, err);
    return rc == ERR_OK ? ERR_OK : err_context(err, "the database");
}

/* The rules stay in *ret_rules, which must outlive *ret. */
static enum err_code open_authz(struct can *can, bool is_default, struct enforcer **ret_rules,
                                struct authz **ret, struct err *err) {
    struct authz_options options;
    enum err_code rc = read_config(can, is_default, &options, err);
    if (rc != ERR_OK)
        return rc;
    if (can->model != NULL)
        options.files.model = can->model;
    if (can->policy != NULL)
        options.files.policy = can->policy;
    if (can->abac != NULL)
        options.files.abac = can->abac;
    if (options.webhook.url != NULL)
        (void)fprintf(stderr, "tke-auth: the external authorizer %s is not asked here\n",
                      options.webhook.url);
    rc = authz_enforcer_new(options.files.model, random_system(), ret_rules, err);
    if (rc == ERR_OK)
        rc = gather(can, &options, *ret_rules, err);
    if (rc != ERR_OK)
        return rc;
    options.enforcer = *ret_rules;
    options.files.model = options.files.policy = NULL;
    options.webhook = (struct authz_webhook_options) { 0 };
    options.access = (struct authz_access) { 0 };
    options.any_tenant = options.any_tenant || options.tenant_count == 0;
    options.clock = clock_system();
    options.random = random_system();
    return authz_new(&options, ret, err);
}

/* ---- the question ---- */

static void add_context(struct can *can, struct str *groups, size_t *len, const char *prefix,
                        const char *value) {
    if (value == NULL)
        return;
    const char *group = arena_printf(can->arena, "%s%s", prefix, value);
    if (group != NULL)
        groups[(*len)++] = str_of(group);
}

static void make_question(struct can *can, const struct cli_words *words, struct authz_question *q) {
    struct str *groups = arena_array(can->arena, can->groups.len + 3, sizeof *groups);
    struct authz_extra *extra = arena_array(can->arena, 1, sizeof *extra);
    struct str *tenant = arena_array(can->arena, 1, sizeof *tenant);
    if (groups == NULL || extra == NULL || tenant == NULL)
        return;
    size_t len = 0;
    for (size_t i = 0; i < can->groups.len; i++)
        groups[len++] = str_of(can->groups.items[i]);
    add_context(can, groups, &len, "project:", can->project);
    add_context(can, groups, &len, "cluster:", can->cluster);
    *tenant = str_of(can->tenant != NULL ? can->tenant : "default");
    *extra = (struct authz_extra) { STR("tenantid"), tenant, 1 };
    struct str resource = str_of(words->items[2]), subresource = STR_NULL;
    bool is_resource = !str_starts_with(resource, STR("/"));
    /* Resources of the platform ("cluster:cls-1/namespace:dev") keep their slashes. */
    if (is_resource && str_find(resource, ':') == resource.len)
        (void)str_cut(resource, '/', &resource, &subresource);
    *q = (struct authz_question) {
        .user = { .name = str_of(words->items[0]),
                  .groups = groups,
                  .group_count = len,
                  .extra = extra,
                  .extra_count = tenant->len != 0 },
        .attributes = { .verb = str_of(words->items[1]),
                        .api_group = str_of(can->api_group),
                        .resource = resource,
                        .subresource = subresource,
                        .name = words->len > 3 ? str_of(words->items[3]) : STR_NULL,
                        .namespace = str_of(can->namespace),
                        .is_resource = is_resource },
    };
}

/* ---- the answer ---- */

static void print_line(const char *label, struct str value) {
    if (value.len != 0)
        (void)printf("  %-10s%.*s\n", label, STR_FMT(value));
}

static void print_explanation(const struct authz_explanation *x) {
    print_line("step", str_of(authz_step_name(x->decision.step)));
    print_line("tenant", x->decision.tenant);
    print_line("subject", x->subject);
    for (size_t i = 0; i < x->group_count; i++)
        print_line("group", x->groups[i]);
    print_line("domain", x->domain);
    print_line("action", x->decision.action);
    print_line("resource", x->decision.resource);
    for (size_t i = 0; i < x->path_count; i++)
        print_line("through", x->path[i]);
    print_line("rule", x->rule);
    for (size_t i = 0; i < x->near_count; i++) {
        const struct authz_near_miss *n = &x->near[i];
        print_line("nearest", n->rule);
        (void)printf("  %-10s%.*s (%u of %u conditions hold)\n", "  fails", STR_FMT(n->failed),
                     n->clauses_true, n->clauses);
    }
}

static void print_answer(const struct can *can, const struct authz_explanation *x) {
    static const char *const words[AUTHZ_OUTCOMES] = { "no opinion", "allowed", "denied" };
    const struct authz_decision *d = &x->decision;
    (void)printf("%s", words[d->outcome]);
    if (d->reason.len != 0)
        (void)printf(": %.*s", STR_FMT(d->reason));
    if (d->error.len != 0)
        (void)printf(" (%.*s)", STR_FMT(d->error));
    (void)printf("\n");
    if (can->explain)
        print_explanation(x);
}

static enum err_code ask(struct can *can, bool is_default, const struct cli_words *words, bool *ret_allowed,
                         struct err *err) {
    AUTO_FREE(enforcer_free) struct enforcer *rules = NULL;
    AUTO_FREE(authz_free) struct authz *z = NULL;
    enum err_code rc = open_authz(can, is_default, &rules, &z, err);
    if (rc != ERR_OK)
        return rc;
    struct authz_question question;
    struct authz_explanation x;
    struct authz_version version;
    make_question(can, words, &question);
    if (arena_failed(can->arena))
        return err_set(err, ERR_NOMEM, "out of memory");
    authz_acquire(z, &version);
    rc = authz_explain(z, &version, can->arena, &question, can->explain ? NEAR_MAX : 0, &x, err);
    authz_release(z, &version);
    if (rc != ERR_OK)
        return rc;
    print_answer(can, &x);
    *ret_allowed = x.decision.outcome == AUTHZ_ALLOWED;
    return ERR_OK;
}

int cli_can(int argc, char **argv) {
    const char *config = cli_default_config();
    struct can can = { .config = config };
    struct cli_words words;
    const struct cli_option options[] = {
        { "explain", CLI_FLAG, &can.explain, NULL,
          "say why: conversion, rule, path of roles, or the nearest rules" },
        { "group", CLI_LIST, &can.groups, "GROUP", "a group the user carries" },
        { "tenant", CLI_STRING, &can.tenant, "ID", "their tenant; \"\": a caller without one" },
        { "namespace", CLI_STRING, &can.namespace, "NAME", "of the resource" },
        { "api-group", CLI_STRING, &can.api_group, "GROUP", "of the resource" },
        { "project", CLI_STRING, &can.project, "ID", "the project they work in" },
        { "cluster", CLI_STRING, &can.cluster, "ID", "the cluster they work in" },
        { "config", CLI_STRING, &can.config, "FILE", "the configuration of the daemon" },
        { "policy", CLI_STRING, &can.policy, "FILE", "these rules instead of casbin.policy_file" },
        { "model", CLI_STRING, &can.model, "FILE", "this model instead of casbin.model_file" },
        { "abac", CLI_STRING, &can.abac, "FILE", "these policies instead of authorization.policy_file" },
        { .name = NULL },
    };
    const struct cli_usage usage = {
        "tke-auth can USER VERB RESOURCE[/SUBRESOURCE] [NAME] [options]",
        "May USER do that? Answers as /auth/authz would, from the same files and the same database, with "
        "exit "
        "status 0 for\n"
        "allowed and 1 for not. VERB and RESOURCE are Kubernetes' (get pods/log web-1), a path (get "
        "/healthz), or already the "
        "platform's\n"
        "(createProject 'project:*').",
        options,
    };
    int status = cli_parse(&usage, argc, argv, 3, 4, &words);
    if (status >= 0)
        return status;
    struct err err = { 0 };
    bool allowed = false;
    AUTO_FREE(arena_free) struct arena *a = arena_new(CAN_MEMORY_MAX);
    can.arena = a;
    enum err_code rc = a == NULL ? err_set(&err, ERR_NOMEM, "out of memory")
                                 : ask(&can, can.config == config, &words, &allowed, &err);
    if (rc != ERR_OK)
        return cli_fail(&err, "can");
    return allowed ? 0 : 1;
}
