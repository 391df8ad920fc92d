/* The same with its threads: what needs a real clock. */
#include "rig.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { PATIENCE_MS = 20000, LOOKS_EVERY_MS = 2 };

static bool within_patience(bool (*is_so)(const char *name), const char *name) {
    const struct timespec pause = { .tv_nsec = LOOKS_EVERY_MS * 1000000 };
    for (int i = 0; i < PATIENCE_MS / LOOKS_EVERY_MS; i++) {
        if (is_so(name))
            return true;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static bool group_is_gone(const char *name) { return !rig_has(&kind_local_group, name); }
static bool tenant_is_gone(const char *name) { return !rig_has(&kind_identity_provider, name); }
static bool policy_is_there(const char *name) { return rig_has(&kind_policy, name); }
static bool rule_is_there(const char *line) { return rig_has_rule(line); }
static bool rule_is_gone(const char *line) { return !rig_has_rule(line); }

static void start_threads(void) {
    struct err err = { 0 };
    rig.env.clock = clock_system();
    rig_start();
    assert_ok(controller_start(rig.controller, &err));
}

static void changes_are_acted_on_without_being_asked(void **state) {
    (void)state;
    rig.options.category_path = rig.options.policy_path = rig.options.role_path = NULL;
    start_threads();
    rig_tenant("acme", "tke");
    assert_true(within_patience(policy_is_there, "pol-acme-administrator"));
    for (int i = 0; i < 50; i++) {
        const char *name = arena_printf(rig.arena, "grp-%d", i);
        rig_create(&kind_local_group,
                   arena_printf(rig.arena,
                                "{'metadata':{'name':'%s'},'spec':{'tenantID':'acme','displayName':'g'}}",
                                name));
        rig_remove(&kind_local_group, name);
    }
    for (int i = 0; i < 50; i++)
        assert_true(within_patience(group_is_gone, arena_printf(rig.arena, "grp-%d", i)));
    rig_remove(&kind_identity_provider, "acme");
    assert_true(within_patience(tenant_is_gone, "acme"));
    rig_kill();
    assert_int_equal(rig_count(&kind_policy, rig_tenant_key("acme").ptr), 0);
}

static void a_file_that_changes_wakes_it(void **state) {
    (void)state;
    rig_write_file("policy.json", "[]");
    rig.options.policy_path = rig_path("policy.json");
    rig_tenant("acme", "tke");
    start_threads();
    rig_write_file(
        "policy.json",
        "[{'metadata':{'name':'pol-{tenantID}-a'},'spec':{'displayName':'A','category':'c','statement':{"
        "'actions':['get*'],'resources':['*'],'effect':'allow'}}}]");
    assert_true(within_patience(policy_is_there, "pol-acme-a"));
    rig_kill();
}

static void directories_are_read_beside_it(void **state) {
    (void)state;
    struct rig_directory *d = rig_directory("acme", false);
    d->groups[0] = (struct rig_group) { "staff", "alice" };
    d->len = 1;
    start_threads();
    rig_tenant("acme", "ldap");
    assert_true(within_patience(rule_is_there, "g, acme##user##alice, acme##group##staff, *"));
    rig_remove(&kind_identity_provider, "acme");
    assert_true(within_patience(tenant_is_gone, "acme"));
    assert_true(within_patience(rule_is_gone, "g, acme##user##alice, acme##group##staff, *"));
    rig_kill();
}

static void *change_things(void *arg) {
    int which = *(int *)arg;
    for (int i = 0; i < 40; i++) {
        char name[64], text[256];
        (void)snprintf(name, sizeof name, "grp-%d-%d", which, i);
        (void)snprintf(
            text, sizeof text,
            "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"tenantID\":\"acme\",\"displayName\":\"g\"}}", name);
        struct err err = { 0 };
        AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024 * 1024);
        struct refusal r = { .arena = a };
        const struct resource_options o = { 0 };
        const struct resource_delete d = { 0 };
        json_t *given = NULL, *made = NULL, *gone = NULL;
        int64_t revision;
        bool removed;
        if (json_parse(str_of(text), &given, &err) != ERR_OK ||
            resource_create(&rig.env, &kind_local_group, a, given, &o, &made, &revision, &r, &err) !=
                ERR_OK ||
            resource_remove(&rig.env, &kind_local_group, a, str_of(name), &d, &gone, &revision, &removed, &r,
                            &err) != ERR_OK)
            return (void *)(uintptr_t) "failed";
        json_decref(given);
        json_decref(made);
        json_decref(gone);
    }
    return NULL;
}

static void writers_and_controllers_do_not_lose_each_others_changes(void **state) {
    (void)state;
    enum { WRITERS = 4 };
    pthread_t threads[WRITERS];
    int numbers[WRITERS];
    rig_tenant("acme", "tke");
    start_threads();
    for (int i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, change_things, &numbers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    for (int w = 0; w < WRITERS; w++)
        for (int i = 0; i < 40; i++)
            assert_true(within_patience(group_is_gone, arena_printf(rig.arena, "grp-%d-%d", w, i)));
    rig_kill();
}

/* Stopping in the middle of whatever it does loses nothing. */
static void it_can_be_stopped_at_any_time(void **state) {
    (void)state;
    rig.options.category_path = rig.options.policy_path = rig.options.role_path = NULL;
    for (int i = 0; i < 20; i++) {
        const struct timespec pause = { .tv_nsec = (long)i * 1000000 };
        const char *tenant = arena_printf(rig.arena, "ten%d", i);
        start_threads();
        rig_tenant(tenant, "tke");
        (void)nanosleep(&pause, NULL);
        rig_kill();
    }
    start_threads();
    for (int i = 0; i < 20; i++)
        assert_true(
            within_patience(policy_is_there, arena_printf(rig.arena, "pol-ten%d-chart-full-fake", i)));
    rig_kill();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BOTH(changes_are_acted_on_without_being_asked),
        ON_BOTH(a_file_that_changes_wakes_it),
        ON_BOTH(directories_are_read_beside_it),
        ON_BOTH(writers_and_controllers_do_not_lose_each_others_changes),
        ON(it_can_be_stopped_at_any_time, "memory"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
