#include "unit/test.h"

#include "tkeauth/model.h"

static struct arena *arena;
static struct random chance;

static int setup(void **state) {
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    random_fixed_init(&chance, 7);
    return arena ? 0 : -1;
}
static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

/* ---- random nouns ---- */
static uint64_t draw(uint64_t below) {
    uint64_t n = 0;
    random_bytes(&chance, &n, sizeof n);
    return n % below;
}

static struct str draw_str(void) {
    static const char *const parts[] = { "a",  "Z",          "\"",       "\\",
                                         "\n", "\x7f",       "\xc3\xa9", "\xf0\x9f\x98\x80",
                                         " ",  "</script>",  "\x01",     "0",
                                         "=",  "{\"k\":[1]}" };
    struct strbuf text = STRBUF(4096);
    if (draw(4) == 0)
        return STR_NULL;
    for (uint64_t n = draw(12); n > 0; n--)
        strbuf_adds(&text, parts[draw(ARRAY_LEN(parts))]);
    struct str s = arena_str(arena, strbuf_str(&text));
    strbuf_done(&text);
    return s;
}

static struct str draw_id(void) {
    struct str s = draw_str();
    return s.ptr ? s : STR("id");
}

static struct str_list draw_list(void) {
    size_t n = draw(4);
    struct str *items = arena_array(arena, n + 1, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < n; i++)
        items[i] = draw_id();
    return (struct str_list) { items, n };
}

static int64_t draw_time(void) { return draw(3) == 0 ? 0 : (int64_t)(draw(UINT64_MAX) >> draw(63)); }

static struct identity draw_identity(void) {
    return (struct identity) { draw_id(),  draw_id(),    draw_str(),  draw_str(), draw_str(),
                               draw_str(), draw(2) == 1, draw_list(), draw_str() };
}

/* ---- equality: absent and empty are different ---- */
static void same_str(struct str a, struct str b) {
    assert_int_equal(a.ptr == NULL, b.ptr == NULL);
    assert_true(str_eq(a, b));
}
static void same_list(struct str_list a, struct str_list b) {
    assert_int_equal(a.len, b.len);
    for (size_t i = 0; i < a.len; i++)
        same_str(a.items[i], b.items[i]);
}
static void same_identity(const struct identity *a, const struct identity *b) {
    same_str(a->connector_id, b->connector_id);
    same_str(a->user_id, b->user_id);
    same_str(a->username, b->username);
    same_str(a->name, b->name);
    same_str(a->preferred_username, b->preferred_username);
    same_str(a->email, b->email);
    assert_int_equal(a->email_verified, b->email_verified);
    same_list(a->groups, b->groups);
    same_str(a->connector_data, b->connector_data);
}

enum { ROUNDS = 300 };

#define ROUND_TRIP(noun, in, out)                                                                            \
    struct noun out;                                                                                         \
    do {                                                                                                     \
        struct err err = { 0 };                                                                              \
        AUTO(strbuf_done) struct strbuf json = STRBUF(1 << 20);                                              \
        assert_ok(noun##_encode(&(in), &json, &err));                                                        \
        assert_ok(noun##_decode(arena, strbuf_str(&json), &(out), &err));                                    \
    } while (0)

static void an_identity_comes_back_as_it_was_also_as_a_copy(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct identity in = draw_identity();
        ROUND_TRIP(identity, in, out);
        same_identity(&in, &out);
        struct identity copy = identity_copy(arena, &in);
        same_identity(&in, &copy);
    }
}

static void an_auth_request_comes_back_as_it_was(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct auth_request in = { draw_id(),  draw_id(),  draw_str(),  draw_str(), draw_list(),
                                   draw_str(), draw_str(), draw_str(),  draw_str(), draw(2),
                                   draw(2),    draw(2),    draw_time(), { 0 } };
        random_bytes(&chance, in.id, sizeof in.id);
        ROUND_TRIP(auth_request, in, out);
        same_str(in.client_id, out.client_id);
        same_str(in.redirect_uri, out.redirect_uri);
        same_str(in.state, out.state);
        same_str(in.nonce, out.nonce);
        same_list(in.scopes, out.scopes);
        same_str(in.code_challenge, out.code_challenge);
        same_str(in.connector_id, out.connector_id);
        same_str(in.ui_locales, out.ui_locales);
        same_str(in.login_hint, out.login_hint);
        assert_memory_equal(in.id, out.id, sizeof in.id);
        assert_true(in.redirect_uri_given == out.redirect_uri_given &&
                    in.offline_access == out.offline_access && in.max_age_given == out.max_age_given &&
                    in.issued_at == out.issued_at);
    }
}

static void a_grant_comes_back_as_it_was(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct grant in = { draw_id(), draw_list(), draw_str(), draw_identity(), draw_time(), draw_str() };
        ROUND_TRIP(grant, in, out);
        same_str(in.client_id, out.client_id);
        same_list(in.scopes, out.scopes);
        same_str(in.nonce, out.nonce);
        same_identity(&in.identity, &out.identity);
        assert_int_equal(in.auth_time, out.auth_time);
        same_str(in.session_id, out.session_id);
    }
}

static void a_signing_key_comes_back_as_it_was_bytes_included(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char sealed[200];
        random_bytes(&chance, sealed, sizeof sealed);
        struct signing_key in = { draw_id(),
                                  (enum sign_alg)draw(3),
                                  { sealed, draw(sizeof sealed) },
                                  draw_str(),
                                  draw_time(),
                                  draw_time(),
                                  draw_time(),
                                  draw_time() };
        ROUND_TRIP(signing_key, in, out);
        same_str(in.kid, out.kid);
        same_str(in.sealed_private, out.sealed_private);
        same_str(in.public_jwk, out.public_jwk);
        assert_true(in.alg == out.alg && in.created_at == out.created_at && in.not_before == out.not_before &&
                    in.retired_at == out.retired_at && in.remove_at == out.remove_at);
    }
}

static void text_that_json_cannot_carry_is_refused_when_encoding(void **state) {
    (void)state;
    static const struct str bad[] = { { "a\xff", 2 }, { "a\0b", 3 }, { "\xed\xa0\x80", 3 } };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = { 0 };
        AUTO(strbuf_done) struct strbuf json = STRBUF(4096);
        struct str group = bad[i];
        struct identity in = { .connector_id = STR("c"), .user_id = STR("u"), .groups = { &group, 1 } };
        assert_int_equal(identity_encode(&in, &json, &err), ERR_INVALID);
        in = (struct identity) { .connector_id = STR("c"), .user_id = bad[i] };
        assert_int_equal(identity_encode(&in, &json, &err), ERR_INVALID);
    }
}

static void wrong_types_are_refused_and_unknown_members_skipped(void **state) {
    (void)state;
#define KEY "\"kid\":\"a\",\"alg\":\"RS256\""
    static const char *const bad[] = {
        "",
        "[]",
        "1",
        "{}",
        "{\"kid\":null,\"alg\":\"RS256\"}",
        "{\"kid\":1,\"alg\":\"RS256\"}",
        "{\"kid\":\"a\"}",
        "{\"kid\":\"a\",\"alg\":\"none\"}",
        "{\"kid\":\"a\",\"alg\":0}",
        "{" KEY ",\"sealed_private\":5}",
        "{" KEY ",\"sealed_private\":\"*\"}",
        "{" KEY ",\"created_at\":1.5}",
        "{" KEY "} x",
        "{" KEY ",\"kid\":\"b\"}",
    };
    struct signing_key out;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = { 0 };
        if (signing_key_decode(arena, str_of(bad[i]), &out, &err) != ERR_INVALID)
            fail_msg("taken: %s", bad[i]);
    }
    struct err err = { 0 };
    assert_ok(signing_key_decode(arena, STR("{" KEY ",\"future\":{\"x\":[1]}}"), &out, &err));
    assert_str(out.kid, "a");
}

static void decoding_into_a_full_arena_fails(void **state) {
    (void)state;
    struct err err = { 0 };
    struct arena *small = arena_new(16);
    struct identity out;
    assert_int_equal(identity_decode(small,
                                     STR("{\"connector_id\":\"cccccccccccccccccccc\",\"user_id\":\"u\"}"),
                                     &out, &err),
                     ERR_NOMEM);
    arena_free(small);
}

static void the_subject_is_what_dex_makes_of_it(void **state) {
    (void)state;
    static const struct {
        const char *user, *connector, *want;
    } cases[] = {
        /* The subject of dex's own documentation. */
        { "08a8684b-db88-4b73-90a9-3cd1661f5466", "local",
          "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs" },
        { "a", "b", "CgFhEgFi" },
        { "", "b", "EgFi" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(1024);
        struct identity in = { .user_id = str_of(cases[i].user), .connector_id = str_of(cases[i].connector) };
        identity_subject(&in, &out);
        assert_string_equal(strbuf_c(&out), cases[i].want);
    }
}

static void a_long_user_id_has_a_two_byte_length(void **state) {
    (void)state;
    struct err err = { 0 };
    char id[300];
    memset(id, 'x', sizeof id);
    AUTO(strbuf_done) struct strbuf out = STRBUF(1024), bytes = STRBUF(1024);
    struct identity in = { .user_id = { id, sizeof id }, .connector_id = STR("c") };
    identity_subject(&in, &out);
    assert_ok(base64url_decode(strbuf_str(&out), &bytes, &err));
    assert_memory_equal(bytes.ptr, "\x0a\xac\x02xxx", 6);
    assert_memory_equal(bytes.ptr + 303,
                        "\x12\x01"
                        "c",
                        3);
    in.user_id.len = 200; /* between 0x80 and 0xff */
    strbuf_clear(&out);
    strbuf_clear(&bytes);
    identity_subject(&in, &out);
    assert_ok(base64url_decode(strbuf_str(&out), &bytes, &err));
    assert_memory_equal(bytes.ptr, "\x0a\xc8\x01x", 4);
    AUTO(strbuf_done) struct strbuf tiny = STRBUF(100);
    identity_subject(&in, &tiny);
    assert_true(tiny.failed);
}

static void algorithm_names_are_those_of_jose(void **state) {
    (void)state;
    struct err err = { 0 };
    static const char *const names[] = { "RS256", "ES256", "EdDSA" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        enum sign_alg alg = SIGN_RS256;
        assert_ok(sign_alg_parse(str_of(names[i]), &alg, &err));
        assert_string_equal(sign_alg_name(alg), names[i]);
    }
    enum sign_alg alg = SIGN_RS256;
    assert_int_equal(sign_alg_parse(STR("none"), &alg, &err), ERR_INVALID);
    assert_int_equal(sign_alg_parse(STR("rs256"), &alg, &err), ERR_INVALID);
}

int main(void) {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_identity_comes_back_as_it_was_also_as_a_copy),
        T(an_auth_request_comes_back_as_it_was),
        T(a_grant_comes_back_as_it_was),
        T(a_signing_key_comes_back_as_it_was_bytes_included),
        T(text_that_json_cannot_carry_is_refused_when_encoding),
        T(wrong_types_are_refused_and_unknown_members_skipped),
        T(decoding_into_a_full_arena_fails),
        T(the_subject_is_what_dex_makes_of_it),
        T(a_long_user_id_has_a_two_byte_length),
        T(algorithm_names_are_those_of_jose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
