/* As many tenants and clients as are promised can be had. */
#include "unit/server/server_rig.h"

#include "server/mirror.h"
#include "server/signing_keys.h"
#include "server/snapshot.h"
#include "server/tenants.h"

enum {
    TENANTS = RESOURCE_TENANTS_MAX,
    CLIENTS = 65536 + 1,
    MIRRORS = 4096 + 1
}; /* more than any power of two below the limit */

static struct connector_env env;

static int setup(void **state) {
    if (server_rig_setup(state) != 0)
        return 1;
    env = (struct connector_env) { .store = rig.store, .clock = &rig.clock, .random = &rig.random };
    (void)server_rig_load("");
    return 0;
}
static int teardown(void **state) { return server_rig_teardown(state); }

static void store_body(const char *kind, const char *name, const char *body) {
    const struct store_write w = { .kind = str_of(kind), .name = str_of(name), .body = str_of(body) };
    rig_ok(store_write(rig.store, &w, NULL, &rig.err));
}

static void store_tenant(int i) {
    char id[16], body[128];
    (void)snprintf(id, sizeof id, "t-%05d", i);
    (void)snprintf(body, sizeof body,
                   "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"name\":\"T\",\"type\":\"tke\"}}", id);
    store_body("identityproviders", id, body);
}

/* One more cannot be made; a mirror of the configuration can. */
static void ten_thousand_tenants_are_loaded_and_more_refused(void **state) {
    (void)state;
    struct tenant_set set = { 0 };
    json_t *another = rig_json("{'metadata':{'name':'another'},'spec':{'name':'A','type':'tke'}}");
    for (int i = 0; i < TENANTS - 1; i++)
        store_tenant(i);
    rig_create(&kind_identity_provider, "{'metadata':{'name':'last'},'spec':{'name':'L','type':'tke'}}");
    assert_int_equal(rig_try_create(&kind_identity_provider, another, &rig_plain), ERR_FORBIDDEN);
    rig_assert_refused(403, "Forbidden");
    const struct resource_options mirror = { .trusted = true, .from_configuration = true };
    rig_ok(rig_try_create(&kind_identity_provider, another, &mirror));
    rig_ok(tenants_load(rig.store, rig.keyring, server_rig.generation, &env, NULL, &set, &rig.err));
    assert_int_equal(set.len, TENANTS + 1);
    assert_non_null(tenants_find_id(&set, STR("t-00000"))->connector);
    assert_non_null(tenants_find_id(&set, STR("last"))->connector);
    tenants_done(&set);
}

static struct server_snapshot *build(void) {
    static struct retired_snapshots nobody;
    const struct kube_app kube = { .env = &rig.env };
    const struct signing_keys keys = { .store = rig.store,
                                       .keyring = rig.keyring,
                                       .random = &rig.random,
                                       .clock = &rig.clock,
                                       .policy = { 86400, 400, 1000, 300 } };
    struct server_snapshot *made = NULL;
    struct keyset *set = NULL;
    bool changed = false;
    rig_ok(signing_keys_rotate(&keys, &changed, &rig.err));
    rig_ok(signing_keys_load(&keys, &set, &rig.err));
    const struct snapshot_inputs in = { .parts = &server_rig.parts,
                                        .keyring = rig.keyring,
                                        .rotation = keys.policy,
                                        .keys = set,
                                        .generation = server_rig.generation,
                                        .retired = &nobody,
                                        .tenant_env = &env,
                                        .kube = &kube };
    rig_ok(server_snapshot_new(&in, &made, &rig.err));
    return made;
}

static void many_clients_are_all_found(void **state) {
    (void)state;
    char id[16] = "", body[160];
    for (int i = 0; i < CLIENTS; i++) {
        (void)snprintf(id, sizeof id, "c-%05d", i);
        (void)snprintf(body, sizeof body,
                       "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"id\":\"%s\",\"public\":true,"
                       "\"redirect_uris\":[\"https://c.example/cb\"]}}",
                       id, id);
        store_body("clients", id, body);
    }
    struct server_snapshot *s = build();
    assert_int_equal(s->oidc.client_count, CLIENTS);
    assert_non_null(oidc_find_client(&s->oidc, STR("c-00000")));
    assert_non_null(oidc_find_client(&s->oidc, str_of(id)));
    server_snapshot_discard(s);
}

static void mirror_clients(size_t count) {
    AUTO(strbuf_done) struct strbuf yaml = STRBUF(16 * 1024 * 1024);
    strbuf_adds(&yaml, "staticClients:\n");
    for (size_t i = 0; i < count; i++)
        strbuf_addf(&yaml, "- {id: c-%05zu, public: true, redirectURIs: ['https://c.example/cb']}\n", i);
    mirror_sync(&rig.env, server_rig_load(count > 0 ? strbuf_c(&yaml) : ""));
    assert_int_equal(rig_count(&kind_client, STR_NULL), count);
}

static void every_client_of_the_configuration_has_its_mirror_however_many_there_are(void **state) {
    (void)state;
    mirror_clients(MIRRORS);
    uint64_t writes = store_write_count(rig.store);
    mirror_clients(MIRRORS);
    assert_int_equal(store_write_count(rig.store), writes);
    mirror_clients(0);
    assert_int_equal(
        server_rig_log_count("configuration_hides_object") + server_rig_log_count("mirror_failed"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ON(ten_thousand_tenants_are_loaded_and_more_refused, "memory"),
        TEST_ON(many_clients_are_all_found, "memory"),
        TEST_ON(every_client_of_the_configuration_has_its_mirror_however_many_there_are, "memory"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
