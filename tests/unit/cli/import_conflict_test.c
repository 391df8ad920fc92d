/* What is there already, and dumps that nobody would make. */
#include "unit/cli/import_rig.h"

#include <stdlib.h>

#define V "apiVersion: auth.tkestack.io/v1, kind: "
#define HASH_1 "JDJhJDEwJEVGR0hJSktMTU5PUFFSU1RVVldYWWVhZ2JUdWp1dGtELi4zWlVNUHlyV0xPMmRMc25sZkV5"
#define HASH_2 "$2a$10$efghijklmnopqrstuvwxyeWwQS08.x62/spmuaY79dFSvlgSjrObW"

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

struct two {
    const char *kind, *rest; /* behind the kind, with %s where the two differ */
    const char *first, *second, *differs;
};
static const struct two twos[] = {
    { "Policy",
      "metadata: {name: pol-a}, spec: {displayName: A, tenantID: t-1, category: common, statement: {actions: "
      "[%s], "
      "resources: ['*'], effect: allow}}",
      "getA", "getB", "spec.statement" },
    { "Policy",
      "metadata: {name: pol-a}, spec: {displayName: A, tenantID: t-1, category: common, statement: {actions: "
      "[x], "
      "resources: ['*'], effect: allow}}, status: {phase: Active, users: %s}",
      "[{id: usr-1, name: ann}]", "null", "status.users" },
    { "Policy",
      "metadata: {name: pol-a, labels: {a: %s}}, spec: {displayName: A, tenantID: t-1, category: common, "
      "statement: "
      "{actions: [x], resources: ['*'], effect: allow}}",
      "b", "c", "metadata.labels" },
    { "LocalIdentity",
      "metadata: {name: usr-1}, spec: {username: ann, displayName: Ann, tenantID: t-1, "
      "hashedPassword: " HASH_1 ", email: %s}",
      "a@example.com", "''", "spec.email" },
    { "LocalIdentity",
      "metadata: {name: usr-1}, spec: {username: ann, displayName: Ann, tenantID: t-1, hashedPassword: %s}",
      HASH_1, HASH_2, "password" },
    { "LocalIdentity",
      "metadata: {name: usr-1}, spec: {username: ann, displayName: Ann, tenantID: t-1, "
      "hashedPassword: " HASH_1 "}, status: {locked: %s, lastUpdateTime: null}",
      "true", "false", "status.locked" },
    { "LocalGroup",
      "metadata: {name: grp-1}, spec: {displayName: G, tenantID: t-1}, status: {users: [{id: %s}], phase: "
      "Active}",
      "usr-1", "usr-2", "status.users" },
    { "Client",
      "metadata: {name: web}, spec: {id: web, secret: %s, redirect_uris: [\"https://a.example.com/\"]}",
      "the-first-secret", "the-second-secret", "secret" },
    { "Client",
      "metadata: {name: cli}, spec: {id: cli, public: true, redirect_uris: [\"http://localhost:%s\"]}", "1",
      "2", "spec.redirect_uris" },
    { "IdentityProvider",
      "metadata: {name: corp}, spec: {name: C, type: ldap, config: '{\"host\":\"h\",\"bindPW\":\"%s\"}'}",
      "the-first-secret", "the-second-secret", "spec.config" },
    { "IdentityProvider", "metadata: {name: corp}, spec: {name: %s, type: tke}", "A", "B", "spec.name" },
    { "ConfigMap", "metadata: {name: cm}, data: {a: b%s}", "", ", c: d", "data.c" },
    { "Category", "metadata: {name: cat}, Spec: {displayName: %s, actions: null}", "A", "B",
      "Spec.displayName" },
};

static int import_two(struct rig *r, const struct two *t, const char *value) {
    char body[1024], text[1200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(body, sizeof body, t->rest, value);
#pragma GCC diagnostic pop
    (void)snprintf(text, sizeof text, "{" V "%s, %s}", t->kind, body);
    return rig_import(r, text);
}

static void assert_counts(struct rig *r, const char *counts) {
    char line[200];
    (void)snprintf(line, sizeof line, "%s", counts);
    rig_assert_line(r, line);
}

static void what_says_something_else_here_stays_unless_overwritten(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(twos); i++) {
        struct rig *r = *state;
        const struct two *t = &twos[i];
        r->o.overwrite = false;
        assert_int_equal(import_two(r, t, t->first), 0);
        assert_counts(r, "1 created, 0 changed, 0 the same, 0 left out, 0 in conflict, 0 not taken");
        int64_t revision = rig_revision(r);
        assert_int_equal(import_two(r, t, t->second), 1);
        char differs[200];
        (void)snprintf(differs, sizeof differs, ": differs here in %s; --overwrite takes what the dump says",
                       t->differs);
        if (strstr(r->report, differs) == NULL)
            fail_msg("%s: \"%s\" is not in %s", t->kind, differs, r->report);
        rig_assert_silent(r, "the-second-secret");
        rig_assert_silent(r, HASH_2);
        assert_int_equal(rig_revision(r), revision);
        assert_int_equal(import_two(r, t, t->first), 0);
        rig_assert_line(r, "0 created, 0 changed, 1 the same, 0 left out, 0 in conflict, 0 not taken");

        r->o.overwrite = true;
        assert_int_equal(import_two(r, t, t->second), 0);
        rig_assert_line(r, "0 created, 1 changed, 0 the same, 0 left out, 0 in conflict, 0 not taken");
        assert_true(rig_revision(r) > revision);
        revision = rig_revision(r);
        assert_int_equal(import_two(r, t, t->second), 0);
        rig_assert_line(r, "0 created, 0 changed, 1 the same, 0 left out, 0 in conflict, 0 not taken");
        assert_int_equal(rig_revision(r), revision);
        teardown(state);
        setup(state);
    }
}

/* ---- passwords ---- */

static const char ann[] =
    "{" V "LocalIdentity, metadata: {name: usr-1}, spec: {username: ann, displayName: Ann, tenantID: "
    "t-1, hashedPassword: " HASH_1 "}}";

static void a_password_that_was_renewed_here_is_newer_than_any_dump(void **state) {
    struct rig *r = *state;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf hash = STRBUF(PASSWORD_HASH_MAX);
    assert_int_equal(rig_import(r, ann), 0);
    assert_ok(password_hash(STR("the password of grace"), &hash, &err)); /* as a login does */
    struct store_object o = rig_get(r, &kind_local_identity, "usr-1");
    assert_ok(resource_set_password_hash(r->store, STR("usr-1"), o.revision, strbuf_str(&hash), &err));
    assert_int_equal(rig_import(r, ann), 0);
    rig_assert_line(r, "same      LocalIdentity usr-1 (ann)");
    assert_true(str_eq(rig_get(r, &kind_local_identity, "usr-1").secret, strbuf_str(&hash)));
    r->o.overwrite = true;
    assert_int_equal(rig_import(r, ann), 0);
    rig_assert_line(r, "changed   LocalIdentity usr-1 (ann): password");
    assert_str(rig_get(r, &kind_local_identity, "usr-1").secret, HASH_1);
}

static void labels_that_were_put_on_here_stay(void **state) {
    struct rig *r = *state;
    static const char first[] =
        "{" V "ConfigMap, metadata: {name: cm, labels: {here: a}, annotations: {x: y}}, data: {}}",
                      second[] = "{" V "ConfigMap, metadata: {name: cm, labels: {there: b}}, data: {k: v}}";
    (void)rig_import(r, first);
    r->o.overwrite = true;
    assert_int_equal(rig_import(r, second), 0);
    assert_str(rig_text(r, &kind_config_map, "cm", "metadata.labels"), "{\"here\":\"a\",\"there\":\"b\"}");
    assert_str(rig_text(r, &kind_config_map, "cm", "metadata.annotations"), "{\"x\":\"y\"}");
    assert_int_equal(rig_import(r, second), 0);
    rig_assert_line(r, "same      ConfigMap cm");
}

static enum err_code set_conditions(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    (void)ctx;
    (void)r;
    (void)err;
    return json_object_set_new(
               object, "status",
               json_pack("{s:[{s:s, s:s}]}", "conditions", "type", "Ready", "status", "True")) == 0
               ? ERR_OK
               : ERR_NOMEM;
}

/* Conditions, phases and times are this server's; a dump has those of another, or none. */
static void what_the_server_itself_says_is_no_difference(void **state) {
    struct rig *r = *state;
    static const char
        idp[] = "{" V "IdentityProvider, metadata: {name: corp}, spec: {name: n, type: tke}}",
        group[] = "{" V "LocalGroup, metadata: {name: grp}, spec: {displayName: g, tenantID: corp}, status: "
                  "{phase: Whatever}}";
    const struct resource_options o = { .part = PART_STATUS, .trusted = true };
    struct refusal refusal = { .arena = r->arena };
    json_t *object = NULL;
    int64_t revision;
    struct err err = { 0 };
    assert_int_equal(rig_run(r, (const char *const[]) { idp, group, ann, NULL }), 0);
    assert_ok(resource_edit(&r->env, &kind_identity_provider, r->arena, STR("corp"), &o, set_conditions, NULL,
                            &object, &revision, &refusal, &err));
    json_decref(object);
    assert_int_equal(rig_run(r, (const char *const[]) { idp, group, NULL }), 0);
    rig_assert_line(r, "0 created, 0 changed, 2 the same, 0 left out, 0 in conflict, 0 not taken");
    assert_int_equal(
        rig_import(r,
                   "{" V "LocalGroup, metadata: {name: grp}, spec: {displayName: g, tenantID: corp}, status: "
                   "{phase: Active}}"),
        0);
    rig_assert_line(r, "same      LocalGroup grp");
    r->o.overwrite = true;
    assert_int_equal(
        rig_import(r, "{" V "IdentityProvider, metadata: {name: corp}, spec: {name: other, type: tke}}"), 0);
    assert_str(rig_text(r, &kind_identity_provider, "corp", "status.conditions"),
               "[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"\",\"message\":\"\","
               "\"lastTransitionTime\":null}]");
}

/* ---- API keys ---- */

static struct signer *signer; /* made once: slow under sanitizers */
static struct strbuf key_object = { .max = 65536 };

static int make_signer(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(16384);
    if (signer_generate(SIGN_RS256, &signer, &err) != ERR_OK ||
        signer_private_jwk_add(signer, &jwk, &err) != ERR_OK)
        return 1;
    strbuf_adds(&key_object, "{" V "APISigningKey, metadata: {name: default-api-signing-key}, signingKey: ");
    base64_add(&key_object, jwk.ptr, jwk.len);
    strbuf_adds(&key_object, "}");
    return 0;
}
static int free_signer(void **state) {
    (void)state;
    signer_free(signer);
    strbuf_wipe_done(&key_object);
    return 0;
}

/* An APIKey of `claims`; `rest` of its spec. */
static const char *api_key(struct rig *r, const char *name, const char *claims, const char *rest) {
    AUTO(strbuf_done) struct strbuf token = STRBUF(4096);
    struct err err = { 0 };
    assert_ok(signer_sign_anonymous(signer, "JWT", str_of(claims), &token, &err));
    return arena_printf(r->arena, "{" V "APIKey, metadata: {name: %s}, spec: {apiKey: %s%s}}", name,
                        strbuf_c(&token), rest);
}

static void keys_are_judged_by_what_they_say_themselves(void **state) {
    struct rig *r = *state;
    static const struct {
        const char *claims, *rest, *line;
    } cases[] = {
        { "{\"exp\":1900000000,\"iat\":1700000000,\"usr\":\"ann\",\"ted\":\"t-1\"}", "",
          "created   APIKey k0" },
        { "{\"exp\":1900000000,\"iat\":1700000000,\"usr\":\"ann\",\"ted\":\"t-1\",\"jti\":\"1\"}",
          ", username: bob, tenantID: t-1",
          "not taken APIKey k1 (bob): the key itself is another user's than spec says" },
        { "{\"exp\":1900000000,\"iat\":1700000000,\"usr\":\"ann\",\"ted\":\"t-1\",\"jti\":\"2\"}",
          ", username: ann, tenantID: t-2",
          "not taken APIKey k2 (ann): the key itself is another user's than spec says" },
        { "{\"exp\":1900000000,\"iat\":1700000000,\"usr\":\"admin\",\"ted\":\"\"}", ", username: admin",
          "not taken APIKey k3 (admin): a key of the platform's own user, who has no tenant: use a client "
          "certificate" },
        { "{\"exp\":1735689600,\"iat\":1700000000,\"usr\":\"ann\",\"ted\":\"t-1\"}", "",
          "left out  APIKey k4: expired at 2025-01-01T00:00:00Z" },
        { "{\"exp\":1735689601,\"iat\":1700000000,\"usr\":\"ann\",\"ted\":\"t-1\"}", "",
          "created   APIKey k5" },
        { "{\"exp\":1900000000,\"ted\":\"t-1\"}", "",
          "not taken APIKey k6: no API key: it names no user, or never ends" },
    };
    assert_int_equal(rig_import(r, strbuf_c(&key_object)), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "k%zu", i);
        (void)rig_import(r, api_key(r, name, cases[i].claims, cases[i].rest));
        rig_assert_line(r, cases[i].line);
    }
    assert_str(rig_text(r, &kind_api_key, "k0", "spec.username"), "ann");
    assert_str(rig_text(r, &kind_api_key, "k0", "spec.issue_at"), "2023-11-14T22:13:20Z");
    assert_str(rig_text(r, &kind_api_key, "k0", "spec.expire_at"), "2030-03-17T17:46:40Z");
}

static void keys_need_the_key_that_signed_them(void **state) {
    struct rig *r = *state;
    static const char claims[] = "{\"exp\":1900000000,\"iat\":1700000000,\"usr\":\"ann\",\"ted\":\"t-1\"}";
    const char *key = api_key(r, "k", claims, "");
    assert_int_equal(rig_import(r, key), 1);
    rig_assert_line(
        r, "not taken APIKey k: the key that signed it (APISigningKey) is neither in the dump nor here");
    assert_int_equal(rig_run(r, (const char *const[]) { key, strbuf_c(&key_object), NULL }), 0);
    rig_assert_line(r, "created   APIKey k");
    assert_int_equal(rig_import(r, key), 0); /* the signing key is here now */
    rig_assert_line(r, "same      APIKey k");
    const char *other = api_key(
        r, "k", "{\"exp\":1900000001,\"iat\":1700000000,\"usr\":\"ann\",\"ted\":\"t-1\"}", "");
    r->o.overwrite = true;
    assert_int_equal(rig_import(r, other), 1);
    rig_assert_line(r, "conflict  APIKey k: another key has this name here");
    const char *copy = api_key(r, "k-2", claims, "");
    assert_int_equal(rig_import(r, copy), 1);
    assert_non_null(strstr(r->report, "not taken APIKey k-2: spec.apiKey: Duplicate value: \"eyJhbGciOi..."));
}

static void a_key_that_is_not_in_the_dump_is_told(void **state) {
    struct rig *r = *state;
    assert_int_equal(
        rig_import(r, "{" V "APIKey, metadata: {name: k}, spec: {apiKey: eyJhbGciOi...aBcDeF, username: a}}"),
        1);
    rig_assert_line(r, "not taken APIKey k (a): the key itself is not in the dump");
    assert_int_equal(rig_import(r, "{" V "APIKey, metadata: {name: k}, spec: {username: a}}"), 1);
    rig_assert_line(r, "not taken APIKey k (a): the key itself is not in the dump");
}

static void signing_keys_that_cannot_sign_are_told(void **state) {
    struct rig *r = *state;
    assert_int_equal(rig_import(r, "{" V "APISigningKey, metadata: {name: k}, signingKey: e30=}"), 1);
    rig_assert_line(
        r, "not taken APISigningKey k: signingKey cannot be used: only RSA keys for RS256 sign API keys");
    assert_int_equal(rig_import(r, "{" V "APISigningKey, metadata: {name: k}, signingKey: hunter2}"), 1);
    rig_assert_silent(r, "hunter2");
    assert_int_equal(rig_import(r, "{" V "APISigningKey, metadata: {name: k}}"), 1);
    rig_assert_line(
        r, "not taken APISigningKey k: there is no signingKey in it: that server does not give it away");
    assert_int_equal(rig_count(r, &kind_api_signing_key), 0);
}

/* A daemon that ran before has a key of its own; the others' API keys are genuine all the same. */
static void a_signing_key_in_conflict_still_tells_genuine_keys(void **state) {
    struct rig *r = *state;
    struct signer *other = NULL;
    struct err err = { 0 };
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(16384), text = STRBUF(65536);
    assert_ok(signer_generate(SIGN_RS256, &other, &err));
    assert_ok(signer_private_jwk_add(other, &jwk, &err));
    signer_free(other);
    strbuf_adds(&text, "{" V "APISigningKey, metadata: {name: default-api-signing-key}, signingKey: ");
    base64_add(&text, jwk.ptr, jwk.len);
    strbuf_adds(&text, ", signingKeyPub: e30=}");
    assert_int_equal(rig_import(r, strbuf_c(&text)), 0);
    const char *key = api_key(r, "k", "{\"exp\":1900000000,\"iat\":1,\"usr\":\"ann\",\"ted\":\"t-1\"}", "");
    assert_int_equal(rig_run(r, (const char *const[]) { strbuf_c(&key_object), key, NULL }), 1);
    rig_assert_line(r, "conflict  APISigningKey default-api-signing-key: differs here in signingKeyPub, "
                       "signingKey; --overwrite takes "
                       "what the dump says");
    rig_assert_line(r, "created   APIKey k");
}

/* ---- dumps ---- */

static void documents_and_lists_of_all_shapes_are_read(void **state) {
    struct rig *r = *state;
    static const char *const texts[] = {
        "apiVersion: auth.tkestack.io/v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: "
        "auth.tkestack.io/v1\nkind: ConfigMap\nmetadata: {name: b}\n---\n",
        "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"apiVersion\":\"auth.tkestack.io/"
        "v1\",\"kind\":\"ConfigMap\","
        "\"metadata\":{\"name\":\"c\"}}]}",
        "{apiVersion: auth.tkestack.io/v1, kind: ConfigMapList, items: [{" V
        "ConfigMap, metadata: {name: d}}]}",
        "[{" V "ConfigMap, metadata: {name: e}}, {apiVersion: v1, kind: List, items: [{" V
        "ConfigMap, metadata: {name: "
        "f}}]}]",
        "{apiVersion: v1, kind: List, items: []}",
        "{apiVersion: v1, kind: List, items: null}",
        NULL,
    };
    assert_int_equal(rig_run(r, texts), 0);
    rig_assert_line(r, "6 created, 0 changed, 0 the same, 0 left out, 0 in conflict, 0 not taken");
}

static void a_file_that_is_no_dump_stops_everything(void **state) {
    struct rig *r = *state;
    static const char neither[] =
        "neither an object of Kubernetes (apiVersion, kind) nor a configuration of dex "
        "(staticClients, staticPasswords, connectors)";
    assert_string_equal(rig_refusal(r, "hunter2"), neither);
    assert_string_equal(rig_refusal(r, "{a: hunter2}"), neither);
    assert_string_equal(rig_refusal(r, "[1]"), neither);
    assert_string_equal(rig_refusal(r, "{" V "ConfigMap, metadata: {name: a}}\n---\nkind: x\n"), neither);
    assert_string_equal(rig_refusal(r, "{" V "List, items: {a: b}}\n---\nkind: x\n"), neither);
    (void)rig_refusal(r, "");
    (void)rig_refusal(r, "a: [");
    (void)rig_refusal(r, "{\"a\": ");
    (void)rig_refusal(r, "tests/data/import/nothing.yaml");
    assert_int_equal(rig_count(r, &kind_config_map), 0);
}

static void objects_that_cannot_be_are_told_and_the_others_taken(void **state) {
    struct rig *r = *state;
    static const char *const texts[] = {
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: core}}",
        "{apiVersion: auth.tkestack.io/v2, kind: Policy, metadata: {name: new}}",
        "{" V "Frobnicator, metadata: {name: what}}",
        "{" V "ConfigMap}",
        "{" V "ConfigMap, metadata: {generateName: x-}}",
        "{" V "ConfigMap, metadata: {name: Not A Name}}",
        "{" V "ConfigMap, metadata: {name: \"esc\\e[2Jape\\nline\"}}",
        "{" V "ConfigMap, metadata: {name: wrong}, data: [1]}",
        "{" V "ConfigMap, metadata: {name: wrong-2}, data: {a: 1}}",
        "{" V "Policy, metadata: {name: pol-x}, spec: {displayName: \"\", statement: {actions: [\"\"], "
        "effect: maybe}}}",
        "{" V "ConfigMap, metadata: {name: cm-unknown}, data: {}, other: {}}",
        "{" V "IdentityProvider, metadata: {name: bad}, spec: {name: n, type: ldap, config: not json}}",
        "{" V "IdentityProvider, metadata: {name: cloud}, spec: {name: n, type: cloudindustry, config: "
        "'{\"secret_key\":"
        "\"hunter2\"}'}}",
        "{" V "LocalIdentity, metadata: {name: usr-1}, spec: {username: ann, displayName: a, tenantID: t-1}}",
        "{" V "ConfigMap, metadata: {name: mirror, annotations: {auth.tkestack.io/source: configuration}}}",
        "{" V "Policy, metadata: {name: pol-t}, spec: {}, status: {phase: Terminating}}",
        "{" V "ConfigMap, metadata: {name: good}}",
        NULL,
    };
    assert_int_equal(rig_run(r, texts), 1);
    rig_assert_line(r, "not taken ConfigMap core: of v1, not of auth.tkestack.io/v1");
    rig_assert_line(r, "not taken Policy new: of auth.tkestack.io/v2, not of auth.tkestack.io/v1");
    rig_assert_line(r, "not taken Frobnicator what: a kind that is not known here");
    rig_assert_line(r, "not taken ConfigMap : it has no metadata");
    rig_assert_line(r, "not taken ConfigMap : it has no name");
    rig_assert_line(r, "not taken ConfigMap wrong: data: Invalid value: must be of type map of strings");
    rig_assert_line(r, "created   ConfigMap cm-unknown: unknown field \"other\"");
    rig_assert_line(
        r,
        "not taken LocalIdentity usr-1 (ann): spec.hashedPassword: Required value: base64 of the password");
    rig_assert_line(r, "not taken IdentityProvider cloud: spec.config: there is no type \"cloudindustry\"");
    rig_assert_line(r, "left out  ConfigMap mirror: a copy of what the configuration of that server says");
    rig_assert_line(r, "left out  Policy pol-t: its deletion is under way");
    rig_assert_line(r, "created   ConfigMap good");
    rig_assert_line(r, "2 created, 0 changed, 0 the same, 2 left out, 0 in conflict, 13 not taken");
    rig_assert_silent(r, "\033");
    rig_assert_silent(r, "hunter2");
}

/* As servers print it that know of passwords, but do not tell them; or of none. */
static void directories_without_a_password_are_understood(void **state) {
    struct rig *r = *state;
    static const char anonymous[] =
        "{" V "IdentityProvider, metadata: {name: corp}, spec: {name: n, type: ldap, config: "
        "'{\"host\":\"h\",\"bindDN\":\"\",\"bindPW\":\"\"}'}}";
    assert_int_equal(rig_import(r, anonymous), 0);
    assert_str(rig_text(r, &kind_identity_provider, "corp", "spec.config"), "{\"host\":\"h\"}");
    assert_int_equal(rig_import(r, anonymous), 0);
    rig_assert_line(r, "same      IdentityProvider corp");
    assert_int_equal(
        rig_import(r, "{" V "IdentityProvider, metadata: {name: two}, spec: {name: n, type: ldap, config: "
                      "'{\"host\":\"h\",\"bindPW\":\"***\"}'}}"),
        1);
    rig_assert_line(r, "not taken IdentityProvider two: bindPW itself is not in the dump");
}

static void a_tenant_that_nobody_can_log_in_to_is_told(void **state) {
    struct rig *r = *state;
    assert_int_equal(rig_import(r, ann), 0);
    rig_assert_line(
        r,
        "note      there is no tenant t-1 here, neither an IdentityProvider nor in the configuration: nobody "
        "can log in to it");
    assert_int_equal(
        rig_run(
            r,
            (const char *const[]) {
                ann, "{" V "IdentityProvider, metadata: {name: t-1}, spec: {name: n, type: tke}}", NULL }),
        0);
    rig_assert_silent(r, "note ");
}

static void one_login_name_of_two_people_is_told(void **state) {
    struct rig *r = *state;
    (void)rig_import(r, ann);
    assert_int_equal(
        rig_import(r, "{" V "LocalIdentity, metadata: {name: usr-2}, spec: {username: ann, displayName: Ann, "
                      "tenantID: t-1, hashedPassword: " HASH_1 "}}"),
        1);
    rig_assert_line(
        r,
        "not taken LocalIdentity usr-2 (ann): spec.username: Duplicate value: \"ann\": there is one already");
}

static void a_store_that_cannot_be_written_stops_the_work(void **state) {
    struct rig *r = *state;
    const struct store_options memory = { .type = "memory", .read_only = true };
    struct err err = { 0 };
    struct store *writable = r->store;
    assert_ok(store_open(&memory, &r->store, &err));
    r->env.store = r->store;
    r->o.report = stdout;
    assert_ok(import_init(&r->m, &r->o, &r->env, &err));
    assert_ok(import_read_text(&r->m, STR("{" V "ConfigMap, metadata: {name: a}}"), &err));
    assert_int_equal(import_apply(&r->m, &err), ERR_FORBIDDEN);
    assert_true(str_starts_with(str_of(err.detail), STR("ConfigMap a: ")));
    import_done(&r->m);
    store_close(writable);
}

/* An identity whose password is taken over anew keeps its API keys: each of those has its own say. */
static void keys_outlive_a_password_that_is_overwritten(void **state) {
    struct rig *r = *state;
    const char *key = api_key(r, "k", "{\"exp\":1900000000,\"iat\":1,\"usr\":\"ann\",\"ted\":\"t-1\"}", "");
    assert_int_equal(rig_run(r, (const char *const[]) { strbuf_c(&key_object), key, ann, NULL }), 0);
    r->o.overwrite = true;
    assert_int_equal(
        rig_import(r, "{" V "LocalIdentity, metadata: {name: usr-1}, spec: {username: ann, displayName: Ann, "
                      "tenantID: t-1, hashedPassword: " HASH_2 "}}"),
        0);
    rig_assert_line(r, "changed   LocalIdentity usr-1 (ann): password");
    assert_str(rig_text(r, &kind_api_key, "k", "status.disabled"), "false");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_says_something_else_here_stays_unless_overwritten),
        TEST(a_password_that_was_renewed_here_is_newer_than_any_dump),
        TEST(labels_that_were_put_on_here_stay),
        TEST(what_the_server_itself_says_is_no_difference),
        TEST(keys_are_judged_by_what_they_say_themselves),
        TEST(keys_need_the_key_that_signed_them),
        TEST(a_key_that_is_not_in_the_dump_is_told),
        TEST(signing_keys_that_cannot_sign_are_told),
        TEST(a_signing_key_in_conflict_still_tells_genuine_keys),
        TEST(documents_and_lists_of_all_shapes_are_read),
        TEST(a_file_that_is_no_dump_stops_everything),
        TEST(objects_that_cannot_be_are_told_and_the_others_taken),
        TEST(directories_without_a_password_are_understood),
        TEST(a_tenant_that_nobody_can_log_in_to_is_told),
        TEST(one_login_name_of_two_people_is_told),
        TEST(a_store_that_cannot_be_written_stops_the_work),
        TEST(keys_outlive_a_password_that_is_overwritten),
    };
    return cmocka_run_group_tests(tests, make_signer, free_signer);
}
