#include "resource/index.h"

#include "resource/fields.h"
#include "resource/identity_provider.h"

static struct str joined(struct arena *a, const char *what, struct str first, struct str second) {
    if (second.ptr == NULL)
        return str_of(arena_printf(a, "%s=%.*s", what, STR_FMT(first)));
    return str_of(arena_printf(a, "%s=%.*s/%.*s", what, STR_FMT(first), STR_FMT(second)));
}

struct str index_deleting(struct arena *a) {
    (void)a;
    return STR("deleting");
}

static struct str empty_if_null(struct str s) { return s.ptr != NULL ? s : STR(""); }

struct str index_tenant(struct arena *a, struct str tenant) {
    return joined(a, "tenant", tenant, STR_NULL);
}
struct str index_policy(struct arena *a, struct str policy) {
    return joined(a, "policy", policy, STR_NULL);
}
struct str index_project(struct arena *a, struct str project) {
    return joined(a, "project", project, STR_NULL);
}

struct str index_username(struct arena *a, struct str tenant, struct str username) {
    return joined(a, "username", tenant, empty_if_null(username));
}
struct str index_user(struct arena *a, struct str tenant, struct str id) {
    return joined(a, "user", tenant, empty_if_null(id));
}
struct str index_group(struct arena *a, struct str tenant, struct str id) {
    return joined(a, "group", tenant, empty_if_null(id));
}
struct str index_owner(struct arena *a, struct str tenant, struct str username) {
    return joined(a, "owner", tenant, empty_if_null(username));
}

struct str index_email(struct arena *a, struct str tenant, struct str email) {
    char *lower = arena_strdup(a, email);
    for (size_t i = 0; lower != NULL && i < email.len; i++)
        lower[i] = ascii_lower(lower[i]);
    return joined(a, "email", tenant, (struct str) { lower, lower != NULL ? email.len : 0 });
}

struct str index_digest(struct arena *a, const unsigned char sha256[SHA256_SIZE]) {
    AUTO(strbuf_done) struct strbuf hex = STRBUF(2 * SHA256_SIZE);
    hex_add(&hex, sha256, SHA256_SIZE);
    return joined(a, "digest", strbuf_str(&hex), STR_NULL);
}

void index_add(struct index_list *out, struct str key, bool unique) {
    if (out->failed || key.ptr == NULL || key.len > STORE_INDEX_KEY_MAX) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; out->len <= 64 && i < out->len;
         i++) /* longer lists have their duplicates dropped by the store */
        if (str_eq(out->items[i].key, key))
            return;
    if (out->len == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 8;
        struct store_index *grown = arena_array(out->arena, cap, sizeof *grown);
        if (grown == NULL) {
            out->failed = true;
            return;
        }
        if (out->len > 0)
            memcpy(grown, out->items, out->len * sizeof *grown);
        out->items = grown;
        out->cap = cap;
    }
    out->items[out->len++] = (struct store_index) { key, unique };
}

struct str subject_tenant(struct str object_tenant, struct str *id) {
    const struct str mark = STR("##");
    if (object_tenant.len > 0)
        return object_tenant;
    for (size_t i = 0; i + mark.len <= id->len; i++) {
        if (memcmp(id->ptr + i, mark.ptr, mark.len) != 0)
            continue;
        struct str tenant = str_sub(*id, 0, i);
        *id = str_from(*id, i + mark.len);
        return tenant;
    }
    return STR("");
}

static void add_subjects(struct index_list *out, struct str tenant, const json_t *list, bool groups) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct str id = json_get_str(json_array_get(list, i), "id");
        struct str of = subject_tenant(tenant, &id);
        index_add(out, groups ? index_group(out->arena, of, id) : index_user(out->arena, of, id), false);
    }
}

static bool has_string(const json_t *list, struct str s) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_str(json_array_get(list, i)), s))
            return true;
    return false;
}

/* Marked as deleted, and held by a finalizer of ours: others' are for others to take off. */
static bool waits_for_us(const struct kind *k, const json_t *object) {
    if (!object_is_deleting(object))
        return false;
    if (k == &kind_identity_provider)
        return has_string(json_object_get(object_metadata(object), "finalizers"), STR(IDP_FINALIZER));
    return k->finalizer != NULL &&
           json_array_size(json_object_get(json_object_get(object, k->spec_key), "finalizers")) > 0;
}

enum err_code index_of(struct arena *a, const struct kind *k, const json_t *object, struct index_list *ret,
                       struct err *err) {
    struct index_list list = { .arena = a };
    struct str tenant = object_tenant(k, object);
    if (k->tenancy != TENANCY_PLATFORM)
        index_add(&list, index_tenant(a, tenant), false);
    if (waits_for_us(k, object))
        index_add(&list, index_deleting(a), false);
    struct subject_lists subjects = object_subjects(k, object);
    add_subjects(&list, tenant, subjects.users, false);
    add_subjects(&list, tenant, subjects.groups, true);
    if (k->index != NULL)
        k->index(object, &list);
    if (list.failed)
        return arena_failed(a) ? err_set(err, ERR_NOMEM, "index keys")
                               : err_set(err, ERR_INVALID, "a name that is too long to be found by");
    *ret = list;
    return ERR_OK;
}
