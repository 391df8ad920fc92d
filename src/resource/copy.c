/* A store's objects in another store: to try out there what would become of them. */
#include "resource/index.h"

enum { OBJECT_MEMORY_MAX = 16 * STORE_OBJECT_MAX };

struct copying {
    struct store *to;
    struct arena *arena; /* of one object */
};

static enum err_code copy_one(void *ctx, const struct store_object *o, struct err *err) {
    struct copying *c = ctx;
    struct index_list index = { .arena = c->arena };
    json_t *object = NULL;
    arena_reset(c->arena);
    /* One of an earlier version is found by nothing until resource_migrate has been there. */
    enum err_code rc = json_parse(o->body, &object, err);
    if (rc == ERR_OK && object_metadata(object) != NULL)
        rc = index_of(c->arena, resource_kind(o->kind), object, &index, err);
    if (rc == ERR_OK) {
        const struct store_write w = { .kind = o->kind,
                                       .name = o->name,
                                       .body = o->body,
                                       .secret = o->secret,
                                       .indexes = index.items,
                                       .index_count = index.len,
                                       .expected = STORE_EXPECT_ABSENT };
        rc = store_write(c->to, &w, NULL, err);
    }
    json_decref(object);
    return rc == ERR_OK ? ERR_OK : err_context(err, "%.*s \"%.*s\"", STR_FMT(o->kind), STR_FMT(o->name));
}

enum err_code resource_copy(struct store *from, struct store *to, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(OBJECT_MEMORY_MAX);
    struct copying c = { to, a };
    enum err_code rc = a != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "a copy");
    for (const struct kind *const *k = resource_kinds(); rc == ERR_OK && *k != NULL; k++) {
        const struct store_query q = {
            .kind = str_of((*k)->plural), .each = copy_one, .ctx = &c, .with_secret = true
        };
        if (!(*k)->is_virtual && *k != &kind_rule)
            rc = store_list(from, &q, NULL, err);
    }
    return rc;
}
