/* Label selectors, as k8s.io/apimachinery reads them. */
#include "kube/selector.h"

#include "tkeauth/resource.h"

enum { QUOTED_MAX = 64 }; /* bytes of what an error quotes */

enum token_type { TOKEN_END, TOKEN_WORD, TOKEN_IN, TOKEN_NOT_IN, TOKEN_SYMBOL };
struct token {
    enum token_type type;
    struct str text;
};
struct parser {
    struct arena *arena;
    struct str rest;
    struct token next; /* looked at, not taken */
};

/* ---- tokens ---- */
static bool is_symbol_byte(char c) { return c != '\0' && strchr("=!(),<>", c) != NULL; }
static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static size_t symbol_length(struct str s) {
    return str_starts_with(s, STR("==")) || str_starts_with(s, STR("!=")) ? 2 : 1;
}

static size_t word_length(struct str s) {
    size_t len = 0;
    while (len < s.len && !is_symbol_byte(s.ptr[len]) && !is_blank(s.ptr[len]))
        len++;
    return len;
}

/* Takes the token that was looked at, and looks at the one behind it. */
static struct token advance(struct parser *p) {
    struct token taken = p->next;
    while (p->rest.len > 0 && is_blank(p->rest.ptr[0]))
        p->rest = str_from(p->rest, 1);
    if (p->rest.len == 0) {
        p->next = (struct token) { TOKEN_END, STR_NULL };
        return taken;
    }
    bool symbol = is_symbol_byte(p->rest.ptr[0]);
    struct str text = str_sub(p->rest, 0, symbol ? symbol_length(p->rest) : word_length(p->rest));
    enum token_type type = symbol                       ? TOKEN_SYMBOL
                           : str_eq(text, STR("in"))    ? TOKEN_IN
                           : str_eq(text, STR("notin")) ? TOKEN_NOT_IN
                                                        : TOKEN_WORD;
    p->rest = str_from(p->rest, text.len);
    p->next = (struct token) { type, text };
    return taken;
}

static bool is_symbol(const struct token *t, const char *text) {
    return t->type == TOKEN_SYMBOL && str_eq(t->text, str_of(text));
}

/* "in" and "notin" are words wherever no operator can stand. */
static bool is_word(const struct token *t) {
    return t->type == TOKEN_WORD || t->type == TOKEN_IN || t->type == TOKEN_NOT_IN;
}

/* ---- errors ---- */
static enum err_code unexpected(struct token t, const char *expected, struct err *err) {
    struct str text = str_sub(t.text, 0, QUOTED_MAX);
    return err_set(err, ERR_INVALID, "found '%.*s', expected: %s", STR_FMT(text), expected);
}

static enum err_code invalid(struct str what, const char *problem, struct err *err) {
    what = str_sub(what, 0, QUOTED_MAX);
    return err_set(err, ERR_INVALID, "Invalid value: \"%.*s\": %s", STR_FMT(what), problem);
}

/* ---- terms ---- */
static bool has_value(const struct str *values, size_t len, struct str value) {
    for (size_t i = 0; i < len; i++)
        if (str_eq(values[i], value))
            return true;
    return false;
}

static enum err_code add_value(struct str *values, size_t *len, struct str value, struct err *err) {
    if (has_value(values, *len, value))
        return ERR_OK;
    if (*len == SELECTOR_VALUES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d values in a selector", SELECTOR_VALUES_MAX);
    const char *problem = label_value_problem(value);
    if (problem != NULL)
        return invalid(value, problem, err);
    values[(*len)++] = value;
    return ERR_OK;
}

/* How many values there can be at most: commas before the closing parenthesis, and one. */
static size_t values_bound(const struct parser *p) {
    struct str list;
    size_t n = 2;
    (void)str_cut(p->rest, ')', &list, &(struct str) { 0 });
    for (size_t i = 0; i < list.len && n <= SELECTOR_VALUES_MAX; i++)
        n += list.ptr[i] == ',';
    return n;
}

/* "(x,,y)": words with commas between; where one is missing it is "". */
static enum err_code parse_values(struct parser *p, struct selector_term *term, struct err *err) {
    struct str *values = arena_array(p->arena, values_bound(p), sizeof *values);
    struct token t = advance(p);
    if (!is_symbol(&t, "("))
        return unexpected(t, "'('", err);
    if (values == NULL)
        return err_set(err, ERR_NOMEM, "a selector");
    enum err_code rc = ERR_OK;
    for (bool more = true; rc == ERR_OK && more;) {
        struct str value = is_word(&p->next) ? advance(p).text : STR("");
        rc = add_value(values, &term->len, value, err);
        t = advance(p);
        more = is_symbol(&t, ",");
        if (rc == ERR_OK && !more && !is_symbol(&t, ")"))
            rc = unexpected(t, "',' or ')'", err);
    }
    term->values = values;
    return rc;
}

/* A label cannot begin with a sign, so there are none below zero. */
static bool is_integer(struct str s, int64_t *ret) {
    struct err ignored;
    return parse_i64(s, 0, INT64_MAX, ret, &ignored) == ERR_OK;
}

static enum err_code parse_value(struct parser *p, struct selector_term *term, struct err *err) {
    struct str *value = arena_array(p->arena, 1, sizeof *value);
    if (value == NULL)
        return err_set(err, ERR_NOMEM, "a selector");
    struct token t = { TOKEN_WORD, STR("") };
    int64_t n;
    if (p->next.type != TOKEN_END && !is_symbol(&p->next, ","))
        t = advance(p);
    if (!is_word(&t))
        return unexpected(t, "identifier", err);
    if ((term->op == SELECTOR_GREATER || term->op == SELECTOR_LESS) && !is_integer(t.text, &n))
        return invalid(t.text, "for 'Gt', 'Lt' operators, the value must be an integer", err);
    term->values = value;
    return add_value(value, &term->len, t.text, err);
}

static enum err_code parse_operator(struct parser *p, struct selector_term *term, struct err *err) {
    static const struct {
        const char *text;
        enum selector_op op;
    } symbols[] = { { "=", SELECTOR_EQUALS },
                    { "==", SELECTOR_EQUALS },
                    { "!=", SELECTOR_NOT_EQUALS },
                    { ">", SELECTOR_GREATER },
                    { "<", SELECTOR_LESS } };
    struct token t = advance(p);
    if (t.type == TOKEN_IN || t.type == TOKEN_NOT_IN) {
        term->op = t.type == TOKEN_IN ? SELECTOR_IN : SELECTOR_NOT_IN;
        return parse_values(p, term, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        if (is_symbol(&t, symbols[i].text)) {
            term->op = symbols[i].op;
            return parse_value(p, term, err);
        }
    }
    return unexpected(t, "in, notin, =, ==, !=, gt, lt", err);
}

static enum err_code parse_requirement(struct parser *p, struct selector_term *term, struct err *err) {
    bool negated = is_symbol(&p->next, "!");
    if (negated)
        (void)advance(p);
    struct token key = advance(p);
    if (!is_word(&key))
        return unexpected(key, "identifier", err);
    const char *problem = label_key_problem(key.text);
    if (problem != NULL)
        return invalid(key.text, problem, err);
    term->key = key.text;
    if (negated || p->next.type == TOKEN_END || is_symbol(&p->next, ",")) {
        term->op = negated ? SELECTOR_NOT_EXISTS : SELECTOR_EXISTS;
        return ERR_OK;
    }
    return parse_operator(p, term, err);
}

static enum err_code parse_term(struct parser *p, struct selector_term *term, struct err *err) {
    if (!is_word(&p->next) && !is_symbol(&p->next, "!"))
        return unexpected(p->next, "!, identifier, or 'end of string'", err);
    enum err_code rc = parse_requirement(p, term, err);
    if (rc != ERR_OK)
        return err_context(err, "unable to parse requirement");
    if (p->next.type == TOKEN_END)
        return ERR_OK;
    struct token comma = advance(p);
    if (!is_symbol(&comma, ","))
        return unexpected(comma, "',' or 'end of string'", err);
    if (!is_word(&p->next) && !is_symbol(&p->next, "!"))
        return unexpected(p->next, "identifier after ','", err);
    return ERR_OK;
}

enum err_code label_selector_parse(struct arena *a, struct str text, struct selector *ret, struct err *err) {
    if (text.len > SELECTOR_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a selector of more than %d bytes", SELECTOR_BYTES_MAX);
    text = arena_str(a, text);
    struct selector_term *terms = arena_array(a, SELECTOR_TERMS_MAX, sizeof *terms);
    struct parser p = { .arena = a, .rest = text };
    size_t len = 0;
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "a selector");
    for ((void)advance(&p); p.next.type != TOKEN_END; len++) {
        if (len == SELECTOR_TERMS_MAX)
            return err_set(err, ERR_LIMIT, "a selector of more than %d terms", SELECTOR_TERMS_MAX);
        enum err_code rc = parse_term(&p, &terms[len], err);
        if (rc != ERR_OK)
            return rc;
    }
    *ret = (struct selector) { terms, len };
    return ERR_OK;
}

/* ---- matching ---- */
static bool compares(const struct selector_term *t, struct str label) {
    int64_t value, bound;
    if (!is_integer(label, &value) || !is_integer(t->values[0], &bound))
        return false;
    return t->op == SELECTOR_GREATER ? value > bound : value < bound;
}

static bool term_matches(const struct selector_term *t, const json_t *labels) {
    const json_t *label = json_object_getn(labels, t->key.ptr, t->key.len);
    bool present = json_is_string(label);
    struct str value = { json_string_value(label), json_string_length(label) };
    switch (t->op) {
    case SELECTOR_EXISTS: return present;
    case SELECTOR_NOT_EXISTS: return !present;
    case SELECTOR_EQUALS:
    case SELECTOR_IN: return present && has_value(t->values, t->len, value);
    case SELECTOR_NOT_EQUALS:
    case SELECTOR_NOT_IN: return !present || !has_value(t->values, t->len, value);
    case SELECTOR_GREATER:
    case SELECTOR_LESS: return present && compares(t, value);
    }
    return false;
}

bool label_selector_matches(const struct selector *s, const json_t *labels) {
    for (size_t i = 0; i < s->len; i++)
        if (!term_matches(&s->terms[i], labels))
            return false;
    return true;
}
