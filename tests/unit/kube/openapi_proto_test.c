/* The protobuf against the JSON it was made of, read by a reader that knows nothing but the wire format. Field numbers are those of gnostic's
 * openapi.v2.proto. */
#include "unit/test.h"

#include <stdlib.h>
#include "kube/openapi_proto.h"

static json_t *json;
static struct strbuf proto;

static int build(void **state) {
    struct err err;
    (void)state;
    json = openapi_v2();
    assert_non_null(json);
    proto = STRBUF(16 << 20);
    assert_ok(openapi_proto(json, &proto, &err));
    return 0;
}

static int drop(void **state) {
    (void)state;
    json_decref(json);
    strbuf_done(&proto);
    return 0;
}

/* ---- reading ---- */

static uint64_t varint(struct str *in) {
    uint64_t n = 0;
    for (unsigned shift = 0;; shift += 7) {
        assert_true(in->len > 0 && shift < 64);
        unsigned char c = (unsigned char)in->ptr[0];
        *in = str_from(*in, 1);
        n |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return n;
    }
}

struct value {
    unsigned number;
    uint64_t n;       /* of a number */
    struct str bytes; /* of anything else; ptr NULL: a number */
};

static bool next(struct str *in, struct value *ret) {
    if (in->len == 0)
        return false;
    uint64_t tag = varint(in);
    *ret = (struct value) { .number = (unsigned)(tag >> 3) };
    switch (tag & 7) {
    case 0: ret->n = varint(in); break;
    case 1:
        assert_true(in->len >= 8);
        ret->bytes = str_sub(*in, 0, 8);
        *in = str_from(*in, 8);
        break;
    case 2: {
        uint64_t len = varint(in);
        assert_true(len <= in->len);
        ret->bytes = str_sub(*in, 0, (size_t)len);
        *in = str_from(*in, (size_t)len);
        break;
    }
    default: fail_msg("wire type %u", (unsigned)(tag & 7));
    }
    return true;
}

/* The nth field of that number; `fail`s the test when there is none. */
static struct value get(struct str message, unsigned number, size_t nth) {
    struct value v;
    while (next(&message, &v))
        if (v.number == number && nth-- == 0)
            return v;
    fail_msg("no field %u", number);
    return (struct value) { 0 };
}

static size_t count(struct str message, unsigned number) {
    struct value v;
    size_t n = 0;
    while (next(&message, &v))
        n += v.number == number;
    return n;
}

/* Out of repeated (name, value) pairs. */
static struct str named(struct str message, unsigned number, const char *name) {
    struct value v;
    while (next(&message, &v))
        if (v.number == number && str_eq(get(v.bytes, 1, 0).bytes, str_of(name)))
            return get(v.bytes, 2, 0).bytes;
    fail_msg("no \"%s\"", name);
    return STR_NULL;
}

static struct str document(void) { return strbuf_str(&proto); }
static struct str definition(const char *name) { return named(get(document(), 9, 0).bytes, 1, name); }
static struct str path(const char *name) { return named(get(document(), 8, 0).bytes, 2, name); }
static struct str property(struct str schema, const char *name) {
    return named(get(schema, 25, 0).bytes, 1, name);
}

#define POLICIES "/apis/auth.tkestack.io/v1/policies/{name}"
#define GROUP "io.tkestack.tke.api.auth.v1."

/* ---- tests ---- */

static void the_head_is_that_of_the_document(void **state) {
    (void)state;
    assert_str(get(document(), 1, 0).bytes, "2.0");
    assert_str(get(get(document(), 2, 0).bytes, 1, 0).bytes, "tke-auth");
    struct str requirement = get(document(), 12, 0).bytes;
    assert_str(get(get(requirement, 1, 0).bytes, 1, 0).bytes, "BearerToken");
    struct str security = named(get(document(), 13, 0).bytes, 1, "BearerToken");
    assert_str(get(get(security, 2, 0).bytes, 1, 0).bytes, "apiKey");
}

static void every_path_and_definition_is_there(void **state) {
    (void)state;
    const char *name;
    json_t *value;
    assert_int_equal(count(get(document(), 8, 0).bytes, 2), json_object_size(json_object_get(json, "paths")));
    assert_int_equal(count(get(document(), 9, 0).bytes, 1),
                     json_object_size(json_object_get(json, "definitions")));
    json_object_foreach(json_object_get(json, "definitions"), name, value) {
        struct str schema = definition(name);
        const json_t *properties = json_object_get(value, "properties");
        assert_int_equal(count(schema, 25), properties != NULL);
        if (properties != NULL)
            assert_int_equal(count(get(schema, 25, 0).bytes, 1), json_object_size(properties));
        assert_int_equal(count(schema, 19), json_array_size(json_object_get(value, "required")));
    }
}

static void schemas_have_their_members(void **state) {
    (void)state;
    struct str statement = definition(GROUP "Statement"), spec = definition(GROUP "PolicySpec");
    assert_str(get(get(statement, 22, 0).bytes, 1, 0).bytes, "object");
    assert_str(get(statement, 19, 2).bytes, "effect");
    struct str effect = property(statement, "effect"), actions = property(statement, "actions");
    assert_str(get(effect, 4, 0).bytes, "allow, or deny, which wins.");
    assert_str(get(get(effect, 20, 1).bytes, 2, 0).bytes, "\"deny\"");
    assert_str(get(get(actions, 22, 0).bytes, 1, 0).bytes, "array");
    assert_str(get(get(get(get(actions, 23, 0).bytes, 1, 0).bytes, 22, 0).bytes, 1, 0).bytes, "string");
    assert_str(get(property(spec, "statement"), 1, 0).bytes, "#/definitions/" GROUP "Statement");
    assert_str(get(get(property(spec, "type"), 5, 0).bytes, 2, 0).bytes, "\"custom\"");
    assert_int_equal(get(property(spec, "displayName"), 11, 0).n, 255);
    assert_int_equal(get(property(definition(GROUP "PolicyStatus"), "phase"), 27, 0).n, 1);
    struct str labels = property(definition("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"), "labels");
    assert_str(get(get(get(get(labels, 21, 0).bytes, 1, 0).bytes, 22, 0).bytes, 1, 0).bytes, "string");
}

static void extensions_are_yaml(void **state) {
    (void)state;
    struct str keys = named(property(definition(GROUP "PolicyStatus"), "users"), 31,
                            "x-kubernetes-list-map-keys");
    assert_str(get(keys, 2, 0).bytes, "[\"id\"]");
    struct str gvk = named(definition(GROUP "Policy"), 31, "x-kubernetes-group-version-kind");
    assert_str(get(gvk, 2, 0).bytes,
               "[{\"group\":\"auth.tkestack.io\",\"kind\":\"Policy\",\"version\":\"v1\"}]");
}

/* kubectl decides by this whether a server can do a dry run. */
static void patch_has_a_query_parameter_for_dry_run(void **state) {
    (void)state;
    struct str patch = get(path(POLICIES), 8, 0).bytes, rest = patch;
    struct value v;
    bool found = false;
    while (next(&rest, &v)) {
        if (v.number != 8)
            continue;
        struct str parameter = get(v.bytes, 1, 0).bytes;
        if (count(parameter, 2) == 0) { /* the body */
            assert_str(get(get(parameter, 1, 0).bytes, 3, 0).bytes, "body");
            continue;
        }
        struct str query = get(get(parameter, 2, 0).bytes, 3, 0).bytes;
        assert_str(get(query, 2, 0).bytes, "query");
        found |= str_eq(get(query, 4, 0).bytes, STR("dryRun"));
    }
    assert_true(found);
    assert_str(get(patch, 5, 0).bytes, "patchAuthTkestackIoV1Policy");
    assert_str(get(named(patch, 13, "x-kubernetes-group-version-kind"), 2, 0).bytes,
               "{\"group\":\"auth.tkestack.io\",\"kind\":\"Policy\",\"version\":\"v1\"}");
    struct str ok = get(named(get(patch, 9, 0).bytes, 1, "200"), 1, 0).bytes;
    assert_str(get(get(get(ok, 2, 0).bytes, 1, 0).bytes, 1, 0).bytes, "#/definitions/" GROUP "Policy");
    struct str of_path = get(get(get(get(path(POLICIES), 9, 0).bytes, 1, 0).bytes, 2, 0).bytes, 4, 0).bytes;
    assert_str(get(of_path, 4, 0).bytes, "name");
}

static void a_member_without_a_field_number_is_an_error(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"swagger\":\"2.0\",\"servers\":[]}",
        "{\"definitions\":{\"A\":{\"type\":\"object\",\"nullable\":true}}}",
        "{\"paths\":{\"/a\":{\"trace\":{}}}}",
        "{\"paths\":{\"/a\":{\"parameters\":[{\"in\":\"cookie\"}]}}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
        struct err err;
        json_auto_t *v = json_loads(texts[i], 0, NULL);
        assert_non_null(v);
        assert_int_equal(openapi_proto(v, &out, &err), ERR_INTERNAL);
    }
}

static void what_does_not_fit_is_an_error(void **state) {
    (void)state;
    for (size_t max = 0; max < 4096; max += 101) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(max);
        struct err err;
        assert_int_not_equal(openapi_proto(json, &out, &err), ERR_OK);
    }
}

static void large_numbers_have_their_encoding(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
    struct err err;
    json_auto_t *v = json_loads("{\"definitions\":{\"A\":{\"maxLength\":300,\"minimum\":0,\"maximum\":1}}}",
                                0, NULL);
    assert_ok(openapi_proto(v, &out, &err));
    struct str schema = named(get(strbuf_str(&out), 9, 0).bytes, 1, "A");
    assert_int_equal(get(schema, 11, 0).n, 300);
    assert_memory_equal(get(schema, 7, 0).bytes.ptr, "\0\0\0\0\0\0\xf0\x3f", 8); /* 1.0, little end first */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_is_that_of_the_document),
        cmocka_unit_test(every_path_and_definition_is_there),
        cmocka_unit_test(schemas_have_their_members),
        cmocka_unit_test(extensions_are_yaml),
        cmocka_unit_test(patch_has_a_query_parameter_for_dry_run),
        cmocka_unit_test(a_member_without_a_field_number_is_an_error),
        cmocka_unit_test(what_does_not_fit_is_an_error),
        cmocka_unit_test(large_numbers_have_their_encoding),
    };
    return cmocka_run_group_tests(tests, build, drop);
}
