#include "enforcer/glob.h"

enum { ALTERNATIVES_MAX = 256, EXPANDED_MAX = 64 * 1024, SEGMENTS_MAX = 256 };

struct segment {
    struct enforcer_str text;
    bool globstar;
};
struct alternative {
    struct segment *segments;
    size_t len;
    struct alternative *next;
};
struct enf_glob {
    struct enf_zone zone;
    struct alternative *alternatives;
    size_t count, bytes;
    bool negated, never, only_empty;
};

/* ------------------------------------------------------------------------------------------- compiling: braces -- */

struct expander {
    struct enf_glob *glob;
    struct enforcer_error *err;
};

static enum enforcer_status add_alternative(struct expander *x, struct enforcer_str text) {
    struct enf_glob *g = x->glob;
    g->bytes += text.len;
    if (++g->count > ALTERNATIVES_MAX || g->bytes > EXPANDED_MAX)
        return enf_fail(x->err, ENFORCER_INVALID, 0, 0, "glob with more than %d alternatives",
                        ALTERNATIVES_MAX);
    struct alternative *a = enf_zone_alloc(&g->zone, sizeof *a);
    size_t slashes = 1;
    for (size_t i = 0; i < text.len; i++)
        slashes += text.ptr[i] == '/';
    if (slashes > SEGMENTS_MAX)
        return enf_fail(x->err, ENFORCER_INVALID, 0, 0, "glob with more than %d segments", SEGMENTS_MAX);
    if (a == NULL || (a->segments = enf_zone_alloc(&g->zone, slashes * sizeof *a->segments)) == NULL)
        return enf_nomem(x->err);
    for (size_t i = 0; i <= text.len;) {
        size_t end = i;
        while (end < text.len && text.ptr[end] != '/')
            end++;
        struct enforcer_str part = enf_str(text.ptr + i, end - i);
        bool globstar = enf_str_is(part, "**");
        bool repeated = globstar && a->len > 0 && a->segments[a->len - 1].globstar;
        /* Slashes in a row are one; "." is where we are, except at the very start. */
        bool empty_inside = part.len == 0 && i > 0 && end < text.len;
        if (!repeated && !empty_inside && !(enf_str_is(part, ".") && i > 0 && end < text.len))
            a->segments[a->len++] = (struct segment) { part, globstar };
        i = end + 1;
    }
    a->next = g->alternatives;
    g->alternatives = a;
    return ENFORCER_OK;
}

/* The brace that closes the one at `open`, and whether there is a comma at its level. SIZE_MAX: none. */
static size_t brace_end(struct enforcer_str s, size_t open, bool *ret_comma) {
    size_t depth = 0;
    *ret_comma = false;
    for (size_t i = open; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '{')
            depth++;
        else if (s.ptr[i] == '}' && --depth == 0)
            return i;
        else if (s.ptr[i] == ',' && depth == 1)
            *ret_comma = true;
    }
    return SIZE_MAX;
}

static enum enforcer_status expand(struct expander *x, struct enforcer_str text, size_t from, unsigned depth);

static enum enforcer_status expand_with(struct expander *x, struct enforcer_str text, size_t open,
                                        size_t close, struct enforcer_str middle, unsigned depth) {
    size_t tail = text.len - close - 1;
    char *joined = enf_zone_alloc(&x->glob->zone, open + middle.len + tail + 1);
    if (joined == NULL)
        return enf_nomem(x->err);
    memcpy(joined, text.ptr, open);
    if (middle.len > 0)
        memcpy(joined + open, middle.ptr, middle.len);
    memcpy(joined + open + middle.len, text.ptr + close + 1, tail);
    return expand(x, enf_str(joined, open + middle.len + tail), open, depth + 1);
}

static bool parse_int(struct enforcer_str s, int *ret) {
    int sign = 1, value = 0;
    size_t i = 0;
    if (s.len > 0 && s.ptr[0] == '-') {
        sign = -1;
        i = 1;
    }
    if (i == s.len || s.len > 7)
        return false;
    for (; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        value = value * 10 + (s.ptr[i] - '0');
    }
    *ret = sign * value;
    return true;
}

/* {1..3}. false: not a range. */
static bool parse_range(struct enforcer_str body, int *ret_from, int *ret_to) {
    for (size_t i = 0; i + 1 < body.len; i++)
        if (body.ptr[i] == '.' && body.ptr[i + 1] == '.')
            return parse_int(enf_str(body.ptr, i), ret_from) &&
                   parse_int(enf_str(body.ptr + i + 2, body.len - i - 2), ret_to);
    return false;
}

static enum enforcer_status expand_range(struct expander *x, struct enforcer_str text, size_t open,
                                         size_t close, int from, int to, unsigned depth) {
    int step = from <= to ? 1 : -1;
    if ((to - from) * step >= ALTERNATIVES_MAX)
        return enf_fail(x->err, ENFORCER_INVALID, 0, 0, "glob with more than %d alternatives",
                        ALTERNATIVES_MAX);
    for (int i = from;; i += step) {
        char digits[16];
        int n = snprintf(digits, sizeof digits, "%d", i);
        enum enforcer_status rc = expand_with(x, text, open, close, enf_str(digits, (size_t)n), depth);
        if (rc != ENFORCER_OK || i == to)
            return rc;
    }
}

static enum enforcer_status expand_list(struct expander *x, struct enforcer_str text, size_t open,
                                        size_t close, unsigned depth) {
    size_t level = 0, start = open + 1;
    for (size_t i = open; i <= close; i++) {
        char c = text.ptr[i];
        if (c == '\\')
            i++;
        else if (c == '{')
            level++;
        else if ((c == ',' && level == 1) || (c == '}' && level == 1)) {
            enum enforcer_status rc = expand_with(x, text, open, close, enf_str(text.ptr + start, i - start),
                                                  depth);
            if (rc != ENFORCER_OK)
                return rc;
            start = i + 1;
        }
        if (c == '}')
            level--;
    }
    return ENFORCER_OK;
}

static enum enforcer_status expand(struct expander *x, struct enforcer_str text, size_t from,
                                   unsigned depth) {
    if (depth > 64)
        return enf_fail(x->err, ENFORCER_INVALID, 0, 0, "glob with braces too deep");
    for (size_t i = from; i < text.len; i++) {
        bool comma = false;
        if (text.ptr[i] == '\\') {
            i++;
            continue;
        }
        if (text.ptr[i] != '{')
            continue;
        size_t close = brace_end(text, i, &comma);
        int low = 0, high = 0;
        if (close == SIZE_MAX)
            continue;
        if (comma)
            return expand_list(x, text, i, close, depth);
        if (parse_range(enf_str(text.ptr + i + 1, close - i - 1), &low, &high))
            return expand_range(x, text, i, close, low, high, depth);
    }
    return add_alternative(x, text);
}

static bool has_extended(struct enforcer_str s) {
    for (size_t i = 0; i + 1 < s.len; i++)
        if (s.ptr[i + 1] == '(' && s.ptr[i] != '\0' && strchr("+@!?*", s.ptr[i]) != NULL)
            return true;
    return false;
}

enum enforcer_status enf_glob_compile(struct enf_mem *m, bool counted, struct enforcer_str pattern,
                                      struct enf_glob **ret, struct enforcer_error *err) {
    if (has_extended(pattern))
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "extended globs are not supported");
    struct enf_zone zone = { .mem = m, .scratch = !counted };
    struct enf_glob *g = enf_zone_alloc(&zone, sizeof *g);
    if (g == NULL)
        return enf_nomem(err);
    /* The reference drops the star of a leading "*" + "/". */
    if (pattern.len >= 2 && pattern.ptr[0] == '*' && pattern.ptr[1] == '/')
        pattern = enf_str(pattern.ptr + 1, pattern.len - 1);
    g->never = pattern.len > 0 && pattern.ptr[0] == '#';
    while (!g->never && pattern.len > 0 && pattern.ptr[0] == '!') {
        g->negated = !g->negated;
        pattern = enf_str(pattern.ptr + 1, pattern.len - 1);
    }
    g->only_empty = pattern.len == 0;
    g->zone = zone;
    struct expander x = { g, err };
    char *copy = enf_zone_copy(&g->zone, pattern.ptr, pattern.len);
    enum enforcer_status rc = copy == NULL ? enf_nomem(err) : ENFORCER_OK;
    if (rc == ENFORCER_OK && !g->only_empty && !g->never)
        rc = expand(&x, enf_str(copy, pattern.len), 0, 0);
    if (rc != ENFORCER_OK) {
        enf_glob_free(g);
        return rc;
    }
    *ret = g;
    return ENFORCER_OK;
}

void enf_glob_free(struct enf_glob *g) {
    if (g == NULL)
        return;
    struct enf_zone zone = g->zone; /* the glob lives in its own zone */
    enf_zone_done(&zone);
}

/* --------------------------------------------------------------------------------------------------- matching -- */

static size_t char_len(struct enforcer_str s, size_t at) {
    size_t n = 1;
    while (at + n < s.len && ((unsigned char)s.ptr[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* [a-z], [!a]: does it hold `c`? *ret_len: bytes of the class; 0: not a class, the bracket is literal. */
static bool class_holds(struct enforcer_str p, size_t at, unsigned char c, size_t *ret_len) {
    size_t i = at + 1;
    bool negated = i < p.len && (p.ptr[i] == '!' || p.ptr[i] == '^'), holds = false, first = true;
    if (negated)
        i++;
    *ret_len = 0;
    for (; i < p.len && (p.ptr[i] != ']' || first); first = false) {
        unsigned char low = (unsigned char)p.ptr[i], high = low;
        if (low == '\\' && i + 1 < p.len)
            low = high = (unsigned char)p.ptr[++i];
        if (i + 2 < p.len && p.ptr[i + 1] == '-' && p.ptr[i + 2] != ']') {
            high = (unsigned char)p.ptr[i + 2];
            i += 2;
        }
        holds |= c >= low && c <= high;
        i++;
    }
    if (i >= p.len)
        return false;
    *ret_len = i + 1 - at;
    return holds != negated;
}

/* One element of the pattern against one character: bytes used of both, or false. */
static bool element(struct enforcer_str p, size_t at, struct enforcer_str v, size_t vi, size_t *ret_p,
                    size_t *ret_v) {
    unsigned char c = (unsigned char)v.ptr[vi];
    *ret_p = *ret_v = 1;
    if (p.ptr[at] == '?') {
        *ret_v = char_len(v, vi);
        return true;
    }
    if (p.ptr[at] == '[') {
        size_t len = 0;
        bool holds = class_holds(p, at, c, &len);
        if (len > 0) {
            *ret_p = len;
            *ret_v = char_len(v, vi);
            return holds;
        }
    }
    if (p.ptr[at] == '\\' && at + 1 < p.len) {
        *ret_p = 2;
        return (unsigned char)p.ptr[at + 1] == c;
    }
    return (unsigned char)p.ptr[at] == c;
}

static bool has_magic(struct enforcer_str p) {
    for (size_t i = 0; i < p.len; i++)
        if (p.ptr[i] == '*' || p.ptr[i] == '?' || p.ptr[i] == '[')
            return true;
    return false;
}

/* Within one segment: a star is any run, remembered to come back to; only the last one ever needs to grow. */
static bool segment_matches(struct enforcer_str p, struct enforcer_str v, struct enf_scratch *s) {
    bool dots = enf_str_is(v, ".") || enf_str_is(v, "..");
    if (has_magic(p) && ((v.len > 0 && v.ptr[0] == '.' && p.ptr[0] != '.') || dots || v.len == 0))
        return false;
    size_t pi = 0, vi = 0, star = SIZE_MAX, resume = 0;
    while (vi < v.len) {
        size_t used_p = 0, used_v = 0;
        s->steps++;
        if (pi < p.len && p.ptr[pi] == '*') {
            star = ++pi;
            resume = vi;
        } else if (pi < p.len && element(p, pi, v, vi, &used_p, &used_v)) {
            pi += used_p;
            vi += used_v;
        } else if (star != SIZE_MAX) {
            pi = star;
            vi = ++resume;
        } else
            return false;
    }
    while (pi < p.len && p.ptr[pi] == '*')
        pi++;
    return pi == p.len;
}

struct path {
    struct enforcer_str parts[SEGMENTS_MAX];
    size_t len;
};

static bool split(struct enforcer_str v, struct path *out) {
    for (size_t i = 0; i <= v.len;) {
        size_t end = i;
        while (end < v.len && v.ptr[end] != '/')
            end++;
        bool empty_inside = end == i && i > 0 && end < v.len;
        if (!empty_inside) {
            if (out->len == SEGMENTS_MAX)
                return false;
            out->parts[out->len++] = enf_str(v.ptr + i, end - i);
        }
        i = end + 1;
    }
    return true;
}

static bool hidden(struct enforcer_str part) { return part.len > 0 && part.ptr[0] == '.'; }

static bool alternative_matches(const struct alternative *a, const struct path *path, struct enf_scratch *s) {
    size_t pi = 0, vi = 0, star = SIZE_MAX, resume = 0;
    while (vi < path->len) {
        bool trailing_slash = vi + 1 == path->len && path->parts[vi].len == 0 && vi > 0;
        if (pi < a->len && a->segments[pi].globstar) {
            star = ++pi;
            resume = vi;
            continue;
        }
        if (pi == a->len && trailing_slash)
            return true; /* "a/" is "a" */
        if (pi < a->len && segment_matches(a->segments[pi].text, path->parts[vi], s)) {
            pi++;
            vi++;
        } else if (star != SIZE_MAX && !hidden(path->parts[resume])) {
            pi = star;
            vi = ++resume;
        } else
            return false;
    }
    while (pi < a->len && a->segments[pi].globstar)
        pi++;
    return pi == a->len;
}

bool enf_glob_match(const struct enf_glob *g, struct enforcer_str value, struct enf_scratch *s) {
    if (g->never)
        return false;
    if (g->only_empty)
        return value.len == 0;
    struct path path = { .len = 0 };
    if (!split(value, &path))
        return false;
    for (const struct alternative *a = g->alternatives; a != NULL; a = a->next)
        if (alternative_matches(a, &path, s))
            return !g->negated;
    return g->negated;
}
