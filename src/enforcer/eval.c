#include "enforcer/eval.h"
#include "enforcer/fold.h"

static enum enforcer_status eval_field(const struct enf_eval *x, const struct enf_expr *e,
                                       struct enforcer_value *ret) {
    const struct enf_policy *p = &x->model->policies[e->section];
    if (x->rule == NULL) {
        *ret = enforcer_string_n("", 0);
        return ENFORCER_OK;
    }
    if (x->rule->section != e->section)
        return enf_fail(x->err, ENFORCER_EVAL, e->line, e->column,
                        "the matcher speaks of %s, not of the rules asked", p->fields.name);
    const struct enf_atom *a = enf_rule_atom(x->rule, e->field);
    if (a == NULL)
        *ret = (struct enforcer_value) { .kind = ENFORCER_UNDEFINED };
    else {
        struct enforcer_str text = enf_atom_str(a);
        *ret = enforcer_string_n(text.ptr, text.len);
    }
    return ENFORCER_OK;
}

static enum enforcer_status eval_request(const struct enf_eval *x, const struct enf_expr *e,
                                         struct enforcer_value *ret) {
    const struct enf_fields *r = &x->model->requests[e->section];
    if (r->number != (x->request->r ? x->request->r : 1))
        return enf_fail(x->err, ENFORCER_EVAL, e->line, e->column,
                        "the matcher speaks of %s, not of this request", r->name);
    *ret = x->request->values[e->field];
    return ENFORCER_OK;
}

/* An argument as text, as the reference reads it: everything false is "". */
static enum enforcer_status eval_text(struct enf_eval *x, const struct enf_expr *e,
                                      struct enforcer_str *ret) {
    struct enforcer_value v;
    enum enforcer_status rc = enf_eval(x, e, &v);
    if (rc != ENFORCER_OK)
        return rc;
    *ret = enf_str("", 0);
    return enf_truthy(&v) ? enf_to_text(&v, x->scratch, ret, x->err) : ENFORCER_OK;
}

static enum enforcer_status eval_match(struct enf_eval *x, const struct enf_expr *e,
                                       struct enforcer_value *ret) {
    struct enforcer_str value, text;
    bool yes = false;
    if (e->fn == ENF_GLOB_MATCH) { /* the one that takes strings only */
        for (size_t i = 0; i < 2; i++) {
            struct enforcer_value v;
            enum enforcer_status rc = enf_eval(x, e->args[i], &v);
            if (rc != ENFORCER_OK)
                return rc;
            if (v.kind != ENFORCER_STRING)
                return enf_fail(x->err, ENFORCER_EVAL, e->line, e->column, "globMatch takes two strings");
        }
    }
    enum enforcer_status rc = eval_text(x, e->args[0], &value);
    if (rc != ENFORCER_OK)
        return rc;
    const struct enf_pattern *known = e->pattern;
    if (e->args[1]->kind == ENF_POLICY && e->slot != UINT8_MAX && x->rule != NULL &&
        x->rule->section == e->args[1]->section) {
        const struct enf_atom *a = enf_rule_atom(x->rule, e->args[1]->field);
        known = a != NULL ? a->compiled[e->slot] : NULL;
    }
    if (known == NULL) {
        rc = eval_text(x, e->args[1], &text);
        if (rc == ENFORCER_OK)
            rc = enf_match_once(e->fn, value, text, x->scratch, &yes, x->err);
    } else {
        if (enf_fn_folds(e->fn)) {
            char *folded = enf_zone_alloc(&x->scratch->zone, enf_fold_room(value.len));
            if (folded == NULL)
                return enf_nomem(x->err);
            value = enf_str(folded, enf_fold(value, folded));
        }
        rc = enf_pattern_match(known, value, x->scratch, &yes, x->err);
    }
    *ret = enforcer_bool(yes);
    return rc;
}

/* -------------------------------------------------------------------------------------------------- keyGet family -- */

/* The n-th run of bytes that are not a slash. */
static struct enforcer_str segment(struct enforcer_str path, size_t n) {
    for (size_t i = 0; i < path.len;) {
        size_t end = i;
        while (end < path.len && path.ptr[end] != '/')
            end++;
        if (end > i && n-- == 0)
            return enf_str(path.ptr + i, end - i);
        i = end + 1;
    }
    return enf_str(NULL, 0);
}

static struct enforcer_str key_get(struct enforcer_str value, struct enforcer_str pattern) {
    const char *star = pattern.len > 0 ? memchr(pattern.ptr, '*', pattern.len) : NULL;
    size_t n = star != NULL ? (size_t)(star - pattern.ptr) : 0;
    if (star == NULL || value.len <= n || memcmp(value.ptr, pattern.ptr, n) != 0)
        return enf_str("", 0);
    return enf_str(value.ptr + n, value.len - n);
}

/* keyGet2: segments ":name"; keyGet3: segments with "{name}" inside, what stands around it is cut off. */
static struct enforcer_str named_segment(enum enf_fn fn, struct enforcer_str value,
                                         struct enforcer_str pattern, struct enforcer_str name) {
    for (size_t i = 0;; i++) {
        struct enforcer_str key = segment(pattern, i), part = segment(value, i);
        if (key.len == 0)
            return enf_str("", 0);
        if (fn == ENF_KEY_GET2) {
            if (key.len == name.len + 1 && key.ptr[0] == ':' && memcmp(key.ptr + 1, name.ptr, name.len) == 0)
                return part;
            continue;
        }
        const char *open = memchr(key.ptr, '{', key.len), *close = memchr(key.ptr, '}', key.len);
        if (open == NULL || close == NULL || close < open)
            continue;
        size_t before = (size_t)(open - key.ptr), after = key.len - (size_t)(close + 1 - key.ptr);
        if (enf_str_eq(enf_str(open + 1, (size_t)(close - open - 1)), name) && part.len >= before + after)
            return enf_str(part.ptr + before, part.len - before - after);
    }
}

static enum enforcer_status eval_get(struct enf_eval *x, const struct enf_expr *e,
                                     struct enforcer_value *ret) {
    struct enforcer_str args[3] = { { "", 0 }, { "", 0 }, { "", 0 } };
    for (size_t i = 0; i < e->args_len; i++) {
        enum enforcer_status rc = eval_text(x, e->args[i], &args[i]);
        if (rc != ENFORCER_OK)
            return rc;
    }
    struct enforcer_str found = { "", 0 };
    if (e->fn == ENF_KEY_GET)
        found = key_get(args[0], args[1]);
    else {
        bool yes = false;
        enum enforcer_status rc = enf_match_once(e->fn == ENF_KEY_GET2 ? ENF_KEY_MATCH2 : ENF_KEY_GET3,
                                                 args[0], args[1], x->scratch, &yes, x->err);
        if (rc != ENFORCER_OK)
            return rc;
        if (yes)
            found = named_segment(e->fn, args[0], args[1], args[2]);
    }
    *ret = enforcer_string_n(found.ptr, found.len);
    return ENFORCER_OK;
}

/* ------------------------------------------------------------------------------------------------------- others -- */

enum enforcer_status enf_eval_role(struct enf_eval *x, const struct enf_grouping *g, bool subject,
                                   struct enforcer_str name, struct enforcer_str role,
                                   const struct enforcer_str *domain, bool *ret) {
    enum enforcer_status rc = enf_has_role(x->snapshot, g, name, role, domain, x->scratch, ret, x->err);
    for (size_t i = 0; subject && rc == ENFORCER_OK && !*ret && i < x->request->subjects_len; i++)
        rc = enf_has_role(x->snapshot, g, x->request->subjects[i], role, domain, x->scratch, ret, x->err);
    return rc;
}

static enum enforcer_status eval_role(struct enf_eval *x, const struct enf_expr *e,
                                      struct enforcer_value *ret) {
    struct enforcer_str name, role, domain;
    enum enforcer_status rc = eval_text(x, e->args[0], &name);
    if (rc == ENFORCER_OK)
        rc = eval_text(x, e->args[1], &role);
    if (rc != ENFORCER_OK)
        return rc;
    if (e->args_len == 3) {
        struct enforcer_value v;
        rc = enf_eval(x, e->args[2], &v);
        if (rc == ENFORCER_OK)
            rc = enf_to_text(&v, x->scratch, &domain, x->err);
        if (rc != ENFORCER_OK)
            return rc;
    }
    bool yes = false, subject = e->args[0]->kind == ENF_REQUEST && e->args[0]->field == x->program->subject;
    rc = enf_eval_role(x, &x->model->groupings[e->section], subject, name, role,
                       e->args_len == 3 ? &domain : NULL, &yes);
    *ret = enforcer_bool(yes);
    return rc;
}

static enum enforcer_status eval_list(struct enf_eval *x, const struct enf_expr *e,
                                      struct enforcer_value *ret) {
    struct enforcer_value *items = enf_zone_alloc(&x->scratch->zone, (e->args_len + 1) * sizeof *items);
    if (items == NULL)
        return enf_nomem(x->err);
    for (size_t i = 0; i < e->args_len; i++) {
        enum enforcer_status rc = enf_eval(x, e->args[i], &items[i]);
        if (rc != ENFORCER_OK)
            return rc;
    }
    *ret = (struct enforcer_value) { .kind = ENFORCER_LIST, .u.list = { items, e->args_len } };
    return ENFORCER_OK;
}

static enum enforcer_status eval_call(struct enf_eval *x, const struct enf_expr *e,
                                      struct enforcer_value *ret) {
    struct enforcer_value list;
    enum enforcer_status rc = eval_list(x, e, &list);
    if (rc != ENFORCER_OK)
        return rc;
    *ret = (struct enforcer_value) { .kind = ENFORCER_UNDEFINED };
    rc = e->function->call(e->function->ctx, list.u.list.items, list.u.list.len, ret);
    if (rc != ENFORCER_OK)
        return enf_fail(x->err, rc, e->line, e->column, "function %s failed: %s", e->function->name,
                        enforcer_status_name(rc));
    return ENFORCER_OK;
}

static enum enforcer_status eval_eval(struct enf_eval *x, const struct enf_expr *e,
                                      struct enforcer_value *ret) {
    *ret = (struct enforcer_value) { .kind = ENFORCER_UNDEFINED };
    if (x->rule == NULL)
        return ENFORCER_OK;
    const struct enf_atom *a = enf_rule_atom(x->rule, e->field);
    if (a == NULL || x->rule->section != e->section)
        return enf_fail(x->err, ENFORCER_EVAL, e->line, e->column,
                        "eval of a field that the rule does not have");
    if (e->slot != UINT8_MAX)
        return enf_eval(x, ((const struct enf_program *)a->compiled[e->slot])->root, ret);
    /* A matcher of the caller's own asks for a field that the model's matchers do not evaluate. */
    struct enf_parse parse = { .model = &x->snapshot->owner->model,
                               .source = { .text = enf_atom_str(a) },
                               .in_eval = true };
    struct enf_program *program = NULL;
    enum enforcer_status rc = enf_parse_program(&parse, &program, x->err);
    if (rc == ENFORCER_OK)
        rc = enf_eval(x, program->root, ret);
    if (rc == ENFORCER_OK && ret->kind == ENFORCER_STRING) { /* it may be the program's */
        char *copy = enf_zone_copy(&x->scratch->zone, ret->u.string.ptr, ret->u.string.len);
        rc = copy != NULL ? ENFORCER_OK : enf_nomem(x->err);
        ret->u.string.ptr = copy;
    }
    enf_program_free(x->scratch->mem, program);
    return rc == ENFORCER_INVALID ? ENFORCER_EVAL : rc;
}

static enum enforcer_status eval_unary(struct enf_eval *x, const struct enf_expr *e,
                                       struct enforcer_value *ret) {
    struct enforcer_value v;
    enum enforcer_status rc = enf_eval(x, e->args[0], &v);
    if (rc != ENFORCER_OK)
        return rc;
    struct enforcer_value all_bits = enforcer_number(-1);
    if (e->op == ENF_OP_NOT)
        *ret = enforcer_bool(!enf_truthy(&v));
    else if (e->op == ENF_OP_INV)
        return enf_arithmetic(ENF_OP_XOR, &v, &all_bits, x->scratch, ret, x->err);
    else
        *ret = enforcer_number(e->op == ENF_OP_NEG ? -enf_to_number(&v) : enf_to_number(&v));
    return ENFORCER_OK;
}

static enum enforcer_status eval_binary(struct enf_eval *x, const struct enf_expr *e,
                                        struct enforcer_value *ret) {
    struct enforcer_value a, b;
    enum enforcer_status rc = enf_eval(x, e->args[0], &a);
    if (rc == ENFORCER_OK)
        rc = enf_eval(x, e->args[1], &b);
    if (rc != ENFORCER_OK)
        return rc;
    bool yes = false;
    if (e->op == ENF_OP_EQ || e->op == ENF_OP_NE)
        yes = enf_equal(&a, &b) == (e->op == ENF_OP_EQ);
    else if (e->op == ENF_OP_SAME || e->op == ENF_OP_NOT_SAME)
        yes = enf_same(&a, &b) == (e->op == ENF_OP_SAME);
    else if (e->op == ENF_OP_LT || e->op == ENF_OP_LE || e->op == ENF_OP_GT || e->op == ENF_OP_GE)
        yes = enf_ordered(e->op, &a, &b);
    else if (e->op == ENF_OP_IN)
        rc = enf_in(&a, &b, x->scratch, &yes, x->err);
    else
        return enf_arithmetic(e->op, &a, &b, x->scratch, ret, x->err);
    *ret = enforcer_bool(yes);
    return rc;
}

/* JavaScript's && and || yield an operand, not a boolean. */
static enum enforcer_status eval_logic(struct enf_eval *x, const struct enf_expr *e,
                                       struct enforcer_value *ret) {
    for (size_t i = 0; i < e->args_len; i++) {
        enum enforcer_status rc = enf_eval(x, e->args[i], ret);
        if (rc != ENFORCER_OK || enf_truthy(ret) == (e->kind == ENF_OR))
            return rc;
    }
    return ENFORCER_OK;
}

static enum enforcer_status eval_member(struct enf_eval *x, const struct enf_expr *e,
                                        struct enforcer_value *ret) {
    struct enforcer_value of, key;
    enum enforcer_status rc = enf_eval(x, e->args[0], &of);
    if (rc != ENFORCER_OK)
        return rc;
    struct enforcer_str name = e->value.u.string;
    if (e->kind == ENF_ITEM) {
        rc = enf_eval(x, e->args[1], &key);
        if (rc != ENFORCER_OK)
            return rc;
        if (of.kind == ENFORCER_LIST && key.kind == ENFORCER_NUMBER) {
            *ret = (struct enforcer_value) { .kind = ENFORCER_UNDEFINED };
            if (key.u.number >= 0 && key.u.number < (double)of.u.list.len &&
                (double)(size_t)key.u.number == key.u.number)
                *ret = of.u.list.items[(size_t)key.u.number];
            return ENFORCER_OK;
        }
        rc = enf_to_text(&key, x->scratch, &name, x->err);
        if (rc != ENFORCER_OK)
            return rc;
    }
    rc = enf_member(&of, name, ret, x->err);
    if (rc != ENFORCER_OK && x->err != NULL) {
        x->err->line = e->line;
        x->err->column = e->column;
    }
    return rc;
}

enum enforcer_status enf_eval(struct enf_eval *x, const struct enf_expr *e, struct enforcer_value *ret) {
    switch ((enum enf_expr_kind)e->kind) {
    case ENF_LITERAL: *ret = e->value; return ENFORCER_OK;
    case ENF_REQUEST: return eval_request(x, e, ret);
    case ENF_POLICY: return eval_field(x, e, ret);
    case ENF_MEMBER:
    case ENF_ITEM: return eval_member(x, e, ret);
    case ENF_LIST: return eval_list(x, e, ret);
    case ENF_MATCH: return eval_match(x, e, ret);
    case ENF_GET: return eval_get(x, e, ret);
    case ENF_ROLE: return eval_role(x, e, ret);
    case ENF_CALL: return eval_call(x, e, ret);
    case ENF_EVAL: return eval_eval(x, e, ret);
    case ENF_UNARY: return eval_unary(x, e, ret);
    case ENF_BINARY: return eval_binary(x, e, ret);
    case ENF_AND:
    case ENF_OR: return eval_logic(x, e, ret);
    case ENF_COND: break;
    }
    struct enforcer_value test;
    enum enforcer_status rc = enf_eval(x, e->args[0], &test);
    return rc != ENFORCER_OK ? rc : enf_eval(x, e->args[enf_truthy(&test) ? 1 : 2], ret);
}

enum enforcer_status enf_eval_verdict(const struct enforcer_value *v, bool *ret, struct enforcer_error *err) {
    *ret = false;
    if (v->kind == ENFORCER_BOOL || v->kind == ENFORCER_STRING) {
        *ret = enf_truthy(v);
        return ENFORCER_OK;
    }
    /* The reference takes another number for one of its effect codes (3 is deny); an error is the honest answer. */
    if (v->kind != ENFORCER_NUMBER || (v->u.number != 0 && v->u.number != 1))
        return enf_fail(err, ENFORCER_EVAL, 0, 0, "a matcher must yield a boolean, a string, 0 or 1");
    *ret = v->u.number == 1;
    return ENFORCER_OK;
}
