/* From a configuration file and a store to the snapshot that requests see; the files a first start makes. */
#include "unit/test.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/first_admin.h"
#include "server/local_ca.h"
#include "server/signing_keys.h"
#include "server/snapshot.h"
#include "server/tls_files.h"

enum { START = 1700000000, DAY = 86400 };

struct rig {
    char dir[32], path[64];
    struct clock clock;
    struct random random;
    struct store *store;
    struct keyring *keyring;
    struct metrics *metrics;
    struct server_parts parts;
    struct generation *generation;
    struct server_snapshot *snapshot;
    struct resource_env env;
    struct connector_env tenant_env;
    struct kube_app kube;
};

static int setup(void **state) {
    static struct rig r;
    static const unsigned char key[KEYRING_KEY_SIZE] = { 3 };
    struct err err;
    r = (struct rig) { .dir = "/tmp/tke-auth-server-XXXXXX", .metrics = metrics_new() };
    assert_non_null(mkdtemp(r.dir));
    (void)snprintf(r.path, sizeof r.path, "%s/c.yaml", r.dir);
    clock_fixed_init(&r.clock, (int64_t)START * 1000);
    random_fixed_init(&r.random, 1);
    const struct store_options options = { .type = "memory", .clock = &r.clock };
    assert_ok(store_open(&options, &r.store, &err));
    assert_ok(keyring_from_key(key, &r.keyring, &err));
    r.parts = (struct server_parts) {
        .store = r.store, .clock = &r.clock, .random = &r.random, .metrics = r.metrics
    };
    r.env = (struct resource_env) {
        .store = r.store, .keyring = r.keyring, .clock = &r.clock, .random = &r.random
    };
    r.tenant_env = (struct connector_env) { .store = r.store, .clock = &r.clock, .random = &r.random };
    r.kube.env = &r.env;
    *state = &r;
    return 0;
}

static int teardown(void **state) {
    struct rig *r = *state;
    static const char *const files[] = { "c.yaml",     "ca.crt",     "ca.key",
                                         "server.crt", "server.key", "initial-admin-password" };
    server_snapshot_discard(r->snapshot);
    generation_unref(r->generation);
    store_close(r->store);
    keyring_free(r->keyring);
    metrics_free(r->metrics);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[96];
        (void)snprintf(path, sizeof path, "%s/%s", r->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(r->dir);
    return 0;
}

static enum err_code load(struct rig *r, const char *yaml, struct err *ret_err) {
    struct err err = { 0 };
    struct cfg_problems problems;
    struct generation *next = NULL;
    AUTO(strbuf_done) struct strbuf text = STRBUF(65536);
    strbuf_addf(&text, "issuer: https://id.example/oidc\nstateDir: %s\n%s", r->dir, yaml);
    assert_ok(file_write_atomic(r->path, strbuf_str(&text), 0600, &err));
    assert_ok(cfg_problems_init(&problems, &err));
    enum err_code rc = generation_load(r->path, &r->parts, &next, &problems, &err);
    if (rc != ERR_OK) {
        AUTO(strbuf_done) struct strbuf said = STRBUF(65536);
        cfg_problems_print(&problems, &said);
        print_message("%s%s\n", strbuf_c(&said), err.detail);
    }
    cfg_problems_done(&problems);
    *ret_err = err;
    if (rc == ERR_OK) {
        generation_unref(r->generation);
        r->generation = next;
    }
    return rc;
}

static const struct oidc_provider *build(struct rig *r) {
    static struct retired_snapshots nobody;
    const struct signing_keys keys = { .store = r->store,
                                       .keyring = r->keyring,
                                       .random = &r->random,
                                       .clock = &r->clock,
                                       .policy = { DAY, 400, 1000, 300 } };
    struct keyset *set = NULL;
    bool changed = false;
    struct err err;
    assert_ok(signing_keys_rotate(&keys, &changed, &err));
    assert_ok(signing_keys_load(&keys, &set, &err));
    const struct snapshot_inputs in = { .parts = &r->parts,
                                        .keyring = r->keyring,
                                        .rotation = keys.policy,
                                        .keys = set,
                                        .generation = r->generation,
                                        .retired = &nobody,
                                        .tenant_env = &r->tenant_env,
                                        .kube = &r->kube };
    server_snapshot_discard(r->snapshot);
    r->snapshot = NULL;
    assert_ok(server_snapshot_new(&in, &r->snapshot, &err));
    return &r->snapshot->oidc;
}

static void store_body(struct rig *r, struct str kind, const char *name, const char *body) {
    const struct store_write w = { .kind = kind, .name = str_of(name), .body = str_of(body) };
    struct err err;
    assert_ok(store_write(r->store, &w, NULL, &err));
}

static void store_body_again(struct rig *r, struct str kind, const char *name, const char *body) {
    const struct store_write w = {
        .kind = kind, .name = str_of(name), .body = str_of(body), .expected = STORE_EXPECT_ANY
    };
    struct err err;
    assert_ok(store_write(r->store, &w, NULL, &err));
}

static void store_client(struct rig *r, const char *id, const char *name, const char *uri) {
    char body[1024];
    (void)snprintf(body, sizeof body,
                   "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"id\":\"%s\",\"name\":\"%s\",\"public\":true,"
                   "\"redirect_uris\":[\"%s\"]}}",
                   id, id, name, uri);
    store_body(r, STR("clients"), id, body);
}

#define STATIC                                                                                               \
    "staticClients:\n"                                                                                       \
    "  - {id: m, name: Static, public: true, redirectURIs: [\"https://m.example/cb\"]}\n"

static void static_clients_hide_stored_ones_of_the_same_id(void **state) {
    struct rig *r = *state;
    struct err err;
    assert_ok(load(r, STATIC, &err));
    store_client(r, "a", "A", "https://a.example/cb");
    store_client(r, "m", "Stored", "https://evil.example/cb");
    store_client(r, "z", "Z", "https://z.example/cb");
    const struct oidc_provider *p = build(r);
    assert_int_equal(p->client_count, 3);
    assert_str(oidc_find_client(p, STR("m"))->name, "Static");
    assert_str(oidc_find_client(p, STR("a"))->name, "A");
    assert_str(oidc_find_client(p, STR("z"))->name, "Z");
    assert_null(oidc_find_client(p, STR("")));
    assert_null(oidc_find_client(p, STR("mm")));
}

static void a_stored_client_that_is_no_good_is_left_out_alone(void **state) {
    struct rig *r = *state;
    struct err err;
    assert_ok(load(r, STATIC, &err));
    store_client(r, "a", "A", "https://a.example/cb");
    store_client(r, "b", "B", "javascript:alert(1)");
    store_client(r, "c", "C", "https://user@c.example/cb");
    store_body(r, STR("clients"), "d", "{not json");
    store_body(r, STR("clients"), "e", "{}");
    const struct oidc_provider *p = build(r);
    assert_int_equal(p->client_count, 2);
    assert_non_null(oidc_find_client(p, STR("a")));
    assert_null(oidc_find_client(p, STR("b")));
}

static void no_client_at_all_is_fine(void **state) {
    struct rig *r = *state;
    struct err err;
    assert_ok(load(r, "", &err));
    const struct oidc_provider *p = build(r);
    assert_int_equal(p->client_count, 0);
    assert_null(oidc_find_client(p, STR("m")));
    assert_true(str_contains(p->discovery_json, STR("\"issuer\":\"https://id.example/oidc\"")));
    assert_true(str_contains(p->jwks_json, STR("\"kid\":")));
    assert_true(p->secure_cookies);
}

static void a_bad_configuration_is_refused_and_the_last_good_one_stays(void **state) {
    struct rig *r = *state;
    struct err err;
    assert_ok(load(r, STATIC, &err));
    const struct generation *good = r->generation;
    assert_int_not_equal(
        load(r, "staticClients: [{id: x, public: true, redirectURIs: [\"http://far.example/\"]}]\n", &err),
        ERR_OK);
    assert_int_not_equal(
        load(r, "staticClients: [{id: x, secret: s, redirectURIs: [\"javascript:x\"]}]\n", &err), ERR_OK);
    assert_int_not_equal(load(r, "nonsense: 1\n", &err), ERR_OK);
    assert_int_not_equal(load(r, "connectors: [{type: nowhere, id: x, name: x}]\n", &err), ERR_OK);
    assert_int_not_equal(load(r, "a: [\n", &err), ERR_OK);
    assert_ptr_equal(r->generation, good);
    assert_int_equal(build(r)->client_count, 1);
}

/* ---- tenants in the store ---- */

#define TENANT_BODY(name, type, extra)                                                                       \
    "{\"metadata\":{\"name\":\"" name "\"" extra "},\"spec\":{\"name\":\"" name "\",\"type\":\"" type        \
    "\",\"administrators\":[\"root\"]}}"

static void stored_tenants_come_after_those_of_the_configuration_and_keep_their_connectors(void **state) {
    struct rig *r = *state;
    struct err err;
    const struct str kind = STR("identityproviders");
    assert_ok(load(r, "enablePasswordDB: true\n", &err));
    store_body(r, kind, "b", TENANT_BODY("b", "tke", ""));
    store_body(r, kind, "a", TENANT_BODY("a", "tke", ""));
    store_body(r, kind, "broken", TENANT_BODY("broken", "nowhere", ""));
    store_body(r, kind, "going",
               TENANT_BODY("going", "tke", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""));
    store_body(r, kind, "local", TENANT_BODY("local", "tke", ""));
    const struct oidc_provider *p = build(r);
    assert_int_equal(p->connector_count, 3);
    const char *const ids[] = { "local", "a", "b" };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_string_equal(p->connectors[i]->id, ids[i]);
    const struct kube_app *app = &r->snapshot->kube;
    assert_ptr_equal(app->find_connector(app->app, STR("a")), p->connectors[1]);
    assert_null(app->find_connector(app->app, STR("broken")));
    assert_null(app->find_connector(app->app, STR("going")));
    struct authz_version version;
    authz_acquire(r->generation->authz, &version);
    assert_true(authz_is_administrator(&version, STR("a"), STR("root")));
    assert_false(authz_is_administrator(&version, STR("going"), STR("root")));
    authz_release(r->generation->authz, &version);

    struct tenant_set before = { 0 }, after = { 0 };
    assert_ok(tenants_load(r->store, r->keyring, r->generation, &r->tenant_env, NULL, &before, &err));
    store_body_again(r, kind, "b",
                     "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"name\":\"Bee\",\"type\":\"tke\"}}");
    store_body_again(r, kind, "a", TENANT_BODY("a", "tke", ",\"labels\":{\"x\":\"y\"}"));
    assert_ok(tenants_load(r->store, r->keyring, r->generation, &r->tenant_env, &before, &after, &err));
    assert_ptr_equal(tenants_find_id(&after, STR("a"))->connector,
                     tenants_find_id(&before, STR("a"))->connector);
    assert_ptr_not_equal(tenants_find_id(&after, STR("b"))->connector,
                         tenants_find_id(&before, STR("b"))->connector);
    tenants_done(&before);
    assert_string_equal(tenants_find_id(&after, STR("a"))->connector->id, "a");
    tenants_done(&after);
}

/* ---- first administrator ---- */

static void a_first_administrator_is_made_once_with_a_password_in_a_private_file(void **state) {
    struct rig *r = *state;
    struct err err;
    const char *name = NULL;
    char path[96];
    struct stat st;
    AUTO(strbuf_wipe_done) struct strbuf first = STRBUF(4096), second = STRBUF(4096);
    assert_ok(load(r, "enablePasswordDB: true\n", &err));
    assert_ok(first_admin_ensure(&r->env, r->generation, r->dir, &name, &err));
    assert_string_equal(name, "admin");
    (void)snprintf(path, sizeof path, "%s/initial-admin-password", r->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(file_read(path, 4096, &first, &err));
    assert_ok(first_admin_ensure(&r->env, r->generation, r->dir, &name, &err));
    assert_ok(file_read(path, 4096, &second, &err));
    assert_str(strbuf_str(&first), strbuf_c(&second));

    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct login login = { .username = STR("admin"),
                           .password = str_trim(strbuf_str(&first)),
                           .request_id = "r",
                           .deadline_mono_ms = INT64_MAX };
    enum login_outcome outcome = LOGIN_WRONG_CREDENTIALS;
    struct identity identity;
    assert_ok(connector_login(r->generation->connectors[0], a, &login, &outcome, &identity, &err));
    assert_int_equal(outcome, LOGIN_OK);
    login.password = STR("admin");
    assert_ok(connector_login(r->generation->connectors[0], a, &login, &outcome, &identity, &err));
    assert_int_equal(outcome, LOGIN_WRONG_CREDENTIALS);
}

static void without_a_local_tenant_there_is_no_administrator(void **state) {
    struct rig *r = *state;
    struct err err;
    const char *name = "x";
    assert_ok(load(r, "", &err));
    assert_ok(first_admin_ensure(&r->env, r->generation, r->dir, &name, &err));
    assert_null(name);
    assert_int_equal(store_write_count(r->store), 0);
}

/* ---- local certificate authority ---- */

static X509 *certificate(const struct rig *r, const char *name) {
    char path[96];
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
    (void)fclose(f);
    assert_non_null(cert);
    return cert;
}

static bool is_same(const struct rig *r, const char *name, X509 *before) {
    X509 *now = certificate(r, name);
    bool same = X509_cmp(now, before) == 0;
    X509_free(now);
    return same;
}

static void a_local_ca_is_made_once_and_its_certificate_renewed_in_time_or_for_a_new_name(void **state) {
    struct rig *r = *state;
    struct err err;
    struct stat st;
    char path[96];
    assert_ok(local_ca_ensure(r->dir, "id.example", START, &err));
    X509 *ca = certificate(r, "ca.crt"), *server = certificate(r, "server.crt");
    EVP_PKEY *ca_key = X509_get_pubkey(ca);
    assert_int_equal(X509_verify(server, ca_key), 1);
    EVP_PKEY_free(ca_key);
    static const char *const hosts[] = { "id.example", "localhost" };
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        assert_int_equal(X509_check_host(server, hosts[i], 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(server, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(server, "::1", 0), 1);
    assert_int_equal(X509_check_ca(server), 0);
    assert_int_not_equal(X509_check_ca(ca), 0);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", r->dir, i == 0 ? "ca.key" : "server.key");
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_ok(local_ca_ensure(r->dir, "id.example", START + (int64_t)366 * DAY, &err));
    assert_true(is_same(r, "server.crt", server));
    assert_ok(local_ca_ensure(r->dir, "id.example", START + (int64_t)368 * DAY, &err));
    assert_false(is_same(r, "server.crt", server));
    assert_true(is_same(r, "ca.crt", ca));
    X509_free(server);
    server = certificate(r, "server.crt");
    assert_ok(local_ca_ensure(r->dir, "192.0.2.1", START + (int64_t)368 * DAY, &err));
    assert_false(is_same(r, "server.crt", server));
    X509_free(server);
    X509_free(ca);
}

static void a_damaged_ca_is_named_and_not_replaced(void **state) {
    struct rig *r = *state;
    struct err err;
    char path[96];
    assert_ok(local_ca_ensure(r->dir, NULL, START, &err));
    (void)snprintf(path, sizeof path, "%s/ca.key", r->dir);
    assert_ok(file_write_atomic(path, STR("garbage"), 0600, &err));
    assert_int_not_equal(local_ca_ensure(r->dir, "new.example", START, &err), ERR_OK);
    assert_non_null(strstr(err.detail, "damaged"));
}

static void a_host_name_cannot_slip_more_names_into_the_certificate(void **state) {
    struct rig *r = *state;
    struct err err;
    assert_int_equal(local_ca_ensure(r->dir, "a.example,DNS:evil.example", START, &err), ERR_INVALID);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(static_clients_hide_stored_ones_of_the_same_id),
        test(a_stored_client_that_is_no_good_is_left_out_alone),
        test(no_client_at_all_is_fine),
        test(a_bad_configuration_is_refused_and_the_last_good_one_stays),
        test(stored_tenants_come_after_those_of_the_configuration_and_keep_their_connectors),
        test(a_first_administrator_is_made_once_with_a_password_in_a_private_file),
        test(without_a_local_tenant_there_is_no_administrator),
        test(a_local_ca_is_made_once_and_its_certificate_renewed_in_time_or_for_a_new_name),
        test(a_damaged_ca_is_named_and_not_replaced),
        test(a_host_name_cannot_slip_more_names_into_the_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
