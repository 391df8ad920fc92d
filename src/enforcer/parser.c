#include "enforcer/model.h"

enum { DEPTH_MAX = 200, ARGS_MAX = 10000 };

struct parser {
    const struct enf_parse *parse;
    struct enf_model *model;
    struct enf_program *program;
    struct enf_token token;
    size_t offset;   /* behind `token` */
    size_t last_end; /* of the token before it */
    unsigned depth;
    struct enforcer_error *err;
    enum enforcer_status status; /* the first failure */
};

static void *fail_at(struct parser *x, size_t offset, const char *fmt, const char *what,
                     struct enforcer_str name) {
    if (x->status != ENFORCER_OK)
        return NULL;
    int line, column;
    enf_source_at(&x->parse->source, offset, &line, &column);
    if (name.len > 0)
        x->status = enf_fail(x->err, ENFORCER_INVALID, line, column, "%s \"%.*s\"%s", what, ENF_FMT(name),
                             fmt);
    else
        x->status = enf_fail(x->err, ENFORCER_INVALID, line, column, "%s%s", what, fmt);
    return NULL;
}

static void *fail(struct parser *x, const char *what) {
    return fail_at(x, x->token.offset, "", what, enf_str(NULL, 0));
}

static void *nomem(struct parser *x) {
    if (x->status == ENFORCER_OK)
        x->status = enf_nomem(x->err);
    return NULL;
}

static bool next(struct parser *x) {
    if (x->status != ENFORCER_OK)
        return false;
    x->last_end = x->token.end;
    x->status = enf_lex(&x->parse->source, &x->offset, &x->token, x->err);
    return x->status == ENFORCER_OK;
}

static bool is_punct(const struct parser *x, char c) {
    return x->token.kind == ENF_TOKEN_PUNCT && x->token.punct == c;
}

static bool expect(struct parser *x, char c) {
    char what[] = "\"?\" expected";
    what[1] = c;
    if (!is_punct(x, c)) {
        (void)fail(x, what);
        return false;
    }
    return next(x);
}

static struct enf_expr *node(struct parser *x, enum enf_expr_kind kind, size_t offset) {
    struct enf_expr *e = enf_zone_alloc(&x->program->zone, sizeof *e);
    if (e == NULL)
        return nomem(x);
    e->kind = (uint8_t)kind;
    e->depth = 1;
    enf_source_at(&x->parse->source, offset, &e->line, &e->column);
    e->text.ptr = x->parse->source.text.ptr + offset;
    return e;
}

/* The text of a node ends where the last token read ended. */
static struct enf_expr *ended(struct parser *x, struct enf_expr *e) {
    if (e != NULL)
        e->text.len = (size_t)(x->parse->source.text.ptr + x->last_end - e->text.ptr);
    return e;
}

static bool add_arg(struct parser *x, struct enf_expr *e, const struct enf_expr *arg) {
    if (arg == NULL)
        return false;
    size_t n = e->args_len;
    if (n >= ARGS_MAX)
        return fail(x, "too many operands") != NULL;
    if ((n & (n - 1)) == 0) { /* full at every power of two */
        const struct enf_expr **args = enf_zone_alloc(&x->program->zone, (n ? n * 2 : 1) * sizeof(*args));
        if (args == NULL)
            return nomem(x) != NULL;
        if (n > 0)
            memcpy(args, e->args, n * sizeof(*args));
        e->args = args;
    }
    e->args[e->args_len++] = arg;
    if (arg->depth >= e->depth)
        e->depth = (uint16_t)(arg->depth + 1);
    if (e->depth > DEPTH_MAX)
        return fail(x, "expression too deep") != NULL;
    return true;
}

static struct enf_expr *parse_expr(struct parser *x);

/* ------------------------------------------------------------------------------------------------------- names -- */

/* "r2" -> 'r', 2. False: another kind of name. */
static bool split_definition(struct enforcer_str name, char *ret_kind, unsigned *ret_number) {
    if (name.len == 0 || (name.ptr[0] != 'r' && name.ptr[0] != 'p' && name.ptr[0] != 'g') || name.len > 4)
        return false;
    unsigned number = 0;
    for (size_t i = 1; i < name.len; i++) {
        if (name.ptr[i] < '0' || name.ptr[i] > '9')
            return false;
        number = number * 10 + (unsigned)(name.ptr[i] - '0');
    }
    *ret_kind = name.ptr[0];
    *ret_number = name.len == 1 ? 1 : number;
    return true;
}

static const struct enf_fields *find_fields(const struct enf_model *m, struct enforcer_str name,
                                            bool *ret_request, uint16_t *ret_section) {
    char kind = 0;
    unsigned number = 0;
    if (!split_definition(name, &kind, &number))
        return NULL;
    *ret_request = kind == 'r';
    for (size_t i = 0; kind == 'r' && i < m->requests_len; i++)
        if (m->requests[i].number == number) {
            *ret_section = (uint16_t)i;
            return &m->requests[i];
        }
    for (size_t i = 0; kind == 'p' && i < m->policies_len; i++)
        if (m->policies[i].fields.number == number) {
            *ret_section = (uint16_t)i;
            return &m->policies[i].fields;
        }
    return NULL;
}

static struct enf_expr *field_node(struct parser *x, size_t offset, const struct enf_fields *fields,
                                   bool request, uint16_t section, struct enforcer_str field) {
    for (size_t i = 0; i < fields->len; i++) {
        if (!enf_str_eq(fields->tokens[i], field))
            continue;
        struct enf_expr *e = node(x, request ? ENF_REQUEST : ENF_POLICY, offset);
        if (e == NULL)
            return NULL;
        e->section = section;
        e->field = (uint16_t)i;
        *(request ? &x->program->requests : &x->program->policies) |= 1u << section;
        return ended(x, e);
    }
    return fail_at(x, offset,
                   request ? " is no field of the request definition"
                           : " is no field of the policy definition",
                   "name", field);
}

static struct enf_expr *literal_node(struct parser *x, size_t offset, struct enforcer_value value) {
    struct enf_expr *e = node(x, ENF_LITERAL, offset);
    if (e != NULL)
        e->value = value;
    return ended(x, e);
}

/* A string's text with its escapes read: \n \r \t \b \f \v, and any other character for itself. */
static struct enf_expr *string_node(struct parser *x) {
    struct enforcer_str raw = x->token.text;
    char *out = enf_zone_alloc(&x->program->zone, raw.len + 1);
    if (out == NULL)
        return nomem(x);
    size_t n = 0, offset = x->token.offset;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '\\' && i + 1 < raw.len) {
            static const char from[] = "nrtbfv", to[] = "\n\r\t\b\f\v";
            const char *known = strchr(from, raw.ptr[++i]);
            c = known != NULL && raw.ptr[i] != '\0' ? to[known - from] : raw.ptr[i];
        }
        out[n++] = c;
    }
    return next(x) ? literal_node(x, offset, enforcer_string_n(out, n)) : NULL;
}

/* --------------------------------------------------------------------------------------------------- functions -- */

/* The slot in which atoms of the field keep what `fn` makes of them; UINT8_MAX: nowhere, it is made on every use. */
static uint8_t field_slot(struct parser *x, const struct enf_expr *field, uint8_t fn) {
    struct enf_model *m = x->model;
    struct enf_policy *p = &m->policies[field->section];
    uint16_t *use = &p->uses[field->field];
    if (*use == 0 && x->parse->note_uses && m->uses_len < ARRAY_LEN(m->uses))
        *use = (uint16_t)m->uses_len++;
    if (*use == 0)
        return UINT8_MAX;
    struct enf_use *u = &m->uses[*use];
    for (uint8_t i = 0; i < u->len; i++)
        if (u->fns[i] == fn)
            return i;
    if (!x->parse->note_uses || u->len == ENF_USES_MAX)
        return UINT8_MAX;
    u->fns[u->len] = fn;
    return u->len++;
}

static bool keep_pattern(struct parser *x, struct enf_expr *e) {
    struct enf_program *p = x->program;
    enum enforcer_status rc = enf_pattern_compile(x->model->mem, x->parse->counted, e->fn,
                                                  e->args[1]->value.u.string, &e->pattern, x->err);
    if (rc != ENFORCER_OK) {
        x->status = rc;
        return false;
    }
    if (e->pattern->kind == ENF_PATTERN_BAD) {
        enf_pattern_free(x->model->mem, e->pattern);
        return fail_at(x, (size_t)(e->args[1]->text.ptr - x->parse->source.text.ptr), " is not a pattern",
                       enf_fn_name(e->fn), e->args[1]->value.u.string) != NULL;
    }
    if (p->patterns_len == p->patterns_cap) {
        size_t cap = p->patterns_cap ? p->patterns_cap * 2 : 4;
        struct enf_pattern **grown = enf_zone_alloc(&p->zone, cap * sizeof(*grown));
        if (grown == NULL) {
            enf_pattern_free(x->model->mem, e->pattern);
            return nomem(x) != NULL;
        }
        if (p->patterns_len > 0)
            memcpy(grown, p->patterns, p->patterns_len * sizeof(*grown));
        p->patterns = grown;
        p->patterns_cap = cap;
    }
    p->patterns[p->patterns_len++] = e->pattern;
    return true;
}

static struct enf_expr *finish_builtin(struct parser *x, struct enf_expr *e, enum enf_fn fn, size_t offset) {
    e->fn = (uint8_t)fn;
    size_t wanted = fn == ENF_KEY_GET2 || fn == ENF_KEY_GET3 ? 3 : 2;
    if (e->args_len != wanted)
        return fail_at(x, offset, wanted == 3 ? " takes three arguments" : " takes two arguments", "function",
                       enforcer_cstr(enf_fn_name(fn)));
    e->slot = UINT8_MAX;
    if (e->kind == ENF_MATCH && e->args[1]->kind == ENF_POLICY)
        e->slot = field_slot(x, e->args[1], e->fn);
    else if (e->kind == ENF_MATCH && e->args[1]->kind == ENF_LITERAL &&
             e->args[1]->value.kind == ENFORCER_STRING && !keep_pattern(x, e))
        return NULL;
    return e;
}

static struct enf_expr *finish_role(struct parser *x, struct enf_expr *e, struct enforcer_str name,
                                    size_t offset) {
    if (e->args_len < 2 || e->args_len > 3)
        return fail_at(x, offset, " takes two names, and a domain if the model has domains",
                       "role definition", name);
    if (e->args_len == 3 && x->model->groupings[e->section].arity < 3)
        return fail_at(x, offset, " has no domains in this model", "role definition", name);
    if (x->program->subject < 0 && e->args[0]->kind == ENF_REQUEST)
        x->program->subject = e->args[0]->field;
    return e;
}

static struct enf_expr *finish_eval(struct parser *x, struct enf_expr *e, size_t offset) {
    if (x->parse->in_eval)
        return fail_at(x, offset, "", "eval inside eval", enf_str(NULL, 0));
    if (e->args_len != 1 || e->args[0]->kind != ENF_POLICY)
        return fail_at(x, offset, "", "eval takes one field of the policy definition", enf_str(NULL, 0));
    e->section = e->args[0]->section;
    e->field = e->args[0]->field;
    e->slot = field_slot(x, e->args[0], ENF_FN_EVAL);
    return e;
}

static int find_grouping(const struct enf_model *m, struct enforcer_str name) {
    for (size_t i = 0; i < m->groupings_len; i++)
        if (enf_str_is(name, m->groupings[i].name))
            return (int)i;
    return -1;
}

static const struct enforcer_function *find_function(const struct enf_model *m, struct enforcer_str name) {
    for (size_t i = 0; i < m->options.functions_len; i++)
        if (enf_str_is(name, m->options.functions[i].name))
            return &m->options.functions[i];
    return NULL;
}

static bool parse_args(struct parser *x, struct enf_expr *e, char close) {
    if (is_punct(x, close))
        return next(x);
    for (;;) {
        if (!add_arg(x, e, parse_expr(x)))
            return false;
        if (!is_punct(x, ','))
            return expect(x, close);
        if (!next(x))
            return false;
    }
}

static struct enf_expr *parse_call(struct parser *x, struct enforcer_str name, size_t offset) {
    const struct enforcer_function *own = find_function(x->model, name);
    int grouping = find_grouping(x->model, name);
    enum enf_fn fn = enf_fn_find(name);
    enum enf_expr_kind kind = ENF_CALL;
    if (grouping >= 0)
        kind = ENF_ROLE;
    else if (own != NULL)
        kind = ENF_CALL;
    else if (enf_str_is(name, "eval"))
        kind = ENF_EVAL;
    else if (fn != ENF_FN_NONE)
        kind = fn <= ENF_FN_MATCH_LAST ? ENF_MATCH : ENF_GET;
    else
        return fail_at(x, offset, "", "unknown function", name);
    struct enf_expr *e = node(x, kind, offset);
    if (e == NULL || !next(x) || !parse_args(x, e, ')'))
        return NULL;
    e->function = own;
    e->section = grouping >= 0 ? (uint16_t)grouping : 0;
    (void)ended(x, e);
    if (kind == ENF_ROLE)
        return finish_role(x, e, name, offset);
    if (kind == ENF_EVAL)
        return finish_eval(x, e, offset);
    return kind == ENF_CALL ? e : finish_builtin(x, e, fn, offset);
}

static struct enf_expr *parse_name(struct parser *x) {
    struct enforcer_str name = x->token.text;
    size_t offset = x->token.offset;
    bool request = false;
    uint16_t section = 0;
    if (!next(x))
        return NULL;
    if (is_punct(x, '('))
        return parse_call(x, name, offset);
    if (enf_str_is(name, "true") || enf_str_is(name, "false"))
        return literal_node(x, offset, enforcer_bool(enf_str_is(name, "true")));
    if (enf_str_is(name, "null"))
        return literal_node(x, offset, (struct enforcer_value) { .kind = ENFORCER_NULL });
    const struct enf_fields *fields = find_fields(x->model, name, &request, &section);
    if (fields != NULL && is_punct(x, '.')) {
        if (!next(x))
            return NULL;
        if (x->token.kind != ENF_TOKEN_NAME)
            return fail(x, "field name expected");
        struct enforcer_str field = x->token.text;
        return next(x) ? field_node(x, offset, fields, request, section, field) : NULL;
    }
    const char *bar = memchr(name.ptr, '_', name.len); /* r_sub is r.sub */
    if (bar != NULL) {
        size_t n = (size_t)(bar - name.ptr);
        fields = find_fields(x->model, enf_str(name.ptr, n), &request, &section);
        if (fields != NULL)
            return field_node(x, offset, fields, request, section, enf_str(bar + 1, name.len - n - 1));
    }
    return fail_at(x, offset, "", "unknown name", name);
}

/* ---------------------------------------------------------------------------------------------------- operators -- */

static struct enf_expr *parse_list(struct parser *x, char close) {
    struct enf_expr *e = node(x, ENF_LIST, x->token.offset);
    if (e == NULL || !next(x) || !parse_args(x, e, close))
        return NULL;
    return ended(x, e);
}

static struct enf_expr *parse_primary(struct parser *x) {
    size_t offset = x->token.offset;
    if (x->token.kind == ENF_TOKEN_NUMBER) {
        double number = x->token.number;
        return next(x) ? literal_node(x, offset, enforcer_number(number)) : NULL;
    }
    if (x->token.kind == ENF_TOKEN_STRING)
        return string_node(x);
    if (x->token.kind == ENF_TOKEN_NAME)
        return parse_name(x);
    if (is_punct(x, '['))
        return parse_list(x, ']');
    if (!is_punct(x, '('))
        return fail(x, x->token.kind == ENF_TOKEN_END ? "expression ends too early" : "operand expected");
    if (!next(x))
        return NULL;
    struct enf_expr *e = parse_expr(x);
    return e != NULL && expect(x, ')') ? e : NULL;
}

static struct enf_expr *parse_postfix(struct parser *x) {
    size_t offset = x->token.offset;
    struct enf_expr *e = parse_primary(x);
    while (e != NULL && (is_punct(x, '.') || is_punct(x, '['))) {
        bool item = is_punct(x, '[');
        struct enf_expr *outer = node(x, item ? ENF_ITEM : ENF_MEMBER, offset);
        if (outer == NULL || !next(x) || !add_arg(x, outer, e))
            return NULL;
        if (item) {
            if (!add_arg(x, outer, parse_expr(x)) || !expect(x, ']'))
                return NULL;
        } else {
            if (x->token.kind != ENF_TOKEN_NAME)
                return fail(x, "attribute name expected");
            outer->value = enforcer_string_n(x->token.text.ptr, x->token.text.len);
            if (!next(x))
                return NULL;
        }
        e = ended(x, outer);
    }
    if (e != NULL && is_punct(x, '('))
        return fail(x, "only a function's name can be called");
    return e;
}

static struct enf_expr *parse_unary(struct parser *x) {
    enum enf_op op = ENF_OP_NONE;
    size_t offset = x->token.offset;
    if (x->token.kind == ENF_TOKEN_OP && x->token.op == ENF_OP_NOT)
        op = ENF_OP_NOT;
    else if (x->token.kind == ENF_TOKEN_OP && x->token.op == ENF_OP_INV)
        op = ENF_OP_INV;
    else if (x->token.kind == ENF_TOKEN_OP && x->token.op == ENF_OP_SUB)
        op = ENF_OP_NEG;
    else if (x->token.kind == ENF_TOKEN_OP && x->token.op == ENF_OP_ADD)
        op = ENF_OP_POS;
    if (op == ENF_OP_NONE)
        return parse_postfix(x);
    if (++x->depth > DEPTH_MAX)
        return fail(x, "expression too deep");
    struct enf_expr *e = node(x, ENF_UNARY, offset);
    if (e == NULL || !next(x) || !add_arg(x, e, parse_unary(x)))
        return NULL;
    x->depth--;
    e->op = (uint8_t)op;
    return ended(x, e);
}

/* What stands right of `in`: (a, b) is a list; ('a') is a list of one; (r.sub.groups) is what it is. */
static struct enf_expr *parse_in_right(struct parser *x) {
    if (!is_punct(x, '('))
        return parse_unary(x);
    struct enf_expr *list = parse_list(x, ')');
    if (list == NULL || list->args_len != 1 || list->args[0]->kind == ENF_LITERAL)
        return list;
    struct enf_expr *only = node(x, list->args[0]->kind,
                                 (size_t)(list->text.ptr - x->parse->source.text.ptr));
    if (only != NULL)
        *only = *list->args[0];
    return only;
}

static struct enf_expr *combine(struct parser *x, size_t offset, enum enf_op op, struct enf_expr *left,
                                struct enf_expr *right) {
    enum enf_expr_kind kind = op == ENF_OP_AND ? ENF_AND : op == ENF_OP_OR ? ENF_OR : ENF_BINARY;
    if (left != NULL && kind != ENF_BINARY && left->kind == kind) /* a && b && c is one node */
        return add_arg(x, left, right) ? ended(x, left) : NULL;
    struct enf_expr *e = node(x, kind, offset);
    if (e == NULL || !add_arg(x, e, left) || !add_arg(x, e, right))
        return NULL;
    e->op = (uint8_t)op;
    return ended(x, e);
}

static struct enf_expr *parse_binary(struct parser *x, int min) {
    size_t offset = x->token.offset;
    struct enf_expr *left = parse_unary(x);
    while (left != NULL && x->token.kind == ENF_TOKEN_OP && x->token.precedence >= min &&
           x->token.precedence > 0) {
        enum enf_op op = x->token.op;
        int precedence = x->token.precedence;
        if (!next(x))
            return NULL;
        struct enf_expr *right = op == ENF_OP_IN ? parse_in_right(x) : parse_binary(x, precedence + 1);
        if (right == NULL)
            return NULL;
        left = combine(x, offset, op, left, right);
    }
    return left;
}

static struct enf_expr *parse_expr(struct parser *x) {
    size_t offset = x->token.offset;
    if (++x->depth > DEPTH_MAX)
        return fail(x, "expression too deep");
    struct enf_expr *test = parse_binary(x, 1);
    if (test != NULL && is_punct(x, '?')) {
        struct enf_expr *e = node(x, ENF_COND, offset);
        if (e == NULL || !next(x) || !add_arg(x, e, test) || !add_arg(x, e, parse_expr(x)) ||
            !expect(x, ':') || !add_arg(x, e, parse_expr(x)))
            return NULL;
        test = ended(x, e);
    }
    x->depth--;
    return test;
}

/* How often the request field that is the subject is spoken of: other subjects can stand in only for one place. */
static unsigned count_subject(const struct enf_expr *e, int subject) {
    unsigned n = e->kind == ENF_REQUEST && e->field == subject;
    for (size_t i = 0; i < e->args_len; i++)
        n += count_subject(e->args[i], subject);
    return n;
}

enum enforcer_status enf_parse_program(const struct enf_parse *parse, struct enf_program **ret,
                                       struct enforcer_error *err) {
    struct enf_zone zone = { .mem = parse->model->mem, .scratch = !parse->counted };
    struct enf_program *p = enf_zone_alloc(&zone, sizeof *p);
    if (p == NULL)
        return enf_nomem(err);
    p->zone = zone;
    p->subject = -1;
    struct enf_parse mine = *parse;
    char *copy = enf_zone_copy(&p->zone, parse->source.text.ptr, parse->source.text.len);
    mine.source.text.ptr = copy;
    struct parser x = { .parse = &mine, .model = parse->model, .program = p, .err = err };
    if (copy == NULL)
        (void)nomem(&x);
    if (next(&x))
        p->root = parse_expr(&x);
    if (x.status == ENFORCER_OK && p->root != NULL && x.token.kind != ENF_TOKEN_END)
        (void)fail(&x, "end of the expression expected");
    if (x.status == ENFORCER_OK && p->subject >= 0)
        p->subject_refs = count_subject(p->root, p->subject);
    if (x.status != ENFORCER_OK) {
        enf_program_free(parse->model->mem, p);
        return x.status;
    }
    *ret = p;
    return ENFORCER_OK;
}

void enf_program_free(struct enf_mem *m, struct enf_program *p) {
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->patterns_len; i++)
        enf_pattern_free(m, p->patterns[i]);
    struct enf_zone zone = p->zone; /* the program lives in its own zone */
    enf_zone_done(&zone);
}
