/* Objects, Tables and metadata alone: how answers look. */
#include "unit/kube/stand.h"

#include "kube/print.h"
#include "kube/status.h"
#include "unit/kube/json.h"

#define TABLE "application/json;as=Table;v=v1;g=meta.k8s.io"
#define PARTIAL "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
#define PARTIAL_LIST "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"

static void some(void) {
    rig_tenant("acme");
    (void)rig_create(
        &kind_policy,
        "{'metadata':{'name':'pol-1','labels':{'a':'b'}},'spec':{'displayName':'It\\u0001s "
        "\\u00e4','tenantID':'acme',"
        "'category':'c','scope':'','statement':{'actions':['get*'],'resources':['*'],'effect':'deny'}}}");
}

static const json_t *at(const json_t *value, const char *path) {
    for (struct str rest = str_of(path), part; rest.len > 0;) {
        uint64_t n = 0;
        struct err ignored;
        (void)str_cut(rest, '.', &part, &rest);
        value = json_is_array(value) && parse_u64(part, 0, 1000, &n, &ignored) == ERR_OK
                    ? json_array_get(value, (size_t)n)
                    : json_object_getn(value, part.ptr, part.len);
    }
    return value;
}

static struct printer printer_for(const struct kind *k, enum kube_form form, enum table_include include) {
    return (struct printer) { .kind = k, .form = form, .include = include, .clock = &rig.clock };
}

/* ---- lists ---- */

static void a_list_of_objects(void **state) {
    (void)state;
    some();
    struct asked *a = ask(&platform, "policies");
    assert_json(at(a->json, "kind"), "'PolicyList'", "kind");
    assert_json(at(a->json, "apiVersion"), "'auth.tkestack.io/v1'", "apiVersion");
    assert_json(at(a->json, "items.0.kind"), "'Policy'", "an item's kind");
    assert_json(at(a->json, "items.0.metadata.labels"), "{'a':'b'}", "labels");
    assert_json(at(a->json, "items.0.spec.displayName"), "'It\\u0001s \\u00e4'", "a name with a control");
    assert_json(at(a->json, "items.0.metadata.resourceVersion"),
                rig_text("'%lld'", (long long)rig_revision_of(&kind_policy, "pol-1")), "its version");
    assert_null(at(a->json, "metadata.continue"));
    assert_string_equal(call_answered(a->call, "Cache-Control"), "no-cache, private");
    assert_string_equal(call_answered(a->call, "Content-Type"), "application/json");
    assert_json(at(ask(&platform, "roles")->json, "items"), "[]", "no roles");
}

static void a_list_as_a_table(void **state) {
    (void)state;
    some();
    struct asked *a = ask_with_accept(&platform, "policies", TABLE);
    const json_t *columns = at(a->json, "columnDefinitions");
    assert_json(at(a->json, "kind"), "'Table'", "kind");
    assert_json(at(a->json, "apiVersion"), "'meta.k8s.io/v1'", "apiVersion");
    assert_int_equal(ask_revision(a), rig_revision());
    assert_json(
        at(columns, "0"),
        "{'name':'Name','type':'string','format':'name','description':'Name of the object.','priority':0}",
        "the first column");
    assert_int_equal(json_array_size(at(a->json, "rows")), 1);
    assert_int_equal(json_array_size(at(a->json, "rows.0.cells")), json_array_size(columns));
    for (size_t i = 0; i < json_array_size(columns); i++) { /* what a column says it holds, it holds */
        const json_t *cell = json_array_get(at(a->json, "rows.0.cells"), i);
        struct str type = json_get_str(json_array_get(columns, i), "type");
        assert_true(str_eq(type, STR("integer"))   ? json_is_integer(cell)
                    : str_eq(type, STR("boolean")) ? json_is_boolean(cell)
                                                   : json_is_string(cell));
    }
    assert_json(at(a->json, "rows.0.cells.0"), "'pol-1'", "the name");
    assert_json(at(a->json, "rows.0.cells.1"), "'It\\u0001s \\u00e4'", "the display name");
    assert_json(json_array_get(at(a->json, "rows.0.cells"), json_array_size(columns) - 1), "'" RIG_NOW "'",
                "the age");
}

static void every_kind_fits_into_a_table(void **state) {
    (void)state;
    rig_populate();
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++) {
        if ((*k)->is_virtual || *k == &kind_rule)
            continue;
        struct asked *a = ask_with_accept(&platform, (*k)->plural, TABLE);
        const json_t *columns = at(a->json, "columnDefinitions"), *row;
        size_t i;
        assert_true(json_array_size(at(a->json, "rows")) > 0);
        json_array_foreach(at(a->json, "rows"), i, row) {
            assert_int_equal(json_array_size(at(row, "cells")), json_array_size(columns));
            for (size_t c = 0; c < json_array_size(columns); c++) {
                const json_t *cell = json_array_get(at(row, "cells"), c);
                struct str type = json_get_str(json_array_get(columns, c), "type");
                if (str_eq(type, STR("integer"))   ? !json_is_integer(cell)
                    : str_eq(type, STR("boolean")) ? !json_is_boolean(cell)
                                                   : !json_is_string(cell))
                    fail_msg("%s: column %zu is no %.*s", (*k)->plural, c, STR_FMT(type));
            }
        }
    }
}

static void rows_come_with_as_much_of_the_object_as_asked_for(void **state) {
    (void)state;
    some();
    struct asked *plain = ask_with_accept(&platform, "policies", TABLE),
                 *whole = ask_with_accept(&platform, "policies?includeObject=Object", TABLE),
                 *none = ask_with_accept(&platform, "policies?includeObject=None", TABLE);
    assert_json(at(plain->json, "rows.0.object.kind"), "'PartialObjectMetadata'", "kind");
    assert_json(at(plain->json, "rows.0.object.apiVersion"), "'meta.k8s.io/v1'", "apiVersion");
    assert_json(at(plain->json, "rows.0.object.metadata.labels"), "{'a':'b'}", "labels");
    assert_null(at(plain->json, "rows.0.object.spec"));
    assert_true(json_equal(at(whole->json, "rows.0.object"), rig_read(&kind_policy, "pol-1")));
    assert_non_null(at(none->json, "rows.0.cells"));
    assert_null(at(none->json, "rows.0.object"));
}

static void a_list_of_metadata_alone(void **state) {
    static const char *const accepts[] = { PARTIAL, PARTIAL_LIST };
    (void)state;
    some();
    for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
        struct asked *a = ask_with_accept(&platform, "policies", accepts[i]);
        assert_json(at(a->json, "kind"), "'PartialObjectMetadataList'", "kind");
        assert_json(at(a->json, "apiVersion"), "'meta.k8s.io/v1'", "apiVersion");
        assert_json(at(a->json, "items.0.kind"), "'PartialObjectMetadata'", "an item's kind");
        assert_int_equal(json_object_size(at(a->json, "items.0")), 3);
        assert_true(
            json_equal(at(a->json, "items.0.metadata"), object_metadata(rig_read(&kind_policy, "pol-1"))));
    }
}

/* ---- cells ---- */

static const json_t *row_of(const struct kind *k, const char *ticks) {
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf out = STRBUF(1 << 20);
    json_t *row = NULL;
    const struct printer p = printer_for(k, FORM_TABLE, INCLUDE_NONE);
    assert_ok(printer_object(&p, str_of(rig_quoted(ticks)), NULL, 7, &out, &err));
    assert_ok(json_parse_in(rig.arena, strbuf_str(&out), &row, &err));
    return at(row, "cells");
}

static void cells_count_and_look_up_conditions(void **state) {
    static const struct column columns[] = {
        { "Users", "integer", "status.users#", false, "" },
        { "Data", "integer", "data#", false, "" },
        { "Ready", "string", "status.conditions[Ready]", false, "" },
        { "Public", "boolean", "spec.public", false, "" },
        { "Text", "string", "spec.text", false, "" },
        { "Number", "integer", "spec.number", true, "" },
        { .name = NULL },
    };
    const struct kind k = { .kind = "Thing", .plural = "things", .columns = columns };
    (void)state;
    assert_json(
        row_of(&k, "{'metadata':{'name':'x','creationTimestamp':'" RIG_NOW "'},'data':{'a':'','b':''},"
                   "'status':{'users':[1,2,3],'conditions':[{'type':'Other','status':'False'},"
                   "{'type':'Ready','status':'True'}]},'spec':{'public':true,'text':'t\\u0022','number':5}}"),
        "['x',3,2,'True',true,'t\\u0022',5,'" RIG_NOW "']", "all there");
    assert_json(row_of(&k, "{'metadata':{'name':'x'}}"), "['x',0,0,'',false,'','','0001-01-01T00:00:00Z']",
                "none there");
    assert_json(row_of(&k, "{'metadata':{'name':'x'},'data':null,'status':{'users':null,'conditions':'?'},"
                           "'spec':{'public':null,'text':null,'number':null}}"),
                "['x',0,0,'',false,'','','0001-01-01T00:00:00Z']", "all null");
}

/* ---- one object ---- */

static void one_object_in_every_form(void **state) {
    static const struct {
        enum kube_form form;
        const char *kind;
    } cases[] = { { FORM_OBJECT, "'Policy'" },
                  { FORM_TABLE, "'Table'" },
                  { FORM_PARTIAL, "'PartialObjectMetadata'" } };
    struct err err = { 0 };
    (void)state;
    some();
    json_t *object = rig_get(&kind_policy, "pol-1");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(1 << 20);
        json_t *shown = NULL;
        const struct printer p = printer_for(&kind_policy, cases[i].form, INCLUDE_METADATA);
        char *body = json_dumps(object, JSON_COMPACT);
        assert_ok(printer_single(&p, str_of(body), 41, &out, &err));
        free(body);
        assert_ok(json_parse_in(rig.arena, strbuf_str(&out), &shown, &err));
        assert_json(at(shown, "kind"), cases[i].kind, "kind");
        assert_json(at(shown, "metadata.resourceVersion"), "'41'", "version");
        struct asked *a = ask_to_read("GET", "policies/pol-1");
        a->kr.form = cases[i].form;
        assert_ok(print_answer(&a->kr, 201, object, 41, &err));
        json_t *answered = NULL;
        assert_ok(json_parse_in(rig.arena, call_body(a->call), &answered, &err));
        assert_true(json_equal(answered, shown));
        assert_int_equal(call_status(a->call), 201);
    }
}

static void what_is_stored_is_passed_on_unparsed_where_it_can_be(void **state) {
    struct err err = { 0 };
    (void)state;
    const struct printer as_object = printer_for(&kind_policy, FORM_OBJECT, INCLUDE_METADATA),
                         as_table = printer_for(&kind_policy, FORM_TABLE, INCLUDE_METADATA),
                         key = printer_for(&kind_api_key, FORM_OBJECT, INCLUDE_METADATA);
    assert_false(printer_parses(&as_object));
    assert_true(printer_parses(&as_table));
    assert_true(printer_parses(&key));
    AUTO(strbuf_done) struct strbuf out = STRBUF(1 << 20);
    assert_ok(
        printer_object(&as_object, STR("{\"metadata\":{\"name\":\"x\"},\"broken"), NULL, 7, &out, &err));
    assert_int_not_equal(
        printer_object(&as_table, STR("{\"metadata\":{\"name\":\"x\"},\"broken"), NULL, 7, &out, &err),
        ERR_OK);
}

/* ---- API keys: what the time makes of them ---- */

static void an_api_key_whose_time_is_over_is_shown_as_such(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_user("acme", "alice");
    (void)rig_import(
        &kind_api_key,
        "{'metadata':{'name':'apk-1'},'spec':{'apiKey':'aaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbb.c',"
        "'tenantID':'acme','username':'alice','userID':'usr-alice','description':'d',"
        "'issue_at':'2023-11-14T22:13:20Z','expire_at':'2023-11-14T22:14:20Z'}}");
    const struct asked *before = ask(&acme, "apikeys");
    assert_json(at(before->json, "items.0.status"), "{'disabled':false,'expired':false}", "in time");
    clock_advance(&rig.clock, 59999);
    assert_json(at(ask(&acme, "apikeys")->json, "items.0.status.expired"), "false", "in the last second");
    clock_advance(&rig.clock, 1);
    struct asked *after = ask(&acme, "apikeys");
    assert_json(at(after->json, "items.0.status"), "{'disabled':false,'expired':true}", "over");
    assert_false(str_contains(after->body, STR("bbbbbbbbbbbbbbbbbbbb"))); /* the key itself never is shown */
    assert_json(at(ask_with_accept(&acme, "apikeys?includeObject=Object", TABLE)->json,
                   "rows.0.object.status.expired"),
                "true", "in a table");
}

/* ---- Status ---- */

static void refusals_are_statuses(void **state) {
    (void)state;
    struct asked *a = ask_to_read("GET", "policies/pol-1");
    a->kr.refusal.retry_after_s = 3;
    (void)refuse(&a->kr.refusal, 409, "Conflict", "try \"again\"");
    answer_refusal(&a->kr, ERR_CONFLICT, &a->err);
    json_t *shown = NULL;
    rig_ok(json_parse_in(rig.arena, call_body(a->call), &shown, &rig.err));
    assert_json(shown,
                "{'kind':'Status','apiVersion':'v1','metadata':{},'status':'Failure','message':'try "
                "\\u0022again\\u0022',"
                "'reason':'Conflict','details':{'name':'pol-1','group':'auth.tkestack.io','kind':'policies',"
                "'retryAfterSeconds':3},'code':409}",
                "a conflict");
    assert_string_equal(call_answered(a->call, "Retry-After"), "3");
    assert_int_equal(call_status(a->call), 409);
}

static void failures_nobody_put_into_words_tell_no_details(void **state) {
    static const struct {
        enum err_code rc;
        unsigned status;
        const char *reason;
    } cases[] = {
        { ERR_UNAUTHENTICATED, 401, "Unauthorized" },
        { ERR_FORBIDDEN, 403, "Forbidden" },
        { ERR_NOT_FOUND, 404, "NotFound" },
        { ERR_EXISTS, 409, "Conflict" },
        { ERR_CONFLICT, 409, "Conflict" },
        { ERR_EXPIRED, 410, "Expired" },
        { ERR_LIMIT, 413, "RequestEntityTooLarge" },
        { ERR_INVALID, 400, "BadRequest" },
        { ERR_UNAVAILABLE, 503, "ServiceUnavailable" },
        { ERR_TIMEOUT, 503, "ServiceUnavailable" },
        { ERR_NOMEM, 500, "InternalError" },
        { ERR_INTERNAL, 500, "InternalError" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct asked *a = ask_to_read("GET", "policies/pol-1");
        struct err err = { 0 };
        answer_refusal(&a->kr, err_set(&err, cases[i].rc, "the table objects at /var/lib is hurt"), &err);
        json_t *shown = NULL;
        rig_ok(json_parse_in(rig.arena, call_body(a->call), &shown, &rig.err));
        assert_int_equal(call_status(a->call), cases[i].status);
        assert_int_equal(json_get_i64(shown, "code", 0), cases[i].status);
        assert_str(json_get_str(shown, "reason"), cases[i].reason);
        assert_false(str_contains(call_body(a->call), STR("/var/lib")));
        assert_int_equal(call_answered(a->call, "WWW-Authenticate") != NULL, cases[i].status == 401);
    }
}

static void what_never_reached_a_handler_is_a_status_too(void **state) {
    static const struct {
        unsigned status;
        const char *body;
    } cases[] = {
#define BODY(reason, message, code)                                                                          \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"         \
    "\"" message "\",\"reason\":\"" reason "\",\"code\":" code "}"
        { 404, BODY("NotFound", "the server could not find the requested resource", "404") },
        { 405, BODY("MethodNotAllowed", "the server does not allow this method on the requested resource",
                    "405") },
        { 413, BODY("RequestEntityTooLarge", "the request body is too large", "413") },
        { 503, BODY("ServiceUnavailable", "the service is not available for the moment; try again", "503") },
        { 418, BODY("InternalError",
                    "an internal error occurred; the server's log has it under the request's id", "418") },
#undef BODY
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct asked *a = ask_to_read("GET", "policies");
        kube_render_error(NULL, a->kr.req, ERR_INTERNAL, cases[i].status, a->kr.res);
        assert_str(call_body(a->call), cases[i].body);
        assert_int_equal(call_status(a->call), cases[i].status);
        assert_null(call_answered(a->call, "Cache-Control"));
    }
}

static void warnings_are_headers_that_nothing_can_split(void **state) {
    (void)state;
    struct asked *a = ask_to_read("GET", "policies");
    warn(&a->kr.refusal, "unknown field \"spec.\\x\"\r\nSet-Cookie: a=b");
    answer_warnings(&a->kr);
    assert_string_equal(call_answered(a->call, "Warning"),
                        "299 - \"unknown field \\\"spec.\\\\x\\\"  Set-Cookie: a=b\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        AT_MEMORY(a_list_of_objects),
        AT_MEMORY(a_list_as_a_table),
        AT_MEMORY(every_kind_fits_into_a_table),
        AT_MEMORY(rows_come_with_as_much_of_the_object_as_asked_for),
        AT_MEMORY(a_list_of_metadata_alone),
        AT_MEMORY(cells_count_and_look_up_conditions),
        AT_MEMORY(one_object_in_every_form),
        AT_MEMORY(what_is_stored_is_passed_on_unparsed_where_it_can_be),
        AT_MEMORY(an_api_key_whose_time_is_over_is_shown_as_such),
        AT_MEMORY(refusals_are_statuses),
        AT_MEMORY(failures_nobody_put_into_words_tell_no_details),
        AT_MEMORY(what_never_reached_a_handler_is_a_status_too),
        AT_MEMORY(warnings_are_headers_that_nothing_can_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
