/* Tree -> structs, by field tables. Nothing stops at the first problem. */
#include "config/node.h"

#include <stdio.h>
#include <stdlib.h>

struct decoder {
    struct arena *arena;
    struct cfg_problems *problems;
};

/* `demand`: keys that must stand in the table are asked for. */
static void decode_table(struct decoder *d, const struct cfg_node *n, const struct cfg_field *fields,
                         bool demand, unsigned char *out);

const char *cfg_secret_key(const struct cfg_field *f, enum cfg_secret_form form, char out[CFG_KEY_MAX]) {
    static const char *const camel[] = { "File", "Env" }, *const snake[] = { "_file", "_env" };
    /* Names that do not follow the rule stand in the table (dex: hashFromEnv). */
    if (f->choices != NULL)
        return f->choices[form];
    bool is_snake = strchr(f->key, '_') != NULL;
    (void)snprintf(out, CFG_KEY_MAX, "%s%s", f->key, is_snake ? snake[form] : camel[form]);
    return out;
}

static bool field_has_key(const struct cfg_field *f, const char *key) {
    char other[CFG_KEY_MAX];
    if (strcmp(f->key, key) == 0)
        return true;
    return f->type == CFG_SECRET && (strcmp(cfg_secret_key(f, CFG_SECRET_FILE, other), key) == 0 ||
                                     strcmp(cfg_secret_key(f, CFG_SECRET_ENV, other), key) == 0);
}

/* ---- the nearest valid key ---- */
/* Levenshtein's distance; letter case and '_' cost nothing, they are what people mix up. */
static size_t distance(const char *a, const char *b) {
    size_t row[CFG_KEY_MAX + 1], len = strlen(b);
    if (len > CFG_KEY_MAX || strlen(a) > CFG_KEY_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t substitute = diagonal + (ascii_lower(a[i]) != ascii_lower(b[j]));
            diagonal = row[j + 1];
            size_t best = substitute < row[j] + 1 ? substitute : row[j] + 1;
            row[j + 1] = best < diagonal + 1 ? best : diagonal + 1;
        }
    }
    return row[len];
}

struct nearest {
    const char *wanted;
    char best[CFG_KEY_MAX];
    size_t distance;
};

static void nearest_try(struct nearest *n, const char *candidate) {
    size_t d = distance(n->wanted, candidate);
    /* Farther than a third of the letters is another word. */
    size_t len = strlen(candidate), most = len < 3 ? 1 : len < 7 ? 2 : len / 3;
    bool prefix = strlen(n->wanted) >= 3 && str_starts_with_nocase(str_of(candidate), str_of(n->wanted));
    if (prefix && d > most)
        d = most;
    if (d <= most && d < n->distance) {
        n->distance = d;
        (void)snprintf(n->best, sizeof n->best, "%s", candidate);
    }
}

static void nearest_key(const struct cfg_field *fields, struct nearest *n) {
    char other[CFG_KEY_MAX];
    for (const struct cfg_field *f = fields; f->type != CFG_END; f++) {
        nearest_try(n, f->key);
        if (f->type == CFG_SECRET) {
            nearest_try(n, cfg_secret_key(f, CFG_SECRET_FILE, other));
            nearest_try(n, cfg_secret_key(f, CFG_SECRET_ENV, other));
        }
    }
}

static void unknown_key(struct decoder *d, const struct cfg_node *child, const struct cfg_field *fields) {
    struct nearest n = { .wanted = child->key, .distance = SIZE_MAX };
    AUTO(strbuf_done) struct strbuf list = STRBUF(CFG_PATH_MAX);
    nearest_key(fields, &n);
    if (n.best[0] != '\0') {
        cfg_problem_at(d->problems, child, NULL, "unknown key; did you mean \"%s\"?", n.best);
        return;
    }
    for (const struct cfg_field *f = fields; f->type != CFG_END; f++)
        if (f->type != CFG_IGNORED)
            strbuf_addf(&list, "%s%s", list.len ? ", " : "", f->key);
    cfg_problem_at(d->problems, child, NULL, "unknown key; known here: %s", strbuf_c(&list));
}

/* ---- scalars ---- */
static const char *copy(struct decoder *d, struct str s) { return arena_strdup(d->arena, s); }

static bool need_scalar(struct decoder *d, const struct cfg_node *n) {
    if (n->kind == CFG_SCALAR)
        return true;
    cfg_problem_at(d->problems, n, NULL, "a single value belongs here, not a %s",
                   n->kind == CFG_MAP ? "mapping" : "list");
    return false;
}

static bool parse_bool(struct str s, bool *ret) {
    static const char *const yes[] = { "true", "yes", "on" }, *const no[] = { "false", "no", "off" };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq_nocase(s, str_of(yes[i])) || str_eq_nocase(s, str_of(no[i]))) {
            *ret = str_eq_nocase(s, str_of(yes[i]));
            return true;
        }
    }
    return false;
}

static bool decode_bool(struct decoder *d, const struct cfg_node *n, struct str s, void *out) {
    if (n->quoted || !parse_bool(s, out)) {
        cfg_problem_at(d->problems, n, NULL, "write true or false%s", n->quoted ? ", without quotes" : "");
        return false;
    }
    return true;
}

static void decode_int(struct decoder *d, const struct cfg_field *f, const struct cfg_node *n, struct str s,
                       int64_t *out) {
    struct err err = { 0 };
    bool any = f->min == 0 && f->max == 0;
    if (parse_i64(s, any ? INT64_MIN : f->min, any ? INT64_MAX : f->max, out, &err) != ERR_OK || n->quoted)
        cfg_problem_at(d->problems, n, NULL, "%s",
                       n->quoted ? "write the number without quotes" : err.detail);
}

static void decode_duration(struct decoder *d, const struct cfg_field *f, const struct cfg_node *n,
                            struct str s, int64_t *out) {
    struct err err = { 0 };
    int64_t ms = 0;
    bool any = f->min == 0 && f->max == 0;
    if (parse_duration_ms(s, &ms, &err) != ERR_OK)
        cfg_problem_at(d->problems, n, NULL, "%s", err.detail);
    else if (ms % 1000 != 0)
        cfg_problem_at(d->problems, n, NULL, "whole seconds belong here");
    else if (!any && (ms / 1000 < f->min || ms / 1000 > f->max))
        cfg_problem_at(d->problems, n, NULL, "not within %llds and %llds", (long long)f->min,
                       (long long)f->max);
    else
        *out = ms / 1000;
}

/* Index of `s` in the choices; -1 after telling what they are. */
static int find_choice(struct decoder *d, const struct cfg_field *f, const struct cfg_node *n, struct str s) {
    AUTO(strbuf_done) struct strbuf list = STRBUF(CFG_PATH_MAX);
    for (int i = 0; f->choices[i] != NULL; i++) {
        if (str_eq(s, str_of(f->choices[i])))
            return i;
        strbuf_addf(&list, "%s%s", i ? ", " : "", f->choices[i]);
    }
    cfg_problem_at(d->problems, n, NULL, "write one of: %s", strbuf_c(&list));
    return -1;
}

static void decode_string(struct decoder *d, const struct cfg_field *f, const struct cfg_node *n,
                          struct str s, const char **out) {
    if (f->choices == NULL || find_choice(d, f, n, s) >= 0)
        *out = copy(d, s);
}

static void decode_scalar(struct decoder *d, const struct cfg_field *f, const struct cfg_node *n,
                          struct str s, void *out) {
    switch (f->type) {
    case CFG_STRING: decode_string(d, f, n, s, out); return;
    case CFG_BOOL: (void)decode_bool(d, n, s, out); return;
    case CFG_INT: decode_int(d, f, n, s, out); return;
    case CFG_DURATION_S: decode_duration(d, f, n, s, out); return;
    case CFG_ENUM: *(int *)out = find_choice(d, f, n, s); return;
    case CFG_SECRET:
    case CFG_STRINGS:
    case CFG_TABLE:
    case CFG_LIST:
    case CFG_NODE:
    case CFG_IGNORED:
    case CFG_END: return;
    }
}

/* ---- strings, secrets, lists ---- */
static void decode_strings(struct decoder *d, const struct cfg_field *f, const struct cfg_node *n,
                           struct cfg_strings *out) {
    bool single = n->kind == CFG_SCALAR;
    if (n->kind == CFG_MAP) {
        cfg_problem_at(d->problems, n, NULL, "a list of values belongs here, not a mapping");
        return;
    }
    size_t count = single ? 1 : n->count;
    const char **items = arena_array(d->arena, count ? count : 1, sizeof *items);
    if (items == NULL)
        return;
    const struct cfg_node *item = single ? n : n->first;
    for (size_t i = 0; i < count; i++, item = item->next) {
        if (item->kind != CFG_SCALAR || item->text_len == 0) {
            cfg_problem_at(d->problems, item, NULL, "a text belongs here");
            return;
        }
        if (f->choices != NULL && find_choice(d, f, item, cfg_node_str(item)) < 0)
            return;
        items[i] = copy(d, cfg_node_str(item));
    }
    *out = (struct cfg_strings) { items, count };
}

static void secret_done_deferred(void *p) { secret_done(p); }

/* The arena gets a handle of its own on the bytes: `out` may lie anywhere. */
static void keep_secret(struct decoder *d, struct secret s, struct secret *out) {
    struct secret *handle = arena_alloc(d->arena, sizeof *handle);
    if (handle == NULL) {
        secret_done(&s);
        return;
    }
    *handle = s;
    if (arena_defer(d->arena, secret_done_deferred, handle))
        *out = s;
}

static void secret_from_file(struct decoder *d, const struct cfg_node *n, struct secret *ret) {
    char path[4096];
    struct err err = { 0 };
    struct str name = cfg_node_str(n);
    if (name.len >= sizeof path) {
        cfg_problem_at(d->problems, n, NULL, "a path too long");
        return;
    }
    (void)snprintf(path, sizeof path, "%.*s", STR_FMT(name));
    /* Not private_only: Kubernetes mounts Secrets 0644 behind symlinks, and the pod is the border there. */
    if (file_read_secret(path, CFG_SECRET_MAX, false, ret, &err) != ERR_OK)
        cfg_problem_at(d->problems, n, NULL, "%s", err.detail);
    else if (ret->len == 0)
        cfg_problem_at(d->problems, n, NULL, "%s is empty", path);
}

static void secret_from_env(struct decoder *d, const struct cfg_node *n, struct secret *ret) {
    struct err err = { 0 };
    const char *value = getenv(n->text);
    if (value == NULL || value[0] == '\0')
        cfg_problem_at(d->problems, n, NULL, "the environment has no variable of that name");
    else if (secret_copy(str_of(value), ret, &err) != ERR_OK)
        cfg_problem_at(d->problems, n, NULL, "%s", err.detail);
}

static void decode_secret(struct decoder *d, const struct cfg_field *f, const struct cfg_node *map,
                          bool demand, struct secret *out) {
    char file_key[CFG_KEY_MAX], env_key[CFG_KEY_MAX];
    const char *keys[] = { f->key, cfg_secret_key(f, CFG_SECRET_FILE, file_key),
                           cfg_secret_key(f, CFG_SECRET_ENV, env_key) };
    const struct cfg_node *found = NULL;
    size_t form = 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct cfg_node *n = cfg_node_find(map, keys[i]);
        if (cfg_node_is_absent(n))
            continue;
        if (found != NULL) {
            cfg_problem_at(d->problems, n, NULL, "give only one of %s, %s and %s", keys[0], keys[1], keys[2]);
            return;
        }
        found = n;
        form = i;
    }
    if (found == NULL) {
        if (demand && (f->flags & CFG_REQUIRED))
            cfg_problem_at(d->problems, map, f->key, "is missing (or give %s or %s)", keys[1], keys[2]);
        return;
    }
    struct secret s = { 0 };
    struct err err = { 0 };
    if (!need_scalar(d, found))
        return;
    if (form == 1)
        secret_from_file(d, found, &s);
    else if (form == 2)
        secret_from_env(d, found, &s);
    else if (secret_copy(cfg_node_str(found), &s, &err) != ERR_OK)
        cfg_problem_at(d->problems, found, NULL, "%s", err.detail);
    if (s.ptr != NULL)
        keep_secret(d, s, out);
}

static void decode_list(struct decoder *d, const struct cfg_field *f, const struct cfg_node *n,
                        struct cfg_list *out) {
    if (n->kind != CFG_SEQUENCE) {
        cfg_problem_at(d->problems, n, NULL, "a list belongs here (each entry begins with \"- \")");
        return;
    }
    unsigned char *items = arena_array(d->arena, n->count ? n->count : 1, f->elem_size);
    if (items == NULL)
        return;
    *out = (struct cfg_list) { items, n->count };
    size_t i = 0;
    for (const struct cfg_node *item = n->first; item != NULL; item = item->next, i++) {
        if (item->kind == CFG_MAP)
            decode_table(d, item, f->fields, true, items + i * f->elem_size);
        else
            cfg_problem_at(d->problems, item, NULL, "a mapping belongs here (\"key: value\" lines)");
    }
}

/* ---- fields ---- */
static void fill_fallback(struct decoder *d, const struct cfg_field *f, const struct cfg_node *map,
                          void *out) {
    /* An enum that nobody chose is not its first choice. */
    if (f->type == CFG_ENUM)
        *(int *)out = -1;
    if (f->fallback == NULL)
        return;
    struct cfg_node n = { .kind = CFG_SCALAR,
                          .line = cfg_node_line(map),
                          .source = cfg_node_source(map),
                          .parent = map,
                          .key = f->key };
    if (f->type == CFG_STRINGS) {
        const char **items = arena_array(d->arena, 1, sizeof *items);
        if (items != NULL && (items[0] = copy(d, str_of(f->fallback))) != NULL)
            *(struct cfg_strings *)out = (struct cfg_strings) { items, 1 };
        return;
    }
    decode_scalar(d, f, &n, str_of(f->fallback), out);
}

static void decode_absent(struct decoder *d, const struct cfg_field *f, const struct cfg_node *map,
                          bool demand, unsigned char *out) {
    bool is_missing = demand && (f->flags & CFG_REQUIRED);
    if (is_missing)
        cfg_problem_at(d->problems, map, f->key, "is missing");
    if (f->type == CFG_TABLE)
        decode_table(d, NULL, f->fields, false, out);
    else if (!is_missing)
        fill_fallback(d, f, map, out);
}

static void decode_field(struct decoder *d, const struct cfg_field *f, const struct cfg_node *map,
                         bool demand, void *out) {
    if (f->type == CFG_SECRET) {
        decode_secret(d, f, map, demand, out);
        return;
    }
    const struct cfg_node *n = cfg_node_find(map, f->key);
    bool absent = cfg_node_is_absent(n);
    if (f->type == CFG_IGNORED) {
        if (!absent)
            cfg_warning_at(d->problems, n, NULL, "has no effect%s%s", f->help ? ": " : "",
                           f->help ? f->help : "");
        return;
    }
    if (absent) {
        decode_absent(d, f, map, demand, out);
        return;
    }
    if (f->flags & CFG_DEPRECATED)
        cfg_warning_at(d->problems, n, NULL, "is outdated: %s", f->help ? f->help : "see the documentation");
    switch (f->type) {
    case CFG_TABLE:
        if (n->kind == CFG_MAP)
            decode_table(d, n, f->fields, true, out);
        else
            cfg_problem_at(d->problems, n, NULL, "a mapping belongs here (\"key: value\" lines)");
        return;
    case CFG_LIST: decode_list(d, f, n, out); return;
    case CFG_STRINGS: decode_strings(d, f, n, out); return;
    case CFG_NODE: *(const struct cfg_node **)out = n; return;
    case CFG_STRING:
    case CFG_BOOL:
    case CFG_INT:
    case CFG_DURATION_S:
    case CFG_ENUM:
        if (need_scalar(d, n))
            decode_scalar(d, f, n, cfg_node_str(n), out);
        return;
    case CFG_SECRET:
    case CFG_IGNORED:
    case CFG_END: return;
    }
}

static void decode_table(struct decoder *d, const struct cfg_node *n, const struct cfg_field *fields,
                         bool demand, unsigned char *out) {
    for (const struct cfg_node *child = n ? n->first : NULL; child != NULL; child = child->next) {
        const struct cfg_field *f = fields;
        while (f->type != CFG_END && !field_has_key(f, child->key))
            f++;
        if (f->type == CFG_END)
            unknown_key(d, child, fields);
    }
    for (const struct cfg_field *f = fields; f->type != CFG_END; f++)
        decode_field(d, f, n, demand, out + f->offset);
}

enum err_code cfg_decode(struct arena *a, const struct cfg_node *n, const struct cfg_field *fields, void *out,
                         size_t size, struct cfg_problems *problems, struct err *err) {
    struct decoder d = { a, problems };
    size_t before = problems->len;
    memset(out, 0, size);
    if (n != NULL && n->kind != CFG_MAP && n->kind != CFG_NULL)
        cfg_problem_at(problems, n, NULL, "a mapping belongs here (\"key: value\" lines)");
    else
        decode_table(&d, n, fields, true, out);
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "the configuration is larger than its memory");
    if (problems->len > before)
        return err_set(err, ERR_INVALID, "%zu problems in %s", problems->len - before, cfg_node_source(n));
    return ERR_OK;
}
