/* The key that signs API keys is made once, and nobody gets its private half to see. */
#include "unit/server/server_rig.h"

#include "server/api_signing_key.h"
#include "tkeauth/jose.h"

static const struct kind *const kind = &kind_api_signing_key;

static struct signer *open_signer(void) {
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(16 * 1024);
    struct signer *signer = NULL;
    rig_ok(
        unseal(rig.keyring, API_SIGNING_KEY_PURPOSE, rig_secret(kind, API_SIGNING_KEY_NAME), &jwk, &rig.err));
    rig_ok(signer_from_private_jwk(strbuf_str(&jwk), &signer, &rig.err));
    return signer;
}

static void it_is_made_once_and_its_two_halves_fit(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf shown = STRBUF(16 * 1024);
    rig_ok(api_signing_key_ensure(&rig.env, &rig.err));
    struct signer *signer = open_signer();
    rig_ok(
        base64_decode(object_str_at(rig_get(kind, API_SIGNING_KEY_NAME), "signingKeyPub"), &shown, &rig.err));
    assert_true(str_eq(strbuf_str(&shown), signer_public_jwk(signer)));
    assert_int_equal(signer_alg(signer), SIGN_RS256);
    assert_int_equal(server_rig_log_count("api_signing_key_created"), 1);
    const char *before = rig_dump();
    uint64_t writes = store_write_count(rig.store);
    rig_ok(api_signing_key_ensure(&rig.env, &rig.err));
    assert_int_equal(store_write_count(rig.store), writes);
    assert_string_equal(rig_dump(), before);
    assert_int_equal(server_rig_log_count("api_signing_key_created"), 1);
    signer_free(signer);
}

static void its_private_half_is_in_no_body_and_no_log(void **state) {
    (void)state;
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(16 * 1024), encoded = STRBUF(32 * 1024);
    json_t *members = NULL;
    rig_ok(api_signing_key_ensure(&rig.env, &rig.err));
    rig_ok(
        unseal(rig.keyring, API_SIGNING_KEY_PURPOSE, rig_secret(kind, API_SIGNING_KEY_NAME), &jwk, &rig.err));
    rig_ok(json_parse(strbuf_str(&jwk), &members, &rig.err));
    base64_add(&encoded, jwk.ptr, jwk.len);
    static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi" };
    const char *dump = rig_dump(), *log = server_rig_log();
    for (size_t i = 0; i < ARRAY_LEN(private_members); i++) {
        const char *value = json_string_value(json_object_get(members, private_members[i]));
        assert_non_null(value);
        assert_null(strstr(dump, value));
        assert_null(strstr(log, value));
    }
    assert_null(strstr(dump, strbuf_c(&encoded)));
    json_decref(members);
}

static void one_that_came_with_an_import_is_kept(void **state) {
    (void)state;
    rig_create(kind, "{'metadata':{'name':'" API_SIGNING_KEY_NAME
                     "'},'signingKey':'eyJrdHkiOiJSU0EifQ==','signingKeyPub':'e30='}");
    const char *before = rig_dump();
    rig_ok(api_signing_key_ensure(&rig.env, &rig.err));
    assert_string_equal(rig_dump(), before);
}

static void be_faster(void) {
    if (!rig_has(kind, API_SIGNING_KEY_NAME))
        rig_create(kind, "{'metadata':{'name':'" API_SIGNING_KEY_NAME
                         "'},'signingKey':'eyJrdHkiOiJSU0EifQ==','signingKeyPub':'e30='}");
}

static void of_two_servers_that_start_at_once_one_makes_it(void **state) {
    (void)state;
    rig.interfere = be_faster;
    rig_ok(api_signing_key_ensure(&rig.env, &rig.err));
    rig.interfere = NULL;
    rig_assert_at(rig_get(kind, API_SIGNING_KEY_NAME), "signingKeyPub", "'e30='");
    assert_int_equal(server_rig_log_count("api_signing_key_created"), 0);
}

static int setup(void **state) { return server_rig_setup(state); }
static int teardown(void **state) { return server_rig_teardown(state); }

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ON(it_is_made_once_and_its_two_halves_fit, "sqlite"),
        TEST_ON(its_private_half_is_in_no_body_and_no_log, "memory"),
        TEST_ON(one_that_came_with_an_import_is_kept, "memory"),
        TEST_ON(of_two_servers_that_start_at_once_one_makes_it, "memory"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
