#include "unit/test.h"

#include "tkeauth/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct inner {
    const char *base_dn;
    int64_t n;
};
struct item {
    const char *id;
    struct cfg_strings uris;
};
struct outer {
    const char *text, *name;
    struct secret bind_pw, hash, init_client_secret;
    bool on;
    int64_t port, ttl_s;
    struct cfg_strings words;
    int color;
    struct inner inner, optional;
    struct cfg_list items;
    const struct cfg_node *node;
};
#define AT(member) .offset = offsetof(struct outer, member)
static const char *const colors[] = { "red", "green", NULL };
static const char *const hash_keys[] = { "hashFile", "hashFromEnv" };
static const struct cfg_field inner_fields[] = {
    { .key = "baseDN", .type = CFG_STRING, .offset = offsetof(struct inner, base_dn), .flags = CFG_REQUIRED },
    { .key = "n", .type = CFG_INT, .offset = offsetof(struct inner, n), .fallback = "7" },
    { .type = CFG_END },
};
static const struct cfg_field item_fields[] = {
    { .key = "id", .type = CFG_STRING, .offset = offsetof(struct item, id), .flags = CFG_REQUIRED },
    { .key = "redirectURIs", .type = CFG_STRINGS, .offset = offsetof(struct item, uris) },
    { .type = CFG_END },
};
static const struct cfg_field fields[] = {
    { .key = "text", .type = CFG_STRING, AT(text), .fallback = "default" },
    { .key = "name", .type = CFG_STRING, AT(name) },
    { .key = "bindPW", .type = CFG_SECRET, AT(bind_pw) },
    { .key = "hash", .type = CFG_SECRET, AT(hash), .choices = hash_keys },
    { .key = "init_client_secret", .type = CFG_SECRET, AT(init_client_secret) },
    { .key = "on", .type = CFG_BOOL, AT(on) },
    { .key = "port", .type = CFG_INT, AT(port), .min = 0, .max = 65535, .fallback = "9451" },
    { .key = "ttl", .type = CFG_DURATION_S, AT(ttl_s), .min = 1, .max = 3600, .fallback = "15m" },
    { .key = "words", .type = CFG_STRINGS, AT(words) },
    { .key = "color", .type = CFG_ENUM, AT(color), .choices = colors },
    { .key = "inner", .type = CFG_TABLE, AT(inner), .fields = inner_fields },
    { .key = "optional", .type = CFG_TABLE, AT(optional), .fields = inner_fields },
    { .key = "items", .type = CFG_LIST, AT(items), .fields = item_fields, .elem_size = sizeof(struct item) },
    { .key = "config", .type = CFG_NODE, AT(node) },
    { .key = "etcd", .type = CFG_IGNORED, .help = "data is kept in SQLite" },
    { .type = CFG_END },
};

struct fixture {
    struct arena *arena;
    struct cfg_problems problems;
    struct outer out;
    struct strbuf report;
};

static int setup(void **state) {
    static struct fixture f;
    struct err err = { 0 };
    f = (struct fixture) { .arena = arena_new(1 << 20), .report = STRBUF(1 << 20) };
    *state = &f;
    return f.arena && cfg_problems_init(&f.problems, &err) == ERR_OK ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    arena_free(f->arena);
    cfg_problems_done(&f->problems);
    strbuf_done(&f->report);
    return 0;
}

static enum err_code decode(struct fixture *f, const char *text) {
    struct err err = { 0 };
    const struct cfg_node *root = NULL;
    enum err_code rc = cfg_parse(f->arena, str_of(text), "t.yaml", &root, &f->problems, &err);
    if (rc == ERR_OK)
        rc = cfg_decode(f->arena, root, fields, &f->out, sizeof f->out, &f->problems, &err);
    strbuf_clear(&f->report);
    cfg_problems_print(&f->problems, &f->report);
    return rc;
}

static void assert_reported(struct fixture *f, const char *want) {
    if (!str_contains(strbuf_str(&f->report), str_of(want)))
        fail_msg("wanted \"%s\" in:\n%s", want, strbuf_c(&f->report));
}

static void every_type_is_read(void **state) {
    struct fixture *f = *state;
    assert_int_equal(decode(f, "text: 0x10\nname: \"null\"\nbindPW: s3cret$\non: yes\nport: 443\nttl: 1h\n"
                               "words: [a, \"b c\"]\ncolor: green\ninner: {baseDN: 'dc=x', n: -3}\n"
                               "items:\n  - id: one\n    redirectURIs: https://x/\n  - {id: two}\n"
                               "config: {whatever: [1, 2]}\n"),
                     ERR_OK);
    struct outer *o = &f->out;
    assert_string_equal(o->text, "0x10");
    assert_string_equal(o->name, "null");
    assert_str(secret_expose(&o->bind_pw), "s3cret$");
    assert_true(o->on);
    assert_int_equal(o->port, 443);
    assert_int_equal(o->ttl_s, 3600);
    assert_int_equal(o->words.len, 2);
    assert_string_equal(o->words.items[1], "b c");
    assert_int_equal(o->color, 1);
    assert_string_equal(o->inner.base_dn, "dc=x");
    assert_int_equal(o->inner.n, -3);
    const struct item *items = o->items.items;
    assert_int_equal(o->items.len, 2);
    assert_string_equal(items[0].uris.items[0], "https://x/");
    assert_string_equal(items[1].id, "two");
    assert_non_null(cfg_node_find(o->node, "whatever"));
}

static void what_is_absent_null_or_empty_takes_its_fallback(void **state) {
    struct fixture *f = *state;
    assert_int_equal(decode(f, "text: \"\"\nport:\nttl: ~\nbindPW: ''\nwords: ''\nitems:\ncolor: ''\n"),
                     ERR_OK);
    assert_string_equal(f->out.text, "default");
    assert_null(f->out.name);
    assert_int_equal(f->out.port, 9451);
    assert_int_equal(f->out.ttl_s, 900);
    assert_null(f->out.bind_pw.ptr);
    assert_int_equal(f->out.words.len, 0);
    assert_int_equal(f->out.color, -1);
    assert_null(f->out.inner.base_dn); /* not asked for: its table is absent */
    assert_int_equal(f->out.inner.n, 7);
}

static void all_problems_are_told_at_once_with_line_and_path(void **state) {
    struct fixture *f = *state;
    assert_int_equal(decode(f, "on: \"true\"\n"
                               "port: 70000\n"
                               "ttl: 2 days\n"
                               "color: blue\n"
                               "inner: {n: x}\n"
                               "items:\n"
                               "  - redirectURI: https://x/\n"
                               "  - 5\n"
                               "words: {a: b}\n"
                               "text: [a]\n"
                               "colour: red\n"
                               "zzz: 1\n"),
                     ERR_INVALID);
    assert_reported(f, "t.yaml:1: on: write true or false, without quotes\n");
    assert_reported(f, "t.yaml:2: port: 70000 is not within 0 and 65535\n");
    assert_reported(f, "t.yaml:3: ttl: not a duration (write it like 90s, 15m or 24h)\n");
    assert_reported(f, "t.yaml:4: color: write one of: red, green\n");
    assert_reported(f, "t.yaml:5: inner.n: not a number\n");
    assert_reported(f, "t.yaml:5: inner.baseDN: is missing\n");
    assert_reported(f, "t.yaml:7: items[0].redirectURI: unknown key; did you mean \"redirectURIs\"?\n");
    assert_reported(f, "t.yaml:7: items[0].id: is missing\n");
    assert_reported(f, "t.yaml:8: items[1]: a mapping belongs here");
    assert_reported(f, "t.yaml:9: words: a list of values belongs here");
    assert_reported(f, "t.yaml:10: text: a single value belongs here, not a list\n");
    assert_reported(f, "t.yaml:11: colour: unknown key; did you mean \"color\"?\n");
    assert_reported(f, "t.yaml:12: zzz: unknown key; known here: text, name,");
}

static void the_nearest_key_is_found_through_case_and_spelling(void **state) {
    static const struct {
        const char *key, *want;
    } cases[] = {
        { "BINDPW", "bindPW" },
        { "bindPw_file", "bindPWFile" },
        { "prot", "port" },
        { "init_client_secret_fil", "init_client_secret_file" },
        { "inn", "inner" },
        { "hashFrmEnv", "hashFromEnv" },
        { "init-client-secret", "init_client_secret" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128], want[256];
        (void)snprintf(text, sizeof text, "%s: 1\n", cases[i].key);
        (void)snprintf(want, sizeof want, "%s: unknown key; did you mean \"%s\"?", cases[i].key,
                       cases[i].want);
        assert_int_equal(decode(f, text), ERR_INVALID);
        assert_reported(f, want);
    }
}

static void a_secret_comes_from_its_key_a_file_or_the_environment(void **state) {
    struct fixture *f = *state;
    char path[] = "/tmp/tke-auth-secret-XXXXXX", text[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "from file\n\n", 11), 11);
    assert_int_equal(close(fd), 0);
    assert_int_equal(setenv("TKE_AUTH_TEST_SECRET", "from env", 1), 0);
    (void)snprintf(text, sizeof text,
                   "bindPWFile: %s\nhashFromEnv: TKE_AUTH_TEST_SECRET\n"
                   "init_client_secret_env: TKE_AUTH_TEST_SECRET\n",
                   path);
    assert_int_equal(decode(f, text), ERR_OK);
    assert_str(secret_expose(&f->out.bind_pw), "from file\n"); /* one newline is cut, not two */
    assert_str(secret_expose(&f->out.hash), "from env");
    assert_str(secret_expose(&f->out.init_client_secret), "from env");
    assert_int_equal(unlink(path), 0);

    assert_int_equal(decode(f, text), ERR_INVALID);
    assert_reported(f, "t.yaml:1: bindPWFile: /tmp/tke-auth-secret-");
    assert_int_equal(decode(f, "bindPW: a\nbindPWEnv: B\n"), ERR_INVALID);
    assert_reported(f, "t.yaml:2: bindPWEnv: give only one of bindPW, bindPWFile and bindPWEnv");
    assert_int_equal(decode(f, "hashFromEnv: TKE_AUTH_NO_SUCH_VARIABLE\n"), ERR_INVALID);
    assert_reported(f, "hashFromEnv: the environment has no variable of that name");
    assert_int_equal(unsetenv("TKE_AUTH_TEST_SECRET"), 0);
}

static void no_problem_text_shows_a_value(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        decode(f, "bindPW: [hunter2]\nport: hunter2\non: hunter2\nttl: hunter2\ncolor: hunter2\n"),
        ERR_INVALID);
    assert_int_equal(f->problems.len, 5);
    assert_false(str_contains(strbuf_str(&f->report), STR("hunter2")));
}

static void an_ignored_key_is_a_warning(void **state) {
    struct fixture *f = *state;
    assert_int_equal(decode(f, "text: a\netcd: {servers: [x]}\n"), ERR_OK);
    assert_int_equal(f->problems.warnings, 1);
    assert_reported(f, "t.yaml:2: warning: etcd: has no effect: data is kept in SQLite\n");
}

static void an_absent_node_still_misses_what_is_required(void **state) {
    struct fixture *f = *state;
    struct err err = { 0 };
    struct inner inner;
    assert_int_equal(cfg_decode(f->arena, NULL, inner_fields, &inner, sizeof inner, &f->problems, &err),
                     ERR_INVALID);
    assert_int_equal(f->problems.len, 1);
    assert_string_equal(f->problems.items[0].path, "baseDN");
}

static void a_small_arena_is_an_error_not_a_crash(void **state) {
    struct fixture *f = *state;
    for (size_t max = 0; max < 6000; max += 50) {
        struct err err = { 0 };
        const struct cfg_node *root = NULL;
        struct arena *small = arena_new(max);
        assert_non_null(small);
        enum err_code rc = cfg_parse(small,
                                     STR("bindPW: a\nwords: [a, b]\nitems: [{id: x}]\ninner: {baseDN: q}\n"),
                                     "t.yaml", &root, &f->problems, &err);
        if (rc == ERR_OK)
            rc = cfg_decode(small, root, fields, &f->out, sizeof f->out, &f->problems, &err);
        assert_true(rc == ERR_OK || rc == ERR_NOMEM || rc == ERR_INVALID);
        if (max == 5950)
            assert_int_equal(rc, ERR_OK);
        arena_free(small);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_absent_null_or_empty_takes_its_fallback, setup, teardown),
        cmocka_unit_test_setup_teardown(all_problems_are_told_at_once_with_line_and_path, setup, teardown),
        cmocka_unit_test_setup_teardown(the_nearest_key_is_found_through_case_and_spelling, setup, teardown),
        cmocka_unit_test_setup_teardown(a_secret_comes_from_its_key_a_file_or_the_environment, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_problem_text_shows_a_value, setup, teardown),
        cmocka_unit_test_setup_teardown(an_ignored_key_is_a_warning, setup, teardown),
        cmocka_unit_test_setup_teardown(an_absent_node_still_misses_what_is_required, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_arena_is_an_error_not_a_crash, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
