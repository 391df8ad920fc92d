#include "unit/cli/import_rig.h"

#include <stdio.h>
#include <stdlib.h>

static const char *variable(const char *name) {
    static const struct {
        const char *name, *value;
    } set[] = { { "CONSOLE_SECRET", "the-secret-of-the-console" },
                { "LDAP_PASSWORD", "the-bind-password-$1" },
                { "EMPTY", "" } };
    for (size_t i = 0; i < ARRAY_LEN(set); i++)
        if (strcmp(set[i].name, name) == 0)
            return set[i].value;
    return NULL;
}

/* As the connectors do: types that there are, and what a directory must be told. */
static const char *check_connector(void *ctx, struct arena *a, struct str type, struct str config) {
    (void)ctx;
    if (str_eq(type, STR("tke")))
        return config.len == 0 ? NULL : "unknown key";
    if (!str_eq(type, STR("ldap")))
        return arena_printf(a, "there is no type \"%.*s\"", STR_FMT(type));
    return str_contains(config, STR("\"host\"")) ? NULL : "host: is missing";
}

void rig_init(struct rig *r) {
    struct err err = { 0 };
    const struct store_options memory = { .type = "memory" };
    const unsigned char key[KEYRING_KEY_SIZE] = { 1, 2, 3 };
    *r = (struct rig) { .arena = arena_new(256 * 1024 * 1024) };
    clock_fixed_init(&r->clock, (int64_t)RIG_NOW * 1000);
    assert_non_null(r->arena);
    assert_ok(store_open(&memory, &r->store, &err));
    assert_ok(keyring_from_key(key, &r->keyring, &err));
    r->env = (struct resource_env) { .store = r->store,
                                     .keyring = r->keyring,
                                     .clock = &r->clock,
                                     .random = random_system(),
                                     .check_connector = check_connector,
                                     .keep_keys_on_password_change = true };
    r->o = (struct import_options) { .config = &r->config, .tenant = "default", .variable = variable };
}

void rig_done(struct rig *r) {
    store_close(r->store);
    keyring_free(r->keyring);
    arena_free(r->arena);
    free(r->report);
}

static bool is_file(const char *source) { return strncmp(source, "tests/", 6) == 0; }

static enum err_code read_source(struct rig *r, const char *source, struct err *err) {
    return is_file(source) ? import_read_file(&r->m, source, err)
                           : import_read_text(&r->m, str_of(source), err);
}

int rig_run(struct rig *r, const char *const *sources) {
    struct err err = { 0 };
    free(r->report);
    r->report = NULL;
    r->o.report = open_memstream(&r->report, &r->report_size);
    assert_non_null(r->o.report);
    assert_ok(import_init(&r->m, &r->o, &r->env, &err));
    for (; *sources != NULL; sources++)
        assert_ok(read_source(r, *sources, &err));
    assert_ok(import_apply(&r->m, &err));
    import_report_summary(&r->m);
    int status = import_status(&r->m);
    import_done(&r->m);
    (void)fclose(r->o.report);
    return status;
}

int rig_import(struct rig *r, const char *source) {
    return rig_run(r, (const char *const[]) { source, NULL });
}

const char *rig_refusal(struct rig *r, const char *text) {
    struct err err = { 0 };
    int64_t before = rig_revision(r);
    assert_ok(import_init(&r->m, &r->o, &r->env, &err));
    assert_int_not_equal(read_source(r, text, &err), ERR_OK);
    import_done(&r->m);
    assert_int_equal(rig_revision(r), before);
    const char *why = arena_strdup(r->arena, str_of(err.detail));
    assert_non_null(why);
    return why;
}

void rig_assert_line(const struct rig *r, const char *line) {
    struct str rest = { r->report, r->report_size }, one;
    while (str_next(&rest, '\n', &one))
        if (str_eq(one, str_of(line)))
            return;
    fail_msg("no line \"%s\" in\n%s", line, r->report);
}

void rig_assert_silent(const struct rig *r, const char *text) {
    if (strstr(r->report, text) != NULL)
        fail_msg("\"%s\" is in\n%s", text, r->report);
}

struct store_object rig_get(struct rig *r, const struct kind *k, const char *name) {
    struct store_object o = { .body = STR_NULL };
    struct err err = { 0 };
    enum err_code rc = store_get_whole(r->store, r->arena, str_of(k->plural), str_of(name), &o, &err);
    if (rc != ERR_NOT_FOUND)
        assert_int_equal(rc, ERR_OK);
    return rc == ERR_OK ? o : (struct store_object) { .body = STR_NULL };
}

struct str rig_text(struct rig *r, const struct kind *k, const char *name, const char *path) {
    struct store_object o = rig_get(r, k, name);
    json_t *object = NULL;
    struct err err = { 0 };
    if (o.body.ptr == NULL)
        fail_msg("there is no %s %s", k->kind, name);
    assert_ok(json_parse(o.body, &object, &err));
    const json_t *v = object_at(object, path);
    char *printed = json_is_string(v) ? NULL : json_print(v);
    struct str text = v == NULL ? STR_NULL
                                : arena_str(r->arena, json_is_string(v) ? object_str_at(object, path)
                                                                        : str_of(printed));
    free(printed);
    json_decref(object);
    return text;
}

int64_t rig_revision(struct rig *r) {
    int64_t revision = 0;
    struct err err = { 0 };
    assert_ok(store_revision(r->store, &revision, &err));
    return revision;
}

static enum err_code count_one(void *ctx, const struct store_object *o, struct err *err) {
    (void)o;
    (void)err;
    *(size_t *)ctx += 1;
    return ERR_OK;
}

size_t rig_count(struct rig *r, const struct kind *k) {
    size_t count = 0;
    struct err err = { 0 };
    const struct store_query q = { .kind = str_of(k->plural), .each = count_one, .ctx = &count };
    assert_ok(store_list(r->store, &q, NULL, &err));
    return count;
}

struct wanted_rule {
    const char *const *fields;
    bool found;
};

static enum err_code look_at_rule(void *ctx, const struct store_object *o, struct err *err) {
    struct wanted_rule *w = ctx;
    AUTO_FREE(arena_free) struct arena *a = arena_new(65536);
    struct rule_view rule;
    enum err_code rc = rule_read(a, o->body, &rule, err);
    if (rc != ERR_OK)
        return rc;
    bool same = str_eq(rule.ptype, str_of(w->fields[0]));
    size_t i = 0;
    for (; w->fields[i + 1] != NULL; i++)
        same = same && i < rule.len && str_eq(rule.fields[i], str_of(w->fields[i + 1]));
    w->found = w->found || (same && i == rule.len);
    return ERR_OK;
}

bool rig_has_rule(struct rig *r, const char *const *fields) {
    struct wanted_rule w = { fields, false };
    struct err err = { 0 };
    const struct store_query q = { .kind = str_of(kind_rule.plural), .each = look_at_rule, .ctx = &w };
    assert_ok(store_list(r->store, &q, NULL, &err));
    return w.found;
}
