/* tke-auth can, as it is typed. */
#include "unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"

static char folder[] = "/tmp/can-test-XXXXXX";
static char printed[8192];

static const char *path_of(const char *name) {
    static char paths[8][64];
    static unsigned next;
    char *path = paths[next++ % 8];
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
    static const char *const names[] = { "policy.csv", "bad.csv", "tke-auth.yaml", "out" };
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_status_tells_the_answer),
        cmocka_unit_test(mistakes_are_told_apart_from_answers),
        cmocka_unit_test(an_explanation_shows_the_way_to_the_rule),
        cmocka_unit_test(without_a_rule_the_nearest_ones_are_shown),
        cmocka_unit_test(groups_and_projects_count),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
