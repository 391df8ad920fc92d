/* The objects' side of the server, whole but for its listeners: who writes finds it in force, from start to stop. */
#include "unit/server/server_rig.h"

#include <poll.h>
#include <stdatomic.h>

#include "enforcer/enforcer.h"
#include "server/objects.h"
#include "server/settle.h"

static struct objects *objects;

static _Atomic int wrongly_called; /* by the controller's threads, where a test cannot fail */

static struct connector *no_connector(void *ctx, struct str tenant, void **ret_hold) {
    (void)tenant;
    (void)ret_hold;
    wrongly_called += ctx != &objects;
    return NULL;
}
static void release_nothing(void *ctx, void *hold) {
    (void)ctx;
    (void)hold;
    wrongly_called++;
}

static enum err_code try_new(void) {
    const struct objects_options options = { .parts = &server_rig.parts,
                                             .keyring = rig.keyring,
                                             .config = server_rig.generation->config,
                                             .acquire = no_connector,
                                             .release = release_nothing,
                                             .ctx = &objects };
    return objects_new(&options, &objects, &rig.err);
}

/* ---- a store that fails (linked with --wrap) ---- */

static int lists, list_fails_at; /* from 1; 0: never */

enum err_code __real_store_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                                struct err *err);
enum err_code __wrap_store_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                                struct err *err);
enum err_code __wrap_store_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                                struct err *err) {
    if (list_fails_at != 0 && ++lists == list_fails_at)
        return err_set(err, ERR_UNAVAILABLE, "told to fail");
    return __real_store_list(s, q, ret_revision, err);
}

static int setup(void **state) {
    objects = NULL;
    lists = list_fails_at = 0;
    if (server_rig_setup(state) != 0)
        return 1;
    /* No test is about making one, which takes long. */
    rig_create(&kind_api_signing_key, "{'metadata':{'name':'" API_SIGNING_KEY_NAME
                                      "'},'signingKey':'eyJrdHkiOiJSU0EifQ==','signingKeyPub':'e30='}");
    const char *empty = server_rig_write("empty.json", "[]");
    (void)server_rig_load(
        rig_text("features: {category_path: %s, policy_path: %s, role_path: %s}\n", empty, empty, empty));
    rig_ok(try_new());
    return 0;
}

static int teardown(void **state) {
    objects_free(objects);
    assert_int_equal(wrongly_called, 0);
    return server_rig_teardown(state);
}

static bool has_rule(const char *member, const char *role) {
    const struct enforcer_str fields[] = { { member, strlen(member) }, { role, strlen(role) }, { "*", 1 } };
    const struct enforcer_snapshot *s = enforcer_acquire(objects_enforcer(objects));
    bool found = enforcer_has(s, "g", fields, ARRAY_LEN(fields));
    enforcer_release(objects_enforcer(objects), s);
    return found;
}

static bool finds_key(const char *token) {
    const struct kube_app *app = objects_kube(objects);
    unsigned char digest[SHA256_SIZE];
    struct apikey_view view;
    sha256(str_of(token), digest);
    return app->judges.find_key(app->judges.find_key_ctx, rig.arena, digest, RIG_START, &view);
}

static bool is_readable(int fd) {
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, 0) == 1;
}

/* ---- life ---- */

#define MODEL                                                                                                \
    "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act, eft\n"       \
    "[role_definition]\ng = _, _, _\n[policy_effect]\n"                                                      \
    "e = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n[matchers]\n"                         \
    "m = g(r.sub, p.sub, r.dom) && r.act == p.act\n"

static void it_can_be_given_up_at_any_point(void **state) {
    (void)state;
    objects_stop(NULL);
    objects_free(NULL);
    objects_stop(objects); /* never started */
    objects_stop(objects);
    objects_free(objects);
    objects = NULL;
    rig_ok(try_new());
    rig_ok(objects_start(objects, &rig.err));
    objects_free(objects); /* never stopped */
    objects = NULL;
    rig_ok(try_new());
    rig_ok(objects_start(objects, &rig.err));
    objects_stop(objects);
    rig_user("acme", "alice"); /* nobody is told any more */
}

static void a_start_that_fails_leaves_nothing_behind(void **state) {
    (void)state;
    int failures = 0;
    rig_populate();
    for (int at = 1;; at++) {
        objects_free(objects);
        objects = NULL;
        lists = 0;
        list_fails_at = at;
        enum err_code rc = try_new();
        list_fails_at = 0;
        if (rc == ERR_OK)
            break;
        assert_int_equal(rc, ERR_UNAVAILABLE);
        assert_null(objects);
        failures++;
    }
    assert_true(failures >= 3); /* rules, API keys, users at least */
    objects_free(objects);
    objects = NULL;
    (void)server_rig_load(rig_text("casbin: {model_file: %s}\n", server_rig_write("model.conf", MODEL)));
    (void)server_rig_write("model.conf", "[nonsense]\n");
    assert_int_not_equal(try_new(), ERR_OK);
    assert_null(objects);
}

/* ---- at work ---- */

static void what_is_written_is_in_force_before_the_writer_goes_on(void **state) {
    (void)state;
    static const char token[] = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl";
    rig_ok(objects_start(objects, &rig.err));
    rig_tenant("acme");
    rig_user("acme", "alice");
    rig_policy("acme", "pol-1", "");
    rig_bind(&kind_policy, "pol-1", "[{'id':'usr-alice','name':'alice'}]", NULL, true);
    assert_true(has_rule("acme##user##alice", "pol-1"));
    rig_import(&kind_api_key, rig_text("{'metadata':{'name':'apk-1'},'spec':{'apiKey':'%s','tenantID':'acme',"
                                       "'username':'alice','expire_at':'2033-11-14T22:13:20Z'}}",
                                       token));
    assert_true(finds_key(token));
    rig_remove(&kind_api_key, "apk-1");
    assert_false(finds_key(token));
}

static void a_tenant_asks_for_a_new_snapshot_and_its_writer_can_wait_for_it(void **state) {
    (void)state;
    struct settle *settle = objects_settle(objects);
    const struct kube_app *app = objects_kube(objects);
    rig_user("acme", "alice");
    assert_false(is_readable(settle_fd(settle)));
    app->settle(app->settle_ctx, rig_revision()); /* nothing to wait for */
    rig_tenant("acme");
    assert_true(is_readable(settle_fd(settle)));
    int64_t revision = settle_take(settle);
    assert_int_equal(revision, rig_revision());
    settle_done(settle, revision);
    app->settle(app->settle_ctx, revision);
}

static void a_connector_is_tried_before_it_is_stored(void **state) {
    (void)state;
    const struct resource_env *env = objects_env(objects);
    struct resource_env mine = rig.env;
    rig.env = *env;
    rig_create_refused(&kind_identity_provider,
                       "{'metadata':{'name':'acme'},'spec':{'name':'A','type':'ldap','config':'{}'}}",
                       "FieldValueInvalid", "spec.config");
    rig_create(&kind_identity_provider, "{'metadata':{'name':'acme'},'spec':{'name':'A','type':'tke'}}");
    rig.env = mine;
    assert_ptr_equal(objects_connector_env(objects)->store, rig.store);
}

static void the_policy_file_is_followed(void **state) {
    (void)state;
    size_t changed = 0;
    const char *file = server_rig_write("policy.csv", "g, a, b, *\n");
    struct generation *g = server_rig_load(rig_text("casbin: {policy_file: %s}\n", file));
    rig_ok(objects_follow_policy(objects, g->config, &changed, &rig.err));
    assert_int_equal(changed, 1);
    assert_true(has_rule("a", "b"));
    rig_ok(objects_follow_policy(objects, g->config, &changed, &rig.err));
    assert_int_equal(changed, 0);
    (void)server_rig_write("policy.csv", "g, c, d, *\n");
    rig_ok(objects_follow_policy(objects, g->config, &changed, &rig.err));
    assert_true(has_rule("c", "d"));
    assert_false(has_rule("a", "b"));
    g = server_rig_load("");
    rig_ok(objects_follow_policy(objects, g->config, &changed, &rig.err));
    assert_false(has_rule("c", "d"));
}

static void default_policies_are_there_when_the_start_is_over(void **state) {
    (void)state;
    const char *policies = server_rig_write(
        "policy.json",
        rig_quoted("[{'metadata':{'name':'pol-default'},'spec':{'displayName':'D','category':'c',"
                   "'statement':{'actions':['get*'],'resources':['*'],'effect':'allow'}}}]"));
    const char *empty = rig_text("%s/empty.json", rig.folder);
    rig_tenant("acme");
    objects_free(objects);
    objects = NULL;
    (void)server_rig_load(
        rig_text("features: {category_path: %s, policy_path: %s, role_path: %s}\n", empty, policies, empty));
    rig_ok(try_new());
    assert_int_equal(rig_count(&kind_policy, STR_NULL), 0);
    rig_ok(objects_start(objects, &rig.err));
    assert_true(rig_count(&kind_policy, STR_NULL) > 0);
}

/* ---- upkeep ---- */

static enum err_code ignore_change(void *ctx, const struct store_change *c, struct err *err) {
    (void)ctx;
    (void)c;
    (void)err;
    return ERR_OK;
}

static bool has_history_since(int64_t revision) {
    int64_t until;
    enum err_code rc = store_changes(rig.store, STR_NULL, revision, 1, ignore_change, NULL, &until, &rig.err);
    assert_true(rc == ERR_OK || rc == ERR_EXPIRED);
    return rc == ERR_OK;
}

static void history_is_kept_for_ten_minutes_and_looked_through_twice_a_minute(void **state) {
    (void)state;
    objects_tick(objects);
    rig_user("acme", "alice");
    int64_t first = rig_revision() - 1;
    clock_advance(&rig.clock, 300 * 1000);
    rig_user("acme", "bob");
    objects_tick(objects);
    assert_true(has_history_since(first));
    clock_advance(&rig.clock, 290 * 1000);
    objects_tick(objects);
    assert_true(has_history_since(first));
    clock_advance(&rig.clock, 20 * 1000);
    objects_tick(objects); /* too old now, but the last look was 20 seconds ago */
    assert_true(has_history_since(first));
    clock_advance(&rig.clock, 10 * 1000);
    objects_tick(objects);
    assert_false(has_history_since(first));
    assert_true(has_history_since(first + 1)); /* five minutes younger */
}

static void what_other_processes_write_comes_with_the_next_tick(void **state) {
    (void)state;
    struct store *other = NULL, *mine = rig.store;
    const struct store_options options = { .type = "sqlite",
                                           .path = rig_text("%s/test.db", rig.folder),
                                           .clock = &rig.clock };
    rig_ok(store_open(&options, &other, &rig.err));
    rig.env.store = other;
    rig_tenant("acme");
    rig_user("acme", "alice");
    rig_policy("acme", "pol-1", "");
    rig_bind(&kind_policy, "pol-1", "[{'id':'usr-alice','name':'alice'}]", NULL, true);
    rig.env.store = mine;
    store_close(other);
    assert_false(has_rule("acme##user##alice", "pol-1"));
    assert_false(is_readable(settle_fd(objects_settle(objects))));
    objects_tick(objects);
    assert_true(has_rule("acme##user##alice", "pol-1"));
    assert_true(is_readable(settle_fd(objects_settle(objects))));
}

#define TEST(f) TEST_ON(f, "memory")
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_can_be_given_up_at_any_point),
        TEST(a_start_that_fails_leaves_nothing_behind),
        TEST_ON(what_is_written_is_in_force_before_the_writer_goes_on, "memory"),
        TEST_ON(what_is_written_is_in_force_before_the_writer_goes_on, "sqlite"),
        TEST(a_tenant_asks_for_a_new_snapshot_and_its_writer_can_wait_for_it),
        TEST(a_connector_is_tried_before_it_is_stored),
        TEST(the_policy_file_is_followed),
        TEST(default_policies_are_there_when_the_start_is_over),
        TEST_ON(history_is_kept_for_ten_minutes_and_looked_through_twice_a_minute, "sqlite"),
        TEST_ON(what_other_processes_write_comes_with_the_next_tick, "sqlite"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
