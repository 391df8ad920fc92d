/* The tables of fields: what they take, fill in, refuse and hide. */
#include "unit/test.h"

#include "resource/fields.h"

static struct arena *arena;
static struct refusal refusal;
static struct unknown_fields unknown;

static int setup(void **state) {
    (void)state;
    arena = arena_new(16 * 1024 * 1024);
    refusal = (struct refusal) { .arena = arena };
    unknown = (struct unknown_fields) { .len = 0 };
    return 0;
}
static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

/* ---- a kind with a field of every sort ---- */

static const char *no_x(const json_t *v) {
    return strchr(json_string_value(v), 'x') ? "must have no x" : NULL;
}
static const char *const colours[] = { "red", "blue", NULL };
static const struct field item_fields[] = {
    { .name = "id", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .max = 4 },
    { .name = "fixed", .type = FIELD_STRING, .flags = FIELD_IMMUTABLE | FIELD_OMIT_EMPTY },
    { .name = NULL },
};
static const struct field inner_fields[] = {
    { .name = "deep", .type = FIELD_STRING, .flags = FIELD_REQUIRED },
    { .name = "hidden", .type = FIELD_STRING, .flags = FIELD_WRITE_ONLY },
    { .name = NULL },
};
static const struct field spec_fields[] = {
    { .name = "text", .type = FIELD_STRING, .min = 2, .max = 5 },
    { .name = "checked", .type = FIELD_STRING, .flags = FIELD_OMIT_EMPTY, .check = no_x },
    { .name = "colour", .type = FIELD_STRING, .choices = colours, .fallback = "red" },
    { .name = "needed", .type = FIELD_STRING, .flags = FIELD_REQUIRED },
    { .name = "fixed", .type = FIELD_STRING, .flags = FIELD_IMMUTABLE },
    { .name = "fixedList", .type = FIELD_STRINGS, .flags = FIELD_IMMUTABLE },
    { .name = "secret", .type = FIELD_STRING, .flags = FIELD_WRITE_ONLY, .max = 3 },
    { .name = "yes", .type = FIELD_BOOL },
    { .name = "no", .type = FIELD_BOOL, .flags = FIELD_OMIT_EMPTY },
    { .name = "number", .type = FIELD_INT, .min = -5, .max = 5 },
    { .name = "natural", .type = FIELD_INT, .flags = FIELD_OMIT_EMPTY, .max = 10 },
    { .name = "at", .type = FIELD_TIME },
    { .name = "bytes", .type = FIELD_BYTES, .flags = FIELD_OMIT_EMPTY, .max = 16 },
    { .name = "list", .type = FIELD_STRINGS, .max = 2 },
    { .name = "map", .type = FIELD_STRING_MAP, .max = 2 },
    { .name = "blobs", .type = FIELD_BYTES_MAP, .flags = FIELD_OMIT_EMPTY },
    { .name = "inner", .type = FIELD_OBJECT, .fields = inner_fields },
    { .name = "items", .type = FIELD_OBJECTS, .fields = item_fields, .max = 2 },
    { .name = "any", .type = FIELD_ANY, .flags = FIELD_OMIT_EMPTY },
    { .name = NULL },
};
static const struct field fields[] = {
    { .name = "Spec", .alias = "spec", .type = FIELD_OBJECT, .fields = spec_fields },
    { .name = "data", .type = FIELD_STRING_MAP, .flags = FIELD_OMIT_EMPTY },
    { .name = NULL },
};
static const struct kind kind = { .kind = "Thing", .plural = "things", .fields = fields, .spec_key = "Spec" };

static const char *quoted(const char *ticks) {
    char *copy = arena_strdup(arena, str_of(ticks));
    for (char *p = copy; *p != 0; p++)
        if (*p == '\'')
            *p = '"';
    return copy;
}

static json_t *parse(const char *ticks) {
    json_t *v = NULL;
    struct err err = { 0 };
    if (json_parse_in(arena, str_of(quoted(ticks)), &v, &err) != ERR_OK)
        fail_msg("%s: %s", ticks, err.detail);
    return v;
}

static void release(void *v) { json_decref(v); }

static json_t *kept(json_t *v) {
    assert_non_null(v);
    assert_true(arena_defer(arena, release, v));
    return v;
}

static void assert_text(const json_t *v, const char *ticks) {
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *copy = arena_strdup(arena, str_of(text));
    free(text);
    assert_string_equal(copy, quoted(ticks));
}

static json_t *decode(const char *ticks) {
    return kept(fields_decode(&kind, parse(ticks), &unknown, &refusal));
}

/* ---- decoding ---- */

static void known_fields_are_taken_under_their_proper_names(void **state) {
    (void)state;
    static const struct {
        const char *given, *want;
    } cases[] = {
        { "{}", "{}" },
        { "[]", "{}" },
        { "'text'", "{}" },
        { "null", "{}" },
        { "{'apiVersion':'v9','kind':7}", "{}" }, /* judged elsewhere */
        { "{'spec':{'text':'ab'}}", "{'Spec':{'text':'ab'}}" },
        { "{'Spec':{'text':'ab'}}", "{'Spec':{'text':'ab'}}" },
        { "{'Spec':{'text':null},'data':null}", "{'Spec':{}}" },
        { "{'Spec':null}", "{}" },
        { "{'metadata':{'name':'n','labels':{'a':'b'}}}", "{'metadata':{'name':'n','labels':{'a':'b'}}}" },
        { "{'Spec':{'any':{'a':[1,{'b':null}]}}}", "{'Spec':{'any':{'a':[1,{'b':null}]}}}" },
        { "{'Spec':{'items':[{'id':'a'},{'fixed':null}]}}", "{'Spec':{'items':[{'id':'a'},{}]}}" },
        { "{'Spec':{'yes':false,'number':-3,'list':[],'map':{}}}",
          "{'Spec':{'yes':false,'number':-3,'list':[],'map':{}}}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_text(decode(cases[i].given), cases[i].want);
        assert_int_equal(refusal.cause_count, 0);
        assert_int_equal(unknown.len, 0);
    }
}

static void what_is_sent_is_not_changed(void **state) {
    (void)state;
    json_t *given = parse("{'Spec':{'map':{'a':'b'},'items':[{'id':'a'}]}}"),
           *before = kept(json_deep_copy(given));
    json_t *decoded = kept(fields_decode(&kind, given, &unknown, &refusal));
    json_t *spec = json_object_get(decoded, "Spec");
    assert_int_equal(json_object_set_new(json_object_get(spec, "map"), "c", json_string("d")), 0);
    assert_int_equal(json_object_clear(json_array_get(json_object_get(spec, "items"), 0)), 0);
    assert_true(json_equal(given, before));
}

static void unknown_fields_are_named_by_where_they_are(void **state) {
    (void)state;
    static const char *const want[] = { "status", "Spec.texts", "Spec.inner.Deep", "Spec.items[1].ID",
                                        "metadata.nome" };
    json_t *decoded = decode("{'status':{},'spec':{'texts':1,'inner':{'Deep':1},"
                             "'items':[{'id':'a'},{'ID':null}]},'metadata':{'nome':[]}}");
    assert_text(decoded, "{'Spec':{'inner':{},'items':[{'id':'a'},{}]},'metadata':{}}");
    assert_int_equal(unknown.len, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(unknown.items[i], want[i]);
}

static void no_more_unknown_fields_are_noted_than_can_be_told(void **state) {
    (void)state;
    json_t *given = kept(json_object());
    for (int i = 0; i < 1000; i++) {
        char key[24];
        (void)snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(json_object_set_new(given, key, json_true()), 0);
    }
    assert_text(kept(fields_decode(&kind, given, &unknown, &refusal)), "{}");
    assert_int_equal(unknown.len, RESOURCE_WARNINGS_MAX);
}

static void a_field_name_of_any_length_is_no_danger(void **state) {
    (void)state;
    char *key = arena_alloc(arena, 100001);
    memset(key, 'k', 100000);
    json_t *given = kept(json_pack("{s:i, s:{s:{s:i}}}", key, 1, "spec", "inner", key, 1));
    assert_text(kept(fields_decode(&kind, given, &unknown, &refusal)), "{'Spec':{'inner':{}}}");
    assert_int_equal(unknown.len, 2);
    for (size_t i = 0; i < unknown.len; i++)
        assert_true(strlen(unknown.items[i]) <= 1024);
}

static void values_of_another_type_are_refused_where_they_are(void **state) {
    (void)state;
    static const struct {
        const char *given, *field;
    } cases[] = {
        { "{'metadata':[]}", "metadata" },
        { "{'metadata':'x'}", "metadata" },
        { "{'metadata':{'name':1}}", "metadata.name" },
        { "{'metadata':{'labels':{'a':1}}}", "metadata.labels" },
        { "{'metadata':{'labels':{'a':null}}}", "metadata.labels" },
        { "{'metadata':{'finalizers':'a'}}", "metadata.finalizers" },
        { "{'metadata':{'ownerReferences':[1]}}", "metadata.ownerReferences[0]" },
        { "{'metadata':{'generation':'1'}}", "metadata.generation" },
        { "{'Spec':[]}", "Spec" },
        { "{'spec':'x'}", "Spec" },
        { "{'Spec':{'text':1}}", "Spec.text" },
        { "{'Spec':{'yes':'true'}}", "Spec.yes" },
        { "{'Spec':{'yes':1}}", "Spec.yes" },
        { "{'Spec':{'number':1.0}}", "Spec.number" },
        { "{'Spec':{'number':'1'}}", "Spec.number" },
        { "{'Spec':{'number':true}}", "Spec.number" },
        { "{'Spec':{'at':1700000000}}", "Spec.at" },
        { "{'Spec':{'bytes':[1]}}", "Spec.bytes" },
        { "{'Spec':{'list':'a'}}", "Spec.list" },
        { "{'Spec':{'list':{'a':'b'}}}", "Spec.list" },
        { "{'Spec':{'list':['a',1]}}", "Spec.list" },
        { "{'Spec':{'list':[null]}}", "Spec.list" },
        { "{'Spec':{'map':['a']}}", "Spec.map" },
        { "{'Spec':{'map':{'a':{}}}}", "Spec.map" },
        { "{'Spec':{'blobs':{'a':1}}}", "Spec.blobs" },
        { "{'Spec':{'inner':[]}}", "Spec.inner" },
        { "{'Spec':{'items':{}}}", "Spec.items" },
        { "{'Spec':{'items':['a']}}", "Spec.items[0]" },
        { "{'Spec':{'items':[{'id':'a'},{'id':1}]}}", "Spec.items[1].id" },
        { "{'Spec':{'secret':1}}", "Spec.secret" },
        { "{'data':'x'}", "data" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        refusal.cause_count = 0;
        (void)decode(cases[i].given);
        if (refusal.cause_count != 1)
            fail_msg("%s: %zu causes", cases[i].given, refusal.cause_count);
        assert_string_equal(refusal.causes[0].field, cases[i].field);
        assert_string_equal(refusal.causes[0].reason, "FieldValueTypeInvalid");
    }
}

static void causes_have_a_limit(void **state) {
    (void)state;
    json_t *items = json_array();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(json_array_append_new(items, json_integer(i)), 0);
    json_t *given = kept(json_pack("{s:{s:o}}", "Spec", "items", items));
    (void)kept(fields_decode(&kind, given, &unknown, &refusal));
    assert_int_equal(refusal.cause_count, RESOURCE_CAUSES_MAX);
}

/* ---- completing ---- */

static json_t *complete(const char *ticks) { return kept(fields_complete(&kind, parse(ticks))); }

#define EMPTY_SPEC                                                                                           \
    "'Spec':{'text':'','colour':'red','needed':'','fixed':'','fixedList':null,'yes':false,'number':0,"       \
    "'at':null,'list':null,'map':null,'inner':{'deep':''},'items':null}"

static void what_is_always_there_is_filled_in_and_in_the_order_of_the_tables(void **state) {
    (void)state;
    assert_text(complete("{'metadata':{'z':1,'a':2}}"), "{'metadata':{'z':1,'a':2}," EMPTY_SPEC "}");
    assert_text(complete("{'Spec':{'any':{},'blobs':{},'bytes':'','no':false,'natural':0,'checked':''},"
                         "'data':{},'metadata':{}}"),
                "{'metadata':{}," EMPTY_SPEC "}");
    assert_text(complete("{'Spec':{'list':[],'map':{},'items':[],'at':'','colour':''},'metadata':{}}"),
                "{'metadata':{}," EMPTY_SPEC "}");
    assert_text(complete("{'data':{'k':'v'},'Spec':{'items':[{'fixed':'f','id':'a'},{}],'no':true,"
                         "'yes':true,'at':'2023-11-14T22:13:20Z','inner':{'hidden':'h'},'secret':'s',"
                         "'colour':'blue','any':0,'natural':1},'metadata':{'name':'n'}}"),
                "{'metadata':{'name':'n'},'Spec':{'text':'','colour':'blue','needed':'','fixed':'',"
                "'fixedList':null,'secret':'s','yes':true,'no':true,'number':0,'natural':1,"
                "'at':'2023-11-14T22:13:20Z','list':null,'map':null,'inner':{'deep':'','hidden':'h'},"
                "'items':[{'id':'a','fixed':'f'},{'id':''}]},'data':{'k':'v'}}");
}

static void completing_what_is_complete_changes_nothing(void **state) {
    (void)state;
    json_t *once = complete("{'metadata':{'name':'n'},'Spec':{'items':[{}],'yes':true,'list':['a']}}");
    json_t *twice = kept(fields_complete(&kind, once));
    assert_true(json_equal(once, twice));
}

/* ---- checking ---- */

/* A valid object but for `spec`. */
static json_t *object_with(const char *spec) {
    json_t *o = complete("{'metadata':{'name':'n'},'Spec':{'needed':'n','inner':{'deep':'d'}}}");
    (void)json_object_update(json_object_get(o, "Spec"), parse(spec));
    return o;
}

struct check_case {
    const char *spec, *field, *reason; /* NULL: it is fine */
};

static void run_check(const struct check_case *c, const json_t *old) {
    refusal.cause_count = 0;
    fields_check(&kind, object_with(c->spec), old, &refusal);
    if (c->reason == NULL) {
        if (refusal.cause_count > 0)
            fail_msg("%s: %s: %s", c->spec, refusal.causes[0].field, refusal.causes[0].message);
        return;
    }
    if (refusal.cause_count != 1)
        fail_msg("%s: %zu causes", c->spec, refusal.cause_count);
    assert_string_equal(refusal.causes[0].field, c->field);
    assert_string_equal(refusal.causes[0].reason, c->reason);
}

static void the_limits_of_every_type_are_kept(void **state) {
    (void)state;
    static const char long_at[] = "Spec.at";
    static const struct check_case cases[] = {
        { "{}", NULL, NULL },
        { "{'text':''}", NULL, NULL }, /* empty is absent */
        { "{'text':'a'}", "Spec.text", "FieldValueInvalid" },
        { "{'text':'ab'}", NULL, NULL },
        { "{'text':'abcde'}", NULL, NULL },
        { "{'text':'abcdef'}", "Spec.text", "FieldValueTooLong" },
        { "{'text':'\xc3\xa9\xc3\xa9\xc3\xa9'}", "Spec.text", "FieldValueTooLong" }, /* bytes count */
        { "{'checked':'y'}", NULL, NULL },
        { "{'checked':'x'}", "Spec.checked", "FieldValueInvalid" },
        { "{'colour':'blue'}", NULL, NULL },
        { "{'colour':'Blue'}", "Spec.colour", "FieldValueNotSupported" },
        { "{'needed':''}", "Spec.needed", "FieldValueRequired" },
        { "{'secret':'abcd'}", "Spec.secret", "FieldValueTooLong" },
        { "{'number':5}", NULL, NULL },
        { "{'number':-5}", NULL, NULL },
        { "{'number':6}", "Spec.number", "FieldValueInvalid" },
        { "{'number':-6}", "Spec.number", "FieldValueInvalid" },
        { "{'number':9223372036854775807}", "Spec.number", "FieldValueInvalid" },
        { "{'number':-9223372036854775808}", "Spec.number", "FieldValueInvalid" },
        { "{'natural':-1}", "Spec.natural", "FieldValueInvalid" },
        { "{'at':'2023-11-14T22:13:20Z'}", NULL, NULL },
        { "{'at':'2023-11-14T23:13:20+01:00'}", long_at, "FieldValueInvalid" }, /* UTC only */
        { "{'at':'yesterday'}", long_at, "FieldValueInvalid" },
        { "{'at':'2023-13-14T22:13:20Z'}", long_at, "FieldValueInvalid" },
        { "{'bytes':'YQ=='}", NULL, NULL },
        { "{'bytes':'YQ'}", "Spec.bytes", "FieldValueInvalid" },
        { "{'bytes':'!!!!'}", "Spec.bytes", "FieldValueInvalid" },
        { "{'blobs':{'a':'YQ==','b':''}}", NULL, NULL },
        { "{'blobs':{'a':'YQ==','b':'no'}}", "Spec.blobs", "FieldValueInvalid" },
        { "{'list':['a','b']}", NULL, NULL },
        { "{'list':['a','b','c']}", "Spec.list", "FieldValueTooLong" },
        { "{'map':{'a':'','b':'','c':''}}", "Spec.map", "FieldValueTooLong" },
        { "{'inner':{'deep':''}}", "Spec.inner.deep", "FieldValueRequired" },
        { "{'items':[{'id':'abcd'}]}", NULL, NULL },
        { "{'items':[{'id':'abcd'},{'id':'abcde'}]}", "Spec.items[1].id", "FieldValueTooLong" },
        { "{'items':[{'id':''}]}", "Spec.items[0].id", "FieldValueRequired" },
        { "{'items':[{'id':'a'},{'id':'b'},{'id':'c'}]}", "Spec.items", "FieldValueTooLong" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        run_check(&cases[i], NULL);
}

static void what_is_immutable_may_be_set_once(void **state) {
    (void)state;
    static const struct check_case changes[] = {
        { "{'fixed':'a','fixedList':['x']}", NULL, NULL },
        { "{'fixed':'b','fixedList':['x']}", "Spec.fixed", "FieldValueInvalid" },
        { "{'fixed':'','fixedList':['x']}", "Spec.fixed", "FieldValueInvalid" },
        { "{'fixed':'a','fixedList':['x','y']}", "Spec.fixedList", "FieldValueInvalid" },
        { "{'fixed':'a','fixedList':[]}", "Spec.fixedList", "FieldValueInvalid" },
        { "{'fixed':'a','fixedList':['x'],'items':[{'id':'a','fixed':'new'}]}", NULL, NULL },
    };
    static const struct check_case from_nothing[] = {
        { "{'fixed':'','fixedList':null}", NULL, NULL },
        { "{'fixed':'','fixedList':[]}", NULL, NULL }, /* empty either way */
        { "{'fixed':'a'}", "Spec.fixed", "FieldValueInvalid" },
    };
    const json_t *old = object_with("{'fixed':'a','fixedList':['x'],'items':[{'id':'a','fixed':'old'}]}");
    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        run_check(&changes[i], old);
    old = object_with("{}");
    for (size_t i = 0; i < ARRAY_LEN(from_nothing); i++)
        run_check(&from_nothing[i], old);
    run_check(&(struct check_case) { "{'fixed':'a'}", NULL, NULL }, NULL); /* creation */
}

static void what_is_write_only_is_never_quoted_in_a_message(void **state) {
    (void)state;
    static const struct field hidden[] = {
        { .name = "a", .type = FIELD_STRING, .flags = FIELD_WRITE_ONLY, .min = 100, .max = 200 },
        { .name = "b", .type = FIELD_BYTES, .flags = FIELD_WRITE_ONLY },
        { .name = "c", .type = FIELD_STRING, .flags = FIELD_WRITE_ONLY, .check = no_x },
        { .name = NULL },
    };
    static const struct kind k = { .kind = "Hidden", .fields = hidden };
    struct err err = { 0 };
    fields_check(&k, parse("{'a':'hunter2','b':'hunter2','c':'hunter2x'}"), NULL, &refusal);
    assert_int_equal(refusal.cause_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_null(strstr(refusal.causes[i].message, "hunter2"));
    assert_int_equal(refusal_check(&refusal, &k, STR("n"), &err), ERR_INVALID);
    assert_null(strstr(refusal.message, "hunter2"));
}

static void values_in_messages_are_short_and_escaped(void **state) {
    (void)state;
    char *text = arena_alloc(arena, 70001);
    memset(text, 'x', 70000);
    text[0] = '"';
    text[1] = '\n';
    json_t *o = object_with("{}");
    (void)json_object_set_new(json_object_get(o, "Spec"), "checked", json_string(text));
    fields_check(&kind, o, NULL, &refusal);
    assert_int_equal(refusal.cause_count, 1);
    assert_true(strlen(refusal.causes[0].message) < 200);
    assert_null(strchr(refusal.causes[0].message, '\n'));
}

/* ---- hiding ---- */

static void what_is_write_only_is_taken_out_wherever_it_is(void **state) {
    (void)state;
    json_t *o = parse(
        "{'Spec':{'secret':'s','text':'t','inner':{'deep':'d','hidden':'h'}},'data':{'secret':'x'}}");
    fields_strip_write_only(&kind, o);
    assert_text(o, "{'Spec':{'text':'t','inner':{'deep':'d'}},'data':{'secret':'x'}}");
}

/* Everything below relies on it: decoding, completing and checking an object as it is stored is the identity. */
static void every_kind_keeps_its_own_empty_object_as_it_is(void **state) {
    (void)state;
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++) {
        json_t *once = kept(fields_complete(*k, parse("{'metadata':{'name':'n'}}")));
        json_t *decoded = kept(fields_decode(*k, once, &unknown, &refusal));
        json_t *twice = kept(fields_complete(*k, decoded));
        if (!json_equal(once, twice))
            fail_msg("%s is changed by being read", (*k)->kind);
        assert_int_equal(unknown.len, 0);
        assert_int_equal(refusal.cause_count, 0);
        assert_string_equal(json_object_iter_key(json_object_iter(once)), "metadata");
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(known_fields_are_taken_under_their_proper_names),
        test(what_is_sent_is_not_changed),
        test(unknown_fields_are_named_by_where_they_are),
        test(no_more_unknown_fields_are_noted_than_can_be_told),
        test(a_field_name_of_any_length_is_no_danger),
        test(values_of_another_type_are_refused_where_they_are),
        test(causes_have_a_limit),
        test(what_is_always_there_is_filled_in_and_in_the_order_of_the_tables),
        test(completing_what_is_complete_changes_nothing),
        test(the_limits_of_every_type_are_kept),
        test(what_is_immutable_may_be_set_once),
        test(what_is_write_only_is_never_quoted_in_a_message),
        test(values_in_messages_are_short_and_escaped),
        test(what_is_write_only_is_taken_out_wherever_it_is),
        test(every_kind_keeps_its_own_empty_object_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
