/* LocalGroup: local identities put together (contract 2.9, 5.2). */
#include "resource/kinds/shared.h"

#include "resource/write.h"

static const struct field spec_fields[] = {
    FINALIZERS_FIELD("localgroup"),
    { .name = "displayName",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .max = DISPLAY_NAME_MAX,
      .help = "The name people see." },
    TENANT_FIELD,
    { .name = "username", .type = FIELD_STRING, .max = 256, .help = "Who made it." },
    { .name = "description", .type = FIELD_STRING, .max = TEXT_MAX, .help = "What it is for." },
    { .name = "extra",
      .type = FIELD_STRING_MAP,
      .flags = FIELD_OMIT_EMPTY,
      .max = 100,
      .help = "Whatever else. The key policies (ids with commas between) binds the group to these policies "
              "and is not kept." },
    { .name = NULL },
};
static const struct field status_fields[] = {
    PHASE_FIELD,
    SUBJECTS_FIELD("users", "Its members. Change it with the subresources binding and unbinding."),
    { .name = NULL },
};
static const struct field fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = spec_fields, .help = "What the group is." },
    { .name = "status", .type = FIELD_OBJECT, .fields = status_fields, .help = "Who is in it." },
    { .name = NULL },
};
static const char *const selectable[] = { "spec.tenantID", "spec.username", "spec.displayName",
                                          "spec.projectID", NULL };
static const struct column columns[] = {
    { "Display Name", "string", "spec.displayName", false, "The name people see." },
    { "Tenant", "string", "spec.tenantID", false, "The tenant it belongs to." },
    { "Users", "integer", "status.users#", false, "How many members it has." },
    { "Phase", "string", "status.phase", true, "Active or Terminating." },
    { 0 },
};

static void validate(const struct resource_env *env, const struct resource_write *w, struct refusal *r) {
    (void)env;
    check_subjects(w->kind, w->object, false, r);
}

static enum err_code prepare(const struct resource_env *env, struct resource_write *w, struct refusal *r,
                             struct err *err) {
    (void)env;
    (void)r;
    (void)err;
    (void)json_object_del(json_object_get(json_object_get(w->object, "spec"), "extra"), "policies");
    return ERR_OK;
}

static enum err_code rules(struct store_tx *tx, struct arena *a, const json_t *object, struct rule_list *out,
                           struct err *err) {
    (void)tx;
    (void)err;
    struct str key = key_of_group(a, object_tenant(&kind_local_group, object), object_name(object));
    rules_of_subjects(out, &kind_local_group, object, key, STR("*"));
    return ERR_OK;
}

static enum err_code follow(const struct resource_env *env, struct store_tx *tx,
                            const struct resource_write *w, struct refusal *r, struct err *err) {
    const json_t *object = w->object != NULL ? w->object : w->old;
    const struct subject_ref group = { object_tenant(w->kind, object), object_name(object), STR_NULL, true };
    return w->object == NULL ? cascade_subject(env, tx, w->arena, &group, r, err)
                             : follow_extra_policies(env, tx, w, &group, r, err);
}

const struct kind kind_local_group = {
    .kind = "LocalGroup",
    .plural = "localgroups",
    .singular = "localgroup",
    .short_name = "grp",
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_SPEC,
    .fields = fields,
    .spec_key = "spec",
    .status_key = "status",
    .generate_prefix = "grp-",
    .finalizer = "localgroup",
    .phase_deleting = "Terminating",
    .selectable = selectable,
    .columns = columns,
    .help = "Local identities put together, to be given policies and roles at once.",
    .prepare = prepare,
    .validate = validate,
    .rules = rules,
    .follow = follow,
};
