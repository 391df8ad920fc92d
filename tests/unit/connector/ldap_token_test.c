#include "unit/test.h"
#include "connector/ldap/limits.h"
#include "connector/ldap/token.h"

enum { MARK = 12345 };

static enum err_code parse(struct str token, uint64_t mark, struct ldap_position *ret) {
    struct err err = { 0 };
    return ldap_token_parse(token, mark, ret, &err);
}

static void a_place_is_read_as_it_was_written(void **state) {
    (void)state;
    static const struct ldap_position places[] = { { 1, 0 },
                                                   { 500, 0xfedcba9876543210 },
                                                   { LDAP_LIST_MAX, UINT64_MAX } };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        AUTO(strbuf_done) struct strbuf text = STRBUF(64);
        struct ldap_position got;
        ldap_token_add(&text, MARK, places[i]);
        assert_int_equal(text.len, 28);
        assert_int_equal(parse(strbuf_str(&text), MARK, &got), ERR_OK);
        assert_int_equal(got.offset, places[i].offset);
        assert_int_equal(got.anchor, places[i].anchor);
    }
}

/* A rolling upgrade continues listings: the spelling of version 1 must not change. */
static void its_spelling_is_fixed(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf text = STRBUF(64);
    ldap_token_add(&text, MARK, (struct ldap_position) { 500, ldap_mark(STR("uid=u0499,dc=x")) });
    assert_str(strbuf_str(&text), "AQAAAfR6LxT8kttokbv9W5-ifOzW");
}

static void what_was_never_given_out_is_refused(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf text = STRBUF(64);
    struct ldap_position got;
    ldap_token_add(&text, MARK, (struct ldap_position) { 77, 99 });
    struct str token = strbuf_str(&text);
    assert_int_equal(parse(token, MARK + 1, &got), ERR_INVALID);
    assert_int_equal(parse(str_sub(token, 0, token.len - 1), MARK, &got), ERR_INVALID);
    assert_int_equal(parse(STR(""), MARK, &got), ERR_INVALID);
    for (size_t i = 0; i < token.len; i++) {
        for (const char *c = "AZaz09-_=. "; *c != '\0'; c++) {
            char changed[32];
            memcpy(changed, token.ptr, token.len);
            if (changed[i] == *c)
                continue;
            changed[i] = *c;
            assert_int_equal(parse((struct str) { changed, token.len }, MARK, &got), ERR_INVALID);
        }
    }
    strbuf_addc(&text, 'A');
    assert_int_equal(parse(strbuf_str(&text), MARK, &got), ERR_INVALID);
}

static void a_place_beyond_all_listings_is_refused(void **state) {
    (void)state;
    static const uint64_t offsets[] = { 0, LDAP_LIST_MAX + 1, UINT32_MAX };
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        AUTO(strbuf_done) struct strbuf text = STRBUF(64);
        struct ldap_position got;
        ldap_token_add(&text, MARK, (struct ldap_position) { offsets[i], 1 });
        assert_int_equal(parse(strbuf_str(&text), MARK, &got), ERR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_read_as_it_was_written),
        cmocka_unit_test(its_spelling_is_fixed),
        cmocka_unit_test(what_was_never_given_out_is_refused),
        cmocka_unit_test(a_place_beyond_all_listings_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
