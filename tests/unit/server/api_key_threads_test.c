/* Readers of API keys never wait, and see each change whole, while keys come and go and all is loaded anew. */
#include "unit/resource/rig.h"

#include <pthread.h>
#include <stdatomic.h>

#include "enforcer/enforcer.h"
#include "server/api_key_table.h"
#include "tkeauth/authz.h"

enum { READERS = 3, KEYS = 300, LOADS_EVERY = 10, NOW = RIG_START };

static struct enforcer *rules;
static struct api_key_table *table;

static int setup(void **state) {
    if (rig_setup(state) != 0)
        return 1;
    rig_ok(authz_enforcer_new(NULL, &rig.random, &rules, &rig.err));
    rig_ok(api_key_table_new(rules, NULL, &table, &rig.err));
    return 0;
}

static int teardown(void **state) {
    api_key_table_free(table);
    enforcer_free(rules);
    return rig_teardown(state);
}

/* ---- what readers may rely on ---- */

/* Key i is issued before issued > i, and ended before ended > i. Whoever reads the counter knows that much. */
static _Atomic int issued, ended;
static _Atomic bool stop;

/* Few shards, so that the readers are where the writer is. */
static void digest_of(int i, unsigned char ret[SHA256_SIZE]) {
    memset(ret, 0, SHA256_SIZE);
    ret[0] = (unsigned char)(i % 2);
    ret[1] = (unsigned char)(i * 7);
    ret[SHA256_SIZE - 1] = (unsigned char)(i / 256);
}
enum { STEADY = KEYS, LOCKED, FIXED_KEYS = 2 };

static const char *name_of(char text[32], int i) {
    (void)snprintf(text, 32, "apk-%d", i);
    return text;
}

/* NULL: all is well. */
static const char *look(struct arena *a, int i, bool must, bool must_not) {
    unsigned char digest[SHA256_SIZE];
    struct apikey_view view = { 0 };
    char name[32], copy[64];
    digest_of(i, digest);
    bool found = api_key_table_find(table, a, digest, NOW, &view);
    if (must && !found)
        return "a key that is good was not found";
    if (must_not && found)
        return "a key that has ended was found";
    if (!found)
        return NULL;
    (void)snprintf(copy, sizeof copy, "of %s", name_of(name, i));
    return str_eq(view.name, str_of(name)) && str_eq(view.description, str_of(copy)) &&
                   str_eq(view.tenant, STR("acme"))
               ? NULL
               : "a key that is somebody else's was found";
}

static void *read_often(void *arg) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    const char *problem = a == NULL ? "out of memory" : NULL;
    unsigned seed = (unsigned)(uintptr_t)arg;
    while (problem == NULL && !atomic_load(&stop)) {
        seed = seed * 1103515245U + 12345U;
        int i = (int)(seed >> 16) % KEYS;
        int good = atomic_load(&issued), over = atomic_load(&ended);
        problem = look(a, i, false, i < over);
        const char *missing = i < good ? look(a, i, true, false) : NULL;
        if (problem == NULL && atomic_load(&ended) < i) /* nobody had begun to end it */
            problem = missing;
        if (problem == NULL)
            problem = look(a, STEADY, true, false);
        if (problem == NULL)
            problem = look(a, LOCKED, false, true);
        arena_reset(a);
    }
    return (void *)(uintptr_t)problem;
}

/* ---- what the writer does ---- */

static void store_key(int i, const char *username, bool disabled) {
    unsigned char digest[SHA256_SIZE];
    char name[32];
    AUTO(strbuf_done) struct strbuf hex = STRBUF(128);
    digest_of(i, digest);
    hex_add(&hex, digest, sizeof digest);
    const char *body = rig_quoted(
        rig_text("{'metadata':{'name':'%s'},'spec':{'tenantID':'acme','username':'%s','sha256':'%s',"
                 "'description':'of %s','expire_at':'2033-11-14T22:13:20Z'},'status':{'disabled':%s}}",
                 name_of(name, i), username, strbuf_c(&hex), name, disabled ? "true" : "false"));
    const struct store_write w = {
        .kind = STR("apikeys"), .name = str_of(name), .body = str_of(body), .expected = STORE_EXPECT_ANY
    };
    rig_ok(store_write(rig.store, &w, NULL, &rig.err));
}

static void end_key(int i, const char *username) {
    char name[32];
    if (i % 2 == 0)
        store_key(i, username, true);
    else
        rig_ok(store_delete(rig.store, STR("apikeys"), str_of(name_of(name, i)), STORE_EXPECT_ANY, false,
                            &rig.err));
}

static void set_locked(const char *username, bool locked) {
    const char *body = rig_quoted(rig_text(
        "{'metadata':{'name':'usr-%s'},'spec':{'tenantID':'acme','username':'%s'},'status':{'locked':%s}}",
        username, username, locked ? "true" : "false"));
    const struct store_write w = { .kind = STR("localidentities"),
                                   .name = str_of(rig_text("usr-%s", username)),
                                   .body = str_of(body),
                                   .expected = STORE_EXPECT_ANY };
    rig_ok(store_write(rig.store, &w, NULL, &rig.err));
}

static enum err_code apply(void *ctx, const struct store_change *c, struct err *err) {
    (void)ctx;
    return api_key_table_apply(table, c, err);
}

static int64_t seen;

static void follow(void) {
    rig_ok(store_changes(rig.store, STR_NULL, seen, 100000, apply, NULL, &seen, &rig.err));
    api_key_table_settle(table);
}

static void readers_see_each_key_from_its_issue_to_its_end(void **state) {
    pthread_t readers[READERS];
    (void)state;
    atomic_store(&issued, 0);
    atomic_store(&ended, 0);
    atomic_store(&stop, false);
    seen = 0;
    set_locked("mallory", true);
    store_key(STEADY, "alice", false);
    store_key(LOCKED, "mallory", false);
    follow();
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_often, (void *)(uintptr_t)(i + 1)), 0);
    for (int i = 0; i < KEYS + 50; i++) { /* about fifty are good at a time */
        if (i < KEYS)
            store_key(i, "alice", false);
        if (i >= 50)
            end_key(i - 50, "alice");
        set_locked(rig_text("other-%d", i % 20), i / 20 % 2 == 0);
        if (i % LOADS_EVERY == LOADS_EVERY - 1)
            rig_ok(api_key_table_load(table, rig.store, &rig.err));
        follow();
        if (i < KEYS)
            atomic_store(&issued, i + 1);
        if (i >= 50)
            atomic_store(&ended, i - 50 + 1);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < READERS; i++) {
        void *problem = NULL;
        assert_int_equal(pthread_join(readers[i], &problem), 0);
        if (problem != NULL)
            fail_msg("%s", (const char *)problem);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        { .name = "readers_see_each_key_from_its_issue_to_its_end",
          .test_func = readers_see_each_key_from_its_issue_to_its_end,
          .setup_func = setup,
          .teardown_func = teardown,
          .initial_state = (void *)(uintptr_t) "memory" },
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
