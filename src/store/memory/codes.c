#include "store/memory/memory.h"

#include <stdlib.h>

void memory_code_free(struct memory_code *c) {
    if (c == NULL)
        return;
    free(c->body);
    free(c);
}
DEFINE_AUTO_FREE(memory_code_free, struct memory_code);

enum err_code memory_code_put(struct store *s, const struct store_code *code, struct err *err) {
    AUTO_FREE(memory_code_free) struct memory_code *c = calloc(1, sizeof *c);
    if (c == NULL || (c->body = str_dup(code->body)) == NULL)
        return err_set(err, ERR_NOMEM, "a code");
    c->body_len = code->body.len;
    memcpy(c->id, code->id, STORE_ID_SIZE);
    memcpy(c->family_id, code->family_id, STORE_ID_SIZE);
    memcpy(c->state.hash, code->hash, STORE_HASH_SIZE);
    c->state.expires_at = c->forget_at = code->expires_at;

    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    if (map_get(&m->codes, memory_key(c->id)) != NULL)
        return err_set(err, ERR_EXISTS, "a code with this id");
    enum err_code rc = map_put(&m->codes, memory_key(c->id), c, NULL, err);
    if (rc != ERR_OK)
        return rc;
    STEAL(c);
    s->writes++;
    return ERR_OK;
}

enum err_code memory_code_get(struct store *s, struct arena *a, const struct store_code_use *use,
                              enum store_code_outcome *ret_outcome, struct store_code *ret, struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    const struct memory_code *c = map_get(&m->codes, memory_key(use->id));
    enum store_code_outcome outcome = code_decide(c != NULL ? &c->state : NULL, use->hash, use->now);
    if (c != NULL && outcome != STORE_CODE_UNKNOWN) {
        struct store_code found = { .expires_at = c->state.expires_at };
        memcpy(found.id, c->id, STORE_ID_SIZE);
        memcpy(found.hash, c->state.hash, STORE_HASH_SIZE);
        memcpy(found.family_id, c->family_id, STORE_ID_SIZE);
        found.body = arena_str(a, (struct str) { c->body, c->body_len });
        if (arena_failed(a))
            return err_set(err, ERR_NOMEM, "a code of %zu bytes", c->body_len);
        *ret = found;
    }
    *ret_outcome = outcome;
    return ERR_OK;
}

static enum err_code use_code(struct memory_store *m, struct memory_code *c, const struct store_code_use *use,
                              struct err *err) {
    if (use->family != NULL) {
        if (memcmp(use->family->id, c->family_id, STORE_ID_SIZE) != 0)
            return err_set(err, ERR_INVALID, "the family is not the one its code names");
        enum err_code rc = memory_family_insert(m, use->family, err);
        if (rc != ERR_OK)
            return rc;
    }
    c->state.used = true;
    c->forget_at = use->replay_until;
    m->base.writes++;
    return ERR_OK;
}

enum err_code memory_code_consume(struct store *s, const struct store_code_use *use,
                                  enum store_code_outcome *ret_outcome, struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    struct memory_code *c = map_get(&m->codes, memory_key(use->id));
    enum store_code_outcome outcome = code_decide(c != NULL ? &c->state : NULL, use->hash, use->now);
    if (c != NULL && outcome == STORE_CODE_CONSUMED) {
        enum err_code rc = use_code(m, c, use, err);
        if (rc != ERR_OK)
            return rc;
    }
    if (c != NULL && outcome == STORE_CODE_REPLAYED) {
        struct memory_family *f = map_get(&m->families, memory_key(c->family_id));
        s->writes += f != NULL && memory_family_end(f, use->now);
    }
    *ret_outcome = outcome;
    return ERR_OK;
}
