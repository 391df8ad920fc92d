#include "unit/server/server_rig.h"

#include <fcntl.h>
#include <unistd.h>

struct server_rig server_rig;

enum { LOG_MAX = 16 * 1024 * 1024, FILES_MAX = 32 };

static int log_fd;
static const char *files[FILES_MAX];
static size_t file_count;

static const char *path_of(const char *name) { return rig_text("%s/%s", rig.folder, name); }

int server_rig_setup(void **state) {
    if (rig_setup(state) != 0)
        return 1;
    server_rig = (struct server_rig) { .metrics = metrics_new() };
    file_count = 0;
    log_fd = open(path_of("log"), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const struct log_options log = {
        .level = LOG_LEVEL_DEBUG, .format = LOG_FORMAT_JSON, .fd = log_fd, .audit_fd = -1, .clock = &rig.clock
    };
    rig_ok(log_new(&log, &server_rig.log, &rig.err));
    rig.env.log = server_rig.log;
    server_rig.parts = (struct server_parts) { .store = rig.store,
                                               .clock = &rig.clock,
                                               .random = &rig.random,
                                               .log = server_rig.log,
                                               .metrics = server_rig.metrics };
    return 0;
}

int server_rig_teardown(void **state) {
    generation_unref(server_rig.generation);
    for (size_t i = 0; i < file_count; i++)
        (void)unlink(files[i]);
    (void)unlink(path_of("log"));
    int rc = rig_teardown(state);
    log_free(server_rig.log);
    metrics_free(server_rig.metrics);
    (void)close(log_fd);
    return rc;
}

const char *server_rig_write(const char *name, const char *text) {
    const char *path = path_of(name);
    bool known = false;
    for (size_t i = 0; i < file_count; i++)
        known = known || strcmp(files[i], path) == 0;
    assert_true(known || file_count < FILES_MAX);
    if (!known)
        files[file_count++] = path;
    rig_ok(file_write_atomic(path, str_of(text), 0600, &rig.err));
    return path;
}

struct generation *server_rig_load(const char *yaml) {
    struct cfg_problems problems;
    struct generation *next = NULL;
    const char *path = server_rig_write(
        "c.yaml", rig_text("issuer: https://id.example/oidc\nstateDir: %s\n%s", rig.folder, yaml));
    rig_ok(cfg_problems_init(&problems, &rig.err));
    enum err_code rc = generation_load(path, &server_rig.parts, &next, &problems, &rig.err);
    AUTO(strbuf_done) struct strbuf said = STRBUF(65536);
    cfg_problems_print(&problems, &said);
    cfg_problems_done(&problems);
    if (rc != ERR_OK)
        fail_msg("%s%s", strbuf_c(&said), rig.err.detail);
    generation_unref(server_rig.generation);
    return server_rig.generation = next;
}

const char *server_rig_log(void) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(LOG_MAX);
    rig_ok(file_read(path_of("log"), LOG_MAX, &text, &rig.err));
    const char *copy = arena_strdup(rig.arena, strbuf_str(&text));
    assert_non_null(copy);
    return copy;
}

size_t server_rig_log_count(const char *text) {
    struct str rest = str_of(server_rig_log()), line;
    size_t count = 0;
    while (rest.len > 0 && str_next(&rest, '\n', &line))
        count += str_contains(line, str_of(text));
    return count;
}
