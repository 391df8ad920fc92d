/* Policy: what may be done with what, and who may (contract 2.5, 5.2). */
#include "resource/kinds/shared.h"

#include "resource/write.h"

static const char *const effects[] = { "allow", "deny", NULL };
static const char *const types[] = { "custom", "default", NULL };
static const char *const scopes[] = { "platform", "project", NULL };

static const struct field statement_fields[] = {
    { .name = "actions",
      .type = FIELD_STRINGS,
      .flags = FIELD_REQUIRED,
      .max = LIST_MAX,
      .help =
          "Patterns of actions: getCluster, list*, *. '*' stands for anything; letter case does not count." },
    { .name = "resources",
      .type = FIELD_STRINGS,
      .flags = FIELD_REQUIRED,
      .max = LIST_MAX,
      .help = "Patterns of resources: cluster:*, cluster:cls-1/namespace:dev/*, *." },
    { .name = "effect",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .choices = effects,
      .help = "allow, or deny, which wins." },
    { .name = NULL },
};
static const struct field spec_fields[] = {
    FINALIZERS_FIELD("policy"),
    { .name = "displayName",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .max = DISPLAY_NAME_MAX,
      .help = "The name people see." },
    TENANT_FIELD,
    { .name = "category",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .max = 63,
      .help = "Category it is listed under." },
    { .name = "type",
      .type = FIELD_STRING,
      .choices = types,
      .fallback = "custom",
      .help = "custom, or default for those every tenant is given." },
    { .name = "scope",
      .type = FIELD_STRING,
      .choices = scopes,
      .help = "project: given to people within a project, by ProjectPolicyBindings; platform or empty: "
              "everywhere." },
    { .name = "username", .type = FIELD_STRING, .fallback = "admin", .max = 256, .help = "Who made it." },
    { .name = "description", .type = FIELD_STRING, .max = TEXT_MAX, .help = "What it is for." },
    { .name = "statement",
      .type = FIELD_OBJECT,
      .fields = statement_fields,
      .help = "What is allowed or denied." },
    { .name = "conditions",
      .type = FIELD_BYTES,
      .flags = FIELD_OMIT_EMPTY,
      .max = 16384,
      .help = "Kept, not used." },
    { .name = NULL },
};
static const struct field status_fields[] = {
    PHASE_FIELD,
    SUBJECTS_FIELD("users", "Who has it everywhere. Change it with the subresources binding and unbinding."),
    SUBJECTS_FIELD("groups", "Groups that have it everywhere."),
    { .name = NULL },
};
static const struct field fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = spec_fields, .help = "What the policy says." },
    { .name = "status", .type = FIELD_OBJECT, .fields = status_fields, .help = "Whom it was given to." },
    { .name = NULL },
};
static const char *const selectable[] = {
    "spec.tenantID", "spec.username", "spec.category", "spec.scope", "spec.type", "spec.displayName", NULL
};
static const struct column columns[] = {
    { "Display Name", "string", "spec.displayName", false, "The name people see." },
    { "Tenant", "string", "spec.tenantID", false, "The tenant it belongs to." },
    { "Type", "string", "spec.type", false, "custom or default." },
    { "Scope", "string", "spec.scope", false, "project or platform." },
    { "Effect", "string", "spec.statement.effect", false, "allow or deny." },
    { "Category", "string", "spec.category", true, "Category it is listed under." },
    { "Users", "integer", "status.users#", true, "How many users have it." },
    { "Groups", "integer", "status.groups#", true, "How many groups have it." },
    { "Phase", "string", "status.phase", true, "Active or Terminating." },
    { 0 },
};

static void check_patterns(const json_t *object, const char *path, struct refusal *r) {
    const json_t *list = object_at(object, path);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct str pattern = json_str(json_array_get(list, i));
        bool literal = false;
        const char *problem = pattern_problem(pattern, &literal);
        if (problem != NULL)
            refuse_field(r, "FieldValueInvalid", item_path(r, path, i), "Invalid value: \"%.*s\": %s",
                         STR_FMT(str_sub(pattern, 0, 100)), problem);
        else if (literal)
            warn(r,
                 "%s: \"%.*s\": only '*' and '/:name' have a meaning; all other characters are taken as they "
                 "are",
                 item_path(r, path, i), STR_FMT(str_sub(pattern, 0, 100)));
    }
}

static void validate(const struct resource_env *env, const struct resource_write *w, struct refusal *r) {
    (void)env;
    if (w->old == NULL)
        check_platform_name(object_tenant(w->kind, w->object), object_name(w->object), "metadata.name", r);
    check_patterns(w->object, "spec.statement.actions", r);
    check_patterns(w->object, "spec.statement.resources", r);
    size_t actions = json_array_size(object_at(w->object, "spec.statement.actions"));
    size_t resources = json_array_size(object_at(w->object, "spec.statement.resources"));
    if (actions * resources > RESOURCE_RULES_MAX / 2)
        refuse_field(r, "FieldValueTooLong", "spec.statement",
                     "Too long: actions times resources may be %d at most; use wildcards",
                     RESOURCE_RULES_MAX / 2);
    check_subjects(w->kind, w->object, false, r);
}

static enum err_code admit(const struct resource_env *env, struct store_tx *tx, struct resource_write *w,
                           struct refusal *r, struct err *err) {
    (void)env;
    return w->old == NULL ? check_node_name(tx, w->arena, w->kind, object_name(w->object), r, err) : ERR_OK;
}

static enum err_code rules(struct store_tx *tx, struct arena *a, const json_t *object, struct rule_list *out,
                           struct err *err) {
    (void)tx;
    (void)a;
    (void)err;
    struct str name = object_name(object);
    const json_t *actions = object_at(object, "spec.statement.actions"),
                 *resources = object_at(object, "spec.statement.resources");
    struct str effect = object_str_at(object, "spec.statement.effect");
    /* Also without subjects: a policy may be used through roles alone (contract 9.47). */
    for (size_t i = 0; i < json_array_size(actions); i++)
        for (size_t j = 0; j < json_array_size(resources); j++)
            rule_add_policy(out, name, json_str(json_array_get(resources, j)),
                            json_str(json_array_get(actions, i)), effect);
    if (!str_eq(object_str_at(object, "spec.scope"), STR("project")))
        rules_of_subjects(out, &kind_policy, object, name, STR("*"));
    return ERR_OK;
}

/* Custom bindings repeat the policy's actions with resources of their own. */
static enum err_code follow(const struct resource_env *env, struct store_tx *tx,
                            const struct resource_write *w, struct refusal *r, struct err *err) {
    struct str name = object_name(w->object != NULL ? w->object : w->old);
    if (w->object == NULL)
        return cascade_policy(env, tx, w->arena, name, r, err);
    if (w->old == NULL || json_equal(json_object_get(object_at(w->old, "spec"), "statement"),
                                     json_object_get(object_at(w->object, "spec"), "statement")))
        return ERR_OK;
    return refresh_rules(tx, &kind_custom_policy_binding, index_policy(w->arena, name), r, err);
}

const struct kind kind_policy = {
    .kind = "Policy",
    .plural = "policies",
    .singular = "policy",
    .short_name = "pol",
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_SPEC,
    .fields = fields,
    .spec_key = "spec",
    .status_key = "status",
    .generate_prefix = "pol-",
    .finalizer = "policy",
    .phase_deleting = "Terminating",
    .name_is_label = true,
    .selectable = selectable,
    .columns = columns,
    .help = "What may be done with what, and who may.",
    .validate = validate,
    .admit = admit,
    .rules = rules,
    .follow = follow,
};
