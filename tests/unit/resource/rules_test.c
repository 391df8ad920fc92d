/* Rules as objects: their names, who owns them, and putting right what is not as it should be. */
#include "unit/resource/rig.h"

#include "resource/rule.h"

static struct rule_list *list_of(const char *const *lines) {
    struct rule_list *l = rule_list_new(rig.arena);
    assert_non_null(l);
    for (size_t i = 0; lines[i] != NULL; i++) {
        struct rule_view v = { .len = 0 };
        struct str rest = str_of(lines[i]), part;
        (void)str_cut(rest, '|', &v.ptype, &rest);
        for (;;) {
            bool more = str_cut(rest, '|', &part, &rest);
            v.fields[v.len++] = part;
            if (!more)
                break;
        }
        rule_list_add(l, &v);
    }
    return l;
}

static size_t set(struct str owner, const char *const *lines) {
    size_t changed = 99;
    rig_ok(rules_set(rig.store, owner, list_of(lines), &changed, &rig.err));
    return changed;
}

static size_t rebuild(void) {
    size_t changed = 99;
    rig_ok(rules_rebuild(&rig.env, &changed, &rig.err));
    return changed;
}

/* ---- one rule ---- */

static void a_rule_is_read_as_it_was_written(void **state) {
    (void)state;
    static const char *const lines[] = { "p|a|*|b|c|allow",  "g|x|y|*",
                                         "p2|only",          "g|\"q\"|\\|\n\t",
                                         "p|\xc3\xa9|,|, |", "g||empty|*",
                                         "p|1|2|3|4|5|6|7",  NULL };
    (void)set(rule_owner_file(), lines);
    rig_assert_rules("g, \"q\", \\, \n\t\ng, , empty, *\ng, x, y, *\np, 1, 2, 3, 4, 5, 6, 7\n"
                     "p, a, *, b, c, allow\np, \xc3\xa9, ,, , , \np2, only\n");
}

static void what_is_no_rule_is_refused(void **state) {
    (void)state;
    static const char *const bodies[] = { "",
                                          "{",
                                          "[]",
                                          "{}",
                                          "{'spec':{}}",
                                          "{'spec':{'ptype':'p'}}",
                                          "{'spec':{'v0':'a'}}",
                                          "{'spec':{'ptype':'','v0':'a'}}",
                                          "{'spec':{'ptype':'p','v1':'a'}}" };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct rule_view v;
        if (rule_read(rig.arena, str_of(rig_quoted(bodies[i])), &v, &rig.err) != ERR_INVALID)
            fail_msg("taken: %s", bodies[i]);
    }
    struct rule_view v;
    rig_ok(rule_read(rig.arena,
                     str_of(rig_quoted("{'spec':{'ptype':'p','v0':'a','v1':null,'v2':7,'v3':'b',"
                                       "'v9':'x'}}")),
                     &v, &rig.err));
    assert_int_equal(v.len, 4);
    assert_int_equal(v.fields[1].len + v.fields[2].len, 0);
}

static void rules_that_differ_have_different_names(void **state) {
    (void)state;
    static const char *const lines[] = { "p|a|b", "p|ab|", "p|a|b|", "p|ab", "pa|b", "g|a|b", "p||ab", NULL };
    (void)set(rule_owner_file(), lines);
    assert_int_equal(rig_count(&kind_rule, STR_NULL), 7);
}

static void a_list_has_every_rule_once_and_in_order(void **state) {
    (void)state;
    static const char *const lines[] = { "g|x|y|*", "g|a|b|*", "g|x|y|*", "g|a|b|*", "g|a|b|*", NULL };
    struct rule_list *l = list_of(lines);
    assert_int_equal(rule_list_len(l), 5);
    rig_ok(rule_list_finish(l, &rig.err));
    assert_int_equal(rule_list_len(l), 2);
    assert_true(str_cmp(l->items[0].name, l->items[1].name) < 0);
    rule_add_group(l, STR("m"), STR("r"), STR("")); /* no domain: everywhere */
    rule_add_policy(l, STR("r"), STR("o"), STR("a"), STR("deny"));
    rig_ok(rules_set(rig.store, rule_owner_file(), l, NULL, &rig.err));
    rig_assert_rules("g, a, b, *\ng, m, r, *\ng, x, y, *\np, r, *, o, a, deny\n");
}

static void memory_that_runs_out_makes_no_half_list(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *small = arena_new(2000);
    struct rule_list *l = rule_list_new(small);
    static const char *const some[] = { "g|x|y|*", NULL };
    (void)set(rule_owner_file(), some);
    for (int i = 0; i < 100; i++)
        rule_add_group(l, str_of(rig_text("member-%d", i)), STR("r"), STR("*"));
    assert_int_equal(rules_set(rig.store, rule_owner_file(), l, NULL, &rig.err), ERR_NOMEM);
    rig_assert_rules("g, x, y, *\n");
}

/* ---- owners ---- */

static void a_rule_lives_as_long_as_somebody_owns_it(void **state) {
    (void)state;
    static const char *const both[] = { "g|x|y|*", "g|a|b|*", NULL }, *const one[] = { "g|x|y|*", NULL },
                             *const none[] = { NULL };
    struct str dir = rule_owner_directory(rig.arena, STR("t"), 17);
    assert_int_equal(set(rule_owner_file(), both), 2);
    assert_int_equal(set(rule_owner_file(), both), 0);
    assert_int_equal(set(dir, one), 0);
    assert_int_equal(set(rule_owner_file(), none), 1);
    rig_assert_rules("g, x, y, *\n");
    int64_t before = rig_revision();
    assert_int_equal(set(dir, one), 0);
    assert_int_equal(rig_revision(), before);
    assert_int_equal(set(dir, none), 1);
    rig_assert_rules("");
}

static void what_an_object_and_a_file_want_survives_either(void **state) {
    (void)state;
    static const char *const same[] = { "p|pol-x|*|*|get*|allow", NULL }, *const none[] = { NULL };
    rig_policy("t", "pol-x", "");
    assert_int_equal(set(rule_owner_file(), same), 0);
    rig_remove(&kind_policy, "pol-x");
    rig_assert_rules("p, pol-x, *, *, get*, allow\n");
    assert_int_equal(set(rule_owner_file(), none), 1);
    rig_policy("t", "pol-y", "");
    (void)set(rule_owner_file(), same);
    (void)set(rule_owner_file(), none);
    rig_assert_rules("p, pol-y, *, *, get*, allow\n");
}

static void keys_are_those_of_tkestack(void **state) {
    (void)state;
    assert_str(key_of_user(rig.arena, STR("t"), STR("alice")), "t##user##alice");
    assert_str(key_of_group(rig.arena, STR("t"), STR("grp-x")), "t##group##grp-x");
    assert_str(key_of_user(rig.arena, STR(""), STR("admin")), "##user##admin");
}

/* ---- everything anew ---- */

static void nothing_is_to_be_put_right_in_a_healthy_store(void **state) {
    (void)state;
    static const char *const file[] = { "g|x|y|*", NULL };
    rig_populate();
    (void)set(rule_owner_file(), file);
    (void)set(rule_owner_directory(rig.arena, STR("acme"), RULE_DIRECTORY_PARTS - 1), file);
    rig_policy("acme", "pol-gone", "");
    rig_remove(&kind_policy, "pol-gone");
    const char *before = rig_dump();
    assert_int_equal(rebuild(), 0);
    assert_string_equal(rig_dump(), before);
}

static void what_is_wrong_is_put_right(void **state) {
    (void)state;
    static const char *const wrong[] = { "p|pol-1|*|*|everything|allow", NULL }, *const none[] = { NULL },
                             *const orphan[] = { "g|mallory|pol-1|*", NULL },
                             *const file[] = { "g|x|y|*", NULL };
    rig_populate();
    (void)set(rule_owner_file(), file);
    const char *before = rig_rules();
    (void)set(STR("policies/pol-1"), wrong);
    (void)set(STR("roles/rol-1"), none);
    (void)set(STR("policies/pol-long-gone"), orphan);
    (void)set(STR("custompolicybindings/ns/pol-long-gone"), orphan);
    assert_string_not_equal(rig_rules(), before);
    assert_true(rebuild() > 2);
    assert_string_equal(rig_rules(), before);
    assert_int_equal(rebuild(), 0);
}

static void more_objects_than_a_page_are_looked_at(void **state) {
    (void)state;
    static const char *const none[] = { NULL };
    enum { N = 450 };
    for (int i = 0; i < N; i++)
        rig_create(&kind_local_group,
                   rig_text("{'metadata':{'name':'grp-%d'},'spec':{'displayName':'G','tenantID':'t'},"
                            "'status':{'users':[{'id':'u','name':'n'}]}}",
                            i));
    for (int i = 0; i < N; i += 50)
        assert_int_equal(set(str_of(rig_text("localgroups/grp-%d", i)), none), 1);
    assert_int_equal(rig_count(&kind_rule, STR_NULL), N - 9);
    assert_int_equal(rebuild(), 9);
    assert_int_equal(rig_count(&kind_rule, STR_NULL), N);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_ALL(a_rule_is_read_as_it_was_written),
        ON_MEMORY(what_is_no_rule_is_refused),
        ON_MEMORY(rules_that_differ_have_different_names),
        ON_MEMORY(a_list_has_every_rule_once_and_in_order),
        ON_MEMORY(memory_that_runs_out_makes_no_half_list),
        ON_ALL(a_rule_lives_as_long_as_somebody_owns_it),
        ON_ALL(what_an_object_and_a_file_want_survives_either),
        ON_MEMORY(keys_are_those_of_tkestack),
        ON_ALL(nothing_is_to_be_put_right_in_a_healthy_store),
        ON_ALL(what_is_wrong_is_put_right),
        ON_ALL(more_objects_than_a_page_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
