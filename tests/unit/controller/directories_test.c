/* Groups of directories become rules (contract 5.2). */
#include "rig.h"

static struct rig_directory *acme;

static void acme_with_groups(void) {
    rig_tenant("acme", "ldap");
    acme = rig_directory("acme", false);
    acme->groups[0] = (struct rig_group) { "staff", "alice,bob" };
    acme->groups[1] = (struct rig_group) { "ops", "bob" };
    acme->groups[2] = (struct rig_group) { "empty", "" };
    acme->len = 3;
}

static void members_of_groups_become_rules(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    assert_true(rig_has_rule("g, acme##user##alice, acme##group##staff, *"));
    assert_true(rig_has_rule("g, acme##user##bob, acme##group##staff, *"));
    assert_true(rig_has_rule("g, acme##user##bob, acme##group##ops, *"));
    assert_int_equal(rig_rule_count(), 3);
    assert_int_equal(rig.held, 0);
}

static void changes_are_followed_after_the_interval_and_told_once(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    assert_int_equal(rig_log_count("\"directory_groups\""), 1);
    rig_run_for(3600 * 1000); /* five to seven readings */
    assert_in_range(acme->requests, 6, 8);
    assert_int_equal(rig_log_count("\"directory_groups\""), 1);
    int64_t before = rig_revision();
    acme->groups[0].members = "alice";
    acme->len = 2;
    rig_run_for(661 * 1000);
    assert_true(rig_revision() > before);
    assert_false(rig_has_rule("g, acme##user##bob, acme##group##staff, *"));
    assert_int_equal(rig_rule_count(), 2);
    assert_int_equal(rig_log_count("\"directory_groups\""), 2);
    assert_int_equal(rig_log_count("directory_rules_changed"), 2);
}

static void pages_are_read_slowly_and_written_together(void **state) {
    (void)state;
    rig_tenant("acme", "ldap");
    acme = rig_directory("acme", false);
    acme->made_groups = 950; /* five pages of 200 */
    acme->made_members = 3;
    rig_start();
    rig_run_for(700);
    assert_in_range(acme->requests, 3, 4);
    assert_int_equal(rig_rule_count(), 0); /* nothing in part */
    rig_run_for(1000);
    assert_int_equal(acme->requests, 5);
    assert_int_equal(rig_rule_count(), 950 * 3);
    assert_true(acme->least_pause_ms >= 200);
}

static void many_rules_are_written_in_parts_and_go_on_after_a_kill(void **state) {
    (void)state;
    size_t before = 0, pieces = 0;
    rig_tenant("acme", "ldap");
    acme = rig_directory("acme", false);
    acme->made_groups = 190;
    acme->made_members = 20;
    rig_start();
    for (int i = 0; i < 40; i++) { /* the reading, and the first parts */
        size_t now;
        (void)rig_step(CONTROLLER_DIRECTORIES);
        now = rig_rule_count();
        assert_true(now - before <= 300); /* of 3800 */
        pieces += now != before;
        before = now;
    }
    assert_true(pieces > 10 && before < 3800);
    rig_kill();
    rig_reopen_store();
    rig_start();
    rig_run_for(62 * 1000);
    assert_int_equal(rig_rule_count(), 3800);
    assert_int_equal(rig.held, 0);
    acme->made_members = 10;
    rig_run_for(700 * 1000);
    assert_int_equal(rig_rule_count(), 1900);
    rig_remove(&kind_identity_provider, "acme");
    rig_run();
    assert_int_equal(rig_rule_count(), 0);
}

/* The rules went with the first one: what was written last is no measure for the second. */
static void a_tenant_made_anew_under_its_old_name_is_read_anew(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    rig_remove(&kind_identity_provider, "acme");
    rig_run_lane(CONTROLLER_OBJECTS);
    assert_int_equal(rig_rule_count(), 0);
    rig_tenant("acme", "ldap"); /* before anybody looked at directories again */
    rig_run_for(1000);
    assert_int_equal(rig_rule_count(), 3);
}

static void one_tenant_is_read_at_a_time(void **state) {
    (void)state;
    acme_with_groups();
    acme->page = 1;
    rig_tenant("bolt", "ldap");
    struct rig_directory *bolt = rig_directory("bolt", false);
    bolt->made_groups = 3;
    bolt->made_members = 1;
    bolt->page = 1;
    rig_start();
    rig_run_lane(CONTROLLER_DIRECTORIES);
    for (int i = 0; i < 5; i++) { /* whoever was first is read to the end first */
        assert_true(acme->requests == 0 || bolt->requests == 0 || acme->requests == 3 || bolt->requests == 3);
        clock_advance(&rig.clock, 200);
        rig_run_lane(CONTROLLER_DIRECTORIES);
    }
    assert_int_equal(acme->requests + bolt->requests, 6);
    assert_true(acme->least_pause_ms >= 200 && bolt->least_pause_ms >= 200);
    assert_int_equal(rig_rule_count(), 6);
}

static void an_outage_changes_nothing_and_is_asked_ever_more_seldom(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    acme->fails = ERR_UNAVAILABLE;
    rig_run_for(700 * 1000);
    assert_int_equal(rig_rule_count(), 3);
    assert_int_equal(rig_log_count("directory_groups_failed"), 1);
    size_t asked = acme->requests;
    rig_run_for(4 * 3600 * 1000);
    assert_in_range(acme->requests - asked, 20, 30); /* at last every ten minutes */
    assert_int_equal(rig_log_count("directory_groups_failed"), 1);
    assert_int_equal(rig_rule_count(), 3);
    acme->fails = ERR_TIMEOUT; /* another trouble is news */
    rig_run_for(3600 * 1000);
    assert_int_equal(rig_log_count("directory_groups_failed"), 2);
    acme->fails = ERR_OK;
    acme->groups[1].members = "bob,carol";
    rig_run_for(700 * 1000);
    assert_int_equal(rig_rule_count(), 4);
    assert_int_equal(rig_log_count("\"directory_groups\""), 2); /* well again */
}

static void a_reading_that_breaks_off_changes_nothing(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    acme->page = 1;
    acme->groups[0].members = "mallory";
    acme->fails = ERR_UNAVAILABLE;
    acme->fails_after = acme->requests + 2;
    int64_t before = rig_revision();
    rig_run_for(700 * 1000);
    assert_true(acme->requests >= acme->fails_after);
    assert_int_equal(rig_revision(), before);
    assert_true(rig_has_rule("g, acme##user##alice, acme##group##staff, *"));
    assert_int_equal(rig.held, 0);
    acme->fails = ERR_OK;
    rig_run_for(700 * 1000);
    assert_true(rig_has_rule("g, acme##user##mallory, acme##group##staff, *"));
    assert_false(rig_has_rule("g, acme##user##alice, acme##group##staff, *"));
}

static void a_directory_without_an_end_is_given_up(void **state) {
    (void)state;
    acme_with_groups();
    acme->endless = true;
    rig_start();
    rig_run_for(16 * 60 * 1000);
    assert_int_equal(rig_rule_count(), 0);
    assert_int_equal(rig_log_count("do not come to an end"), 1);
}

static void a_killed_reading_is_begun_anew(void **state) {
    (void)state;
    acme_with_groups();
    acme->page = 1;
    rig_start();
    (void)rig_step(CONTROLLER_DIRECTORIES);
    (void)rig_step(CONTROLLER_DIRECTORIES);
    assert_int_equal(rig.held, 1);
    rig_kill();
    assert_int_equal(rig.held, 0);
    rig_reopen_store();
    rig_start();
    rig_run_for(2000);
    assert_int_equal(rig_rule_count(), 3);
}

static void a_tenant_that_is_gone_loses_its_rules(void **state) {
    (void)state;
    acme_with_groups();
    rig_mirror("conf", "ldap");
    struct rig_directory *conf = rig_directory("conf", false);
    conf->groups[0] = (struct rig_group) { "g", "x" };
    conf->len = 1;
    rig_start();
    rig_run_for(3000);
    assert_int_equal(rig_rule_count(), 4);
    rig_remove(&kind_identity_provider, "acme");
    rig_run_lane(CONTROLLER_DIRECTORIES); /* before its objects are gone */
    assert_int_equal(rig_rule_count(), 1);
    rig_run();
    rig_remove(&kind_identity_provider,
               "conf"); /* a mirror, too: a directory's rules come back by themselves */
    rig_run();
    assert_int_equal(rig_rule_count(), 0);
    rig_mirror("conf", "ldap");
    rig_run_for(3000);
    assert_int_equal(rig_rule_count(), 1);
}

static void rules_of_a_tenant_that_went_while_nobody_looked_go_at_the_start(void **state) {
    (void)state;
    struct err err = { 0 };
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    rig_kill();
    static const char *const gone[] = { "aaa", "acme0", "zzz" };
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        struct rule_list *rules = rule_list_new(rig.arena);
        for (int m = 0; m < 3; m++)
            rule_add_group(rules, str_of(arena_printf(rig.arena, "%s##user##u%d", gone[i], m)),
                           str_of(arena_printf(rig.arena, "%s##group##g", gone[i])), STR("*"));
        assert_ok(rules_set(rig.store, rule_owner_directory(rig.arena, str_of(gone[i]), i * 30), rules, NULL,
                            &err));
    }
    struct rule_list *of_file = rule_list_new(rig.arena);
    rule_add_group(of_file, STR("x"), STR("y"), STR("*"));
    assert_ok(rules_set(rig.store, rule_owner_file(), of_file, NULL, &err));
    assert_int_equal(rig_rule_count(), 13);
    rig_start();
    rig_run_lane(CONTROLLER_DIRECTORIES);
    assert_int_equal(rig_rule_count(), 4);
    assert_true(rig_has_rule("g, x, y, *"));
}

static void a_reading_of_a_tenant_that_goes_meanwhile_leaves_nothing(void **state) {
    (void)state;
    acme_with_groups();
    acme->page = 1;
    rig_start();
    (void)rig_step(CONTROLLER_DIRECTORIES);
    (void)rig_step(CONTROLLER_DIRECTORIES);
    assert_int_equal(rig.held, 1);
    rig_remove(&kind_identity_provider, "acme");
    rig_run_lane(CONTROLLER_OBJECTS);
    rig_run_for(5000);
    assert_int_equal(rig_rule_count(), 0);
    assert_int_equal(rig.held, 0);
}

static enum err_code other_config(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    (void)r;
    (void)err;
    (void)json_object_set_new(json_object_get(object, "spec"), "config", json_string(ctx));
    return ERR_OK;
}

static void change_config(const char *tenant, const char *config) {
    struct err err = { 0 };
    const struct resource_options o = { .trusted = true };
    struct refusal r = { .arena = rig.arena };
    json_t *made = NULL;
    int64_t revision;
    assert_ok(resource_edit(&rig.env, &kind_identity_provider, rig.arena, str_of(tenant), &o, other_config,
                            (void *)(uintptr_t)config, &made, &revision, &r, &err));
    json_decref(made);
}

static void a_change_of_the_tenant_is_read_at_once_and_from_the_beginning(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    acme->page = 1;
    acme->groups[0].members = "carol";
    change_config("acme", "{}");
    rig_run_lane(CONTROLLER_DIRECTORIES);
    assert_int_equal(rig.held, 1); /* reading */
    size_t before = acme->requests;
    acme->groups[0].members = "dave";
    change_config("acme", "{\"host\":\"other\"}");
    rig_run_for(5000);
    assert_int_equal(acme->requests - before, 3);
    assert_true(rig_has_rule("g, acme##user##dave, acme##group##staff, *"));
    assert_false(rig_has_rule("g, acme##user##carol, acme##group##staff, *"));
}

static void conditions_written_meanwhile_are_no_change_of_the_tenant(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    size_t before = acme->requests;
    for (int i = 0; i < 10; i++) {
        acme->health = i % 2 ? ERR_OK : ERR_UNAVAILABLE;
        rig_run_for(6000);
    }
    assert_int_equal(acme->requests, before);
}

static void local_tenants_and_those_without_groups_are_not_asked(void **state) {
    (void)state;
    rig_tenant("here", "tke");
    (void)rig_directory("here", true);
    rig_start();
    rig_run_for(3600 * 1000);
    assert_int_equal(rig_rule_count(), 0);
    assert_int_equal(rig_log_count("directory_groups"), 0);
}

static void a_tenant_whose_connector_is_not_open_keeps_its_rules(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    rig_directory_gone("acme");
    rig_run_for(3600 * 1000);
    assert_int_equal(rig_rule_count(), 3);
}

static void a_mirror_that_becomes_local_loses_its_rules(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    rig_directory_gone("acme");
    (void)rig_directory("acme", true);
    change_config("acme", "{}");
    rig_run_for(1000);
    assert_int_equal(rig_rule_count(), 0);
}

static void names_that_would_mean_more_are_left_out(void **state) {
    (void)state;
    acme_with_groups();
    acme->groups[0].members = "alice,*,bad\nname,\xff";
    acme->groups[1].id = "*";
    acme->groups[2] = (struct rig_group) { "", "bob" };
    rig_start();
    rig_run_for(1000);
    assert_int_equal(rig_rule_count(), 1);
    assert_true(rig_has_rule("g, acme##user##alice, acme##group##staff, *"));
    assert_int_equal(rig_log_count("directory_groups_cut"), 1);
    assert_int_equal(rig_log_count("\"unusable_names\":5"), 1);
}

static void too_many_groups_are_cut_with_a_warning(void **state) {
    (void)state;
    rig_tenant("acme", "ldap");
    acme = rig_directory("acme", false);
    acme->made_groups = 20300;
    acme->made_members = 1;
    rig_start();
    rig_run_for(60 * 1000);
    assert_int_equal(rig_rule_count(), 20000);
    assert_int_equal(rig_log_count("directory_groups_cut"), 1);
}

static void interval_0_means_no_rules_of_directories(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    assert_int_equal(rig_rule_count(), 3);
    rig_kill();
    rig.options.directory_interval_s = 0;
    size_t before = acme->requests;
    rig_start();
    rig_run_for(3600 * 1000);
    assert_int_equal(rig_rule_count(), 0);
    assert_int_equal(acme->requests, before);
}

/* Rules survive a restart, so directories need not all be read in the same second. */
static void after_a_restart_known_directories_are_read_within_a_minute_new_ones_at_once(void **state) {
    (void)state;
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    rig_kill();
    rig_tenant("bolt", "ldap");
    struct rig_directory *bolt = rig_directory("bolt", false);
    bolt->groups[0] = (struct rig_group) { "g", "x" };
    bolt->len = 1;
    size_t before = acme->requests;
    rig_start();
    rig_run_lane(CONTROLLER_DIRECTORIES);
    assert_int_equal(bolt->requests, 1);
    rig_run_for(61 * 1000);
    assert_int_equal(acme->requests, before + 1);
    assert_int_equal(rig_rule_count(), 4);
}

static void metrics_tell_of_it(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf text = STRBUF(1024 * 1024);
    acme_with_groups();
    rig_start();
    rig_run_for(1000);
    metrics_render(rig.metrics, &text);
    static const char *const wanted[] = {
        "tkeauth_directory_groups{tenant=\"acme\"} 3", "tkeauth_directory_group_members{tenant=\"acme\"} 3",
        "tkeauth_controller_directory_readings_total{result=\"ok\"} 1",
        "tkeauth_directory_groups_read_timestamp_seconds{tenant=\"acme\"} 17"
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!str_contains(strbuf_str(&text), str_of(wanted[i])))
            fail_msg("no %s in %s", wanted[i], strbuf_c(&text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BOTH(members_of_groups_become_rules),
        ON_BOTH(changes_are_followed_after_the_interval_and_told_once),
        ON_BOTH(pages_are_read_slowly_and_written_together),
        ON_BOTH(many_rules_are_written_in_parts_and_go_on_after_a_kill),
        ON_BOTH(a_tenant_made_anew_under_its_old_name_is_read_anew),
        ON_BOTH(one_tenant_is_read_at_a_time),
        ON_BOTH(an_outage_changes_nothing_and_is_asked_ever_more_seldom),
        ON_BOTH(a_reading_that_breaks_off_changes_nothing),
        ON(a_directory_without_an_end_is_given_up, "memory"),
        ON_BOTH(a_killed_reading_is_begun_anew),
        ON_BOTH(a_tenant_that_is_gone_loses_its_rules),
        ON_BOTH(rules_of_a_tenant_that_went_while_nobody_looked_go_at_the_start),
        ON_BOTH(a_reading_of_a_tenant_that_goes_meanwhile_leaves_nothing),
        ON_BOTH(a_change_of_the_tenant_is_read_at_once_and_from_the_beginning),
        ON_BOTH(conditions_written_meanwhile_are_no_change_of_the_tenant),
        ON_BOTH(local_tenants_and_those_without_groups_are_not_asked),
        ON_BOTH(a_tenant_whose_connector_is_not_open_keeps_its_rules),
        ON_BOTH(a_mirror_that_becomes_local_loses_its_rules),
        ON_BOTH(names_that_would_mean_more_are_left_out),
        ON(too_many_groups_are_cut_with_a_warning, "memory"),
        ON_BOTH(interval_0_means_no_rules_of_directories),
        ON_BOTH(after_a_restart_known_directories_are_read_within_a_minute_new_ones_at_once),
        ON(metrics_tell_of_it, "memory"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
