/* Role: policies put together, and who has them; of a tenant, or of one of its projects (contract 2.8, 5.2). */
#include "resource/kinds/shared.h"

#include "resource/write.h"

static const struct field spec_fields[] = {
    FINALIZERS_FIELD("role"),
    { .name = "displayName",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .max = DISPLAY_NAME_MAX,
      .help = "The name people see." },
    TENANT_FIELD,
    { .name = "projectID",
      .type = FIELD_STRING,
      .max = 63,
      .help = "The project it counts in; empty: everywhere in the tenant." },
    { .name = "username", .type = FIELD_STRING, .max = 256, .help = "Who made it." },
    { .name = "description", .type = FIELD_STRING, .max = TEXT_MAX, .help = "What it is for." },
    { .name = "policies",
      .type = FIELD_STRINGS,
      .max = LIST_MAX,
      .help = "Names of the policies it puts together." },
    { .name = NULL },
};
static const struct field status_fields[] = {
    PHASE_FIELD,
    SUBJECTS_FIELD("users", "Who has it. Change it with the subresources binding and unbinding."),
    SUBJECTS_FIELD("groups", "Groups that have it."),
    { .name = NULL },
};
static const struct field fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = spec_fields, .help = "What the role is." },
    { .name = "status", .type = FIELD_OBJECT, .fields = status_fields, .help = "Whom it was given to." },
    { .name = NULL },
};
static const char *const selectable[] = { "spec.tenantID", "spec.username", "spec.displayName",
                                          "spec.projectID", NULL };
static const struct column columns[] = {
    { "Display Name", "string", "spec.displayName", false, "The name people see." },
    { "Tenant", "string", "spec.tenantID", false, "The tenant it belongs to." },
    { "Project", "string", "spec.projectID", false, "The project it counts in." },
    { "Policies", "integer", "spec.policies#", false, "How many policies it puts together." },
    { "Users", "integer", "status.users#", false, "How many users have it." },
    { "Groups", "integer", "status.groups#", false, "How many groups have it." },
    { "Phase", "string", "status.phase", true, "Active or Terminating." },
    { 0 },
};

static void validate(const struct resource_env *env, const struct resource_write *w, struct refusal *r) {
    (void)env;
    if (w->old == NULL)
        check_platform_name(object_tenant(w->kind, w->object), object_name(w->object), "metadata.name", r);
    check_subjects(w->kind, w->object, false, r);
    struct str project = object_str_at(w->object, "spec.projectID");
    if (project.len > 0 && name_problem(project, true) != NULL)
        refuse_field(r, "FieldValueInvalid", "spec.projectID", "Invalid value: \"%.*s\": %s",
                     STR_FMT(project), name_problem(project, true));
}

/* Contract 2.8: a missing policy is dropped, another tenant's is an error. */
static enum err_code admit(const struct resource_env *env, struct store_tx *tx, struct resource_write *w,
                           struct refusal *r, struct err *err) {
    (void)env;
    json_t *list = json_object_get(json_object_get(w->object, "spec"), "policies");
    struct str tenant = object_tenant(w->kind, w->object);
    for (size_t i = 0; i < json_array_size(list);) {
        struct str name = json_str(json_array_get(list, i));
        json_t *policy = NULL;
        enum err_code rc = name_problem(name, true) == NULL
                               ? tx_object(tx, w->arena, &kind_policy, name, &policy, err)
                               : ERR_NOT_FOUND;
        if (rc == ERR_NOT_FOUND) {
            warn(r, "spec.policies: there is no policy \"%.*s\"; it was left out",
                 STR_FMT(str_sub(name, 0, 100)));
            (void)json_array_remove(list, i);
            continue;
        }
        if (rc != ERR_OK)
            return rc;
        bool ours = str_eq(object_tenant(&kind_policy, policy), tenant);
        json_decref(policy);
        if (!ours)
            refuse_field(r, "FieldValueInvalid", item_path(r, "spec.policies", i),
                         "Invalid value: \"%.*s\": belongs to another tenant",
                         STR_FMT(str_sub(name, 0, 100)));
        i++;
    }
    if (json_is_array(list) && json_array_size(list) == 0) /* as if none had been named */
        (void)json_object_set_new(json_object_get(w->object, "spec"), "policies", json_null());
    struct str project = object_str_at(w->object, "spec.projectID");
    if (!str_eq(project, object_str_at(w->old, "spec.projectID"))) {
        enum err_code rc = check_project_tenant(tx, w->arena, project, tenant, r, err);
        if (rc != ERR_OK)
            return rc;
    }
    return w->old == NULL ? check_node_name(tx, w->arena, w->kind, object_name(w->object), r, err) : ERR_OK;
}

static void index_role(const json_t *object, struct index_list *out) {
    const json_t *policies = object_at(object, "spec.policies");
    for (size_t i = 0; i < json_array_size(policies); i++)
        index_add(out, index_policy(out->arena, json_str(json_array_get(policies, i))), false);
    struct str project = object_str_at(object, "spec.projectID");
    if (project.len > 0)
        index_add(out, index_project(out->arena, project), false);
}

static enum err_code rules(struct store_tx *tx, struct arena *a, const json_t *object, struct rule_list *out,
                           struct err *err) {
    (void)tx;
    (void)a;
    (void)err;
    struct str name = object_name(object), domain = object_str_at(object, "spec.projectID");
    const json_t *policies = object_at(object, "spec.policies");
    for (size_t i = 0; i < json_array_size(policies); i++)
        rule_add_group(out, name, json_str(json_array_get(policies, i)), domain);
    rules_of_subjects(out, &kind_role, object, name, domain);
    return ERR_OK;
}

const struct kind kind_role = {
    .kind = "Role",
    .plural = "roles",
    .singular = "role",
    .short_name = "rol",
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_SPEC,
    .fields = fields,
    .spec_key = "spec",
    .status_key = "status",
    .generate_prefix = "rol-",
    .finalizer = "role",
    .phase_deleting = "Terminating",
    .selectable = selectable,
    .columns = columns,
    .help = "Policies put together, and who has them.",
    .validate = validate,
    .admit = admit,
    .index = index_role,
    .rules = rules,
};
