#include "unit/test.h"

#include "http/path.h"

static void a_path_is_decoded_or_refused(void **state) {
    (void)state;
    static const struct {
        struct str raw;
        const char *want; /* NULL: refused */
    } cases[] = {
        { STR("/"), "/" },
        { STR("/a/b"), "/a/b" },
        { STR("/a/b/"), "/a/b/" },
        { STR("/a%20b"), "/a b" },
        { STR("/jos%c3%A9"), "/jos\xc3\xa9" },
        { STR("/%41"), "/A" },
        { STR("/a%25b"), "/a%b" },
        { STR("/..a/a.."), "/..a/a.." },
        { STR("/system:admin@x"), "/system:admin@x" },
        { STR(""), NULL },
        { STR("a"), NULL },
        { STR("*"), NULL },
        { STR("//"), NULL },
        { STR("/a//b"), NULL },
        { STR("/./a"), NULL },
        { STR("/a/.."), NULL },
        { STR("/a/%2e%2E/b"), NULL },
        { STR("/a/.%2e"), NULL },
        { STR("/a%2fb"), NULL },
        { STR("/a%5cb"), NULL },
        { STR("/a\\b"), NULL },
        { STR("/a%00"), NULL },
        { STR("/a\0b"), NULL },
        { STR("/a%0a"), NULL },
        { STR("/a%7f"), NULL },
        { STR("/a b"), NULL },
        { STR("/a#b"), NULL },
        { STR("/a\xc3\xa9"), NULL },
        { STR("/a%c3"), NULL },
        { STR("/a%"), NULL },
        { STR("/a%4"), NULL },
        { STR("/a%4g"), NULL },
        { STR("/a%-1"), NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(4096);
        struct err err;
        struct str path = STR_NULL;
        enum err_code rc = path_decode(a, cases[i].raw, &path, &err);
        if (cases[i].want == NULL) {
            if (rc != ERR_INVALID)
                fail_msg("%.*s was taken", STR_FMT(cases[i].raw));
            continue;
        }
        if (rc != ERR_OK)
            fail_msg("%.*s: %s", STR_FMT(cases[i].raw), err.detail);
        assert_str(path, cases[i].want);
    }
}

static void a_target_is_split_into_path_and_query(void **state) {
    (void)state;
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        { "/a?b=c", "/a", "b=c" },
        { "/a", "/a", "" },
        { "/a?", "/a", "" },
        { "/a?b?c", "/a", "b?c" },
        { "http://host:80/a?b", "/a", "b" },
        { "HTTPS://host", "/", "" },
        { "https://host?b", "/", "b" },
        { "*", "*", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str path, query;
        path_split_target(str_of(cases[i].target), &path, &query);
        assert_str(path, cases[i].path);
        assert_str(query, cases[i].query);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_decoded_or_refused),
        cmocka_unit_test(a_target_is_split_into_path_and_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
