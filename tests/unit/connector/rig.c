#include "unit/connector/rig.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- programs ---- */

static void child(const char *const argv[], int in, int out) {
    (void)dup2(in, 0);
    (void)dup2(out, 1);
    (void)dup2(out, 2);
    (void)execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static int input_file(const char *text) {
    char name[] = "/tmp/tke-auth-input-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    (void)unlink(name);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

char *run_program(const char *const argv[], const char *input) {
    int out[2], in = input_file(input ? input : "");
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(argv, in, out[1]);
    (void)close(in);
    (void)close(out[1]);
    struct strbuf text = STRBUF(64 << 20);
    char buf[4096];
    for (ssize_t n; (n = read(out[0], buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR);)
        if (n > 0)
            strbuf_add(&text, (struct str) { buf, (size_t)n });
    (void)close(out[0]);
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s: status %d: %s", argv[0], status, strbuf_c(&text));
    return strbuf_take(&text);
}

/* ---- slapd ---- */

static char *value_of(const char *text, const char *name) {
    struct str rest = str_of(text), line;
    while (str_next(&rest, '\n', &line)) {
        struct str key, value;
        if (str_cut(line, '=', &key, &value) && str_eq(key, str_of(name)))
            return str_dup(value);
    }
    fail_msg("the fixture does not tell %s", name);
    return NULL;
}

static const char *cases_file(const struct slapd *s, char out[96]) {
    static const char *const make[] = { "tests/fixture/ldap_cases", NULL };
    char *ldif = run_program(make, NULL);
    struct err err = { 0 };
    (void)snprintf(out, 96, "%s.ldif", s->dir);
    assert_ok(file_write_atomic(out, str_of(ldif), 0600, &err));
    free(ldif);
    return out;
}

static void start_in(struct slapd *s, const char *ldif, const char *const options[]) {
    /* The cases need the policy overlay; it does nothing for entries without a policy. */
    const char *argv[32] = { "tests/fixture/slapd", "start", s->dir, "--ppolicy", "--ldif", ldif };
    for (size_t i = 0; options[i] != NULL && i + 7 < ARRAY_LEN(argv); i++)
        argv[i + 6] = options[i];
    char *text = run_program(argv, NULL);
    s->ldap = value_of(text, "ldap");
    s->ldaps = value_of(text, "ldaps");
    s->ca = value_of(text, "ca");
    s->other_ca = value_of(text, "other_ca");
    s->client_cert = value_of(text, "client_cert");
    s->client_key = value_of(text, "client_key");
    free(text);
}

/* A failed test jumps over its slapd_stop: whatever still runs is ended with the program. */
enum { SLAPDS_MAX = 16 };
static char running[SLAPDS_MAX][sizeof((struct slapd *)0)->dir];

static void stop_running(void) {
    for (size_t i = 0; i < SLAPDS_MAX; i++)
        if (running[i][0] != '\0')
            free(
                run_program((const char *const[]) { "tests/fixture/slapd", "stop", running[i], NULL }, NULL));
}

static void note_running(const struct slapd *s, bool on) {
    static bool registered;
    if (!registered)
        registered = atexit(stop_running) == 0;
    for (size_t i = 0; i < SLAPDS_MAX; i++) {
        if (strcmp(running[i], on ? "" : s->dir) == 0) {
            (void)snprintf(running[i], sizeof running[i], "%s", on ? s->dir : "");
            return;
        }
    }
}

static void make_folder(struct slapd *s) {
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/tke-auth-slapd-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    note_running(s, true);
}

void slapd_start(struct slapd *s, const char *const options[]) {
    char ldif[96];
    make_folder(s);
    start_in(s, cases_file(s, ldif), options);
    (void)unlink(ldif);
}

void slapd_start_with(struct slapd *s, const char *ldif, const char *const options[]) {
    make_folder(s);
    start_in(s, ldif, options);
}

void slapd_command(const struct slapd *s, const char *command) {
    free(run_program((const char *const[]) { "tests/fixture/slapd", command, s->dir, NULL }, NULL));
}

void slapd_stop(struct slapd *s) {
    slapd_command(s, "stop");
    note_running(s, false);
    free(s->ldap);
    free(s->ldaps);
    free(s->ca);
    free(s->other_ca);
    free(s->client_cert);
    free(s->client_key);
}

void slapd_modify(const struct slapd *s, const char *ldif) {
    char url[64];
    (void)snprintf(url, sizeof url, "ldap://%s", s->ldap);
    free(run_program((const char *const[]) { "/usr/bin/ldapmodify", "-x", "-H", url, "-D",
                                             "cn=admin,dc=example,dc=org", "-w", "admin", NULL },
                     ldif));
}

/* ---- connector ---- */

static enum err_code try_open(struct rig *r, const char *type, const char *yaml) {
    const struct cfg_node *node = NULL;
    const int64_t budget_ms = r->budget_ms;
    const struct connector_env env = r->env;
    *r = (struct rig) { .env = env, .budget_ms = budget_ms ? budget_ms : 20000 };
    if (r->env.clock == NULL)
        r->env.clock = clock_system();
    r->env.random = random_system();
    r->arena = arena_new(256 << 20);
    assert_non_null(r->arena);
    assert_int_equal(cfg_problems_init(&r->problems, &r->err), ERR_OK);
    enum err_code rc = cfg_parse(r->arena, str_of(yaml), "test.yaml", &node, &r->problems, &r->err);
    if (rc == ERR_OK)
        rc = connector_open(connector_type_find(str_of(type)), "t1", NULL, node, r->arena, &r->env,
                            &r->problems, &r->c, &r->err);
    return rc;
}

static const char *problem_text(struct rig *r) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(1 << 20);
    cfg_problems_print(&r->problems, &text);
    return arena_strdup(r->arena, strbuf_str(&text));
}

void rig_open(struct rig *r, const char *type, const char *yaml) {
    if (try_open(r, type, yaml) != ERR_OK)
        fail_msg("%s\n%s", r->err.detail, problem_text(r));
}

const char *rig_problems(struct rig *r, const char *type, const char *yaml) {
    if (try_open(r, type, yaml) == ERR_OK)
        fail_msg("taken: %s", yaml);
    assert_true(r->problems.len > 0);
    return problem_text(r);
}

void rig_close(struct rig *r) {
    connector_close(r->c);
    cfg_problems_done(&r->problems);
    arena_free(r->arena);
    r->c = NULL;
    r->arena = NULL;
}

enum err_code rig_login(struct rig *r, struct str name, struct str password, enum login_outcome *ret,
                        struct identity *ret_identity) {
    const struct login login = { .username = name,
                                 .password = password,
                                 .want_groups = true,
                                 .want_refresh = true,
                                 .request_id = "test",
                                 .deadline_mono_ms = clock_mono_ms(r->env.clock) + r->budget_ms };
    r->err = (struct err) { 0 };
    return connector_login(r->c, r->arena, &login, ret, ret_identity, &r->err);
}

static void assert_same_str(struct str a, struct str b, const char *what) {
    if (!str_eq(a, b))
        fail_msg("%s: login \"%.*s\", refresh \"%.*s\"", what, STR_FMT(a), STR_FMT(b));
}

static void assert_same(const struct identity *a, const struct identity *b) {
    assert_same_str(a->connector_id, b->connector_id, "connector_id");
    assert_same_str(a->user_id, b->user_id, "user_id");
    assert_same_str(a->username, b->username, "username");
    assert_same_str(a->name, b->name, "name");
    assert_same_str(a->preferred_username, b->preferred_username, "preferred_username");
    assert_same_str(a->email, b->email, "email");
    assert_same_str(a->connector_data, b->connector_data, "connector_data");
    assert_int_equal(a->email_verified, b->email_verified);
    assert_int_equal(a->groups.len, b->groups.len);
    for (size_t i = 0; i < a->groups.len; i++)
        assert_same_str(a->groups.items[i], b->groups.items[i], "group");
}

enum refresh_outcome rig_refresh(struct rig *r, const struct identity *old, struct identity *ret) {
    enum refresh_outcome outcome;
    enum err_code rc = connector_refresh(r->c, r->arena, old, true,
                                         clock_mono_ms(r->env.clock) + r->budget_ms, &outcome, ret, &r->err);
    if (rc != ERR_OK)
        fail_msg("refresh: %s: %s", err_code_name(rc), r->err.detail);
    return outcome;
}

const struct identity *rig_ok(struct rig *r, const char *name, const char *password) {
    enum login_outcome outcome;
    struct identity *login = arena_alloc(r->arena, sizeof *login), refreshed;
    enum err_code rc = rig_login(r, str_of(name), str_of(password), &outcome, login);
    if (rc != ERR_OK || outcome != LOGIN_OK)
        fail_msg("%s: %s %s, outcome %d", name, err_code_name(rc), r->err.detail,
                 rc == ERR_OK ? (int)outcome : -1);
    assert_true(login->preferred_username.len > 0);
    assert_str(login->connector_id, "t1");
    if (rig_refresh(r, login, &refreshed) != REFRESH_OK)
        fail_msg("%s: the refresh after the login says gone", name);
    assert_same(login, &refreshed);
    return login;
}

static void expect_outcome(struct rig *r, const char *name, const char *password, enum login_outcome want) {
    enum login_outcome outcome;
    struct identity unused;
    enum err_code rc = rig_login(r, str_of(name), str_of(password), &outcome, &unused);
    if (rc != ERR_OK || outcome != want)
        fail_msg("%s: %s %s, outcome %d instead of %d", name, err_code_name(rc), r->err.detail,
                 rc == ERR_OK ? (int)outcome : -1, (int)want);
}

void rig_wrong(struct rig *r, const char *name, const char *password) {
    expect_outcome(r, name, password, LOGIN_WRONG_CREDENTIALS);
}

void rig_blocked(struct rig *r, const char *name, const char *password) {
    expect_outcome(r, name, password, LOGIN_BLOCKED);
}

void rig_fails(struct rig *r, const char *name, const char *password, enum err_code code, const char *says) {
    enum login_outcome outcome = LOGIN_OK;
    struct identity unused;
    enum err_code rc = rig_login(r, str_of(name), str_of(password), &outcome, &unused);
    if (rc != code || !str_contains(str_of(r->err.detail), str_of(says)))
        fail_msg("%s: %s \"%s\" (outcome %d), wanted %s \"%s\"", name, err_code_name(rc), r->err.detail,
                 (int)outcome, err_code_name(code), says);
}

void assert_groups(const struct identity *i, const char *const want[]) {
    size_t n = 0;
    for (; want[n] != NULL; n++)
        if (!str_list_contains(&i->groups, str_of(want[n])))
            fail_msg("group %s is missing (%zu found)", want[n], i->groups.len);
    if (n != i->groups.len)
        fail_msg("%zu groups, wanted %zu", i->groups.len, n);
}
