#include "enforcer/conf.h"

static const struct {
    const char *name;
    char kind;
} sections[] = {
    { "request_definition", 'r' }, { "policy_definition", 'p' }, { "role_definition", 'g' },
    { "policy_effect", 'e' },      { "matchers", 'm' },
};

enum { ENTRIES_MAX = 256, PLACES_MAX = 1000, NUMBER_MAX = 1000 };

struct reader {
    struct enf_conf *conf;
    struct enf_zone *zone;
    struct enforcer_error *err;
    char kind; /* of the section we are in, 0 before the first */
    /* The logical line being joined. */
    char *joined;
    size_t joined_len, joined_cap;
    struct enf_place places[PLACES_MAX];
    size_t places_len;
};

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static struct enforcer_str trim(struct enforcer_str s) {
    while (s.len > 0 && blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Up to a # or ; that is not inside a string. */
static struct enforcer_str without_comment(struct enforcer_str line) {
    char quote = '\0';
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        if (quote != '\0') {
            if (c == '\\')
                i++;
            else if (c == quote)
                quote = '\0';
        } else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '#' || c == ';')
            return enf_str(line.ptr, i);
    }
    if (quote != '\0') { /* an apostrophe in a comment, perhaps: then the first mark counts after all */
        for (size_t i = 0; i < line.len; i++)
            if (line.ptr[i] == '#' || line.ptr[i] == ';')
                return enf_str(line.ptr, i);
    }
    return line;
}

static enum enforcer_status heading(struct reader *x, struct enforcer_str line, int number, int column) {
    struct enforcer_str name = trim(enf_str(line.ptr + 1, line.len - 2));
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (!enf_str_is(name, sections[i].name))
            continue;
        if (x->conf->seen & 1u << i)
            return enf_fail(x->err, ENFORCER_INVALID, number, column, "section [%s] a second time",
                            sections[i].name);
        x->conf->seen |= 1u << i;
        x->kind = sections[i].kind;
        return ENFORCER_OK;
    }
    return enf_fail(x->err, ENFORCER_INVALID, number, column, "unknown section [%.*s]", ENF_FMT(name));
}

static bool join(struct reader *x, struct enforcer_str part, int line, int column) {
    size_t need = x->joined_len + part.len + 2;
    if (need > x->joined_cap) {
        size_t cap = need * 2;
        char *grown = enf_zone_alloc(x->zone, cap);
        if (grown == NULL)
            return false;
        if (x->joined_len > 0)
            memcpy(grown, x->joined, x->joined_len);
        x->joined = grown;
        x->joined_cap = cap;
    }
    if (x->joined_len > 0)
        x->joined[x->joined_len++] = ' ';
    if (x->places_len < PLACES_MAX)
        x->places[x->places_len++] = (struct enf_place) { x->joined_len, line, column };
    if (part.len > 0)
        memcpy(x->joined + x->joined_len, part.ptr, part.len);
    x->joined_len += part.len;
    return true;
}

/* "m2" in [matchers]: 2. 0: not a key of this section. */
static unsigned key_number(char kind, struct enforcer_str key) {
    unsigned number = 0;
    if (key.len == 0 || key.ptr[0] != kind || key.len > 4)
        return 0;
    for (size_t i = 1; i < key.len; i++) {
        if (key.ptr[i] < '0' || key.ptr[i] > '9')
            return 0;
        number = number * 10 + (unsigned)(key.ptr[i] - '0');
    }
    return key.len == 1 ? 1 : number < 2 || number > NUMBER_MAX ? 0 : number;
}

static enum enforcer_status add_entry(struct reader *x, struct enf_conf_entry entry, int column) {
    struct enf_conf *c = x->conf;
    for (size_t i = 0; i < c->len; i++)
        if (c->entries[i].kind == entry.kind && c->entries[i].number == entry.number)
            return enf_fail(x->err, ENFORCER_INVALID, entry.line, column, "%s a second time", entry.key);
    if (c->len == ENTRIES_MAX)
        return enf_fail(x->err, ENFORCER_LIMIT, entry.line, column, "more than %d definitions", ENTRIES_MAX);
    if (c->len == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 8;
        struct enf_conf_entry *grown = enf_zone_alloc(x->zone, cap * sizeof *grown);
        if (grown == NULL)
            return enf_nomem(x->err);
        if (c->len > 0)
            memcpy(grown, c->entries, c->len * sizeof *grown);
        c->entries = grown;
        c->cap = cap;
    }
    c->entries[c->len++] = entry;
    return ENFORCER_OK;
}

/* A whole logical line: `key = value`. */
static enum enforcer_status finish_line(struct reader *x) {
    if (x->places_len == 0)
        return ENFORCER_OK;
    struct enf_source all = { enf_str(x->joined, x->joined_len), x->places, x->places_len };
    int line, column;
    enf_source_at(&all, 0, &line, &column);
    const char *equals = all.text.len > 0 ? memchr(all.text.ptr, '=', all.text.len) : NULL;
    if (equals == NULL)
        return enf_fail(x->err, ENFORCER_INVALID, line, column, "`key = value` expected");
    struct enforcer_str key = trim(enf_str(all.text.ptr, (size_t)(equals - all.text.ptr)));
    struct enforcer_str value = trim(enf_str(equals + 1, all.text.len - (size_t)(equals + 1 - all.text.ptr)));
    if (x->kind == 0)
        return enf_fail(x->err, ENFORCER_INVALID, line, column, "\"%.*s\" before the first section",
                        ENF_FMT(key));
    struct enf_conf_entry entry = { .kind = x->kind, .number = key_number(x->kind, key), .line = line };
    if (entry.number == 0)
        return enf_fail(x->err, ENFORCER_INVALID, line, column, "unknown key \"%.*s\" in this section",
                        ENF_FMT(key));
    if (value.len == 0)
        return enf_fail(x->err, ENFORCER_INVALID, line, column, "\"%.*s\" without a value", ENF_FMT(key));
    size_t skipped = (size_t)(value.ptr - all.text.ptr);
    struct enf_place *places = enf_zone_alloc(x->zone, x->places_len * sizeof *places);
    entry.key = enf_zone_copy(x->zone, key.ptr, key.len);
    const char *copy = enf_zone_copy(x->zone, value.ptr, value.len);
    if (places == NULL || entry.key == NULL || copy == NULL)
        return enf_nomem(x->err);
    size_t n = 0;
    for (size_t i = 0; i < x->places_len; i++) {
        struct enf_place p = x->places[i];
        if (p.offset < skipped) { /* the value begins inside this part, or behind it */
            p.column += (int)(skipped - p.offset);
            p.offset = skipped;
            if (n > 0)
                n--;
        }
        p.offset -= skipped;
        places[n++] = p;
    }
    entry.value = (struct enf_source) { enf_str(copy, value.len), places, n };
    x->joined_len = x->places_len = 0;
    return add_entry(x, entry, column);
}

static enum enforcer_status read_line(struct reader *x, struct enforcer_str raw, int number) {
    struct enforcer_str line = trim(without_comment(raw));
    if (line.len == 0)
        return ENFORCER_OK;
    int column = (int)(line.ptr - raw.ptr) + 1;
    enum enforcer_status rc = ENFORCER_OK;
    if (line.ptr[0] == '[' && line.ptr[line.len - 1] == ']' && x->places_len == 0)
        return heading(x, line, number, column);
    bool more = line.ptr[line.len - 1] == '\\';
    if (more)
        line = trim(enf_str(line.ptr, line.len - 1));
    if (!join(x, line, number, column))
        return enf_nomem(x->err);
    if (!more)
        rc = finish_line(x);
    return rc;
}

enum enforcer_status enf_conf_parse(struct enf_conf *conf, struct enf_zone *z, struct enforcer_str text,
                                    struct enforcer_error *err) {
    struct reader *x = enf_zone_alloc(z, sizeof *x);
    if (x == NULL)
        return enf_nomem(err);
    x->conf = conf;
    x->zone = z;
    x->err = err;
    int number = 0;
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && text.ptr[end] != '\n')
            end++;
        number++;
        enum enforcer_status rc = read_line(x, enf_str(text.ptr + i, end - i), number);
        if (rc != ENFORCER_OK)
            return rc;
        i = end + 1;
    }
    return finish_line(x);
}
