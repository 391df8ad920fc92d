/* config/tke-auth.yaml is the documentation of the configuration: it must name every key, and no other. */
#include "unit/test.h"

#include "tkeauth/config.h"

#include <stdio.h>

static struct arena *arena;
static struct cfg_problems problems;
static struct strbuf report;

static int setup(void **state) {
    (void)state;
    struct err err = { 0 };
    arena = arena_new(16 * 1024 * 1024);
    report = STRBUF(1 << 20);
    return arena && cfg_problems_init(&problems, &err) == ERR_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    cfg_problems_done(&problems);
    strbuf_done(&report);
    return 0;
}

static const char file[] = "config/tke-auth.yaml";

static void fail_with_problems(const char *what) {
    cfg_problems_print(&problems, &report);
    fail_msg("%s:\n%s", what, strbuf_c(&report));
}

/* A '#' right before the text comments a key out; "# " begins prose. */
static void set_every_key(struct str text, struct strbuf *out) {
    bool list = false; /* in a list that is commented out as a whole: its keys are indented behind the '#' */
    while (text.len > 0) {
        struct str line, rest;
        (void)str_cut(text, '\n', &line, &rest);
        size_t hash = 0;
        while (hash < line.len && line.ptr[hash] == ' ')
            hash++;
        struct str behind = str_from(line, hash + 1);
        bool is_key = behind.len > 0 && behind.ptr[0] != ' ' && behind.ptr[0] != '#';
        bool is_comment = hash < line.len && line.ptr[hash] == '#';
        list = is_comment && hash == 0 && (list || (is_key && str_ends_with(line, STR(":"))));
        if (is_comment && (is_key || list)) {
            strbuf_add(out, str_sub(line, 0, hash));
            strbuf_add(out, behind);
        } else
            strbuf_add(out, line);
        strbuf_addc(out, '\n');
        text = rest;
    }
}

static bool has_effect(const struct cfg_field *f) {
    if (f->type != CFG_TABLE)
        return f->type != CFG_IGNORED;
    for (const struct cfg_field *inner = f->fields; inner->type != CFG_END; inner++)
        if (has_effect(inner))
            return true;
    return false;
}

/* `text` and not the tree: a list may have its keys in any of its entries. */
static void assert_named(const struct cfg_field *fields, struct str text) {
    for (const struct cfg_field *f = fields; f->type != CFG_END; f++) {
        char key[128];
        (void)snprintf(key, sizeof key, " %s:", f->key);
        if (has_effect(f) && !str_contains(text, str_of(key)))
            fail_msg("%s does not name the key %s", file, f->key);
        if (has_effect(f) && f->help == NULL && f->type != CFG_TABLE)
            fail_msg("the key %s has no help text", f->key);
        if (f->fields != NULL && has_effect(f))
            assert_named(f->fields, text);
    }
}

static void the_file_as_it_is_loads_and_gives_the_defaults(void **state) {
    (void)state;
    struct err err = { 0 };
    const struct config *c = NULL;
    struct strbuf shown = STRBUF(1 << 20), wanted = STRBUF(1 << 20);
    if (config_load(arena, file, &c, &problems, &err) != ERR_OK || problems.warnings > 0)
        fail_with_problems(err.detail);
    char empty[] = "/tmp/tke-auth-empty-XXXXXX";
    int fd = mkstemp(empty);
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "{}\n"), 3);
    const struct config *d = NULL;
    assert_ok(config_load(arena, empty, &d, &problems, &err));
    (void)remove(empty);
    cfg_print(config_fields, c, 0, &shown);
    cfg_print(config_fields, d, 0, &wanted);
    assert_string_equal(strbuf_c(&shown), strbuf_c(&wanted));
    strbuf_done(&shown);
    strbuf_done(&wanted);
}

static void with_every_key_set_it_is_still_valid_and_complete(void **state) {
    (void)state;
    struct err err = { 0 };
    struct strbuf text = STRBUF(1 << 20), all = STRBUF(1 << 20), flat = STRBUF(1 << 20);
    assert_ok(file_read(file, 1 << 20, &text, &err));
    set_every_key(strbuf_str(&text), &all);
    const struct cfg_node *root = NULL;
    struct config c;
    if (cfg_parse(arena, strbuf_str(&all), file, &root, &problems, &err) != ERR_OK ||
        cfg_decode(arena, root, config_fields, &c, sizeof c, &problems, &err) != ERR_OK ||
        problems.warnings > 0)
        fail_with_problems(err.detail);
    /* Keys at the start of a line, for assert_named. */
    for (size_t i = 0; i < all.len; i++) {
        strbuf_addc(&flat, all.ptr[i]);
        if (all.ptr[i] == '\n')
            strbuf_addc(&flat, ' ');
    }
    assert_named(config_fields, strbuf_str(&flat));
    strbuf_done(&text);
    strbuf_done(&all);
    strbuf_done(&flat);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_file_as_it_is_loads_and_gives_the_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(with_every_key_set_it_is_still_valid_and_complete, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
