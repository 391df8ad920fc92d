/* model owns the definitions of a model text: which fields requests and rules have, how roles are linked, how matches
 * become a decision, and the matchers, parsed. Immutable once made. */
#pragma once
#include "enforcer/expr.h"

enum enf_effect {
    ENF_ALLOW_OVERRIDE,  /* some(where (p.eft == allow)) */
    ENF_DENY_OVERRIDE,   /* !some(where (p.eft == deny)) */
    ENF_ALLOW_AND_DENY,  /* some(where (p.eft == allow)) && !some(where (p.eft == deny)) */
    ENF_PRIORITY,        /* priority(p.eft) || deny */
    ENF_SUBJECT_PRIORITY /* subjectPriority(p.eft) || deny */
};

enum { ENF_DEFINITIONS_MAX = 32, ENF_KEY_FIELDS_MAX = 4, ENF_CLAUSES_MAX = 16 };

/* request_definition or policy_definition */
struct enf_fields {
    unsigned number;  /* 1 for "r", 2 for "r2" */
    const char *name; /* "r2" */
    struct enforcer_str *tokens;
    size_t len;
    int line;
};

struct enf_policy {
    struct enf_fields fields;
    int eft, priority, sub, dom; /* field numbers, -1: none */
    uint16_t *uses;              /* per field, index into the model's uses */
    /* Rules are indexed by these fields: the role field first if there is one, then those compared for equality. */
    uint8_t key[ENF_KEY_FIELDS_MAX];
    uint8_t key_len; /* 0: not indexed */
    bool key_role;   /* key[0] is compared through a role definition */
    /* Buckets keep the tags of this field's patterns. */
    bool tagged;
    uint8_t tag_field, tag_slot;
};

struct enf_grouping {
    unsigned number;
    const char *name;
    unsigned arity; /* 2, or 3 with a domain */
    uint16_t section;
    struct enforcer_roles roles; /* match functions; names resolved into the next two */
    uint8_t match, domain_match; /* enum enf_fn */
    int line;
};

static inline bool enf_has_match(const struct enf_grouping *g) {
    return g->match != ENF_FN_NONE || g->roles.match_fn != NULL;
}
static inline bool enf_has_domain_match(const struct enf_grouping *g) {
    return g->domain_match != ENF_FN_NONE || g->roles.domain_match_fn != NULL;
}

struct enf_effect_def {
    unsigned number;
    enum enf_effect effect;
};

enum enf_clause_kind { ENF_CLAUSE_EQUAL, ENF_CLAUSE_ROLE, ENF_CLAUSE_MATCH, ENF_CLAUSE_OTHER };

/* One operand of a matcher's top-level && */
struct enf_clause {
    uint8_t kind;
    uint8_t r, p, d;        /* request field, rule field, request field of the domain */
    bool has_domain, keyed; /* keyed: the index has already answered it */
    uint16_t grouping;
    uint8_t fn, slot; /* MATCH: the function, and where the atom keeps its pattern */
    const struct enf_expr *expr;
};

struct enf_matcher {
    unsigned number;
    struct enf_program *program;
    int line;
    /* The compiled shape; valid if clauses_len > 0. */
    struct enf_clause clauses[ENF_CLAUSES_MAX];
    size_t clauses_len;
    uint16_t r, p;                     /* definitions it speaks of */
    bool indexed;                      /* the clauses that are `keyed` cover the policy's index */
    bool fallible;                     /* some clause may raise an error */
    uint8_t key_r[ENF_KEY_FIELDS_MAX]; /* request fields that go with the policy's key fields */
    uint8_t role_clause;               /* of key[0], if the policy has key_role */
    uint8_t check[ENF_CLAUSES_MAX];    /* clauses to ask of a candidate, cheapest first */
    size_t check_len;
    bool tagged; /* the first check is the one the policy's tags answer */
};

struct enf_model {
    struct enf_mem *mem;
    struct enf_zone zone;
    struct enforcer_options options; /* defaults filled in; functions and roles copied */
    struct enf_fields *requests;
    size_t requests_len;
    struct enf_policy *policies;
    size_t policies_len;
    struct enf_grouping *groupings;
    size_t groupings_len;
    struct enf_effect_def *effects;
    size_t effects_len;
    struct enf_matcher *matchers;
    size_t matchers_len;
    struct enf_use uses[ENF_DEFINITIONS_MAX * 8];
    size_t uses_len;
    bool tke, expand;
};

/* INVALID with line and column, LIMIT, NOMEM. On failure enf_model_done frees what there is. */
enum enforcer_status enf_model_parse(struct enf_model *model, struct enf_mem *mem, struct enforcer_str text,
                                     const struct enforcer_options *options, struct enforcer_error *err)
    MUST_CHECK;
void enf_model_done(struct enf_model *model);
/* plan.c: finds each matcher's shape and each policy's index. */
void enf_model_plan(struct enf_model *model);
/* Sections that hold rules: policies, then groupings. */
static inline size_t enf_sections(const struct enf_model *m) { return m->policies_len + m->groupings_len; }
/* Index of the section "p2" or "g", or -1. */
int enf_section_find(const struct enf_model *m, struct enforcer_str ptype);
/* `number` 0 is 1. NULL: none. */
const struct enf_fields *enf_request_find(const struct enf_model *m, unsigned number);
const struct enf_policy *enf_policy_find(const struct enf_model *m, unsigned number);
const struct enf_matcher *enf_matcher_find(const struct enf_model *m, unsigned number);
const struct enf_effect_def *enf_effect_find(const struct enf_model *m, unsigned number);
