#include "unit/test.h"

#include "http/router.h"

static enum err_code handle(void *app, const struct http_request *req, struct http_response *res,
                            struct err *err) {
    (void)app;
    (void)req;
    (void)res;
    return err_set(err, ERR_INTERNAL, "never called");
}

#define ROUTE(m, p, ...)                                                                                     \
    { .methods = (m), .path = (p), .handle = handle, __VA_ARGS__ }

static const struct route first[] = {
    ROUTE(HTTP_GET, "/", ),
    ROUTE(HTTP_GET, "/a/b", ),
    ROUTE(HTTP_POST, "/a/b", ),
    ROUTE(HTTP_GET, "/a/{x}", ),
    ROUTE(HTTP_PUT, "/a/{id}", ),
    ROUTE(HTTP_GET, "/a/{x}/c", .trailing_slash = true),
    { .path = NULL },
};
static const struct route second[] = {
    ROUTE(HTTP_GET, "/a/{*}", ),         ROUTE(HTTP_DELETE, "/a/b/{*}", ), ROUTE(HTTP_GET, "/s/", ),
    ROUTE(HTTP_GET, "/p/{one}/{two}", ), ROUTE(HTTP_OPTIONS, "/o", ),      { .path = NULL },
};
static const struct route *const tables[] = { first, second, NULL };

static void the_most_literal_route_with_the_method_wins(void **state) {
    (void)state;
    static const struct {
        enum http_method method;
        const char *path, *want, *first, *rest;
        unsigned allowed; /* when want is NULL */
    } cases[] = {
        { HTTP_GET, "/", "/", "", "", 0 },
        { HTTP_HEAD, "/", "/", "", "", 0 },
        { HTTP_GET, "/a/b", "/a/b", "", "", 0 },
        { HTTP_POST, "/a/b", "/a/b", "", "", 0 },
        { HTTP_PUT, "/a/b", "/a/{id}", "b", "", 0 },
        { HTTP_GET, "/a/z", "/a/{x}", "z", "", 0 },
        { HTTP_GET, "/a/z/c", "/a/{x}/c", "z", "", 0 },
        { HTTP_GET, "/a/z/c/", "/a/{x}/c", "z", "", 0 },
        { HTTP_GET, "/a/z/d", "/a/{*}", "", "z/d", 0 },
        { HTTP_GET, "/a/", "/a/{*}", "", "", 0 },
        { HTTP_GET, "/a/z/", "/a/{*}", "", "z/", 0 },
        { HTTP_DELETE, "/a/b/x/y", "/a/b/{*}", "", "x/y", 0 },
        { HTTP_GET, "/a/b/x", "/a/{*}", "", "b/x", 0 },
        { HTTP_GET, "/s/", "/s/", "", "", 0 },
        { HTTP_GET, "/p/1/2", "/p/{one}/{two}", "1", "", 0 },
        { HTTP_GET, "/s", NULL, "", "", 0 },
        { HTTP_GET, "/a", NULL, "", "", 0 },
        { HTTP_GET, "/b", NULL, "", "", 0 },
        { HTTP_GET, "/p/1/2/3", NULL, "", "", 0 },
        { HTTP_DELETE, "/a/b", NULL, "", "", HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_PUT },
        { HTTP_HEAD, "/o", NULL, "", "", HTTP_OPTIONS },
    };
    struct err err;
    AUTO_FREE(router_free) struct router *r = NULL;
    assert_ok(router_new(tables, &r, &err));
    assert_int_equal(router_len(r), 11);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct route_match match = { .entry = NULL };
        unsigned allowed = 0;
        bool found = router_find(r, str_of(cases[i].path), cases[i].method, &match, &allowed);
        if (found != (cases[i].want != NULL))
            fail_msg("%s: %s", cases[i].path, found ? match.entry->route->path : "not found");
        if (!found) {
            assert_int_equal(allowed, cases[i].allowed);
            continue;
        }
        assert_string_equal(match.entry->route->path, cases[i].want);
        assert_ptr_equal(router_entry(r, match.entry->index), match.entry);
        if (match.entry->name_count > 0)
            assert_str(match.values[0], cases[i].first);
        if (match.entry->is_rest)
            assert_str(match.rest, cases[i].rest);
    }
}

static void parameters_have_the_names_of_their_own_route(void **state) {
    (void)state;
    struct err err;
    AUTO_FREE(router_free) struct router *r = NULL;
    assert_ok(router_new(tables, &r, &err));
    struct route_match match;
    unsigned allowed;
    assert_true(router_find(r, STR("/a/1"), HTTP_PUT, &match, &allowed));
    assert_str(match.entry->names[0], "id");
    assert_true(router_find(r, STR("/p/1/2"), HTTP_GET, &match, &allowed));
    assert_str(match.entry->names[1], "two");
    assert_str(match.values[1], "2");
}

static void bad_patterns_and_double_routes_are_refused(void **state) {
    (void)state;
    static const struct route bad[][3] = {
        { ROUTE(HTTP_GET, "a", ), { .path = NULL } },
        { ROUTE(HTTP_GET, "/a//b", ), { .path = NULL } },
        { ROUTE(HTTP_GET, "/a{x}", ), { .path = NULL } },
        { ROUTE(HTTP_GET, "/{}", ), { .path = NULL } },
        { ROUTE(HTTP_GET, "/{*}/a", ), { .path = NULL } },
        { ROUTE(0, "/a", ), { .path = NULL } },
        { { .methods = HTTP_GET, .path = "/a" }, { .path = NULL } },
        { ROUTE(HTTP_GET, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", ), { .path = NULL } },
        { ROUTE(HTTP_GET | HTTP_POST, "/a/{x}", ), ROUTE(HTTP_POST, "/a/{y}", ), { .path = NULL } },
        { ROUTE(HTTP_GET, "/a/{*}", ), ROUTE(HTTP_GET, "/a/{*}", ), { .path = NULL } },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct route *const list[] = { bad[i], NULL };
        struct router *r = NULL;
        struct err err;
        if (router_new(list, &r, &err) != ERR_INVALID)
            fail_msg("%s was taken", bad[i][0].path);
    }
}

static void a_path_with_too_many_segments_is_not_found(void **state) {
    (void)state;
    struct err err;
    AUTO_FREE(router_free) struct router *r = NULL;
    assert_ok(router_new(tables, &r, &err));
    struct route_match match;
    unsigned allowed;
    AUTO(strbuf_done) struct strbuf path = STRBUF(1 << 20);
    strbuf_adds(&path, "/a");
    for (int i = 0; i < HTTP_SEGMENTS_MAX - 1; i++)
        strbuf_adds(&path, "/x");
    assert_true(router_find(r, strbuf_str(&path), HTTP_GET, &match, &allowed));
    strbuf_adds(&path, "/x");
    assert_false(router_find(r, strbuf_str(&path), HTTP_GET, &match, &allowed));
}

static void methods_are_read_and_written(void **state) {
    (void)state;
    assert_int_equal(http_method_parse(STR("PATCH")), HTTP_PATCH);
    assert_int_equal(http_method_parse(STR("get")), 0);
    assert_int_equal(http_method_parse(STR("")), 0);
    assert_string_equal(http_method_name(HTTP_DELETE), "DELETE");
    AUTO(strbuf_done) struct strbuf out = STRBUF(100);
    http_methods_format(HTTP_PUT | HTTP_GET, &out);
    assert_string_equal(strbuf_c(&out), "GET, PUT");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_literal_route_with_the_method_wins),
        cmocka_unit_test(parameters_have_the_names_of_their_own_route),
        cmocka_unit_test(bad_patterns_and_double_routes_are_refused),
        cmocka_unit_test(a_path_with_too_many_segments_is_not_found),
        cmocka_unit_test(methods_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
