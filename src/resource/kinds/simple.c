/* Kinds without rules of their own: Category, ConfigMap, Rule; and the virtual ones: User, Group, Project. */
#include "resource/kinds/shared.h"

/* ---- Category (contract 2.4; the capital of Spec is the platform's) ---- */

static const struct field action_fields[] = {
    { .name = "name",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .max = 253,
      .help = "The action, as policies name it." },
    { .name = "description", .type = FIELD_STRING, .max = TEXT_MAX, .help = "What it does." },
    { .name = NULL },
};
static const struct field category_spec[] = {
    { .name = "displayName",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .max = DISPLAY_NAME_MAX,
      .help = "The name people see." },
    { .name = "description", .type = FIELD_STRING, .max = TEXT_MAX, .help = "What belongs here." },
    { .name = "actions",
      .type = FIELD_OBJECTS,
      .fields = action_fields,
      .max = LIST_MAX,
      .help = "Actions to choose from." },
    { .name = NULL },
};
static const struct field category_fields[] = {
    { .name = "Spec",
      .alias = "spec",
      .type = FIELD_OBJECT,
      .fields = category_spec,
      .help = "The category." },
    { .name = NULL },
};
static const struct column category_columns[] = {
    { "Display Name", "string", "Spec.displayName", false, "The name people see." },
    { "Actions", "integer", "Spec.actions#", false, "How many actions it lists." },
    { 0 },
};

static void category_validate(const struct resource_env *env, const struct resource_write *w,
                              struct refusal *r) {
    (void)env;
    const char *problem = check_tenant_name(json_object_get(object_metadata(w->object), "name"));
    if (w->old == NULL && problem != NULL)
        refuse_field(r, "FieldValueInvalid", "metadata.name", "Invalid value: \"%.*s\": %s",
                     STR_FMT(object_name(w->object)), problem);
}

const struct kind kind_category = {
    .kind = "Category",
    .plural = "categories",
    .singular = "category",
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_PLATFORM,
    .tenants_may_read = true,
    .fields = category_fields,
    .spec_key = "Spec",
    .generate_prefix = "cat-",
    .columns = category_columns,
    .help = "A list of actions, to compose policies of.",
    .validate = category_validate,
};

/* ---- ConfigMap (contract 2.15) ---- */

static const struct field config_map_fields[] = {
    { .name = "data",
      .type = FIELD_STRING_MAP,
      .flags = FIELD_OMIT_EMPTY,
      .max = LIST_MAX,
      .help = "Texts by key." },
    { .name = "binaryData",
      .type = FIELD_BYTES_MAP,
      .flags = FIELD_OMIT_EMPTY,
      .max = LIST_MAX,
      .help = "Base64 by key." },
    { .name = NULL },
};
static const struct column config_map_columns[] = {
    { "Data", "integer", "data#", false, "How many texts it holds." },
    { 0 },
};

const struct kind kind_config_map = {
    .kind = "ConfigMap",
    .plural = "configmaps",
    .singular = "configmap",
    .short_name = "cm",
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_PLATFORM,
    .fields = config_map_fields,
    .columns = config_map_columns,
    .help = "Texts kept for programs, leader elections among them.",
};

/* ---- Rule (contract 2.12): made by policies and bindings, never by hand ---- */

#define VALUE(n)                                                                                             \
    { .name = "v" #n, .type = FIELD_STRING, .flags = FIELD_OMIT_EMPTY, .help = "Field " #n " of the rule." }
static const struct field rule_spec[] = {
    { .name = "ptype",
      .type = FIELD_STRING,
      .help = "p: what a policy or role may do; g: who has a policy or role." },
    VALUE(0),
    VALUE(1),
    VALUE(2),
    VALUE(3),
    VALUE(4),
    VALUE(5),
    VALUE(6),
    { .name = NULL },
};
static const struct field rule_fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = rule_spec, .help = "A line of casbin policy." },
    { .name = NULL },
};
static const char *const rule_selectable[] = { "spec.ptype", "spec.v0", "spec.v1", "spec.v2", "spec.v3",
                                               "spec.v4",    "spec.v5", "spec.v6", NULL };
static const struct column rule_columns[] = {
    { "Type", "string", "spec.ptype", false, "p or g." },
    { "V0", "string", "spec.v0", false, "Field 0." },
    { "V1", "string", "spec.v1", false, "Field 1." },
    { "V2", "string", "spec.v2", false, "Field 2." },
    { "V3", "string", "spec.v3", false, "Field 3." },
    { "V4", "string", "spec.v4", false, "Field 4." },
    { 0 },
};

const struct kind kind_rule = {
    .kind = "Rule",
    .plural = "rules",
    .singular = "rule",
    .short_name = "rul",
    .verbs = RESOURCE_GET | RESOURCE_LIST | RESOURCE_WATCH,
    .tenancy = TENANCY_PLATFORM,
    .fields = rule_fields,
    .spec_key = "spec",
    .selectable = rule_selectable,
    .columns = rule_columns,
    .help = "A line of the permission engine's policy; made by policies, roles, groups and bindings.",
};

/* ---- virtual kinds (contract 2.10, 2.11) ---- */

#define TEXT(field_name, text)                                                                               \
    { .name = (field_name), .type = FIELD_STRING, .help = (text) }
#define EXTRA                                                                                                \
    {                                                                                                        \
        .name = "extra", .type = FIELD_STRING_MAP, .flags = FIELD_OMIT_EMPTY,                                \
        .help = "Whatever else is known."                                                                    \
    }
static const struct field user_spec[] = {
    TEXT("id", "What tells the user apart; also the object's name."),
    TEXT("name", "The login name."),
    TEXT("displayName", "The name people see."),
    TEXT("email", "The e-mail address."),
    TEXT("phoneNumber", "The telephone number."),
    TEXT("tenantID", "The tenant."),
    EXTRA,
    { .name = NULL },
};
static const struct field user_fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = user_spec, .help = "The user." },
    { .name = NULL },
};
static const char *const user_selectable[] = { "spec.tenantID", "spec.username", NULL };
static const struct column user_columns[] = {
    { "User", "string", "spec.name", false, "The login name." },
    { "Display Name", "string", "spec.displayName", false, "The name people see." },
    { "Tenant", "string", "spec.tenantID", false, "The tenant." },
    { "Email", "string", "spec.email", true, "The e-mail address." },
    { 0 },
};
static const struct field group_spec[] = {
    TEXT("id", "What tells the group apart; also the object's name."),
    TEXT("displayName", "The name people see."),
    TEXT("tenantID", "The tenant."),
    TEXT("description", "What it is for."),
    EXTRA,
    { .name = NULL },
};
static const struct field group_status[] = {
    SUBJECTS_FIELD("users", "Its members."),
    { .name = NULL },
};
static const struct field group_fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = group_spec, .help = "The group." },
    { .name = "status", .type = FIELD_OBJECT, .fields = group_status, .help = "Who is in it." },
    { .name = NULL },
};
static const char *const group_selectable[] = { "spec.tenantID", "spec.projectID", NULL };
static const struct column group_columns[] = {
    { "Display Name", "string", "spec.displayName", false, "The name people see." },
    { "Tenant", "string", "spec.tenantID", false, "The tenant." },
    { 0 },
};
static const struct field project_fields[] = {
    TEXT("tenantID", "The tenant."),
    { .name = "members",
      .type = FIELD_STRING_MAP,
      .help = "Names of the users with rights in the project, by id." },
    { .name = "groups",
      .type = FIELD_STRING_MAP,
      .help = "Names of the groups with rights in the project, by id." },
    { .name = NULL },
};
static const struct column project_columns[] = {
    { "Tenant", "string", "tenantID", false, "The tenant." },
    { "Members", "integer", "members#", false, "How many users have rights in it." },
    { "Groups", "integer", "groups#", false, "How many groups have rights in it." },
    { 0 },
};

const struct kind kind_user = {
    .kind = "User",
    .plural = "users",
    .singular = "user",
    .short_name = "user",
    .is_virtual = true,
    .verbs = RESOURCE_GET | RESOURCE_LIST,
    .tenancy = TENANCY_SPEC,
    .fields = user_fields,
    .spec_key = "spec",
    .name_is_free = true,
    .selectable = user_selectable,
    .columns = user_columns,
    .help = "Somebody who can log in: a local identity, or an entry of the tenant's directory.",
};
const struct kind kind_group = {
    .kind = "Group",
    .plural = "groups",
    .singular = "group",
    .short_name = "group",
    .is_virtual = true,
    .verbs = RESOURCE_GET | RESOURCE_LIST,
    .tenancy = TENANCY_SPEC,
    .fields = group_fields,
    .spec_key = "spec",
    .status_key = "status",
    .name_is_free = true,
    .selectable = group_selectable,
    .columns = group_columns,
    .help = "A group of people: a local group, or a group of the tenant's directory.",
};
const struct kind kind_project = {
    .kind = "Project",
    .plural = "projects",
    .singular = "project",
    .is_virtual = true,
    .verbs = RESOURCE_GET | RESOURCE_LIST,
    .tenancy = TENANCY_TOP,
    .fields = project_fields,
    .name_is_free = true,
    .columns = project_columns,
    .help = "Who has rights in a project, made of its ProjectPolicyBindings.",
};

static const struct kind *const kinds[] = {
    &kind_api_key,
    &kind_api_signing_key,
    &kind_category,
    &kind_client,
    &kind_config_map,
    &kind_custom_policy_binding,
    &kind_group,
    &kind_identity_provider,
    &kind_local_group,
    &kind_local_identity,
    &kind_policy,
    &kind_project_policy_binding,
    &kind_project,
    &kind_role,
    &kind_rule,
    &kind_user,
    NULL,
};

const struct kind *const *resource_kinds(void) { return kinds; }

const struct kind *resource_kind(struct str plural) {
    for (size_t i = 0; kinds[i] != NULL; i++)
        if (str_eq(plural, str_of(kinds[i]->plural)))
            return kinds[i];
    return NULL;
}

const struct kind *resource_kind_named(struct str kind_name) {
    for (size_t i = 0; kinds[i] != NULL; i++)
        if (str_eq(kind_name, str_of(kinds[i]->kind)))
            return kinds[i];
    return NULL;
}
