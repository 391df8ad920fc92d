/* Tenants and their connectors: made once, kept while nothing that matters changes, closed when nobody has them any more. */
#include "unit/server/server_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "server/local_ca.h"
#include "server/tenants.h"

static struct connector_env env;
static struct tenant_set set; /* as of the last load */

/* ---- between tenants and connectors (linked with --wrap) ---- */

static _Atomic int opened, closed;
static _Atomic(struct connector *) last_closed;

enum err_code __real_connector_open(const struct connector_ops *ops, const char *id, const char *name,
                                    const struct cfg_node *node, struct arena *a,
                                    const struct connector_env *e, struct cfg_problems *problems,
                                    struct connector **ret, struct err *err);
enum err_code __wrap_connector_open(const struct connector_ops *ops, const char *id, const char *name,
                                    const struct cfg_node *node, struct arena *a,
                                    const struct connector_env *e, struct cfg_problems *problems,
                                    struct connector **ret, struct err *err);
enum err_code __wrap_connector_open(const struct connector_ops *ops, const char *id, const char *name,
                                    const struct cfg_node *node, struct arena *a,
                                    const struct connector_env *e, struct cfg_problems *problems,
                                    struct connector **ret, struct err *err) {
    enum err_code rc = __real_connector_open(ops, id, name, node, a, e, problems, ret, err);
    opened += rc == ERR_OK;
    return rc;
}

void __real_connector_close(struct connector *c);
void __wrap_connector_close(struct connector *c);
void __wrap_connector_close(struct connector *c) {
    closed += c != NULL;
    atomic_store(&last_closed, c);
    __real_connector_close(c);
}

/* ---- rig ---- */

static int setup(void **state) {
    if (server_rig_setup(state) != 0)
        return 1;
    set = (struct tenant_set) { 0 };
    env = (struct connector_env) {
        .store = rig.store, .clock = &rig.clock, .random = &rig.random, .log = server_rig.log
    };
    (void)server_rig_load("");
    opened = closed = 0;
    return 0;
}

static int teardown(void **state) {
    tenants_done(&set);
    int rc = server_rig_teardown(state);
    assert_int_equal(opened, closed);
    return rc;
}

static void load(void) {
    struct tenant_set next = { 0 };
    rig_ok(tenants_load(rig.store, rig.keyring, server_rig.generation, &env, &set, &next, &rig.err));
    tenants_done(&set);
    set = next;
}

static struct tenant *tenant(const char *id) { return tenants_find_id(&set, str_of(id)); }
static struct connector *connector(const char *id) {
    assert_non_null(tenant(id));
    return tenant(id)->connector;
}

#define SEARCH "'insecureNoSSL':true,'userSearch':{'baseDN':'dc=a','username':'uid','idAttr':'uid'}"
#define LDAP(host) "{'host':'" host "'," SEARCH "}"

static const char *spec(const char *type, const char *name, const char *administrators, const char *config) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(65536);
    char *quoted = json_print(rig_keep(json_string(rig_quoted(config))));
    strbuf_addf(&text, "{\"name\":\"%s\",\"type\":\"%s\",\"administrators\":%s,\"config\":%s}", name, type,
                rig_quoted(administrators), quoted);
    free(quoted);
    return rig_text("%s", strbuf_c(&text));
}

static void create(const char *id, const char *spec_json) {
    rig_create(&kind_identity_provider, rig_text("{'metadata':{'name':'%s'},'spec':%s}", id, spec_json));
}

static void change(const char *id, const char *spec_json) {
    json_t *object = rig_keep(json_deep_copy(rig_read(&kind_identity_provider, id)));
    (void)json_object_set(object, "spec", rig_json(spec_json));
    rig_update(&kind_identity_provider, id, object);
}

/* ---- a connector's life ---- */

static void a_connector_is_kept_whatever_changes_around_its_tenant(void **state) {
    (void)state;
    create("acme", spec("ldap", "Acme", "['root']", LDAP("a.example:389")));
    create("beta", spec("tke", "Beta", "[]", ""));
    load();
    struct connector *acme = connector("acme"), *beta = connector("beta");
    assert_non_null(acme);
    assert_non_null(beta);
    assert_int_equal(opened, 2);
    json_t *object = rig_keep(json_deep_copy(rig_read(&kind_identity_provider, "acme")));
    (void)json_object_set(json_object_get(object, "metadata"), "labels", rig_json("{'a':'b'}"));
    (void)json_object_set(json_object_get(object, "metadata"), "annotations", rig_json("{'a':'b'}"));
    rig_update(&kind_identity_provider, "acme", object);
    load();
    assert_ptr_equal(connector("acme"), acme);
    object = rig_keep(json_deep_copy(rig_read(&kind_identity_provider, "acme")));
    (void)json_object_set(object, "status", rig_json("{'conditions':[{'type':'Ready','status':'True'}]}"));
    rig_ok(rig_try_update(&kind_identity_provider, "acme", object, 0, &rig_status));
    create("gamma", spec("tke", "Gamma", "[]", ""));
    rig_user("beta", "alice");
    for (int i = 0; i < 5; i++)
        load();
    assert_ptr_equal(connector("acme"), acme);
    assert_ptr_equal(connector("beta"), beta);
    assert_int_equal(opened, 3);
    assert_int_equal(closed, 0);
    assert_string_equal(acme->id, "acme"); /* it outlived the set it was made for */
    assert_string_equal(acme->name, "Acme");
}

static void a_connector_is_replaced_when_what_it_is_made_of_changes(void **state) {
    (void)state;
    const struct {
        const char *what, *spec;
    } changes[] = {
        { "name", spec("ldap", "New", "['root']", LDAP("a.example:389")) },
        { "administrators", spec("ldap", "New", "['root','eve']", LDAP("a.example:389")) },
        { "fewer of them", spec("ldap", "New", "['eve']", LDAP("a.example:389")) },
        { "host", spec("ldap", "New", "['eve']", LDAP("b.example:389")) },
        { "a password", spec("ldap", "New", "['eve']",
                             "{'host':'b.example:389','bindDN':'cn=a','bindPW':'one'," SEARCH "}") },
        { "another password", spec("ldap", "New", "['eve']",
                                   "{'host':'b.example:389','bindDN':'cn=a','bindPW':'two'," SEARCH "}") },
    };
    create("acme", spec("ldap", "Acme", "['root']", LDAP("a.example:389")));
    create("beta", spec("tke", "Beta", "[]", ""));
    load();
    struct connector *beta = connector("beta");
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct connector *before = connector("acme");
        int closed_before = closed;
        change("acme", changes[i].spec);
        struct tenant *held = tenant_ref(tenant("acme"));
        load();
        if (connector("acme") == before || connector("acme") == NULL)
            fail_msg("%s: the connector is still the old one, or none", changes[i].what);
        assert_int_equal(closed, closed_before); /* somebody still has it */
        assert_string_equal(held->connector->id, "acme");
        tenant_unref(held);
        assert_int_equal(closed, closed_before + 1);
        assert_ptr_equal(last_closed, before);
        assert_ptr_equal(connector("beta"), beta);
    }
    struct connector *last = connector("acme");
    change("acme", spec("ldap", "New", "['eve']",
                        "{'host':'b.example:389','bindDN':'cn=a','bindPW':'***'," SEARCH "}"));
    load();
    assert_ptr_equal(connector("acme"), last); /* the password that is kept is no change */
    assert_int_equal(tenant("acme")->administrator_count, 1);
    assert_str(tenant("acme")->administrators[0], "eve");
}

static void a_tenant_that_goes_takes_its_connector_with_it_when_its_last_user_is_done(void **state) {
    (void)state;
    create("acme", spec("tke", "Acme", "['root']", ""));
    load();
    struct tenant *held = tenant_ref(tenant("acme"));
    rig_remove(&kind_identity_provider, "acme"); /* its deletion begins */
    assert_true(rig_has(&kind_identity_provider, "acme"));
    load();
    assert_null(tenant("acme"));
    assert_int_equal(closed, 0);
    assert_str(held->id, "acme");
    assert_str(held->administrators[0], "root");
    assert_string_equal(held->connector->name, "Acme");
    tenant_unref(held);
    assert_int_equal(closed, 1);
    tenant_unref(NULL);
}

static void a_tenant_whose_configuration_is_bad_has_no_connector_until_it_is_repaired(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        { "ldap", "" },
        { "ldap", "{not json" },
        { "ldap", "{}" },
        { "ldap", "{'host':'a.example','nonsense':1}" },
        { "ldap", "{'host':'a.example','rootCA':'/nonexistent','userSearch':{'baseDN':'dc=a',"
                  "'username':'uid','idAttr':'uid'}}" },
        { "nowhere", "" }
    };
    create("good", spec("tke", "Good", "[]", ""));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *id = rig_text("bad-%zu", i);
        const char *text = rig_text("{\"metadata\":{\"name\":\"%s\"},\"spec\":%s}", id,
                                    spec(bad[i][0], "Bad", "['root']", bad[i][1]));
        const struct store_write w = { .kind = STR("identityproviders"),
                                       .name = str_of(id),
                                       .body = str_of(text) };
        rig_ok(store_write(rig.store, &w, NULL, &rig.err));
    }
    load();
    assert_non_null(connector("good"));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (connector(rig_text("bad-%zu", i)) != NULL)
            fail_msg("%s %s has a connector", bad[i][0], bad[i][1]);
        assert_str(tenant(rig_text("bad-%zu", i))->administrators[0], "root");
    }
    assert_int_equal(server_rig_log_count("tenant_unusable"), ARRAY_LEN(bad));
    struct tenant *before = tenant("bad-0");
    change("bad-0", spec("ldap", "Bad", "['root']", LDAP("a.example:389")));
    load();
    assert_ptr_not_equal(tenant("bad-0"), before);
    assert_non_null(connector("bad-0"));
}

/* The object is the same, but what it names is there now: it must not need an edit. */
static void a_connector_that_could_not_be_made_is_tried_again(void **state) {
    (void)state;
    static const char *const files[] = { "ca.crt", "ca.key", "server.crt", "server.key" };
    const char *path = rig_text("%s/ca.crt", rig.folder);
    json_t *object = rig_json(rig_text("{\"metadata\":{\"name\":\"acme\"},\"spec\":%s}",
                                       spec("ldap", "Acme", "[]",
                                            rig_text("{'host':'a.example:636','rootCA':'%s','userSearch':"
                                                     "{'baseDN':'dc=a','username':'uid','idAttr':'uid'}}",
                                                     path))));
    char *body = json_print(object);
    const struct store_write w = { .kind = STR("identityproviders"),
                                   .name = STR("acme"),
                                   .body = str_of(body) };
    rig_ok(store_write(rig.store, &w, NULL, &rig.err));
    free(body);
    load();
    assert_null(connector("acme"));
    rig_ok(local_ca_ensure(rig.folder, NULL, RIG_START, &rig.err));
    load();
    assert_non_null(connector("acme"));
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        assert_int_equal(unlink(rig_text("%s/%s", rig.folder, files[i])), 0);
}

static void what_cannot_be_read_or_opened_is_told_and_stops_no_other(void **state) {
    (void)state;
    static const unsigned char key[KEYRING_KEY_SIZE] = { 77 };
    struct keyring *other = NULL;
    struct tenant_set stranger = { 0 };
    create("acme", spec("ldap", "Acme", "[]",
                        "{'host':'a.example:389','bindDN':'cn=a','bindPW':'hunter2'," SEARCH "}"));
    create("beta", spec("tke", "Beta", "[]", ""));
    const struct store_write w = { .kind = STR("identityproviders"),
                                   .name = STR("broken"),
                                   .body = STR("{") };
    rig_ok(store_write(rig.store, &w, NULL, &rig.err));
    load();
    assert_int_equal(set.len, 2);
    assert_int_equal(server_rig_log_count("tenant_unusable"), 1);
    rig_ok(keyring_from_key(key, &other, &rig.err)); /* somebody has lost the key file */
    rig_ok(tenants_load(rig.store, other, server_rig.generation, &env, NULL, &stranger, &rig.err));
    assert_null(tenants_find_id(&stranger, STR("acme")));
    assert_non_null(tenants_find_id(&stranger, STR("beta")));
    tenants_done(&stranger);
    keyring_free(other);
    assert_null(strstr(server_rig_log(), "hunter2"));
}

/* ---- tenants of the configuration ---- */

#define CORP                                                                                                 \
    "connectors:\n  - {type: ldap, id: corp, name: Corp, administrators: [root, eve], config: {host: "       \
    "'c.example:389', insecureNoSSL: true, userSearch: {baseDN: 'dc=a', username: uid, idAttr: uid}}}\n"

static void mirror(const char *id, const char *type) {
    const struct resource_options o = { .trusted = true, .from_configuration = true };
    rig_ok(rig_try_create(
        &kind_identity_provider,
        rig_json(rig_text("{'metadata':{'name':'%s','annotations':{'" RESOURCE_SOURCE_ANNOTATION
                          "':'configuration'}},'spec':{'name':'%s','type':'%s',"
                          "'administrators':['kept']}}",
                          id, id, type)),
        &o));
}

static void tenants_of_the_configuration_have_its_connectors_and_hold_them(void **state) {
    (void)state;
    struct generation *g = server_rig_load("enablePasswordDB: true\n" CORP);
    mirror("corp", "ldap");
    create("acme", spec("tke", "Acme", "[]", ""));
    load(); /* without a mirror of "local" */
    assert_int_equal(set.len, 3);
    assert_ptr_equal(connector("corp"), g->connectors[0]);
    assert_ptr_equal(connector("local"), g->connectors[1]);
    assert_str(tenant("corp")->administrators[0], "kept"); /* as kubectl has them */
    int before = opened;
    load();
    assert_int_equal(opened, before);
    assert_ptr_equal(connector("corp"), g->connectors[0]);
    struct tenant *held = tenant_ref(tenant("corp"));
    struct connector *acme = connector("acme");
    before = closed;
    g = server_rig_load("enablePasswordDB: true\n" CORP); /* the same, read anew */
    assert_int_equal(closed, before);
    load();
    assert_ptr_equal(connector("corp"), g->connectors[0]);
    assert_ptr_not_equal(held->connector, connector("corp"));
    assert_ptr_equal(connector("acme"), acme);
    assert_int_equal(closed, before);
    assert_string_equal(held->connector->id, "corp");
    tenant_unref(held);
    assert_int_equal(closed, before + 2); /* with the last of its users the whole old configuration goes */
}

/* A disk that was full when the mirrors were to be written takes nobody's rights away. */
static void a_tenant_without_its_mirror_has_the_administrators_of_the_configuration(void **state) {
    (void)state;
    (void)server_rig_load(
        CORP "enablePasswordDB: true\n"
             "auth: {init_tenant_type: tke, init_tenant_id: default, init_idp_administrators: [first]}\n");
    load();
    assert_int_equal(set.len, 3);
    assert_int_equal(tenant("corp")->administrator_count, 2);
    assert_str(tenant("corp")->administrators[0], "root");
    assert_str(tenant("corp")->administrators[1], "eve");
    assert_int_equal(tenant("default")->administrator_count, 1);
    assert_str(tenant("default")->administrators[0], "first");
    assert_int_equal(tenant("local")->administrator_count, 0);
}

static void a_tenant_taken_out_of_the_configuration_has_no_connector_and_no_object_soon(void **state) {
    (void)state;
    (void)server_rig_load(CORP "enablePasswordDB: true\n");
    mirror("corp", "ldap");
    mirror("local", "tke");
    load();
    assert_non_null(connector("corp"));
    assert_non_null(connector("local"));
    (void)server_rig_load("");
    load();
    assert_null(connector("corp")); /* the mirrors are still there */
    assert_null(connector("local"));
    (void)server_rig_load(CORP);
    load();
    assert_non_null(connector("corp"));
    (void)server_rig_load("");
    const struct resource_delete d = { .at_once = true, .from_configuration = true };
    rig_ok(rig_try_remove(&kind_identity_provider, "corp", &d));
    load();
    assert_null(tenant("corp"));
}

static void a_tenant_moves_into_the_configuration_and_out_of_it(void **state) {
    (void)state;
    create("corp", spec("ldap", "Corp", "[]", LDAP("mine.example:389")));
    load();
    struct connector *mine = connector("corp");
    assert_non_null(mine);
    struct generation *g = server_rig_load(CORP);
    int before = closed;
    load();
    assert_ptr_equal(connector("corp"), g->connectors[0]);
    assert_int_equal(closed, before + 1);
    assert_ptr_equal(last_closed, mine);
    (void)server_rig_load("");
    load();
    assert_non_null(connector("corp"));
    assert_null(tenant("corp")->generation);
    assert_int_equal(closed, before + 2);
}

/* ---- many ---- */

static void tenants_are_found_by_their_whole_id_in_any_number(void **state) {
    (void)state;
    static const char *const odd[] = { "", "a", "t", "t-", "t-0", "t-000000", "t-00001x", "zzz", "T-00001" };
    (void)server_rig_load(CORP "enablePasswordDB: true\n"); /* without objects: they are put in order, too */
    enum { MANY = 100 };
    for (int i = 0; i < MANY; i++) {
        create(rig_text("t-%05d", i * 7 % MANY), spec("tke", "T", "[]", ""));
        if (i % 30 == 0)
            load();
    }
    load();
    assert_int_equal(set.len, MANY + 2);
    for (int i = 0; i < MANY; i++)
        assert_str(tenant(rig_text("t-%05d", i))->id, rig_text("t-%05d", i));
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        assert_null(tenant(odd[i]));
    assert_non_null(tenant("corp"));
    assert_non_null(tenant("local"));
    assert_null(tenants_find_id(NULL, STR("corp")));
}

/* ---- threads ---- */

enum { HOLDERS = 4, ROUNDS = 500 };
static struct tenant *shared;

static void *hold_often(void *arg) {
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct tenant *t = tenant_ref(shared);
        bool good = t->connector != NULL && strcmp(t->connector->id, "acme") == 0 &&
                    str_eq(t->id, STR("acme"));
        tenant_unref(t);
        if (!good)
            return (void *)(uintptr_t)1;
    }
    tenant_unref(shared); /* mine */
    return NULL;
}

static void a_connector_is_closed_once_by_whichever_thread_is_last(void **state) {
    pthread_t threads[HOLDERS];
    (void)state;
    create("acme", spec("tke", "Acme", "[]", ""));
    load();
    shared = tenant("acme");
    for (size_t i = 0; i < HOLDERS; i++)
        (void)tenant_ref(shared);
    for (size_t i = 0; i < HOLDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_often, NULL), 0);
    tenants_done(&set);
    for (size_t i = 0; i < HOLDERS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(closed, 1);
}

/* ---- what an API client is told ---- */

static void a_configuration_is_tried_without_leaving_anything_open(void **state) {
    (void)state;
    const struct {
        const char *type, *config, *told;
    } rows[] = {
        { "tke", "", NULL },
        { "ldap", LDAP("a.example:389"), NULL },
        { "nowhere", "", "there is no type \"nowhere\"" },
        { "ldap", "", "is missing" },
        { "ldap", "{", "not YAML" },
        { "ldap", "{'host':'a.example:389','bindPW':'hunter2','nonsense':1," SEARCH "}", "nonsense" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *told = tenants_check_connector(rig.arena, &env, str_of(rows[i].type),
                                                   str_of(rig_quoted(rows[i].config)));
        if ((told == NULL) != (rows[i].told == NULL) || (told != NULL && strstr(told, rows[i].told) == NULL))
            fail_msg("%s %s: \"%s\"", rows[i].type, rows[i].config, told != NULL ? told : "(nothing)");
        if (told != NULL)
            assert_null(strstr(told, "hunter2"));
        assert_int_equal(opened, closed);
    }
}

#define TEST(f) TEST_ON(f, "memory")
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_connector_is_kept_whatever_changes_around_its_tenant),
        TEST_ON(a_connector_is_replaced_when_what_it_is_made_of_changes, "sqlite"),
        TEST(a_tenant_that_goes_takes_its_connector_with_it_when_its_last_user_is_done),
        TEST(a_tenant_whose_configuration_is_bad_has_no_connector_until_it_is_repaired),
        TEST(a_connector_that_could_not_be_made_is_tried_again),
        TEST(what_cannot_be_read_or_opened_is_told_and_stops_no_other),
        TEST(tenants_of_the_configuration_have_its_connectors_and_hold_them),
        TEST(a_tenant_without_its_mirror_has_the_administrators_of_the_configuration),
        TEST(a_tenant_taken_out_of_the_configuration_has_no_connector_and_no_object_soon),
        TEST(a_tenant_moves_into_the_configuration_and_out_of_it),
        TEST(tenants_are_found_by_their_whole_id_in_any_number),
        TEST(a_connector_is_closed_once_by_whichever_thread_is_last),
        TEST(a_configuration_is_tried_without_leaving_anything_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
