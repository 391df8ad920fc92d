/* YAML text -> tree. libyaml's events are used directly: no aliases, so no entity explosion; no tags, so no types
 * beyond what the field tables ask for. */
#include "config/node.h"

#include <yaml.h>

struct builder {
    struct arena *arena;
    const char *source;
    struct cfg_problems *problems;
    yaml_parser_t *parser;
    struct cfg_node *root;
    struct cfg_node *open[CFG_DEPTH_MAX]; /* containers we are in */
    int key_line;
    size_t depth, nodes;
    const char *key; /* of the map at the top: read, its value not yet */
    bool done, refused;
};

int cfg_node_line(const struct cfg_node *n) { return n ? n->line : 0; }
const char *cfg_node_source(const struct cfg_node *n) { return n ? n->source : ""; }

const struct cfg_node *cfg_node_find(const struct cfg_node *map, const char *key) {
    if (map == NULL || map->kind != CFG_MAP)
        return NULL;
    for (const struct cfg_node *n = map->first; n != NULL; n = n->next)
        if (strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

bool cfg_node_is_absent(const struct cfg_node *n) {
    return n == NULL || n->kind == CFG_NULL || (n->kind == CFG_SCALAR && n->text_len == 0);
}

struct str cfg_node_str(const struct cfg_node *n) {
    return n->kind == CFG_SCALAR ? (struct str) { n->text, n->text_len } : STR_NULL;
}

void cfg_node_path(const struct cfg_node *n, struct strbuf *out) {
    const struct cfg_node *chain[CFG_DEPTH_MAX + 1];
    size_t len = 0;
    for (; n != NULL && n->parent != NULL && len < ARRAY_LEN(chain); n = n->parent)
        chain[len++] = n;
    while (len > 0) {
        n = chain[--len];
        if (n->key == NULL) {
            strbuf_addf(out, "[%zu]", n->index);
            continue;
        }
        if (out->len > 0)
            strbuf_addc(out, '.');
        strbuf_adds(out, n->key);
    }
}

static void refuse(struct builder *b, int line, const char *text) {
    if (!b->refused)
        cfg_problem_text(b->problems, b->source, line, "%s", text);
    b->refused = true;
}

static int line_of(const yaml_event_t *e) { return (int)e->start_mark.line + 1; }

/* Secrets stand in the tree as they stand in the file: they leave memory with it. */
static void wipe_tree(void *p) {
    struct cfg_node *n = p;
    if (n->text != NULL)
        secret_wipe(n->text, n->text_len);
    for (struct cfg_node *child = n->first; child != NULL; child = child->next)
        wipe_tree(child); /* at most CFG_DEPTH_MAX deep */
}

static struct cfg_node *add_node(struct builder *b, enum cfg_kind kind, int line) {
    struct cfg_node *n = arena_alloc(b->arena, sizeof *n);
    if (n == NULL || ++b->nodes > CFG_NODES_MAX) {
        refuse(b, line, "too large: more values than are taken");
        return NULL;
    }
    struct cfg_node *parent = b->depth ? b->open[b->depth - 1] : NULL;
    *n = (struct cfg_node) { .kind = kind, .line = line, .source = b->source, .parent = parent };
    if (parent == NULL) {
        b->root = n;
        return n;
    }
    n->key = b->key;
    n->index = parent->count++;
    if (b->key != NULL)
        n->line = b->key_line;
    b->key = NULL;
    if (parent->last != NULL)
        parent->last->next = n;
    else
        parent->first = n;
    parent->last = n;
    return n;
}

static bool wants_key(const struct builder *b) {
    return b->depth > 0 && b->open[b->depth - 1]->kind == CFG_MAP && b->key == NULL;
}

static void on_key(struct builder *b, const yaml_event_t *e) {
    const char *text = (const char *)e->data.scalar.value;
    struct str key = { text, e->data.scalar.length };
    const struct cfg_node *map = b->open[b->depth - 1];
    if (key.len == 0 || str_has_control(key)) {
        refuse(b, line_of(e), "a key that is empty or has control characters in it");
        return;
    }
    const struct cfg_node *before = cfg_node_find(map, text);
    if (before != NULL)
        cfg_problem_at(b->problems, map, text, "stands twice, in line %d and line %d; remove one",
                       before->line, line_of(e));
    if (map->count >= CFG_KEYS_MAX)
        refuse(b, line_of(e), "too many keys in one mapping");
    b->key = arena_strdup(b->arena, key);
    b->key_line = line_of(e);
    if (b->key == NULL)
        refuse(b, line_of(e), "too large for the memory it may take");
}

static bool is_null(const yaml_event_t *e) {
    static const char *const spellings[] = { "", "~", "null", "Null", "NULL" };
    for (size_t i = 0; e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && i < ARRAY_LEN(spellings); i++)
        if (strcmp((const char *)e->data.scalar.value, spellings[i]) == 0)
            return true;
    return false;
}

static void on_scalar(struct builder *b, const yaml_event_t *e) {
    struct str text = { (const char *)e->data.scalar.value, e->data.scalar.length };
    if (memchr(e->data.scalar.value, '\0', text.len) != NULL) {
        refuse(b, line_of(e), "a NUL character in a value");
        return;
    }
    if (wants_key(b)) {
        on_key(b, e);
        return;
    }
    struct cfg_node *n = add_node(b, is_null(e) ? CFG_NULL : CFG_SCALAR, line_of(e));
    if (n == NULL || n->kind == CFG_NULL)
        return;
    n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    n->text = arena_strdup(b->arena, text);
    n->text_len = n->text ? text.len : 0;
    if (n->text == NULL)
        refuse(b, n->line, "too large for the memory it may take");
}

static void on_open(struct builder *b, const yaml_event_t *e, enum cfg_kind kind) {
    if (wants_key(b)) {
        refuse(b, line_of(e), "a mapping or list cannot be a key");
        return;
    }
    if (b->depth >= CFG_DEPTH_MAX) {
        refuse(b, line_of(e), "nested too deeply");
        return;
    }
    struct cfg_node *n = add_node(b, kind, line_of(e));
    if (n != NULL)
        b->open[b->depth++] = n;
}

/* An explicit tag changes what a value means; "!" alone only says "a string". */
static bool has_tag(const yaml_event_t *e) {
    return (e->type == YAML_SCALAR_EVENT && e->data.scalar.tag != NULL) ||
           (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.tag != NULL) ||
           (e->type == YAML_SEQUENCE_START_EVENT && e->data.sequence_start.tag != NULL);
}

static bool has_anchor(const yaml_event_t *e) {
    return (e->type == YAML_SCALAR_EVENT && e->data.scalar.anchor != NULL) ||
           (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.anchor != NULL) ||
           (e->type == YAML_SEQUENCE_START_EVENT && e->data.sequence_start.anchor != NULL);
}

static void on_event(struct builder *b, const yaml_event_t *e) {
    if (has_tag(e)) {
        refuse(b, line_of(e), "YAML tags (!...) are not taken; put a value that begins with '!' in quotes");
        return;
    }
    if (has_anchor(e)) {
        refuse(b, line_of(e),
               "YAML anchors (&...) are not taken; put a value that begins with '&' in quotes");
        return;
    }
    switch (e->type) {
    case YAML_SCALAR_EVENT: on_scalar(b, e); return;
    case YAML_MAPPING_START_EVENT: on_open(b, e, CFG_MAP); return;
    case YAML_SEQUENCE_START_EVENT: on_open(b, e, CFG_SEQUENCE); return;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT: b->depth--; return;
    case YAML_ALIAS_EVENT:
        refuse(b, line_of(e),
               "YAML aliases (*...) are not taken; put a value that begins with '*' in quotes");
        return;
    case YAML_DOCUMENT_START_EVENT:
        if (b->root != NULL)
            refuse(b, line_of(e), "a second YAML document (---): only one is taken");
        return;
    case YAML_STREAM_END_EVENT: b->done = true; return;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT: return;
    }
}

static void on_parser_error(struct builder *b) {
    const yaml_parser_t *p = b->parser;
    const char *what = p->problem ? p->problem : "not YAML";
    int line = (int)(p->error == YAML_READER_ERROR ? 0 : p->problem_mark.line + 1);
    char text[256];
    bool tab = strstr(what, "cannot start any token") != NULL;
    (void)snprintf(text, sizeof text, "not YAML: %s%s%s%s", what, p->context ? ", " : "",
                   p->context ? p->context : "",
                   tab ? " (is there a tab? YAML is indented with blanks only)" : "");
    refuse(b, line, text);
}

static void build(struct builder *b) {
    while (!b->done && !b->refused) {
        yaml_event_t e;
        if (!yaml_parser_parse(b->parser, &e)) {
            on_parser_error(b);
            return;
        }
        on_event(b, &e);
        if (e.type == YAML_SCALAR_EVENT)
            secret_wipe(e.data.scalar.value, e.data.scalar.length);
        yaml_event_delete(&e);
    }
}

static bool looks_like_json(struct str text) {
    struct str s = str_trim(str_starts_with(text, STR("\xef\xbb\xbf")) ? str_from(text, 3) : text);
    return s.len > 0 && (s.ptr[0] == '{' || s.ptr[0] == '[');
}

static int hex4(struct str s) {
    int n = 0;
    if (s.len < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        char c = ascii_lower(s.ptr[i]);
        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'f'))
            return -1;
        n = n * 16 + (ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return n;
}

/* An escape at `s` that is a UTF-16 pair in JSON is one \U escape in YAML. Returns how much of `s` it took, or 0. */
static size_t add_surrogate_pair(struct str s, struct strbuf *out) {
    if (s.len < 12 || !str_starts_with(s, STR("\\u")) || !str_starts_with(str_from(s, 6), STR("\\u")))
        return 0;
    int high = hex4(str_from(s, 2)), low = hex4(str_from(s, 8));
    if (high < 0xd800 || high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return 0;
    strbuf_addf(out, "\\U%08x", 0x10000U + (unsigned)(high - 0xd800) * 0x400U + (unsigned)(low - 0xdc00));
    return 12;
}

/* JSON is YAML but for two things: tabs in front of it (libyaml takes those behind a bracket), and characters written as two
 * \u escapes. Both are rewritten; lines stay where they are. */
static void json_to_yaml(struct str text, struct strbuf *out) {
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        size_t pair = quoted && c == '\\' ? add_surrogate_pair(str_from(text, i), out) : 0;
        if (pair > 0) {
            i += pair - 1;
        } else if (quoted && c == '\\' && i + 1 < text.len) {
            strbuf_add(out, str_sub(text, i++, 2));
        } else {
            if (c == '"')
                quoted = !quoted;
            strbuf_addc(out, c == '\t' && !quoted ? ' ' : c);
        }
    }
}

enum err_code cfg_parse(struct arena *a, struct str text, const char *source, const struct cfg_node **ret,
                        struct cfg_problems *problems, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf json = STRBUF(CFG_FILE_MAX);
    yaml_parser_t parser;
    size_t before = problems->len;
    if (text.len > CFG_FILE_MAX)
        return err_set(err, ERR_LIMIT, "%s: over %d bytes", source, CFG_FILE_MAX);
    if (looks_like_json(text)) {
        json_to_yaml(text, &json);
        text = strbuf_str(&json);
        enum err_code rc = strbuf_check(&json, err);
        if (rc != ERR_OK)
            return rc;
    }
    if (!yaml_parser_initialize(&parser))
        return err_set(err, ERR_NOMEM, "a YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len ? text.ptr : ""), text.len);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    struct builder b = { .arena = a, .problems = problems, .parser = &parser };
    b.source = arena_strdup(a, str_of(source));
    if (b.source != NULL)
        build(&b);
    yaml_parser_delete(&parser);
    if (b.root != NULL && !arena_defer(a, wipe_tree, b.root))
        return err_set(err, ERR_NOMEM, "%s", source);
    if (!b.refused && b.root == NULL)
        refuse(&b, 0, "is empty");
    if (problems->len > before || b.refused)
        return err_set(err, ERR_INVALID, "%s: cannot be taken", source);
    *ret = b.root;
    return ERR_OK;
}

enum err_code cfg_parse_file(struct arena *a, const char *path, const struct cfg_node **ret,
                             struct cfg_problems *problems, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(CFG_FILE_MAX);
    enum err_code rc = file_read(path, CFG_FILE_MAX, &text, err);
    return rc == ERR_OK ? cfg_parse(a, strbuf_str(&text), path, ret, problems, err) : rc;
}
