/* The known tenants: replaced as a whole while decisions run. */
#include <stdlib.h>

#include "authz/internal.h"

enum { TENANTS_MEMORY_MAX = 64 * 1024 * 1024 };

static void list_free(struct snapshot *s) {
    struct tenant_list *t = (struct tenant_list *)(void *)s;
    arena_free(t->arena); /* holds the list itself */
}

static const struct str *copy_strs(struct arena *a, const struct str *items, size_t len) {
    struct str *copy = arena_array(a, len + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < len; i++)
        copy[i] = arena_str(a, items[i]);
    return copy;
}

static int by_id(const void *a, const void *b) {
    return str_cmp(((const struct authz_tenant *)a)->id, ((const struct authz_tenant *)b)->id);
}

static const struct authz_tenant *copy_tenants(struct arena *a, const struct authz_tenant *items,
                                               size_t len) {
    struct authz_tenant *copy = arena_array(a, len + 1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++)
        copy[i] = (struct authz_tenant) {
            .id = arena_str(a, items[i].id),
            .administrators = copy_strs(a, items[i].administrators, items[i].administrator_count),
            .administrator_count = items[i].administrator_count,
        };
    qsort(copy, len, sizeof *copy, by_id);
    return copy;
}

enum err_code authz_set_tenants(struct authz *z, const struct authz_tenant *tenants, size_t count,
                                struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(TENANTS_MEMORY_MAX);
    struct tenant_list *t = a != NULL ? arena_alloc(a, sizeof *t) : NULL;
    if (t == NULL)
        return err_set(err, ERR_NOMEM, "tenants");
    snapshot_init(&t->snapshot, list_free);
    t->tenants = (struct tenants) { copy_tenants(a, tenants, count), count, z->options.any_tenant };
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "%zu tenants", count);
    t->arena = STEAL(a);
    snapshot_swap(&z->shared->tenants, &t->snapshot);
    return ERR_OK;
}

bool authz_is_administrator(const struct authz_version *v, struct str tenant, struct str username) {
    const struct tenant_list *t = v->tenants;
    return tenants_have_administrator(&t->tenants, tenant, username);
}

enum err_code authz_ask_rules(const struct authz_version *v, struct arena *a, struct str subject,
                              struct str action, struct str resource, enum authz_outcome *ret,
                              struct err *err) {
    const struct rules *r = v->rules;
    const struct engine_question q = {
        .subject = subject, .domain = STR("*"), .resource = resource, .action = action
    };
    enum engine_verdict verdict = ENGINE_NO_MATCH;
    enum err_code rc = r->engine.ops->enforce(v->engine, a, &q, &verdict, err);
    if (rc == ERR_OK)
        *ret = verdict == ENGINE_ALLOW  ? AUTHZ_ALLOWED
               : verdict == ENGINE_DENY ? AUTHZ_DENIED
                                        : AUTHZ_NO_OPINION;
    return rc;
}
