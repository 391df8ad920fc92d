#include "enforcer/value.h"
#include <locale.h>
#include <math.h>

bool enf_truthy(const struct enforcer_value *v) {
    switch (v->kind) {
    case ENFORCER_UNDEFINED:
    case ENFORCER_NULL: return false;
    case ENFORCER_BOOL: return v->u.boolean;
    case ENFORCER_NUMBER: return v->u.number != 0 && !isnan(v->u.number);
    case ENFORCER_STRING: return v->u.string.len > 0;
    case ENFORCER_LIST:
    case ENFORCER_MAP:
    case ENFORCER_OBJECT: break;
    }
    return true;
}

static bool blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool digit(char c) { return c >= '0' && c <= '9'; }

static int hex_digit(char c) {
    if (digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static double hex_number(struct enforcer_str s) {
    double n = s.len == 0 ? (double)NAN : 0;
    for (size_t i = 0; i < s.len; i++) {
        if (hex_digit(s.ptr[i]) < 0)
            return (double)NAN;
        n = n * 16 + hex_digit(s.ptr[i]);
    }
    return n;
}

/* [+-] digits [. digits] [e digits], at least one digit, or Infinity. */
static bool is_decimal(struct enforcer_str s) {
    size_t i = 0, digits = 0;
    while (i < s.len && digit(s.ptr[i])) {
        i++;
        digits++;
    }
    if (i < s.len && s.ptr[i] == '.')
        for (i++; i < s.len && digit(s.ptr[i]); i++)
            digits++;
    if (digits == 0)
        return false;
    if (i < s.len && (s.ptr[i] | 0x20) == 'e') {
        i++;
        if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
            i++;
        if (i == s.len || !digit(s.ptr[i]))
            return false;
        while (i < s.len && digit(s.ptr[i]))
            i++;
    }
    return i == s.len;
}

static double text_number(struct enforcer_str s) {
    while (s.len > 0 && blank(s.ptr[0]))
        s = enf_str(s.ptr + 1, s.len - 1);
    while (s.len > 0 && blank(s.ptr[s.len - 1]))
        s.len--;
    if (s.len == 0)
        return 0;
    if (s.len > 2 && s.ptr[0] == '0' && (s.ptr[1] | 0x20) == 'x')
        return hex_number(enf_str(s.ptr + 2, s.len - 2));
    double sign = s.ptr[0] == '-' ? -1 : 1;
    if (s.ptr[0] == '-' || s.ptr[0] == '+')
        s = enf_str(s.ptr + 1, s.len - 1);
    if (enf_str_is(s, "Infinity"))
        return sign * (double)INFINITY;
    /* A number longer than 60 digits is no number here; JavaScript would read its first digits. */
    return is_decimal(s) && s.len <= 60 ? sign * enf_number_parse(s) : (double)NAN;
}

double enf_to_number(const struct enforcer_value *v) {
    switch (v->kind) {
    case ENFORCER_NULL: return 0;
    case ENFORCER_BOOL: return v->u.boolean ? 1 : 0;
    case ENFORCER_NUMBER: return v->u.number;
    case ENFORCER_STRING: return text_number(v->u.string);
    case ENFORCER_LIST:
        return v->u.list.len == 0 ? 0 : v->u.list.len == 1 ? enf_to_number(v->u.list.items) : (double)NAN;
    case ENFORCER_UNDEFINED:
    case ENFORCER_MAP:
    case ENFORCER_OBJECT: break;
    }
    return (double)NAN;
}

/* The shortest digits that read back as the same number, laid out as JavaScript does. */
static void number_text(double n, char out[40]) {
    if (isnan(n) || isinf(n)) {
        (void)snprintf(out, 40, "%s", isnan(n) ? "NaN" : n < 0 ? "-Infinity" : "Infinity");
        return;
    }
    if (n == 0) {
        (void)snprintf(out, 40, "0");
        return;
    }
    char digits[40];
    for (int precision = 0; precision <= 16; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*e", precision, n);
        for (char *c = digits; *c != '\0'; c++)
            if (!digit(*c) && *c != '-' && *c != '+' && *c != 'e')
                *c = '.'; /* whatever the locale's decimal point is */
        if (enf_number_parse(enforcer_cstr(digits)) == n)
            break;
    }
    /* d.ddde+XX -> the digits and where the point goes */
    char plain[24];
    int len = 0, sign = digits[0] == '-';
    const char *e = strchr(digits, 'e');
    for (const char *c = digits; c < e; c++)
        if (digit(*c))
            plain[len++] = *c;
    while (len > 1 && plain[len - 1] == '0')
        len--;
    int exponent = 0;
    for (const char *c = e + 2; digit(*c); c++) /* behind "e+" or "e-" */
        exponent = exponent * 10 + (*c - '0');
    int point = (e[1] == '-' ? -exponent : exponent) + 1;
    const char *minus = sign ? "-" : "";
    if (point > 21 || point < -5) {
        (void)snprintf(out, 40, "%s%c%s%.*se%+d", minus, plain[0], len > 1 ? "." : "", len - 1, plain + 1,
                       point - 1);
    } else if (point <= 0) {
        (void)snprintf(out, 40, "%s0.%0*d%.*s", minus, -point, 0, len, plain);
        if (point == 0)
            (void)snprintf(out, 40, "%s0.%.*s", minus, len, plain);
    } else if (point >= len) {
        (void)snprintf(out, 40, "%s%.*s%0*d", minus, len, plain, point - len, 0);
        if (point == len)
            (void)snprintf(out, 40, "%s%.*s", minus, len, plain);
    } else
        (void)snprintf(out, 40, "%s%.*s.%.*s", minus, point, plain, len - point, plain + point);
}

static enum enforcer_status list_text(const struct enforcer_value *v, struct enf_scratch *s,
                                      struct enforcer_str *ret, struct enforcer_error *err) {
    char *out = NULL;
    size_t len = 0, cap = 0;
    for (size_t i = 0; i < v->u.list.len; i++) {
        const struct enforcer_value *item = &v->u.list.items[i];
        struct enforcer_str part = { "", 0 };
        if (item->kind == ENFORCER_LIST)
            return enf_fail(err, ENFORCER_EVAL, 0, 0, "text of a list of lists");
        enum enforcer_status rc = ENFORCER_OK;
        if (item->kind != ENFORCER_UNDEFINED && item->kind != ENFORCER_NULL)
            rc = enf_to_text(item, s, &part, err);
        if (rc != ENFORCER_OK)
            return rc;
        if (len + part.len + 1 > cap) {
            cap = (len + part.len + 1) * 2;
            char *grown = enf_zone_alloc(&s->zone, cap);
            if (grown == NULL)
                return enf_nomem(err);
            if (len > 0)
                memcpy(grown, out, len);
            out = grown;
        }
        if (i > 0)
            out[len++] = ',';
        memcpy(out + len, part.ptr, part.len);
        len += part.len;
    }
    *ret = enf_str(out, len);
    return ENFORCER_OK;
}

enum enforcer_status enf_to_text(const struct enforcer_value *v, struct enf_scratch *s,
                                 struct enforcer_str *ret, struct enforcer_error *err) {
    char digits[40];
    switch (v->kind) {
    case ENFORCER_UNDEFINED:
    case ENFORCER_NULL:
        return enf_fail(err, ENFORCER_EVAL, 0, 0, "text of %s",
                        v->kind == ENFORCER_NULL ? "null" : "undefined");
    case ENFORCER_STRING: *ret = v->u.string; return ENFORCER_OK;
    case ENFORCER_BOOL: *ret = enforcer_cstr(v->u.boolean ? "true" : "false"); return ENFORCER_OK;
    case ENFORCER_LIST: return list_text(v, s, ret, err);
    case ENFORCER_MAP:
    case ENFORCER_OBJECT: *ret = enforcer_cstr("[object Object]"); return ENFORCER_OK;
    case ENFORCER_NUMBER: break;
    }
    number_text(v->u.number, digits);
    size_t len = strlen(digits);
    char *copy = enf_zone_copy(&s->zone, digits, len);
    if (copy == NULL)
        return enf_nomem(err);
    *ret = enf_str(copy, len);
    return ENFORCER_OK;
}

bool enf_same(const struct enforcer_value *a, const struct enforcer_value *b) {
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case ENFORCER_UNDEFINED:
    case ENFORCER_NULL: return true;
    case ENFORCER_BOOL: return a->u.boolean == b->u.boolean;
    case ENFORCER_NUMBER: return a->u.number == b->u.number;
    case ENFORCER_STRING: return enf_str_eq(a->u.string, b->u.string);
    case ENFORCER_LIST: return a->u.list.items == b->u.list.items && a->u.list.len == b->u.list.len;
    case ENFORCER_MAP: return a->u.map.members == b->u.map.members && a->u.map.len == b->u.map.len;
    case ENFORCER_OBJECT: break;
    }
    return a->u.object.object == b->u.object.object && a->u.object.get == b->u.object.get;
}

static bool is_nothing(const struct enforcer_value *v) {
    return v->kind == ENFORCER_UNDEFINED || v->kind == ENFORCER_NULL;
}

static bool is_composite(const struct enforcer_value *v) {
    return v->kind == ENFORCER_LIST || v->kind == ENFORCER_MAP || v->kind == ENFORCER_OBJECT;
}

bool enf_equal(const struct enforcer_value *a, const struct enforcer_value *b) {
    if (is_nothing(a) || is_nothing(b))
        return is_nothing(a) && is_nothing(b);
    if (a->kind == b->kind)
        return enf_same(a, b);
    if (is_composite(a) || is_composite(b))
        return false;
    return enf_to_number(a) == enf_to_number(b); /* NaN is not equal to itself */
}

bool enf_ordered(enum enf_op op, const struct enforcer_value *a, const struct enforcer_value *b) {
    if (a->kind == ENFORCER_STRING && b->kind == ENFORCER_STRING) {
        struct enforcer_str x = a->u.string, y = b->u.string;
        size_t n = x.len < y.len ? x.len : y.len;
        int c = n > 0 ? memcmp(x.ptr, y.ptr, n) : 0;
        if (c == 0)
            c = x.len < y.len ? -1 : x.len > y.len;
        return op == ENF_OP_LT ? c < 0 : op == ENF_OP_LE ? c <= 0 : op == ENF_OP_GT ? c > 0 : c >= 0;
    }
    double x = enf_to_number(a), y = enf_to_number(b);
    return op == ENF_OP_LT ? x < y : op == ENF_OP_LE ? x <= y : op == ENF_OP_GT ? x > y : x >= y;
}

static enum enforcer_status add(const struct enforcer_value *a, const struct enforcer_value *b,
                                struct enf_scratch *s, struct enforcer_value *ret,
                                struct enforcer_error *err) {
    bool text = a->kind == ENFORCER_STRING || b->kind == ENFORCER_STRING || is_composite(a) ||
                is_composite(b);
    if (!text) {
        *ret = enforcer_number(enf_to_number(a) + enf_to_number(b));
        return ENFORCER_OK;
    }
    struct enforcer_str parts[2];
    for (int i = 0; i < 2; i++) {
        const struct enforcer_value *v = i == 0 ? a : b;
        if (is_nothing(v))
            parts[i] = enforcer_cstr(v->kind == ENFORCER_NULL ? "null" : "undefined");
        else {
            enum enforcer_status rc = enf_to_text(v, s, &parts[i], err);
            if (rc != ENFORCER_OK)
                return rc;
        }
    }
    char *joined = enf_zone_alloc(&s->zone, parts[0].len + parts[1].len + 1);
    if (joined == NULL)
        return enf_nomem(err);
    if (parts[0].len > 0)
        memcpy(joined, parts[0].ptr, parts[0].len);
    if (parts[1].len > 0)
        memcpy(joined + parts[0].len, parts[1].ptr, parts[1].len);
    *ret = enforcer_string_n(joined, parts[0].len + parts[1].len);
    return ENFORCER_OK;
}

static uint32_t to_uint32(double n) {
    if (isnan(n) || isinf(n))
        return 0;
    n = fmod(trunc(n), 4294967296.0);
    return n < 0 ? (uint32_t)(n + 4294967296.0) : (uint32_t)n;
}

static double signed32(uint32_t n) { return n > INT32_MAX ? (double)n - 4294967296.0 : (double)n; }

enum enforcer_status enf_arithmetic(enum enf_op op, const struct enforcer_value *a,
                                    const struct enforcer_value *b, struct enf_scratch *s,
                                    struct enforcer_value *ret, struct enforcer_error *err) {
    if (op == ENF_OP_ADD)
        return add(a, b, s, ret, err);
    double x = enf_to_number(a), y = enf_to_number(b), n = 0;
    uint32_t left = to_uint32(x), by = to_uint32(y) & 31;
    if (op == ENF_OP_SUB)
        n = x - y;
    else if (op == ENF_OP_MUL)
        n = x * y;
    else if (op == ENF_OP_DIV)
        n = y == 0 ? (x == 0 || isnan(x)                       ? (double)NAN
                      : (signbit(x) != 0) == (signbit(y) != 0) ? (double)INFINITY
                                                               : -(double)INFINITY)
                   : x / y;
    else if (op == ENF_OP_MOD)
        n = y == 0 ? (double)NAN : fmod(x, y);
    else if (op == ENF_OP_XOR)
        n = signed32(left ^ to_uint32(y));
    else if (op == ENF_OP_SHL)
        n = signed32(left << by);
    else if (op == ENF_OP_USHR)
        n = left >> by;
    else /* ENF_OP_SHR */
        n = signed32(left >> by | (left >> 31 && by ? ~(UINT32_MAX >> by) : 0));
    *ret = enforcer_number(n);
    return ENFORCER_OK;
}

enum enforcer_status enf_member(const struct enforcer_value *of, struct enforcer_str name,
                                struct enforcer_value *ret, struct enforcer_error *err) {
    *ret = (struct enforcer_value) { .kind = ENFORCER_UNDEFINED };
    if (is_nothing(of))
        return enf_fail(err, ENFORCER_EVAL, 0, 0, "attribute \"%.*s\" of %s", ENF_FMT(name),
                        of->kind == ENFORCER_NULL ? "null" : "undefined");
    if (of->kind == ENFORCER_MAP) {
        for (size_t i = 0; i < of->u.map.len; i++)
            if (enf_str_eq(of->u.map.members[i].name, name))
                *ret = of->u.map.members[i].value;
    } else if (of->kind == ENFORCER_OBJECT) {
        enum enforcer_status rc = of->u.object.get(of->u.object.object, name, ret);
        if (rc != ENFORCER_OK && rc != ENFORCER_NOT_FOUND)
            return enf_fail(err, rc, 0, 0, "attribute \"%.*s\" cannot be read", ENF_FMT(name));
        if (rc == ENFORCER_NOT_FOUND)
            *ret = (struct enforcer_value) { .kind = ENFORCER_UNDEFINED };
    } else if (enf_str_is(name, "length") && of->kind == ENFORCER_LIST)
        *ret = enforcer_number((double)of->u.list.len);
    else if (enf_str_is(name, "length") && of->kind == ENFORCER_STRING) {
        size_t n = 0; /* in UTF-16 units, as JavaScript counts */
        for (size_t i = 0; i < of->u.string.len; i++) {
            unsigned char c = (unsigned char)of->u.string.ptr[i];
            n += (c & 0xc0) != 0x80;
            n += c >= 0xf0;
        }
        *ret = enforcer_number((double)n);
    }
    return ENFORCER_OK;
}

enum enforcer_status enf_in(const struct enforcer_value *a, const struct enforcer_value *b,
                            struct enf_scratch *s, bool *ret, struct enforcer_error *err) {
    *ret = false;
    if (b->kind == ENFORCER_LIST) {
        for (size_t i = 0; i < b->u.list.len && !*ret; i++)
            *ret = enf_same(a, &b->u.list.items[i]);
        return ENFORCER_OK;
    }
    if (b->kind != ENFORCER_MAP && b->kind != ENFORCER_OBJECT)
        return enf_fail(err, ENFORCER_EVAL, 0, 0, "`in` needs a list or an object on its right");
    struct enforcer_str name;
    struct enforcer_value value;
    enum enforcer_status rc = enf_to_text(a, s, &name, err);
    if (rc != ENFORCER_OK)
        return rc;
    if (b->kind == ENFORCER_MAP) {
        for (size_t i = 0; i < b->u.map.len; i++)
            *ret |= enf_str_eq(b->u.map.members[i].name, name);
        return ENFORCER_OK;
    }
    rc = enf_member(b, name, &value, err);
    *ret = rc == ENFORCER_OK && value.kind != ENFORCER_UNDEFINED;
    return rc;
}

struct enforcer_str enforcer_cstr(const char *text) {
    return enf_str(text, text != NULL ? strlen(text) : 0);
}
struct enforcer_value enforcer_string_n(const char *text, size_t len) {
    return (struct enforcer_value) { .kind = ENFORCER_STRING, .u.string = { text, len } };
}
struct enforcer_value enforcer_string(const char *text) {
    return (struct enforcer_value) { .kind = ENFORCER_STRING, .u.string = enforcer_cstr(text) };
}
struct enforcer_value enforcer_number(double number) {
    return (struct enforcer_value) { .kind = ENFORCER_NUMBER, .u.number = number };
}
struct enforcer_value enforcer_bool(bool boolean) {
    return (struct enforcer_value) { .kind = ENFORCER_BOOL, .u.boolean = boolean };
}
