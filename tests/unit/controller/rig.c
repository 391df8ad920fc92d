#include "rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct rig rig;

enum { STEPS_MAX = 2000000, LOG_MAX = 16 * 1024 * 1024 };

/* ---- directories ---- */

static enum err_code give_group(const struct rig_group *g, struct arena *a,
                                enum err_code (*each)(void *, const struct directory_group *, struct err *),
                                void *ctx, struct err *err) {
    struct directory_member members[128];
    struct directory_group group = { .id = str_of(g->id), .display_name = str_of(g->id), .members = members };
    struct str rest = str_of(g->members), name;
    while (rest.len > 0 && str_next(&rest, ',', &name))
        members[group.member_count++] = (struct directory_member) { arena_str(a, name), arena_str(a, name) };
    return each(ctx, &group, err);
}

static enum err_code give_made_up(const struct rig_directory *d, struct arena *a, size_t i,
                                  enum err_code (*each)(void *, const struct directory_group *, struct err *),
                                  void *ctx, struct err *err) {
    struct directory_member *members = arena_array(a, d->made_members + 1, sizeof *members);
    assert_non_null(members);
    for (size_t m = 0; m < d->made_members; m++)
        members[m].id = members[m].name = str_of(arena_printf(a, "u%zu", (i * 7 + m) % 100000));
    const struct directory_group group = { .id = str_of(arena_printf(a, "g%06zu", i)),
                                           .members = members,
                                           .member_count = d->made_members };
    return each(ctx, &group, err);
}

static void note_request(struct rig_directory *d) {
    int64_t now = clock_mono_ms(rig.env.clock);
    for (size_t i = 0; i < rig.directory_count; i++) {
        int64_t pause = now - rig.directories[i].last_request_ms;
        if (rig.directories[i].requests > 0 && pause < d->least_pause_ms)
            d->least_pause_ms = pause;
    }
    d->requests++;
    d->last_request_ms = now;
}

static enum err_code fake_list_groups(struct connector *c, struct arena *a, const struct directory_query *q,
                                      enum err_code (*each)(void *, const struct directory_group *,
                                                            struct err *),
                                      void *ctx, struct str *ret_next, struct err *err) {
    struct rig_directory *d = c->impl;
    uint64_t from = 0;
    note_request(d);
    assert_true(q->want_members && q->deadline_mono_ms > clock_mono_ms(rig.env.clock));
    if (d->fails != ERR_OK && d->requests > d->fails_after)
        return err_set(err, d->fails, "cn=admin,dc=example,dc=org: told to fail");
    if (q->after.len > 0)
        assert_int_equal(parse_u64(q->after, 0, UINT64_MAX, &from, err), ERR_OK);
    size_t page = d->page != 0 ? d->page : q->limit, all = d->made_groups ? d->made_groups : d->len, i;
    for (i = (size_t)from; i < all && i < from + page; i++) {
        enum err_code rc = d->made_groups ? give_made_up(d, a, i, each, ctx, err)
                                          : give_group(&d->groups[i], a, each, ctx, err);
        if (rc != ERR_OK)
            return rc;
    }
    *ret_next = i < all || d->endless ? str_of(arena_printf(a, "%zu", d->endless ? 0 : i)) : STR_NULL;
    return ERR_OK;
}

static enum err_code fake_health(const struct connector *c, struct err *err) {
    const struct rig_directory *d = c->impl;
    return d->health == ERR_OK ? ERR_OK : err_set(err, d->health, "%s", d->health_detail);
}

static const struct connector_ops fake_ops = { .type = "fake",
                                               .list_groups = fake_list_groups,
                                               .health = fake_health };

struct rig_directory *rig_directory(const char *tenant, bool is_local) {
    struct rig_directory *d = &rig.directories[rig.directory_count++];
    assert_true(rig.directory_count <= RIG_CONNECTORS_MAX);
    *d = (struct rig_directory) { .tenant = tenant, .least_pause_ms = INT64_MAX, .health_detail = "" };
    d->connector = (struct connector) {
        .ops = is_local ? connector_type_find(STR("tke")) : &fake_ops, .id = tenant, .name = tenant, .impl = d
    };
    return d;
}

void rig_directory_gone(const char *tenant) {
    for (size_t i = 0; i < rig.directory_count; i++)
        if (strcmp(rig.directories[i].tenant, tenant) == 0)
            rig.directories[i].tenant = "";
}

static struct connector *acquire(void *ctx, struct str tenant, void **ret_hold) {
    for (size_t i = 0; i < rig.directory_count; i++)
        if (str_eq(tenant, str_of(rig.directories[i].tenant))) {
            __atomic_add_fetch(&rig.held, 1, __ATOMIC_SEQ_CST);
            *ret_hold = ctx;
            return &rig.directories[i].connector;
        }
    return NULL;
}

static void release(void *ctx, void *hold) {
    assert_ptr_equal(hold, ctx);
    __atomic_sub_fetch(&rig.held, 1, __ATOMIC_SEQ_CST);
}

/* ---- setting up ---- */

static void committed(void *ctx) {
    (void)ctx;
    if (rig.controller != NULL)
        controller_changed(rig.controller);
}

static void open_store(void) {
    struct err err = { 0 };
    const struct store_options options = {
        .type = rig.backend, .path = rig_path("test.db"), .clock = &rig.clock, .log = rig.log
    };
    assert_ok(store_open(&options, &rig.store, &err));
    store_listen(rig.store, committed, NULL);
    rig.env.store = rig.store;
}

int rig_setup(void **state) {
    struct err err = { 0 };
    unsigned char key[KEYRING_KEY_SIZE] = { 7 };
    rig = (struct rig) { .folder = "/tmp/tke-auth-controller-XXXXXX", .backend = *state };
    assert_non_null(mkdtemp(rig.folder));
    rig.arena = arena_new(256 * 1024 * 1024);
    clock_fixed_init(&rig.clock, 1700000000000);
    random_fixed_init(&rig.random, 42);
    assert_ok(keyring_from_key(key, &rig.keyring, &err));
    rig.metrics = metrics_new();
    rig.log_fd = open(rig_path("log"), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const struct log_options log = { .level = LOG_LEVEL_DEBUG,
                                     .format = LOG_FORMAT_JSON,
                                     .fd = rig.log_fd,
                                     .audit_fd = -1,
                                     .clock = &rig.clock };
    assert_ok(log_new(&log, &rig.log, &err));
    rig.env = (struct resource_env) {
        .keyring = rig.keyring, .clock = &rig.clock, .random = &rig.random, .log = rig.log
    };
    open_store();
    rig.options = (struct controller_options) { .env = &rig.env,
                                                .metrics = rig.metrics,
                                                .acquire = acquire,
                                                .release = release,
                                                .ctx = &rig,
                                                .directory_interval_s = 600 };
    /* Most tests are not about default data. */
    rig_write_file("empty.json", "[]");
    rig.options.category_path = rig.options.policy_path = rig.options.role_path = rig_path("empty.json");
    return 0;
}

int rig_teardown(void **state) {
    (void)state;
    rig_kill();
    assert_int_equal(rig.held, 0);
    store_close(rig.store);
    keyring_free(rig.keyring);
    log_free(rig.log);
    metrics_free(rig.metrics);
    (void)close(rig.log_fd);
    static const char *const files[] = { "log",         "test.db",       "test.db-wal",
                                         "test.db-shm", "empty.json",    "policy.json",
                                         "role.json",   "category.json", "new.json" };
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        (void)unlink(rig_path(files[i]));
    (void)rmdir(rig.folder);
    arena_free(rig.arena);
    return 0;
}

void rig_reopen_store(void) {
    assert_null(rig.controller);
    if (strcmp(rig.backend, "memory") == 0)
        return;
    store_close(rig.store);
    open_store();
}

const char *rig_path(const char *name) {
    const char *path = arena_printf(rig.arena, "%s/%s", rig.folder, name);
    assert_non_null(path);
    return path;
}

static const char *with_quotes(const char *ticks) {
    char *copy = arena_strdup(rig.arena, str_of(ticks));
    assert_non_null(copy);
    for (char *p = copy; *p != 0; p++)
        if (*p == '\'')
            *p = '"';
    return copy;
}

void rig_write_file(const char *name, const char *text_with_ticks) {
    struct err err = { 0 };
    assert_ok(file_write_atomic(rig_path(name), str_of(with_quotes(text_with_ticks)), 0600, &err));
}

size_t rig_log_count(const char *text) {
    AUTO(strbuf_done) struct strbuf all = STRBUF(LOG_MAX);
    struct err err = { 0 };
    size_t count = 0;
    assert_ok(file_read(rig_path("log"), LOG_MAX, &all, &err));
    struct str rest = strbuf_str(&all), line;
    while (rest.len > 0) {
        (void)str_cut(rest, '\n', &line, &rest);
        count += str_contains(line, str_of(text));
    }
    return count;
}

/* ---- the controller ---- */

void rig_start(void) {
    struct err err = { 0 };
    assert_null(rig.controller);
    assert_ok(controller_new(&rig.options, &rig.controller, &err));
}

void rig_kill(void) {
    controller_free(rig.controller);
    rig.controller = NULL;
}

bool rig_step(enum controller_lane lane) { return controller_step(rig.controller, lane) == 0; }

void rig_run_lane(enum controller_lane lane) {
    size_t steps = 0;
    while (rig_step(lane))
        assert_true(++steps < STEPS_MAX);
}

void rig_run(void) {
    rig_run_lane(CONTROLLER_OBJECTS);
    rig_run_lane(CONTROLLER_DIRECTORIES);
    rig_run_lane(CONTROLLER_OBJECTS);
}

void rig_run_for(int64_t ms) {
    int64_t end = clock_mono_ms(&rig.clock) + ms, now;
    rig_run();
    while ((now = clock_mono_ms(&rig.clock)) < end) {
        int64_t a = controller_step(rig.controller, CONTROLLER_OBJECTS);
        int64_t b = controller_step(rig.controller, CONTROLLER_DIRECTORIES);
        int64_t wait = a < b ? a : b;
        clock_advance(&rig.clock, wait < end - now ? wait : end - now);
    }
    rig_run();
}

/* ---- objects ---- */

static void create_with(const struct kind *k, const char *ticks, const struct resource_options *o) {
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024 * 1024);
    struct refusal r = { .arena = a };
    json_t *given = NULL, *made = NULL;
    int64_t revision;
    assert_ok(json_parse(str_of(with_quotes(ticks)), &given, &err));
    if (resource_create(&rig.env, k, a, given, o, &made, &revision, &r, &err) != ERR_OK)
        fail_msg("creating %s: %s", ticks, r.status ? r.message : err.detail);
    json_decref(given);
    json_decref(made);
}

void rig_create(const struct kind *k, const char *json_with_ticks) {
    const struct resource_options o = { 0 };
    create_with(k, json_with_ticks, &o);
}

void rig_tenant(const char *id, const char *type) {
    const struct resource_options o = { 0 };
    create_with(
        &kind_identity_provider,
        arena_printf(rig.arena, "{'metadata':{'name':'%s'},'spec':{'name':'%s','type':'%s'}}", id, id, type),
        &o);
}

void rig_mirror(const char *id, const char *type) {
    const struct resource_options o = { .trusted = true, .from_configuration = true };
    create_with(&kind_identity_provider,
                arena_printf(rig.arena,
                             "{'metadata':{'name':'%s','annotations':{'" RESOURCE_SOURCE_ANNOTATION
                             "':'configuration'}},'spec':{'name':'%s','type':'%s'}}",
                             id, id, type),
                &o);
}

void rig_remove(const struct kind *k, const char *name) {
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024 * 1024);
    const struct resource_delete o = { .from_configuration = true }; /* mirrors, too */
    struct refusal r = { .arena = a };
    json_t *gone = NULL;
    int64_t revision;
    bool removed;
    if (resource_remove(&rig.env, k, a, str_of(name), &o, &gone, &revision, &removed, &r, &err) != ERR_OK)
        fail_msg("removing %s: %s", name, r.status ? r.message : err.detail);
    json_decref(gone);
}

json_t *rig_get(const struct kind *k, const char *name) {
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(4 * STORE_OBJECT_MAX);
    struct store_object o;
    json_t *object = NULL;
    enum err_code rc = store_get(rig.store, a, str_of(k->plural), str_of(name), &o, &err);
    if (rc == ERR_NOT_FOUND)
        return NULL;
    assert_int_equal(rc, ERR_OK);
    assert_ok(json_parse(o.body, &object, &err));
    return object;
}

bool rig_has(const struct kind *k, const char *name) {
    json_t *object = rig_get(k, name);
    bool there = object != NULL;
    json_decref(object);
    return there;
}

int64_t rig_revision(void) {
    struct err err = { 0 };
    int64_t revision = 0;
    assert_ok(store_revision(rig.store, &revision, &err));
    return revision;
}

static enum err_code count_one(void *ctx, const struct store_object *o, struct err *err) {
    (void)o;
    (void)err;
    ++*(size_t *)ctx;
    return ERR_OK;
}

size_t rig_count(const struct kind *k, const char *index_key) {
    struct err err = { 0 };
    size_t count = 0;
    const struct store_query q = {
        .kind = str_of(k->plural), .key = str_of(index_key), .each = count_one, .ctx = &count
    };
    assert_ok(store_list(rig.store, &q, NULL, &err));
    return count;
}

struct str rig_tenant_key(const char *tenant) {
    return index_tenant(rig.arena, str_of(tenant));
}

struct rule_search {
    struct str line;
    size_t found;
};

static enum err_code look_at_rule(void *ctx, const struct store_object *o, struct err *err) {
    struct rule_search *s = ctx;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1024 * 1024);
    AUTO(strbuf_done) struct strbuf text = STRBUF(64 * 1024);
    struct rule_view rule;
    enum err_code rc = rule_read(a, o->body, &rule, err);
    if (rc != ERR_OK)
        return rc;
    strbuf_add(&text, rule.ptype);
    for (size_t i = 0; i < rule.len; i++)
        strbuf_addf(&text, ", %.*s", STR_FMT(rule.fields[i]));
    s->found += str_eq(strbuf_str(&text), s->line);
    return ERR_OK;
}

bool rig_has_rule(const char *line) {
    struct err err = { 0 };
    struct rule_search s = { .line = str_of(line) };
    const struct store_query q = { .kind = str_of(kind_rule.plural), .each = look_at_rule, .ctx = &s };
    assert_ok(store_list(rig.store, &q, NULL, &err));
    return s.found > 0;
}

size_t rig_rule_count(void) { return rig_count(&kind_rule, NULL); }

void rig_assert_text(const struct kind *k, const char *name, const char *path, const char *wanted) {
    json_t *object = rig_get(k, name);
    if (object == NULL)
        fail_msg("there is no %s %s", k->kind, name);
    struct str got = object_str_at(object, path);
    if (!str_eq(got, str_of(wanted)))
        fail_msg("%s of %s is \"%.*s\", wanted \"%s\"", path, name, STR_FMT(got), wanted);
    json_decref(object);
}
