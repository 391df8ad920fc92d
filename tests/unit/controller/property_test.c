/* Whatever is done to objects, in whatever order, with the controller running, stopping and starting in between: the rules are those that
 * the objects say, and nothing refers to what is gone. TKEAUTH_SEED repeats a run, with TKEAUTH_RUNS=1. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

enum { TENANTS = 3, THINGS = 6, PROJECTS = 3 };

static uint64_t seed, state_of_random;
static size_t done_ops, refused_ops;

static uint64_t roll(uint64_t n) { /* xorshift64* */
    state_of_random ^= state_of_random >> 12;
    state_of_random ^= state_of_random << 25;
    state_of_random ^= state_of_random >> 27;
    return (state_of_random * 2685821657736338717u >> 33) % n;
}

static struct arena *scratch;
#define TEXT(...) arena_printf(scratch, __VA_ARGS__)

static const char *tenant_name(void) { return TEXT("ten%d", (int)roll(TENANTS)); }

/* ---- operations; every one may be refused ---- */

static void settle(enum err_code rc, const struct refusal *r, const struct err *err, const char *what) {
    done_ops += rc == ERR_OK;
    refused_ops += rc != ERR_OK;
    if (rc != ERR_OK && r->status == 0)
        fail_msg("seed %llu: %s: %s: %s", (unsigned long long)seed, what, err_code_name(rc), err->detail);
}

static void create(const struct kind *k, json_t *given) {
    struct err err = { 0 };
    const struct resource_options o = { 0 };
    struct refusal r = { .arena = scratch };
    json_t *made = NULL;
    int64_t revision;
    assert_non_null(given);
    settle(resource_create(&rig.env, k, scratch, given, &o, &made, &revision, &r, &err), &r, &err, k->kind);
    json_decref(made);
    json_decref(given);
}

static void remove_object(const struct kind *k, const char *name, bool at_once) {
    struct err err = { 0 };
    const struct resource_delete o = { .at_once = at_once };
    struct refusal r = { .arena = scratch };
    json_t *gone = NULL;
    int64_t revision;
    bool removed;
    settle(resource_remove(&rig.env, k, scratch, str_of(name), &o, &gone, &revision, &removed, &r, &err), &r,
           &err, "remove");
    json_decref(gone);
}

static json_t *some_users(const char *tenant, const char *prefix) {
    json_t *list = json_array();
    for (uint64_t n = roll(3); n > 0; n--) {
        int i = (int)roll(THINGS);
        (void)json_array_append_new(list, json_pack("{s:o, s:o}", "id",
                                                    json_string(TEXT("%susr-%s-%d", prefix, tenant, i)),
                                                    "name", json_string(TEXT("user%d", i))));
    }
    return list;
}

static json_t *some_groups(const char *tenant, const char *prefix) {
    json_t *list = json_array();
    for (uint64_t n = roll(3); n > 0; n--)
        (void)json_array_append_new(
            list,
            json_pack("{s:o}", "id", json_string(TEXT("%sgrp-%s-%d", prefix, tenant, (int)roll(THINGS)))));
    return list;
}

static json_t *some_strings(const char *what) {
    json_t *list = json_array();
    for (uint64_t n = 1 + roll(3); n > 0; n--)
        (void)json_array_append_new(list, json_string(TEXT("%s%d*", what, (int)roll(5))));
    return list;
}

static json_t *statement(void) {
    return json_pack("{s:o, s:o, s:s}", "actions", some_strings("act"), "resources", some_strings("res:"),
                     "effect", roll(4) ? "allow" : "deny");
}

static const char *policy_name(const char *tenant) { return TEXT("pol-%s-%d", tenant, (int)roll(THINGS)); }

static json_t *some_policies(const char *tenant) {
    json_t *list = json_array();
    for (uint64_t n = roll(4); n > 0; n--)
        (void)json_array_append_new(list, json_string(policy_name(tenant)));
    return list;
}

static void make_tenant(void) {
    create(&kind_identity_provider, json_pack("{s:{s:s}, s:{s:s, s:s}}", "metadata", "name", tenant_name(),
                                              "spec", "name", "T", "type", roll(2) ? "tke" : "ldap"));
}

static void make_identity(const char *t) {
    int i = (int)roll(THINGS);
    json_t *spec = json_pack("{s:s, s:o, s:s, s:s}", "tenantID", t, "username",
                             json_string(TEXT("user%d", i)), "displayName", "U", "hashedPassword",
                             "cGFzc3dvcmQtb2YtbWluZQ==");
    if (roll(3) == 0)
        (void)json_object_set_new(
            spec, "extra",
            json_pack("{s:o}", "policies", json_string(TEXT("%s,%s", policy_name(t), policy_name(t)))));
    create(&kind_local_identity, json_pack("{s:{s:o}, s:o}", "metadata", "name",
                                           json_string(TEXT("usr-%s-%d", t, i)), "spec", spec));
}

static void make_group(const char *t) {
    json_t *spec = json_pack("{s:s, s:s}", "tenantID", t, "displayName", "G");
    if (roll(4) == 0)
        (void)json_object_set_new(spec, "extra", json_pack("{s:s}", "policies", policy_name(t)));
    create(&kind_local_group, json_pack("{s:{s:o}, s:o, s:{s:o}}", "metadata", "name",
                                        json_string(TEXT("grp-%s-%d", t, (int)roll(THINGS))), "spec", spec,
                                        "status", "users", some_users(t, "")));
}

static void make_policy(const char *t, bool of_platform) {
    const char *prefix = of_platform ? TEXT("%s##", t) : "";
    create(&kind_policy,
           json_pack("{s:{s:o}, s:{s:s, s:s, s:s, s:s, s:o}, s:{s:o, s:o}}", "metadata", "name",
                     json_string(of_platform ? TEXT("pol-platform-%d", (int)roll(3)) : policy_name(t)),
                     "spec", "tenantID", of_platform ? "" : t, "displayName", "P", "category", "c", "scope",
                     of_platform || roll(2) ? "" : "project", "statement", statement(), "status", "users",
                     some_users(t, prefix), "groups", some_groups(t, prefix)));
}

static void make_role(const char *t) {
    create(&kind_role,
           json_pack("{s:{s:o}, s:{s:s, s:s, s:o, s:o}, s:{s:o, s:o}}", "metadata", "name",
                     json_string(TEXT("rol-%s-%d", t, (int)roll(THINGS))), "spec", "tenantID", t,
                     "displayName", "R", "projectID",
                     json_string(roll(2) ? "" : TEXT("prj-%d", (int)roll(PROJECTS))), "policies",
                     some_policies(t), "status", "users", some_users(t, ""), "groups", some_groups(t, "")));
}

static void make_project_binding(const char *t) {
    create(&kind_project_policy_binding,
           json_pack("{s:{s:s, s:o, s:s, s:o, s:o}}", "spec", "tenantID", t, "projectID",
                     json_string(TEXT("prj-%d", (int)roll(PROJECTS))), "policyID", policy_name(t), "users",
                     some_users(t, ""), "groups", some_groups(t, "")));
}

/* The registry's bindings name people by their login names, or everybody. */
static json_t *custom_users(const char *t) {
    const char *login = TEXT("user%d", (int)roll(THINGS));
    switch (roll(3)) {
    case 0: return some_users(t, "");
    case 1: return json_pack("[{s:s, s:s}]", "id", login, "name", login);
    default: return json_pack("[{s:s, s:s}]", "id", "*", "name", "*");
    }
}

static void make_custom_binding(const char *t) {
    const char *ns = TEXT("ns%d", (int)roll(2));
    json_t *users = custom_users(t);
    create(&kind_custom_policy_binding,
           json_pack("{s:{s:s}, s:{s:s, s:s, s:s, s:s, s:o, s:o}}", "metadata", "namespace", ns, "spec",
                     "tenantID", t, "domain", roll(2) ? "*" : "prj-0", "policyID", policy_name(t),
                     "rulePrefix", ns, "resources", some_strings("own:"), "users", users));
}

static const struct kind *const kinds[] = {
    &kind_local_identity,         &kind_local_group,          &kind_policy, &kind_role,
    &kind_project_policy_binding, &kind_custom_policy_binding
};

/* The store's name of an object that may be there. */
static const char *some_name(const struct kind *k, const char *t) {
    if (k == &kind_local_identity)
        return TEXT("usr-%s-%d", t, (int)roll(THINGS));
    if (k == &kind_local_group)
        return TEXT("grp-%s-%d", t, (int)roll(THINGS));
    if (k == &kind_role)
        return TEXT("rol-%s-%d", t, (int)roll(THINGS));
    if (k == &kind_project_policy_binding)
        return TEXT("prj-%d-%s", (int)roll(PROJECTS), policy_name(t));
    if (k == &kind_custom_policy_binding)
        return TEXT("ns%d/%s", (int)roll(2), policy_name(t));
    return roll(8) ? policy_name(t) : TEXT("pol-platform-%d", (int)roll(3));
}

static void change_spec(const struct kind *k, json_t *object, const char *t) {
    json_t *spec = json_object_get(object, k->spec_key);
    if (k == &kind_policy)
        (void)json_object_set_new(spec, "statement", statement());
    else if (k == &kind_role) {
        (void)json_object_set_new(spec, "policies", some_policies(t));
        (void)json_object_set_new(spec, "projectID",
                                  json_string(roll(2) ? "" : TEXT("prj-%d", (int)roll(PROJECTS))));
    } else if (k == &kind_project_policy_binding) {
        (void)json_object_set_new(spec, "users", some_users(t, ""));
        (void)json_object_set_new(spec, "groups", some_groups(t, ""));
    } else if (k == &kind_custom_policy_binding) {
        (void)json_object_set_new(spec, "resources", some_strings("own:"));
        (void)json_object_set_new(spec, "domain", json_string(roll(2) ? "*" : "prj-1"));
        (void)json_object_set_new(spec, "users", custom_users(t));
    } else if (k == &kind_local_identity && roll(2))
        (void)json_object_set_new(spec, "extra",
                                  json_pack("{s:s}", "policies", roll(2) ? policy_name(t) : ""));
}

static void update(const struct kind *k, const char *name, const char *t) {
    struct err err = { 0 };
    const struct resource_options o = { .part = roll(4) ? PART_ALL : PART_STATUS };
    struct refusal r = { .arena = scratch };
    struct store_object there;
    json_t *object = NULL, *made = NULL;
    int64_t revision;
    bool removed;
    if (store_get(rig.store, scratch, str_of(k->plural), str_of(name), &there, &err) != ERR_OK)
        return;
    assert_ok(json_parse(there.body, &object, &err));
    change_spec(k, object, t);
    const char *prefix = object_tenant(k, object).len ? "" : TEXT("%s##", t);
    if (kind_subjects_key(k) != NULL && strcmp(kind_subjects_key(k), "status") == 0) {
        json_t *status = json_object_get(object, "status");
        (void)json_object_set_new(status, "users", some_users(t, prefix));
        if (k != &kind_local_group)
            (void)json_object_set_new(status, "groups", some_groups(t, prefix));
    }
    int64_t based_on = there.revision - (roll(20) == 0); /* sometimes stale */
    settle(resource_update(&rig.env, k, scratch, str_of(name), object, based_on, &o, &made, &revision,
                           &removed, &r, &err),
           &r, &err, "update");
    json_decref(made);
    json_decref(object);
}

static void bind_or_unbind(const struct kind *k, const char *name, const char *t) {
    struct err err = { 0 };
    const struct resource_options o = { 0 };
    struct refusal r = { .arena = scratch };
    json_t *made = NULL, *users = some_users(t, ""), *groups = some_groups(t, "");
    int64_t revision;
    settle(resource_bind(&rig.env, k, scratch, str_of(name), users, groups, roll(2), &o, &made, &revision, &r,
                         &err),
           &r, &err, "bind");
    json_decref(made);
    json_decref(users);
    json_decref(groups);
}

static void change_something(void) {
    static const struct kind *const bindable[] = { &kind_policy, &kind_role, &kind_local_group };
    const char *t = tenant_name();
    const struct kind *k = kinds[roll(ARRAY_LEN(kinds))];
    if (roll(2))
        update(k, some_name(k, t), t);
    else {
        k = bindable[roll(ARRAY_LEN(bindable))];
        bind_or_unbind(k, some_name(k, t), t);
    }
}

static void make_something(void) {
    const char *t = tenant_name();
    switch (roll(8)) {
    case 0: make_tenant(); break;
    case 1: make_identity(t); break;
    case 2: make_group(t); break;
    case 3: make_policy(t, roll(5) == 0); break;
    case 4: make_role(t); break;
    case 5: make_project_binding(t); break;
    case 6: make_custom_binding(t); break;
    default: make_policy(t, false); break;
    }
}

static void remove_something(void) {
    const char *t = tenant_name();
    const struct kind *k = kinds[roll(ARRAY_LEN(kinds))];
    if (roll(40) == 0)
        remove_object(&kind_identity_provider, t, false);
    else
        remove_object(k, some_name(k, t), roll(6) == 0);
}

static void let_the_controller_work(void) {
    uint64_t what = roll(30);
    if (what == 0) {
        rig_kill();
        rig_start();
    } else if (what == 1)
        rig_run();
    else if (what == 2)
        clock_advance(&rig.clock, (int64_t)roll(700000));
    else
        (void)rig_step(what % 5 ? CONTROLLER_OBJECTS : CONTROLLER_DIRECTORIES);
}

/* ---- what the rules should be, from the objects alone ---- */

struct lines {
    struct map set; /* line -> itself */
    struct arena *arena;
};

static void add_line(struct lines *l, const char *line) {
    struct err err = { 0 };
    assert_non_null(line);
    assert_ok(map_put(&l->set, str_of(line), l, NULL, &err));
}

static void add_subject_lines(struct lines *l, const json_t *holder, const char *tenant, const char *role,
                              const char *domain) {
    static const char *const lists[] = { "users", "groups" };
    for (size_t g = 0; g < 2; g++) {
        const json_t *list = json_object_get(holder, lists[g]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *item = json_array_get(list, i);
            const char *id = json_string_value(json_object_get(item, "id"));
            const char *name = json_string_value(json_object_get(item, "name")), *mark = strstr(id, "##");
            const char *of = tenant[0] != 0 ? tenant : arena_printf(l->arena, "%.*s", (int)(mark - id), id);
            if (tenant[0] == 0)
                id = mark + 2;
            add_line(l, arena_printf(l->arena, "g, %s##%s##%s, %s, %s", of, g ? "group" : "user",
                                     g ? id : name, role, domain));
        }
    }
}

static void add_statement_lines(struct lines *l, const char *role, const json_t *actions,
                                const json_t *resources, const char *effect) {
    for (size_t i = 0; i < json_array_size(actions); i++)
        for (size_t j = 0; j < json_array_size(resources); j++)
            add_line(l, arena_printf(l->arena, "p, %s, *, %s, %s, %s", role,
                                     json_string_value(json_array_get(resources, j)),
                                     json_string_value(json_array_get(actions, i)), effect));
}

static const char *text_at(struct lines *l, const json_t *object, const char *path) {
    const char *copy = arena_strdup(l->arena, object_str_at(object, path));
    assert_non_null(copy);
    return copy;
}

static void add_policy_lines(struct lines *l, const json_t *o) {
    const char *name = text_at(l, o, "metadata.name");
    add_statement_lines(l, name, object_at(o, "spec.statement.actions"),
                        object_at(o, "spec.statement.resources"), text_at(l, o, "spec.statement.effect"));
    if (strcmp(text_at(l, o, "spec.scope"), "project") != 0)
        add_subject_lines(l, json_object_get(o, "status"), text_at(l, o, "spec.tenantID"), name, "*");
}

static void add_role_lines(struct lines *l, const json_t *o) {
    const char *name = text_at(l, o, "metadata.name"), *project = text_at(l, o, "spec.projectID");
    const char *domain = project[0] != 0 ? project : "*";
    const json_t *policies = object_at(o, "spec.policies");
    for (size_t i = 0; i < json_array_size(policies); i++)
        add_line(l, arena_printf(l->arena, "g, %s, %s, %s", name,
                                 json_string_value(json_array_get(policies, i)), domain));
    add_subject_lines(l, json_object_get(o, "status"), text_at(l, o, "spec.tenantID"), name, domain);
}

static void add_custom_lines(struct lines *l, const json_t *o) {
    const char *policy_id = text_at(l, o, "spec.policyID");
    const char *role = arena_printf(l->arena, "%s-%s", text_at(l, o, "spec.rulePrefix"), policy_id);
    json_t *policy = rig_get(&kind_policy, policy_id);
    if (policy == NULL)
        return;
    add_statement_lines(l, role, object_at(policy, "spec.statement.actions"), object_at(o, "spec.resources"),
                        text_at(l, policy, "spec.statement.effect"));
    add_subject_lines(l, json_object_get(o, "spec"), text_at(l, o, "spec.tenantID"), role,
                      text_at(l, o, "spec.domain"));
    json_decref(policy);
}

static enum err_code add_lines(void *ctx, const struct store_object *object, struct err *err) {
    struct lines *l = ctx;
    json_t *o = NULL;
    assert_int_equal(json_parse(object->body, &o, err), ERR_OK);
    const char *kind = arena_strdup(l->arena, object->kind), *tenant = text_at(l, o, "spec.tenantID");
    if (object_is_deleting(o))
        ;
    else if (strcmp(kind, "policies") == 0)
        add_policy_lines(l, o);
    else if (strcmp(kind, "roles") == 0)
        add_role_lines(l, o);
    else if (strcmp(kind, "localgroups") == 0)
        add_subject_lines(l, json_object_get(o, "status"), tenant,
                          arena_printf(l->arena, "%s##group##%s", tenant, text_at(l, o, "metadata.name")),
                          "*");
    else if (strcmp(kind, "projectpolicybindings") == 0)
        add_subject_lines(l, json_object_get(o, "spec"), tenant, text_at(l, o, "spec.policyID"),
                          text_at(l, o, "spec.projectID"));
    else if (strcmp(kind, "custompolicybindings") == 0)
        add_custom_lines(l, o);
    json_decref(o);
    return ERR_OK;
}

static enum err_code strike_out(void *ctx, const struct store_object *object, struct err *err) {
    struct lines *l = ctx;
    struct rule_view rule;
    AUTO(strbuf_done) struct strbuf line = STRBUF(4096);
    assert_int_equal(rule_read(l->arena, object->body, &rule, err), ERR_OK);
    strbuf_add(&line, rule.ptype);
    for (size_t i = 0; i < rule.len; i++)
        strbuf_addf(&line, ", %.*s", STR_FMT(rule.fields[i]));
    if (str_contains(strbuf_str(&line), STR("##group##dir-")) && map_get(&l->set, strbuf_str(&line)) == NULL)
        return ERR_OK; /* a directory's */
    if (map_remove(&l->set, strbuf_str(&line)) == NULL)
        fail_msg("seed %llu: there is a rule nobody asked for: %s", (unsigned long long)seed,
                 strbuf_c(&line));
    return ERR_OK;
}

static void assert_rules_are_as_objects_say(void) {
    struct err err = { 0 };
    size_t changed = 0, i = 0;
    struct lines l = { .arena = arena_new(256 * 1024 * 1024) };
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++) {
        const struct store_query q = { .kind = str_of((*k)->plural), .each = add_lines, .ctx = &l };
        if (!(*k)->is_virtual && *k != &kind_rule)
            assert_ok(store_list(rig.store, &q, NULL, &err));
    }
    const struct store_query q = { .kind = str_of(kind_rule.plural), .each = strike_out, .ctx = &l };
    assert_ok(store_list(rig.store, &q, NULL, &err));
    const struct map_entry *left = map_next(&l.set, &i);
    if (left != NULL)
        fail_msg("seed %llu: a rule is missing: %s", (unsigned long long)seed, left->key);
    map_done(&l.set, NULL);
    arena_free(l.arena);
    assert_ok(rules_rebuild(&rig.env, &changed, &err));
    if (changed != 0)
        fail_msg("seed %llu: rules_rebuild corrected %zu", (unsigned long long)seed, changed);
}

/* ---- nothing refers to what is gone ---- */

static void must_exist(const struct kind *k, struct str name, const struct store_object *by) {
    if (!rig_has(k, arena_strdup(scratch, name)))
        fail_msg("seed %llu: %.*s %.*s refers to %.*s, which is gone", (unsigned long long)seed,
                 STR_FMT(by->kind), STR_FMT(by->name), STR_FMT(name));
}

static enum err_code check_references(void *ctx, const struct store_object *o, struct err *err) {
    const struct kind *k = ctx;
    json_t *object = NULL;
    assert_int_equal(json_parse(o->body, &object, err), ERR_OK);
    if (object_is_deleting(object))
        fail_msg("seed %llu: %.*s %.*s is still there", (unsigned long long)seed, STR_FMT(o->kind),
                 STR_FMT(o->name));
    struct str policy = object_str_at(object, "spec.policyID");
    if (policy.len > 0)
        must_exist(&kind_policy, policy, o);
    const json_t *policies = object_at(object, "spec.policies");
    for (size_t i = 0; i < json_array_size(policies); i++)
        must_exist(&kind_policy, str_of(json_string_value(json_array_get(policies, i))), o);
    (void)k;
    json_decref(object);
    return ERR_OK;
}

static void assert_nothing_refers_to_what_is_gone(void) {
    struct err err = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct store_query q = { .kind = str_of(kinds[i]->plural),
                                       .each = check_references,
                                       .ctx = (void *)(uintptr_t)kinds[i] };
        assert_ok(store_list(rig.store, &q, NULL, &err));
        assert_int_equal(rig_count(kinds[i], "deleting"), 0);
    }
}

/* Somebody who was there and went is named nowhere any more. The bodies are looked at, not the index, which may be what is wrong. */
struct traces {
    const char *tenant, *id, *login; /* NULL: a group */
};

static enum err_code look_for_traces(void *ctx, const struct store_object *o, struct err *err) {
    const struct traces *t = ctx;
    bool ours = str_contains(o->body, str_of(TEXT("\"tenantID\":\"%s\"", t->tenant)));
    (void)err;
    if (str_contains(o->body, str_of(TEXT("%s\"", t->id))) ||
        (ours && t->login != NULL && str_contains(o->body, str_of(TEXT("\"id\":\"%s\"", t->login)))))
        fail_msg("seed %llu: %s is gone, but %.*s %.*s names it", (unsigned long long)seed, t->id,
                 STR_FMT(o->kind), STR_FMT(o->name));
    return ERR_OK;
}

static void assert_the_departed_are_named_nowhere(const struct traces *t) {
    struct err err = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct store_query q = { .kind = str_of(kinds[i]->plural),
                                       .each = look_for_traces,
                                       .ctx = (void *)(uintptr_t)t };
        assert_ok(store_list(rig.store, &q, NULL, &err));
    }
}

static void everybody_leaves(void) {
    for (int t = 0; t < TENANTS; t++)
        for (int i = 0; i < THINGS; i++) {
            const char *tenant = TEXT("ten%d", t), *user = TEXT("usr-ten%d-%d", t, i),
                       *group = TEXT("grp-ten%d-%d", t, i);
            bool had_user = rig_has(&kind_local_identity, user),
                 had_group = rig_has(&kind_local_group, group);
            if (had_user)
                remove_object(&kind_local_identity, user, false);
            if (had_group)
                remove_object(&kind_local_group, group, false);
            rig_run();
            if (had_user)
                assert_the_departed_are_named_nowhere(&(struct traces) { tenant, user, TEXT("user%d", i) });
            if (had_group)
                assert_the_departed_are_named_nowhere(&(struct traces) { tenant, group, NULL });
        }
}

static void add_directory(void) {
    for (int t = 0; t < TENANTS; t++) {
        struct rig_directory *d = rig_directory(arena_printf(rig.arena, "ten%d", t), false);
        d->groups[0] = (struct rig_group) { "dir-staff", "user0,user1" };
        d->groups[1] = (struct rig_group) { "dir-ops", "user2" };
        d->len = 2;
        d->page = 1;
    }
}

static void one_run(size_t operations) {
    state_of_random = seed * 0x9e3779b97f4a7c15u + 1;
    done_ops = refused_ops = 0;
    add_directory();
    rig_start();
    for (size_t i = 0; i < operations; i++) {
        uint64_t what = roll(10);
        if (what < 4)
            make_something();
        else if (what < 7)
            change_something();
        else if (what < 8)
            remove_something();
        else
            let_the_controller_work();
        arena_reset(scratch);
        if (roll(operations / 20) == 0)
            assert_rules_are_as_objects_say();
    }
    rig_run();
    assert_rules_are_as_objects_say();
    assert_nothing_refers_to_what_is_gone();
    everybody_leaves();
    assert_rules_are_as_objects_say();
    for (int t = 0; t < TENANTS; t++)
        if (rig_has(&kind_identity_provider, TEXT("ten%d", t)))
            remove_object(&kind_identity_provider, TEXT("ten%d", t), false);
    rig_run();
    assert_rules_are_as_objects_say();
    for (int t = 0; t < TENANTS; t++)
        assert_int_equal(rig_count(&kind_identity_provider, NULL), 0);
    assert_true(done_ops > operations / 4);
}

/* TKEAUTH_RUNS: more of them, from TKEAUTH_SEED on. */
static uint64_t number_from(const char *variable, uint64_t fallback) {
    struct err err = { 0 };
    uint64_t n = fallback;
    if (getenv(variable) != NULL)
        assert_ok(parse_u64(str_of(getenv(variable)), 0, UINT64_MAX, &n, &err));
    return n;
}

static void run_with(size_t runs, size_t operations) {
    uint64_t first = number_from("TKEAUTH_SEED", 1000);
    runs = (size_t)number_from("TKEAUTH_RUNS", runs);
    scratch = arena_new(512 * 1024 * 1024);
    for (size_t i = 0; i < runs; i++) {
        seed = first + i;
        one_run(operations);
        print_message("seed %llu: %zu operations, %zu refused\n", (unsigned long long)seed, done_ops,
                      refused_ops);
        if (i + 1 < runs) { /* a store of its own for each */
            void *backend = (void *)(uintptr_t)rig.backend;
            assert_int_equal(rig_teardown(NULL), 0);
            assert_int_equal(rig_setup(&backend), 0);
        }
    }
    arena_free(scratch);
}

static void rules_follow_objects_in_memory(void **state) {
    (void)state;
    run_with(4, 3000);
}

static void rules_follow_objects_on_disk(void **state) {
    (void)state;
    run_with(1, 1500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON(rules_follow_objects_in_memory, "memory"),
        ON(rules_follow_objects_on_disk, "sqlite"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
