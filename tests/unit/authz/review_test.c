#include "../test.h"

#include "authz/review.h"
#include "authz/scan.h"

static struct access_review parsed(struct arena *a, const char *body) {
    struct err err = { 0 };
    struct access_review r;
    assert_ok(access_review_parse(a, str_of(body), &r, &err));
    return r;
}

static void a_review_of_version_1_is_read(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct access_review r = parsed(
        a, "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\","
           "\"metadata\":{\"creationTimestamp\":null},"
           "\"spec\":{\"resourceAttributes\":{\"namespace\":\"dev\",\"verb\":\"get\",\"group\":\"apps\","
           "\"version\":\"v1\",\"resource\":\"deployments\",\"subresource\":\"scale\",\"name\":\"web\","
           "\"fieldSelector\":{\"requirements\":[{\"key\":\"spec.nodeName\",\"operator\":\"In\",\"values\":["
           "\"n\"]}]},"
           "\"labelSelector\":{\"requirements\":[{\"key\":\"app\",\"operator\":\"Exists\"}]}},"
           "\"user\":\"alice\",\"uid\":\"u-1\",\"groups\":[\"a\",\"b\"],"
           "\"extra\":{\"tenantid\":[\"default\"],\"none\":null,\"empty\":[]}} , "
           "\"status\":{\"allowed\":false}}");
    assert_str(r.head.api_version, "authorization.k8s.io/v1");
    assert_str(r.head.kind, "SubjectAccessReview");
    assert_str(r.head.metadata, "{\"creationTimestamp\":null}");
    assert_true(str_starts_with(r.head.spec, STR("{\"resourceAttributes\":{")));
    assert_true(str_ends_with(r.head.spec, STR("\"empty\":[]}}")));
    assert_str(r.user.name, "alice");
    assert_str(r.user.uid, "u-1");
    assert_int_equal(r.user.group_count, 2);
    assert_str(r.user.groups[1], "b");
    assert_int_equal(r.user.extra_count, 3);
    assert_str(r.user.extra[0].values[0], "default");
    assert_int_equal(r.user.extra[1].value_count, 0);
    const struct authz_attributes *at = r.attributes;
    assert_true(at->is_resource);
    assert_str(at->namespace, "dev");
    assert_str(at->verb, "get");
    assert_str(at->api_group, "apps");
    assert_str(at->version, "v1");
    assert_str(at->resource, "deployments");
    assert_str(at->subresource, "scale");
    assert_str(at->name, "web");
}

static void both_spellings_of_groups_count(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct access_review r = parsed(a,
                                    "{\"spec\":{\"user\":\"u\",\"group\":[\"old\"],\"groups\":[\"new\"],"
                                    "\"nonResourceAttributes\":{\"path\":\"/healthz\",\"verb\":\"get\"}}}");
    assert_int_equal(r.user.group_count, 2);
    assert_str(r.user.groups[0], "old");
    assert_str(r.user.groups[1], "new");
    assert_false(r.attributes->is_resource);
    assert_str(r.attributes->resource, "/healthz");
    assert_str(r.attributes->verb, "get");
}

static void a_list_keeps_its_order(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct access_review r = parsed(a, "{\"spec\":{\"user\":\"u\",\"resourceAttributesList\":["
                                       "{\"verb\":\"a\"},{\"verb\":\"b\",\"resource\":\"r\"}]}}");
    assert_true(r.has_list);
    assert_null(r.attributes);
    assert_int_equal(r.list_len, 2);
    assert_str(r.list[0].verb, "a");
    assert_str(r.list[1].resource, "r");
}

static void escapes_are_resolved(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct access_review r = parsed(
        a, "{\"sp\\u0065c\":{\"user\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\\ud83d\\ude00\","
           "\"nonResourceAttributes\":{}}}");
    assert_str(r.user.name, "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void null_is_as_good_as_absent(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct access_review r = parsed(
        a, "{\"metadata\":null,\"kind\":null,\"spec\":{\"user\":\"u\",\"groups\":null,\"extra\":null,"
           "\"resourceAttributes\":{\"verb\":null},\"nonResourceAttributes\":null}}");
    assert_null(r.head.metadata.ptr);
    assert_int_equal(r.user.group_count, 0);
    assert_true(r.attributes->is_resource);
}

static void refused(const char *body, enum err_code want) {
    struct err err = { 0 };
    struct access_review r;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    enum err_code got = access_review_parse(a, str_of(body), &r, &err);
    if (got != want)
        fail_msg("%s: %s", body, err_code_name(got));
}

#define ASKED "\"resourceAttributes\":{\"verb\":\"get\"}"

static void what_is_not_a_review_is_refused(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",
        " ",
        "null",
        "[]",
        "{}",
        "{\"spec\":{}}",
        "{\"spec\":null}",
        "{\"spec\":{\"user\":\"u\"}}",
        "{\"spec\":{\"user\":\"\"," ASKED "}}",
        "{\"spec\":{" ASKED "}}",
        "{\"spec\":{\"user\":\"u\"," ASKED ",\"nonResourceAttributes\":{}}}",
        "{\"spec\":{\"user\":\"u\"," ASKED "}",
        "{\"spec\":{\"user\":\"u\"," ASKED "}} x",
        "{\"spec\":{\"user\":\"u\"," ASKED "},}",
        "{\"spec\":{\"user\":\"u\",,\"a\":1," ASKED "}}",
        "{\"spec\":{\"user\":\"u\" \"a\":1," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"user\":\"v\"," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"extra\":{\"a\":[],\"a\":[]}," ASKED "}}",
        "{\"spec\":{\"user\":1," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"groups\":\"g\"," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"groups\":[1]," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"groups\":[null]," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"groups\":[\"a\",]," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"resourceAttributes\":[]}}",
        "{\"spec\":{\"user\":\"a\\u0000b\"," ASKED "}}",
        "{\"spec\":{\"user\":\"\\ud800\"," ASKED "}}",
        "{\"spec\":{\"user\":\"\\udc00\"," ASKED "}}",
        "{\"spec\":{\"user\":\"\\ud800\\u0041\"," ASKED "}}",
        "{\"spec\":{\"user\":\"\\x\"," ASKED "}}",
        "{\"spec\":{\"user\":\"a\nb\"," ASKED "}}",
        "{\"spec\":{\"user\":\"\xff\"," ASKED "}}",
        "{\"spec\":{\"user\":\"\xc0\x80\"," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"x\":01," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"x\":nul," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"x\":[}," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"x\":{\"a\":1]," ASKED "}}",
        "{'spec':{\"user\":\"u\"," ASKED "}}",
        "{\"kind\":\"TokenReview\",\"spec\":{\"user\":\"u\"," ASKED "}}",
        "{\"apiVersion\":\"authorization.k8s.io/v2\",\"spec\":{\"user\":\"u\"," ASKED "}}",
        "\xef\xbb\xbf{\"spec\":{\"user\":\"u\"," ASKED "}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        refused(bodies[i], ERR_INVALID);
}

static void unknown_fields_of_any_shape_are_skipped(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    (void)parsed(a,
                 "{\"new\":[[],{},[{\"a\":[1,-0.5e+10,true,false,null,\"\\u00e9\"]}],{\"b\":{}}],\"new\":0,"
                 "\"spec\":{\"user\":\"u\",\"x\":{\"user\":\"v\"}," ASKED "},\"y\":{}}");
}

static void repeated(struct strbuf *out, const char *what, unsigned times) {
    for (unsigned i = 0; i < times; i++)
        strbuf_adds(out, what);
}

static void nesting_is_limited(void **state) {
    (void)state;
    for (unsigned depth = 63; depth <= 64; depth++) {
        AUTO(strbuf_done) struct strbuf body = STRBUF(4096);
        strbuf_adds(&body, "{\"x\":");
        repeated(&body, "[", depth);
        repeated(&body, "]", depth);
        strbuf_adds(&body, ",\"spec\":{\"user\":\"u\"," ASKED "}}");
        struct err err = { 0 };
        struct access_review r;
        AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
        assert_int_equal(access_review_parse(a, strbuf_str(&body), &r, &err),
                         depth == 63 ? ERR_OK : ERR_LIMIT);
    }
}

static void too_many_elements_are_refused_and_as_many_as_fit_are_not(void **state) {
    (void)state;
    static const struct {
        const char *before, *item, *after;
        unsigned max;
    } lists[] = {
        { "\"groups\":[", "\"a\"", "]," ASKED, REVIEW_GROUPS_MAX },
        { "\"resourceAttributesList\":[", "{}", "]", AUTHZ_BATCH_MAX },
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (unsigned extra = 0; extra <= 1; extra++) {
            AUTO(strbuf_done) struct strbuf body = STRBUF(AUTHZ_BODY_MAX);
            strbuf_addf(&body, "{\"spec\":{\"user\":\"u\",%s", lists[i].before);
            for (unsigned n = 0; n < lists[i].max + extra; n++) {
                strbuf_adds(&body, n ? "," : "");
                strbuf_adds(&body, lists[i].item);
            }
            strbuf_addf(&body, "%s}}", lists[i].after);
            struct err err = { 0 };
            struct access_review r;
            AUTO_FREE(arena_free) struct arena *a = arena_new(64 << 20);
            assert_int_equal(access_review_parse(a, strbuf_str(&body), &r, &err), extra ? ERR_LIMIT : ERR_OK);
        }
}

static void names_are_limited(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "{\"spec\":{\"user\":\"%s\"," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"groups\":[\"a\",\"%s\"]," ASKED "}}",
        "{\"spec\":{\"user\":\"u\",\"resourceAttributes\":{\"name\":\"%s\"}}}",
        "{\"spec\":{\"user\":\"u\",\"nonResourceAttributes\":{\"path\":\"%s\"}}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        for (unsigned extra = 0; extra <= 1; extra++) {
            AUTO(strbuf_done) struct strbuf name = STRBUF(1 << 20), body = STRBUF(1 << 20);
            repeated(&name, "x", REVIEW_NAME_MAX + extra);
            const char *hole = strstr(bodies[i], "%s");
            strbuf_add(&body, (struct str) { bodies[i], (size_t)(hole - bodies[i]) });
            strbuf_add(&body, strbuf_str(&name));
            strbuf_adds(&body, hole + 2);
            struct err err = { 0 };
            struct access_review r;
            AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
            assert_int_equal(access_review_parse(a, strbuf_str(&body), &r, &err), extra ? ERR_LIMIT : ERR_OK);
        }
}

/* The loop would be busy for seconds with thousands of questions about somebody with thousands of groups. */
static void many_groups_leave_room_for_few_questions(void **state) {
    (void)state;
    for (unsigned extra = 0; extra <= 1; extra++) {
        AUTO(strbuf_done) struct strbuf body = STRBUF(AUTHZ_BODY_MAX);
        strbuf_adds(&body, "{\"spec\":{\"user\":\"u\",\"groups\":[\"g\"");
        repeated(&body, ",\"g\"", 1023);
        strbuf_adds(&body, "],\"resourceAttributesList\":[{}");
        repeated(&body, ",{}", REVIEW_WORK_MAX / 1024 - 1 + extra);
        strbuf_adds(&body, "]}}");
        struct err err = { 0 };
        struct access_review r;
        AUTO_FREE(arena_free) struct arena *a = arena_new(64 << 20);
        assert_int_equal(access_review_parse(a, strbuf_str(&body), &r, &err), extra ? ERR_LIMIT : ERR_OK);
    }
}

static void no_memory_is_reported_as_such(void **state) {
    (void)state;
    const struct str body = STR(
        "{\"spec\":{\"user\":\"\\u0041\",\"groups\":[\"a\"],\"extra\":{\"k\":[\"v\"]},"
        "\"resourceAttributesList\":[{}]}}");
    size_t failures = 0;
    for (size_t max = 0;; max += 16) {
        struct err err = { 0 };
        struct access_review r;
        AUTO_FREE(arena_free) struct arena *a = arena_new(max);
        enum err_code rc = access_review_parse(a, body, &r, &err);
        if (rc == ERR_OK)
            break;
        assert_int_equal(rc, ERR_NOMEM);
        failures++;
    }
    assert_true(failures > 4);
}

static void a_token_review_is_read(void **state) {
    (void)state;
    struct err err = { 0 };
    struct token_review r;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    assert_ok(token_review_parse(a,
                                 STR("{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\","
                                     "\"spec\":{\"token\":\"a.b.c\",\"audiences\": [\"x\",\"y\"] }}"),
                                 &r, &err));
    assert_str(r.token, "a.b.c");
    assert_int_equal(r.audience_count, 2);
    assert_str(r.audiences[1], "y");
    assert_str(r.audiences_json, "[\"x\",\"y\"]");
    assert_int_equal(token_review_parse(a, STR("{\"spec\":{\"token\":\"\"}}"), &r, &err), ERR_INVALID);
    assert_int_equal(
        token_review_parse(a, STR("{\"kind\":\"SubjectAccessReview\",\"spec\":{\"token\":\"x\"}}"), &r, &err),
        ERR_INVALID);
}

/* ---- the same verdict and the same values as another parser ---- */

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void compare_with_jansson(struct str body) {
    struct err err = { 0 };
    struct scan s;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    scan_init(&s, a, body);
    bool ours = scan_skip(&s, NULL) && scan_end(&s);
    json_error_t problem;
    json_auto_t *tree = json_loadb(body.ptr, body.len, JSON_DECODE_ANY, &problem);
    if (s.code == ERR_LIMIT || (tree == NULL && json_error_code(&problem) == json_error_numeric_overflow))
        return; /* limits differ, languages do not */
    if (ours != (tree != NULL))
        fail_msg("%.*s: ours %d (%s), jansson: %s", STR_FMT(body), ours, s.problem, problem.text);
    struct access_review r;
    if (tree == NULL || access_review_parse(a, body, &r, &err) != ERR_OK)
        return;
    const json_t *spec = json_object_get(tree, "spec");
    assert_true(str_eq(r.user.name, json_get_str(spec, "user")));
    const json_t *groups = json_object_get(spec, "groups");
    for (size_t i = 0; r.user.group_count != 0 && i < json_array_size(groups); i++) {
        const json_t *g = json_array_get(groups, i);
        assert_true(str_eq(r.user.groups[i], (struct str) { json_string_value(g), json_string_length(g) }));
    }
    json_auto_t *echo = json_loadb(r.head.spec.ptr, r.head.spec.len, 0, &problem);
    assert_true(json_equal(echo, spec));
}

static void mutated_bodies_are_judged_as_jansson_judges_them(void **state) {
    (void)state;
    static const char base[] =
        "{\"spec\":{\"user\":\"al\\u00efce "
        "\xc3\xa9\\ud83d\\ude00\",\"groups\":[\"a\\n\",\"b\"],\"n\":[-1.5e3,0,true,null],"
        "\"extra\":{\"k\":[\"v\"]},\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\"}}}";
    static const char alphabet[] = "{}[]\",:\\u0019dDeE+-.tfn \n\xc3\xa9\xff\x01/b";
    uint64_t seed = 0x9e3779b97f4a7c15u;
    for (int round = 0; round < 20000; round++) {
        char body[sizeof base + 8];
        size_t len = sizeof base - 1;
        memcpy(body, base, len);
        for (uint64_t n = next_random(&seed) % 4; n > 0; n--) {
            size_t at = next_random(&seed) % len;
            char c = alphabet[next_random(&seed) % (sizeof alphabet - 1)];
            switch (next_random(&seed) % 3) {
            case 0: body[at] = c; break;
            case 1:
                memmove(body + at, body + at + 1, len - at - 1);
                len--;
                break;
            default:
                memmove(body + at + 1, body + at, len - at);
                body[at] = c;
                len++;
            }
        }
        compare_with_jansson((struct str) { body, len });
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_review_of_version_1_is_read),
        cmocka_unit_test(both_spellings_of_groups_count),
        cmocka_unit_test(a_list_keeps_its_order),
        cmocka_unit_test(escapes_are_resolved),
        cmocka_unit_test(null_is_as_good_as_absent),
        cmocka_unit_test(what_is_not_a_review_is_refused),
        cmocka_unit_test(unknown_fields_of_any_shape_are_skipped),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(too_many_elements_are_refused_and_as_many_as_fit_are_not),
        cmocka_unit_test(names_are_limited),
        cmocka_unit_test(many_groups_leave_room_for_few_questions),
        cmocka_unit_test(no_memory_is_reported_as_such),
        cmocka_unit_test(a_token_review_is_read),
        cmocka_unit_test(mutated_bodies_are_judged_as_jansson_judges_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
