#include "unit/test.h"

static struct arena *arena;
static int setup(void **state) {
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}
static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static void base64_matches_the_vectors_of_rfc_4648(void **state) {
    (void)state;
    static const struct {
        const char *plain, *padded, *url;
    } cases[] = {
        { "", "", "" },
        { "f", "Zg==", "Zg" },
        { "fo", "Zm8=", "Zm8" },
        { "foo", "Zm9v", "Zm9v" },
        { "foob", "Zm9vYg==", "Zm9vYg" },
        { "fooba", "Zm9vYmE=", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
        { "\xfb\xff\xfe", "+//+", "-__-" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct strbuf padded = STRBUF(100), url = STRBUF(100), back = STRBUF(100);
        base64_add(&padded, cases[i].plain, strlen(cases[i].plain));
        base64url_add(&url, cases[i].plain, strlen(cases[i].plain));
        assert_string_equal(strbuf_c(&padded), cases[i].padded);
        assert_string_equal(strbuf_c(&url), cases[i].url);
        assert_ok(base64_decode(strbuf_str(&padded), &back, &err));
        assert_string_equal(strbuf_c(&back), cases[i].plain);
        strbuf_clear(&back);
        assert_ok(base64url_decode(strbuf_str(&url), &back, &err));
        assert_string_equal(strbuf_c(&back), cases[i].plain);
        strbuf_done(&padded);
        strbuf_done(&url);
        strbuf_done(&back);
    }
}

static void one_value_has_one_base64_spelling(void **state) {
    (void)state;
    static const char *const bad_url[] = { "A",    "Zg==", "Zh",  "Zm9",  "Zm+v",
                                           "Zm/v", "Zg\n", " Zg", "Z\0g", "AAAAA" };
    static const char *const bad[] = { "Zg", "Zg=",  "Zh==", "Zm9v=",    "Zg===",  "====",
                                       "=",  "Z===", "Zm-v", "Zg==Zg==", "Zm9v\n", "Z=g=" };
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf out = STRBUF(100);
    for (size_t i = 0; i < ARRAY_LEN(bad_url); i++)
        if (base64url_decode(str_of(bad_url[i]), &out, &err) != ERR_INVALID)
            fail_msg("taken: %s", bad_url[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (base64_decode(str_of(bad[i]), &out, &err) != ERR_INVALID)
            fail_msg("taken: %s", bad[i]);
}

static void an_exact_decode_takes_exactly_its_bytes(void **state) {
    (void)state;
    struct err err = { 0 };
    unsigned char out[3] = { 9, 9, 9 };
    assert_ok(base64url_decode_exact(STR("AQID"), out, 3, &err));
    assert_memory_equal(out, "\1\2\3", 3);
    assert_int_equal(base64url_decode_exact(STR("AQI"), out, 3, &err), ERR_INVALID);
    assert_true(base64url_decode_exact(STR("AQIDBA"), out, 3, &err) != ERR_OK);
    assert_memory_equal(out, "\1\2\3", 3);
    assert_ok(base64url_decode_exact(STR(""), out, 0, &err));
}

static void hex_and_percent_go_both_ways(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf out = STRBUF(100);
    hex_add(&out, "\x00\x9f\xff", 3);
    assert_string_equal(strbuf_c(&out), "009fff");
    strbuf_clear(&out);
    assert_ok(hex_decode(STR("009fFF"), &out, &err));
    assert_memory_equal(out.ptr, "\x00\x9f\xff", 3);
    assert_int_equal(hex_decode(STR("0"), &out, &err), ERR_INVALID);
    assert_int_equal(hex_decode(STR("0g"), &out, &err), ERR_INVALID);
    strbuf_clear(&out);
    percent_add(&out, STR("aZ0-._~ +&=\xc3\xa9\0"));
    assert_string_equal(strbuf_c(&out), "aZ0-._~%20%2B%26%3D%C3%A9%00");
    static const char *const bad[] = { "%", "%4", "%zz", "a%4", "%%41" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(percent_decode(str_of(bad[i]), false, &out, &err), ERR_INVALID);
    strbuf_clear(&out);
    assert_ok(percent_decode(STR("a+%41%2b"), false, &out, &err));
    assert_string_equal(strbuf_c(&out), "a+A+");
    strbuf_clear(&out);
    assert_ok(percent_decode(STR("a+%41%2b"), true, &out, &err));
    assert_string_equal(strbuf_c(&out), "a A+");
}

static void a_form_keeps_order_duplicates_and_odd_bytes(void **state) {
    (void)state;
    struct err err = { 0 };
    struct form f;
    struct str value = STR_NULL;
    assert_ok(form_parse(arena, STR("a=1&&b=%26%3d+%00&a=2&c&=d&e=f=g&"), &f, &err));
    assert_int_equal(f.len, 6);
    assert_int_equal(form_find(&f, STR("a"), &value), 2);
    assert_str(value, "1");
    assert_int_equal(form_find(&f, STR("b"), &value), 1);
    assert_true(str_eq(value, STR("&= \0")));
    assert_int_equal(form_find(&f, STR("c"), &value), 1);
    assert_int_equal(value.len, 0);
    assert_int_equal(form_find(&f, STR("e"), &value), 1);
    assert_str(value, "f=g");
    assert_int_equal(form_find(&f, STR("none"), NULL), 0);
    assert_ok(form_parse(arena, STR(""), &f, &err));
    assert_int_equal(f.len, 0);
    assert_int_equal(form_parse(arena, STR("a=%4"), &f, &err), ERR_INVALID);
    assert_int_equal(form_parse(arena, STR("%zz=1"), &f, &err), ERR_INVALID);
}

static void a_form_has_a_maximum_of_fields(void **state) {
    (void)state;
    struct err err = { 0 };
    struct form f;
    AUTO(strbuf_done) struct strbuf text = STRBUF(10000);
    for (int i = 0; i < FORM_FIELDS_MAX; i++)
        form_add(&text, STR("n"), STR("v"));
    assert_ok(form_parse(arena, strbuf_str(&text), &f, &err));
    form_add(&text, STR("n"), STR("v"));
    assert_int_equal(form_parse(arena, strbuf_str(&text), &f, &err), ERR_LIMIT);
}

static void a_form_is_built_behind_a_question_mark(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf out = STRBUF(100);
    strbuf_adds(&out, "/x?");
    form_add(&out, STR("a"), STR("1 2"));
    form_add(&out, STR("b"), STR("&"));
    assert_string_equal(strbuf_c(&out), "/x?a=1%202&b=%26");
    strbuf_clear(&out);
    strbuf_adds(&out, "/x?y=1&"); /* no empty field in between */
    form_add(&out, STR("a"), STR("1"));
    assert_str(strbuf_str(&out), "/x?y=1&a=1");
}

static void a_url_splits_into_its_parts(void **state) {
    (void)state;
    struct err err = { 0 };
    struct url u;
    assert_ok(url_parse(STR("https://u:p@Host.example:8443/a/b;c?x=1?2#f?#"), &u, &err));
    assert_str(u.scheme, "https");
    assert_str(u.userinfo, "u:p");
    assert_str(u.host, "Host.example");
    assert_str(u.port, "8443");
    assert_str(u.path, "/a/b;c");
    assert_str(u.query, "x=1?2");
    assert_str(u.fragment, "f?#");
    assert_true(u.has_authority && u.has_userinfo && u.has_query && u.has_fragment);
    assert_ok(url_parse(STR("http://[2001:db8::1]:80"), &u, &err));
    assert_str(u.host, "[2001:db8::1]");
    assert_str(u.port, "80");
    assert_str(u.path, "");
    assert_ok(url_parse(STR("com.example:/x"), &u, &err));
    assert_false(u.has_authority);
    assert_str(u.path, "/x");
    assert_ok(url_parse(STR("https://h?q@x"), &u, &err)); /* the authority ends at '?' */
    assert_str(u.host, "h");
    assert_str(u.query, "q@x");
    assert_ok(url_parse(STR("https://a@b@h/"), &u, &err));
    assert_str(u.host, "h");
    assert_true(u.has_userinfo);
}

static void what_parsers_read_differently_is_no_url(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "x",
        "//h/",
        "1http://h/",
        ":x",
        "ht tp://h/",
        "http://h /",
        "http://h\n/",
        "http://h\\@e/",
        "http://h/\x7f",
        "http://h\xc3\xa9/",
        "http://h:0/",
        "http://h:65536/",
        "http://h:/",
        "http://h:8a/",
        "http://h:80:81/",
        "http://[::1/",
        "http://[::1]x/",
        "http://::1/",
        "http://[]/",
        "http://a,b/",
        "http://h/<script>",
        "http://:80/",
        "http://u@/",
        "http://h/{x}",
    };
    struct err err = { 0 };
    struct url u;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (url_parse(str_of(bad[i]), &u, &err) != ERR_INVALID)
            fail_msg("taken: %s", bad[i]);
}

static void loopback_is_three_names(void **state) {
    (void)state;
    static const char *const yes[] = { "127.0.0.1", "[::1]", "localhost", "LocalHost" };
    static const char *const no[] = { "127.0.0.2", "::1", "localhost.", "localhost.example", "0.0.0.0", "" };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(url_host_is_loopback(str_of(yes[i])));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(url_host_is_loopback(str_of(no[i])));
}

int main(void) {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(base64_matches_the_vectors_of_rfc_4648),      T(one_value_has_one_base64_spelling),
        T(an_exact_decode_takes_exactly_its_bytes),     T(hex_and_percent_go_both_ways),
        T(a_form_keeps_order_duplicates_and_odd_bytes), T(a_form_has_a_maximum_of_fields),
        T(a_form_is_built_behind_a_question_mark),      T(a_url_splits_into_its_parts),
        T(what_parsers_read_differently_is_no_url),     T(loopback_is_three_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
