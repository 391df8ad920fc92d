/* What several kinds have in common. */
#pragma once
#include "resource/fields.h"
#include "resource/index.h"
#include "resource/rule.h"

enum { DISPLAY_NAME_MAX = 255, TEXT_MAX = 1024, TENANT_ID_MAX = 32, LIST_MAX = 1000 };

#define FINALIZERS_FIELD(token)                                                                              \
    {                                                                                                        \
        .name = "finalizers", .type = FIELD_STRINGS, .flags = FIELD_OMIT_EMPTY, .list_type = LIST_SET,       \
        .help = "Always [\"" token "\"] until the server has cleaned up after a deletion."                   \
    }
#define TENANT_FIELD                                                                                         \
    {                                                                                                        \
        .name = "tenantID", .type = FIELD_STRING, .flags = FIELD_IMMUTABLE, .max = 63,                       \
        .help = "The tenant (IdentityProvider) it belongs to; empty: the platform."                          \
    }
#define PHASE_FIELD                                                                                          \
    {                                                                                                        \
        .name = "phase", .type = FIELD_STRING, .flags = FIELD_READ_ONLY | FIELD_OMIT_EMPTY,                  \
        .help = "Active, or Terminating once its deletion was asked for."                                    \
    }
extern const struct field subject_fields[]; /* {"id","name"} */
#define SUBJECTS_FIELD(field_name, text)                                                                     \
    {                                                                                                        \
        .name = (field_name), .type = FIELD_OBJECTS, .fields = subject_fields, .max = RESOURCE_SUBJECTS_MAX, \
        .list_type = LIST_MAP, .list_key = "id", .help = (text)                                              \
    }

/* Subjects of `object` get the role `role` in `domain`. */
void rules_of_subjects(struct rule_list *out, const struct kind *k, const json_t *object, struct str role,
                       struct str domain);
/* Drops repeated ids, keeps the first. Subjects without an id, and "*" where not everybody may be meant, become causes. */
void check_subjects(const struct kind *k, json_t *object, bool everybody_ok, struct refusal *r);
/* "spec.statement.actions[0]"; in the refusal's arena. */
const char *item_path(struct refusal *r, const char *list, size_t i);
/* A pattern of keyMatchCustom: NULL when it is one (and `*ret_literal` says whether it has characters that TKEStack took for a regular
 * expression's), else what is wrong. */
const char *pattern_problem(struct str pattern, bool *ret_literal);
const char *check_tenant_name(const json_t *value);
void set_str(json_t *object, const char *part, const char *key,
             struct str value);                    /* object[part][key] = value */
json_t *part_of(json_t *object, const char *part); /* made when absent */

/* Policies, roles and custom bindings are nodes of one graph by their bare names, over all tenants: `name` must not stand for anything but
 * an object of kind `k` (contract 4.3: whoever is linked to it gets it). Adds a cause when it does. */
MUST_CHECK enum err_code check_node_name(struct store_tx *tx, struct arena *a, const struct kind *k,
                                         struct str name, struct refusal *r, struct err *err);
/* "pol-platform-..." and "rol-platform-..." are the platform's, also while there are none: whoever holds such a role acts in all tenants.
 * Adds a cause to `field` when a tenant's object would be called so. */
void check_platform_name(struct str tenant, struct str name, const char *field, struct refusal *r);
/* Ids that would make a tenant's own policies and roles be called so: "platform", "platform-x". */
bool is_platform_tenant_id(struct str id);
/* A project belongs to the tenant that first had a binding or role in it: another tenant's are refused with a cause, so that nobody gives their
 * people rights in somebody else's project. */
MUST_CHECK enum err_code check_project_tenant(struct store_tx *tx, struct arena *a, struct str project,
                                              struct str tenant, struct refusal *r, struct err *err);
struct str index_node(struct arena *a, struct str name); /* CustomPolicyBinding: its role */
