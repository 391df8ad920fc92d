/* Objects as others need them: printed, as the model has them, out of an earlier version, in another store. */
#include "unit/resource/rig.h"

#include "resource/fields.h"

/* ---- printing ---- */

static const char *print(const struct kind *k, const char *body, int64_t revision) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(2 * STORE_OBJECT_MAX);
    object_print(k, str_of(body), revision, &out);
    return out.failed ? NULL : rig_text("%s", strbuf_c(&out));
}

static void an_object_is_printed_with_kind_and_version(void **state) {
    (void)state;
    static const struct {
        const char *body, *want;
    } cases[] = {
        { "{'metadata':{'name':'a'},'data':{'k':'v'}}", "{'kind':'ConfigMap','apiVersion':'auth.tkestack.io/"
                                                        "v1','metadata':{'resourceVersion':'7','name':'a'},"
                                                        "'data':{'k':'v'}}" },
        /* Not as this program writes them. */
        { " {\n\t'metadata' : { 'name' : 'a' } , 'data':{'k': 'v'}}\n",
          "{'kind':'ConfigMap','apiVersion':'auth.tkestack.io/"
          "v1','metadata':{'resourceVersion':'7','name':'a'},"
          "'data':{'k':'v'}}" },
        { "{'data':{'metadata':'{'},'metadata':{'name':'a'}}",
          "{'kind':'ConfigMap','apiVersion':'auth.tkestack.io/"
          "v1','metadata':{'resourceVersion':'7','name':'a'},"
          "'data':{'metadata':'{'}}" },
        { "{'metadata':{},'data':{}}", "{'kind':'ConfigMap','apiVersion':'auth.tkestack.io/"
                                       "v1','metadata':{'resourceVersion':'7'},'data':{}}" },
        { "{'metadata':{'resourceVersion':'1','name':'a'}}",
          "{'kind':'ConfigMap','apiVersion':'auth.tkestack.io/"
          "v1','metadata':{'resourceVersion':'7','name':'a'}}" },
        { "{'kind':'x','apiVersion':'y','metadata':{'name':'a'}}",
          "{'kind':'ConfigMap','apiVersion':'auth.tkestack.io/"
          "v1','metadata':{'resourceVersion':'7','name':'a'}}" },
        { "{'data':{}}", "{'kind':'ConfigMap','apiVersion':'auth.tkestack.io/"
                         "v1','metadata':{'resourceVersion':'7'},'data':{}}" },
        { "{}",
          "{'kind':'ConfigMap','apiVersion':'auth.tkestack.io/v1','metadata':{'resourceVersion':'7'}}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = print(&kind_config_map, rig_quoted(cases[i].body), 7);
        if (got == NULL)
            fail_msg("not printed: %s", cases[i].body);
        assert_true(json_equal(rig_json(got), rig_json(cases[i].want)));
        assert_true(str_starts_with(str_of(got), str_of(rig_quoted("{'kind':'ConfigMap','apiVersion':"
                                                                   "'auth.tkestack.io/v1','metadata':{"
                                                                   "'resourceVersion':'7'"))));
    }
    static const char *const broken[] = { "", "{", "[]", "7", "{'metadata':[]}", "{'metadata'" };
    for (size_t i = 0; i < ARRAY_LEN(broken); i++)
        assert_null(print(&kind_config_map, rig_quoted(broken[i]), 7));
}

static void names_with_quotes_stay_what_they_are(void **state) {
    (void)state;
    static const char *const texts[] = { "\"",   "\\",   "\",\"metadata\":{\"x\":\"",
                                         "}\n{", "\x01", "\xe2\x82\xac" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_t *o = rig_keep(
            json_pack("{s:{s:s}, s:{s:s}}", "metadata", "name", texts[i], "data", "k", texts[i]));
        char *body = json_dumps(o, JSON_COMPACT);
        const char *printed = print(&kind_config_map, rig_text("%s", body), INT64_MAX);
        free(body);
        json_t *back = NULL;
        rig_ok(json_parse_in(rig.arena, str_of(printed), &back, &rig.err));
        assert_str(object_name(back), texts[i]);
        assert_str(object_str_at(back, "data.k"), texts[i]);
        assert_str(object_str_at(back, "metadata.resourceVersion"), "9223372036854775807");
        assert_int_equal(json_object_size(back), 4);
    }
}

static enum err_code begins_with_name(void *ctx, const struct store_object *o, struct err *err) {
    (void)ctx;
    (void)err;
    if (!str_starts_with(o->body, STR("{\"metadata\":{\"name\":")))
        fail_msg("%.*s", STR_FMT(o->body));
    return ERR_OK;
}

static void what_is_stored_can_be_printed_without_being_parsed(void **state) {
    (void)state;
    rig_populate();
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++) {
        const struct store_query q = { .kind = str_of((*k)->plural), .each = begins_with_name };
        rig_ok(store_list(rig.store, &q, NULL, &rig.err));
    }
}

static void a_buffer_that_is_full_says_so(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf out = STRBUF(64);
    object_print(&kind_config_map, str_of(rig_quoted("{'metadata':{'name':'a'}}")), 1, &out);
    assert_true(out.failed);
}

/* ---- looking at objects ---- */

static void values_are_found_by_their_paths(void **state) {
    (void)state;
    const json_t *o = rig_json("{'a':{'b':{'c':'x'},'n':7,'':{'d':'y'}},'metadata':{'name':'n'}}");
    assert_str(object_str_at(o, "a.b.c"), "x");
    assert_ptr_equal(object_at(o, ""), o);
    static const char *const absent[] = { "b", "a.c", "a.b.c.d", "a.n", "a.n.x", "a.b", "c" };
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        assert_null(object_str_at(o, absent[i]).ptr);
    assert_null(object_at(NULL, "a"));
    assert_null(object_at(rig_json("[]"), "a"));
    assert_str(object_name(o), "n");
    assert_null(object_name(NULL).ptr);
}

static void tenants_are_where_the_kind_says(void **state) {
    (void)state;
    static const struct {
        const struct kind *kind;
        const char *object, *want;
    } cases[] = {
        { &kind_policy, "{'spec':{'tenantID':'t'}}", "t" },
        { &kind_policy, "{'spec':{}}", "" },
        { &kind_policy, "{'spec':{'tenantID':7}}", "" },
        { &kind_identity_provider, "{'metadata':{'name':'t'},'spec':{'tenantID':'x'}}", "t" },
        { &kind_project, "{'tenantID':'t','spec':{'tenantID':'x'}}", "t" },
        { &kind_config_map, "{'metadata':{'name':'x'},'spec':{'tenantID':'x'}}", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(object_tenant(cases[i].kind, rig_json(cases[i].object)), cases[i].want);
}

static void subjects_are_where_the_kind_has_them(void **state) {
    (void)state;
    const json_t *o = rig_json("{'spec':{'users':[1],'groups':{}},'status':{'users':[],'groups':[2]}}");
    struct subject_lists of_policy = object_subjects(&kind_policy, o),
                         of_binding = object_subjects(&kind_custom_policy_binding, o),
                         of_client = object_subjects(&kind_client, o);
    assert_int_equal(json_array_size(of_policy.users) + json_array_size(of_policy.groups), 1);
    assert_int_equal(json_array_size(of_binding.users), 1);
    assert_null(of_binding.groups);
    assert_true(of_client.users == NULL && of_client.groups == NULL);
}

/* ---- as the model has them ---- */

static struct store_object get(const struct kind *k, const char *name) {
    struct store_object o;
    rig_ok(store_get_whole(rig.store, rig.arena, str_of(k->plural), str_of(name), &o, &rig.err));
    return o;
}

static void a_user_is_read(void **state) {
    (void)state;
    rig_populate();
    struct store_object o = get(&kind_local_identity, "usr-alice");
    struct local_user u;
    rig_ok(resource_local_user(rig.arena, &o, &u, &rig.err));
    assert_str(u.id, "usr-alice");
    assert_str(u.tenant, "acme");
    assert_str(u.username, "alice");
    assert_str(u.display_name, "Alice");
    assert_str(u.email, "alice@example.org");
    assert_str(u.phone, "+49 30 1234");
    assert_str(u.password_hash, RIG_HASH);
    assert_true(u.email_verified);
    assert_false(u.locked);
    assert_int_equal(u.created_at, RIG_START);
    assert_int_equal(u.groups.len, 1);
    rig_remove(&kind_local_identity, "usr-alice");
    o = get(&kind_local_identity, "usr-alice");
    rig_ok(resource_local_user(rig.arena, &o, &u, &rig.err));
    assert_true(u.locked); /* contract 9.27: who is being deleted does not log in any more */
}

static void a_client_is_read(void **state) {
    (void)state;
    rig_populate();
    struct store_object o = get(&kind_client, "confidential");
    struct client c;
    rig_ok(resource_client(rig.arena, &o, &c, &rig.err));
    assert_str(c.id, "confidential");
    assert_str(c.name, "N");
    assert_str(c.logo_url, "https://a.example/l.png");
    assert_true(c.has_secret && !c.is_public && c.require_pkce && !c.is_static);
    assert_int_equal(c.redirect_uris.len, 1);
    assert_str(c.post_logout_redirect_uris.items[0], "https://a.example/");
    assert_str(c.trusted_peers.items[0], "p");
    assert_str(c.allowed_connectors.items[0], "acme");
    assert_str(c.grant_types.items[0], "authorization_code");
    assert_int_equal(c.id_token_claims, ID_TOKEN_CLAIMS_MINIMAL);
    assert_int_equal(c.id_token_alg, SIGN_ES256);
    assert_int_equal(c.id_token_ttl_s, 60);
    o = get(&kind_client, "open");
    rig_ok(resource_client(rig.arena, &o, &c, &rig.err));
    assert_true(c.is_public && !c.has_secret);
    assert_str(c.name, "open"); /* shown by its id */
    o.secret = STR("short");    /* no digest */
    rig_ok(resource_client(rig.arena, &o, &c, &rig.err));
    assert_false(c.has_secret);
}

static void an_api_key_is_read(void **state) {
    (void)state;
    rig_populate();
    struct api_key k;
    rig_ok(resource_api_key(rig.arena, get(&kind_api_key, "apk-1").body, &k, &rig.err));
    assert_str(k.name, "apk-1");
    assert_str(k.tenant, "acme");
    assert_str(k.username, "alice");
    assert_str(k.uid, "usr-alice");
    assert_str(k.description, "d");
    assert_int_equal(k.issued_at, RIG_START);
    assert_int_equal(k.expires_at, 2015619200);
    assert_false(k.disabled);
    static const char *const broken[] = { "{}", "{'spec':{'sha256':'zz'}}", "{'spec':{'sha256':'00'}}", "[" };
    for (size_t i = 0; i < ARRAY_LEN(broken); i++)
        assert_int_equal(resource_api_key(rig.arena, str_of(rig_quoted(broken[i])), &k, &rig.err),
                         ERR_INVALID);
}

static void a_tenant_is_read_with_its_passwords(void **state) {
    (void)state;
    rig_populate();
    struct store_object o = get(&kind_identity_provider, "acme");
    struct identity_provider p;
    rig_ok(resource_identity_provider(rig.arena, rig.keyring, &o, &p, &rig.err));
    assert_str(p.id, "acme");
    assert_str(p.name, "T");
    assert_str(p.type, "ldap");
    assert_str(p.administrators.items[0], "root");
    assert_str(p.config, "{\"host\":\"ldap.example\",\"bindDN\":\"cn=a\",\"bindPW\":\"hunter2\"}");
    assert_int_equal(p.revision, o.revision);
    assert_false(p.from_configuration || p.is_deleting);
    /* Sealed under a key that is gone: the tenant cannot be used, and nothing is made up. */
    static const unsigned char other[KEYRING_KEY_SIZE] = { 1 };
    AUTO_FREE(keyring_free) struct keyring *lost = NULL;
    rig_ok(keyring_from_key(other, &lost, &rig.err));
    assert_int_equal(resource_identity_provider(rig.arena, lost, &o, &p, &rig.err), ERR_INVALID);
    assert_null(strstr(rig.err.detail, "hunter2"));
}

/* ---- of an earlier version ---- */

static void put_old(const char *kind, const char *name, const char *ticks) {
    const struct store_write w = { .kind = str_of(kind),
                                   .name = str_of(name),
                                   .body = str_of(rig_quoted(ticks)),
                                   .expected = STORE_EXPECT_ABSENT };
    rig_ok(store_write(rig.store, &w, NULL, &rig.err));
}

#define DIGEST64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

/* As local_user_encode and client_encode wrote them. */
static void put_all_old(void) {
    put_old("localidentities", "usr-1",
            "{'id':'usr-1','tenant':'t','username':'alice','display_name':'Alice','email':'a@example.org',"
            "'email_verified':true,'password_hash':'" RIG_HASH "','groups':['g'],'locked':true,"
            "'created_at':1600000000,'updated_at':1600000001}");
    put_old("localidentities", "usr-2", "{'id':'usr-2','username':'bob','password_hash':'" RIG_HASH "'}");
    put_old("clients", "web",
            "{'id':'web','name':'Web','logo_url':'https://a.example/l.png','secret_sha256':'" DIGEST64 "',"
            "'redirect_uris':['https://a.example/cb'],'post_logout_redirect_uris':['https://a.example/'],"
            "'trusted_peers':['p'],'allowed_connectors':['t'],'grant_types':['refresh_token'],"
            "'id_token_claims':'minimal','id_token_alg':'ES256','require_pkce':true,'id_token_ttl_s':60,"
            "'access_token_ttl_s':61}");
    put_old("clients", "Spa_1", "{'id':'Spa_1','public':true,'redirect_uris':['https://b.example/cb']}");
}

static void objects_of_an_earlier_version_are_rewritten_once(void **state) {
    (void)state;
    put_all_old();
    rig_user("t", "carol"); /* already one of this version */
    int64_t carol = rig_revision_of(&kind_local_identity, "usr-carol");
    rig_ok(resource_migrate(&rig.env, &rig.err));
    const json_t *alice = rig_get(&kind_local_identity, "usr-1");
    rig_assert_at(alice, "metadata.name", "'usr-1'");
    rig_assert_at(alice, "metadata.creationTimestamp", "'2020-09-13T12:26:40Z'");
    rig_assert_at(alice, "spec",
                  "{'finalizers':['localidentity'],'username':'alice','displayName':'Alice','email':"
                  "'a@example.org','phoneNumber':'','tenantID':'t','groups':['g'],'extra':{'emailVerified':"
                  "'true'}}");
    rig_assert_at(alice, "status.locked", "true");
    assert_str(rig_secret(&kind_local_identity, "usr-1"), RIG_HASH);
    assert_null(strstr(rig_dump(), RIG_HASH));
    assert_int_equal(rig_count(&kind_local_identity, index_username(rig.arena, STR("t"), STR("alice"))), 1);
    struct store_object o = get(&kind_local_identity, "usr-2");
    struct local_user u;
    rig_ok(resource_local_user(rig.arena, &o, &u, &rig.err));
    assert_false(u.locked || u.email_verified);
    assert_str(u.username, "bob");
    assert_int_equal(u.created_at, RIG_START);

    o = get(&kind_client, "web");
    struct client c;
    rig_ok(resource_client(rig.arena, &o, &c, &rig.err));
    assert_true(c.has_secret && c.require_pkce && !c.is_public);
    for (size_t i = 0; i < sizeof c.secret_sha256; i++)
        assert_int_equal(c.secret_sha256[i], i);
    assert_int_equal(c.id_token_alg, SIGN_ES256);
    assert_int_equal(c.id_token_claims, ID_TOKEN_CLAIMS_MINIMAL);
    assert_int_equal(c.access_token_ttl_s, 61);
    assert_str(c.grant_types.items[0], "refresh_token");
    o = get(&kind_client, "Spa_1");
    rig_ok(resource_client(rig.arena, &o, &c, &rig.err));
    assert_true(c.is_public && !c.has_secret);

    assert_int_equal(rig_revision_of(&kind_local_identity, "usr-carol"), carol);
    const char *before = rig_dump();
    rig_ok(resource_migrate(&rig.env, &rig.err));
    assert_string_equal(rig_dump(), before);
}

static void what_was_rewritten_can_be_changed_like_any_other(void **state) {
    (void)state;
    static const struct {
        const struct kind *kind;
        const char *name;
    } all[] = { { &kind_local_identity, "usr-1" }, { &kind_client, "web" }, { &kind_client, "Spa_1" } };
    put_all_old();
    rig_ok(resource_migrate(&rig.env, &rig.err));
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        const char *before = rig_dump();
        rig_update(all[i].kind, all[i].name, rig_read(all[i].kind, all[i].name));
        assert_string_equal(rig_dump(), before);
    }
}

static void an_object_of_this_version_is_none_of_an_earlier_one_however_it_is_spelled(void **state) {
    (void)state;
    put_old("localidentities", "usr-1",
            "{ 'metadata': {'name':'usr-1'}, 'spec':{'username':'alice','tenantID':'t','displayName':'A'}}");
    put_old("clients", "web", "{'spec':{'id':'web','public':true},\n'metadata':{'name':'web'}}");
    const char *before = rig_dump();
    rig_ok(resource_migrate(&rig.env, &rig.err));
    assert_string_equal(rig_dump(), before);
}

static void one_that_cannot_be_read_stops_all_of_its_kind_and_is_named(void **state) {
    (void)state;
    put_old("localidentities", "usr-1", "{'id':'usr-1','username':'alice','password_hash':'" RIG_HASH "'}");
    put_old("localidentities", "usr-2", "{'id':'usr-2','username':'bob'");
    const char *before = rig_dump();
    assert_int_equal(resource_migrate(&rig.env, &rig.err), ERR_INVALID);
    assert_non_null(strstr(rig.err.detail, "usr-2"));
    assert_string_equal(rig_dump(), before);
}

/* ---- in another store ---- */

static void a_copy_has_everything_but_rules_and_can_be_worked_on(void **state) {
    (void)state;
    rig_populate();
    const char *before = rig_dump();
    struct store *original = rig.store, *copy = NULL;
    const struct store_options options = { .type = "memory", .clock = &rig.clock };
    rig_ok(store_open(&options, &copy, &rig.err));
    rig_ok(resource_copy(original, copy, &rig.err));
    rig.store = rig.env.store = copy;
    assert_int_equal(rig_count(&kind_rule, STR_NULL), 0);
    for (const struct rig_sample *s = rig_samples; s->kind != NULL; s++) {
        struct store_object is = get(s->kind, s->name), was;
        rig_ok(
            store_get_whole(original, rig.arena, str_of(s->kind->plural), str_of(s->name), &was, &rig.err));
        assert_true(str_eq(is.body, was.body) && str_eq(is.secret, was.secret));
    }
    /* It is found by the same keys, and what is done there stays there. */
    assert_int_equal(rig_count(&kind_local_identity, index_username(rig.arena, STR("acme"), STR("alice"))),
                     1);
    size_t changed = 0;
    rig_ok(rules_rebuild(&rig.env, &changed, &rig.err));
    assert_true(changed > 0);
    rig_delete(&kind_local_identity, "usr-alice");
    rig.store = rig.env.store = original;
    assert_string_equal(rig_dump(), before);
    store_close(copy);
}

static void a_copy_takes_objects_of_an_earlier_version_as_they_are(void **state) {
    (void)state;
    struct store *copy = NULL;
    const struct store_options options = { .type = "memory", .clock = &rig.clock };
    put_all_old();
    rig_ok(store_open(&options, &copy, &rig.err));
    rig_ok(resource_copy(rig.store, copy, &rig.err));
    struct store *original = rig.store;
    rig.store = rig.env.store = copy;
    rig_ok(resource_migrate(&rig.env, &rig.err));
    assert_str(object_str_at(rig_get(&kind_local_identity, "usr-1"), "spec.username"), "alice");
    assert_int_equal(resource_copy(original, copy, &rig.err), ERR_EXISTS); /* one that has some is no place */
    rig.store = rig.env.store = original;
    store_close(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_MEMORY(an_object_is_printed_with_kind_and_version),
        ON_MEMORY(names_with_quotes_stay_what_they_are),
        ON_MEMORY(what_is_stored_can_be_printed_without_being_parsed),
        ON_MEMORY(a_buffer_that_is_full_says_so),
        ON_MEMORY(values_are_found_by_their_paths),
        ON_MEMORY(tenants_are_where_the_kind_says),
        ON_MEMORY(subjects_are_where_the_kind_has_them),
        ON_ALL(a_user_is_read),
        ON_ALL(a_client_is_read),
        ON_ALL(an_api_key_is_read),
        ON_ALL(a_tenant_is_read_with_its_passwords),
        ON_ALL(objects_of_an_earlier_version_are_rewritten_once),
        ON_ALL(what_was_rewritten_can_be_changed_like_any_other),
        ON_ALL(an_object_of_this_version_is_none_of_an_earlier_one_however_it_is_spelled),
        ON_ALL(one_that_cannot_be_read_stops_all_of_its_kind_and_is_named),
        ON(a_copy_has_everything_but_rules_and_can_be_worked_on, "memory"),
        ON(a_copy_has_everything_but_rules_and_can_be_worked_on, "sqlite"),
        ON(a_copy_takes_objects_of_an_earlier_version_as_they_are, "memory"),
        ON(a_copy_takes_objects_of_an_earlier_version_as_they_are, "sqlite"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
