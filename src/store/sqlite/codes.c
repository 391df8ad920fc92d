#include "store/sqlite/sqlite.h"

/* Columns 0 to 3 of SQL_CODE_STATE and SQL_CODE_GET. */
static enum err_code read_state(const struct query *q, struct code_state *ret,
                                unsigned char ret_family_id[STORE_ID_SIZE], struct err *err) {
    enum err_code rc = query_col_bytes(q, 0, ret->hash, STORE_HASH_SIZE, err);
    if (rc == ERR_OK)
        rc = query_col_bytes(q, 3, ret_family_id, STORE_ID_SIZE, err);
    ret->used = query_col_i64(q, 1) != 0;
    ret->expires_at = query_col_i64(q, 2);
    return rc;
}

static enum err_code apply_put(struct conn *c, void *args, struct err *err) {
    const struct store_code *code = *(const struct store_code **)args;
    AUTO(query_done) struct query q = query_new(c, SQL_CODE_INSERT);
    query_blob(&q, code->id, STORE_ID_SIZE);
    query_blob(&q, code->hash, STORE_HASH_SIZE);
    query_blob(&q, code->family_id, STORE_ID_SIZE);
    query_i64(&q, code->expires_at);
    query_text(&q, code->body);
    enum err_code rc = query_run(&q, err);
    return rc == ERR_EXISTS ? err_set(err, rc, "a code with this id") : rc;
}

enum err_code sqlite_code_put(struct store *s, const struct store_code *code, struct err *err) {
    return writer_run(sqlite_of(s), apply_put, &code, err);
}

static enum err_code read_code(struct conn *c, struct arena *a, const struct store_code_use *use,
                               enum store_code_outcome *ret_outcome, struct store_code *ret,
                               struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_CODE_GET);
    query_blob(&q, use->id, STORE_ID_SIZE);
    bool row = false;
    enum err_code rc = query_step(&q, &row, err);
    if (rc != ERR_OK)
        return rc;
    struct code_state state = { .used = false };
    struct store_code found = { .expires_at = 0 };
    if (row && (rc = read_state(&q, &state, found.family_id, err)) != ERR_OK)
        return rc;
    enum store_code_outcome outcome = code_decide(row ? &state : NULL, use->hash, use->now);
    if (outcome != STORE_CODE_UNKNOWN) {
        memcpy(found.id, use->id, STORE_ID_SIZE);
        memcpy(found.hash, state.hash, STORE_HASH_SIZE);
        found.expires_at = state.expires_at;
        found.body = arena_str(a, query_col_text(&q, 4));
        if (arena_failed(a))
            return err_set(err, ERR_NOMEM, "a code");
        *ret = found;
    }
    *ret_outcome = outcome;
    return ERR_OK;
}

enum err_code sqlite_code_get(struct store *base, struct arena *a, const struct store_code_use *use,
                              enum store_code_outcome *ret_outcome, struct store_code *ret, struct err *err) {
    struct sqlite_store *s = sqlite_of(base);
    struct conn *c = NULL;
    enum err_code rc = readers_take(s, &c, err);
    if (rc != ERR_OK)
        return rc;
    rc = read_code(c, a, use, ret_outcome, ret, err);
    readers_give(s, c, rc, err);
    return rc;
}

/* ---- consuming ---- */

struct consumption {
    const struct store_code_use *use;
    enum store_code_outcome outcome; /* result */
};

static enum err_code decide(struct conn *c, struct consumption *x, unsigned char ret_family_id[STORE_ID_SIZE],
                            struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_CODE_STATE);
    query_blob(&q, x->use->id, STORE_ID_SIZE);
    bool row = false;
    struct code_state state = { .used = false };
    enum err_code rc = query_step(&q, &row, err);
    if (rc == ERR_OK && row)
        rc = read_state(&q, &state, ret_family_id, err);
    if (rc == ERR_OK)
        x->outcome = code_decide(row ? &state : NULL, x->use->hash, x->use->now);
    return rc;
}

static enum err_code use_code(struct conn *c, const struct store_code_use *use,
                              const unsigned char family_id[STORE_ID_SIZE], struct err *err) {
    if (use->family != NULL) {
        if (memcmp(use->family->id, family_id, STORE_ID_SIZE) != 0)
            return err_set(err, ERR_INVALID, "the family is not the one its code names");
        enum err_code rc = family_insert(c, use->family, err);
        if (rc != ERR_OK)
            return rc;
    }
    AUTO(query_done) struct query q = query_new(c, SQL_CODE_USE);
    query_blob(&q, use->id, STORE_ID_SIZE);
    query_i64(&q, use->replay_until);
    return query_run(&q, err);
}

static enum err_code apply_consume(struct conn *c, void *args, struct err *err) {
    struct consumption *x = args;
    unsigned char family_id[STORE_ID_SIZE] = { 0 };
    enum err_code rc = decide(c, x, family_id, err);
    if (rc != ERR_OK)
        return rc;
    if (x->outcome == STORE_CODE_CONSUMED)
        return use_code(c, x->use, family_id, err);
    if (x->outcome == STORE_CODE_REPLAYED) /* RFC 6749 4.1.2: revoke what the code had given */
        return family_end_by_id(c, family_id, x->use->now, err);
    return ERR_OK;
}

enum err_code sqlite_code_consume(struct store *s, const struct store_code_use *use,
                                  enum store_code_outcome *ret_outcome, struct err *err) {
    struct consumption x = { .use = use };
    enum err_code rc = writer_run(sqlite_of(s), apply_consume, &x, err);
    if (rc == ERR_OK)
        *ret_outcome = x.outcome;
    return rc;
}
