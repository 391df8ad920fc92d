#include "caller.h"

static enum err_code ask(struct caller *c, const char *const *headers, bool *wanted) {
    c->who = (struct principal) { 0 };
    return authn_impersonation(caller_request(c, headers), wanted, &c->who, &c->err);
}

static void without_headers_nobody_is_impersonated(void **state) {
    struct caller *c = *state;
    bool wanted = true;
    assert_int_equal(ask(c,
                         HEADERS("Host: x", "X-Impersonate-User: root", "Impersonate: root",
                                 "X-Remote-User: root", "Impersonate-Users: root"),
                         &wanted),
                     ERR_OK);
    assert_false(wanted);
}

static void what_was_asked_for_is_read_and_nothing_else(void **state) {
    struct caller *c = *state;
    const struct {
        const char *const *headers;
        const char *want;
    } cases[] = {
        { HEADERS("Impersonate-User: jane"), "jane||system:authenticated||" },
        { HEADERS("impersonate-USER:  jane@example.com "), "jane@example.com||system:authenticated||" },
        { HEADERS("Impersonate-User: jane", "Impersonate-Uid: 7-8", "Impersonate-Group: dev",
                  "IMPERSONATE-GROUP: ops"),
          "jane|7-8|dev,ops,system:authenticated||" },
        /* Whether they may is for the caller to decide; "authenticated" is there once. */
        { HEADERS("Impersonate-User: jane", "Impersonate-Group: system:authenticated",
                  "Impersonate-Group: system:masters"),
          "jane||system:masters,system:authenticated||" },
        { HEADERS("Impersonate-User: jane", "Impersonate-Extra-Tenantid: acme",
                  "Impersonate-Extra-scopes: view", "impersonate-extra-SCOPES: development",
                  "Impersonate-Extra-%54enantid: other"),
          "jane||system:authenticated|tenantid=acme,other;scopes=view,development|acme" },
        { HEADERS("Impersonate-User: jane", "Impersonate-Extra-acme.com%2Fproject: some-project",
                  "Impersonate-Extra-empty:"),
          "jane||system:authenticated|acme.com/project=some-project;empty=|" },
        { HEADERS("Impersonate-User: jane", "X-Remote-Group: x", "X-Remote-Extra-Tenantid: x",
                  "Authorization: Bearer x"),
          "jane||system:authenticated||" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool wanted = false;
        assert_int_equal(ask(c, cases[i].headers, &wanted), ERR_OK);
        assert_true(wanted);
        assert_who(c, cases[i].want);
    }
}

/* A request that wanted to be somebody else must never go on as its sender. */
static void half_an_impersonation_is_refused(void **state) {
    struct caller *c = *state;
    const char *const *const cases[] = {
        HEADERS("Impersonate-Group: system:masters"),
        HEADERS("Impersonate-Uid: 7"),
        HEADERS("Impersonate-Extra-Tenantid: acme"),
        HEADERS("Impersonate-User:"),
        HEADERS("Impersonate-User:  "),
        HEADERS("Impersonate-User: jane", "Impersonate-User: root"),
        HEADERS("Impersonate-User: jane", "Impersonate-User: jane"),
        HEADERS("Impersonate-User: jane", "Impersonate-Uid: 1", "Impersonate-Uid: 2"),
        HEADERS("Impersonate-User: jane", "Impersonate-Uid:"),
        HEADERS("Impersonate-User: jane", "Impersonate-Group:"),
        HEADERS("Impersonate-User: jane", "Impersonate-Extra-: x"),
        HEADERS("Impersonate-User: jane", "Impersonate-Extra-%: x"),
        HEADERS("Impersonate-User: jane", "Impersonate-Extra-%zz: x"),
        HEADERS("Impersonate-User: jane", "Impersonate-Extra-a%00b: x"),
        HEADERS("Impersonate-User: jane", "Impersonate-Extra-a%ff: x"),
        HEADERS("Impersonate-User: jane", "Impersonate-Extra-a: \xff"),
        HEADERS("Impersonate-User: ja\x01ne"),
        HEADERS("Impersonate-User: ja\xffne"),
        HEADERS("Impersonate-User: jane", "Impersonate-Group: \xc0\x80"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool wanted = true;
        if (ask(c, cases[i], &wanted) != ERR_INVALID)
            fail_msg("case %zu was taken", i);
    }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, caller_setup, caller_teardown)
    const struct CMUnitTest tests[] = {
        TEST(without_headers_nobody_is_impersonated),
        TEST(what_was_asked_for_is_read_and_nothing_else),
        TEST(half_an_impersonation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
