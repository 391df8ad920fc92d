/* API keys in memory: which count, for whom, and what readers see while they change. */
#include "unit/resource/rig.h"

#include <stdlib.h>

#include "enforcer/enforcer.h"
#include "server/api_key_table.h"
#include "tkeauth/authn.h"
#include "tkeauth/authz.h"

enum { NOW = RIG_START, HOUR = 3600 };

static struct enforcer *rules;
static struct api_key_table *table;
static int64_t seen;             /* the revision the table knows of */
static void (*after_each)(void); /* called after each change the table is told of */

/* ---- between table and store (linked with --wrap) ---- */

static void (*between)(void); /* called before every listing and after it */
static int listing, fails_at; /* the listing that fails; 0: none does */

enum err_code __real_store_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                                struct err *err);
enum err_code __wrap_store_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                                struct err *err);
enum err_code __wrap_store_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                                struct err *err) {
    if (between != NULL)
        between();
    if (++listing == fails_at)
        return err_set(err, ERR_UNAVAILABLE, "told to fail");
    enum err_code rc = __real_store_list(s, q, ret_revision, err);
    if (between != NULL)
        between();
    return rc;
}

/* ---- rig ---- */

static int setup(void **state) {
    if (rig_setup(state) != 0)
        return 1;
    between = after_each = NULL;
    listing = fails_at = 0;
    seen = 0;
    rig_ok(authz_enforcer_new(NULL, &rig.random, &rules, &rig.err));
    rig_ok(api_key_table_new(rules, NULL, &table, &rig.err));
    return 0;
}

static int teardown(void **state) {
    api_key_table_free(table);
    enforcer_free(rules);
    return rig_teardown(state);
}

#define TEST(f)                                                                                              \
    {                                                                                                        \
        .name = #f, .test_func = (f), .setup_func = setup, .teardown_func = teardown,                        \
        .initial_state = (void *)(uintptr_t) "memory"                                                        \
    }

static enum err_code apply(void *ctx, const struct store_change *c, struct err *err) {
    (void)ctx;
    enum err_code rc = api_key_table_apply(table, c, err);
    if (after_each != NULL)
        after_each();
    return rc;
}

/* What has been written since the last call comes to the table. */
static void follow(void) {
    rig_ok(store_changes(rig.store, STR_NULL, seen, 100000, apply, NULL, &seen, &rig.err));
    api_key_table_settle(table);
}

static void load(void) { rig_ok(api_key_table_load(table, rig.store, &rig.err)); }

/* Three parts, as a signed token has them. */
static const char *token(const char *name) {
    return rig_text("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.%s.c2lnbmF0dXJl", name);
}

static void issue(const char *name, const char *tenant, const char *username, int64_t lifetime_s) {
    char from[TIME_RFC3339_SIZE], to[TIME_RFC3339_SIZE];
    rig_import(&kind_api_key,
               rig_text("{'metadata':{'name':'%s'},'spec':{'apiKey':'%s','tenantID':'%s','username':'%s',"
                        "'userID':'usr-%s','description':'of %s','issue_at':'%s','expire_at':'%s'}}",
                        name, token(name), tenant, username, username, name, time_rfc3339(NOW, from),
                        time_rfc3339(NOW + lifetime_s, to)));
}

static struct apikey_view view;

static bool finds_at(const char *name, int64_t now) {
    unsigned char digest[SHA256_SIZE];
    view = (struct apikey_view) { 0 };
    sha256(str_of(token(name)), digest);
    return api_key_table_find(table, rig.arena, digest, now, &view);
}
static bool finds(const char *name) { return finds_at(name, NOW); }

static void set_disabled(const char *name, bool disabled) {
    json_t *object = json_deep_copy(rig_get(&kind_api_key, name));
    (void)json_object_set_new(object, "status", json_pack("{s:b}", "disabled", disabled));
    rig_ok(rig_try_update(&kind_api_key, name, rig_keep(object), 0, &rig_status));
}

static void set_locked(const char *username, bool locked) {
    const char *name = rig_text("usr-%s", username);
    json_t *object = json_deep_copy(rig_get(&kind_local_identity, name));
    json_t *status = json_object_get(object, "status");
    if (status == NULL) {
        status = json_object();
        (void)json_object_set_new(object, "status", status);
    }
    (void)json_object_set_new(status, "locked", json_boolean(locked));
    rig_ok(rig_try_update(&kind_local_identity, name, rig_keep(object), 0, &rig_status));
}

static void add_link(const char *member, const char *role, const char *domain) {
    struct enforcer_batch *batch = NULL;
    struct enforcer_error why;
    const struct enforcer_str fields[] = { { member, strlen(member) },
                                           { role, strlen(role) },
                                           { domain, strlen(domain) } };
    assert_int_equal(enforcer_batch_begin(rules, &batch, &why), ENFORCER_OK);
    assert_int_equal(enforcer_batch_add(batch, "g", fields, ARRAY_LEN(fields), NULL, &why), ENFORCER_OK);
    assert_int_equal(enforcer_batch_commit(batch, NULL, &why), ENFORCER_OK);
}

/* ---- one key ---- */

static void a_key_tells_whose_it_is_until_the_second_it_ends(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_user("acme", "alice");
    issue("apk-1", "acme", "alice", HOUR);
    assert_false(finds("apk-1")); /* nobody has told the table yet */
    follow();
    assert_true(finds("apk-1"));
    assert_str(view.name, "apk-1");
    assert_str(view.tenant, "acme");
    assert_str(view.username, "alice");
    assert_str(view.uid, "usr-alice");
    assert_str(view.description, "of apk-1");
    assert_int_equal(view.issued_at, NOW);
    assert_int_equal(view.expires_at, NOW + HOUR);
    assert_int_equal(view.group_count, 0);
    assert_true(finds_at("apk-1", NOW + HOUR - 1));
    assert_false(finds_at("apk-1", NOW + HOUR));
    assert_false(finds_at("apk-1", INT64_MAX));
    assert_false(finds("apk-2"));
}

static void a_key_without_an_end_has_ended(void **state) {
    (void)state;
    rig_import(&kind_api_key, rig_text("{'metadata':{'name':'apk-1'},'spec':{'apiKey':'%s','tenantID':'acme',"
                                       "'username':'alice'}}",
                                       token("apk-1")));
    follow();
    assert_false(finds("apk-1"));
}

static void a_disabled_key_does_not_count_until_it_is_enabled_again(void **state) {
    (void)state;
    issue("apk-1", "acme", "alice", HOUR);
    issue("apk-2", "acme", "alice", HOUR);
    follow();
    for (int i = 0; i < 3; i++) {
        set_disabled("apk-1", true);
        assert_true(finds("apk-1"));
        follow();
        assert_false(finds("apk-1"));
        load();
        assert_false(finds("apk-1"));
        set_disabled("apk-1", false);
        follow();
        assert_true(finds("apk-1"));
        load();
        assert_true(finds("apk-1"));
        assert_true(finds("apk-2"));
    }
}

static void a_deleted_key_counts_no_more_and_its_name_may_be_anothers(void **state) {
    (void)state;
    issue("apk-1", "acme", "alice", HOUR);
    issue("apk-2", "acme", "alice", HOUR);
    follow();
    rig_remove(&kind_api_key, "apk-1");
    follow();
    assert_false(finds("apk-1"));
    assert_true(finds("apk-2"));
    rig_import(&kind_api_key, rig_text("{'metadata':{'name':'apk-1'},'spec':{'apiKey':'%s','tenantID':'acme',"
                                       "'username':'bob','expire_at':'2033-11-14T22:13:20Z'}}",
                                       token("new")));
    follow();
    assert_false(finds("apk-1"));
    assert_true(finds("new"));
    assert_str(view.name, "apk-1");
    assert_str(view.username, "bob");
    rig_remove(&kind_api_key, "apk-1");
    rig_remove(&kind_api_key, "apk-2");
    follow();
    assert_false(finds("new"));
    assert_false(finds("apk-2"));
}

static void a_description_may_change_and_old_changes_may_come_again(void **state) {
    (void)state;
    issue("apk-1", "acme", "alice", HOUR);
    follow();
    json_t *object = rig_keep(json_deep_copy(rig_get(&kind_api_key, "apk-1")));
    (void)json_object_set_new(json_object_get(object, "spec"), "description", json_string("changed"));
    rig_update(&kind_api_key, "apk-1", object);
    follow();
    assert_true(finds("apk-1"));
    assert_str(view.description, "changed");
    seen = 0;
    follow();
    assert_true(finds("apk-1"));
    assert_str(view.description, "changed");
    rig_remove(&kind_api_key, "apk-1");
    follow();
    seen = 0;
    follow();
    assert_false(finds("apk-1"));
}

/* The new one counts before the old one ends, and each for itself. */
static void a_key_can_be_replaced_without_a_gap(void **state) {
    (void)state;
    issue("old", "acme", "alice", HOUR);
    follow();
    issue("new", "acme", "alice", 2 * HOUR);
    follow();
    assert_true(finds("old"));
    assert_true(finds("new"));
    set_disabled("old", true);
    follow();
    assert_false(finds("old"));
    assert_true(finds("new"));
    rig_remove(&kind_api_key, "old");
    follow();
    assert_true(finds("new"));
    assert_true(finds_at("new", NOW + HOUR));
}

/* ---- its user ---- */

static void keys_of_a_locked_user_do_not_count_and_those_of_namesakes_do(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_tenant("beta");
    rig_user("acme", "alice");
    rig_user("acme", "bob");
    issue("apk-a", "acme", "alice", HOUR);
    issue("apk-b", "acme", "bob", HOUR);
    issue("apk-o", "beta", "alice", HOUR);
    follow();
    for (int i = 0; i < 3; i++) {
        set_locked("alice", true);
        follow();
        assert_false(finds("apk-a"));
        assert_true(finds("apk-b"));
        assert_true(finds("apk-o"));
        set_locked("bob", true);
        follow();
        assert_false(finds("apk-a"));
        assert_false(finds("apk-b"));
        set_locked("alice", false);
        follow();
        assert_true(finds("apk-a"));
        assert_false(finds("apk-b"));
        load();
        assert_true(finds("apk-a"));
        assert_false(finds("apk-b"));
        set_locked("bob", false);
        follow();
    }
    issue("apk-later", "acme", "alice", HOUR);
    set_locked("alice", true);
    follow();
    assert_false(finds("apk-later"));
}

static void keys_of_a_user_who_is_going_do_not_count_nor_do_a_successors_inherit_them(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_user("acme", "alice");
    issue("apk-a", "acme", "alice", HOUR);
    follow();
    rig_remove(&kind_local_identity, "usr-alice");
    follow();
    assert_true(rig_has(&kind_local_identity, "usr-alice"));
    assert_false(finds("apk-a"));
    rig_finish(&kind_local_identity, "usr-alice");
    follow();
    assert_false(finds("apk-a"));
    rig_user("acme", "alice");
    follow();
    assert_false(finds("apk-a"));
    issue("apk-n", "acme", "alice", HOUR);
    follow();
    assert_true(finds("apk-n"));
}

static int looks;
static void look_for_the_thiefs(void) {
    looks++;
    assert_false(finds("apk-stolen"));
}

/* Their keys go with them, one change after the other: a reader in between must not find one. */
static void keys_of_a_locked_user_do_not_come_back_while_they_are_deleted(void **state) {
    (void)state;
    static const bool at_once[] = { false, true };
    rig_tenant("acme");
    for (size_t i = 0; i < ARRAY_LEN(at_once); i++) {
        rig_user("acme", "alice");
        issue("apk-stolen", "acme", "alice", HOUR);
        follow();
        assert_true(finds("apk-stolen"));
        set_locked("alice", true);
        follow();
        const struct resource_delete d = { .at_once = at_once[i] };
        rig_ok(rig_try_remove(&kind_local_identity, "usr-alice", &d));
        rig_finish(&kind_local_identity, "usr-alice");
        assert_false(rig_has(&kind_local_identity, "usr-alice") || rig_has(&kind_api_key, "apk-stolen"));
        looks = 0;
        after_each = look_for_the_thiefs;
        follow();
        after_each = NULL;
        assert_true(looks >= 2);
        look_for_the_thiefs();
    }
    rig_user("acme", "alice"); /* another one, who is not locked */
    issue("apk-new", "acme", "alice", HOUR);
    follow();
    assert_true(finds("apk-new"));
}

static void a_locked_successor_of_a_deleted_user_stays_locked(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_user("acme", "alice");
    set_locked("alice", true);
    follow();
    rig_delete(&kind_local_identity, "usr-alice");
    rig_user("acme", "alice");
    set_locked("alice", true);
    issue("apk-a", "acme", "alice", HOUR);
    follow(); /* all of it at once */
    assert_false(finds("apk-a"));
    set_locked("alice", false);
    follow();
    assert_true(finds("apk-a"));
    rig_remove(&kind_local_identity, "usr-alice");
    rig_finish(&kind_local_identity, "usr-alice");
    load(); /* which knows nothing of those who were deleted before */
    rig_user("acme", "alice");
    issue("apk-b", "acme", "alice", HOUR);
    follow();
    assert_true(finds("apk-b"));
}

static void a_new_password_ends_all_keys_of_its_user(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_user("acme", "alice");
    rig_user("acme", "bob");
    issue("apk-a", "acme", "alice", HOUR);
    issue("apk-b", "acme", "bob", HOUR);
    follow();
    json_t *object = rig_keep(json_deep_copy(rig_get(&kind_local_identity, "usr-alice")));
    (void)json_object_set_new(json_object_get(object, "spec"), "hashedPassword", json_string(RIG_PASSWORD));
    rig_update(&kind_local_identity, "usr-alice", object);
    follow();
    assert_false(finds("apk-a"));
    assert_true(finds("apk-b"));
}

static void a_key_brings_the_local_groups_of_its_user_and_nothing_else(void **state) {
    (void)state;
    issue("apk-a", "acme", "alice", HOUR);
    follow();
    add_link("acme##user##alice", "acme##group##grp-1", "*");
    add_link("acme##user##alice", "acme##group##grp-2", "*");
    add_link("acme##user##alice", "pol-x", "*");
    add_link("acme##user##alice", "acmes##group##grp-3", "*");
    add_link("acme##user##alice", "acme##group##grp-4", "prj-1"); /* in one project */
    add_link("acme##user##alice2", "acme##group##grp-5", "*");
    add_link("beta##user##alice", "beta##group##grp-6", "*");
    assert_true(finds("apk-a"));
    assert_int_equal(view.group_count, 2);
    bool first = str_eq(view.groups[0], STR("grp-1"));
    assert_str(view.groups[first ? 0 : 1], "grp-1");
    assert_str(view.groups[first ? 1 : 0], "grp-2");
}

static void many_groups_come_all(void **state) {
    (void)state;
    issue("apk-a", "acme", "alice", HOUR);
    follow();
    for (int i = 0; i < 100; i++)
        add_link("acme##user##alice", rig_text("acme##group##grp-%d", i), "*");
    assert_true(finds("apk-a"));
    assert_int_equal(view.group_count, 100);
    for (int i = 0; i < 100; i++) {
        const char *wanted = rig_text("grp-%d", i);
        size_t found = 0;
        for (size_t g = 0; g < view.group_count; g++)
            found += str_eq(view.groups[g], str_of(wanted));
        assert_int_equal(found, 1);
    }
}

/* ---- as a bearer token ---- */

/* Keys that TKEStack issued came with an import: their texts count, whoever's key signed them, and not what they say of themselves. */
static void an_imported_key_is_its_text_and_not_its_signature(void **state) {
    (void)state;
    static const char *const texts[] = {
        "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9sZCJ9.eyJ1c3IiOiJtYWxsb3J5IiwidGlkIjoib3RoZXIifQ.b2xkIGtleQ",
        "eyJhbGciOiJub25lIn0.eyJ1c3IiOiJyb290In0.bm9uZSBhdCBhbGw",
    };
    const struct token_judges judges = { .find_key = api_key_table_find, .find_key_ctx = table };
    struct principal who;
    struct err err = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        rig_import(&kind_api_key,
                   rig_text("{'metadata':{'name':'apk-%zu'},'spec':{'apiKey':'%s','tenantID':'acme',"
                            "'username':'alice','expire_at':'2033-11-14T22:13:20Z'}}",
                            i, texts[i]));
    follow();
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        who = (struct principal) { 0 };
        assert_ok(authn_token(rig.arena, &judges, str_of(texts[i]), NOW, &who, NULL, &err));
        assert_str(who.name, "alice");
        const char *other = rig_text("%sx", texts[i]);
        assert_int_equal(authn_token(rig.arena, &judges, str_of(other), NOW, &who, NULL, &err),
                         ERR_UNAUTHENTICATED);
    }
    set_disabled("apk-0", true);
    follow();
    assert_int_equal(authn_token(rig.arena, &judges, str_of(texts[0]), NOW, &who, NULL, &err),
                     ERR_UNAUTHENTICATED);
    assert_ok(authn_token(rig.arena, &judges, str_of(texts[1]), NOW, &who, NULL, &err));
}

/* A key whose groups did not fit must not pass for one without groups. */
static void a_key_is_found_whole_or_not_at_all_when_memory_is_short(void **state) {
    (void)state;
    const struct token_judges judges = { .find_key = api_key_table_find, .find_key_ctx = table };
    struct err err = { 0 };
    size_t short_of_it = 0;
    issue("apk-a", "acme", "alice", HOUR);
    follow();
    for (int i = 0; i < 20; i++)
        add_link("acme##user##alice", rig_text("acme##group##grp-%d", i), "*");
    add_link("acme##user##alice", "pol-x", "*");
    for (size_t bytes = 64;; bytes += 64) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(bytes);
        struct principal who = { 0 };
        enum err_code rc = authn_token(a, &judges, str_of(token("apk-a")), NOW, &who, NULL, &err);
        if (rc == ERR_OK) {
            assert_str(who.name, "alice");
            assert_true(who.group_count >= 20);
            break;
        }
        assert_true(rc == ERR_NOMEM || rc == ERR_UNAUTHENTICATED);
        short_of_it++;
    }
    assert_true(short_of_it > 5);
}

/* ---- digests ---- */

static const char *key_body(const unsigned char *digest, const char *name, const char *status) {
    AUTO(strbuf_done) struct strbuf hex = STRBUF(128);
    hex_add(&hex, digest, SHA256_SIZE);
    return rig_quoted(
        rig_text("{'metadata':{'name':'%s'},'spec':{'tenantID':'acme','username':'%s','sha256':'%s',"
                 "'expire_at':'2033-11-14T22:13:20Z'},'status':%s}",
                 name, name, strbuf_c(&hex), status));
}

static void tell(enum store_change_type type, const char *body) {
    struct err err = { 0 };
    const struct store_change c = { .type = type, .kind = STR("apikeys"), .body = str_of(body) };
    assert_ok(api_key_table_apply(table, &c, &err));
}

static bool knows(const unsigned char *digest) {
    view = (struct apikey_view) { 0 };
    return api_key_table_find(table, rig.arena, digest, NOW, &view);
}

static void digests_that_differ_in_one_bit_are_different_keys(void **state) {
    (void)state;
    unsigned char digest[SHA256_SIZE] = { 0 };
    tell(STORE_CREATED, key_body(digest, "zero", "{}"));
    for (size_t bit = 0; bit < 8 * SHA256_SIZE; bit++) {
        digest[bit / 8] = (unsigned char)(1U << bit % 8);
        assert_false(knows(digest));
        tell(STORE_CREATED, key_body(digest, rig_text("bit-%zu", bit), "{}"));
        digest[bit / 8] = 0;
    }
    for (size_t bit = 0; bit < 8 * SHA256_SIZE; bit++) {
        digest[bit / 8] = (unsigned char)(1U << bit % 8);
        assert_true(knows(digest));
        assert_str(view.username, rig_text("bit-%zu", bit));
        digest[bit / 8] = 0;
    }
    assert_true(knows(digest));
    assert_str(view.username, "zero");
    memset(digest, 0xff, sizeof digest);
    assert_false(knows(digest));
}

/* Against the simplest thing that could be right. */
static void keys_that_come_and_go_in_any_order_are_those_of_a_plain_array(void **state) {
    (void)state;
    enum { KEYS = 64, STEPS = 4000 };
    int model[KEYS] = { 0 }; /* 0: there is none; else the name's number */
    for (int step = 1; step <= STEPS; step++) {
        unsigned char dice[2], digest[SHA256_SIZE] = { 7 };
        random_bytes(&rig.random, dice, sizeof dice);
        size_t i = dice[0] % KEYS;
        digest[SHA256_SIZE - 1] = (unsigned char)(i * 4);
        switch (dice[1] % 4) {
        case 0:
            tell(STORE_DELETED, key_body(digest, "x", "{}"));
            model[i] = 0;
            break;
        case 1:
            tell(STORE_UPDATED, key_body(digest, "x", "{'disabled':true}"));
            model[i] = 0;
            break;
        default:
            tell(STORE_UPDATED, key_body(digest, rig_text("n%d", step), "{}"));
            model[i] = step;
            break;
        }
        for (size_t k = 0; k < KEYS; k += step % 50 == 0 ? 1 : KEYS) {
            digest[SHA256_SIZE - 1] = (unsigned char)(k * 4);
            assert_int_equal(knows(digest), model[k] != 0);
            if (model[k] != 0)
                assert_str(view.username, rig_text("n%d", model[k]));
            digest[SHA256_SIZE - 1]++;
            assert_false(knows(digest));
        }
    }
}

static void what_cannot_be_read_is_refused_and_changes_nothing(void **state) {
    (void)state;
    static const char *const kinds[] = { "apikeys", "localidentities" };
    static const char *const keys[] = { "",
                                        "{not json",
                                        "[]",
                                        "{}",
                                        "{\"spec\":{\"sha256\":\"\"}}",
                                        "{\"spec\":{\"sha256\":\"0g\"}}",
                                        "{\"spec\":{\"sha256\":\"00\"}}",
                                        "{\"spec\":{\"sha256\":7}}" };
    struct err err = { 0 };
    issue("apk-a", "acme", "alice", HOUR);
    follow();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        for (int type = STORE_CREATED; type <= STORE_DELETED; type++) {
            const struct store_change c = { .type = (enum store_change_type)type,
                                            .kind = str_of(kinds[0]),
                                            .body = str_of(keys[i]) };
            assert_int_equal(api_key_table_apply(table, &c, &err), ERR_INVALID);
        }
    for (size_t i = 0; i < 2; i++) {
        const struct store_change c = { .kind = str_of(kinds[1]), .body = str_of(keys[i]) };
        assert_int_equal(api_key_table_apply(table, &c, &err), ERR_INVALID);
    }
    const struct store_change other = { .kind = STR("policies"), .body = STR("{not json") };
    assert_ok(api_key_table_apply(table, &other, &err));
    assert_true(finds("apk-a"));
}

/* Whoever may write an object of a kind may write a large one: it must not stop the feed for everybody. */
static void a_user_with_as_many_groups_as_fit_is_read(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf body = STRBUF(STORE_OBJECT_MAX);
    strbuf_adds(&body, "{\"spec\":{\"tenantID\":\"acme\",\"username\":\"alice\",\"groups\":[\"\"");
    while (body.len < STORE_OBJECT_MAX - 100)
        strbuf_adds(&body, ",\"\"");
    strbuf_adds(&body, "]},\"status\":{\"locked\":true}}");
    assert_ok(strbuf_check(&body, &err));
    issue("apk-a", "acme", "alice", HOUR);
    follow();
    const struct store_change c = { .kind = STR("localidentities"), .body = strbuf_str(&body) };
    assert_ok(api_key_table_apply(table, &c, &err));
    assert_false(finds("apk-a"));
}

/* ---- everything anew ---- */

static void write_body(const char *kind, const char *name, const char *body) {
    const struct store_write w = { .kind = str_of(kind), .name = str_of(name), .body = str_of(body) };
    rig_ok(store_write(rig.store, &w, NULL, &rig.err));
}

static void what_cannot_be_read_is_left_out_alone(void **state) {
    (void)state;
    issue("apk-b", "acme", "alice", HOUR);
    write_body("apikeys", "apk-a", "{not json");
    write_body("apikeys", "apk-c", "{}");
    write_body("localidentities", "usr-x", "[");
    load();
    assert_true(finds("apk-b"));
}

/* The store knows of one key per digest; should it ever know of two, a removal must still be one. */
static void a_digest_or_user_that_is_there_twice_is_one(void **state) {
    (void)state;
    unsigned char digest[SHA256_SIZE] = { 9 }, next[SHA256_SIZE] = { 9, [SHA256_SIZE - 1] = 1 };
    write_body("apikeys", "next", key_body(next, "next", "{}"));
    write_body("apikeys", "one", key_body(digest, "one", "{}"));
    write_body("apikeys", "two", key_body(digest, "two", "{}"));
    issue("apk-a", "acme", "alice", HOUR);
    const char *locked =
        "{\"spec\":{\"tenantID\":\"acme\",\"username\":\"alice\"},\"status\":{\"locked\":true}}";
    write_body("localidentities", "usr-1", locked);
    write_body("localidentities", "usr-2", locked);
    load();
    assert_false(finds("apk-a"));
    const struct store_change unlock = { .type = STORE_DELETED,
                                         .kind = STR("localidentities"),
                                         .body = str_of(locked) };
    rig_ok(api_key_table_apply(table, &unlock, &rig.err));
    api_key_table_settle(table);
    assert_true(finds("apk-a"));
    assert_true(knows(digest));
    tell(STORE_DELETED, key_body(digest, "one", "{}"));
    assert_false(knows(digest));
    assert_true(knows(next));
}

static void loading_gives_what_following_gave(void **state) {
    (void)state;
    rig_populate();
    set_disabled("apk-1", true);
    issue("apk-a", "acme", "alice", HOUR);
    issue("apk-b", "acme", "bob", HOUR);
    follow();
    assert_true(finds("apk-a"));
    issue("gone", "acme", "alice", HOUR);
    follow();
    rig_remove(&kind_api_key, "gone"); /* of which the table never hears */
    set_locked("alice", true);
    load();
    assert_false(finds("gone"));
    assert_false(finds("apk-a"));
    assert_true(finds("apk-b"));
    set_locked("alice", false);
    load();
    assert_true(finds("apk-a"));
}

static void look_at_all(void) {
    looks++;
    assert_true(finds("good"));
    assert_false(finds("locked"));
    assert_false(finds("disabled"));
}

static void keep_two_users(void) {
    rig_tenant("acme");
    rig_user("acme", "alice");
    rig_user("acme", "mallory");
    issue("good", "acme", "alice", HOUR);
    issue("locked", "acme", "mallory", HOUR);
    issue("disabled", "acme", "alice", HOUR);
    set_locked("mallory", true);
    set_disabled("disabled", true);
    follow();
}

/* Changes may be missed while requests are served: nobody is sent away, or let in, because of it. */
static void readers_see_no_half_loaded_table(void **state) {
    (void)state;
    keep_two_users();
    between = look_at_all;
    looks = 0;
    load();
    between = NULL;
    assert_true(looks >= 4);
    look_at_all();
}

static void a_loading_that_fails_leaves_the_table_as_it_was(void **state) {
    (void)state;
    keep_two_users();
    for (int i = 1; i <= 2; i++) {
        listing = 0;
        fails_at = i;
        assert_int_equal(api_key_table_load(table, rig.store, &rig.err), ERR_UNAVAILABLE);
        look_at_all();
    }
    fails_at = 0;
    load();
    look_at_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_key_tells_whose_it_is_until_the_second_it_ends),
        TEST(a_key_without_an_end_has_ended),
        TEST(a_disabled_key_does_not_count_until_it_is_enabled_again),
        TEST(a_deleted_key_counts_no_more_and_its_name_may_be_anothers),
        TEST(a_description_may_change_and_old_changes_may_come_again),
        TEST(a_key_can_be_replaced_without_a_gap),
        TEST(keys_of_a_locked_user_do_not_count_and_those_of_namesakes_do),
        TEST(keys_of_a_user_who_is_going_do_not_count_nor_do_a_successors_inherit_them),
        TEST(keys_of_a_locked_user_do_not_come_back_while_they_are_deleted),
        TEST(a_locked_successor_of_a_deleted_user_stays_locked),
        TEST(a_new_password_ends_all_keys_of_its_user),
        TEST(a_key_brings_the_local_groups_of_its_user_and_nothing_else),
        TEST(many_groups_come_all),
        TEST(an_imported_key_is_its_text_and_not_its_signature),
        TEST(a_key_is_found_whole_or_not_at_all_when_memory_is_short),
        TEST(digests_that_differ_in_one_bit_are_different_keys),
        TEST(keys_that_come_and_go_in_any_order_are_those_of_a_plain_array),
        TEST(what_cannot_be_read_is_refused_and_changes_nothing),
        TEST(a_user_with_as_many_groups_as_fit_is_read),
        TEST(what_cannot_be_read_is_left_out_alone),
        TEST(a_digest_or_user_that_is_there_twice_is_one),
        TEST(loading_gives_what_following_gave),
        TEST(readers_see_no_half_loaded_table),
        TEST(a_loading_that_fails_leaves_the_table_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
