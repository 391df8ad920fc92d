/* Names, and metadata: what clients say, what the server says, and what is nobody's to say. */
#include "unit/resource/rig.h"

/* ---- names ---- */

static void names_are_those_of_kubernetes(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool subdomain, label;
    } cases[] = {
        { "a", true, true },
        { "0", true, true },
        { "a-b", true, true },
        { "a.b", true, false },
        { "a1.b-2.c", true, false },
        { "", false, false },
        { "-a", false, false },
        { "a-", false, false },
        { ".a", false, false },
        { "a.", false, false },
        { "a..b", false, false },
        { "a.-b", false, false },
        { "a-.b", false, false },
        { "A", false, false },
        { "a_b", false, false },
        { "a b", false, false },
        { "a/b", false, false },
        { "\xc3\xa9", false, false },
        { "a\n", false, false },
        { "123456789012345678901234567890123456789012345678901234567890123", true, true },
        { "1234567890123456789012345678901234567890123456789012345678901234", true, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if ((name_problem(str_of(cases[i].name), false) == NULL) != cases[i].subdomain)
            fail_msg("\"%s\" as a subdomain", cases[i].name);
        if ((name_problem(str_of(cases[i].name), true) == NULL) != cases[i].label)
            fail_msg("\"%s\" as a label", cases[i].name);
    }
    char longest[255];
    memset(longest, 'a', sizeof longest);
    assert_null(name_problem((struct str) { longest, 253 }, false));
    assert_non_null(name_problem((struct str) { longest, 254 }, false));
    assert_non_null(name_problem(STR("a\0b"), false));
}

static void label_keys_and_values_are_those_of_kubernetes(void **state) {
    (void)state;
    static const char *const good_keys[] = { "a", "A.b_c-D", "example.com/a", "a.b/C", "0/0" };
    static const char *const bad_keys[] = {
        "",      "/",    "a/", "/a", "-a",   "a-",       "a/b/c", "a b",
        "A.b/c", "a_/c", "a.", "_a", "a//b", "\xc3\xa9", "a\tb",  "-a/b"
    };
    static const char *const good_values[] = { "", "a", "A.b_c-D", "0" };
    static const char *const bad_values[] = { "-a", "a-", "a b", "a/b", ".", "\xc3\xa9", "_" };
    for (size_t i = 0; i < ARRAY_LEN(good_keys); i++)
        if (label_key_problem(str_of(good_keys[i])) != NULL)
            fail_msg("key \"%s\"", good_keys[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad_keys); i++)
        if (label_key_problem(str_of(bad_keys[i])) == NULL)
            fail_msg("key \"%s\"", bad_keys[i]);
    for (size_t i = 0; i < ARRAY_LEN(good_values); i++)
        if (label_value_problem(str_of(good_values[i])) != NULL)
            fail_msg("value \"%s\"", good_values[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad_values); i++)
        if (label_value_problem(str_of(bad_values[i])) == NULL)
            fail_msg("value \"%s\"", bad_values[i]);
    char text[400];
    memset(text, 'a', sizeof text);
    assert_null(label_value_problem((struct str) { text, 63 }));
    assert_non_null(label_value_problem((struct str) { text, 64 }));
    text[253] = '/';
    assert_null(label_key_problem((struct str) { text, 253 + 1 + 63 }));
    assert_non_null(label_key_problem((struct str) { text, 253 + 1 + 64 }));
    text[253] = 'a';
    text[254] = '/';
    assert_non_null(label_key_problem((struct str) { text, 254 + 1 + 63 }));
}

static void generated_names_have_eight_letters_behind_a_dash(void **state) {
    (void)state;
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    static const struct {
        const char *prefix, *head;
    } cases[] = { { "usr-", "usr-" }, { "apk", "apk-" }, { "", "" }, { "a-b-", "a-b-" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str name = resource_generate_name(rig.arena, &rig.random, str_of(cases[i].prefix));
        size_t head = strlen(cases[i].head);
        assert_int_equal(name.len, head + 8);
        assert_true(str_starts_with(name, str_of(cases[i].head)));
        for (size_t c = head; c < name.len; c++)
            assert_non_null(strchr(letters, name.ptr[c]));
        assert_null(name_problem(name, true));
    }
    struct str one = resource_generate_name(rig.arena, &rig.random, STR("x-")),
               two = resource_generate_name(rig.arena, &rig.random, STR("x-"));
    assert_false(str_eq(one, two));
}

static void a_long_prefix_is_cut_so_that_the_name_fits(void **state) {
    (void)state;
    char prefix[1000];
    memset(prefix, 'a', sizeof prefix);
    static const size_t lengths[] = { 243, 244, 245, 253, 1000 };
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct str name = resource_generate_name(rig.arena, &rig.random, (struct str) { prefix, lengths[i] });
        assert_true(name.len <= RESOURCE_NAME_MAX);
        assert_null(name_problem(name, false));
        prefix[lengths[i] - 1] = '-';
        name = resource_generate_name(rig.arena, &rig.random, (struct str) { prefix, lengths[i] });
        assert_true(name.len <= RESOURCE_NAME_MAX);
        assert_null(name_problem(name, false));
        prefix[lengths[i] - 1] = 'a';
    }
}

/* ---- creation ---- */

static void a_new_object_has_a_uid_and_a_time_of_its_own(void **state) {
    (void)state;
    const json_t *a = rig_create(&kind_config_map, "{'metadata':{'name':'a','uid':'mine',"
                                                   "'creationTimestamp':'2001-01-01T00:00:00Z',"
                                                   "'deletionTimestamp':'2001-01-01T00:00:00Z',"
                                                   "'resourceVersion':'','selfLink':'/x','generation':7}}");
    const json_t *b = rig_create(&kind_config_map, "{'metadata':{'name':'b'}}");
    struct str uid = json_get_str(object_metadata(a), "uid");
    assert_int_equal(uid.len, 36);
    assert_int_equal(uid.ptr[14], '4'); /* RFC 9562: version 4, variant 10 */
    assert_non_null(strchr("89ab", uid.ptr[19]));
    assert_false(str_eq(uid, json_get_str(object_metadata(b), "uid")));
    rig_assert_at(a, "metadata.creationTimestamp", "'" RIG_NOW "'");
    rig_assert_at(a, "metadata.deletionTimestamp", NULL);
    rig_assert_at(a, "metadata.resourceVersion", NULL);
    rig_assert_at(a, "metadata.selfLink", NULL);
    rig_assert_at(a, "metadata.generation", NULL);
}

static void a_trusted_writer_says_uid_and_time(void **state) {
    (void)state;
    const json_t *o = rig_import(&kind_config_map, "{'metadata':{'name':'a','uid':'u-1',"
                                                   "'creationTimestamp':'2001-01-01T00:00:00Z'}}");
    rig_assert_at(o, "metadata.uid", "'u-1'");
    rig_assert_at(o, "metadata.creationTimestamp", "'2001-01-01T00:00:00Z'");
}

static void a_name_is_given_generated_or_missing(void **state) {
    (void)state;
    struct str name;
    rig_create_refused(&kind_config_map, "{'metadata':{}}", "FieldValueRequired", "metadata.name");
    rig_create_refused(&kind_config_map, "{}", "FieldValueRequired", "metadata.name");
    rig_create_refused(&kind_config_map, "{'metadata':{'name':''}}", "FieldValueRequired", "metadata.name");
    name = object_name(rig_create(&kind_config_map, "{'metadata':{'generateName':'cm-'}}"));
    assert_true(str_starts_with(name, STR("cm-")));
    rig_assert_at(rig.object, "metadata.generateName", "'cm-'");
    name = object_name(rig_create(&kind_config_map, "{'metadata':{'name':'a','generateName':'cm-'}}"));
    assert_str(name, "a");
    rig_create_refused(&kind_config_map, "{'metadata':{'generateName':'C_'}}", "FieldValueInvalid",
                       "metadata.name");
    name = object_name(
        rig_import(&kind_local_group, "{'spec':{'displayName':'d','tenantID':'t'}}")); /* by its kind */
    assert_true(str_starts_with(name, STR("grp-")));
    const struct resource_options forced = { .force_name = STR("forced") };
    rig_ok(rig_try_create(&kind_config_map, rig_json("{'metadata':{'name':'other'}}"), &forced));
    assert_str(object_name(rig.object), "forced");
}

static void a_namespace_is_needed_where_there_is_one_and_forbidden_elsewhere(void **state) {
    (void)state;
    rig_policy("", "pol-x", "");
#define CPB(meta)                                                                                            \
    "{'metadata':{" meta "},'spec':{'domain':'*','policyID':'pol-x','rulePrefix':'r','resources':['*']}}"
    rig_create_refused(&kind_custom_policy_binding, CPB(""), "FieldValueRequired", "metadata.namespace");
    rig_create_refused(&kind_custom_policy_binding, CPB("'namespace':'A'"), "FieldValueInvalid",
                       "metadata.namespace");
    rig_create_refused(&kind_custom_policy_binding, CPB("'namespace':'a.b'"), "FieldValueInvalid",
                       "metadata.namespace");
    rig_create_refused(&kind_custom_policy_binding, CPB("'namespace':'a/b'"), "FieldValueInvalid",
                       "metadata.namespace");
    rig_create(&kind_custom_policy_binding, CPB("'namespace':'ns'"));
    assert_true(rig_has(&kind_custom_policy_binding, "ns/pol-x"));
    rig_create_refused(&kind_config_map, "{'metadata':{'name':'a','namespace':'ns'}}", "FieldValueForbidden",
                       "metadata.namespace");
}

static void names_of_clients_need_only_fit_into_a_path(void **state) {
    (void)state;
    static const char *const good[] = { "Kube_Login", "x:y", "..." };
    static const char *const bad[] = { ".", "..", "a/b", "a%b", "%2e%2e" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        rig_create(&kind_client, rig_text("{'metadata':{'name':'%s'},'spec':{'public':true,"
                                          "'redirect_uris':['https://a.example/cb']}}",
                                          good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        rig_create_refused(&kind_client,
                           rig_text("{'metadata':{'name':'%s'},'spec':{'public':true,"
                                    "'redirect_uris':['https://a.example/cb']}}",
                                    bad[i]),
                           "FieldValueInvalid", "metadata.name");
}

/* ---- labels, annotations, finalizers, owners ---- */

static void labels_and_their_like_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *meta, *reason, *field;
    } cases[] = {
        { "'labels':{'-':'a'}", "FieldValueInvalid", "metadata.labels" },
        { "'labels':{'':'a'}", "FieldValueInvalid", "metadata.labels" },
        { "'labels':{'a':'-'}", "FieldValueInvalid", "metadata.labels" },
        { "'annotations':{'a/b/c':'x'}", "FieldValueInvalid", "metadata.annotations" },
        { "'finalizers':['']", "FieldValueInvalid", "metadata.finalizers" },
        { "'finalizers':['a','b c']", "FieldValueInvalid", "metadata.finalizers" },
        { "'ownerReferences':[{'apiVersion':'v1','kind':'K','name':'n'}]", "FieldValueRequired",
          "metadata.ownerReferences" },
        { "'ownerReferences':[{}]", "FieldValueRequired", "metadata.ownerReferences" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        rig_create_refused(&kind_config_map, rig_text("{'metadata':{'name':'a',%s}}", cases[i].meta),
                           cases[i].reason, cases[i].field);
    rig_create(&kind_config_map,
               "{'metadata':{'name':'a','labels':{'x/y':''},'annotations':{'a':'any thing: -'},"
               "'finalizers':['a.example/f','plain'],'ownerReferences':[{'apiVersion':'v1','kind':'K',"
               "'name':'n','uid':'u','controller':true}]}}");
    rig_assert_at(rig.object, "metadata.ownerReferences[0].controller", "true");
}

static json_t *strings(size_t n) {
    json_t *list = rig_keep(json_array());
    for (size_t i = 0; i < n; i++)
        assert_int_equal(json_array_append_new(list, json_sprintf("f%zu", i)), 0);
    return list;
}

static void metadata_has_limits(void **state) {
    (void)state;
    char *big = arena_alloc(rig.arena, 256 * 1024 + 1);
    memset(big, 'x', 256 * 1024 - 1);
    json_t *given = rig_json("{'metadata':{'name':'a','annotations':{}}}");
    json_t *meta = json_object_get(given, "metadata");
    assert_int_equal(json_object_set_new(json_object_get(meta, "annotations"), "k", json_string(big)), 0);
    rig_ok(rig_try_create(&kind_config_map, given, &rig_plain)); /* 256 KiB with the key */
    assert_int_equal(json_object_set_new(meta, "name", json_string("b")), 0);
    assert_int_equal(json_object_set_new(json_object_get(meta, "annotations"), "kk", json_string("")), 0);
    assert_int_equal(rig_try_create(&kind_config_map, given, &rig_plain), ERR_INVALID);
    rig_assert_cause("FieldValueTooLong", "metadata.annotations");

    given = rig_json("{'metadata':{'name':'c'}}");
    meta = json_object_get(given, "metadata");
    assert_int_equal(json_object_set(meta, "finalizers", strings(33)), 0);
    assert_int_equal(rig_try_create(&kind_config_map, given, &rig_plain), ERR_INVALID);
    rig_assert_cause("FieldValueTooLong", "metadata.finalizers");
    assert_int_equal(json_object_set(meta, "finalizers", strings(32)), 0);
    rig_ok(rig_try_create(&kind_config_map, given, &rig_plain));
}

static void an_update_replaces_labels_and_keeps_what_is_the_servers(void **state) {
    (void)state;
    const json_t *old = rig_create(&kind_config_map, "{'metadata':{'name':'a','generateName':'g-',"
                                                     "'labels':{'a':'1','b':'2'},'annotations':{'x':'y'},"
                                                     "'finalizers':['f/f']}}");
    clock_advance(&rig.clock, 60000);
    rig_update(&kind_config_map, "a",
               rig_json("{'metadata':{'name':'b','namespace':'n','generateName':'h-','labels':{'a':'3'},"
                        "'creationTimestamp':'2001-01-01T00:00:00Z',"
                        "'deletionTimestamp':'2001-01-01T00:00:00Z'},'data':{'k':'v'}}"));
    const json_t *now = rig_get(&kind_config_map, "a");
    static const char *const kept[] = { "name", "uid", "creationTimestamp", "generateName" };
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        assert_true(json_equal(json_object_get(object_metadata(old), kept[i]),
                               json_object_get(object_metadata(now), kept[i])));
    rig_assert_at(now, "metadata.labels", "{'a':'3'}");
    rig_assert_at(now, "metadata.annotations", NULL);
    rig_assert_at(now, "metadata.finalizers", NULL);
    rig_assert_at(now, "metadata.namespace", NULL);
    rig_assert_at(now, "metadata.deletionTimestamp", NULL);
}

/* ---- mirrors of the configuration ---- */

#define SOURCE "'" RESOURCE_SOURCE_ANNOTATION "'"
#define HASH "'" RESOURCE_SOURCE_HASH_ANNOTATION "'"

static void clients_cannot_make_an_object_a_mirror(void **state) {
    (void)state;
    rig_create(&kind_config_map,
               "{'metadata':{'name':'a','annotations':{" SOURCE ":'configuration'," HASH ":'00','x':'y'}}}");
    rig_assert_at(rig.object, "metadata.annotations", "{'x':'y'}");
    rig_create(&kind_config_map, "{'metadata':{'name':'b','annotations':{" SOURCE ":'configuration'}}}");
    rig_assert_at(rig.object, "metadata.annotations", NULL);
    rig_import(&kind_config_map, "{'metadata':{'name':'c','annotations':{" SOURCE ":'configuration'}}}");
    assert_false(object_is_mirror(rig.object));
    rig_update(&kind_config_map, "a",
               rig_json("{'metadata':{'annotations':{" SOURCE ":'configuration','z':'z'}}}"));
    rig_assert_at(rig.object, "metadata.annotations", "{'z':'z'}");
    assert_false(object_is_mirror(rig_get(&kind_config_map, "a")));
}

static void clients_cannot_take_the_marks_of_a_mirror_away(void **state) {
    (void)state;
    static const struct resource_options mirror = { .trusted = true, .from_configuration = true };
    static const char *const attempts[] = {
        "{'metadata':{'labels':{'x':'y'}}}",
        "{'metadata':{'annotations':{}}}",
        "{'metadata':{'annotations':null}}",
        "{'metadata':{'annotations':{" SOURCE ":'',"
        "" HASH ":'other'}}}",
        "{'metadata':{'annotations':{" SOURCE ":'Configuration'}}}",
    };
    rig_ok(rig_try_create(
        &kind_config_map,
        rig_json("{'metadata':{'name':'m','annotations':{" SOURCE ":'configuration'," HASH ":'00'}}}"),
        &mirror));
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        rig_update(&kind_config_map, "m", rig_json(attempts[i]));
        rig_assert_at(rig_get(&kind_config_map, "m"), "metadata.annotations",
                      "{" SOURCE ":'configuration'," HASH ":'00'}");
    }
    assert_int_equal(rig_try_update(&kind_config_map, "m", rig_json("{'metadata':{}}"), 0, &rig_trusted),
                     ERR_OK);
    assert_true(object_is_mirror(rig_get(&kind_config_map, "m")));

    const struct resource_delete d = { .at_once = true };
    assert_int_equal(rig_try_remove(&kind_config_map, "m", &d), ERR_FORBIDDEN);
    rig_assert_refused(403, "Forbidden");
    const struct resource_delete by_configuration = { .from_configuration = true };
    rig_ok(rig_try_remove(&kind_config_map, "m", &by_configuration));
    assert_true(rig.removed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_MEMORY(names_are_those_of_kubernetes),
        ON_MEMORY(label_keys_and_values_are_those_of_kubernetes),
        ON_MEMORY(generated_names_have_eight_letters_behind_a_dash),
        ON_MEMORY(a_long_prefix_is_cut_so_that_the_name_fits),
        ON_MEMORY(a_new_object_has_a_uid_and_a_time_of_its_own),
        ON_MEMORY(a_trusted_writer_says_uid_and_time),
        ON_MEMORY(a_name_is_given_generated_or_missing),
        ON_MEMORY(a_namespace_is_needed_where_there_is_one_and_forbidden_elsewhere),
        ON_MEMORY(names_of_clients_need_only_fit_into_a_path),
        ON_MEMORY(labels_and_their_like_are_checked),
        ON_MEMORY(metadata_has_limits),
        ON_MEMORY(an_update_replaces_labels_and_keeps_what_is_the_servers),
        ON_MEMORY(clients_cannot_make_an_object_a_mirror),
        ON_MEMORY(clients_cannot_take_the_marks_of_a_mirror_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
