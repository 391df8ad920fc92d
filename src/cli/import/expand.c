/* Environment variables in dex's configuration, as Go's os.Expand takes them apart. */
#include "cli/import/import.h"

enum { VALUE_MAX = 256 * 1024 };

struct expanding {
    struct import *m;
    bool expanded;
    const char *missing;
};

static bool is_name_char(char c) { return c == '_' || ascii_is_alnum(c); }
/* Names of one character that only a shell knows; dex has no values for them, and drops them. */
static bool is_special(char c) { return c != '\0' && (strchr("*#$@!?-", c) != NULL || ascii_is_digit(c)); }

/* The name at the start of `rest`, behind the '$'; how many bytes it takes with its braces. 0: it is a '$' that means itself. */
static size_t name_at(struct str rest, struct str *ret_name) {
    *ret_name = STR_NULL;
    if (rest.len > 0 && rest.ptr[0] == '{') {
        size_t end = str_find(rest, '}');
        if (end == rest.len)
            return 1; /* as Go: what is no name goes */
        *ret_name = str_sub(rest, 1, end - 1);
        return end + 1;
    }
    if (rest.len > 0 && is_special(rest.ptr[0]))
        return 1;
    size_t len = 0;
    while (len < rest.len && is_name_char(rest.ptr[len]))
        len++;
    *ret_name = str_sub(rest, 0, len);
    return len;
}

static void add_variable(struct expanding *x, struct str name, struct strbuf *out) {
    if (name.len == 0)
        return;
    const char *copy = arena_strdup(x->m->arena, str_sub(name, 0, 128));
    const char *value = copy != NULL && x->m->o->variable != NULL ? x->m->o->variable(copy) : NULL;
    if (value != NULL)
        strbuf_adds(out, value);
    else if (x->missing == NULL)
        x->missing = copy != NULL ? copy : "";
}

static json_t *expand_text(struct expanding *x, struct str text) {
    AUTO(strbuf_wipe_done) struct strbuf out = STRBUF(VALUE_MAX);
    while (text.len > 0) {
        size_t dollar = str_find(text, '$');
        struct str name, rest = str_from(text, dollar + 1);
        strbuf_add(&out, str_sub(text, 0, dollar));
        if (dollar == text.len)
            break;
        size_t taken = name_at(rest, &name);
        if (taken == 0)
            strbuf_addc(&out, '$');
        add_variable(x, name, &out);
        text = str_from(rest, taken);
    }
    return out.failed ? NULL : json_stringn(out.len > 0 ? out.ptr : "", out.len);
}

/* The value in place of `v`, or NULL: it stays. */
static json_t *expand_value(struct expanding *x, json_t *v) {
    const char *key;
    json_t *member, *next;
    void *position;
    size_t i;
    if (json_is_string(v)) {
        if (strchr(json_string_value(v), '$') == NULL)
            return NULL;
        x->expanded = true;
        return expand_text(x, (struct str) { json_string_value(v), json_string_length(v) });
    }
    json_object_foreach_safe(v, position, key, member) {
        next = expand_value(x, member);
        if (next != NULL)
            (void)json_object_set_new(v, key, next);
    }
    json_array_foreach(v, i, member) {
        next = expand_value(x, member);
        if (next != NULL)
            (void)json_array_set_new(v, i, next);
    }
    return NULL;
}

bool import_expand(struct import *m, json_t *config, bool *ret_expanded, const char **ret_missing) {
    struct expanding x = { .m = m };
    const char *(*variable)(const char *) = m->o->variable;
    const char *wanted = variable != NULL ? variable("DEX_EXPAND_ENV") : NULL;
    *ret_expanded = false;
    if (wanted != NULL && (strcmp(wanted, "false") == 0 || strcmp(wanted, "0") == 0))
        return true; /* dex's own switch */
    json_decref(expand_value(&x, config));
    *ret_expanded = x.expanded;
    *ret_missing = x.missing;
    return x.missing == NULL;
}
