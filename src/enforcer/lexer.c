#include "enforcer/expr.h"
#include <locale.h>

void enf_source_at(const struct enf_source *src, size_t offset, int *ret_line, int *ret_column) {
    *ret_line = 0;
    *ret_column = (int)offset + 1;
    for (size_t i = 0; i < src->places_len && src->places[i].offset <= offset; i++) {
        *ret_line = src->places[i].line;
        *ret_column = src->places[i].column + (int)(offset - src->places[i].offset);
    }
}

double enf_number_parse(struct enforcer_str text) {
    char digits[64];
    size_t n = text.len < sizeof digits - 1 ? text.len : sizeof digits - 1;
    memcpy(digits, text.ptr, n);
    digits[n] = '\0';
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* glibc's "C" is static: this takes no memory */
    if (c == (locale_t)0)
        return strtod(digits, NULL);
    double number = strtod_l(digits, NULL, c);
    freelocale(c);
    return number;
}

static enum enforcer_status lex_fail(const struct enf_source *src, size_t offset, struct enforcer_error *err,
                                     const char *what) {
    int line, column;
    enf_source_at(src, offset, &line, &column);
    return enf_fail(err, ENFORCER_INVALID, line, column, "%s", what);
}

static bool name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           (unsigned char)c >= 0x80;
}
static bool digit(char c) { return c >= '0' && c <= '9'; }

static enum enforcer_status lex_number(const struct enf_source *src, size_t at, struct enf_token *ret,
                                       struct enforcer_error *err) {
    const char *p = src->text.ptr;
    size_t i = at, len = src->text.len;
    while (i < len && digit(p[i]))
        i++;
    if (i < len && p[i] == '.')
        for (i++; i < len && digit(p[i]);)
            i++;
    if (i < len && (p[i] == 'e' || p[i] == 'E')) {
        i++;
        if (i < len && (p[i] == '+' || p[i] == '-'))
            i++;
        if (i == len || !digit(p[i]))
            return lex_fail(src, i, err, "digits of an exponent expected");
        while (i < len && digit(p[i]))
            i++;
    }
    if (i < len && (name_start(p[i]) || p[i] == '.'))
        return lex_fail(src, i, err, "a name cannot start with a digit, a number has one dot");
    if (i - at > 60)
        return lex_fail(src, at, err, "number too long");
    ret->kind = ENF_TOKEN_NUMBER;
    ret->text = enf_str(p + at, i - at);
    ret->number = enf_number_parse(ret->text);
    ret->end = i;
    return ENFORCER_OK;
}

static enum enforcer_status lex_string(const struct enf_source *src, size_t at, struct enf_token *ret,
                                       struct enforcer_error *err) {
    const char *p = src->text.ptr, quote = p[at];
    size_t i = at + 1;
    while (i < src->text.len && p[i] != quote)
        i += p[i] == '\\' ? 2 : 1;
    if (i >= src->text.len)
        return lex_fail(src, at, err, "string without its closing quote");
    ret->kind = ENF_TOKEN_STRING;
    ret->text = enf_str(p + at + 1, i - at - 1);
    ret->end = i + 1;
    return ENFORCER_OK;
}

/* Longest first. Precedence as in JavaScript; `in` is a comparison. 0: unary only. */
static const struct {
    const char *text;
    enum enf_op op;
    int precedence;
} operators[] = {
    { "===", ENF_OP_SAME, 6 }, { "!==", ENF_OP_NOT_SAME, 6 }, { ">>>", ENF_OP_USHR, 8 },
    { "||", ENF_OP_OR, 1 },    { "&&", ENF_OP_AND, 2 },       { "==", ENF_OP_EQ, 6 },
    { "!=", ENF_OP_NE, 6 },    { "<=", ENF_OP_LE, 7 },        { ">=", ENF_OP_GE, 7 },
    { "<<", ENF_OP_SHL, 8 },   { ">>", ENF_OP_SHR, 8 },       { "<", ENF_OP_LT, 7 },
    { ">", ENF_OP_GT, 7 },     { "+", ENF_OP_ADD, 9 },        { "-", ENF_OP_SUB, 9 },
    { "*", ENF_OP_MUL, 10 },   { "/", ENF_OP_DIV, 10 },       { "%", ENF_OP_MOD, 10 },
    { "^", ENF_OP_XOR, 4 },    { "!", ENF_OP_NOT, 0 },        { "~", ENF_OP_INV, 0 },
};

static bool lex_operator(const struct enf_source *src, size_t at, struct enf_token *ret) {
    struct enforcer_str rest = enf_str(src->text.ptr + at, src->text.len - at);
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        size_t n = strlen(operators[i].text);
        if (rest.len < n || memcmp(rest.ptr, operators[i].text, n) != 0)
            continue;
        ret->kind = ENF_TOKEN_OP;
        ret->op = operators[i].op;
        ret->precedence = operators[i].precedence;
        ret->text = enf_str(rest.ptr, n);
        ret->end = at + n;
        return true;
    }
    return false;
}

static void lex_name(const struct enf_source *src, size_t at, struct enf_token *ret) {
    size_t i = at;
    while (i < src->text.len && (name_start(src->text.ptr[i]) || digit(src->text.ptr[i])))
        i++;
    ret->kind = ENF_TOKEN_NAME;
    ret->text = enf_str(src->text.ptr + at, i - at);
    ret->end = i;
    if (enf_str_is(ret->text, "in")) {
        ret->kind = ENF_TOKEN_OP;
        ret->op = ENF_OP_IN;
        ret->precedence = 7;
    }
}

enum enforcer_status enf_lex(const struct enf_source *src, size_t *offset, struct enf_token *ret,
                             struct enforcer_error *err) {
    size_t at = *offset;
    while (at < src->text.len && strchr(" \t\r\n", src->text.ptr[at]) != NULL && src->text.ptr[at] != '\0')
        at++;
    *ret = (struct enf_token) { .offset = at, .end = at };
    *offset = at;
    if (at >= src->text.len)
        return ENFORCER_OK;
    char c = src->text.ptr[at];
    enum enforcer_status rc = ENFORCER_OK;
    bool dot_number = c == '.' && at + 1 < src->text.len && digit(src->text.ptr[at + 1]);
    if (digit(c) || dot_number)
        rc = lex_number(src, at, ret, err);
    else if (c == '"' || c == '\'')
        rc = lex_string(src, at, ret, err);
    else if (name_start(c))
        lex_name(src, at, ret);
    else if (c != '\0' && strchr("()[],.?:", c) != NULL) {
        ret->kind = ENF_TOKEN_PUNCT;
        ret->punct = c;
        ret->text = enf_str(src->text.ptr + at, 1);
        ret->end = at + 1;
    } else if (!lex_operator(src, at, ret))
        rc = lex_fail(src, at, err,
                      c == '&' || c == '|' ? "single & or |: write && or ||" : "unexpected character");
    *offset = ret->end;
    return rc;
}
