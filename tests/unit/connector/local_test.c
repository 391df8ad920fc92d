#include "unit/connector/rig.h"
#include "tkeauth/crypto.h"
#include "tkeauth/resource.h"
#include <stdio.h>
#include <stdlib.h>

#define LOCAL_KIND STR("localidentities")

struct world {
    struct rig r;
    struct clock clock;
    struct store *store;
    struct arena *arena;
};

static void world_done(struct world *w) {
    rig_close(&w->r);
    store_close(w->store);
    arena_free(w->arena);
}

static void open_world(struct world *w, const struct local_user *users, size_t n) {
    struct err err = { 0 };
    clock_fixed_init(&w->clock, 1700000000000);
    w->arena = arena_new(1 << 20);
    const struct store_options options = { .type = "memory", .clock = &w->clock };
    assert_ok(store_open(&options, &w->store, &err));
    w->r.env = (struct connector_env) {
        .store = w->store, .clock = &w->clock, .static_users = users, .static_user_count = n
    };
    rig_open(&w->r, "local", "{}");
}

static struct str hash_of(struct world *w, const char *password) {
    AUTO(strbuf_done) struct strbuf hash = STRBUF(PASSWORD_HASH_MAX);
    struct err err = { 0 };
    assert_ok(password_hash(str_of(password), &hash, &err));
    return arena_str(w->arena, strbuf_str(&hash));
}

static struct local_user user(struct world *w, const char *id, const char *username, const char *password) {
    return (struct local_user) { .id = str_of(id),
                                 .tenant = STR("t1"),
                                 .username = str_of(username),
                                 .display_name = STR("Jane Doe"),
                                 .email = STR("Jane@Example.com"),
                                 .email_verified = true,
                                 .password_hash = hash_of(w, password),
                                 .created_at = 1 };
}

static json_t *text(struct str s) { return json_stringn(s.len ? s.ptr : "", s.len); }

static void save(struct world *w, const struct local_user *u, bool update) {
    struct err err = { 0 };
    json_t *groups = json_array();
    for (size_t i = 0; i < u->groups.len; i++)
        (void)json_array_append_new(groups, text(u->groups.items[i]));
    json_auto_t *object = json_pack("{s:{s:o}, s:{s:o, s:o, s:o, s:o, s:o, s:{s:s}}, s:{s:b}}", "metadata",
                                    "name", text(u->id), "spec", "tenantID", text(u->tenant), "username",
                                    text(u->username), "displayName", text(u->display_name), "email",
                                    text(u->email), "groups", groups, "extra", "emailVerified",
                                    u->email_verified ? "true" : "false", "status", "locked", u->locked);
    char *body = json_print(object);
    assert_non_null(body);
    const struct store_index keys[] = { { index_tenant(w->arena, u->tenant), false },
                                        { index_username(w->arena, u->tenant, u->username), true },
                                        { index_email(w->arena, u->tenant, u->email), false } };
    const struct store_write write = { .kind = LOCAL_KIND,
                                       .name = u->id,
                                       .body = str_of(body),
                                       .secret = u->password_hash,
                                       .indexes = keys,
                                       .index_count = ARRAY_LEN(keys),
                                       .expected = update ? STORE_EXPECT_ANY : STORE_EXPECT_ABSENT };
    assert_ok(store_write(w->store, &write, NULL, &err));
    free(body);
}

static struct local_user stored(struct world *w, const char *id) {
    struct store_object o;
    struct local_user u;
    struct err err = { 0 };
    assert_ok(store_get_whole(w->store, w->arena, LOCAL_KIND, str_of(id), &o, &err));
    assert_ok(resource_local_user(w->arena, &o, &u, &err));
    return u;
}

/* A local group with these members. */
static void save_group(struct world *w, const char *name, const char *tenant, const char *member) {
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf body = STRBUF(1024);
    strbuf_addf(&body,
                "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"tenantID\":\"%s\",\"displayName\":\"The %s\"},"
                "\"status\":{\"users\":[{\"id\":\"%s\",\"name\":\"n\"}]}}",
                name, tenant, name, member);
    const struct store_index keys[] = { { index_tenant(w->arena, str_of(tenant)), false },
                                        { index_user(w->arena, str_of(tenant), str_of(member)), false } };
    const struct store_write write = { .kind = STR("localgroups"),
                                       .name = str_of(name),
                                       .body = strbuf_str(&body),
                                       .indexes = keys,
                                       .index_count = ARRAY_LEN(keys) };
    assert_ok(store_write(w->store, &write, NULL, &err));
}

static void a_stored_user_logs_in_by_name_and_by_email(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    struct str groups[] = { STR("dev"), STR("ops") };
    open_world(&w, NULL, 0);
    struct local_user jane = user(&w, "usr-1", "jane", "foo");
    jane.groups = (struct str_list) { groups, 2 };
    save(&w, &jane, false);
    const struct identity *id = rig_ok(&w.r, "jane", "foo");
    assert_str(id->user_id, "usr-1");
    assert_str(id->username, "jane");
    assert_str(id->name, "jane");
    assert_str(id->preferred_username, "Jane Doe");
    assert_str(id->email, "Jane@Example.com");
    assert_true(id->email_verified);
    assert_groups(id, GROUPS("dev", "ops"));
    assert_str(rig_ok(&w.r, "jane@example.com", "foo")->user_id, "usr-1");
    rig_wrong(&w.r, "jane", "bar");
    rig_wrong(&w.r, "jane", "");
    rig_wrong(&w.r, "JANE", "foo");
    rig_wrong(&w.r, "nobody", "foo");
    rig_wrong(&w.r, "", "foo");
    rig_wrong(&w.r, "usr-1", "foo");
}

static void a_new_changed_or_deleted_user_counts_at_the_next_login(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    struct err err = { 0 };
    struct identity now;
    open_world(&w, NULL, 0);
    rig_wrong(&w.r, "jane", "foo");
    struct local_user jane = user(&w, "usr-1", "jane", "foo");
    save(&w, &jane, false);
    const struct identity *id = rig_ok(&w.r, "jane", "foo");
    jane.password_hash = hash_of(&w, "bar");
    jane.email = STR("other@example.com");
    save(&w, &jane, true);
    rig_wrong(&w.r, "jane", "foo");
    assert_str(rig_ok(&w.r, "other@example.com", "bar")->email, "other@example.com");
    rig_wrong(&w.r, "jane@example.com", "bar");
    assert_ok(store_delete(w.store, LOCAL_KIND, STR("usr-1"), STORE_EXPECT_ANY, false, &err));
    rig_wrong(&w.r, "jane", "bar");
    assert_int_equal(rig_refresh(&w.r, id, &now), REFRESH_GONE);
}

static void a_locked_user_is_blocked_after_the_right_password_only(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    struct identity now;
    open_world(&w, NULL, 0);
    struct local_user jane = user(&w, "usr-1", "jane", "foo");
    save(&w, &jane, false);
    const struct identity *id = rig_ok(&w.r, "jane", "foo");
    jane.locked = true;
    save(&w, &jane, true);
    rig_blocked(&w.r, "jane", "foo");
    rig_wrong(&w.r, "jane", "bar");
    assert_int_equal(rig_refresh(&w.r, id, &now), REFRESH_GONE);
}

static void users_of_another_tenant_do_not_exist(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    struct identity now;
    open_world(&w, NULL, 0);
    struct local_user jane = user(&w, "usr-1", "jane", "foo");
    jane.tenant = STR("t2");
    save(&w, &jane, false);
    rig_wrong(&w.r, "jane", "foo");
    rig_wrong(&w.r, "jane@example.com", "foo");
    const struct identity old = { .connector_id = STR("t1"),
                                  .user_id = STR("usr-1"),
                                  .username = STR("jane") };
    assert_int_equal(rig_refresh(&w.r, &old, &now), REFRESH_GONE);
}

static void an_email_two_users_share_finds_neither(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    open_world(&w, NULL, 0);
    struct local_user a = user(&w, "usr-1", "jane", "foo"), b = user(&w, "usr-2", "john", "foo");
    save(&w, &a, false);
    save(&w, &b, false);
    rig_wrong(&w.r, "jane@example.com", "foo");
    assert_str(rig_ok(&w.r, "john", "foo")->user_id, "usr-2");
}

static void a_static_user_comes_first(void **state) {
    (void)state;
    struct world w = { .arena = arena_new(1 << 20) };
    struct local_user fixed = user(&w, "static-1", "jane", "static");
    struct arena *keep = w.arena;
    fixed.is_static = true;
    open_world(&w, &fixed, 1);
    struct local_user same = user(&w, "usr-1", "jane", "stored");
    save(&w, &same, false);
    assert_str(rig_ok(&w.r, "jane", "static")->user_id, "static-1");
    assert_str(rig_ok(&w.r, "jane@example.com", "static")->user_id, "static-1");
    rig_wrong(&w.r, "jane", "stored");
    world_done(&w);
    arena_free(keep);
}

static void an_old_hash_is_replaced_by_the_login_that_proves_it(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    open_world(&w, NULL, 0);
    struct local_user jane = user(&w, "usr-1", "jane", "foo");
    /* bcrypt, cost 10, of "password"; and base64 of it, as TKEStack stores it */
    static const char *const old[] = {
        "$2b$10$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK",
        "JDJiJDEwJGFiY2RlZmdoaWprbG1ub3BxcnN0dXU1TG8wZzY3Q2lEM000UnBOMUJtQmI0Q3JwNXc3ZGJL",
    };
    jane.password_hash = str_of(old[0]);
    save(&w, &jane, false);
    for (size_t i = 0; i < ARRAY_LEN(old); i++) {
        jane.password_hash = str_of(old[i]);
        save(&w, &jane, true);
        rig_wrong(&w.r, "jane", "wrong");
        assert_str(stored(&w, "usr-1").password_hash, old[i]);
        assert_non_null(rig_ok(&w.r, "jane", "password"));
        assert_true(str_starts_with(stored(&w, "usr-1").password_hash, STR("$argon2id$")));
        assert_non_null(rig_ok(&w.r, "jane", "password"));
    }
}

static void a_locked_account_is_not_written_to(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    open_world(&w, NULL, 0);
    struct local_user jane = user(&w, "usr-1", "jane", "foo");
    jane.locked = true;
    jane.password_hash = STR("$2b$10$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK");
    save(&w, &jane, false);
    uint64_t before = store_write_count(w.store);
    rig_blocked(&w.r, "jane", "password");
    rig_wrong(&w.r, "jane", "wrong");
    rig_wrong(&w.r, "nobody", "wrong");
    assert_int_equal(store_write_count(w.store), before);
}

/* ---- who there is ---- */

struct seen {
    char ids[1024];
    size_t count;
};

static enum err_code see_user(void *ctx, const struct directory_user *u, struct err *err) {
    struct seen *s = ctx;
    (void)err;
    (void)snprintf(s->ids + strlen(s->ids), sizeof s->ids - strlen(s->ids), "%.*s ", STR_FMT(u->id));
    assert_non_null(u->local);
    s->count++;
    return ERR_OK;
}

static enum err_code see_group(void *ctx, const struct directory_group *g, struct err *err) {
    struct seen *s = ctx;
    (void)err;
    (void)snprintf(s->ids + strlen(s->ids), sizeof s->ids - strlen(s->ids), "%.*s(%zu) ", STR_FMT(g->id),
                   g->member_count);
    s->count++;
    return ERR_OK;
}

/* All users that the keyword finds, `limit` at a time. */
static size_t list_all(struct world *w, const char *keyword, size_t limit) {
    struct seen s = { 0 };
    struct str next = STR_NULL;
    struct err err = { 0 };
    do {
        const struct directory_query q = { .keyword = str_of(keyword), .limit = limit, .after = next };
        assert_ok(connector_list_users(w->r.c, w->arena, &q, see_user, &s, &next, &err));
    } while (next.ptr != NULL);
    return s.count;
}

static void users_and_groups_of_the_tenant_are_listed_in_pages_and_found(void **state) {
    (void)state;
    struct world w = { .arena = arena_new(1 << 20) };
    struct arena *keep = w.arena;
    struct local_user fixed = user(&w, "static-1", "fred", "foo");
    struct directory_user found;
    struct directory_group group;
    struct seen s = { 0 };
    struct str next = STR_NULL;
    struct err err = { 0 };
    fixed.is_static = true;
    open_world(&w, &fixed, 1);
    for (int i = 0; i < 7; i++) {
        char *id = arena_printf(w.arena, "usr-%d", i), *name = arena_printf(w.arena, "name%d", i);
        struct local_user u = user(&w, id, name, "foo");
        u.tenant = i == 6 ? STR("t2") : STR("t1");
        u.display_name = i == 3 ? STR("Alice Liddell") : STR("Nobody");
        save(&w, &u, false);
    }
    for (size_t limit = 0; limit < 9; limit++)
        assert_int_equal(list_all(&w, NULL, limit), 7);
    assert_int_equal(list_all(&w, "LIDD", 0), 1);
    assert_int_equal(list_all(&w, "NAME2", 1), 1);
    assert_int_equal(list_all(&w, "r-", 3), 6);
    const struct directory_query q = { .want_members = true };
    assert_ok(connector_get_user(w.r.c, w.arena, STR("usr-3"), &q, &found, &err));
    assert_str(found.name, "name3");
    assert_ok(connector_get_user(w.r.c, w.arena, STR("static-1"), &q, &found, &err));
    assert_int_equal(connector_get_user(w.r.c, w.arena, STR("usr-6"), &q, &found, &err), ERR_NOT_FOUND);
    assert_int_equal(connector_get_user(w.r.c, w.arena, STR("usr-9"), &q, &found, &err), ERR_NOT_FOUND);
    save_group(&w, "grp-a", "t1", "usr-1");
    save_group(&w, "grp-b", "t2", "usr-6");
    assert_ok(connector_list_groups(w.r.c, w.arena, &q, see_group, &s, &next, &err));
    assert_string_equal(s.ids, "grp-a(1) ");
    assert_ok(connector_get_group(w.r.c, w.arena, STR("grp-a"), &q, &group, &err));
    assert_str(group.display_name, "The grp-a");
    assert_int_equal(connector_get_group(w.r.c, w.arena, STR("grp-b"), &q, &group, &err), ERR_NOT_FOUND);
    const struct directory_query wrong = { .after = STR("nonsense") };
    assert_int_equal(connector_list_users(w.r.c, w.arena, &wrong, see_user, &s, &next, &err), ERR_INVALID);
    world_done(&w);
    arena_free(keep);
}

/* Contract 9.34. */
static void local_groups_reach_the_identity(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    open_world(&w, NULL, 0);
    struct local_user jane = user(&w, "usr-1", "jane", "foo");
    save(&w, &jane, false);
    save_group(&w, "grp-a", "t1", "usr-1");
    save_group(&w, "grp-b", "t1", "usr-2");
    save_group(&w, "grp-c", "t2", "usr-1");
    assert_groups(rig_ok(&w.r, "jane", "foo"), GROUPS("grp-a"));
}

static void a_damaged_object_or_hash_locks_out_only_itself(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    struct err err = { 0 };
    open_world(&w, NULL, 0);
    const struct store_write broken = {
        .kind = LOCAL_KIND,
        .name = STR("broken"),
        .body = STR("{\"id\":"),
        .indexes = (const struct store_index[]) { { index_tenant(w.arena, STR("t1")), false },
                                                  { index_username(w.arena, STR("t1"), STR("jim")), true } },
        .index_count = 2
    };
    assert_ok(store_write(w.store, &broken, NULL, &err));
    struct local_user jane = user(&w, "usr-1", "jane", "foo"), john = user(&w, "usr-2", "john", "foo");
    john.password_hash = STR("plain");
    save(&w, &jane, false);
    save(&w, &john, false);
    assert_non_null(rig_ok(&w.r, "jane", "foo"));
    rig_wrong(&w.r, "john", "plain");
    assert_int_equal(list_all(&w, NULL, 0), 2);
}

static void the_tke_type_is_the_local_one(void **state) {
    (void)state;
    assert_ptr_equal(connector_type_find(STR("tke")), connector_type_find(STR("local")));
    assert_non_null(connector_type_find(STR("ldap")));
    assert_null(connector_type_find(STR("cloudindustry")));
    assert_null(connector_type_find(STR("")));
}

static void another_connectors_identity_is_not_refreshed(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    open_world(&w, NULL, 0);
    const struct identity old = { .connector_id = STR("t2"), .user_id = STR("usr-1") };
    enum refresh_outcome outcome;
    struct identity now;
    struct err err = { 0 };
    assert_int_equal(connector_refresh(w.r.c, w.r.arena, &old, false, 0, &outcome, &now, &err), ERR_INVALID);
}

static void only_ldap_has_a_search_report(void **state) {
    (void)state;
    AUTO(world_done) struct world w = { 0 };
    AUTO(strbuf_done) struct strbuf report = STRBUF(1024);
    struct err err = { 0 };
    open_world(&w, NULL, 0);
    assert_int_equal(connector_ldap_search(w.r.c, w.r.arena, STR("jane"), &report, &err), ERR_FORBIDDEN);
}

static void the_mock_answers_as_configured(void **state) {
    (void)state;
    struct identity now;
    AUTO(rig_close) struct rig r = { 0 };
    rig_open(&r, "mock",
             "users: [{username: ana, password: pw, id: '1', groups: [a, b]}, {username: bob, password: pw, "
             "blocked: "
             "true}]\nusernamePrompt: Who");
    const struct identity *ana = rig_ok(&r, "ana", "pw");
    assert_groups(ana, GROUPS("a", "b"));
    assert_str(ana->preferred_username, "ana");
    rig_wrong(&r, "ana", "x");
    rig_blocked(&r, "bob", "pw");
    assert_string_equal(connector_prompt(r.c), "Who");
    const struct identity bob = { .connector_id = STR("t1"), .user_id = STR("bob") };
    assert_int_equal(rig_refresh(&r, &bob, &now), REFRESH_GONE);
    rig_close(&r);
    rig_open(&r, "mock", "fails: unavailable");
    rig_fails(&r, "ana", "pw", ERR_UNAVAILABLE, "down");
    rig_close(&r);
    r.budget_ms = 5;
    rig_open(&r, "mock", "delayMs: 60000");
    rig_fails(&r, "ana", "pw", ERR_TIMEOUT, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stored_user_logs_in_by_name_and_by_email),
        cmocka_unit_test(a_new_changed_or_deleted_user_counts_at_the_next_login),
        cmocka_unit_test(a_locked_user_is_blocked_after_the_right_password_only),
        cmocka_unit_test(users_of_another_tenant_do_not_exist),
        cmocka_unit_test(an_email_two_users_share_finds_neither),
        cmocka_unit_test(a_static_user_comes_first),
        cmocka_unit_test(an_old_hash_is_replaced_by_the_login_that_proves_it),
        cmocka_unit_test(a_locked_account_is_not_written_to),
        cmocka_unit_test(users_and_groups_of_the_tenant_are_listed_in_pages_and_found),
        cmocka_unit_test(local_groups_reach_the_identity),
        cmocka_unit_test(a_damaged_object_or_hash_locks_out_only_itself),
        cmocka_unit_test(the_tke_type_is_the_local_one),
        cmocka_unit_test(another_connectors_identity_is_not_refreshed),
        cmocka_unit_test(only_ldap_has_a_search_report),
        cmocka_unit_test(the_mock_answers_as_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
