#include "enforcer/pattern.h"

/* A text that is edited in place of growing: the rewriting of keyMatch2..5 is a fixed point of "replace the last
 * named segment", as the reference defines it, quirks included. */
struct text {
    char *ptr;
    size_t len, cap;
};

static bool text_splice(struct text *t, size_t at, size_t remove, const char *insert) {
    size_t n = strlen(insert);
    if (t->len - remove + n > t->cap)
        return false;
    memmove(t->ptr + at + n, t->ptr + at + remove, t->len - at - remove);
    memcpy(t->ptr + at, insert, n);
    t->len = t->len - remove + n;
    return true;
}

static bool text_has(const struct text *t, const char *two) {
    for (size_t i = 0; i + 1 < t->len; i++)
        if (t->ptr[i] == two[0] && t->ptr[i + 1] == two[1])
            return true;
    return false;
}

/* The last ":name"; false: there is none. */
static bool last_colon(const struct text *t, size_t *ret_at, size_t *ret_len) {
    for (size_t i = t->len; i-- > 0;) {
        if (t->ptr[i] != ':' || i + 1 >= t->len || t->ptr[i + 1] == '/')
            continue;
        size_t end = i + 1;
        while (end < t->len && t->ptr[end] != '/')
            end++;
        *ret_at = i;
        *ret_len = end - i;
        return true;
    }
    return false;
}

/* The last "{name}", the name as long as possible. */
static bool last_brace(const struct text *t, size_t *ret_at, size_t *ret_len) {
    for (size_t i = t->len; i-- > 0;) {
        if (t->ptr[i] != '{')
            continue;
        size_t close = 0;
        for (size_t j = i + 1; j < t->len && t->ptr[j] != '/'; j++)
            if (t->ptr[j] == '}' && j >= i + 2)
                close = j;
        if (close == 0)
            continue;
        *ret_at = i;
        *ret_len = close + 1 - i;
        return true;
    }
    return false;
}

static enum enforcer_status replace_segments(struct text *t, enum enf_fn fn, struct enforcer_error *err) {
    const char *marker = fn == ENF_KEY_MATCH2 ? "/:" : "/{";
    const char *by = fn == ENF_KEY_MATCH4 ? "([^/]+)" : "[^/]+";
    size_t at = 0, len = 0;
    while (fn == ENF_KEY_GET3 && last_brace(t, &at, &len)) /* braces count anywhere in a segment */
        if (!text_splice(t, at, len, by))
            return enf_fail(err, ENFORCER_INVALID, 0, 0, "pattern too long");
    while (text_has(t, marker)) {
        if (!(fn == ENF_KEY_MATCH2 ? last_colon(t, &at, &len) : last_brace(t, &at, &len)))
            return enf_fail(err, ENFORCER_INVALID, 0, 0, "pattern with an empty or unclosed segment");
        if (!text_splice(t, at, len, by))
            return enf_fail(err, ENFORCER_INVALID, 0, 0, "pattern too long");
    }
    return ENFORCER_OK;
}

/* keyMatch4 pairs the names in braces with the groups; a name used twice must stand for the same text. */
static void note_tokens(struct enf_rewrite *w, size_t *ret_tokens) {
    size_t tokens = 0;
    struct enforcer_str seen[32];
    size_t open = 0;
    for (size_t i = 0; i < w->text.len; i++) {
        if (w->text.ptr[i] == '{')
            open = i;
        if (w->text.ptr[i] != '}')
            continue;
        struct enforcer_str name = enf_str(w->text.ptr + open, i + 1 - open);
        for (size_t j = 0; j < tokens && j < ARRAY_LEN(seen); j++)
            w->tokens_repeat |= enf_str_eq(seen[j], name);
        if (tokens < ARRAY_LEN(seen))
            seen[tokens] = name;
        tokens++;
    }
    *ret_tokens = tokens;
}

static bool is_meta(char c) { return c != '\0' && strchr("^$\\.*+?()[]{}|/-", c) != NULL; }
static bool is_quantifier(char c) { return c == '*' || c == '+' || c == '?' || c == '{'; }

static void add_step(struct enf_rewrite *w, enum enf_step_op op, char byte) {
    if (op == ENF_STEP_STAR || op == ENF_STEP_STAR_ALL) { /* neighbouring stars are one */
        struct enf_step *last = w->steps_len > 0 ? &w->steps[w->steps_len - 1] : NULL;
        if (last != NULL && (last->op == ENF_STEP_STAR || last->op == ENF_STEP_STAR_ALL)) {
            if (op == ENF_STEP_STAR_ALL)
                last->op = ENF_STEP_STAR_ALL;
            return;
        }
    }
    w->steps[w->steps_len++] = (struct enf_step) { .op = (uint8_t)op, .byte = (uint8_t)byte };
}

static bool starts(const struct text *t, size_t at, const char *with) {
    size_t n = strlen(with);
    return t->len - at >= n && memcmp(t->ptr + at, with, n) == 0;
}

/* One piece of a regular expression that steps can say, at `at`: its length, or 0. */
static size_t simple_piece(struct enf_rewrite *w, const struct text *t, size_t at, size_t *groups) {
    char c = t->ptr[at];
    size_t used = 1;
    enum enf_step_op op = ENF_STEP_BYTE;
    if (starts(t, at, "[^/]+")) {
        op = ENF_STEP_SEGMENT;
        used = 5;
    } else if (starts(t, at, "([^/]+)")) {
        op = ENF_STEP_SEGMENT;
        used = 7;
        ++*groups;
    } else if (starts(t, at, "(.*)")) {
        op = ENF_STEP_STAR;
        used = 4;
        ++*groups;
    } else if (starts(t, at, ".*")) {
        op = ENF_STEP_STAR;
        used = 2;
    } else if (c == '.') {
        op = ENF_STEP_ANY;
    } else if (c == '\\') {
        if (at + 1 >= t->len || !is_meta(t->ptr[at + 1]))
            return 0;
        c = t->ptr[at + 1];
        used = 2;
    } else if (is_meta(c) && c != '/' && c != '-') {
        return 0;
    }
    if (at + used < t->len && is_quantifier(t->ptr[at + used]))
        return 0;
    /* A quantifier after a character of several bytes would belong to all of them; there is none here. */
    add_step(w, op, c);
    return used;
}

/* Reads a regular expression that is made of nothing but bytes, dots, `.*` and segments. */
static void read_simple(struct enf_rewrite *w, const struct text *t, size_t *groups) {
    size_t at = 0, end = t->len;
    bool anchored_end = end > 0 && t->ptr[end - 1] == '$' && (end < 2 || t->ptr[end - 2] != '\\');
    if (end > 0 && t->ptr[0] == '^')
        at = 1;
    else
        add_step(w, ENF_STEP_STAR_ALL, 0);
    if (anchored_end)
        end--;
    struct text body = { .ptr = t->ptr, .len = end, .cap = end };
    while (at < end) {
        size_t used = simple_piece(w, &body, at, groups);
        if (used == 0) {
            w->needs_regex = true;
            return;
        }
        at += used;
    }
    if (!anchored_end)
        add_step(w, ENF_STEP_STAR_ALL, 0);
}

/* The dialect: everything but `*` and `/:name` is literal (contract 4.4, decision). */
static enum enforcer_status rewrite_custom(struct enf_rewrite *w, struct enforcer_error *err) {
    const char *p = w->text.ptr;
    for (size_t i = 0; i < w->text.len;) {
        if (p[i] == '*') {
            add_step(w, ENF_STEP_STAR, 0);
            i++;
        } else if (p[i] == '/' && i + 1 < w->text.len && p[i + 1] == ':') {
            size_t end = i + 2;
            while (end < w->text.len && p[end] != '/')
                end++;
            if (end == i + 2)
                return enf_fail(err, ENFORCER_INVALID, 0, (int)i + 1,
                                "pattern \"%.*s\" with an empty segment /:", ENF_FMT(w->text));
            add_step(w, ENF_STEP_BYTE, '/');
            add_step(w, ENF_STEP_SEGMENT, 0);
            i = end;
        } else
            add_step(w, ENF_STEP_BYTE, p[i++]);
    }
    return ENFORCER_OK;
}

static void rewrite_key_match(struct enf_rewrite *w) {
    for (size_t i = 0; i < w->text.len; i++) {
        if (w->text.ptr[i] == '*') {
            add_step(w, ENF_STEP_STAR_ALL, 0);
            return; /* what follows the first star does not count */
        }
        add_step(w, ENF_STEP_BYTE, w->text.ptr[i]);
    }
}

static bool has_line_break(struct enforcer_str s) {
    return s.len > 0 && (memchr(s.ptr, '\n', s.len) != NULL || memchr(s.ptr, '\r', s.len) != NULL);
}

/* A star behind a slash gets its dot, named segments become [^/]+, the whole is anchored. */
static enum enforcer_status rewrite_path(struct enf_rewrite *w, struct enf_zone *z, struct text *t,
                                         struct enforcer_error *err) {
    enum { PATH_MAX_BYTES = 4096 }; /* the rewriting is quadratic in it */
    if (w->text.len > PATH_MAX_BYTES || has_line_break(w->text))
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "pattern too long, or with a line break");
    t->cap = w->text.len * 8 + 16;
    t->ptr = enf_zone_alloc(z, t->cap);
    if (t->ptr == NULL)
        return enf_nomem(err);
    for (size_t i = 0; i < w->text.len; i++) {
        t->ptr[t->len++] = w->text.ptr[i];
        if (w->text.ptr[i] == '/' && i + 1 < w->text.len && w->text.ptr[i + 1] == '*')
            t->ptr[t->len++] = '.';
    }
    enum enforcer_status rc = replace_segments(t, w->fn, err);
    if (rc != ENFORCER_OK)
        return rc;
    if (w->fn == ENF_KEY_MATCH2 && t->len == 1 && t->ptr[0] == '*')
        (void)text_splice(t, 0, 1, "(.*)");
    if (!text_splice(t, 0, 0, "^") || !text_splice(t, t->len, 0, "$"))
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "pattern too long");
    return ENFORCER_OK;
}

enum enforcer_status enf_rewrite(struct enf_rewrite *w, struct enf_zone *z, struct enforcer_error *err) {
    struct text t = { 0 };
    enum enforcer_status rc = ENFORCER_OK;
    if (w->fn == ENF_REGEX_MATCH) {
        t.len = t.cap = w->text.len;
        t.ptr = enf_zone_copy(z, w->text.ptr, w->text.len);
        if (t.ptr == NULL)
            return enf_nomem(err);
    } else if (w->fn != ENF_KEY_MATCH_CUSTOM && w->fn != ENF_KEY_MATCH) {
        rc = rewrite_path(w, z, &t, err);
    }
    if (rc != ENFORCER_OK)
        return rc;
    w->steps = enf_zone_alloc(z, (t.len + w->text.len + 4) * sizeof *w->steps);
    if (w->steps == NULL)
        return enf_nomem(err);
    if (w->fn == ENF_KEY_MATCH_CUSTOM)
        return rewrite_custom(w, err);
    if (w->fn == ENF_KEY_MATCH) {
        rewrite_key_match(w);
        return ENFORCER_OK;
    }
    size_t groups = 0, tokens = 0;
    read_simple(w, &t, &groups);
    if (w->fn == ENF_KEY_MATCH4) {
        note_tokens(w, &tokens);
        w->needs_regex |= w->tokens_repeat;
        w->tokens_differ = !w->needs_regex && tokens != groups;
    }
    w->regex = t.ptr;
    w->regex_len = t.len;
    return ENFORCER_OK;
}
