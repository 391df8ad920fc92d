#include "resource/kinds/shared.h"

#include "enforcer/enforcer.h"

const struct field subject_fields[] = {
    { .name = "id",
      .type = FIELD_STRING,
      .max = 256,
      .help = "What tells it apart: the object's name, or the directory's." },
    { .name = "name", .type = FIELD_STRING, .max = 256, .help = "The login name; the server looks it up." },
    { .name = NULL },
};

json_t *part_of(json_t *object, const char *part) {
    json_t *there = json_object_get(object, part);
    if (!json_is_object(there)) {
        (void)json_object_set_new(object, part, json_object());
        there = json_object_get(object, part);
    }
    return there;
}

void set_str(json_t *object, const char *part, const char *key, struct str value) {
    (void)json_object_set_new(part_of(object, part), key, json_of_str(value));
}

const char *item_path(struct refusal *r, const char *list, size_t i) {
    const char *path = arena_printf(r->arena, "%s[%zu]", list, i);
    return path != NULL ? path : list;
}

/* ---- subjects ---- */

static void rules_of_list(struct rule_list *out, struct str tenant, const json_t *list, bool groups,
                          struct str role, struct str domain) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct str id = json_get_str(item, "id"), name = json_get_str(item, "name");
        struct str of = subject_tenant(tenant, &id);
        struct str member = groups ? key_of_group(out->arena, of, id) : key_of_user(out->arena, of, name);
        if (groups ? id.len > 0 : name.len > 0)
            rule_add_group(out, member, role, domain);
    }
}

void rules_of_subjects(struct rule_list *out, const struct kind *k, const json_t *object, struct str role,
                       struct str domain) {
    struct str tenant = object_tenant(k, object);
    struct subject_lists s = object_subjects(k, object);
    rules_of_list(out, tenant, s.users, false, role, domain);
    rules_of_list(out, tenant, s.groups, true, role, domain);
}

static void drop_repeated(json_t *list) {
    struct map seen = { 0 };
    struct err ignored;
    for (size_t i = 0; i < json_array_size(list);) {
        struct str id = json_get_str(json_array_get(list, i), "id");
        if (id.len > 0 && map_get(&seen, id) != NULL)
            (void)json_array_remove(list, i);
        else {
            if (id.len > 0 && map_put(&seen, id, list, NULL, &ignored) != ERR_OK)
                break; /* out of memory: the store would still refuse nothing wrong */
            i++;
        }
    }
    map_done(&seen, NULL);
}

static void check_list(json_t *list, const char *path, bool everybody_ok, bool with_tenant,
                       struct refusal *r) {
    drop_repeated(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct str id = json_get_str(item, "id"), bare = id;
        bool no_tenant = with_tenant && subject_tenant(STR(""), &bare).len == 0;
        bool all_ids = str_eq(bare, STR("*")), all_names = str_eq(json_get_str(item, "name"), STR("*"));
        if (id.len == 0)
            refuse_field(r, "FieldValueRequired", item_path(r, path, i),
                         "Required value: id or name is required");
        else if (!everybody_ok && (all_ids || all_names))
            refuse_field(r, "FieldValueInvalid", item_path(r, path, i),
                         "Invalid value: \"*\": everybody can only be named in a CustomPolicyBinding");
        else if (all_ids != all_names) /* everybody would get it, and one would be shown */
            refuse_field(r, "FieldValueInvalid", item_path(r, path, i),
                         "Invalid value: \"*\": must be both id and name, or neither");
        else if (no_tenant)
            refuse_field(r, "FieldValueInvalid", item_path(r, path, i),
                         "Invalid value: \"%.*s\": of the platform's own objects must be TENANT##ID",
                         STR_FMT(id));
    }
}

void check_subjects(const struct kind *k, json_t *object, bool everybody_ok, struct refusal *r) {
    const char *key = kind_subjects_key(k);
    json_t *holder = json_object_get(object, key);
    bool with_tenant = object_tenant(k, object).len == 0;
    static const char *const lists[] = { "users", "groups" };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const char *path = arena_printf(r->arena, "%s.%s", key, lists[i]);
        json_t *list = json_object_get(holder, lists[i]);
        if (path != NULL && json_is_array(list))
            check_list(list, path, everybody_ok, with_tenant, r);
    }
}

/* ---- patterns ---- */

const char *pattern_problem(struct str pattern, bool *ret_literal) {
    static const char special[] = ".+?()[]{}|^$\\";
    bool matched;
    struct enforcer_error why;
    *ret_literal = false;
    if (pattern.len == 0)
        return "must not be empty";
    if (pattern.len > TEXT_MAX)
        return "must have at most 1024 bytes";
    if (!str_is_utf8(pattern) || str_has_control(pattern))
        return "must be text without control characters";
    if (str_trim(pattern).len != pattern.len)
        return "must not begin or end with a blank";
    /* Contract 9.8: an empty segment made TKEStack's matcher loop for ever. */
    if (enforcer_match("keyMatchCustom", (struct enforcer_str) { "x", 1 },
                       (struct enforcer_str) { pattern.ptr, pattern.len }, &matched, &why) != ENFORCER_OK)
        return "must not hold an empty segment: a name has to follow after \"/:\"";
    for (size_t i = 0; i < pattern.len; i++)
        *ret_literal = *ret_literal || memchr(special, pattern.ptr[i], sizeof special - 1) != NULL;
    return NULL;
}

const char *check_tenant_name(const json_t *value) {
    struct str s = json_str(value);
    if (s.len >= 3 && s.len <= TENANT_ID_MAX && name_problem(s, true) == NULL)
        return NULL;
    return "must have 3 to 32 characters: a-z, 0-9 and, not at its ends, '-'";
}

/* ---- nodes of the role graph ---- */

struct str index_node(struct arena *a, struct str name) {
    return str_of(arena_printf(a, "node=%.*s", STR_FMT(name)));
}

static enum err_code note_any(void *ctx, const struct store_object *o, struct err *err) {
    (void)o;
    (void)err;
    *(bool *)ctx = true;
    return ERR_OK;
}

static enum err_code is_taken(struct store_tx *tx, struct arena *a, const struct kind *k, struct str name,
                              bool *taken, struct err *err) {
    struct store_object ignored;
    enum err_code rc = store_tx_get(tx, a, str_of(k->plural), name, &ignored, err);
    *taken = *taken || rc == ERR_OK;
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

enum err_code check_node_name(struct store_tx *tx, struct arena *a, const struct kind *k, struct str name,
                              struct refusal *r, struct err *err) {
    bool taken = false;
    enum err_code rc = ERR_OK;
    if (k != &kind_policy)
        rc = is_taken(tx, a, &kind_policy, name, &taken, err);
    if (rc == ERR_OK && k != &kind_role)
        rc = is_taken(tx, a, &kind_role, name, &taken, err);
    if (rc == ERR_OK && k != &kind_custom_policy_binding) {
        const struct store_query q = { .kind = str_of(kind_custom_policy_binding.plural),
                                       .key = index_node(a, name),
                                       .limit = 1,
                                       .each = note_any,
                                       .ctx = &taken };
        rc = store_tx_list(tx, &q, err);
    }
    if (rc == ERR_OK && taken)
        refuse_field(r, "FieldValueInvalid",
                     k == &kind_custom_policy_binding ? "spec.rulePrefix" : "metadata.name",
                     "Invalid value: \"%.*s\" names a policy, a role or a custom binding already; rules "
                     "could not tell them apart",
                     STR_FMT(name));
    return rc;
}

bool is_platform_tenant_id(struct str id) {
    return str_eq(id, STR("platform")) || str_starts_with(id, STR("platform-"));
}

void check_platform_name(struct str tenant, struct str name, const char *field, struct refusal *r) {
    bool is_platforms = str_starts_with(name, STR("pol-platform-")) ||
                        str_starts_with(name, STR("rol-platform-"));
    if (is_platforms && tenant.len > 0)
        refuse_field(r, "FieldValueForbidden", field,
                     "Forbidden: \"%.*s\": names of policies and roles of the platform are not a tenant's",
                     STR_FMT(name));
}

/* ---- projects ---- */

struct tenancy {
    const struct kind *kind;
    struct str tenant;
    bool foreign;
};

static enum err_code compare_tenant(void *ctx, const struct store_object *o, struct err *err) {
    struct tenancy *t = ctx;
    json_t *object = NULL;
    enum err_code rc = json_parse(o->body, &object, err);
    t->foreign = t->foreign || (rc == ERR_OK && !str_eq(object_tenant(t->kind, object), t->tenant));
    json_decref(object);
    return rc;
}

enum err_code check_project_tenant(struct store_tx *tx, struct arena *a, struct str project,
                                   struct str tenant, struct refusal *r, struct err *err) {
    static const struct kind *const kinds[] = { &kind_project_policy_binding, &kind_role };
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && project.len > 0 && i < ARRAY_LEN(kinds); i++) {
        struct tenancy t = { kinds[i], tenant, false };
        const struct store_query q = { .kind = str_of(kinds[i]->plural),
                                       .key = index_project(a, project),
                                       .limit = 1, /* all are of one tenant, because of this check */
                                       .each = compare_tenant,
                                       .ctx = &t };
        rc = store_tx_list(tx, &q, err);
        if (rc == ERR_OK && t.foreign) {
            refuse_field(r, "FieldValueInvalid", "spec.projectID",
                         "Invalid value: \"%.*s\": is a project of another tenant", STR_FMT(project));
            return ERR_OK;
        }
    }
    return rc;
}
