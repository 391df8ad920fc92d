/* LocalIdentity and LocalGroup: passwords, and the policies that come with them. */
#include "unit/resource/rig.h"

#include "tkeauth/crypto.h"

#define ALICE(more)                                                                                          \
    "{'metadata':{'name':'usr-alice'},'spec':{'username':'alice','displayName':'A','tenantID':'t'," more "}" \
    "}"
#define WITH_PASSWORD "'hashedPassword':'" RIG_PASSWORD "'"

/* ---- fields ---- */

static void identities_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *spec, *field, *reason;
    } cases[] = {
        { "'displayName':'A','tenantID':'t'", "spec.username", "FieldValueRequired" },
        { "'username':'al','displayName':'A','tenantID':'t'", "spec.username", "FieldValueInvalid" },
        { "'username':'Alice','displayName':'A','tenantID':'t'", "spec.username", "FieldValueInvalid" },
        { "'username':'-alice','displayName':'A','tenantID':'t'", "spec.username", "FieldValueInvalid" },
        { "'username':'a##b','displayName':'A','tenantID':'t'", "spec.username", "FieldValueInvalid" },
        { "'username':'a.b','displayName':'A','tenantID':'t'", "spec.username", "FieldValueInvalid" },
        { "'username':'*','displayName':'A','tenantID':'t'", "spec.username", "FieldValueInvalid" },
        { "'username':'system','displayName':'A','tenantID':'t'", "spec.username", "FieldValueInvalid" },
        { "'username':'abcdefghijklmnopqrstuvwxyz0123456','displayName':'A','tenantID':'t'", "spec.username",
          "FieldValueInvalid" },
        { "'username':'alice','tenantID':'t'", "spec.displayName", "FieldValueRequired" },
        { "'username':'alice','displayName':'A'", "spec.tenantID", "FieldValueRequired" },
        { "'username':'alice','displayName':'A','tenantID':'t','email':'no'", "spec.email",
          "FieldValueInvalid" },
        { "'username':'alice','displayName':'A','tenantID':'t','email':'a@b.c\\r\\nBcc: x'", "spec.email",
          "FieldValueInvalid" },
        { "'username':'alice','displayName':'A','tenantID':'t','phoneNumber':'call me'", "spec.phoneNumber",
          "FieldValueInvalid" },
        { "'username':'alice','displayName':'A','tenantID':'t','phoneNumber':'12'", "spec.phoneNumber",
          "FieldValueInvalid" },
        { "'username':'alice','displayName':'A','tenantID':'t','phoneNumber':'1+23'", "spec.phoneNumber",
          "FieldValueInvalid" },
        { "'username':'alice','displayName':'A','tenantID':'t','phoneNumber':'1234567890123456'",
          "spec.phoneNumber", "FieldValueInvalid" },
        { "'username':'alice','displayName':'A','tenantID':'t','extra':{'a':1}", "spec.extra",
          "FieldValueTypeInvalid" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *given = rig_json(rig_text("{'spec':{%s,'hashedPassword':'" RIG_HASH "'}}", cases[i].spec));
        if (rig_try_create(&kind_local_identity, given, &rig_trusted) == ERR_OK)
            fail_msg("taken: %s", cases[i].spec);
        rig_assert_cause(cases[i].reason, cases[i].field);
    }
    static const char *const phones[] = { "123", "+49 (30) 123-456.7/8", "13800138000" };
    for (size_t i = 0; i < ARRAY_LEN(phones); i++)
        rig_import(&kind_local_identity,
                   rig_text("{'spec':{'username':'user-%zu','displayName':'A','tenantID':'t',"
                            "'phoneNumber':'%s','hashedPassword':'" RIG_HASH "'}}",
                            i, phones[i]));
}

static void name_and_tenant_stay_as_they_are(void **state) {
    (void)state;
    static const char *const fields[] = { "username", "tenantID" };
    rig_user("t", "alice");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        json_t *object = rig_read(&kind_local_identity, "usr-alice");
        (void)json_object_set_new(json_object_get(object, "spec"), fields[i], json_string("other"));
        rig_update_refused(&kind_local_identity, "usr-alice", object, "FieldValueInvalid",
                           rig_text("spec.%s", fields[i]));
    }
}

/* ---- passwords ---- */

static bool password_is(const char *password) {
    enum password_outcome outcome = PASSWORD_MISMATCH;
    rig_ok(
        password_verify(str_of(password), rig_secret(&kind_local_identity, "usr-alice"), &outcome, &rig.err));
    return outcome != PASSWORD_MISMATCH;
}

static void a_password_is_hashed_and_never_seen_again(void **state) {
    (void)state;
    json_t *made = rig_create(&kind_local_identity, ALICE(WITH_PASSWORD));
    rig_assert_at(made, "spec.hashedPassword", NULL);
    assert_true(password_is("correct horse"));
    assert_true(str_starts_with(rig_secret(&kind_local_identity, "usr-alice"), STR("$argon2id$")));
    static const char *const secrets[] = { "correct", "argon2", RIG_PASSWORD };
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        assert_null(strstr(rig_dump(), secrets[i]));

    json_t *object = rig_read(&kind_local_identity, "usr-alice");
    json_t *spec = json_object_get(object, "spec");
    (void)json_object_set_new(spec, "displayName", json_string("B"));
    (void)json_object_set_new(spec, "hashedPassword", json_string(""));
    rig_update(&kind_local_identity, "usr-alice", object);
    assert_true(password_is("correct horse")); /* empty: stays */
    object = rig_read(&kind_local_identity, "usr-alice");
    (void)json_object_set_new(json_object_get(object, "spec"), "hashedPassword",
                              json_string("bmV3IG9uZQ==")); /* new one */
    rig_update(&kind_local_identity, "usr-alice", object);
    rig_assert_at(rig.object, "spec.hashedPassword", NULL);
    assert_true(password_is("new one"));
    assert_false(password_is("correct horse"));
}

static void what_is_no_password_is_refused_and_not_repeated(void **state) {
    (void)state;
    char *long_one = arena_alloc(rig.arena, 1400);
    memset(long_one, 'Y', 1368); /* base64 of 1026 bytes */
    static const char hash64[] =
        "JDJhJDEwJDdKZkZHWU9mMjEyUTR1L0VPRWwyUXVYOHZxU3VXUmFqY3dOVFhKdGhWQ2VSODJTM0tFLzRp";
    const char *const given[] = { "hunter2!", "aHVudGVyMg", "=", long_one, RIG_HASH, hash64, "aHVu\\nZA==" };
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        rig_create_refused(&kind_local_identity, rig_text(ALICE("'hashedPassword':'%s'"), given[i]),
                           "FieldValueInvalid", "spec.hashedPassword");
        assert_null(strstr(rig.refusal.message, "hunter2"));
        assert_null(strstr(rig.refusal.message, "aHVu"));
        assert_null(strstr(rig.refusal.message, "$2a$"));
    }
    rig_create_refused(&kind_local_identity, ALICE("'email':''"), "FieldValueRequired",
                       "spec.hashedPassword");
    rig_create_refused(&kind_local_identity, ALICE("'hashedPassword':''"), "FieldValueRequired",
                       "spec.hashedPassword");
    (void)rig_try_create(&kind_local_identity, rig_json(ALICE("'hashedPassword':['hunter2']")), &rig_plain);
    assert_null(strstr(rig.refusal.message, "hunter2"));
}

static void a_hash_is_taken_from_those_who_are_trusted_only(void **state) {
    (void)state;
    (void)rig_try_create(&kind_local_identity, rig_json(ALICE("'hashedPassword':'$9$unknown'")),
                         &rig_trusted);
    rig_assert_cause("FieldValueInvalid", "spec.hashedPassword");
    rig_import(&kind_local_identity, ALICE("'hashedPassword':'" RIG_HASH "'"));
    assert_str(rig_secret(&kind_local_identity, "usr-alice"), RIG_HASH);
    /* The stored hash that comes back in is no password (contract 9.35). */
    json_t *object = rig_read(&kind_local_identity, "usr-alice");
    (void)json_object_set_new(json_object_get(object, "spec"), "hashedPassword", json_string(RIG_HASH));
    rig_update_refused(&kind_local_identity, "usr-alice", object, "FieldValueInvalid", "spec.hashedPassword");
    const char *before = rig_dump();
    rig_ok(rig_try_update(&kind_local_identity, "usr-alice", object, 0, &rig_trusted));
    assert_string_equal(rig_dump(), before); /* nor is it a change */
}

static void a_better_hash_takes_the_place_of_the_one_that_was_checked(void **state) {
    (void)state;
    rig_user("t", "alice");
    int64_t revision = rig_revision_of(&kind_local_identity, "usr-alice");
    json_t *before = rig_get(&kind_local_identity, "usr-alice");
    rig_ok(resource_set_password_hash(rig.store, STR("usr-alice"), revision, STR("better"), &rig.err));
    assert_str(rig_secret(&kind_local_identity, "usr-alice"), "better");
    assert_true(json_equal(before, rig_get(&kind_local_identity, "usr-alice")));
    assert_int_equal(rig_count(&kind_local_identity, index_username(rig.arena, STR("t"), STR("alice"))), 1);
    /* The password was changed meanwhile. */
    assert_int_equal(
        resource_set_password_hash(rig.store, STR("usr-alice"), revision, STR("too late"), &rig.err),
        ERR_CONFLICT);
    assert_int_equal(resource_set_password_hash(rig.store, STR("usr-bob"), 1, STR("x"), &rig.err),
                     ERR_NOT_FOUND);
    assert_str(rig_secret(&kind_local_identity, "usr-alice"), "better");
}

#define KEY(n, tenant, user)                                                                                 \
    "{'metadata':{'name':'apk-" n "'},'spec':{'apiKey':'0123456789012345678901234567890123456789" n          \
    "','tenantID':'" tenant "','username':'" user "','expire_at':'2033-11-14T22:13:20Z'}}"

static bool is_disabled(const char *key) {
    return json_is_true(object_at(rig_get(&kind_api_key, key), "status.disabled"));
}

static void a_new_password_disables_the_keys_of_its_user_and_of_nobody_else(void **state) {
    (void)state;
    rig_user("t", "alice");
    rig_user("u", "bob");
    rig_import(&kind_api_key, KEY("1", "t", "alice"));
    rig_import(&kind_api_key, KEY("2", "t", "alice"));
    rig_import(&kind_api_key, KEY("3", "u", "alice"));
    rig_import(&kind_api_key, KEY("4", "t", "bob"));
    json_t *object = rig_read(&kind_local_identity, "usr-alice");
    json_t *spec = json_object_get(object, "spec");
    (void)json_object_set_new(spec, "displayName", json_string("B"));
    rig_update(&kind_local_identity, "usr-alice", object);
    assert_false(is_disabled("apk-1")); /* not for anything else */
    (void)json_object_set_new(spec, "hashedPassword", json_string(RIG_PASSWORD));
    rig.env.keep_keys_on_password_change = true;
    rig_update(&kind_local_identity, "usr-alice", object);
    assert_false(is_disabled("apk-1"));
    rig.env.keep_keys_on_password_change = false;
    rig_update(&kind_local_identity, "usr-alice", object);
    assert_true(is_disabled("apk-1") && is_disabled("apk-2"));
    assert_false(is_disabled("apk-3") || is_disabled("apk-4"));
}

/* What kubectl applied is kept by it in an annotation, in one piece. */
static void a_password_does_not_survive_in_the_annotation_of_kubectl(void **state) {
    (void)state;
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
    json_t *given = rig_json(ALICE(WITH_PASSWORD));
    char *applied = json_dumps(given, JSON_COMPACT);
    (void)json_object_set_new(json_object_get(given, "metadata"), "annotations",
                              json_pack("{s:s, s:s}", LAST_APPLIED, applied, "other", "kept"));
    free(applied);
    rig_ok(rig_try_create(&kind_local_identity, given, &rig_plain));
    assert_null(strstr(rig_dump(), RIG_PASSWORD));
    const json_t *annotations = object_at(rig.object, "metadata.annotations");
    assert_str(json_get_str(annotations, "other"), "kept");
    assert_str(json_get_str(annotations, LAST_APPLIED),
               rig_quoted("{'metadata':{'name':'usr-alice'},'spec':{'username':'alice','displayName':'A',"
                          "'tenantID':'t'}}\n"));
    (void)json_object_set_new(json_object_get(json_object_get(given, "metadata"), "annotations"),
                              LAST_APPLIED,
                              json_string("{\"spec\":{\"hashedPassword\":\"" RIG_PASSWORD "\""));
    (void)json_object_del(json_object_get(given, "spec"), "hashedPassword");
    rig_update(&kind_local_identity, "usr-alice", given);
    assert_null(strstr(rig_dump(), RIG_PASSWORD)); /* what cannot be read cannot be kept */
}

/* ---- policies that come with a subject ---- */

static json_t *with_policies(const char *policies) {
    json_t *object = rig_read(&kind_local_identity, "usr-alice");
    (void)json_object_set_new(
        json_object_get(object, "spec"), "extra",
        json_pack("{s:s, s:s, s:s}", "k", "v", "administrator", "true", "policies", policies));
    return object;
}

static void a_user_gets_exactly_the_policies_that_are_named(void **state) {
    (void)state;
    rig_policy("t", "pol-a", "");
    rig_policy("t", "pol-b", "platform");
    rig_policy("t", "pol-c", "");
    rig_create(&kind_local_identity, ALICE("'extra':{'policies':'pol-a, pol-b,,pol-a'}," WITH_PASSWORD));
    rig_assert_at(rig.object, "spec.extra", NULL); /* not kept */
    rig_assert_at(rig_get(&kind_policy, "pol-a"), "status.users", "[{'id':'usr-alice','name':'alice'}]");
    rig_assert_at(rig_get(&kind_policy, "pol-b"), "status.users", "[{'id':'usr-alice','name':'alice'}]");
    rig_assert_at(rig_get(&kind_policy, "pol-c"), "status.users", "null");
    int64_t kept = rig_revision_of(&kind_policy, "pol-b");
    rig_update(&kind_local_identity, "usr-alice", with_policies("pol-b,pol-c"));
    rig_assert_at(rig.object, "spec.extra", "{'k':'v'}");
    rig_assert_at(rig_get(&kind_policy, "pol-a"), "status.users", "null");
    rig_assert_at(rig_get(&kind_policy, "pol-c"), "status.users[0].id", "'usr-alice'");
    assert_int_equal(rig_revision_of(&kind_policy, "pol-b"), kept); /* it had it already */
    json_t *object = rig_read(&kind_local_identity, "usr-alice");
    (void)json_object_set_new(json_object_get(object, "spec"), "displayName", json_string("B"));
    rig_update(&kind_local_identity, "usr-alice", object); /* not a word about policies */
    rig_assert_at(rig_get(&kind_policy, "pol-b"), "status.users[0].id", "'usr-alice'");
    rig_update(&kind_local_identity, "usr-alice", with_policies(""));
    rig_assert_at(rig_get(&kind_policy, "pol-b"), "status.users", "null");
    rig_assert_at(rig_get(&kind_policy, "pol-c"), "status.users", "null");
}

static void policies_that_cannot_be_given_are_warned_about(void **state) {
    (void)state;
    char *long_name = arena_alloc(rig.arena, 5001);
    memset(long_name, 'a', 5000);
    rig_policy("t", "pol-good", "");
    rig_policy("u", "pol-foreign", "");
    rig_policy("", "pol-platform", "");
    rig_policy("t", "pol-project", "project");
    rig_policy("t", "pol-gone", "");
    rig_remove(&kind_policy, "pol-gone");
    rig_user("t", "alice");
    const char *const names[] = { "pol-missing", "pol-foreign", "pol-platform", "pol-project",
                                  "pol-gone",    long_name,     "a\tb",         "\x01" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        rig_update(&kind_local_identity, "usr-alice", with_policies(rig_text("%s,pol-good", names[i])));
        assert_true(rig_warned("spec.extra.policies"));
        rig_assert_at(rig_get(&kind_policy, "pol-good"), "status.users[0].id", "'usr-alice'");
    }
    assert_int_equal(rig_count(&kind_policy, index_user(rig.arena, STR("t"), STR("usr-alice"))), 1);
}

static void a_tenant_cannot_touch_what_the_platform_gave(void **state) {
    (void)state;
    rig_policy("", "pol-platform", "");
    rig_user("t", "alice");
    rig_bind(&kind_policy, "pol-platform", "[{'id':'t##usr-alice','name':'alice'}]", NULL, true);
    int64_t before = rig_revision_of(&kind_policy, "pol-platform");
    rig_update(&kind_local_identity, "usr-alice", with_policies(""));
    assert_int_equal(rig_revision_of(&kind_policy, "pol-platform"), before);
}

static void no_policy_gets_more_subjects_than_it_may_have(void **state) {
    (void)state;
    json_t *users = rig_keep(json_array());
    rig_policy("t", "pol-full", "");
    for (int i = 0; i < RESOURCE_SUBJECTS_MAX; i++)
        assert_int_equal(
            json_array_append_new(users, json_pack("{s:o, s:s}", "id", json_sprintf("u%d", i), "name", "n")),
            0);
    rig_ok(resource_bind(&rig.env, &kind_policy, rig.arena, STR("pol-full"), users, NULL, true, &rig_plain,
                         &rig.object, &rig.revision, &rig.refusal, &rig.err));
    (void)rig_keep(rig.object);
    rig_user("t", "alice");
    rig_update(&kind_local_identity, "usr-alice", with_policies("pol-full"));
    assert_true(rig_warned("pol-full"));
    assert_int_equal(json_array_size(object_at(rig_get(&kind_policy, "pol-full"), "status.users")),
                     RESOURCE_SUBJECTS_MAX);
}

static void groups_get_policies_the_same_way(void **state) {
    (void)state;
    rig_policy("t", "pol-a", "");
    rig_create(&kind_local_group, "{'metadata':{'name':'grp-1'},'spec':{'displayName':'G','tenantID':'t',"
                                  "'extra':{'policies':'pol-a'}}}");
    rig_assert_at(rig.object, "spec.extra", NULL);
    rig_assert_at(rig_get(&kind_policy, "pol-a"), "status.groups", "[{'id':'grp-1','name':'grp-1'}]");
    json_t *object = rig_read(&kind_local_group, "grp-1");
    (void)json_object_set_new(json_object_get(object, "spec"), "extra", json_pack("{s:s}", "policies", ""));
    rig_update(&kind_local_group, "grp-1", object);
    rig_assert_at(rig_get(&kind_policy, "pol-a"), "status.groups", "null");
}

static void a_dry_run_gives_no_policies(void **state) {
    (void)state;
    rig_policy("t", "pol-a", "");
    rig_user("t", "alice");
    const char *before = rig_dump();
    rig_ok(rig_try_update(&kind_local_identity, "usr-alice", with_policies("pol-a"), 0, &rig_dry));
    assert_string_equal(rig_dump(), before);
}

/* ---- groups ---- */

static void groups_are_checked(void **state) {
    (void)state;
    rig_create_refused(&kind_local_group, "{'spec':{'tenantID':'t'}}", "FieldValueRequired",
                       "spec.displayName");
    rig_create_refused(&kind_local_group,
                       "{'spec':{'displayName':'G'},'status':{'users':[{'id':'*','name':'*'}]}}",
                       "FieldValueInvalid", "status.users[0]");
    rig_create_refused(
        &kind_local_group,
        "{'spec':{'displayName':'G','tenantID':'t'},'status':{'users':[{'id':'x','name':'*'}]}}",
        "FieldValueInvalid", "status.users[0]");
    rig_create_refused(&kind_local_group,
                       "{'spec':{'displayName':'G','tenantID':'t'},'status':{'users':[{'name':'x'}]}}",
                       "FieldValueRequired", "status.users[0]");
    rig_create(&kind_local_group, "{'metadata':{'name':'grp-1'},'spec':{'displayName':'G','tenantID':'t'},"
                                  "'status':{'users':[{'id':'a','name':'1'},{'id':'a','name':'2'}]}}");
    rig_assert_at(rig.object, "status.users", "[{'id':'a','name':'1'}]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_MEMORY(identities_are_checked),
        ON_MEMORY(name_and_tenant_stay_as_they_are),
        ON_MEMORY(a_password_is_hashed_and_never_seen_again),
        ON_MEMORY(what_is_no_password_is_refused_and_not_repeated),
        ON_ALL(a_hash_is_taken_from_those_who_are_trusted_only),
        ON_ALL(a_better_hash_takes_the_place_of_the_one_that_was_checked),
        ON_ALL(a_new_password_disables_the_keys_of_its_user_and_of_nobody_else),
        ON_MEMORY(a_password_does_not_survive_in_the_annotation_of_kubectl),
        ON_ALL(a_user_gets_exactly_the_policies_that_are_named),
        ON_ALL(policies_that_cannot_be_given_are_warned_about),
        ON_ALL(a_tenant_cannot_touch_what_the_platform_gave),
        ON_ALL(no_policy_gets_more_subjects_than_it_may_have),
        ON_ALL(groups_get_policies_the_same_way),
        ON_ALL(a_dry_run_gives_no_policies),
        ON_MEMORY(groups_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
