/* ProjectPolicyBinding and CustomPolicyBinding (contract 2.6, 2.7, 5.2). */
#include "resource/kinds/shared.h"

#include "resource/write.h"

/* ---- a project policy, and who has it in one project ---- */

static const struct field project_spec[] = {
    FINALIZERS_FIELD("projectpolicybinding"),
    TENANT_FIELD,
    { .name = "projectID",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED | FIELD_IMMUTABLE,
      .max = 63,
      .help = "The project it counts in." },
    { .name = "policyID",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED | FIELD_IMMUTABLE,
      .max = 63,
      .help = "The policy, of scope project." },
    SUBJECTS_FIELD("users", "Who has the policy in the project."),
    SUBJECTS_FIELD("groups", "Groups that have the policy in the project."),
    { .name = NULL },
};
static const struct field status_fields[] = {
    PHASE_FIELD,
    { .name = NULL },
};
static const struct field project_fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = project_spec, .help = "The binding." },
    { .name = "Status",
      .alias = "status",
      .type = FIELD_OBJECT,
      .fields = status_fields,
      .help = "Its state." },
    { .name = NULL },
};
static const char *const project_selectable[] = { "spec.tenantID", "spec.projectID", "spec.policyID", NULL };
static const struct column project_columns[] = {
    { "Tenant", "string", "spec.tenantID", false, "The tenant it belongs to." },
    { "Project", "string", "spec.projectID", false, "The project it counts in." },
    { "Policy", "string", "spec.policyID", false, "The policy." },
    { "Users", "integer", "spec.users#", false, "How many users have it." },
    { "Groups", "integer", "spec.groups#", false, "How many groups have it." },
    { "Phase", "string", "Status.phase", true, "Active or Terminating." },
    { 0 },
};

/* The policy a binding names, which must be of its tenant; a cause when there is none. */
static enum err_code get_policy(struct store_tx *tx, struct resource_write *w, json_t **ret,
                                struct refusal *r, struct err *err) {
    struct str name = object_str_at(w->object, "spec.policyID");
    json_t *policy = NULL;
    enum err_code rc = name.len > 0 ? tx_object(tx, w->arena, &kind_policy, name, &policy, err)
                                    : ERR_NOT_FOUND;
    if (rc == ERR_OK && !str_eq(object_tenant(&kind_policy, policy), object_tenant(w->kind, w->object))) {
        json_decref(policy);
        rc = ERR_NOT_FOUND;
    }
    if (rc == ERR_NOT_FOUND) {
        refuse_field(r, "FieldValueNotFound", "spec.policyID",
                     "Not found: \"%.*s\": no such policy of the tenant", STR_FMT(name));
        return ERR_OK;
    }
    if (rc == ERR_OK)
        *ret = policy;
    return rc;
}

static enum err_code project_admit(const struct resource_env *env, struct store_tx *tx,
                                   struct resource_write *w, struct refusal *r, struct err *err) {
    (void)env;
    json_t *policy = NULL;
    if (object_is_deleting(w->object))
        return ERR_OK;
    enum err_code rc = get_policy(tx, w, &policy, r, err);
    if (rc == ERR_OK && policy != NULL && !str_eq(object_str_at(policy, "spec.scope"), STR("project")))
        refuse_field(r, "FieldValueInvalid", "spec.policyID",
                     "Invalid value: \"%.*s\": is not of scope project", STR_FMT(object_name(policy)));
    json_decref(policy);
    if (rc == ERR_OK && w->old == NULL)
        rc = check_project_tenant(tx, w->arena, object_str_at(w->object, "spec.projectID"),
                                  object_tenant(w->kind, w->object), r, err);
    return rc;
}

static enum err_code project_prepare(const struct resource_env *env, struct resource_write *w,
                                     struct refusal *r, struct err *err) {
    (void)env;
    (void)err;
    struct str project = object_str_at(w->object, "spec.projectID"),
               policy = object_str_at(w->object, "spec.policyID");
    if (w->old != NULL || project.len == 0 || policy.len == 0)
        return ERR_OK;
    const char *name = arena_printf(r->arena, "%.*s-%.*s", STR_FMT(project), STR_FMT(policy));
    set_str(w->object, "metadata", "name", str_of(name));
    return ERR_OK;
}

static void project_validate(const struct resource_env *env, const struct resource_write *w,
                             struct refusal *r) {
    (void)env;
    struct str project = object_str_at(w->object, "spec.projectID");
    if (project.len > 0 && name_problem(project, true) != NULL)
        refuse_field(r, "FieldValueInvalid", "spec.projectID", "Invalid value: \"%.*s\": %s",
                     STR_FMT(project), name_problem(project, true));
    check_subjects(w->kind, w->object, false, r);
}

static void project_index(const json_t *object, struct index_list *out) {
    index_add(out, index_policy(out->arena, object_str_at(object, "spec.policyID")), false);
    index_add(out, index_project(out->arena, object_str_at(object, "spec.projectID")), false);
}

static enum err_code project_rules(struct store_tx *tx, struct arena *a, const json_t *object,
                                   struct rule_list *out, struct err *err) {
    (void)tx;
    (void)a;
    (void)err;
    rules_of_subjects(out, &kind_project_policy_binding, object, object_str_at(object, "spec.policyID"),
                      object_str_at(object, "spec.projectID"));
    return ERR_OK;
}

const struct kind kind_project_policy_binding = {
    .kind = "ProjectPolicyBinding",
    .plural = "projectpolicybindings",
    .singular = "projectpolicybinding",
    .short_name = "ppb",
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_SPEC,
    .fields = project_fields,
    .spec_key = "spec",
    .status_key = "Status",
    .generate_prefix = "ppb-",
    .finalizer = "projectpolicybinding",
    .phase_deleting = "Terminating",
    .selectable = project_selectable,
    .columns = project_columns,
    .help = "Gives users and groups a policy within one project. Its name is PROJECT-POLICY.",
    .prepare = project_prepare,
    .validate = project_validate,
    .admit = project_admit,
    .index = project_index,
    .rules = project_rules,
};

/* ---- a policy's actions on resources of the binding's own ---- */

static const struct field custom_spec[] = {
    FINALIZERS_FIELD("custompolicybinding"),
    TENANT_FIELD,
    { .name = "domain",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .max = 63,
      .help = "Where it counts: a project, or *." },
    { .name = "lastDomain",
      .type = FIELD_STRING,
      .flags = FIELD_READ_ONLY,
      .max = 63,
      .help = "Where it counted before its domain was changed." },
    { .name = "policyID",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED | FIELD_IMMUTABLE,
      .max = 63,
      .help = "The policy whose actions and effect are taken." },
    { .name = "resources",
      .type = FIELD_STRINGS,
      .flags = FIELD_REQUIRED,
      .max = LIST_MAX,
      .help = "Patterns that stand in for the policy's resources." },
    { .name = "rulePrefix",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED | FIELD_IMMUTABLE,
      .max = 253,
      .help = "Together with the policy's name it is the name of the role." },
    SUBJECTS_FIELD("users", "Who has it; the id * means everybody of the tenant."),
    SUBJECTS_FIELD("groups", "Groups that have it."),
    { .name = NULL },
};
static const struct field custom_fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = custom_spec, .help = "The binding." },
    { .name = "Status",
      .alias = "status",
      .type = FIELD_OBJECT,
      .fields = status_fields,
      .help = "Its state." },
    { .name = NULL },
};
static const char *const custom_selectable[] = { "spec.tenantID", "spec.policyID", "spec.domain",
                                                 "spec.rulePrefix", NULL };
static const struct column custom_columns[] = {
    { "Tenant", "string", "spec.tenantID", false, "The tenant it belongs to." },
    { "Policy", "string", "spec.policyID", false, "The policy." },
    { "Domain", "string", "spec.domain", false, "Where it counts." },
    { "Users", "integer", "spec.users#", false, "How many users have it." },
    { "Groups", "integer", "spec.groups#", false, "How many groups have it." },
    { "Phase", "string", "Status.phase", true, "Active or Terminating." },
    { 0 },
};

static enum err_code custom_prepare(const struct resource_env *env, struct resource_write *w,
                                    struct refusal *r, struct err *err) {
    (void)env;
    (void)r;
    (void)err;
    struct str domain = object_str_at(w->object, "spec.domain"),
               policy = object_str_at(w->object, "spec.policyID");
    if (w->old == NULL) {
        if (policy.len > 0)
            set_str(w->object, "metadata", "name", policy);
        set_str(w->object, "spec", "lastDomain", STR(""));
        return ERR_OK;
    }
    struct str was = object_str_at(w->old, "spec.domain");
    set_str(w->object, "spec", "lastDomain",
            str_eq(domain, was) ? object_str_at(w->old, "spec.lastDomain") : was);
    return ERR_OK;
}

static void custom_validate(const struct resource_env *env, const struct resource_write *w,
                            struct refusal *r) {
    (void)env;
    const json_t *resources = object_at(w->object, "spec.resources");
    for (size_t i = 0; i < json_array_size(resources); i++) {
        struct str pattern = json_str(json_array_get(resources, i));
        bool literal;
        const char *problem = pattern_problem(pattern, &literal);
        if (problem != NULL)
            refuse_field(r, "FieldValueInvalid", item_path(r, "spec.resources", i),
                         "Invalid value: \"%.*s\": %s", STR_FMT(str_sub(pattern, 0, 100)), problem);
    }
    struct str domain = object_str_at(w->object, "spec.domain");
    if (domain.len > 0 && !str_eq(domain, STR("*")) && name_problem(domain, true) != NULL)
        refuse_field(r, "FieldValueInvalid", "spec.domain",
                     "Invalid value: \"%.*s\": must be * or the name of a project", STR_FMT(domain));
    struct str prefix = object_str_at(w->object, "spec.rulePrefix");
    if (str_has_control(prefix) || str_contains(prefix, STR("##")) || !str_is_utf8(prefix))
        refuse_field(r, "FieldValueInvalid", "spec.rulePrefix", "Invalid value: must be text without \"##\"");
    check_subjects(w->kind, w->object, true, r);
}

static struct str role_of(struct arena *a, const json_t *object) {
    return str_of(arena_printf(a, "%.*s-%.*s", STR_FMT(object_str_at(object, "spec.rulePrefix")),
                               STR_FMT(object_str_at(object, "spec.policyID"))));
}

/* Another binding whose prefix and policy are put together to the same name, as "a-b" and "c" beside "a" and "b-c". */
struct sharing {
    const json_t *object;
    bool clash;
};

static enum err_code look_at_sharer(void *ctx, const struct store_object *o, struct err *err) {
    struct sharing *s = ctx;
    json_t *other = NULL;
    enum err_code rc = json_parse(o->body, &other, err);
    if (rc == ERR_OK &&
        (!str_eq(object_str_at(other, "spec.policyID"), object_str_at(s->object, "spec.policyID")) ||
         !str_eq(object_str_at(other, "spec.tenantID"), object_str_at(s->object, "spec.tenantID"))))
        s->clash = true;
    json_decref(other);
    return rc;
}

static enum err_code check_role_name(struct store_tx *tx, struct resource_write *w, struct refusal *r,
                                     struct err *err) {
    struct str role = role_of(w->arena, w->object);
    struct sharing sharing = { .object = w->object };
    check_platform_name(object_tenant(w->kind, w->object), role, "spec.rulePrefix", r);
    const struct store_query q = { .kind = str_of(w->kind->plural),
                                   .key = index_node(w->arena, role),
                                   .each = look_at_sharer,
                                   .ctx = &sharing };
    enum err_code rc = store_tx_list(tx, &q, err);
    if (rc == ERR_OK && sharing.clash)
        refuse_field(r, "FieldValueInvalid", "spec.rulePrefix",
                     "Invalid value: another binding's prefix and policy make the same name \"%.*s\"",
                     STR_FMT(role));
    return rc == ERR_OK ? check_node_name(tx, w->arena, w->kind, role, r, err) : rc;
}

static enum err_code custom_admit(const struct resource_env *env, struct store_tx *tx,
                                  struct resource_write *w, struct refusal *r, struct err *err) {
    (void)env;
    json_t *policy = NULL;
    if (object_is_deleting(w->object))
        return ERR_OK;
    enum err_code rc = get_policy(tx, w, &policy, r, err);
    json_decref(policy);
    return rc == ERR_OK && w->old == NULL ? check_role_name(tx, w, r, err) : rc;
}

static void custom_index(const json_t *object, struct index_list *out) {
    index_add(out, index_policy(out->arena, object_str_at(object, "spec.policyID")), false);
    index_add(out, index_node(out->arena, role_of(out->arena, object)), false);
}

static enum err_code custom_rules(struct store_tx *tx, struct arena *a, const json_t *object,
                                  struct rule_list *out, struct err *err) {
    struct str policy_name = object_str_at(object, "spec.policyID");
    json_t *policy = NULL;
    enum err_code rc = tx_object(tx, a, &kind_policy, policy_name, &policy, err);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc != ERR_OK)
        return rc;
    struct str role = role_of(a, object);
    const json_t *actions = object_at(policy, "spec.statement.actions"),
                 *resources = object_at(object, "spec.resources");
    struct str effect = object_str_at(policy, "spec.statement.effect");
    for (size_t i = 0; i < json_array_size(actions); i++)
        for (size_t j = 0; j < json_array_size(resources); j++)
            rule_add_policy(out, role, json_str(json_array_get(resources, j)),
                            json_str(json_array_get(actions, i)), effect);
    rules_of_subjects(out, &kind_custom_policy_binding, object, role, object_str_at(object, "spec.domain"));
    json_decref(policy);
    return ERR_OK;
}

const struct kind kind_custom_policy_binding = {
    .kind = "CustomPolicyBinding",
    .plural = "custompolicybindings",
    .singular = "custompolicybinding",
    .short_name = "cpb",
    .namespaced = true,
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_SPEC,
    .fields = custom_fields,
    .spec_key = "spec",
    .status_key = "Status",
    .generate_prefix = "cpb-",
    .finalizer = "custompolicybinding",
    .phase_deleting = "Terminating",
    .selectable = custom_selectable,
    .columns = custom_columns,
    .help = "Gives users and groups the actions of a policy on resources of its own.",
    .prepare = custom_prepare,
    .validate = custom_validate,
    .admit = custom_admit,
    .index = custom_index,
    .rules = custom_rules,
};
