/* Reviews as kubectl sends them in protobuf. */
#include "unit/test.h"

#include <stdlib.h>

#include "kube/review_proto.h"
#include "tkeauth/base/json.h"

/* ---- writing protobuf ---- */

static void varint(struct strbuf *out, uint64_t n) {
    for (; n >= 0x80; n >>= 7)
        strbuf_addc(out, (char)(unsigned char)(n | 0x80));
    strbuf_addc(out, (char)(unsigned char)n);
}

static void field(struct strbuf *out, uint64_t number, struct str value) {
    varint(out, number << 3 | 2);
    varint(out, value.len);
    strbuf_add(out, value);
}

static void envelope(struct strbuf *out, const char *version, const char *kind, struct str raw) {
    AUTO(strbuf_done) struct strbuf type = STRBUF(256);
    field(&type, 1, str_of(version));
    field(&type, 2, str_of(kind));
    strbuf_add(out, (struct str) { "k8s\0", 4 });
    field(out, 1, strbuf_str(&type));
    field(out, 2, raw);
    field(out, 3, STR(""));
    field(out, 4, STR(""));
}

static void assert_review(struct str in, const char *wanted) {
    struct err err = { 0 };
    json_t *review = NULL;
    enum err_code rc = review_from_protobuf(in, &review, &err);
    if (rc != ERR_OK)
        fail_msg("%s", err.detail);
    char *text = json_print(review);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(review);
}

static enum err_code code_of(struct str in) {
    struct err err = { 0 };
    json_t *review = NULL;
    enum err_code rc = review_from_protobuf(in, &review, &err);
    json_decref(review);
    return rc;
}

/* ---- tests ---- */

static void what_may_i_comes_as_its_json_would(void **state) {
    (void)state;
    AUTO(strbuf_done)
    struct strbuf what = STRBUF(1024), spec = STRBUF(1024), raw = STRBUF(1024), in = STRBUF(2048);
    const char *const values[] = { "dev", "list", "apps", "v1", "deployments", "status", "web" };
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        field(&what, i + 1, str_of(values[i]));
    field(&spec, 1, strbuf_str(&what));
    field(&raw, 1, STR("\x0a\x00")); /* metadata */
    field(&raw, 2, strbuf_str(&spec));
    field(&raw, 3, STR("\x08\x01")); /* a status nobody should send */
    envelope(&in, "authorization.k8s.io/v1", "SelfSubjectAccessReview", strbuf_str(&raw));
    assert_review(
        strbuf_str(&in),
        "{\"kind\":\"SelfSubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":{"
        "\"resourceAttributes\":{\"namespace\":\"dev\",\"verb\":\"list\",\"group\":\"apps\",\"version\":"
        "\"v1\","
        "\"resource\":\"deployments\",\"subresource\":\"status\",\"name\":\"web\"}}}");
}

static void what_may_they_has_user_groups_and_extra(void **state) {
    (void)state;
    AUTO(strbuf_done)
    struct strbuf values = STRBUF(1024), entry = STRBUF(1024), spec = STRBUF(1024), raw = STRBUF(1024),
                  in = STRBUF(2048), path = STRBUF(64);
    field(&values, 1, STR("t1"));
    field(&values, 1, STR("t2"));
    field(&entry, 1, STR("tenantid"));
    field(&entry, 2, strbuf_str(&values));
    field(&path, 1, STR("/metrics"));
    field(&path, 2, STR("get"));
    field(&spec, 2, strbuf_str(&path));
    field(&spec, 3, STR("alice"));
    field(&spec, 4, STR("a"));
    field(&spec, 4, STR("b"));
    field(&spec, 5, strbuf_str(&entry));
    field(&spec, 6, STR("u-1"));
    field(&raw, 2, strbuf_str(&spec));
    envelope(&in, "authorization.k8s.io/v1", "SubjectAccessReview", strbuf_str(&raw));
    assert_review(strbuf_str(&in),
                  "{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":{"
                  "\"nonResourceAttributes\":{\"path\":\"/"
                  "metrics\",\"verb\":\"get\"},\"user\":\"alice\",\"groups\":[\"a\",\"b\"],"
                  "\"extra\":{\"tenantid\":[\"t1\",\"t2\"]},\"uid\":\"u-1\"}}");
}

static void who_am_i_says_nothing_more(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf in = STRBUF(1024);
    envelope(&in, "authentication.k8s.io/v1", "SelfSubjectReview", STR("\x0a\x00\x12\x02\x0a\x00"));
    assert_review(strbuf_str(&in),
                  "{\"kind\":\"SelfSubjectReview\",\"apiVersion\":\"authentication.k8s.io/v1\"}");
}

static void fields_of_other_wire_types_are_skipped(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf in = STRBUF(1024);
    const struct str raw = {
        "\x10\x05\x1d\x01\x02\x03\x04\x21\x01\x02\x03\x04\x05\x06\x07\x08\x12\x05\x0a\x03"
        "dev",
        23
    };
    envelope(&in, "authorization.k8s.io/v1", "SelfSubjectRulesReview", raw);
    assert_review(strbuf_str(&in),
                  "{\"kind\":\"SelfSubjectRulesReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":{"
                  "\"namespace\":\"dev\"}}");
}

static void what_is_no_review_is_refused(void **state) {
    (void)state;
    AUTO(strbuf_done)
    struct strbuf good = STRBUF(1024), other = STRBUF(1024), text = STRBUF(1024), spec = STRBUF(64);
    field(&spec, 2, STR("\x1a\x02\xff\xfe")); /* a user that is no UTF-8 */
    envelope(&good, "authorization.k8s.io/v1", "SubjectAccessReview", strbuf_str(&spec));
    assert_int_equal(code_of(strbuf_str(&good)), ERR_INVALID);
    strbuf_clear(&good);
    envelope(&good, "authorization.k8s.io/v1", "SelfSubjectAccessReview", STR("\x12\x00"));
    assert_int_equal(code_of(strbuf_str(&good)), ERR_OK);
    for (size_t len = 0; len < 40; len++) /* cut anywhere within the envelope's first field */
        assert_int_equal(code_of(str_sub(strbuf_str(&good), 0, len)), ERR_INVALID);
    envelope(&other, "v1", "Pod", STR(""));
    assert_int_equal(code_of(strbuf_str(&other)), ERR_INVALID);
    assert_int_equal(code_of(STR("{\"kind\":\"SelfSubjectReview\"}")), ERR_INVALID);
    envelope(&text, "authorization.k8s.io/v1", "SelfSubjectAccessReview",
             STR("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    assert_int_equal(code_of(strbuf_str(&text)), ERR_INVALID);
    char *large = calloc(1, REVIEW_PROTOBUF_MAX + 1);
    assert_non_null(large);
    assert_int_equal(code_of((struct str) { large, REVIEW_PROTOBUF_MAX + 1 }), ERR_LIMIT);
    free(large);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_i_comes_as_its_json_would),
        cmocka_unit_test(what_may_they_has_user_groups_and_extra),
        cmocka_unit_test(who_am_i_says_nothing_more),
        cmocka_unit_test(fields_of_other_wire_types_are_skipped),
        cmocka_unit_test(what_is_no_review_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
