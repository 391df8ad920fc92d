#include "config/node.h"

#include <stdio.h>

enum { CFG_PROBLEM_MEMORY = 1024 * 1024, CFG_TEXT_MAX = 512 };

enum err_code cfg_problems_init(struct cfg_problems *p, struct err *err) {
    *p = (struct cfg_problems) { .arena = arena_new(CFG_PROBLEM_MEMORY) };
    return p->arena ? ERR_OK : err_set(err, ERR_NOMEM, "a list of problems");
}

void cfg_problems_done(struct cfg_problems *p) {
    arena_free(p->arena);
    *p = (struct cfg_problems) { 0 };
}

/* The list grows by doubling, at every power of two; old lists stay in the arena. NULL: no memory. */
static struct cfg_problem *grow(struct arena *a, struct cfg_problem *items, size_t len) {
    if (len != 0 && (len & (len - 1)) != 0)
        return items;
    struct cfg_problem *grown = arena_array(a, len ? len * 2 : 1, sizeof *grown);
    if (grown != NULL && len != 0)
        memcpy(grown, items, len * sizeof *items);
    return grown;
}

static void add(struct cfg_problems *p, bool warning, const char *source, int line, const char *path,
                const char *text) {
    struct cfg_problem **list = warning ? &p->warning_items : &p->items;
    size_t *len = warning ? &p->warnings : &p->len;
    /* More than anybody reads at once: the count still says that it is not all right. */
    if (*len >= CFG_PROBLEMS_MAX)
        return;
    struct cfg_problem item = { arena_strdup(p->arena, str_of(source)), line,
                                arena_strdup(p->arena, str_of(path)), arena_strdup(p->arena, str_of(text)) };
    struct cfg_problem *grown = grow(p->arena, *list, *len);
    if (grown == NULL || item.source == NULL || item.path == NULL || item.text == NULL)
        return;
    grown[(*len)++] = item;
    *list = grown;
}

static int line_of(const struct cfg_node *n, const char *key) {
    const struct cfg_node *child = key ? cfg_node_find(n, key) : NULL;
    return cfg_node_line(child ? child : n);
}

PRINTF(5, 0)
static void add_at(struct cfg_problems *p, bool warning, const struct cfg_node *n, const char *key,
                   const char *fmt, va_list args) {
    char text[CFG_TEXT_MAX];
    AUTO(strbuf_done) struct strbuf path = STRBUF(CFG_PATH_MAX);
    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    cfg_node_path(n, &path);
    if (key != NULL) {
        if (path.len > 0 && key[0] != '[')
            strbuf_addc(&path, '.');
        strbuf_adds(&path, key);
    }
    add(p, warning, cfg_node_source(n), line_of(n, key), strbuf_c(&path), text);
}

void cfg_problem_at(struct cfg_problems *p, const struct cfg_node *n, const char *key, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    add_at(p, false, n, key, fmt, args);
    va_end(args);
}

void cfg_warning_at(struct cfg_problems *p, const struct cfg_node *n, const char *key, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    add_at(p, true, n, key, fmt, args);
    va_end(args);
}

void cfg_problem_text(struct cfg_problems *p, const char *source, int line, const char *fmt, ...) {
    char text[CFG_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    va_end(args);
    add(p, false, source, line, "", text);
}

static void print_list(const struct cfg_problem *items, size_t len, const char *kind, struct strbuf *out) {
    for (size_t i = 0; i < len; i++) {
        strbuf_adds(out, items[i].source);
        if (items[i].line > 0)
            strbuf_addf(out, ":%d", items[i].line);
        strbuf_adds(out, items[i].source[0] ? ": " : "");
        strbuf_adds(out, kind);
        if (items[i].path[0] != '\0') {
            strbuf_adds(out, items[i].path);
            strbuf_add(out, STR(": "));
        }
        strbuf_adds(out, items[i].text);
        strbuf_addc(out, '\n');
    }
    if (len >= CFG_PROBLEMS_MAX)
        strbuf_addf(out, "(only the first %d are shown)\n", CFG_PROBLEMS_MAX);
}

void cfg_problems_print(const struct cfg_problems *p, struct strbuf *out) {
    print_list(p->items, p->len, "", out);
    print_list(p->warning_items, p->warnings, "warning: ", out);
}
