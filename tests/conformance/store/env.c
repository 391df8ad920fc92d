#include "conformance/store/env.h"

#include <stdlib.h>
#include <unistd.h>

static void open_store(struct env *e) {
    struct err err = { 0 };
    struct store_options options = { .type = e->type, .path = e->path, .clock = &e->clock };
    assert_ok(store_open(&options, &e->store, &err));
}

struct env *env_new(const char *type) {
    struct env *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->type = type;
    (void)snprintf(e->directory, sizeof e->directory, "/tmp/tkeauth-store-XXXXXX");
    assert_non_null(mkdtemp(e->directory));
    (void)snprintf(e->path, sizeof e->path, "%s/store.db", e->directory);
    clock_fixed_init(&e->clock, (int64_t)NOW * 1000);
    e->arena = arena_new((size_t)64 * 1024 * 1024);
    assert_non_null(e->arena);
    open_store(e);
    return e;
}

void env_reopen(struct env *e) {
    store_close(e->store);
    open_store(e);
}

static void remove_file(const struct env *e, const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", e->directory, name);
    (void)unlink(path);
}

void env_free(struct env *e) {
    store_close(e->store);
    arena_free(e->arena);
    remove_file(e, "store.db");
    remove_file(e, "store.db-wal");
    remove_file(e, "store.db-shm");
    remove_file(e, "copy.db");
    assert_int_equal(rmdir(e->directory), 0); /* nothing else was left lying about */
    free(e);
}

static void fill(unsigned char *out, size_t len, uint32_t n, unsigned char salt) {
    memset(out, salt, len);
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(n >> (8 * (3 - i)));
}

void fill_id(unsigned char id[STORE_ID_SIZE], uint32_t n) { fill(id, STORE_ID_SIZE, n, 0x1d); }
void fill_hash(unsigned char hash[STORE_HASH_SIZE], uint32_t n) { fill(hash, STORE_HASH_SIZE, n, 0x5a); }

void fill_token(unsigned char hash[STORE_HASH_SIZE], uint32_t n, uint32_t g) {
    fill(hash, STORE_HASH_SIZE, n, 0x70);
    fill(hash + 8, 8, g, 0x71);
}

struct store_code make_code(uint32_t n) {
    struct store_code code = { .expires_at = NOW + CODE_TTL_S, .body = STR("{\"scope\":\"openid\"}") };
    fill_id(code.id, n);
    fill_hash(code.hash, n);
    fill_id(code.family_id, n);
    return code;
}

struct store_family make_family(uint32_t n) {
    struct store_family f = { .generation = 1,
                              .client_id = STR("kubectl"),
                              .subject = STR("sub-ana"),
                              .session_id = STR("sid-1"),
                              .body = STR("{\"groups\":[\"dev\"]}"),
                              .created_at = NOW,
                              .last_used_at = NOW };
    fill_id(f.id, n);
    fill_token(f.current_hash, n, 1);
    return f;
}

struct store_refresh make_refresh(uint32_t n, uint32_t g) {
    struct store_refresh in = { .generation = g, .now = NOW, .grace_s = GRACE_S };
    fill_id(in.family_id, n);
    fill_token(in.hash, n, g);
    fill_token(in.next_hash, n, g + 1);
    fill_token(in.next_masked, n, g + 1);
    in.next_masked[31] = 0xff; /* a masked secret is not the hash */
    return in;
}

enum store_code_outcome consume(struct env *e, uint32_t n, const struct store_family *family, int64_t now) {
    struct err err = { 0 };
    struct store_code code = make_code(n);
    enum store_code_outcome outcome = STORE_CODE_UNKNOWN;
    assert_ok(store_code_consume(e->store, code.id, code.hash, now, now + 300, family, &outcome, &err));
    return outcome;
}

enum store_refresh_outcome rotate(struct env *e, const struct store_refresh *in, unsigned char *successor,
                                  uint32_t *generation) {
    struct err err = { 0 };
    enum store_refresh_outcome outcome = STORE_REFRESH_UNKNOWN;
    assert_ok(store_refresh_rotate(e->store, in, &outcome, successor, generation, &err));
    return outcome;
}

enum store_refresh_outcome look(struct env *e, const struct store_refresh *in, struct store_family *ret) {
    struct err err = { 0 };
    enum store_refresh_outcome outcome = STORE_REFRESH_UNKNOWN;
    assert_ok(store_refresh_get(e->store, e->arena, in, &outcome, ret, &err));
    return outcome;
}

uint64_t writes_of(struct env *e) { return store_write_count(e->store); }

/* ---- objects ---- */

struct store_write new_object(struct str kind, const char *name, const char *body) {
    return (struct store_write) { .kind = kind, .name = str_of(name), .body = str_of(body) };
}

enum err_code try_write(struct env *e, const struct store_write *w) {
    struct err err = { 0 };
    return store_write(e->store, w, NULL, &err);
}

enum err_code try_replace(struct env *e, struct str kind, const char *name, const char *body,
                          int64_t expected) {
    struct store_write w = new_object(kind, name, body);
    w.expected = expected;
    return try_write(e, &w);
}

static int64_t write_one(struct env *e, struct str kind, const char *name, const char *body,
                         int64_t expected) {
    struct err err = { 0 };
    struct store_write w = new_object(kind, name, body);
    w.expected = expected;
    int64_t revision = 0;
    assert_ok(store_write(e->store, &w, &revision, &err));
    return revision;
}

int64_t create(struct env *e, struct str kind, const char *name, const char *body) {
    return write_one(e, kind, name, body, STORE_EXPECT_ABSENT);
}

int64_t replace(struct env *e, struct str kind, const char *name, const char *body) {
    return write_one(e, kind, name, body, STORE_EXPECT_ANY);
}

int64_t remove_object(struct env *e, struct str kind, const char *name) {
    struct err err = { 0 };
    assert_ok(store_delete(e->store, kind, str_of(name), STORE_EXPECT_ANY, false, &err));
    return revision_of(e);
}

bool exists(struct env *e, struct str kind, const char *name) {
    struct err err = { 0 };
    struct store_object o;
    enum err_code rc = store_get(e->store, e->arena, kind, str_of(name), &o, &err);
    assert_true(rc == ERR_OK || rc == ERR_NOT_FOUND);
    return rc == ERR_OK;
}

struct store_object get_object(struct env *e, struct str kind, const char *name) {
    struct err err = { 0 };
    struct store_object o = { .revision = -1 };
    assert_ok(store_get(e->store, e->arena, kind, str_of(name), &o, &err));
    assert_null(o.secret.ptr);
    return o;
}

int64_t revision_of(struct env *e) {
    struct err err = { 0 };
    int64_t revision = -1;
    assert_ok(store_revision(e->store, &revision, &err));
    return revision;
}

int64_t kind_revision(struct env *e, struct str kind) {
    struct err err = { 0 };
    int64_t revision = -1;
    assert_ok(store_kind_revision(e->store, kind, &revision, &err));
    return revision;
}

int64_t transact(struct env *e, store_tx_fn *fn, void *ctx) {
    struct err err = { 0 };
    int64_t revision = -1;
    assert_ok(store_transact(e->store, fn, ctx, &revision, &err));
    return revision;
}

/* ---- as text ---- */

static enum err_code add(struct text *t, struct err *err, const char *fmt, ...) PRINTF(3, 4);
static enum err_code add(struct text *t, struct err *err, const char *fmt, ...) {
    size_t used = strlen(t->chars);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(t->chars + used, sizeof t->chars - used, fmt, args);
    va_end(args);
    t->items++;
    return n >= 0 && (size_t)n < sizeof t->chars - used ? ERR_OK
                                                        : err_set(err, ERR_LIMIT, "the test's text is full");
}

enum err_code text_object(void *ctx, const struct store_object *o, struct err *err) {
    return add(ctx, err, "%.*s=%.*s@%lld ", STR_FMT(o->name), STR_FMT(o->body), (long long)o->revision);
}

enum err_code text_name(void *ctx, const struct store_object *o, struct err *err) {
    return add(ctx, err, "%.*s ", STR_FMT(o->name));
}

enum err_code text_change(void *ctx, const struct store_change *c, struct err *err) {
    static const char types[] = { [STORE_CREATED] = '+', [STORE_UPDATED] = '~', [STORE_DELETED] = '-' };
    struct str prev = c->prev.ptr != NULL ? c->prev : STR("none");
    return add(ctx, err, "%lld%c%.*s/%.*s=%.*s<%.*s@%lld ", (long long)c->revision, types[c->type],
               STR_FMT(c->kind), STR_FMT(c->name), STR_FMT(c->body), STR_FMT(prev),
               (long long)c->prev_revision);
}

enum err_code text_owned(void *ctx, struct str owner, struct str name, struct err *err) {
    return add(ctx, err, "%.*s:%.*s ", STR_FMT(owner), STR_FMT(name));
}

static const char *kept(struct env *e, const struct text *t) {
    const char *text = arena_printf(e->arena, "%s", t->chars);
    assert_non_null(text);
    return text;
}

const char *list_text(struct env *e, struct store_query q) {
    struct err err = { 0 };
    struct text t = { .items = 0 };
    int64_t revision = -1;
    if (q.each == NULL)
        q.each = text_object;
    q.ctx = &t;
    assert_ok(store_list(e->store, &q, &revision, &err));
    assert_int_equal(revision, q.at_revision != 0 ? q.at_revision : revision_of(e));
    return kept(e, &t);
}

static void read_changes(struct env *e, struct str kind, int64_t after,
                         enum err_code (*each)(void *ctx, const struct store_change *c, struct err *err),
                         void *ctx) {
    struct err err = { 0 };
    int64_t seen = -1;
    assert_ok(store_changes(e->store, kind, after, 100000, each, ctx, &seen, &err));
    assert_int_equal(seen, revision_of(e));
}

const char *changes_text(struct env *e, struct str kind, int64_t after) {
    struct text t = { .items = 0 };
    read_changes(e, kind, after, text_change, &t);
    return kept(e, &t);
}

static enum err_code count_change(void *ctx, const struct store_change *c, struct err *err) {
    (void)c;
    (void)err;
    ++*(size_t *)ctx;
    return ERR_OK;
}

size_t count_changes(struct env *e, struct str kind, int64_t after) {
    size_t n = 0;
    read_changes(e, kind, after, count_change, &n);
    return n;
}

const char *owned_text(struct env *e, struct str kind) {
    struct err err = { 0 };
    struct text t = { .items = 0 };
    assert_ok(store_owned_list(e->store, kind, STR_NULL, STR_NULL, 0, text_owned, &t, &err));
    return kept(e, &t);
}
