/* The end of a tenant (contract 9.48). */
#include "resource/identity_provider.h"
#include "resource/rule.h"
#include "resource/write.h"

enum { RULES_AT_ONCE = 2000 };

struct ending {
    const struct resource_env *env;
    struct str tenant;
    size_t limit, removed;
    bool done;
    struct arena *arena;
    struct refusal refusal;
};

/* `object` without our finalizer: false when it was not there. */
static bool take_finalizer_off(json_t *object) {
    json_t *list = json_object_get(json_object_get(object, "metadata"), "finalizers");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(str_of(json_string_value(json_array_get(list, i))), STR(IDP_FINALIZER)))
            return json_array_remove(list, i) == 0;
    return false;
}

/* Nothing of the tenant's is left but itself. */
static enum err_code let_go(struct ending *e, struct store_tx *tx, struct resource_write *w,
                            struct err *err) {
    int64_t revision;
    const json_t *finalizers = json_object_get(object_metadata(w->object), "finalizers");
    e->done = true;
    if (json_array_size(finalizers) == 0)
        return drop_object(e->env, tx, w, &e->refusal, err);
    return put_edited(e->env, tx, w, &revision, &e->refusal, err);
}

/* Parts of its directory's rules, until there were many. */
static enum err_code clear_directory(struct ending *e, struct store_tx *tx, bool *ret_more, struct err *err) {
    size_t removed = 0;
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < RULE_DIRECTORY_PARTS && removed < RULES_AT_ONCE; i++) {
        struct str owner = rule_owner_directory(e->arena, e->tenant, i);
        size_t changed = 0;
        if (owner.ptr == NULL)
            return err_set(err, ERR_NOMEM, "the end of a tenant");
        rc = store_tx_set_owned(tx, RULES_KIND, owner, NULL, 0, &changed, err);
        removed += changed;
    }
    *ret_more = removed >= RULES_AT_ONCE;
    return rc;
}

static enum err_code clear(struct ending *e, struct store_tx *tx, bool *ret_more, struct err *err) {
    enum err_code rc = cascade_tenant(e->env, tx, e->arena, e->tenant, e->limit, &e->removed, &e->refusal,
                                      err);
    *ret_more = e->removed == e->limit;
    if (rc != ERR_OK || *ret_more)
        return rc;
    rc = clear_directory(e, tx, ret_more, err);
    if (rc != ERR_OK || *ret_more)
        return rc;
    return cascade_strangers(e->env, tx, e->arena, e->tenant, &e->refusal, err);
}

static enum err_code end_object(struct ending *e, struct store_tx *tx, const struct store_object *o,
                                const json_t *old, struct err *err) {
    bool more = false;
    json_t *object = json_deep_copy(old);
    struct resource_write w = { .kind = &kind_identity_provider,
                                .arena = e->arena,
                                .old = old,
                                .object = object,
                                .old_revision = o->revision,
                                .trusted = true };
    enum err_code rc = object == NULL ? err_set(err, ERR_NOMEM, "the end of a tenant") : ERR_OK;
    if (rc == ERR_OK && !take_finalizer_off(object))
        e->done = true;
    else if (rc == ERR_OK) {
        if (!object_is_mirror(old))
            rc = clear(e, tx, &more, err);
        if (rc == ERR_OK && !more)
            rc = let_go(e, tx, &w, err);
    }
    json_decref(object);
    return rc;
}

static enum err_code end_in_tx(void *ctx, struct store_tx *tx, struct err *err) {
    struct ending *e = ctx;
    struct store_object o;
    json_t *old = NULL;
    arena_reset(e->arena);
    e->refusal = (struct refusal) { .arena = e->arena };
    e->removed = 0;
    e->done = false;
    enum err_code rc = store_tx_get(tx, e->arena, str_of(kind_identity_provider.plural), e->tenant, &o, err);
    if (rc == ERR_OK)
        rc = json_parse(o.body, &old, err);
    if (rc == ERR_OK && object_is_deleting(old))
        rc = end_object(e, tx, &o, old, err);
    else if (rc == ERR_OK || rc == ERR_NOT_FOUND) {
        e->done = true;
        rc = ERR_OK;
    }
    json_decref(old);
    return rc;
}

enum err_code resource_end_tenant(const struct resource_env *env, struct str tenant, size_t limit,
                                  size_t *ret_removed, bool *ret_done, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(RULES_MEMORY_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "the end of a tenant");
    struct ending e = { .env = env, .tenant = tenant, .limit = limit > 0 ? limit : 1, .arena = a };
    enum err_code rc = store_transact(env->store, end_in_tx, &e, NULL, err);
    if (rc != ERR_OK && e.refusal.status != 0)
        return err_set(err, rc, "%s", e.refusal.message);
    if (rc != ERR_OK)
        return rc;
    *ret_removed = e.removed;
    *ret_done = e.done;
    return ERR_OK;
}
