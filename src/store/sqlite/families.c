#include "store/sqlite/sqlite.h"

/* ---- predecessors as one column: entries of generation (4), rotated_at (8), hash, successor, big-endian ---- */
enum { ENTRY_SIZE = 4 + 8 + 2 * STORE_HASH_SIZE };

static unsigned char *put_be(unsigned char *p, uint64_t n, int bytes) {
    for (int i = bytes - 1; i >= 0; i--)
        *p++ = (unsigned char)(n >> (8 * i));
    return p;
}

static uint64_t get_be(const unsigned char *p, int bytes) {
    uint64_t n = 0;
    for (int i = 0; i < bytes; i++)
        n = n << 8 | p[i];
    return n;
}

static size_t known_encode(const struct predecessors *known,
                           unsigned char out[STORE_SUCCESSORS_MAX * ENTRY_SIZE]) {
    unsigned char *p = out;
    for (size_t i = 0; i < known->len; i++) {
        const struct predecessor *e = &known->items[i];
        p = put_be(p, e->generation, 4);
        p = put_be(p, (uint64_t)e->rotated_at, 8);
        memcpy(p, e->hash, STORE_HASH_SIZE);
        memcpy(p + STORE_HASH_SIZE, e->successor, STORE_HASH_SIZE);
        p += (size_t)2 * STORE_HASH_SIZE;
    }
    return known->len * ENTRY_SIZE;
}

static enum err_code known_decode(const struct query *q, int column, struct predecessors *ret,
                                  struct err *err) {
    unsigned char bytes[STORE_SUCCESSORS_MAX * ENTRY_SIZE];
    size_t len = (size_t)sqlite3_column_bytes(q->statement, column);
    if (len == 0)
        return ERR_OK;
    if (len > sizeof bytes || len % ENTRY_SIZE != 0)
        return conn_fail(q->conn, SQLITE_CORRUPT, "predecessors", err);
    enum err_code rc = query_col_bytes(q, column, bytes, len, err);
    if (rc != ERR_OK)
        return rc;
    for (const unsigned char *p = bytes; p < bytes + len; p += ENTRY_SIZE) {
        struct predecessor *e = &ret->items[ret->len++];
        e->generation = (uint32_t)get_be(p, 4);
        e->rotated_at = (int64_t)get_be(p + 4, 8);
        memcpy(e->hash, p + 12, STORE_HASH_SIZE);
        memcpy(e->successor, p + 12 + STORE_HASH_SIZE, STORE_HASH_SIZE);
    }
    return ERR_OK;
}

/* ---- rows ---- */

struct row {
    bool found;
    struct store_family family;
    struct predecessors known;
    int64_t forget_at; /* 0: never */
};

static enum store_refresh_outcome decide(const struct row *r, const struct store_refresh *in,
                                         const struct predecessor **ret) {
    return refresh_decide(r->found ? &r->family : NULL, &r->known, in, ret);
}

/* Columns 0 to 6 of SQL_FAMILY_STATE and SQL_FAMILY_GET. */
static enum err_code read_state(struct query *q, const unsigned char *id, struct row *ret, struct err *err) {
    query_blob(q, id, STORE_ID_SIZE);
    enum err_code rc = query_step(q, &ret->found, err);
    if (rc != ERR_OK || !ret->found)
        return rc;
    struct store_family *f = &ret->family;
    memcpy(f->id, id, STORE_ID_SIZE);
    f->generation = (uint32_t)query_col_i64(q, 1);
    f->revoked = query_col_i64(q, 2) != 0;
    f->expires_at = query_col_i64(q, 3);
    f->idle_expires_at = query_col_i64(q, 4);
    ret->forget_at = query_col_i64(q, 6); /* NULL reads as 0 */
    rc = query_col_bytes(q, 0, f->current_hash, STORE_HASH_SIZE, err);
    return rc == ERR_OK ? known_decode(q, 5, &ret->known, err) : rc;
}

enum err_code family_insert(struct conn *c, const struct store_family *f, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_FAMILY_INSERT);
    query_blob(&q, f->id, STORE_ID_SIZE);
    query_blob(&q, f->current_hash, STORE_HASH_SIZE);
    query_i64(&q, f->generation);
    query_i64(&q, f->revoked);
    query_i64(&q, f->expires_at);
    query_i64(&q, f->idle_expires_at);
    query_i64(&q, f->created_at);
    query_i64(&q, f->last_used_at);
    query_text(&q, f->client_id);
    query_text(&q, f->subject);
    query_text(&q, f->session_id);
    query_text(&q, f->body);
    query_time(&q, family_end(f));
    enum err_code rc = query_run(&q, err);
    return rc == ERR_EXISTS ? err_set(err, rc, "a refresh family with this id") : rc;
}

static enum err_code apply_put(struct conn *c, void *args, struct err *err) {
    return family_insert(c, *(const struct store_family **)args, err);
}

enum err_code sqlite_family_put(struct store *s, const struct store_family *family, struct err *err) {
    return writer_run(sqlite_of(s), apply_put, &family, err);
}

/* ---- revoking ---- */

struct revocation {
    const struct store_family_filter *filter;
    int64_t now;
    size_t count; /* result */
};

static enum err_code apply_revoke(struct conn *c, void *args, struct err *err) {
    struct revocation *r = args;
    const struct store_family_filter *f = r->filter;
    enum sql_id id = f->id != NULL               ? SQL_FAMILY_REVOKE_BY_ID
                     : f->session_id.ptr != NULL ? SQL_FAMILY_REVOKE_BY_SESSION
                     : f->subject.ptr != NULL    ? SQL_FAMILY_REVOKE_BY_SUBJECT
                                                 : SQL_FAMILY_REVOKE_BY_CLIENT;
    AUTO(query_done) struct query q = query_new(c, id);
    query_i64(&q, r->now + STORE_REVOKED_KEPT_S);
    query_blob(&q, f->id, STORE_ID_SIZE);
    query_text_or_null(&q, f->session_id);
    query_text_or_null(&q, f->subject);
    query_text_or_null(&q, f->client_id);
    enum err_code rc = query_run(&q, err);
    r->count = rc == ERR_OK ? (size_t)sqlite3_changes64(c->db) : 0;
    return rc;
}

enum err_code family_end_by_id(struct conn *c, const unsigned char *id, int64_t now, struct err *err) {
    struct revocation r = { .filter = &(struct store_family_filter) { .id = id }, .now = now };
    return apply_revoke(c, &r, err);
}

enum err_code sqlite_family_revoke(struct store *s, const struct store_family_filter *filter, int64_t now,
                                   size_t *ret_count, struct err *err) {
    struct revocation r = { .filter = filter, .now = now };
    enum err_code rc = writer_run(sqlite_of(s), apply_revoke, &r, err);
    if (rc == ERR_OK)
        *ret_count = r.count;
    return rc;
}

/* ---- refreshing ---- */

static enum err_code read_family(struct conn *c, struct arena *a, const struct store_refresh *in,
                                 struct row *ret, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_FAMILY_GET);
    enum err_code rc = read_state(&q, in->family_id, ret, err);
    if (rc != ERR_OK || !ret->found)
        return rc;
    struct store_family *f = &ret->family;
    f->created_at = query_col_i64(&q, 7);
    f->last_used_at = query_col_i64(&q, 8);
    f->client_id = arena_str(a, query_col_text(&q, 9));
    f->subject = arena_str(a, query_col_text(&q, 10));
    f->session_id = arena_str(a, query_col_text(&q, 11));
    f->body = arena_str(a, query_col_text(&q, 12));
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "a refresh family") : ERR_OK;
}

struct rotation {
    const struct store_refresh *in;
    enum store_refresh_outcome outcome; /* results */
    struct store_successor successor;
};

static enum err_code update_row(struct conn *c, const struct row *row, const struct store_refresh *in,
                                struct err *err) {
    unsigned char known[STORE_SUCCESSORS_MAX * ENTRY_SIZE];
    AUTO(query_done) struct query q = query_new(c, SQL_FAMILY_ROTATE);
    query_blob(&q, in->family_id, STORE_ID_SIZE);
    query_blob(&q, in->next_hash, STORE_HASH_SIZE);
    query_i64(&q, (int64_t)row->family.generation + 1);
    query_i64(&q, in->idle_expires_at);
    query_blob(&q, known, known_encode(&row->known, known));
    query_i64(&q, in->now);
    query_text_or_null(&q, in->body);
    return query_run(&q, err);
}

/* An end that has moved away is left for upkeep to find; only one that has come nearer must be noted now. */
static enum err_code write_rotation(struct conn *c, struct row *row, const struct store_refresh *in,
                                    struct err *err) {
    predecessors_add(&row->known, in);
    enum err_code rc = update_row(c, row, in, err);
    row->family.idle_expires_at = in->idle_expires_at;
    int64_t end = family_end(&row->family);
    if (rc != ERR_OK || end == 0 || (row->forget_at != 0 && row->forget_at <= end))
        return rc;
    AUTO(query_done) struct query q = query_new(c, SQL_FAMILY_FORGET_AT);
    query_blob(&q, in->family_id, STORE_ID_SIZE);
    return query_run(&q, err);
}

static enum err_code read_for_rotation(struct conn *c, const struct store_refresh *in, struct row *ret,
                                       struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_FAMILY_STATE);
    return read_state(&q, in->family_id, ret, err);
}

static enum err_code apply_rotate(struct conn *c, void *args, struct err *err) {
    struct rotation *r = args;
    struct row row = { .found = false };
    const struct predecessor *p = NULL;
    enum err_code rc = read_for_rotation(c, r->in, &row, err);
    if (rc != ERR_OK)
        return rc;
    r->outcome = decide(&row, r->in, &p);
    if (r->outcome == STORE_REFRESH_CURRENT)
        return write_rotation(c, &row, r->in, err);
    if (r->outcome == STORE_REFRESH_REUSED) /* RFC 9700 4.14.2 */
        return family_end_by_id(c, r->in->family_id, r->in->now, err);
    if (p != NULL) {
        memcpy(r->successor.masked, p->successor, STORE_HASH_SIZE);
        r->successor.generation = p->generation + 1;
    }
    return ERR_OK;
}

enum err_code sqlite_refresh_rotate(struct store *s, const struct store_refresh *in,
                                    enum store_refresh_outcome *ret_outcome,
                                    struct store_successor *ret_successor, struct err *err) {
    struct rotation r = { .in = in };
    enum err_code rc = writer_run(sqlite_of(s), apply_rotate, &r, err);
    if (rc != ERR_OK)
        return rc;
    *ret_outcome = r.outcome;
    *ret_successor = r.successor;
    return ERR_OK;
}

enum err_code sqlite_refresh_get(struct store *base, struct arena *a, const struct store_refresh *in,
                                 enum store_refresh_outcome *ret_outcome, struct store_family *ret,
                                 struct err *err) {
    struct sqlite_store *s = sqlite_of(base);
    struct conn *c = NULL;
    enum err_code rc = readers_take(s, &c, err);
    if (rc != ERR_OK)
        return rc;
    struct row row = { .found = false };
    rc = read_family(c, a, in, &row, err);
    readers_give(s, c, rc, err);
    if (rc != ERR_OK)
        return rc;
    const struct predecessor *unused = NULL;
    enum store_refresh_outcome outcome = decide(&row, in, &unused);
    if (outcome == STORE_REFRESH_REUSED) {
        /* A family never comes back from REUSED, so what has been read is still true when the writer gets to it. */
        struct revocation r = { .filter = &(struct store_family_filter) { .id = in->family_id },
                                .now = in->now };
        if ((rc = writer_run(s, apply_revoke, &r, err)) != ERR_OK)
            return rc;
        row.family.revoked = true;
    }
    if (outcome != STORE_REFRESH_UNKNOWN)
        *ret = row.family;
    *ret_outcome = outcome;
    return ERR_OK;
}
