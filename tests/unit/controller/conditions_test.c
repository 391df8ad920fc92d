/* The condition Ready of IdentityProviders. */
#include "rig.h"

static void assert_ready(const char *tenant, const char *status, const char *reason) {
    json_t *object = rig_get(&kind_identity_provider, tenant);
    const json_t *list = object_at(object, "status.conditions");
    assert_int_equal(json_array_size(list), 1);
    const json_t *c = json_array_get(list, 0);
    assert_str(json_get_str(c, "type"), "Ready");
    assert_str(json_get_str(c, "status"), status);
    assert_str(json_get_str(c, "reason"), reason);
    assert_true(json_get_str(c, "message").len > 0);
    json_decref(object);
}

static struct str message_of(const char *tenant) {
    json_t *object = rig_get(&kind_identity_provider, tenant);
    struct str text = arena_str(
        rig.arena, json_get_str(json_array_get(object_at(object, "status.conditions"), 0), "message"));
    json_decref(object);
    return text;
}

static struct str since(const char *tenant) {
    json_t *object = rig_get(&kind_identity_provider, tenant);
    struct str text = arena_str(
        rig.arena,
        json_get_str(json_array_get(object_at(object, "status.conditions"), 0), "lastTransitionTime"));
    json_decref(object);
    return text;
}

static void tenants_say_how_they_are(void **state) {
    (void)state;
    rig_tenant("here", "tke");
    rig_tenant("well", "ldap");
    rig_tenant("down", "ldap");
    rig_tenant("slow", "ldap");
    rig_tenant("odd", "ldap");
    rig_tenant("none", "ldap");
    (void)rig_directory("here", true);
    (void)rig_directory("well", false);
    rig_directory("down", false)->health = ERR_UNAVAILABLE;
    rig_directory("slow", false)->health = ERR_TIMEOUT;
    rig_directory("odd", false)->health = ERR_INTERNAL;
    rig_start();
    rig_run();
    assert_ready("here", "True", "Local");
    assert_ready("well", "True", "Reachable");
    assert_ready("down", "False", "Unavailable");
    assert_ready("slow", "False", "Timeout");
    assert_ready("odd", "False", "Failing");
    assert_ready("none", "Unknown", "NoConnector");
    assert_int_equal(rig.held, 0);
}

static void only_changes_are_written(void **state) {
    (void)state;
    struct rig_directory *d;
    rig_tenant("acme", "ldap");
    d = rig_directory("acme", false);
    rig_start();
    rig_run();
    struct str first = since("acme");
    assert_true(first.len > 0);
    int64_t before = rig_revision();
    rig_run_for(3600 * 1000);
    assert_int_equal(rig_revision(), before);
    d->health = ERR_UNAVAILABLE;
    rig_run_for(6000);
    assert_int_equal(rig_revision(), before + 1);
    assert_ready("acme", "False", "Unavailable");
    struct str second = since("acme");
    assert_false(str_eq(first, second));
    d->health = ERR_TIMEOUT; /* another reason for the same status */
    rig_run_for(6000);
    assert_ready("acme", "False", "Timeout");
    assert_true(str_eq(since("acme"), second));
    rig_kill();
    rig_start(); /* a restart is no change */
    before = rig_revision();
    rig_run_for(60 * 1000);
    assert_int_equal(rig_revision(), before);
}

static void a_directory_that_comes_and_goes_is_not_written_more_than_every_few_seconds(void **state) {
    (void)state;
    rig_tenant("acme", "ldap");
    struct rig_directory *d = rig_directory("acme", false);
    rig_start();
    rig_run();
    int64_t before = rig_revision();
    for (int i = 0; i < 100; i++) { /* ten seconds */
        d->health = i % 2 ? ERR_OK : ERR_UNAVAILABLE;
        rig_run_for(100);
    }
    assert_true(rig_revision() - before <= 3);
}

static void messages_hold_reasons_but_nobodys_name(void **state) {
    (void)state;
    static const struct {
        const char *detail;
        bool shown;
    } rows[] = {
        { "ldap.example.org:636: connection refused", true },
        { "binding as uid=alice,ou=people,dc=example,dc=org: invalid credentials", false },
        { "bindPW=verysecret was refused", false },
        { "line\nbreak", false },
        { "\xff\xfe", false },
        { "", false },
    };
    rig_tenant("acme", "ldap");
    struct rig_directory *d = rig_directory("acme", false);
    rig_start();
    rig_run();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        d->health = ERR_OK;
        rig_run_for(61 * 1000);
        d->health = ERR_UNAVAILABLE;
        d->health_detail = rows[i].detail;
        rig_run_for(61 * 1000);
        struct str message = message_of("acme");
        assert_true(str_starts_with(message, STR("The directory could not be asked")));
        assert_int_equal(rows[i].shown, rows[i].detail[0] && str_contains(message, str_of(rows[i].detail)));
        assert_int_equal(rig_log_count("verysecret") + rig_log_count("uid=alice"), 0);
    }
}

static void another_message_of_the_same_state_may_wait_a_minute(void **state) {
    (void)state;
    rig_tenant("acme", "ldap");
    struct rig_directory *d = rig_directory("acme", false);
    d->health = ERR_UNAVAILABLE;
    d->health_detail = "attempt 0";
    rig_start();
    rig_run();
    int64_t before = rig_revision();
    for (int i = 1; i <= 60; i++) { /* five minutes */
        d->health_detail = arena_printf(rig.arena, "attempt %d", i);
        rig_run_for(5000);
    }
    assert_in_range(rig_revision() - before, 3, 6);
}

static void mirrors_and_free_names_are_told_too_and_deleted_ones_are_left_alone(void **state) {
    (void)state;
    rig_mirror("My_Directory", "ldap");
    rig_create(
        &kind_identity_provider,
        "{'metadata':{'name':'gone','finalizers':['example.org/x']},'spec':{'name':'G','type':'ldap'}}");
    rig_remove(&kind_identity_provider, "gone");
    (void)rig_directory("My_Directory", false);
    (void)rig_directory("gone", false);
    rig_start();
    rig_run();
    assert_ready("My_Directory", "True", "Reachable");
    json_t *object = rig_get(&kind_identity_provider, "gone");
    assert_int_equal(json_array_size(object_at(object, "status.conditions")), 0);
    json_decref(object);
}

static void a_new_tenant_and_a_new_connector_are_noticed(void **state) {
    (void)state;
    rig_start();
    rig_run();
    rig_tenant("acme", "ldap");
    rig_run_for(6000);
    assert_ready("acme", "Unknown", "NoConnector");
    (void)rig_directory("acme", false);
    rig_run_for(6000);
    assert_ready("acme", "True", "Reachable");
    rig_directory_gone("acme");
    rig_run_for(6000);
    assert_ready("acme", "Unknown", "NoConnector");
    assert_int_equal(rig_log_count("\"tenant_condition\""), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BOTH(tenants_say_how_they_are),
        ON_BOTH(only_changes_are_written),
        ON_BOTH(a_directory_that_comes_and_goes_is_not_written_more_than_every_few_seconds),
        ON_BOTH(messages_hold_reasons_but_nobodys_name),
        ON_BOTH(another_message_of_the_same_state_may_wait_a_minute),
        ON_BOTH(mirrors_and_free_names_are_told_too_and_deleted_ones_are_left_alone),
        ON_BOTH(a_new_tenant_and_a_new_connector_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
