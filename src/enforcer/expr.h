/* expr owns the matcher language: its syntax trees, and how they are read from text. */
#pragma once
#include "enforcer/rule.h"

enum enf_expr_kind {
    ENF_LITERAL,
    ENF_REQUEST, /* r.sub */
    ENF_POLICY,  /* p.sub */
    ENF_MEMBER,  /* a.name */
    ENF_ITEM,    /* a[b] */
    ENF_LIST,    /* [a, b], (a, b) after `in` */
    ENF_MATCH,   /* keyMatch(a, b) and its kin */
    ENF_GET,     /* keyGet(a, b), keyGet2(a, b, c) */
    ENF_ROLE,    /* g(a, b) or g(a, b, d) */
    ENF_CALL,    /* a function of the caller */
    ENF_EVAL,    /* eval(p.rule) */
    ENF_UNARY,
    ENF_BINARY,
    ENF_AND,
    ENF_OR,
    ENF_COND
};

enum enf_op {
    ENF_OP_NONE,
    ENF_OP_EQ,
    ENF_OP_NE,
    ENF_OP_SAME,
    ENF_OP_NOT_SAME,
    ENF_OP_LT,
    ENF_OP_GT,
    ENF_OP_LE,
    ENF_OP_GE,
    ENF_OP_IN,
    ENF_OP_ADD,
    ENF_OP_SUB,
    ENF_OP_MUL,
    ENF_OP_DIV,
    ENF_OP_MOD,
    ENF_OP_XOR,
    ENF_OP_SHL,
    ENF_OP_SHR,
    ENF_OP_USHR,
    ENF_OP_OR,
    ENF_OP_AND,
    ENF_OP_NOT,
    ENF_OP_NEG,
    ENF_OP_POS,
    ENF_OP_INV
};

struct enf_expr {
    uint8_t kind, op; /* enum enf_expr_kind, enum enf_op */
    uint8_t fn;       /* MATCH, GET: enum enf_fn */
    uint8_t slot;     /* MATCH on a rule's field, EVAL: where its atom keeps what was compiled */
    uint16_t section; /* REQUEST, POLICY, ROLE, EVAL: index of the definition */
    uint16_t field;
    uint16_t depth;
    int line, column;
    struct enforcer_str text; /* as written */
    struct enforcer_value value;
    const struct enforcer_function *function;
    struct enf_pattern *pattern; /* MATCH with a literal pattern */
    const struct enf_expr **args;
    size_t args_len;
};

/* A parsed expression; lives in its own zone. */
struct enf_program {
    struct enf_zone zone;
    const struct enf_expr *root;
    struct enf_pattern **patterns; /* of literals, to be freed */
    size_t patterns_len, patterns_cap;
    uint32_t requests, policies; /* bits: definitions spoken of */
    /* The subject: first argument of the first role call, if that is a request field. */
    int subject;           /* field, -1: none */
    unsigned subject_refs; /* how often that field is spoken of */
};

/* Text with the places its parts came from: a matcher may be continued over lines. */
struct enf_place {
    size_t offset;
    int line, column;
};
struct enf_source {
    struct enforcer_str text;
    const struct enf_place *places; /* sorted; NULL: line 0, column 1 */
    size_t places_len;
};
void enf_source_at(const struct enf_source *src, size_t offset, int *ret_line, int *ret_column);

enum enf_token_kind {
    ENF_TOKEN_END,
    ENF_TOKEN_NAME,
    ENF_TOKEN_NUMBER,
    ENF_TOKEN_STRING,
    ENF_TOKEN_OP,    /* one of enum enf_op, AND, OR */
    ENF_TOKEN_PUNCT, /* one of ( ) [ ] , . ? : */
};
struct enf_token {
    enum enf_token_kind kind;
    enum enf_op op;
    int precedence; /* of a binary operator */
    char punct;
    double number;
    struct enforcer_str text; /* as written; of a string without quotes, escapes not yet read */
    size_t offset, end;
};
/* The token at *offset, which moves past it. INVALID with line and column. */
enum enforcer_status enf_lex(const struct enf_source *src, size_t *offset, struct enf_token *ret,
                             struct enforcer_error *err) MUST_CHECK;

struct enf_model;
/* `uses`: where to note what rule fields are used for (NULL: notes nothing, patterns of fields are then compiled on
 * use). `in_eval`: no eval inside. `counted`: kept by the enforcer. */
struct enf_parse {
    struct enf_model *model;
    struct enf_source source;
    bool in_eval, counted, note_uses;
};
enum enforcer_status enf_parse_program(const struct enf_parse *parse, struct enf_program **ret,
                                       struct enforcer_error *err) MUST_CHECK;
void enf_program_free(struct enf_mem *m, struct enf_program *p);
/* Decimal text to number without a locale; the text must be a number. */
double enf_number_parse(struct enforcer_str text);
