/* tke-auth can, as it is typed. */
#include "unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "tkeauth/resource.h"

static char folder[] = "/tmp/can-test-XXXXXX";
static char printed[8192];

static const char *path_of(const char *name) {
    static char paths[32][64];
    static unsigned next;
    char *path = paths[next++ % 32];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    struct err err = { 0 };
    assert_ok(file_write_atomic(path_of(name), str_of(text), 0600, &err));
}

static const char policy[] = "p, pol-a, *, cluster:cls-1/*, list*, allow\n"
                             "p, pol-d, *, *secret:*, *, deny\n"
                             "p, pol-p, *, *pod:*, *, allow\n"
                             "g, default##user##alice, pol-a, *\n"
                             "g, default##user##alice, pol-d, *\n"
                             "g, default##group##dev, pol-p, prj-1\n"
                             "g, acme##user##ann, pol-p, *\n";

static int setup(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    write_file("policy.csv", policy);
    write_file("bad.csv", "p, pol, *\n");
    char yaml[512];
    (void)snprintf(
        yaml, sizeof yaml,
        "casbin: {policy_file: %s}\nconnectors:\n  - {type: mock, id: acme, administrators: [boss]}\n",
        path_of("policy.csv"));
    write_file("tke-auth.yaml", yaml);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    static const char *const names[] = { "policy.csv",  "bad.csv",     "other.csv", "tke-auth.yaml",
                                         "stored.yaml", "broken.yaml", "can.db",    "can.db-shm",
                                         "can.db-wal",  "out" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unlink(path_of(names[i]));
    return rmdir(folder);
}

/* Runs the command with stdout in a file; what it printed is in `printed`. */
static int can(const char *const *words) {
    char *argv[24] = { NULL };
    int argc = 0;
    argv[argc++] = strdup("can");
    for (; *words != NULL; words++)
        argv[argc++] = strdup(*words);
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO), out = open(path_of("out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(saved >= 0 && out >= 0 && dup2(out, STDOUT_FILENO) >= 0);
    int status = cli_can(argc, argv);
    (void)fflush(stdout);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    ssize_t n = pread(out, printed, sizeof printed - 1, 0);
    printed[n > 0 ? n : 0] = '\0';
    (void)close(saved);
    (void)close(out);
    while (argc > 0)
        free(argv[--argc]);
    return status;
}
#define CAN(...) can((const char *const[]) { __VA_ARGS__, NULL })

static void assert_printed(const char *text) {
    if (strstr(printed, text) == NULL)
        fail_msg("\"%s\" is not in:\n%s", text, printed);
}

static void the_exit_status_tells_the_answer(void **state) {
    (void)state;
    const char *config = path_of("tke-auth.yaml");
    assert_int_equal(CAN("ann", "delete", "pods", "p", "--config", config, "--tenant", "acme"), 0);
    assert_string_equal(printed, "allowed\n");
    assert_int_equal(CAN("ann", "delete", "nodes", "--config", config, "--tenant", "acme"), 1);
    assert_string_equal(printed, "no opinion: permission for deleteNode on node:* not verify\n");
    assert_int_equal(CAN("boss", "delete", "nodes", "--config", config, "--tenant", "acme"), 0);
    assert_int_equal(CAN("ann", "get", "pods", "--config", config, "--tenant", "nowhere"), 1);
    assert_string_equal(printed,
                        "denied: the tenant is not known (identity provider \"nowhere\" not found)\n");
    assert_int_equal(CAN("admin", "get", "/metrics", "--config", config, "--tenant", ""), 0);
}

static void mistakes_are_told_apart_from_answers(void **state) {
    (void)state;
    assert_int_equal(CAN("alice", "get"), 2);
    assert_int_equal(CAN("alice", "get", "pods", "--nonsense"), 2);
    assert_int_equal(CAN("alice", "get", "pods", "--config", "/nonexistent"), 1);
    assert_int_equal(
        CAN("alice", "get", "pods", "--config", path_of("tke-auth.yaml"), "--policy", path_of("bad.csv")), 1);
    assert_string_equal(printed, "");
}

static void an_explanation_shows_the_way_to_the_rule(void **state) {
    (void)state;
    const char *config = path_of("tke-auth.yaml");
    assert_int_equal(CAN("ann", "get", "pods/log", "p1", "--config", config, "--tenant", "acme", "--cluster",
                         "cls-1", "--namespace", "dev", "--explain"),
                     0);
    assert_printed("  step      rule\n");
    assert_printed("  subject   acme##user##ann\n");
    assert_printed("  action    getPodLog\n");
    assert_printed("  resource  cluster:cls-1/namespace:dev/pod:p1\n");
    assert_printed("  through   g, acme##user##ann, pol-p, *\n");
    assert_printed("  rule      p, pol-p, *, *pod:*, *, allow\n");
}

static void without_a_rule_the_nearest_ones_are_shown(void **state) {
    (void)state;
    assert_int_equal(
        CAN("ann", "get", "nodes", "--config", path_of("tke-auth.yaml"), "--tenant", "acme", "--explain"), 1);
    assert_printed("  nearest   p, pol-p, *, *pod:*, *, allow\n");
    assert_printed("    fails   keyMatchCustom(r.obj, p.obj)");
}

static void groups_and_projects_count(void **state) {
    (void)state;
    const char *config = path_of("tke-auth.yaml");
    assert_int_equal(CAN("zoe", "get", "pods", "--config", config, "--tenant", "acme", "--group", "dev",
                         "--project", "prj-1"),
                     1);
    write_file("policy.csv", "p, pol-p, *, *pod:*, *, allow\ng, acme##group##dev, pol-p, prj-1\n");
    assert_int_equal(CAN("zoe", "get", "pods", "--config", config, "--tenant", "acme", "--group", "dev",
                         "--project", "prj-1"),
                     0);
    write_file("policy.csv", policy);
}

/* ---- with a database ---- */

static void make_object(const struct resource_env *env, const struct kind *k, const char *json) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024 * 1024);
    const struct resource_options o = { .trusted = true };
    struct refusal r = { .arena = a };
    struct err err = { 0 };
    json_t *given = NULL, *made = NULL;
    int64_t revision;
    assert_ok(json_parse(str_of(json), &given, &err));
    assert_ok(resource_create(env, k, a, given, &o, &made, &revision, &r, &err));
    json_decref(given);
    json_decref(made);
}

static void own_rule(struct store *s, struct str owner, const char *member, const char *role) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(1024 * 1024);
    const struct rule_view rule = { .ptype = STR("g"),
                                    .fields = { str_of(member), str_of(role), STR("*") },
                                    .len = 3 };
    struct rule_list *list = rule_list_new(a);
    struct err err = { 0 };
    rule_list_add(list, &rule);
    assert_ok(rules_set(s, owner, list, NULL, &err));
}

/* As a daemon leaves it: objects, and the rules of a policy file as it read it last. */
static void fill_database(void) {
    struct keyring *keyring = NULL;
    struct store *store = NULL;
    struct err err = { 0 };
    const unsigned char key[KEYRING_KEY_SIZE] = { 7 };
    const struct store_options options = { .type = "sqlite3", .path = path_of("can.db") };
    assert_ok(keyring_from_key(key, &keyring, &err));
    assert_ok(store_open(&options, &store, &err));
    const struct resource_env env = {
        .store = store, .keyring = keyring, .clock = clock_system(), .random = random_system()
    };
    make_object(&env, &kind_identity_provider,
                "{\"metadata\":{\"name\":\"corp\"},\"spec\":{\"name\":\"Corp\",\"type\":\"ldap\","
                "\"administrators\":[\"carl\"],\"config\":\"{\\\"bindPW\\\":\\\"a secret\\\"}\"}}");
    make_object(
        &env, &kind_policy,
        "{\"metadata\":{\"name\":\"pol-nodes\"},\"spec\":{\"displayName\":\"Nodes\",\"tenantID\":\"corp\","
        "\"category\":\"common\",\"statement\":{\"actions\":[\"*Node*\"],\"resources\":[\"*\"],\"effect\":"
        "\"allow\"}},\"status\":{\"users\":[{\"id\":\"usr-1\",\"name\":\"cora\"}],\"groups\":[{\"id\":"
        "\"admins\"}]}}");
    own_rule(store, rule_owner_file(), "corp##user##old", "pol-nodes");
    AUTO_FREE(arena_free) struct arena *a = arena_new(4096);
    own_rule(store, rule_owner_directory(a, STR("corp"), 0), "corp##user##dora", "corp##group##admins");
    store_close(store);
    keyring_free(keyring);
}

static void the_database_counts_as_well(void **state) {
    (void)state;
    char yaml[1024];
    (void)snprintf(yaml, sizeof yaml,
                   "storage: {type: sqlite3, config: {file: %s}}\ncasbin: {policy_file: %s}\n"
                   "connectors:\n  - {type: mock, id: acme, administrators: [boss]}\n",
                   path_of("can.db"), path_of("policy.csv"));
    write_file("stored.yaml", yaml);
    const char *config = path_of("stored.yaml");
    assert_int_equal(CAN("ann", "delete", "pods", "--config", config, "--tenant", "acme"), 0);
    assert_int_equal(CAN("cora", "delete", "nodes", "--config", config, "--tenant", "corp"), 1);
    assert_string_equal(printed, "denied: the tenant is not known (identity provider \"corp\" not found)\n");
    assert_int_equal(access(path_of("can.db"), F_OK), -1); /* asking makes no database */

    fill_database();
    assert_int_equal(CAN("cora", "delete", "nodes", "--config", config, "--tenant", "corp", "--explain"), 0);
    assert_printed("  rule      p, pol-nodes, *, *, *Node*, allow\n");
    assert_int_equal(CAN("cora", "delete", "pods", "--config", config, "--tenant", "corp"), 1);
    assert_int_equal(CAN("carl", "delete", "pods", "--config", config, "--tenant", "corp"), 0);
    assert_int_equal(CAN("boss", "delete", "pods", "--config", config, "--tenant", "acme"), 0);
    assert_int_equal(CAN("ann", "delete", "pods", "--config", config, "--tenant", "acme"), 0);
    assert_int_equal(CAN("dora", "delete", "nodes", "--config", config, "--tenant", "corp"), 0);
    assert_int_equal(CAN("ann", "get", "pods", "--config", config, "--tenant", "nowhere"), 1);
}

/* What the daemon read of it last must not stand in for what is in it now, or for another file. */
static void rules_of_the_policy_file_are_read_from_the_file_alone(void **state) {
    (void)state;
    const char *config = path_of("stored.yaml");
    assert_int_equal(CAN("old", "delete", "nodes", "--config", config, "--tenant", "corp"), 1);
    write_file("other.csv", "g, corp##user##zoe, pol-nodes, *\n");
    assert_int_equal(CAN("zoe", "delete", "nodes", "--config", config, "--tenant", "corp"), 1);
    assert_int_equal(CAN("zoe", "delete", "nodes", "--config", config, "--tenant", "corp", "--policy",
                         path_of("other.csv")),
                     0);
    assert_int_equal(CAN("ann", "delete", "pods", "--config", config, "--tenant", "acme", "--policy",
                         path_of("other.csv")),
                     1);
}

static void a_database_that_cannot_be_read_is_told(void **state) {
    (void)state;
    char yaml[512];
    (void)snprintf(yaml, sizeof yaml, "storage: {type: sqlite3, config: {file: %s}}\n",
                   path_of("policy.csv"));
    write_file("broken.yaml", yaml);
    assert_int_equal(CAN("ann", "get", "pods", "--config", path_of("broken.yaml")), 1);
    assert_string_equal(printed, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_status_tells_the_answer),
        cmocka_unit_test(mistakes_are_told_apart_from_answers),
        cmocka_unit_test(an_explanation_shows_the_way_to_the_rule),
        cmocka_unit_test(without_a_rule_the_nearest_ones_are_shown),
        cmocka_unit_test(groups_and_projects_count),
        cmocka_unit_test(the_database_counts_as_well),
        cmocka_unit_test(rules_of_the_policy_file_are_read_from_the_file_alone),
        cmocka_unit_test(a_database_that_cannot_be_read_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
