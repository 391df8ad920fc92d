/* structs -> YAML, and what changed between two of them. */
#include "config/node.h"
#include "tkeauth/log.h"

static const void *at(const void *p, size_t offset) { return (const unsigned char *)p + offset; }

static void add_indent(struct strbuf *out, int indent) { strbuf_addf(out, "%*s", indent, ""); }

/* The largest unit that divides it: what parse_duration_ms reads back. */
static void add_duration(struct strbuf *out, int64_t s) {
    if (s != 0 && s % 3600 == 0)
        strbuf_addf(out, "%lldh", (long long)(s / 3600));
    else if (s != 0 && s % 60 == 0)
        strbuf_addf(out, "%lldm", (long long)(s / 60));
    else
        strbuf_addf(out, "%llds", (long long)s);
}

static void add_strings(struct strbuf *out, const struct cfg_strings *list) {
    strbuf_addc(out, '[');
    for (size_t i = 0; i < list->len; i++) {
        if (i > 0)
            strbuf_add(out, STR(", "));
        json_add_string(out, str_of(list->items[i]));
    }
    strbuf_addc(out, ']');
}

/* Plain in every context of YAML, and what numbers, booleans and durations are made of. */
static bool is_plain_safe(struct str s) {
    if (str_eq(s, STR("-")))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != '_' && s.ptr[i] != '+' &&
            (s.ptr[i] != '-' || i + 1 == s.len))
            return false;
    return true;
}

/* A tree in one line, as one of two notations. */
struct notation {
    bool (*is_bare)(const struct cfg_node *n); /* a scalar that is written without quotes */
    struct str comma, colon;
};

static bool is_yaml_word(const struct cfg_node *n) { return !n->quoted && is_plain_safe(cfg_node_str(n)); }

/* What is no text in YAML and in JSON. */
static bool is_json_word(const struct cfg_node *n) {
    struct str s = cfg_node_str(n);
    struct err ignored;
    int64_t number;
    if (n->quoted)
        return false;
    if (str_eq(s, STR("true")) || str_eq(s, STR("false")))
        return true;
    return parse_i64(s, 0, INT64_MAX, &number, &ignored) == ERR_OK && (s.len == 1 || s.ptr[0] != '0');
}

static const struct notation flow_yaml = { is_yaml_word, { ", ", 2 }, { ": ", 2 } };
static const struct notation json = { is_json_word, { ",", 1 }, { ":", 1 } };

/* The owner of a CFG_NODE knows its keys, we do not. At most CFG_DEPTH_MAX deep. */
static void add_node(struct strbuf *out, const struct cfg_node *n, const struct notation *as, bool hidden) {
    hidden = hidden || (n->key != NULL && log_is_sensitive(str_of(n->key)));
    if (n->kind == CFG_NULL) {
        strbuf_add(out, STR("null"));
    } else if (n->kind == CFG_SCALAR) {
        if (hidden || !as->is_bare(n))
            json_add_string(out, hidden ? STR("***") : cfg_node_str(n));
        else
            strbuf_add(out, cfg_node_str(n));
    } else {
        bool is_map = n->kind == CFG_MAP;
        strbuf_addc(out, is_map ? '{' : '[');
        for (const struct cfg_node *child = n->first; child != NULL; child = child->next) {
            if (child != n->first)
                strbuf_add(out, as->comma);
            if (is_map) {
                json_add_string(out, str_of(child->key));
                strbuf_add(out, as->colon);
            }
            add_node(out, child, as, hidden);
        }
        strbuf_addc(out, is_map ? '}' : ']');
    }
}

void cfg_node_print_json(const struct cfg_node *n, struct strbuf *out) { add_node(out, n, &json, false); }

/* False: there is nothing to show. */
static bool has_value(const struct cfg_field *f, const void *value) {
    switch (f->type) {
    case CFG_STRING: return *(const char *const *)value != NULL;
    case CFG_SECRET: return ((const struct secret *)value)->ptr != NULL;
    case CFG_ENUM: return *(const int *)value >= 0;
    case CFG_NODE: return *(const struct cfg_node *const *)value != NULL;
    case CFG_LIST: return ((const struct cfg_list *)value)->len > 0;
    case CFG_STRINGS: return ((const struct cfg_strings *)value)->len > 0;
    case CFG_BOOL:
    case CFG_INT:
    case CFG_DURATION_S:
    case CFG_TABLE: return true;
    case CFG_IGNORED:
    case CFG_END: return false;
    }
    return false;
}

static void add_value(struct strbuf *out, const struct cfg_field *f, const void *value) {
    switch (f->type) {
    case CFG_STRING: json_add_string(out, str_of(*(const char *const *)value)); return;
    case CFG_SECRET: strbuf_add(out, STR("\"***\"")); return;
    case CFG_BOOL: strbuf_adds(out, *(const bool *)value ? "true" : "false"); return;
    case CFG_INT: strbuf_add_i64(out, *(const int64_t *)value); return;
    case CFG_DURATION_S: add_duration(out, *(const int64_t *)value); return;
    case CFG_ENUM: strbuf_adds(out, f->choices[*(const int *)value]); return;
    case CFG_STRINGS: add_strings(out, value); return;
    case CFG_NODE: add_node(out, *(const struct cfg_node *const *)value, &flow_yaml, false); return;
    case CFG_TABLE:
    case CFG_LIST:
    case CFG_IGNORED:
    case CFG_END: return;
    }
}

static void print_list(const struct cfg_field *f, const struct cfg_list *list, int indent,
                       struct strbuf *out) {
    for (size_t i = 0; i < list->len; i++) {
        size_t before = out->len;
        cfg_print(f->fields, at(list->items, i * f->elem_size), indent + 2, out);
        /* "- " takes the place of the first two blanks of the first line that is not a comment. */
        for (size_t line = before; line < out->len; line++) {
            size_t first = line + (size_t)indent + 2;
            if (first < out->len && out->ptr[first] != '#') {
                out->ptr[line + (size_t)indent] = '-';
                break;
            }
            line += str_find(str_from(strbuf_str(out), line), '\n');
        }
    }
}

static bool has_effect(const struct cfg_field *fields) {
    for (const struct cfg_field *f = fields; f->type != CFG_END; f++)
        if (f->type != CFG_IGNORED)
            return true;
    return false;
}

void cfg_print(const struct cfg_field *fields, const void *values, int indent, struct strbuf *out) {
    for (const struct cfg_field *f = fields; f->type != CFG_END; f++) {
        const void *value = at(values, f->offset);
        if (f->type == CFG_IGNORED || (f->type == CFG_TABLE && !has_effect(f->fields)))
            continue;
        if (f->help != NULL) {
            add_indent(out, indent);
            strbuf_addf(out, "# %s\n", f->help);
        }
        add_indent(out, indent);
        if (!has_value(f, value)) {
            strbuf_addf(out, "#%s:\n", f->key);
            continue;
        }
        strbuf_addf(out, "%s:", f->key);
        if (f->type == CFG_TABLE || f->type == CFG_LIST) {
            strbuf_addc(out, '\n');
            if (f->type == CFG_TABLE)
                cfg_print(f->fields, value, indent + 2, out);
            else
                print_list(f, value, indent, out);
            continue;
        }
        strbuf_addc(out, ' ');
        add_value(out, f, value);
        strbuf_addc(out, '\n');
    }
}

/* ---- what changed ---- */
static bool same_text(const char *a, const char *b) { return str_eq(str_of(a), str_of(b)); }

static bool same_value(const struct cfg_field *f, const void *a, const void *b) {
    AUTO(strbuf_done) struct strbuf left = STRBUF(CFG_FILE_MAX), right = STRBUF(CFG_FILE_MAX);
    if (f->type == CFG_SECRET)
        return secret_equal(secret_expose(a), secret_expose(b));
    if (f->type == CFG_STRING)
        return same_text(*(const char *const *)a, *(const char *const *)b);
    if (has_value(f, a) != has_value(f, b))
        return false;
    if (!has_value(f, a))
        return true;
    add_value(&left, f, a);
    add_value(&right, f, b);
    return str_eq(strbuf_str(&left), strbuf_str(&right));
}

static void compare(const struct cfg_field *fields, const void *running, const void *next, const char *prefix,
                    struct cfg_problems *problems) {
    for (const struct cfg_field *f = fields; f->type != CFG_END; f++) {
        AUTO(strbuf_done) struct strbuf path = STRBUF(CFG_PATH_MAX);
        const void *a = at(running, f->offset), *b = at(next, f->offset);
        strbuf_addf(&path, "%s%s%s", prefix, prefix[0] ? "." : "", f->key);
        if (f->type == CFG_TABLE)
            compare(f->fields, a, b, strbuf_c(&path), problems);
        else if ((f->flags & CFG_NO_RELOAD) && !same_value(f, a, b))
            cfg_warning_at(problems, NULL, strbuf_c(&path), "takes effect at the next start");
    }
}

void cfg_reload_warnings(const struct cfg_field *fields, const void *running, const void *next,
                         struct cfg_problems *problems) {
    compare(fields, running, next, "", problems);
}
