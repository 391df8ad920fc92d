#include "authz/scan.h"

void scan_init(struct scan *s, struct arena *arena, struct str text) {
    const char *p = text.len ? text.ptr : "";
    *s = (struct scan) { .start = p, .at = p, .end = p + text.len, .arena = arena };
}

bool scan_fail(struct scan *s, enum err_code code, const char *problem) {
    if (s->code == ERR_OK) {
        s->code = code;
        s->problem = problem;
    }
    return false;
}

enum err_code scan_check(const struct scan *s, struct err *err) {
    if (s->code == ERR_OK)
        return ERR_OK;
    return err_set(err, s->code, "%s at byte %zu", s->problem, (size_t)(s->at - s->start));
}

static void skip_blanks(struct scan *s) {
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

/* The first byte of the next token; NUL at the end of the text or after a failure. */
static char peek(struct scan *s) {
    if (s->code != ERR_OK)
        return '\0';
    skip_blanks(s);
    return s->at < s->end ? *s->at : '\0';
}

static bool take(struct scan *s, char c) {
    if (peek(s) != c)
        return false;
    s->at++;
    return true;
}

static bool take_word(struct scan *s, struct str word) {
    if ((size_t)(s->end - s->at) < word.len || memcmp(s->at, word.ptr, word.len) != 0)
        return false;
    s->at += word.len;
    return true;
}

bool scan_end(struct scan *s) {
    if (s->code != ERR_OK)
        return false;
    skip_blanks(s);
    return s->at == s->end || scan_fail(s, ERR_INVALID, "text after the JSON value");
}

/* ---- strings ---- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four hexadecimal digits at `p`; -1 when they are not. */
static int32_t hex4(const char *p, const char *end) {
    int32_t value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static size_t put_utf8(char *out, uint32_t c) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* One escape behind its backslash at *p: the character, or 0 when it is none that may be. */
static uint32_t read_escape(const char **p, const char *end) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (*p == end)
        return 0;
    char c = *(*p)++;
    if (c != 'u') {
        const char *at = c == '\0' ? NULL : strchr(from, c);
        return at == NULL ? 0 : (unsigned char)to[at - from];
    }
    int32_t high = hex4(*p, end);
    if (high <= 0 || (high >= 0xdc00 && high < 0xe000))
        return 0;
    *p += 4;
    if (high < 0xd800 || high >= 0xe000)
        return (uint32_t)high;
    /* RFC 8259 7: beyond the Basic Multilingual Plane as a surrogate pair, never half of one. */
    if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
        return 0;
    int32_t low = hex4(*p + 2, end);
    if (low < 0xdc00 || low >= 0xe000)
        return 0;
    *p += 6;
    return 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

/* Resolves the escapes of `raw` into `out` (as long as raw, or NULL to only check). */
static bool unescape(struct str raw, char *out, size_t *ret_len) {
    const char *p = raw.ptr, *end = raw.ptr + raw.len;
    size_t len = 0;
    while (p < end) {
        char bytes[4] = { *p };
        size_t n = 1;
        if (*p++ == '\\') {
            uint32_t c = read_escape(&p, end);
            if (c == 0)
                return false;
            n = put_utf8(bytes, c);
        }
        if (out != NULL)
            memcpy(out + len, bytes, n);
        len += n;
    }
    *ret_len = len;
    return true;
}

/* The bytes between the quotes, checked to be UTF-8 without control characters; escapes are only noticed. */
static bool take_quoted(struct scan *s, struct str *ret, bool *ret_escaped) {
    if (!take(s, '"'))
        return scan_fail(s, ERR_INVALID, "a string was expected");
    const char *from = s->at;
    unsigned seen = 0;
    *ret_escaped = false;
    for (; s->at < s->end && *s->at != '"'; s->at++) {
        unsigned char c = (unsigned char)*s->at;
        if (c < 0x20)
            return scan_fail(s, ERR_INVALID, "a control character in a string");
        seen |= c;
        if (c == '\\') {
            *ret_escaped = true;
            if (++s->at == s->end)
                break;
        }
    }
    if (s->at == s->end)
        return scan_fail(s, ERR_INVALID, "a string without end");
    *ret = (struct str) { from, (size_t)(s->at++ - from) };
    if ((seen & 0x80) != 0 && !str_is_utf8(*ret))
        return scan_fail(s, ERR_INVALID, "a string that is not UTF-8");
    return true;
}

bool scan_string(struct scan *s, void *str_dest) {
    struct str *dest = str_dest, raw;
    bool escaped;
    if (!take_quoted(s, &raw, &escaped))
        return false;
    if (!escaped) {
        *dest = raw;
        return true;
    }
    char *out = arena_alloc(s->arena, raw.len);
    if (out == NULL)
        return scan_fail(s, ERR_NOMEM, "out of memory");
    size_t len;
    if (!unescape(raw, out, &len))
        return scan_fail(s, ERR_INVALID, "an escape that is not allowed");
    *dest = (struct str) { out, len };
    return true;
}

static bool skip_string(struct scan *s) {
    struct str raw;
    bool escaped;
    size_t len;
    if (!take_quoted(s, &raw, &escaped))
        return false;
    return !escaped || unescape(raw, NULL, &len) ||
           scan_fail(s, ERR_INVALID, "an escape that is not allowed");
}

/* ---- values that nobody reads ---- */

static size_t skip_digits(struct scan *s) {
    const char *from = s->at;
    while (s->at < s->end && ascii_is_digit(*s->at))
        s->at++;
    return (size_t)(s->at - from);
}

static bool skip_number(struct scan *s) {
    if (*s->at == '-')
        s->at++;
    const char *first = s->at;
    size_t digits = skip_digits(s);
    bool good = digits == 1 || (digits > 1 && *first != '0');
    if (good && s->at < s->end && *s->at == '.') {
        s->at++;
        good = skip_digits(s) > 0;
    }
    if (good && s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
            s->at++;
        good = skip_digits(s) > 0;
    }
    return good || scan_fail(s, ERR_INVALID, "a number that is not JSON");
}

static bool skip_scalar(struct scan *s) {
    switch (peek(s)) {
    case '"': return skip_string(s);
    case 't':
        if (take_word(s, STR("true")))
            return true;
        break;
    case 'f':
        if (take_word(s, STR("false")))
            return true;
        break;
    case 'n':
        if (take_word(s, STR("null")))
            return true;
        break;
    case '-':
    case '0' ... '9': return skip_number(s);
    default: break;
    }
    return scan_fail(s, ERR_INVALID, "a JSON value was expected");
}

static bool enter(struct scan *s) {
    return ++s->depth <= JSON_DEPTH_MAX || scan_fail(s, ERR_LIMIT, "nested too deep");
}

static bool take_name(struct scan *s, struct str *ret) {
    if (ret != NULL ? !scan_string(s, ret) : !skip_string(s))
        return false;
    return take(s, ':') || scan_fail(s, ERR_INVALID, "a colon was expected");
}

enum skipped { SKIP_FAILED, SKIP_OPENED, SKIP_WHOLE };

/* A scalar or an empty container as a whole, or the beginning of a container up to its first value. */
static enum skipped skip_start(struct scan *s, uint64_t *objects) {
    bool is_object = take(s, '{');
    if (!is_object && !take(s, '['))
        return skip_scalar(s) ? SKIP_WHOLE : SKIP_FAILED;
    if (!enter(s))
        return SKIP_FAILED;
    if (take(s, is_object ? '}' : ']')) {
        s->depth--;
        return SKIP_WHOLE;
    }
    if (is_object && !take_name(s, NULL))
        return SKIP_FAILED;
    *objects = *objects << 1 | is_object;
    return SKIP_OPENED;
}

/* Behind a value: up to the next one, or past the containers it closes. */
static bool skip_onwards(struct scan *s, unsigned base, uint64_t *objects) {
    while (s->depth > base) {
        bool in_object = (*objects & 1) != 0;
        if (take(s, ','))
            return !in_object || take_name(s, NULL);
        if (!take(s, in_object ? '}' : ']'))
            return scan_fail(s, ERR_INVALID, "a comma or a closing bracket was expected");
        s->depth--;
        *objects >>= 1;
    }
    return true;
}

/* Without recursion: one bit a level says whether it is an object. */
bool scan_skip(struct scan *s, void *unused) {
    (void)unused;
    uint64_t objects = 0;
    unsigned base = s->depth;
    do {
        enum skipped what = skip_start(s, &objects);
        if (what == SKIP_FAILED || (what == SKIP_WHOLE && !skip_onwards(s, base, &objects)))
            return false;
    } while (s->depth > base);
    return true;
}

bool scan_raw(struct scan *s, void *str_dest) {
    struct str *dest = str_dest;
    (void)peek(s);
    const char *from = s->at;
    if (!scan_skip(s, NULL))
        return false;
    *dest = (struct str) { from, (size_t)(s->at - from) };
    return true;
}

/* ---- values that are read ---- */

bool scan_null(struct scan *s) { return peek(s) == 'n' && take_word(s, STR("null")); }

bool scan_bool(struct scan *s, void *bool_dest) {
    bool *dest = bool_dest;
    char c = peek(s);
    if (c == 't' && take_word(s, STR("true")))
        *dest = true;
    else if (c == 'f' && take_word(s, STR("false")))
        *dest = false;
    else
        return scan_fail(s, ERR_INVALID, "true or false was expected");
    return true;
}

bool scan_members(struct scan *s, bool (*each)(struct scan *s, struct str name, void *ctx), void *ctx) {
    if (!take(s, '{'))
        return scan_fail(s, ERR_INVALID, "an object was expected");
    if (!enter(s))
        return false;
    if (!take(s, '}')) {
        do {
            struct str name;
            if (!take_name(s, &name) || !each(s, name, ctx))
                return false;
        } while (take(s, ','));
        if (!take(s, '}'))
            return scan_fail(s, ERR_INVALID, "a comma or a closing brace was expected");
    }
    s->depth--;
    return true;
}

struct object {
    const struct scan_field *fields;
    size_t len;
    void *out;
    uint32_t seen;
};

static bool read_field(struct scan *s, struct str name, void *ctx) {
    struct object *o = ctx;
    for (size_t i = 0; i < o->len; i++) {
        const struct scan_field *f = &o->fields[i];
        if (!str_eq(f->name, name))
            continue;
        if ((o->seen & 1u << i) != 0)
            return scan_fail(s, ERR_INVALID, "a field given twice");
        o->seen |= 1u << i;
        return scan_null(s) || f->read(s, (char *)o->out + f->offset);
    }
    return scan_skip(s, NULL);
}

bool scan_object(struct scan *s, const struct scan_field *fields, size_t len, void *out) {
    struct object o = { fields, len < SCAN_FIELDS_MAX ? len : SCAN_FIELDS_MAX, out, 0 };
    return scan_members(s, read_field, &o);
}

bool scan_array(struct scan *s, bool (*each)(struct scan *s, void *ctx), void *ctx) {
    if (!take(s, '['))
        return scan_fail(s, ERR_INVALID, "an array was expected");
    if (!enter(s))
        return false;
    if (!take(s, ']')) {
        do {
            if (!each(s, ctx))
                return false;
        } while (take(s, ','));
        if (!take(s, ']'))
            return scan_fail(s, ERR_INVALID, "a comma or a closing bracket was expected");
    }
    s->depth--;
    return true;
}

void *scan_grow(struct scan *s, void *items, size_t len, size_t *cap, size_t max, size_t size) {
    if (len < *cap)
        return items;
    if (len >= max) {
        (void)scan_fail(s, ERR_LIMIT, "too many elements");
        return NULL;
    }
    size_t grown = *cap ? *cap * 2 : 8;
    void *p = arena_array(s->arena, grown, size);
    if (p == NULL) {
        (void)scan_fail(s, ERR_NOMEM, "out of memory");
        return NULL;
    }
    if (len != 0)
        memcpy(p, items, len * size);
    *cap = grown;
    return p;
}

static bool append_string(struct scan *s, void *ctx) {
    struct scan_strings *list = ctx;
    void *grown = scan_grow(s, list->items, list->len, &list->cap, list->max, sizeof *list->items);
    if (grown == NULL)
        return false;
    list->items = grown;
    if (!scan_string(s, &list->items[list->len]))
        return false;
    if (list->item_max != 0 && list->items[list->len].len > list->item_max)
        return scan_fail(s, ERR_LIMIT, "a string that is too long");
    list->len++;
    return true;
}

bool scan_string_array(struct scan *s, void *strings_dest) {
    return scan_array(s, append_string, strings_dest);
}
