/* A configuration of dex, taken over. */
#include "unit/cli/import_rig.h"

#include <stdlib.h>
#include <unistd.h>

#define DEX "tests/data/import/dex.yaml"

static int setup(void **state) {
    static struct rig r;
    rig_init(&r);
    *state = &r;
    return 0;
}
static int teardown(void **state) {
    rig_done(*state);
    return 0;
}

static void clients_users_and_directories_become_objects(void **state) {
    struct rig *r = *state;
    assert_int_equal(rig_import(r, DEX), 1);
    assert_string_equal(
        r->report,
        "created   IdentityProvider corp: environment variables put in; rootCA: 1 certificate of "
        "tests/data/import/ca.crt put in\n"
        "not taken IdentityProvider github: there is no connector of type github here\n"
        "not taken IdentityProvider other: clientCert names a file or variable of the server, which an "
        "object may "
        "not: put this tenant into the configuration\n"
        "created   IdentityProvider default: made for staticPasswords; it has no administrators yet\n"
        "created   LocalIdentity 08a8684b-db88-4b73-90a9-3cd1661f5466 (ada)\n"
        "created   LocalIdentity usr-9tghxcl5 (grace-hopper): login name grace-hopper; the e-mail address "
        "works "
        "as well; "
        "userID is no name of an object: another one stands for it\n"
        "created   Client console: backchannelLogoutURI dropped\n"
        "created   Client kubelogin\n"
        "not taken Client NOT_SET_ANYWHERE: id: the environment variable NOT_SET_ANYWHERE is not set here\n"
        "note      the sub of dex's own users names dex's connector \"local\"; in tenant default they get "
        "another one "
        "(--tenant local keeps it)\n"
        "6 created, 0 changed, 0 the same, 0 left out, 0 in conflict, 3 not taken\n");
}

static void values_come_from_where_dex_has_them(void **state) {
    struct rig *r = *state;
    struct identity_provider p;
    struct client c;
    struct local_user u;
    enum password_outcome outcome;
    unsigned char digest[SHA256_SIZE];
    struct err err = { 0 };
    (void)rig_import(r, DEX);
    struct store_object o = rig_get(r, &kind_identity_provider, "corp");
    assert_ok(resource_identity_provider(r->arena, r->keyring, &o, &p, &err));
    assert_true(str_contains(p.config, STR("\"bindPW\":\"the-bind-password-$1\"")));
    assert_str(p.type, "ldap");
    assert_str(p.name, "Example Corporation");
    o = rig_get(r, &kind_client, "console");
    assert_ok(resource_client(r->arena, &o, &c, &err));
    sha256(STR("the-secret-of-the-console"), digest);
    assert_memory_equal(c.secret_sha256, digest, sizeof digest);
    assert_str(c.redirect_uris.items[0], "https://console.example.com/callback");
    assert_str(c.trusted_peers.items[0], "kubelogin");
    o = rig_get(r, &kind_client, "kubelogin");
    assert_ok(resource_client(r->arena, &o, &c, &err));
    assert_true(c.is_public);
    o = rig_get(r, &kind_local_identity, "08a8684b-db88-4b73-90a9-3cd1661f5466");
    assert_ok(resource_local_user(r->arena, &o, &u, &err));
    assert_str(u.username, "ada");
    assert_str(u.display_name, "Ada Lovelace");
    assert_str(u.tenant, "default");
    assert_true(u.email_verified);
    assert_str(u.groups.items[0], "operators");
    assert_ok(password_verify(STR("the password of ada"), u.password_hash, &outcome, &err));
    assert_int_equal(outcome, PASSWORD_MATCH_REHASH);
    assert_ok(store_find_whole(r->store, r->arena, STR("localidentities"),
                               index_username(r->arena, STR("default"), STR("grace-hopper")), &o, NULL,
                               &err));
    assert_ok(resource_local_user(r->arena, &o, &u, &err));
    assert_str(u.display_name, "Grace Hopper");
    assert_false(u.email_verified);
    assert_ok(password_verify(STR("the password of grace"), u.password_hash, &outcome, &err));
    assert_int_equal(outcome, PASSWORD_MATCH_REHASH);
}

static void a_second_run_finds_everything_the_same(void **state) {
    struct rig *r = *state;
    r->o.tenant = "local";
    (void)rig_import(r, DEX);
    rig_assert_silent(r, "the sub of");
    int64_t revision = rig_revision(r);
    assert_int_equal(rig_import(r, DEX), 1);
    rig_assert_line(r, "0 created, 0 changed, 5 the same, 0 left out, 0 in conflict, 3 not taken");
    assert_int_equal(rig_revision(r), revision);
    rig_assert_silent(r, "the-bind-password");
    rig_assert_silent(r, "the-secret-of-the-console");
}

static void a_tenant_that_is_there_is_not_made(void **state) {
    struct rig *r = *state;
    static const char one[] =
        "staticPasswords: [{email: a@example.com, hash: "
        "JDJhJDEwJEVGR0hJSktMTU5PUFFSU1RVVldYWWVhZ2JUdWp1dGtELi4zWlVNUHlyV0xPMmRMc25sZkV5, "
        "username: ann}]";
    r->config.enable_password_db = true;
    r->o.tenant = "local";
    assert_int_equal(rig_import(r, one), 0);
    assert_int_equal(rig_count(r, &kind_identity_provider), 0);
    assert_int_equal(rig_count(r, &kind_local_identity), 1);
    assert_int_equal(rig_import(r, one), 0);
    rig_assert_line(r, "0 created, 0 changed, 1 the same, 0 left out, 0 in conflict, 0 not taken");
}

static void users_that_do_not_fit_are_told(void **state) {
    struct rig *r = *state;
    static const struct {
        const char *user, *line;
    } cases[] = {
        { "{email: aa@example.com, username: x, hash: "
          "$2a$10$efghijklmnopqrstuvwxyeWwQS08.x62/spmuaY79dFSvlgSjrObW, "
          "userID: u1}",
          "not taken LocalIdentity u1: no login name can be made of username and email: 3 to 32 of a-z, 0-9 "
          "and '-'" },
        { "{email: anna@example.com, hashFromEnv: NOT_SET, userID: u2}",
          "not taken LocalIdentity u2: hash: the environment variable NOT_SET is not set here" },
        { "{email: anna@example.com, userID: u3}",
          "not taken LocalIdentity u3 (anna): spec.hashedPassword: Required value: base64 of the password" },
        { "{email: anna@example.com, hash: hunter2, userID: u4}",
          "not taken LocalIdentity u4 (anna): spec.hashedPassword is no hash that can be checked here "
          "(bcrypt in "
          "base64, as TKEStack keeps it)" },
        { "{email: anna@@example.com, hash: $2a$10$efghijklmnopqrstuvwxyeWwQS08.x62/spmuaY79dFSvlgSjrObW, "
          "userID: u5}",
          "not taken LocalIdentity u5 (anna): spec.email: Invalid value: \"anna@@example.com\": must be an "
          "e-mail "
          "address" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "staticPasswords: [%s]", cases[i].user);
        assert_int_equal(rig_import(r, text), 1);
        rig_assert_line(r, cases[i].line);
        rig_assert_silent(r, "hunter2");
    }
    assert_int_equal(rig_count(r, &kind_local_identity), 0);
}

/* Go's os.Expand, variable by variable. */
static void variables_are_taken_apart_as_dex_does(void **state) {
    struct rig *r = *state;
    static const struct {
        const char *text, *want, *missing;
    } cases[] = {
        { "plain", "plain", NULL },
        { "$LDAP_PASSWORD", "the-bind-password-$1", NULL },
        { "a${LDAP_PASSWORD}b", "athe-bind-password-$1b", NULL },
        { "$EMPTY.", ".", NULL },
        { "${EMPTY}$EMPTY", "", NULL },
        { "cost: 5$", "cost: 5$", NULL },
        { "a$ b", "a$ b", NULL },
        { "a$/b", "a$/b", NULL },
        { "pa$$word", "paword", NULL }, /* dex reads it so, whatever was meant */
        { "a$1b", "ab", NULL },
        { "${}", "", NULL },
        { "a${b", "ab", NULL },
        { "$NOT_SET", NULL, "NOT_SET" },
        { "x${NOT_SET}y", NULL, "NOT_SET" },
        { "$EMPTY$MISSING_TOO", NULL, "MISSING_TOO" },
    };
    struct err err = { 0 };
    r->o.report = stdout;
    assert_ok(import_init(&r->m, &r->o, &r->env, &err));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *config = json_pack("{s:[s], s:{s:i}}", "a", cases[i].text, "b", "n", 1);
        bool expanded;
        const char *missing = NULL;
        bool complete = import_expand(&r->m, config, &expanded, &missing);
        assert_int_equal(complete, cases[i].missing == NULL);
        assert_int_equal(expanded, strchr(cases[i].text, '$') != NULL);
        if (cases[i].missing != NULL)
            assert_string_equal(missing, cases[i].missing);
        else
            assert_string_equal(json_string_value(json_array_get(json_object_get(config, "a"), 0)),
                                cases[i].want);
        json_decref(config);
    }
    import_done(&r->m);
}

static const char *without_expansion(const char *name) {
    return strcmp(name, "DEX_EXPAND_ENV") == 0 ? "false" : NULL;
}

static void dex_may_have_been_told_to_leave_dollars_alone(void **state) {
    struct rig *r = *state;
    struct identity_provider p;
    struct err err = { 0 };
    r->o.variable = without_expansion;
    assert_int_equal(
        rig_import(r, "connectors: [{type: ldap, id: corp, config: {host: h, bindPW: pa$word}}]"), 0);
    rig_assert_line(r, "created   IdentityProvider corp");
    struct store_object o = rig_get(r, &kind_identity_provider, "corp");
    assert_ok(resource_identity_provider(r->arena, r->keyring, &o, &p, &err));
    assert_true(str_contains(p.config, STR("\"bindPW\":\"pa$word\"")));
}

static void connectors_that_do_not_fit_are_told(void **state) {
    struct rig *r = *state;
    static const struct {
        const char *connector, *line;
    } cases[] = {
        { "{type: ldap, id: corp, config: {bindPW: hunter2}}",
          "not taken IdentityProvider corp: spec.config: host: is "
          "missing" },
        { "{type: ldap, id: corp, config: {host: h, bindPW: \"${NOT_SET}\"}}",
          "not taken IdentityProvider corp: config: the environment variable NOT_SET is not set here" },
        { "{type: ldap, id: AD, config: {host: h}}", "not taken IdentityProvider AD: metadata.name: Invalid "
                                                     "value: \"AD\": must have 3 to 32 characters: a-z, 0-9 "
                                                     "and, not at its ends, '-'" },
        { "{type: ldap, id: corp, config: {host: h, rootCA: /nowhere/ca.crt}}",
          "not taken IdentityProvider corp: rootCA /nowhere/ca.crt cannot be read here: bring the file along "
          "and say "
          "--root-ca corp=FILE" },
        { "{type: ldap, id: corp, config: {host: h, rootCA: tests/data/import/dex.yaml}}",
          "not taken IdentityProvider corp: rootCA tests/data/import/dex.yaml: there is no certificate (PEM) "
          "in it" },
        { "{type: oidc, id: google}",
          "not taken IdentityProvider google: there is no connector of type oidc here" },
        { "{type: ldap, config: {host: h}}", "not taken IdentityProvider : it has no name" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "connectors: [%s]", cases[i].connector);
        assert_int_equal(rig_import(r, text), 1);
        rig_assert_line(r, cases[i].line);
        rig_assert_silent(r, "hunter2");
    }
    assert_int_equal(rig_count(r, &kind_identity_provider), 0);
}

/* A file whose name comes from elsewhere must not get into an object that others read. */
static void nothing_but_certificates_is_put_in(void **state) {
    struct rig *r = *state;
    char path[] = "/tmp/import-ca-XXXXXX";
    struct identity_provider p;
    json_t *config = NULL;
    AUTO(strbuf_done) struct strbuf pem = STRBUF(65536);
    struct err err = { 0 };
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_ok(
        file_write_atomic(path,
                          STR("root:x:0:0\n-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n"
                              "-----BEGIN CERTIFICATE-----\nnot: base64\n-----END CERTIFICATE-----\n"
                              "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\ntail\n"),
                          0600, &err));
    const char *const all[] = { path };
    r->o.root_cas = all;
    r->o.root_ca_count = 1;
    assert_int_equal(
        rig_import(r,
                   "connectors: [{type: ldap, id: corp, config: {host: h, rootCA: /etc/ca.crt, clientCert: "
                   "\"\"}}]"),
        0);
    (void)unlink(path);
    struct store_object o = rig_get(r, &kind_identity_provider, "corp");
    assert_ok(resource_identity_provider(r->arena, r->keyring, &o, &p, &err));
    assert_ok(json_parse(p.config, &config, &err));
    assert_ok(base64_decode(json_get_str(config, "rootCAData"), &pem, &err));
    assert_str(strbuf_str(&pem), "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n");
    assert_int_equal(json_object_size(config), 2);
    json_decref(config);
}

static void what_is_no_list_of_mappings_stops_everything(void **state) {
    struct rig *r = *state;
    assert_string_equal(rig_refusal(r, "staticClients: {a: b}"), "staticClients is no list");
    assert_string_equal(rig_refusal(r, "staticPasswords: [hunter2]"), "staticPasswords[0] is no mapping");
    assert_string_equal(rig_refusal(r, "connectors: hunter2"), "connectors is no list");
    assert_int_equal(rig_import(r, "{connectors: null, staticClients: [], staticPasswords: }"), 0);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(clients_users_and_directories_become_objects),
        TEST(values_come_from_where_dex_has_them),
        TEST(a_second_run_finds_everything_the_same),
        TEST(a_tenant_that_is_there_is_not_made),
        TEST(users_that_do_not_fit_are_told),
        TEST(variables_are_taken_apart_as_dex_does),
        TEST(dex_may_have_been_told_to_leave_dollars_alone),
        TEST(connectors_that_do_not_fit_are_told),
        TEST(nothing_but_certificates_is_put_in),
        TEST(what_is_no_list_of_mappings_stops_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
