/* APIKey, APISigningKey, Client, Category, ConfigMap: secrets, and what is peculiar to each. */
#include "unit/resource/rig.h"

#include "tkeauth/crypto.h"

#define SIGNED "eyJhbGciOiJSUzI1NiJ9.eyJ1c3IiOiJhbGljZSJ9.c2lnbmF0dXJlMTIz"
#define KEY(name, key)                                                                                       \
    "{'metadata':{'name':'" name "'},'spec':{'apiKey':'" key "','tenantID':'t','username':'alice','userID':" \
    "'usr-alice','description':'d','issue_at':'2023-11-14T22:13:20Z','expire_at':'2033-11-14T22:13:20Z'}}"

/* ---- API keys ---- */

static const char *hex_of(const char *text) {
    unsigned char digest[SHA256_SIZE];
    AUTO(strbuf_done) struct strbuf hex = STRBUF(2 * SHA256_SIZE);
    sha256(str_of(text), digest);
    hex_add(&hex, digest, sizeof digest);
    return rig_text("%s", strbuf_c(&hex));
}

static void of_a_key_only_digest_and_mask_are_kept(void **state) {
    (void)state;
    rig_import(&kind_api_key, KEY("apk-1", SIGNED));
    const json_t *o = rig_get(&kind_api_key, "apk-1");
    rig_assert_at(o, "spec.apiKey", "'eyJhbGciOi...JlMTIz'");
    rig_assert_at(o, "spec.sha256", rig_text("'%s'", hex_of(SIGNED)));
    assert_null(strstr(rig_dump(), "eyJ1c3IiOiJhbGljZSJ9"));
    unsigned char digest[SHA256_SIZE];
    sha256(STR(SIGNED), digest);
    assert_int_equal(rig_count(&kind_api_key, index_digest(rig.arena, digest)), 1);
    assert_int_equal(rig_count(&kind_api_key, index_owner(rig.arena, STR("t"), STR("alice"))), 1);
    assert_int_equal(rig_count(&kind_api_key, index_owner(rig.arena, STR("u"), STR("alice"))), 0);
}

static void a_key_is_kept_once(void **state) {
    (void)state;
    rig_import(&kind_api_key, KEY("apk-1", SIGNED));
    const char *before = rig_dump();
    assert_int_equal(rig_try_create(&kind_api_key, rig_json(KEY("apk-2", SIGNED)), &rig_trusted),
                     ERR_INVALID);
    rig_assert_cause("FieldValueDuplicate", "spec.apiKey");
    assert_null(strstr(rig.refusal.message, "eyJ1c3IiOiJhbGljZSJ9"));
    assert_string_equal(rig_dump(), before);
    static const char *const no_keys[] = { "", "short", "012345678901234567890123456789012345678" };
    for (size_t i = 0; i < ARRAY_LEN(no_keys); i++) {
        (void)rig_try_create(&kind_api_key, rig_json(rig_text(KEY("apk-3", "%s"), no_keys[i])), &rig_trusted);
        rig_assert_cause("FieldValueRequired", "spec.apiKey");
        assert_null(strstr(rig.refusal.message, "0123"));
    }
}

static void of_a_key_only_its_description_changes_and_whether_it_counts(void **state) {
    (void)state;
    static const char *const immutable[] = { "tenantID", "username", "issue_at", "expire_at" };
    static const char *const ignored[] = { "apiKey", "sha256", "userID" };
    rig_import(&kind_api_key, KEY("apk-1", SIGNED));
    for (size_t i = 0; i < ARRAY_LEN(immutable); i++) {
        json_t *o = rig_read(&kind_api_key, "apk-1");
        (void)json_object_set_new(json_object_get(o, "spec"), immutable[i],
                                  json_string(i < 2 ? "other" : "2040-11-14T22:13:20Z"));
        rig_update_refused(&kind_api_key, "apk-1", o, "FieldValueInvalid", rig_text("spec.%s", immutable[i]));
    }
    const char *before = rig_dump();
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        json_t *o = rig_read(&kind_api_key, "apk-1");
        (void)json_object_set_new(json_object_get(o, "spec"), ignored[i],
                                  json_string("01234567890123456789012345678901234567890123456789"));
        rig_update(&kind_api_key, "apk-1", o);
        assert_string_equal(rig_dump(), before);
        (void)json_object_del(json_object_get(o, "spec"), ignored[i]);
        rig_update(&kind_api_key, "apk-1", o);
        assert_string_equal(rig_dump(), before);
    }
    json_t *o = rig_read(&kind_api_key, "apk-1");
    (void)json_object_set_new(json_object_get(o, "spec"), "description", json_string("new"));
    rig_update(&kind_api_key, "apk-1", o);
    rig_assert_at(rig.object, "spec.description", "'new'");
    o = rig_read(&kind_api_key, "apk-1");
    (void)json_object_set_new(o, "status", json_pack("{s:b, s:b}", "disabled", 1, "expired", 1));
    rig_ok(rig_try_update(&kind_api_key, "apk-1", o, 0, &rig_status));
    rig_assert_at(rig.object, "status", "{'disabled':true,'expired':false}");
}

/* ---- signing keys ---- */

static void a_private_key_is_sealed_and_never_given_back(void **state) {
    (void)state;
    rig_create(&kind_api_signing_key, "{'metadata':{'name':'key-1'},'signingKey':'cHJpdmF0ZQ==',"
                                      "'signingKeyPub':'cHVibGlj'}"); /* private, public */
    rig_assert_at(rig.object, "signingKey", NULL);
    rig_assert_at(rig.object, "signingKeyPub", "'cHVibGlj'");
    assert_null(strstr(rig_dump(), "cHJpdmF0ZQ"));
    AUTO(strbuf_done) struct strbuf plain = STRBUF(1024);
    rig_ok(unseal(rig.keyring, API_SIGNING_KEY_PURPOSE, rig_secret(&kind_api_signing_key, "key-1"), &plain,
                  &rig.err));
    assert_string_equal(strbuf_c(&plain), "private");
    /* Left out it stays, whatever else changes. */
    struct str sealed = rig_secret(&kind_api_signing_key, "key-1");
    rig_update(&kind_api_signing_key, "key-1",
               rig_json("{'metadata':{'name':'key-1'},'signingKeyPub':'YQ=='}"));
    assert_true(str_eq(sealed, rig_secret(&kind_api_signing_key, "key-1")));
    rig_create_refused(&kind_api_signing_key, "{'metadata':{'name':'key-2'}}", "FieldValueRequired",
                       "signingKey");
    rig_create_refused(&kind_api_signing_key, "{'metadata':{'name':'key-2'},'signingKey':'hunter2!'}",
                       "FieldValueInvalid", "signingKey");
    assert_null(strstr(rig.refusal.message, "hunter2"));
    rig_create_refused(&kind_api_signing_key,
                       "{'metadata':{'name':'key-2'},'signingKey':'YQ==','signingKeyPub':'?'}",
                       "FieldValueInvalid", "signingKeyPub");
}

/* ---- clients ---- */

#define URIS "'redirect_uris':['https://a.example/cb']"
#define CLIENT(name, more) "{'metadata':{'name':'" name "'},'spec':{" URIS more "}}"

static struct str hash_of(const char *secret) {
    unsigned char digest[SHA256_SIZE];
    sha256(str_of(secret), digest);
    return arena_str(rig.arena, (struct str) { (const char *)digest, sizeof digest });
}

static void a_client_is_named_by_its_id(void **state) {
    (void)state;
    rig_create(&kind_client, "{'spec':{'id':'one','public':true," URIS "}}");
    assert_str(object_name(rig.object), "one");
    rig_create(&kind_client, "{'metadata':{'name':'two'},'spec':{'id':'two','public':true," URIS "}}");
    assert_str(object_name(rig.object), "two");
    rig_create_refused(&kind_client,
                       "{'metadata':{'name':'other'},'spec':{'id':'five','public':true," URIS "}}",
                       "FieldValueInvalid", "spec.id");
    rig_create(&kind_client, CLIENT("three", ",'public':true"));
    rig_assert_at(rig.object, "spec.id", "'three'");
    json_t *o = rig_read(&kind_client, "one");
    (void)json_object_set_new(json_object_get(o, "spec"), "id", json_string("four"));
    rig_update_refused(&kind_client, "one", o, "FieldValueInvalid", "spec.id");
    (void)json_object_del(json_object_get(o, "spec"), "id");
    const char *before = rig_dump();
    rig_update(&kind_client, "one", o);
    assert_string_equal(rig_dump(), before);
}

static void the_secret_of_a_client_is_hashed(void **state) {
    (void)state;
    rig_create(&kind_client, CLIENT("one", ",'secret':'a long enough secret'"));
    rig_assert_at(rig.object, "spec.secret", NULL);
    assert_null(strstr(rig_dump(), "a long enough"));
    assert_true(str_eq(rig_secret(&kind_client, "one"), hash_of("a long enough secret")));
    const char *before = rig_dump();
    rig_update(&kind_client, "one", rig_json(CLIENT("one", ",'secret':'a long enough secret'")));
    assert_string_equal(rig_dump(), before); /* it has that one already */
    rig_update(&kind_client, "one", rig_json(CLIENT("one", ",'secret':'another long secret'")));
    assert_true(str_eq(rig_secret(&kind_client, "one"), hash_of("another long secret")));
    rig_create_refused(&kind_client, CLIENT("two", ",'secret':'short hunter2'"), "FieldValueInvalid",
                       "spec.secret");
    assert_null(strstr(rig.refusal.message, "hunter2"));
    rig_import(&kind_client, CLIENT("old", ",'secret':'short'"));
    rig_create_refused(&kind_client, CLIENT("two", ""), "FieldValueRequired", "spec.secret");
}

static void a_public_client_has_no_secret(void **state) {
    (void)state;
    rig_create_refused(&kind_client, CLIENT("one", ",'public':true,'secret':'a long enough secret'"),
                       "FieldValueForbidden", "spec.secret");
    rig_create(&kind_client, CLIENT("one", ",'secret':'a long enough secret'"));
    rig_update(&kind_client, "one", rig_json(CLIENT("one", ",'public':true")));
    assert_int_equal(rig_secret(&kind_client, "one").len, 0);
    rig_update_refused(&kind_client, "one", rig_json(CLIENT("one", "")), "FieldValueRequired", "spec.secret");
    rig_update(&kind_client, "one", rig_json(CLIENT("one", ",'secret':'a long enough secret'")));
    assert_true(str_eq(rig_secret(&kind_client, "one"), hash_of("a long enough secret")));
}

static void clients_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *spec, *reason, *field;
    } cases[] = {
        { "'public':true,'redirect_uris':['javascript:alert(1)']", "FieldValueInvalid", "spec" },
        { "'public':true,'redirect_uris':['http://far.example/']", "FieldValueInvalid", "spec" },
        { "'public':true,'redirect_uris':['https://a.example/#x']", "FieldValueInvalid", "spec" },
        { "'public':true," URIS ",'logo_url':'javascript:x'", "FieldValueInvalid", "spec" },
        { "'public':true," URIS ",'id_token_alg':'none'", "FieldValueNotSupported", "spec.id_token_alg" },
        { "'public':true," URIS ",'id_token_alg':'HS256'", "FieldValueNotSupported", "spec.id_token_alg" },
        { "'public':true," URIS ",'id_token_ttl_s':-1", "FieldValueInvalid", "spec.id_token_ttl_s" },
        { "'public':true," URIS ",'access_token_ttl_s':999999999", "FieldValueInvalid",
          "spec.access_token_ttl_s" },
        { "'public':true," URIS ",'grant_types':['implicit']", "FieldValueInvalid", "spec" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        rig_create_refused(&kind_client, rig_text("{'metadata':{'name':'one'},'spec':{%s}}", cases[i].spec),
                           cases[i].reason, cases[i].field);
}

static void the_configurations_clients_are_not_for_clients_to_change(void **state) {
    (void)state;
    static const struct resource_options by_configuration = { .trusted = true, .from_configuration = true };
    json_t *o = rig_json(CLIENT("one", ",'id':'one'"));
    (void)json_object_set_new(json_object_get(o, "metadata"), "annotations",
                              json_pack("{s:s}", RESOURCE_SOURCE_ANNOTATION, "configuration"));
    rig_ok(rig_try_create(&kind_client, o, &by_configuration));
    const char *before = rig_dump();
    rig_update(&kind_client, "one", rig_read(&kind_client, "one"));
    assert_string_equal(rig_dump(), before);
    rig_update_refused(
        &kind_client, "one",
        rig_json("{'metadata':{'name':'one'},'spec':{'redirect_uris':['https://evil.example/']}}"),
        "FieldValueForbidden", "spec");
    rig_update_refused(&kind_client, "one",
                       rig_json("{'metadata':{'name':'one'},'spec':{'public':true," URIS "}}"),
                       "FieldValueForbidden", "spec");
    /* A secret given to it is nowhere. */
    o = rig_read(&kind_client, "one");
    (void)json_object_set_new(json_object_get(o, "spec"), "secret", json_string("a long enough secret"));
    (void)rig_try_update(&kind_client, "one", o, 0, &rig_plain);
    assert_int_equal(rig_secret(&kind_client, "one").len, 0);
    o = rig_read(&kind_client, "one");
    (void)json_object_set_new(json_object_get(o, "metadata"), "labels", json_pack("{s:s}", "a", "b"));
    rig_update(&kind_client, "one", o);
    rig_assert_at(rig.object, "metadata.labels", "{'a':'b'}");
}

/* ---- the rest ---- */

static void categories_are_checked_and_take_the_lower_case_spelling(void **state) {
    (void)state;
    rig_create(&kind_category,
               "{'metadata':{'name':'cat'},'spec':{'displayName':'C','actions':[{'name':'a'}]}}");
    rig_assert_at(rig.object, "Spec",
                  "{'displayName':'C','description':'','actions':[{'name':'a','description':''}]}");
    rig_create_refused(&kind_category, "{'metadata':{'name':'ca'},'Spec':{'displayName':'C'}}",
                       "FieldValueInvalid", "metadata.name");
    rig_create_refused(&kind_category, "{'metadata':{'name':'cat2'},'Spec':{}}", "FieldValueRequired",
                       "Spec.displayName");
    rig_create_refused(&kind_category,
                       "{'metadata':{'name':'cat2'},'Spec':{'displayName':'C','actions':[{}]}}",
                       "FieldValueRequired", "Spec.actions[0].name");
}

static void a_leader_can_be_elected_with_a_config_map(void **state) {
    (void)state;
    rig_create(&kind_config_map,
               "{'metadata':{'name':'tke-auth-controller','annotations':{"
               "'control-plane.alpha.kubernetes.io/leader':'{\\'holderIdentity\\':\\'a\\'}'}}}");
    json_t *mine = rig_read(&kind_config_map, "tke-auth-controller"),
           *theirs = rig_keep(json_deep_copy(mine));
    int64_t revision = rig.revision;
    json_t *annotations = json_object_get(json_object_get(mine, "metadata"), "annotations");
    (void)json_object_set_new(annotations, "control-plane.alpha.kubernetes.io/leader", json_string("b"));
    rig_ok(rig_try_update(&kind_config_map, "tke-auth-controller", mine, revision, &rig_plain));
    assert_int_equal(rig_try_update(&kind_config_map, "tke-auth-controller", theirs, revision, &rig_plain),
                     ERR_CONFLICT);
}

static void kinds_are_found_by_either_name(void **state) {
    (void)state;
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++) {
        assert_ptr_equal(resource_kind(str_of((*k)->plural)), *k);
        assert_ptr_equal(resource_kind_named(str_of((*k)->kind)), *k);
        assert_null(resource_kind(str_of((*k)->kind)));
        /* The store can hold it. */
        assert_true(strlen((*k)->plural) <= STORE_KIND_MAX);
    }
    assert_null(resource_kind(STR("")));
    assert_null(resource_kind(STR("policies/")));
    assert_null(resource_kind_named(STR("policy")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_ALL(of_a_key_only_digest_and_mask_are_kept),
        ON_ALL(a_key_is_kept_once),
        ON_MEMORY(of_a_key_only_its_description_changes_and_whether_it_counts),
        ON_MEMORY(a_private_key_is_sealed_and_never_given_back),
        ON_MEMORY(a_client_is_named_by_its_id),
        ON_MEMORY(the_secret_of_a_client_is_hashed),
        ON_MEMORY(a_public_client_has_no_secret),
        ON_MEMORY(clients_are_checked),
        ON_MEMORY(the_configurations_clients_are_not_for_clients_to_change),
        ON_MEMORY(categories_are_checked_and_take_the_lower_case_spelling),
        ON_ALL(a_leader_can_be_elected_with_a_config_map),
        ON_MEMORY(kinds_are_found_by_either_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
