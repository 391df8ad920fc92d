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
