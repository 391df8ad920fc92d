#include "enforcer/pattern.h"
#include "enforcer/fold.h"
#include "enforcer/glob.h"
#include "enforcer/ip.h"
#include "enforcer/regex.h"

static const struct {
    const char *name;
    enum enf_fn fn;
} fn_names[] = {
    { "keyMatch", ENF_KEY_MATCH },     { "keyMatch2", ENF_KEY_MATCH2 },
    { "keyMatch3", ENF_KEY_MATCH3 },   { "keyMatch4", ENF_KEY_MATCH4 },
    { "keyMatch5", ENF_KEY_MATCH5 },   { "keyMatchCustom", ENF_KEY_MATCH_CUSTOM },
    { "regexMatch", ENF_REGEX_MATCH }, { "ipMatch", ENF_IP_MATCH },
    { "globMatch", ENF_GLOB_MATCH },   { "keyGet", ENF_KEY_GET },
    { "keyGet2", ENF_KEY_GET2 },       { "keyGet3", ENF_KEY_GET3 },
};

enum enf_fn enf_fn_find(struct enforcer_str name) {
    for (size_t i = 0; i < ARRAY_LEN(fn_names); i++)
        if (enf_str_is(name, fn_names[i].name))
            return fn_names[i].fn;
    return ENF_FN_NONE;
}

const char *enf_fn_name(enum enf_fn fn) {
    for (size_t i = 0; i < ARRAY_LEN(fn_names); i++)
        if (fn_names[i].fn == fn)
            return fn_names[i].name;
    return "";
}

/* A bad keyMatchCustom pattern is refused when it is written. */
bool enf_fn_fallible(enum enf_fn fn) { return fn != ENF_KEY_MATCH && fn != ENF_KEY_MATCH_CUSTOM; }

/* -------------------------------------------------------------------------------------------------- compiling -- */

static enum enf_newlines newlines_of(enum enf_fn fn) {
    if (fn == ENF_KEY_MATCH)
        return ENF_CROSS_ALL;
    return fn == ENF_KEY_MATCH_CUSTOM ? ENF_STOP_LF : ENF_STOP_CRLF;
}

static struct enf_pattern *new_pattern(struct enf_mem *m, bool counted, enum enf_fn fn, size_t data) {
    struct enf_pattern *p = counted ? enf_alloc(m, sizeof *p + data) : enf_scratch_alloc(m, sizeof *p + data);
    if (p != NULL)
        *p = (struct enf_pattern) { .kind = ENF_PATTERN_BAD,
                                    .fn = (uint8_t)fn,
                                    .newlines = (uint8_t)newlines_of(fn),
                                    .counted = counted,
                                    .strip_query = fn == ENF_KEY_MATCH5,
                                    .size = (uint32_t)(sizeof *p + data) };
    return p;
}

struct shape {
    size_t stars, literals;  /* runs */
    size_t bytes;            /* of all literals */
    bool other, mixed_stars; /* any or segment; stars that cross line breaks beside stars that do not */
    bool crosses, line_break;
};

static struct shape shape_of(const struct enf_rewrite *w) {
    struct shape s = { 0 };
    bool stops = false;
    for (size_t i = 0; i < w->steps_len; i++) {
        const struct enf_step *step = &w->steps[i];
        bool starts_run = i == 0 || w->steps[i - 1].op != ENF_STEP_BYTE;
        s.stars += step->op == ENF_STEP_STAR || step->op == ENF_STEP_STAR_ALL;
        s.crosses |= step->op == ENF_STEP_STAR_ALL;
        stops |= step->op == ENF_STEP_STAR;
        s.other |= step->op == ENF_STEP_ANY || step->op == ENF_STEP_SEGMENT;
        if (step->op == ENF_STEP_BYTE) {
            s.literals += starts_run;
            s.bytes++;
            s.line_break |= step->byte == '\n' || step->byte == '\r';
        }
    }
    s.mixed_stars = s.crosses && stops;
    return s;
}

static enum enf_pattern_kind kind_of(const struct enf_rewrite *w, const struct shape *s) {
    if (s->other || s->mixed_stars || (s->line_break && s->stars > 0 && !s->crosses))
        return ENF_PATTERN_STEPS;
    if (s->stars == 0)
        return ENF_PATTERN_EXACT;
    bool star_first = w->steps[0].op != ENF_STEP_BYTE,
         star_last = w->steps[w->steps_len - 1].op != ENF_STEP_BYTE;
    if (s->literals == 0)
        return ENF_PATTERN_ANY;
    if (s->literals == 1)
        return star_first && star_last ? ENF_PATTERN_CONTAINS
               : star_first            ? ENF_PATTERN_SUFFIX
                                       : ENF_PATTERN_PREFIX;
    if (s->literals == 2 && !star_first && !star_last)
        return ENF_PATTERN_ENDS;
    return ENF_PATTERN_PIECES;
}

/* PIECES keeps: count, then the length of every literal, then their bytes. A missing first or last literal has
 * length 0. a points at the lengths (uint32_t), b at the bytes. */
static void fill_pieces(struct enf_pattern *p, const struct enf_rewrite *w, char *data) {
    uint32_t *lengths = (uint32_t *)(void *)data;
    size_t n = 0;
    lengths[0] = 0;
    for (size_t i = 0; i < w->steps_len; i++) {
        if (w->steps[i].op == ENF_STEP_BYTE)
            lengths[n]++;
        else
            lengths[++n] = 0;
    }
    p->a = data;
    p->a_len = (uint32_t)n + 1;
    char *bytes = data + (n + 1) * sizeof *lengths;
    p->b = bytes;
    for (size_t i = 0; i < w->steps_len; i++)
        if (w->steps[i].op == ENF_STEP_BYTE)
            *bytes++ = (char)w->steps[i].byte;
}

/* EXACT to ENDS keep one or two texts: a before the star, b after it (SUFFIX and CONTAINS: a alone). */
static void fill_texts(struct enf_pattern *p, const struct enf_rewrite *w, char *data) {
    size_t n = 0, second = SIZE_MAX;
    for (size_t i = 0; i < w->steps_len; i++) {
        if (w->steps[i].op == ENF_STEP_BYTE)
            data[n++] = (char)w->steps[i].byte;
        else if (n > 0 && second == SIZE_MAX)
            second = n;
    }
    if (p->kind == ENF_PATTERN_ENDS) {
        p->a_len = (uint32_t)second;
        p->b_len = (uint32_t)(n - second);
        p->b = data + second;
    } else
        p->a_len = (uint32_t)n;
    p->a = data;
}

static enum enforcer_status from_steps(struct enf_mem *m, bool counted, const struct enf_rewrite *w,
                                       struct enf_pattern **ret, struct enforcer_error *err) {
    struct shape shape = shape_of(w);
    enum enf_pattern_kind kind = kind_of(w, &shape);
    size_t data = shape.bytes;
    if (kind == ENF_PATTERN_STEPS)
        data = w->steps_len * sizeof *w->steps;
    else if (kind == ENF_PATTERN_PIECES)
        data += (shape.stars + 1) * sizeof(uint32_t);
    if (kind == ENF_PATTERN_STEPS && w->steps_len > ENF_STEPS_MAX) {
        kind = ENF_PATTERN_BAD;
        data = 0;
    }
    struct enf_pattern *p = new_pattern(m, counted, w->fn, data);
    if (p == NULL)
        return enf_nomem(err);
    p->kind = (uint8_t)kind;
    p->tokens_differ = w->tokens_differ;
    if (shape.crosses && kind != ENF_PATTERN_STEPS)
        p->newlines = ENF_CROSS_ALL;
    char *room = (char *)(p + 1);
    if (kind == ENF_PATTERN_STEPS) {
        memcpy(room, w->steps, data);
        p->a = room;
        p->a_len = (uint32_t)w->steps_len;
    } else if (kind == ENF_PATTERN_PIECES)
        fill_pieces(p, w, room);
    else if (kind != ENF_PATTERN_BAD)
        fill_texts(p, w, room);
    *ret = p;
    return ENFORCER_OK;
}

/* Patterns that are no pattern keep the text for the error they will raise when used. */
static enum enforcer_status bad_pattern(struct enf_mem *m, bool counted, enum enf_fn fn,
                                        struct enforcer_str text, struct enf_pattern **ret,
                                        struct enforcer_error *err) {
    struct enf_pattern *p = new_pattern(m, counted, fn, 0);
    if (p == NULL)
        return enf_nomem(err);
    p->a = text.ptr;
    p->a_len = (uint32_t)text.len;
    *ret = p;
    return ENFORCER_OK;
}

static enum enforcer_status compile_net(struct enf_mem *m, bool counted, struct enforcer_str text,
                                        struct enf_pattern **ret, struct enforcer_error *err) {
    struct enf_net net;
    if (!enf_net_parse(text, &net))
        return bad_pattern(m, counted, ENF_IP_MATCH, text, ret, err);
    struct enf_pattern *p = new_pattern(m, counted, ENF_IP_MATCH, sizeof net);
    if (p == NULL)
        return enf_nomem(err);
    memcpy(p + 1, &net, sizeof net);
    p->kind = ENF_PATTERN_NET;
    *ret = p;
    return ENFORCER_OK;
}

static enum enforcer_status compile_glob(struct enf_mem *m, bool counted, struct enforcer_str text,
                                         struct enf_pattern **ret, struct enforcer_error *err) {
    struct enf_glob *glob = NULL;
    enum enforcer_status rc = enf_glob_compile(m, counted, text, &glob, err);
    if (rc == ENFORCER_INVALID)
        return bad_pattern(m, counted, ENF_GLOB_MATCH, text, ret, err);
    if (rc != ENFORCER_OK)
        return rc;
    struct enf_pattern *p = new_pattern(m, counted, ENF_GLOB_MATCH, 0);
    if (p == NULL) {
        enf_glob_free(glob);
        return enf_nomem(err);
    }
    p->kind = ENF_PATTERN_GLOB;
    p->extra = glob;
    *ret = p;
    return ENFORCER_OK;
}

static enum enforcer_status compile_regex(struct enf_mem *m, bool counted, const struct enf_rewrite *w,
                                          struct enforcer_str text, struct enf_pattern **ret,
                                          struct enforcer_error *err) {
    struct enf_regex *regex = NULL;
    enum enforcer_status rc = enf_regex_compile(m, counted, enf_str(w->regex, w->regex_len), &regex, err);
    if (rc == ENFORCER_INVALID)
        return bad_pattern(m, counted, w->fn, text, ret, err);
    if (rc != ENFORCER_OK)
        return rc;
    struct enf_pattern *p = new_pattern(m, counted, w->fn, 0);
    if (p == NULL) {
        enf_regex_free(m, regex);
        return enf_nomem(err);
    }
    p->kind = ENF_PATTERN_REGEX;
    p->extra = regex;
    p->a = text.ptr; /* keyMatch4 reads its names from it */
    p->a_len = (uint32_t)text.len;
    *ret = p;
    return ENFORCER_OK;
}

static enum enforcer_status compile_rewritten(struct enf_mem *m, bool counted, enum enf_fn fn,
                                              struct enforcer_str text, struct enf_zone *z,
                                              struct enf_pattern **ret, struct enforcer_error *err) {
    struct enf_rewrite w = { .fn = fn, .text = text };
    if (enf_fn_folds(fn)) {
        char *folded = enf_zone_alloc(z, enf_fold_room(text.len));
        if (folded == NULL)
            return enf_nomem(err);
        w.text = enf_str(folded, enf_fold(text, folded));
    }
    enum enforcer_status rc = enf_rewrite(&w, z, err);
    if (rc == ENFORCER_INVALID)
        return bad_pattern(m, counted, fn, text, ret, err);
    if (rc != ENFORCER_OK)
        return rc;
    if (w.needs_regex)
        return compile_regex(m, counted, &w, text, ret, err);
    return from_steps(m, counted, &w, ret, err);
}

enum enforcer_status enf_pattern_compile(struct enf_mem *m, bool counted, enum enf_fn fn,
                                         struct enforcer_str text, struct enf_pattern **ret,
                                         struct enforcer_error *err) {
    if (fn == ENF_IP_MATCH)
        return compile_net(m, counted, text, ret, err);
    if (fn == ENF_GLOB_MATCH)
        return compile_glob(m, counted, text, ret, err);
    struct enf_zone z = { .mem = m, .scratch = true };
    enum enforcer_status rc = compile_rewritten(m, counted, fn, text, &z, ret, err);
    enf_zone_done(&z);
    return rc;
}

void enf_pattern_free(struct enf_mem *m, struct enf_pattern *p) {
    if (p == NULL)
        return;
    if (p->kind == ENF_PATTERN_REGEX)
        enf_regex_free(m, p->extra);
    if (p->kind == ENF_PATTERN_GLOB)
        enf_glob_free(p->extra);
    if (p->counted)
        enf_release(m, p, p->size);
    else
        enf_scratch_free(m, p);
}

/* --------------------------------------------------------------------------------------------------- matching -- */

static bool starts_with(struct enforcer_str v, const char *text, size_t len) {
    return v.len >= len && (len == 0 || memcmp(v.ptr, text, len) == 0);
}

static bool ends_with(struct enforcer_str v, const char *text, size_t len) {
    return v.len >= len && (len == 0 || memcmp(v.ptr + v.len - len, text, len) == 0);
}

/* A line break in the value that a star would have to cross: literals of these kinds hold none. */
static bool crosses_line(const struct enf_pattern *p, struct enforcer_str v) {
    if (p->newlines == ENF_CROSS_ALL || v.len == 0)
        return false;
    return memchr(v.ptr, '\n', v.len) != NULL ||
           (p->newlines == ENF_STOP_CRLF && memchr(v.ptr, '\r', v.len) != NULL);
}

/* The first literal at the start, the last at the end, those between as early as possible: memmem is linear. */
static bool match_pieces(const struct enf_pattern *p, struct enforcer_str v) {
    const uint32_t *lengths = (const uint32_t *)(const void *)p->a;
    const char *piece = p->b;
    size_t n = p->a_len, at = lengths[0];
    if (!starts_with(v, piece, lengths[0]))
        return false;
    piece += lengths[0];
    for (size_t i = 1; i + 1 < n; i++) {
        const char *found = memmem(v.ptr + at, v.len - at, piece, lengths[i]);
        if (found == NULL)
            return false;
        at = (size_t)(found - v.ptr) + lengths[i];
        piece += lengths[i];
    }
    return v.len - at >= lengths[n - 1] && ends_with(v, piece, lengths[n - 1]);
}

enum { STATE_WORDS = ENF_STEPS_MAX / 64 + 1 };

static bool stops_star(const struct enf_pattern *p, unsigned char c) {
    return (c == '\n' && p->newlines != ENF_CROSS_ALL) || (c == '\r' && p->newlines == ENF_STOP_CRLF);
}

static void enter(const struct enf_step *steps, size_t n, uint64_t *states, size_t i) {
    states[i / 64] |= (uint64_t)1 << (i % 64);
    if (i < n && (steps[i].op == ENF_STEP_STAR || steps[i].op == ENF_STEP_STAR_ALL))
        states[(i + 1) / 64] |= (uint64_t)1 << ((i + 1) % 64); /* stars never follow each other */
}

/* State i: the steps before i are matched. A segment and a wide character keep the state behind them alive. */
static void advance(const struct enf_pattern *p, size_t i, unsigned char c, uint64_t *next) {
    const struct enf_step *steps = (const struct enf_step *)(const void *)p->a;
    size_t n = p->a_len;
    bool inside = (c & 0xc0) == 0x80; /* of a UTF-8 sequence */
    if (i > 0 &&
        ((steps[i - 1].op == ENF_STEP_SEGMENT && c != '/') || (steps[i - 1].op == ENF_STEP_ANY && inside)))
        enter(steps, n, next, i);
    if (i == n)
        return;
    switch ((enum enf_step_op)steps[i].op) {
    case ENF_STEP_BYTE:
        if (steps[i].byte == c)
            enter(steps, n, next, i + 1);
        break;
    case ENF_STEP_ANY:
        if (!inside && !stops_star(p, c))
            enter(steps, n, next, i + 1);
        break;
    case ENF_STEP_SEGMENT:
        if (!inside && c != '/')
            enter(steps, n, next, i + 1);
        break;
    case ENF_STEP_STAR:
        if (!stops_star(p, c))
            enter(steps, n, next, i);
        break;
    case ENF_STEP_STAR_ALL: enter(steps, n, next, i); break;
    }
}

/* All states at once, so the work is at most value x pattern, whatever the pattern. */
static bool match_steps(const struct enf_pattern *p, struct enforcer_str v, struct enf_scratch *s) {
    const struct enf_step *steps = (const struct enf_step *)(const void *)p->a;
    uint64_t states[STATE_WORDS], next[STATE_WORDS];
    size_t words = p->a_len / 64 + 1;
    memset(states, 0, words * sizeof *states);
    enter(steps, p->a_len, states, 0);
    for (size_t at = 0; at < v.len; at++) {
        uint64_t any = 0;
        memset(next, 0, words * sizeof *next);
        for (size_t w = 0; w < words; w++)
            for (uint64_t bits = states[w]; bits != 0; bits &= bits - 1) {
                advance(p, w * 64 + (size_t)__builtin_ctzll(bits), (unsigned char)v.ptr[at], next);
                s->steps++;
            }
        for (size_t w = 0; w < words; w++)
            any |= states[w] = next[w];
        if (any == 0)
            return false;
    }
    return (states[p->a_len / 64] >> (p->a_len % 64) & 1) != 0;
}

/* keyMatch4: a name used twice stands for the same text. */
static bool tokens_agree(struct enforcer_str pattern, const struct enforcer_str *groups, size_t groups_len) {
    struct enforcer_str names[32];
    size_t n = 0, open = 0;
    for (size_t i = 0; i < pattern.len && n < groups_len; i++) {
        if (pattern.ptr[i] == '{')
            open = i;
        if (pattern.ptr[i] == '}')
            names[n++] = enf_str(pattern.ptr + open, i + 1 - open);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (enf_str_eq(names[i], names[j]) && !enf_str_eq(groups[i], groups[j]))
                return false;
    return true;
}

static enum enforcer_status match_regex(const struct enf_pattern *p, struct enforcer_str v,
                                        struct enf_scratch *s, bool *ret, struct enforcer_error *err) {
    if (p->fn != ENF_KEY_MATCH4)
        return enf_regex_match(p->extra, v, s, ret, NULL, 0, err);
    struct enforcer_str groups[32];
    size_t n = enf_regex_groups(p->extra), tokens = 0;
    for (size_t i = 0; i < p->a_len; i++)
        tokens += p->a[i] == '}';
    enum enforcer_status rc = enf_regex_match(p->extra, v, s, ret, groups, n < 32 ? n : 32, err);
    if (rc != ENFORCER_OK || !*ret)
        return rc;
    *ret = false;
    if (tokens != n || n > 32)
        return enf_fail(err, ENFORCER_EVAL, 0, 0, "keyMatch4: %zu names but %zu groups", tokens, n);
    *ret = tokens_agree(enf_str(p->a, p->a_len), groups, n);
    return ENFORCER_OK;
}

static enum enforcer_status match_net(const struct enf_pattern *p, struct enforcer_str v, bool *ret,
                                      struct enforcer_error *err) {
    uint8_t address[16];
    if (!enf_ip_parse(v, address))
        return enf_fail(err, ENFORCER_EVAL, 0, 0, "ipMatch: \"%.*s\" is not an address", ENF_FMT(v));
    *ret = enf_net_contains((const struct enf_net *)(const void *)(p + 1), address);
    return ENFORCER_OK;
}

enum enforcer_status enf_pattern_match(const struct enf_pattern *p, struct enforcer_str v,
                                       struct enf_scratch *s, bool *ret, struct enforcer_error *err) {
    *ret = false;
    if (v.len == 0)
        v.ptr = "";
    if (p->strip_query) {
        const char *query = memchr(v.ptr, '?', v.len);
        if (query != NULL)
            v.len = (size_t)(query - v.ptr);
    }
    bool ok = false;
    switch ((enum enf_pattern_kind)p->kind) {
    case ENF_PATTERN_EXACT: ok = v.len == p->a_len && starts_with(v, p->a, p->a_len); break;
    case ENF_PATTERN_PREFIX: ok = starts_with(v, p->a, p->a_len) && !crosses_line(p, v); break;
    case ENF_PATTERN_SUFFIX: ok = ends_with(v, p->a, p->a_len) && !crosses_line(p, v); break;
    case ENF_PATTERN_CONTAINS:
        ok = v.len >= p->a_len && memmem(v.ptr, v.len, p->a, p->a_len) != NULL && !crosses_line(p, v);
        break;
    case ENF_PATTERN_ENDS:
        ok = v.len >= (size_t)p->a_len + p->b_len && starts_with(v, p->a, p->a_len) &&
             ends_with(v, p->b, p->b_len) && !crosses_line(p, v);
        break;
    case ENF_PATTERN_ANY: ok = !crosses_line(p, v); break;
    case ENF_PATTERN_PIECES: ok = match_pieces(p, v) && !crosses_line(p, v); break;
    case ENF_PATTERN_STEPS: ok = match_steps(p, v, s); break;
    case ENF_PATTERN_GLOB: ok = enf_glob_match(p->extra, v, s); break;
    case ENF_PATTERN_REGEX: return match_regex(p, v, s, ret, err);
    case ENF_PATTERN_NET: return match_net(p, v, ret, err);
    case ENF_PATTERN_BAD:
        return enf_fail(err, ENFORCER_EVAL, 0, 0, "%s: \"%.*s\" is not a pattern", enf_fn_name(p->fn),
                        ENF_FMT(enf_str(p->a, p->a_len)));
    }
    if (p->kind < ENF_PATTERN_STEPS)
        s->steps += v.len + 1;
    if (ok && p->tokens_differ)
        return enf_fail(err, ENFORCER_EVAL, 0, 0, "keyMatch4: names and groups do not pair up");
    *ret = ok;
    return ENFORCER_OK;
}

static uint64_t tag_of(const char *bytes, size_t len) {
    uint64_t tag = len < 7 ? len : 7;
    for (size_t i = 0; i < len && i < 7; i++)
        tag |= (uint64_t)(unsigned char)bytes[i] << (8 * i + 8);
    return tag;
}

uint64_t enf_value_tag(struct enforcer_str value) { return tag_of(value.ptr, value.len); }

uint64_t enf_pattern_tag(const struct enf_pattern *p) {
    char bytes[7];
    size_t n = 0;
    if (p->strip_query)
        return 0;
    if (p->kind == ENF_PATTERN_EXACT || p->kind == ENF_PATTERN_PREFIX || p->kind == ENF_PATTERN_ENDS)
        return tag_of(p->a, p->a_len);
    if (p->kind == ENF_PATTERN_PIECES)
        return tag_of(p->b, *(const uint32_t *)(const void *)p->a);
    if (p->kind != ENF_PATTERN_STEPS)
        return 0;
    const struct enf_step *steps = (const struct enf_step *)(const void *)p->a;
    for (; n < sizeof bytes && n < p->a_len && steps[n].op == ENF_STEP_BYTE; n++)
        bytes[n] = (char)steps[n].byte;
    return tag_of(bytes, n);
}

enum enforcer_status enf_match_once(enum enf_fn fn, struct enforcer_str value, struct enforcer_str text,
                                    struct enf_scratch *s, bool *ret, struct enforcer_error *err) {
    *ret = false;
    if (enf_fn_folds(fn)) {
        char *folded = enf_zone_alloc(&s->zone, enf_fold_room(value.len));
        if (folded == NULL)
            return enf_nomem(err);
        value = enf_str(folded, enf_fold(value, folded));
    }
    struct enf_pattern *p = NULL;
    enum enforcer_status rc = enf_pattern_compile(s->mem, false, fn, text, &p, err);
    if (rc == ENFORCER_OK)
        rc = enf_pattern_match(p, value, s, ret, err);
    enf_pattern_free(s->mem, p);
    return rc;
}
