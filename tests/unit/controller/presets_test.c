/* What the built-in policies give, and what they do not: the lists as they come out of the store, asked through the enforcer. */
#include "rig.h"

#include "enforcer/enforcer.h"
#include "tkeauth/authz.h"

enum topic {
    T_NONE, /* of no preset but the administrators' */
    T_VOLUME,
    T_NETWORK,
    T_ADDON,
    T_MONITOR,
    T_NOTIFY,
    T_REGISTRY,
    T_CLUSTER,
    T_AUTH,
    T_PROJECT,
    T_CONFIG,
    T_WORK,
    T_APP,
};
enum {
    SECRET = 1,   /* whoever reads it can become somebody else */
    READABLE = 2, /* even those who have the topic in full only look at it */
};
struct resource_of_api {
    enum topic topic;
    const char *group, *plural, *subresources;
    unsigned flags;
};
static const struct resource_of_api api[] = {
    { T_WORK, "", "pods", "log,status,exec,attach,portforward,eviction,proxy,binding,events", 0 },
    { T_WORK, "apps", "deployments", "status,scale,rollback,pods,events,horizontalpodautoscalers", 0 },
    { T_WORK, "apps", "statefulsets", "status,scale,pods,events", 0 },
    { T_WORK, "apps", "daemonsets", "status,pods,events", 0 },
    { T_WORK, "apps", "replicasets", "status,scale,pods,events", 0 },
    { T_WORK, "apps", "controllerrevisions", "", 0 },
    { T_WORK, "", "replicationcontrollers", "status,scale,pods,events", 0 },
    { T_WORK, "", "podtemplates", "", 0 },
    { T_WORK, "batch", "jobs", "status,pods,events", 0 },
    { T_WORK, "batch", "cronjobs", "status,jobs,events", 0 },
    { T_WORK, "apps.tkestack.io", "tapps", "log", 0 },
    { T_WORK, "autoscaling", "horizontalpodautoscalers", "status,events", 0 },
    { T_WORK, "policy", "poddisruptionbudgets", "status", 0 },
    { T_NETWORK, "", "services", "status,proxy,events", 0 },
    { T_NETWORK, "", "endpoints", "", 0 },
    { T_NETWORK, "discovery.k8s.io", "endpointslices", "", 0 },
    { T_NETWORK, "networking.k8s.io", "ingresses", "status,events", 0 },
    { T_NETWORK, "networking.k8s.io", "ingressclasses", "", 0 },
    { T_NETWORK, "networking.k8s.io", "networkpolicies", "", 0 },
    { T_NETWORK, "crd.projectcalico.org", "globalnetworkpolicies", "", 0 },
    { T_NETWORK, "lbcf.tkestack.io", "lbcflbs", "", 0 },
    { T_NETWORK, "lbcf.tkestack.io", "lbcfbackendgroups", "", 0 },
    { T_NETWORK, "lbcf.tkestack.io", "lbcfbackendrecords", "", 0 },
    { T_VOLUME, "", "persistentvolumes", "status,events", 0 },
    { T_VOLUME, "", "persistentvolumeclaims", "status,events", 0 },
    { T_VOLUME, "storage.k8s.io", "storageclasses", "events", 0 },
    { T_VOLUME, "storage.k8s.io", "volumeattachments", "status", 0 },
    { T_CONFIG, "", "configmaps", "", 0 },
    { T_CONFIG, "", "secrets", "", SECRET },
    { T_CLUSTER, "platform.tkestack.io", "clusters", "status,finalize,proxy", 0 },
    { T_CLUSTER, "platform.tkestack.io", "clustercredentials", "", SECRET },
    { T_CLUSTER, "platform.tkestack.io", "machines", "status", 0 },
    { T_CLUSTER, "", "nodes", "status,proxy", 0 },
    { T_CLUSTER, "", "componentstatuses", "", 0 },
    { T_CLUSTER, "scheduling.k8s.io", "priorityclasses", "", 0 },
    { T_CLUSTER, "node.k8s.io", "runtimeclasses", "", 0 },
    { T_CLUSTER, "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", 0 },
    { T_CLUSTER, "admissionregistration.k8s.io", "validatingwebhookconfigurations", "", 0 },
    { T_CLUSTER, "apiextensions.k8s.io", "customresourcedefinitions", "status", 0 },
    { T_CLUSTER, "coordination.k8s.io", "leases", "", READABLE },
    { T_ADDON, "platform.tkestack.io", "clusteraddons", "", 0 },
    { T_ADDON, "platform.tkestack.io", "clusteraddontypes", "", 0 },
    { T_ADDON, "platform.tkestack.io", "helms", "status", 0 },
    { T_ADDON, "monitor.tkestack.io", "prometheuses", "status", 0 },
    { T_ADDON, "platform.tkestack.io", "tappcontrollers", "status", 0 },
    { T_ADDON, "platform.tkestack.io", "ipams", "status", 0 },
    { T_ADDON, "platform.tkestack.io", "gpumanagers", "status", 0 },
    { T_ADDON, "platform.tkestack.io", "lbcfs", "status", 0 },
    { T_ADDON, "platform.tkestack.io", "csioperators", "status", 0 },
    { T_ADDON, "platform.tkestack.io", "volumedecorators", "status", 0 },
    { T_ADDON, "logagent.tkestack.io", "logagents", "status", 0 },
    { T_ADDON, "platform.tkestack.io", "logcollectors", "status", 0 },
    { T_ADDON, "platform.tkestack.io", "cronhpas", "status", 0 },
    { T_ADDON, "platform.tkestack.io", "persistentevents", "status", 0 },
    { T_MONITOR, "monitor.tkestack.io", "metrics", "", 0 },
    { T_MONITOR, "monitor.tkestack.io", "alarmpolicies", "", 0 },
    { T_MONITOR, "monitor.tkestack.io", "clusteroverviews", "", 0 },
    { T_NOTIFY, "notify.tkestack.io", "channels", "status", 0 },
    { T_NOTIFY, "notify.tkestack.io", "templates", "", 0 },
    { T_NOTIFY, "notify.tkestack.io", "messages", "status", 0 },
    { T_NOTIFY, "notify.tkestack.io", "messagerequests", "status", 0 },
    { T_NOTIFY, "notify.tkestack.io", "receivers", "", 0 },
    { T_NOTIFY, "notify.tkestack.io", "receivergroups", "", 0 },
    { T_REGISTRY, "registry.tkestack.io", "namespaces", "status", 0 },
    { T_REGISTRY, "registry.tkestack.io", "repositories", "status", 0 },
    { T_REGISTRY, "registry.tkestack.io", "chartgroups", "status", 0 },
    { T_REGISTRY, "registry.tkestack.io", "charts", "status,version,info", 0 },
    { T_REGISTRY, "platform.tkestack.io", "registries", "", 0 },
    { T_REGISTRY, "business.tkestack.io", "imagenamespaces", "status", 0 },
    { T_PROJECT, "business.tkestack.io", "projects", "status,users,groups,policies", 0 },
    { T_PROJECT, "business.tkestack.io", "namespaces", "status", 0 },
    { T_PROJECT, "", "resourcequotas", "status", 0 },
    { T_PROJECT, "", "limitranges", "", 0 },
    { T_PROJECT, "business.tkestack.io", "nsemigrations", "", 0 },
    { T_PROJECT, "business.tkestack.io", "platforms", "", READABLE },
    { T_PROJECT, "", "events", "", READABLE },
    { T_APP, "application.tkestack.io", "apps", "status,histories,releases,resources,rollback", 0 },
    { T_AUTH, "auth.tkestack.io", "localidentities", "password,status,finalize,policies,roles,groups", 0 },
    { T_AUTH, "auth.tkestack.io", "localgroups", "binding,unbinding,status,finalize,users,policies,roles",
      0 },
    { T_AUTH, "auth.tkestack.io", "policies",
      "binding,unbinding,projectbinding,projectunbinding,users,groups,projectusers,projectgroups,status", 0 },
    { T_AUTH, "auth.tkestack.io", "roles",
      "binding,unbinding,policybinding,policyunbinding,users,groups,policies,status", 0 },
    { T_AUTH, "auth.tkestack.io", "projectpolicybindings", "status", 0 },
    { T_AUTH, "auth.tkestack.io", "custompolicybindings", "status", 0 },
    { T_AUTH, "auth.tkestack.io", "apikeys", "token,password,status", SECRET },
    { T_AUTH, "auth.tkestack.io", "identityproviders", "status", 0 },
    { T_AUTH, "auth.tkestack.io", "clients", "", SECRET },
    { T_AUTH, "auth.tkestack.io", "categories", "", 0 },
    { T_AUTH, "auth.tkestack.io", "users", "policies,roles,projects", READABLE },
    { T_AUTH, "auth.tkestack.io", "groups", "policies,roles", READABLE },
    { T_AUTH, "auth.tkestack.io", "rules", "", READABLE },
    { T_NONE, "auth.tkestack.io", "apisigningkeys", "", SECRET },
    { T_AUTH, "", "serviceaccounts", "token", 0 },
    { T_AUTH, "rbac.authorization.k8s.io", "clusterroles", "", 0 },
    { T_AUTH, "rbac.authorization.k8s.io", "clusterrolebindings", "", 0 },
    { T_AUTH, "rbac.authorization.k8s.io", "rolebindings", "", 0 },
    { T_AUTH, "certificates.k8s.io", "certificatesigningrequests", "approval,status", 0 },
    { T_NONE, "apiregistration.k8s.io", "apiservices", "status", 0 },
    { T_NONE, "policy", "podsecuritypolicies", "", 0 },
};

/* ---- asking ---- */

static struct enforcer *enforcer;
static json_t *names; /* display name, or name -> name */

static struct enforcer_str es(struct str s) { return (struct enforcer_str) { s.ptr, s.len }; }

struct loading {
    struct enforcer_batch *batch;
    struct arena *arena;
};

static enum err_code add_rule(void *ctx, const struct store_object *o, struct err *err) {
    struct loading *l = ctx;
    struct rule_view rule;
    struct enforcer_str fields[7];
    bool changed;
    struct enforcer_error why;
    enum err_code rc = rule_read(l->arena, o->body, &rule, err);
    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < rule.len; i++)
        fields[i] = es(rule.fields[i]);
    const char *ptype = str_eq(rule.ptype, STR("p")) ? "p" : "g";
    assert_int_equal(enforcer_batch_add(l->batch, ptype, fields, rule.len, &changed, &why), ENFORCER_OK);
    return ERR_OK;
}

/* A user for every policy and role, who has it, in project prj-1 where it is of that scope. */
static enum err_code add_user(void *ctx, const struct store_object *o, struct err *err) {
    struct loading *l = ctx;
    json_t *object = NULL;
    bool changed;
    struct enforcer_error why;
    enum err_code rc = json_parse(o->body, &object, err);
    if (rc != ERR_OK)
        return rc;
    bool in_project = str_eq(object_str_at(object, "spec.scope"), STR("project"));
    const struct enforcer_str fields[] = {
        es(str_of(arena_printf(l->arena, "who has %.*s", STR_FMT(o->name)))),
        es(arena_str(l->arena, o->name)), es(in_project ? STR("prj-1") : STR("*"))
    };
    assert_int_equal(enforcer_batch_add(l->batch, "g", fields, 3, &changed, &why), ENFORCER_OK);
    json_t *name = json_stringn(o->name.ptr, o->name.len);
    (void)json_object_setn(names, o->name.ptr, o->name.len, name);
    struct str title = object_str_at(object, "spec.displayName");
    (void)json_object_setn_new(names, title.ptr, title.len, name);
    json_decref(object);
    return ERR_OK;
}

static int setup(void **state) {
    struct err err = { 0 };
    struct enforcer_error why;
    uint64_t revision;
    if (rig_setup(state) != 0)
        return -1;
    rig.options.category_path = rig.options.policy_path = rig.options.role_path = NULL;
    rig_start();
    rig_tenant("acme", "tke");
    rig_run();
    const struct enforcer_options options = { .flags = ENFORCER_DIALECT_TKE };
    const char *model = enforcer_tke_model();
    enforcer = enforcer_new(model, strlen(model), &options, &why);
    names = json_object();
    struct loading l = { .arena = rig.arena };
    assert_int_equal(enforcer_batch_begin(enforcer, &l.batch, &why), ENFORCER_OK);
    struct store_query q = { .kind = str_of(kind_rule.plural), .each = add_rule, .ctx = &l };
    assert_ok(store_list(rig.store, &q, NULL, &err));
    q.each = add_user;
    q.kind = str_of(kind_role.plural);
    assert_ok(store_list(rig.store, &q, NULL, &err));
    q.kind = str_of(kind_policy.plural);
    assert_ok(store_list(rig.store, &q, NULL, &err));
    assert_int_equal(enforcer_batch_commit(l.batch, &revision, &why), ENFORCER_OK);
    return 0;
}

static int teardown(void **state) {
    enforcer_free(enforcer);
    json_decref(names);
    return rig_teardown(state);
}

static bool asks(const char *preset, struct str action, struct str resource) {
    const char *name = json_string_value(json_object_get(names, preset));
    if (name == NULL)
        fail_msg("there is no preset %s", preset);
    struct enforcer_error why;
    struct enforcer_result result;
    char user[128];
    (void)snprintf(user, sizeof user, "who has %s", name);
    const struct enforcer_snapshot *s = enforcer_acquire(enforcer);
    const struct enforcer_tke_request request = {
        .sub = es(str_of(user)), .dom = es(STR("prj-1")), .obj = es(resource), .act = es(action)
    };
    assert_int_equal(enforcer_enforce_tke(s, &request, &result, &why), ENFORCER_OK);
    enforcer_release(enforcer, s);
    return result.outcome == ENFORCER_ALLOW;
}

/* A request as kube-apiserver or the platform would ask about it. */
struct question {
    const char *verb, *subresource; /* NULL: none */
    const struct resource_of_api *r;
};

static struct authz_converted convert(struct arena *a, const struct question *q) {
    struct err err = { 0 };
    const struct str group = STR("cluster:cls-1");
    const struct authz_user user = { .name = STR("x"), .groups = &group, .group_count = 1 };
    bool without_name = strcmp(q->verb, "list") == 0 || strcmp(q->verb, "watch") == 0 ||
                        (strcmp(q->verb, "create") == 0 && q->subresource == NULL) ||
                        strcmp(q->verb, "deletecollection") == 0;
    const struct authz_attributes attributes = { .verb = str_of(q->verb),
                                                 .api_group = str_of(q->r->group),
                                                 .resource = str_of(q->r->plural),
                                                 .subresource = str_of(q->subresource),
                                                 .name = without_name ? STR("") : STR("x1"),
                                                 .namespace = STR("ns1"),
                                                 .is_resource = true };
    const struct authz_request_context context = { 0 };
    struct authz_converted c = { 0 };
    assert_ok(authz_convert(a, &attributes, &context, &user, &c, &err));
    return c;
}

typedef void visit_fn(void *ctx, const struct question *q, struct str action, struct str resource);

/* Every verb on every resource and subresource. */
static void for_each_question(visit_fn *visit, void *ctx) {
    static const char *const verbs[] = { "get",    "list",  "watch",  "create",
                                         "update", "patch", "delete", "deletecollection",
                                         "proxy" };
    for (size_t i = 0; i < ARRAY_LEN(api); i++) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(1024 * 1024);
        for (size_t v = 0; v < ARRAY_LEN(verbs); v++) {
            struct str rest = str_of(api[i].subresources), sub;
            struct question q = { verbs[v], NULL, &api[i] };
            struct authz_converted c = convert(a, &q);
            visit(ctx, &q, c.action, c.resource);
            /* The platform's "/clusters/NAME/KIND" is another matter. */
            while (strcmp(api[i].plural, "clusters") != 0 && rest.len > 0 && str_next(&rest, ',', &sub)) {
                q.subresource = arena_strdup(a, sub);
                c = convert(a, &q);
                visit(ctx, &q, c.action, c.resource);
            }
        }
    }
}

static bool has_reading_verb(const struct question *q) {
    return strcmp(q->verb, "get") == 0 || strcmp(q->verb, "list") == 0 || strcmp(q->verb, "watch") == 0;
}

static bool reads(const struct question *q) {
    static const char *const reaching[] = { "exec",    "attach",   "portforward", "proxy",       "token",
                                            "binding", "eviction", "approval",    "certificate", "password" };
    for (size_t i = 0; i < ARRAY_LEN(reaching); i++)
        if (q->subresource != NULL && strcmp(q->subresource, reaching[i]) == 0)
            return false;
    return has_reading_verb(q);
}

/* ---- readers ---- */

static void must_only_read(void *ctx, const struct question *q, struct str action, struct str resource) {
    const char *preset = ctx;
    if ((reads(q) && (q->r->flags & SECRET) == 0) || !asks(preset, action, resource))
        return;
    fail_msg("%s gives %.*s on %.*s", preset, STR_FMT(action), STR_FMT(resource));
}

static void readers_change_nothing_reach_nothing_and_see_no_secrets(void **state) {
    (void)state;
    static const char *const readers[] = {
        "pol-acme-readonly", "pol-platform-viewer", "pol-acme-project-viewer",
        "pol-acme-viewer",   "rol-acme-viewer",     "rol-platform-viewer",
        "ChartPullFake"
    };
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        for_each_question(must_only_read, (void *)(uintptr_t)readers[i]);
}

struct coverage {
    const char *preset;
    const enum topic *topics; /* ends with T_NONE; NULL: all */
};

static bool has_topic(const struct coverage *c, enum topic topic) {
    for (const enum topic *t = c->topics; t != NULL && *t != T_NONE; t++)
        if (*t == topic)
            return true;
    return c->topics == NULL && topic != T_NONE;
}

static void must_see(void *ctx, const struct question *q, struct str action, struct str resource) {
    const struct coverage *c = ctx;
    bool plain = q->subresource == NULL && (strcmp(q->verb, "get") == 0 || strcmp(q->verb, "list") == 0);
    if (plain && has_topic(c, q->r->topic) && (q->r->flags & SECRET) == 0 &&
        !asks(c->preset, action, resource))
        fail_msg("%s does not give %.*s on %.*s", c->preset, STR_FMT(action), STR_FMT(resource));
}

/* ---- those who have a topic in full ---- */

static const struct {
    const char *preset;
    enum topic topic;
    /* Changing verbs on other topics that belong to it all the same. */
    const char *also[8];
} in_full[] = {
    { "VolumeFullAccess", T_VOLUME, { 0 } },
    { "NetworkFullAccess", T_NETWORK, { 0 } },
    { "AddonFullAccess", T_ADDON, { 0 } },
    { "MonitorFullAccess", T_MONITOR, { 0 } },
    { "NotifyFullAccess", T_NOTIFY, { 0 } },
    { "RegistryFullAccess", T_REGISTRY, { 0 } },
    { "ClusterFullAccess", T_CLUSTER, { 0 } },
    { "AuthFullAccess", T_AUTH, { "createProjectUsers", "createProjectGroups" } },
    { "ProjectFullAccess", T_PROJECT, { "projectpolicybinding", "PolicyProject" } },
    { "ConfigFullAccess", T_CONFIG, { 0 } },
    { "ApplicationFullAccess", T_WORK, { 0 } },
    { "AppFullAccess", T_APP, { 0 } },
    { "ProjectVolumeAccess", T_VOLUME, { 0 } },
    { "ProjectNetworkAccess", T_NETWORK, { 0 } },
    { "ProjectMonitorAccess", T_MONITOR, { 0 } },
    { "ProjectNotifyAccess", T_NOTIFY, { 0 } },
    { "ProjectRegistryAccess", T_REGISTRY, { 0 } },
    { "ProjectProjectAccess", T_PROJECT, { 0 } },
    { "ProjectConfigAccess", T_CONFIG, { 0 } },
};

static bool contains_nocase(struct str s, const char *part) {
    struct str p = str_of(part);
    for (size_t i = 0; i + p.len <= s.len; i++)
        if (str_eq_nocase(str_sub(s, i, p.len), p))
            return true;
    return false;
}

static void must_stay_in_topic(void *ctx, const struct question *q, struct str action, struct str resource) {
    size_t i = *(const size_t *)ctx;
    bool within = q->r->topic == in_full[i].topic && !((q->r->flags & READABLE) != 0 && !reads(q));
    for (const char *const *also = in_full[i].also; *also != NULL; also++)
        within = within || contains_nocase(action, *also);
    bool harmless = reads(q) && (q->r->flags & SECRET) == 0;
    if (!within && !harmless && asks(in_full[i].preset, action, resource))
        fail_msg("%s gives %.*s on %.*s", in_full[i].preset, STR_FMT(action), STR_FMT(resource));
}

static void must_have_all(void *ctx, const struct question *q, struct str action, struct str resource) {
    size_t i = *(const size_t *)ctx;
    bool wanted = q->r->topic == in_full[i].topic && q->subresource == NULL &&
                  strcmp(q->verb, "proxy") != 0 && (reads(q) || (q->r->flags & READABLE) == 0);
    /* Nobody watches what is made when asked for, and these are few. */
    bool rare = strcmp(q->verb, "watch") == 0 && (q->r->flags & READABLE) != 0;
    if (wanted && !rare && !asks(in_full[i].preset, action, resource))
        fail_msg("%s does not give %.*s on %.*s", in_full[i].preset, STR_FMT(action), STR_FMT(resource));
}

static void full_access_is_all_of_its_topic_and_nothing_else(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(in_full); i++) {
        for_each_question(must_stay_in_topic, &i);
        if (str_ends_with(str_of(in_full[i].preset), STR("FullAccess")))
            for_each_question(must_have_all, &i);
    }
}

/* ---- who may touch permissions ---- */

static const struct {
    const char *preset;
    const char *may[12]; /* parts of actions that change users or permissions */
} near_permissions[] = {
    { "pol-acme-platform", { "createLocalidentityPassword" } },
    { "rol-acme-member", { "createLocalidentityPassword" } },
    { "pol-platform-user-manager",
      { "createLocalidentity", "updateLocalidentity", "deleteLocalidentity", "proxyLocalidentity",
        "createLocalgroup", "updateLocalgroup", "deleteLocalgroup", "proxyLocalgroup" } },
    { "pol-acme-project-member", { 0 } },
    { "pol-acme-project-owner",
      { "projectpolicybinding", "createPolicyProject", "createRole", "updateRole", "deleteRole" } },
    { "ChartFullFake", { 0 } },
    { "ChartGroupFullFake", { 0 } },
};

static void must_not_touch(void *ctx, const struct question *q, struct str action, struct str resource) {
    size_t i = *(const size_t *)ctx;
    if (q->r->topic != T_AUTH || has_reading_verb(q))
        return;
    for (const char *const *may = near_permissions[i].may; *may != NULL; may++)
        if (contains_nocase(action, *may))
            return;
    if (asks(near_permissions[i].preset, action, resource))
        fail_msg("%s gives %.*s on %.*s", near_permissions[i].preset, STR_FMT(action), STR_FMT(resource));
}

static void others_do_not_touch_users_and_permissions(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(near_permissions); i++)
        for_each_question(must_not_touch, &i);
}

static void what_people_need_is_there(void **state) {
    (void)state;
    static const enum topic of_viewer[] = { T_WORK, T_NETWORK, T_VOLUME, T_CONFIG, T_APP, T_NONE };
    const struct coverage all_readable[] = { { "pol-acme-project-viewer", of_viewer },
                                             { "pol-acme-project-member", of_viewer },
                                             { "pol-acme-readonly", of_viewer } };
    /* Kinds few people ever look at. */
    static const char *const rare[] = {
        "podtemplate",  "controllerrevision", "podpreset", "replicationcontroller", "poddisruptionbudget",
        "ingressclass", "endpointslice",      "lbcf",      "volumeattachment",      "globalnetworkpolic"
    };
    for (size_t i = 0; i < ARRAY_LEN(all_readable); i++) {
        for (size_t k = 0; k < ARRAY_LEN(api); k++) {
            AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024);
            bool is_rare = false;
            for (size_t n = 0; n < ARRAY_LEN(rare); n++)
                is_rare = is_rare || contains_nocase(str_of(api[k].plural), rare[n]);
            const struct question get = { "get", NULL, &api[k] }, list = { "list", NULL, &api[k] };
            struct authz_converted c = convert(a, &get);
            struct coverage cover = all_readable[i];
            if (is_rare)
                continue;
            must_see(&cover, &get, c.action, c.resource);
            c = convert(a, &list);
            must_see(&cover, &list, c.action, c.resource);
        }
    }
}

/* ---- one by one ---- */

static const struct {
    const char *preset, *action, *resource;
    bool allowed;
} rows[] = {
    /* who may do everything */
    { "pol-acme-administrator", "createPolicyBinding", "policy:pol-1", true },
    { "AdministratorAccess", "deleteCluster", "cluster:cls-1", true },
    { "pol-platform-administrator", "deleteIdentityprovider", "identityprovider:acme", true },
    { "rol-acme-administrator", "createPodExec", "cluster:c/namespace:n/pod:p", true },
    { "rol-platform-administrator", "updateClient", "client:x", true },
    /* the console */
    { "pol-acme-viewer", "listPortal", "portal", true },
    { "pol-acme-viewer", "listPods", "pod:*", false },
    { "pol-acme-viewer", "getPolicy", "policy:x", false },
    { "pol-acme-viewer", "createLocalidentityPassword", "localidentity:usr-1", false },
    { "rol-acme-member", "listPortal", "portal", true },
    { "rol-acme-viewer", "listPortal", "portal", true },
    /* looking */
    { "pol-acme-readonly", "getPod", "cluster:c/namespace:n/pod:p", true },
    { "pol-acme-readonly", "getPodLog", "cluster:c/namespace:n/pod:p", true },
    { "pol-acme-readonly", "listDeployments", "cluster:c/namespace:n/deployment:*", true },
    { "pol-acme-readonly", "watchStatefulset", "cluster:c/namespace:n/statefulset:*", true },
    { "pol-acme-readonly", "listPolicies", "policy:*", true },
    { "pol-acme-readonly", "listPolicyUsers", "policy:pol-1", true },
    { "pol-acme-readonly", "listNodes", "cluster:c/node:*", true },
    { "pol-acme-readonly", "createApikeyToken", "apikey:default", false },
    { "pol-acme-readonly", "createApikeyPassword", "apikey:default", false },
    { "pol-acme-readonly", "listApikeyToken", "apikey:default", false },
    { "pol-acme-readonly", "getPodExec", "cluster:c/namespace:n/pod:p", false },
    { "pol-acme-readonly", "listPodExec", "cluster:c/namespace:n/pod:p", false }, /* GET pods/p/exec */
    { "pol-acme-readonly", "watchPodExec", "cluster:c/namespace:n/pod:p", false },
    { "pol-acme-readonly", "listPodAttach", "cluster:c/namespace:n/pod:p", false },
    { "pol-acme-readonly", "listPodPortforward", "cluster:c/namespace:n/pod:p", false },
    { "pol-acme-readonly", "getPodProxy", "cluster:c/namespace:n/pod:p", false },
    { "pol-acme-readonly", "getServiceProxy", "cluster:c/namespace:n/service:s", false },
    { "pol-acme-readonly", "getNodeProxy", "cluster:c/node:n", false },
    { "pol-acme-readonly", "getClusterProxy", "cluster:c", false },
    { "pol-acme-readonly", "proxyService", "cluster:c/namespace:n/service:s", false },
    { "pol-acme-readonly", "getSecret", "cluster:c/namespace:n/secret:s", false },
    { "pol-acme-readonly", "listSecrets", "cluster:c/namespace:n/secret:*", false },
    { "pol-acme-readonly", "watchSecret", "cluster:c/namespace:n/secret:*", false },
    { "pol-acme-readonly", "getClustercredential", "clustercredential:cc-1", false },
    { "pol-acme-readonly", "listClustercredentials", "clustercredential:*", false },
    { "pol-acme-readonly", "listNamespaceCertificate", "project:p/namespace:n", false },
    { "pol-acme-readonly", "listServiceaccountToken", "cluster:c/namespace:n/serviceaccount:s", false },
    { "pol-acme-readonly", "createServiceaccountToken", "cluster:c/namespace:n/serviceaccount:s", false },
    { "pol-acme-readonly", "post", "/apis/foo", false },
    { "pol-platform-viewer", "getIdentityprovider", "identityprovider:acme", true },
    { "pol-platform-viewer", "updateIdentityprovider", "identityprovider:acme", false },
    { "pol-platform-viewer", "createApikeyToken", "apikey:default", false },
    { "pol-platform-viewer", "listPodExec", "cluster:c/namespace:n/pod:p", false },
    { "rol-acme-viewer", "createApikeyToken", "apikey:default", false },
    { "rol-acme-viewer", "getPod", "cluster:c/namespace:n/pod:p", true },
    { "rol-acme-viewer", "deletePod", "cluster:c/namespace:n/pod:p", false },
    /* users of all tenants */
    { "rol-platform-user-manager", "createLocalidentity", "localidentity:*", true },
    { "rol-platform-user-manager", "listLocalidentities", "localidentity:*", true },
    { "rol-platform-user-manager", "updateLocalidentityStatus", "localidentity:usr-1", true },
    { "rol-platform-user-manager", "deleteLocalidentity", "localidentity:usr-1", true },
    { "rol-platform-user-manager", "createLocalgroupBinding", "localgroup:grp-1", true },
    { "rol-platform-user-manager", "updateLocalidentityFinalize", "localidentity:usr-1", false },
    { "rol-platform-user-manager", "updateLocalgroupFinalize", "localgroup:grp-1", false },
    { "rol-platform-user-manager", "createPolicyBinding", "policy:pol-1", false },
    { "rol-platform-user-manager", "createPolicy", "policy:*", false },
    { "rol-platform-user-manager", "updatePolicy", "policy:pol-1", false },
    { "rol-platform-user-manager", "updatePolicyStatus", "policy:pol-1", false },
    { "rol-platform-user-manager", "createRoleBinding", "role:rol-1", false },
    { "rol-platform-user-manager", "createRolePolicybinding", "role:rol-1", false },
    { "rol-platform-user-manager", "updateRole", "role:rol-1", false },
    { "rol-platform-user-manager", "updateRoleStatus", "role:rol-1", false },
    { "rol-platform-user-manager", "createProjectBinding", "project:p", false },
    { "rol-platform-user-manager", "createProjectpolicybinding", "projectpolicybinding:*", false },
    { "rol-platform-user-manager", "createCustompolicybinding", "custompolicybinding:*", false },
    { "rol-platform-user-manager", "updateIdentityprovider", "identityprovider:acme", false },
    { "rol-platform-user-manager", "createApikeyToken", "apikey:default", false },
    { "rol-platform-user-manager", "getSecret", "cluster:c/namespace:n/secret:s", false },
    /* users of the platform */
    { "pol-acme-platform", "createCluster", "cluster:*", true },
    { "pol-acme-platform", "createProject", "project:*", true },
    { "pol-acme-platform", "createPodExec", "cluster:c/namespace:n/pod:p", true },
    { "pol-acme-platform", "createLocalidentityPassword", "localidentity:usr-1", true },
    { "rol-acme-member", "createLocalidentityPassword", "localidentity:usr-1", true },
    { "rol-acme-member", "updateLocalidentity", "localidentity:usr-1", false },
    { "rol-acme-member", "updateLocalidentityStatus", "localidentity:usr-1", false },
    { "pol-acme-platform", "createLocalidentity", "localidentity:*", false },
    { "pol-acme-platform", "createPolicyBinding", "policy:pol-1", false },
    { "pol-acme-platform", "createRolebinding", "cluster:c/namespace:n/rolebinding:*", false },
    { "pol-acme-platform", "createClusterrolebinding", "cluster:c/clusterrolebinding:*", false },
    { "pol-acme-platform", "createServiceaccountToken", "cluster:c/namespace:n/serviceaccount:s", false },
    { "pol-acme-platform", "createApply", "cluster:c/apply:*", false },
    { "pol-acme-platform", "updatePlatform", "platform:p", false },
    { "pol-acme-platform", "createProjectBinding", "project:p", false },
    /* patterns of TKEStack that gave more than their names say */
    { "ApplicationFullAccess", "createBinding", "cluster:c/namespace:n/binding:*", false },
    { "ApplicationFullAccess", "createPolicyBinding", "policy:pol-1", false },
    { "ApplicationFullAccess", "createPodsecuritypolicy", "cluster:c/podsecuritypolicy:*", false },
    { "ApplicationFullAccess", "createTappcontroller", "tappcontroller:*", false },
    { "AppFullAccess", "createApply", "cluster:c/apply:*", false },
    { "AppFullAccess", "createTapp", "cluster:c/namespace:n/tapp:*", false },
    { "AppFullAccess", "createApp", "app:*", true },
    { "NetworkFullAccess", "createServiceaccount", "cluster:c/namespace:n/serviceaccount:*", false },
    { "NetworkFullAccess", "createApiservice", "cluster:c/apiservice:*", false },
    { "NotifyFullAccess", "createPodtemplate", "cluster:c/namespace:n/podtemplate:*", false },
    { "MonitorFullAccess", "createMetric", "metric:*", true },
    { "ClusterFullAccess", "createClusterrolebinding", "cluster:c/clusterrolebinding:*", false },
    { "ClusterFullAccess", "createPod", "cluster:c/namespace:n/pod:*", false },
    { "RegistryFullAccess", "createNamespace", "namespace:*", false },
    { "AuthFullAccess", "createNetworkpolicy", "cluster:c/namespace:n/networkpolicy:*", false },
    { "AuthFullAccess", "createChartgroup", "chartgroup:*", false },
    { "AuthFullAccess", "createRoleBinding", "role:rol-1", true },
    { "ProjectFullAccess", "createPolicyBinding", "policy:pol-1", false },
    { "ProjectFullAccess", "createRegistrynamespace", "registrynamespace:*", false },
    { "AddonFullAccess", "createEvent", "cluster:c/namespace:n/event:*", false },
    /* projects */
    { "pol-acme-project-viewer", "getPod", "cluster:c/namespace:n/pod:p", true },
    { "pol-acme-project-viewer", "getPodLog", "cluster:c/namespace:n/pod:p", true },
    { "pol-acme-project-viewer", "listPods", "cluster:c/namespace:n/pod:*", true },
    { "pol-acme-project-viewer", "listDeploymentPods", "cluster:c/namespace:n/deployment:d", true },
    { "pol-acme-project-viewer", "listProjectUsers", "project:p", true },
    { "pol-acme-project-viewer", "getNamespace", "project:p/namespace:n", true },
    { "pol-acme-project-viewer", "getSecret", "cluster:c/namespace:n/secret:s", false },
    { "pol-acme-project-viewer", "listSecrets", "cluster:c/namespace:n/secret:*", false },
    { "pol-acme-project-viewer", "createPod", "cluster:c/namespace:n/pod:*", false },
    { "pol-acme-project-viewer", "updateDeployment", "cluster:c/namespace:n/deployment:d", false },
    { "pol-acme-project-viewer", "updateDeploymentScale", "cluster:c/namespace:n/deployment:d", false },
    { "pol-acme-project-viewer", "patchPod", "cluster:c/namespace:n/pod:p", false },
    { "pol-acme-project-viewer", "deletePod", "cluster:c/namespace:n/pod:p", false },
    { "pol-acme-project-viewer", "getPodProxy", "cluster:c/namespace:n/pod:p", false },
    { "pol-acme-project-viewer", "listPodExec", "cluster:c/namespace:n/pod:p", false },
    { "pol-acme-project-viewer", "createPodExec", "cluster:c/namespace:n/pod:p", false },
    { "pol-acme-project-viewer", "createMetric", "metric:*", false },
    { "pol-acme-project-viewer", "createApikeyToken", "apikey:default", false },
    { "pol-acme-project-viewer", "createProjectBinding", "project:p", false },
    { "pol-acme-project-viewer", "listPolicies", "policy:*", false },
    { "pol-acme-project-viewer", "listNamespaceCertificate", "project:p/namespace:n", false },
    { "pol-acme-project-member", "createDeployment", "cluster:c/namespace:n/deployment:*", true },
    { "pol-acme-project-member", "createPodExec", "cluster:c/namespace:n/pod:p", true },
    { "pol-acme-project-member", "listPodExec", "cluster:c/namespace:n/pod:p", true },
    { "pol-acme-project-member", "getSecret", "cluster:c/namespace:n/secret:s", true },
    { "pol-acme-project-member", "updateDeploymentScale", "cluster:c/namespace:n/deployment:d", true },
    { "pol-acme-project-member", "deleteNamespace", "project:p/namespace:n", false },
    { "pol-acme-project-member", "updateProject", "project:p", false },
    { "pol-acme-project-member", "createProjectBinding", "project:p", false },
    { "pol-acme-project-member", "createRole", "role:*", false },
    { "pol-acme-project-member", "createServiceaccountToken", "cluster:c/namespace:n/serviceaccount:s",
      false },
    { "pol-acme-project-member", "updateEndpoint", "cluster:c/namespace:n/endpoint:e", false },
    { "pol-acme-project-member", "createNode", "cluster:c/node:*", false },
    { "pol-acme-project-member", "createPersistentvolume", "cluster:c/persistentvolume:*", false },
    { "pol-acme-project-owner", "createPodExec", "cluster:c/namespace:n/pod:p", true },
    { "pol-acme-project-owner", "createProjectBinding", "project:p", true },
    { "pol-acme-project-owner", "createProjectUsers", "project:p", true },
    { "pol-acme-project-owner", "createPolicyProjectbinding", "policy:pol-acme-project-member", true },
    { "pol-acme-project-owner", "deleteProjectpolicybinding", "projectpolicybinding:x", true },
    { "pol-acme-project-owner", "createRole", "role:*", true },
    { "pol-acme-project-owner", "createRolePolicybinding", "role:rol-1", true },
    { "pol-acme-project-owner", "listUsers", "user:*", true },
    { "pol-acme-project-owner", "listGroups", "group:*", true },
    { "pol-acme-project-owner", "createPolicyBinding", "policy:pol-1", false },
    { "pol-acme-project-owner", "createPolicy", "policy:*", false },
    { "pol-acme-project-owner", "updatePolicy", "policy:pol-1", false },
    { "pol-acme-project-owner", "createLocalidentity", "localidentity:*", false },
    { "pol-acme-project-owner", "createProject", "project:*", false },
    { "pol-acme-project-owner", "deleteProject", "project:p", false },
    { "pol-acme-project-owner", "updateIdentityprovider", "identityprovider:acme", false },
    { "pol-acme-network", "createIngress", "cluster:c/namespace:n/ingress:*", true },
    { "pol-acme-network", "createIngressclass", "cluster:c/ingressclass:*", false },
    { "pol-acme-network", "createPod", "cluster:c/namespace:n/pod:*", false },
    { "pol-acme-network", "createGlobalnetworkpolicy", "cluster:c/globalnetworkpolicy:*", false },
    { "pol-acme-config", "getSecret", "cluster:c/namespace:n/secret:s", true },
    { "pol-acme-volume", "createPersistentvolumeclaim", "cluster:c/namespace:n/persistentvolumeclaim:*",
      true },
    { "pol-acme-volume", "createPersistentvolume", "cluster:c/persistentvolume:*", false },
    { "pol-acme-monitor", "createAlarmpolicy", "cluster:c/alarmpolicy:*", true },
    { "pol-acme-notify", "createChannel", "channel:*", true },
    { "pol-acme-registry", "createRepository", "registrynamespace:r/repository:*", true },
    { "pol-acme-project", "updateProject", "project:p", true },
    { "pol-acme-project", "createProjectBinding", "project:p", false },
    /* the registry's: they count only on resources of bindings */
    { "ChartGroupFullFake", "createChartgroup", "chartgroup:cg", false },
    { "ChartGroupFullFake", "createChartgroup", "-", true },
    { "ChartPullFake", "getChart", "-", true },
    { "ChartPullFake", "listChartVersion", "-", true },
    { "ChartPullFake", "deleteChart", "-", false },
    { "ChartFullFake", "deleteChartVersion", "-", true },
    { "ChartGroupPullFake", "getChartgroupStatus", "-", true },
    { "ChartGroupPullFake", "updateChartgroup", "-", false },
};

static void each_of_these_is_decided_so(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (asks(rows[i].preset, str_of(rows[i].action), str_of(rows[i].resource)) != rows[i].allowed)
            fail_msg("%s %s %s on %s", rows[i].preset, rows[i].allowed ? "does not give" : "gives",
                     rows[i].action, rows[i].resource);
}

static void project_policies_count_in_the_project_only(void **state) {
    (void)state;
    struct enforcer_error why;
    struct enforcer_result result;
    const struct enforcer_snapshot *s = enforcer_acquire(enforcer);
    const struct enforcer_tke_request elsewhere = { .sub = enforcer_cstr("who has pol-acme-project-owner"),
                                                    .dom = enforcer_cstr("prj-2"),
                                                    .obj = enforcer_cstr("cluster:c/namespace:n/pod:p"),
                                                    .act = enforcer_cstr("getPod") };
    assert_int_equal(enforcer_enforce_tke(s, &elsewhere, &result, &why), ENFORCER_OK);
    enforcer_release(enforcer, s);
    assert_int_equal(result.outcome, ENFORCER_NO_MATCH);
}

static void every_policy_and_role_of_the_lists_is_there(void **state) {
    (void)state;
    static const char *const wanted[] = {
        "pol-platform-administrator",
        "pol-platform-user-manager",
        "pol-platform-viewer",
        "pol-acme-administrator",
        "pol-acme-platform",
        "pol-acme-viewer",
        "pol-acme-project-owner",
        "pol-acme-project-member",
        "pol-acme-project-viewer",
        "pol-acme-network",
        "pol-acme-monitor",
        "pol-acme-notify",
        "pol-acme-registry",
        "pol-acme-project",
        "pol-acme-volume",
        "pol-acme-config",
        "pol-acme-chart-pull-fake",
        "pol-acme-chart-full-fake",
        "pol-acme-chartgroup-pull-fake",
        "pol-acme-chartgroup-full-fake",
    };
    static const char *const roles[] = {
        "rol-platform-administrator", "rol-platform-user-manager", "rol-platform-viewer",
        "rol-acme-administrator",     "rol-acme-member",           "rol-acme-viewer"
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_true(rig_has(&kind_policy, wanted[i]));
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        assert_true(rig_has(&kind_role, roles[i]));
    assert_int_equal(rig_count(&kind_role, NULL), ARRAY_LEN(roles));
    assert_int_equal(rig_count(&kind_category, NULL), 12);
    assert_int_equal(rig_log_count("default_data_left_out") + rig_log_count("default_data_note"), 0);
}

int main(void) {
#define CASE(f)                                                                                              \
    {                                                                                                        \
        .name = #f, .test_func = (f), .setup_func = setup, .teardown_func = teardown,                        \
        .initial_state = (void *)(uintptr_t) "memory"                                                        \
    }
    const struct CMUnitTest tests[] = {
        CASE(every_policy_and_role_of_the_lists_is_there),
        CASE(readers_change_nothing_reach_nothing_and_see_no_secrets),
        CASE(full_access_is_all_of_its_topic_and_nothing_else),
        CASE(others_do_not_touch_users_and_permissions),
        CASE(what_people_need_is_there),
        CASE(each_of_these_is_decided_so),
        CASE(project_policies_count_in_the_project_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
