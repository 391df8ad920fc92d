/* rule owns the texts (atoms, one per distinct text and use, with their patterns compiled) and the rules made of them.
 * Both are counted and belong to the writer; readers see them through snapshots and never change a count. */
#pragma once
#include "enforcer/hamt.h"
#include "enforcer/pattern.h"

enum { ENF_FIELDS_MAX = 64, ENF_USES_MAX = 6, ENF_FN_EVAL = 100 };

/* What a matcher does with a field: the functions it is the pattern of, or an expression (ENF_FN_EVAL). Use 0 of a
 * model is "nothing". */
struct enf_use {
    uint8_t len;
    uint8_t fns[ENF_USES_MAX]; /* enum enf_fn, or ENF_FN_EVAL */
};

struct enf_atom {
    uint32_t refs;
    uint32_t len;
    uint64_t hash; /* of the text alone */
    uint16_t use;
    uint8_t compiled_len;
    void *compiled[]; /* struct enf_pattern or struct enf_program by the use; then the text, NUL-terminated */
};

static inline struct enforcer_str enf_atom_str(const struct enf_atom *a) {
    return enf_str((const char *)&a->compiled[a->compiled_len], a->len);
}

struct enf_program;
/* How an eval field becomes a program; ctx is the model. */
typedef enum enforcer_status (*enf_compile_eval_fn)(void *ctx, struct enforcer_str text,
                                                    struct enf_program **ret, struct enforcer_error *err);

struct enf_pool {
    struct enf_mem *mem;
    uint64_t hash_key[2];
    struct enf_atom **slots; /* open addressing */
    size_t cap, len;
    const struct enf_use *uses;
    enf_compile_eval_fn compile_eval;
    void (*free_program)(struct enf_mem *m, struct enf_program *p);
    void *eval_ctx;
};

uint64_t enf_hash(const struct enf_pool *pool, struct enforcer_str text);
static inline uint64_t enf_hash_mix(uint64_t a, uint64_t b) {
    uint64_t h = (a ^ (b >> 32 | b << 32)) * 0x9e3779b97f4a7c15U;
    h ^= h >> 29;
    h = (h + b) * 0xbf58476d1ce4e5b9U;
    return h ^ h >> 32;
}
/* The atom of a text, one more reference. INVALID: a use that refuses the text (keyMatchCustom, eval), with the
 * column within the text. */
enum enforcer_status enf_atom_get(struct enf_pool *pool, struct enforcer_str text, uint16_t use,
                                  struct enf_atom **ret, struct enforcer_error *err) MUST_CHECK;
/* Borrowed; NULL: no rule holds this text with this use. */
struct enf_atom *enf_atom_find(const struct enf_pool *pool, struct enforcer_str text, uint16_t use);
void enf_atom_unref(struct enf_pool *pool, struct enf_atom *a);
void enf_pool_done(struct enf_pool *pool); /* every atom must be gone */

struct enforcer_rule {
    struct enf_entry entry; /* hash: of section and fields */
    uint16_t section;       /* index into the model's sections */
    uint16_t len;
    const char *ptype; /* of the model */
    int64_t priority;  /* 0 without a priority field */
    uint64_t seq;      /* order of arrival */
    struct enf_atom *fields[];
};

/* Policy order: by priority, then by arrival. */
static inline int enf_rule_cmp(const struct enforcer_rule *a, const struct enforcer_rule *b) {
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    return a->seq == b->seq ? 0 : a->seq < b->seq ? -1 : 1;
}
static inline void enf_rule_ref(struct enforcer_rule *r) { r->entry.refs++; }
void enf_rule_unref(struct enf_pool *pool, struct enforcer_rule *r);
/* Field `i`, NULL when the rule is shorter. */
static inline const struct enf_atom *enf_rule_atom(const struct enforcer_rule *r, size_t i) {
    return i < r->len ? r->fields[i] : NULL;
}

/* What a rule is looked up by. */
struct enf_rule_key {
    uint16_t section;
    const struct enforcer_str *fields;
    size_t len;
};
uint64_t enf_rule_hash(const struct enf_pool *pool, const struct enf_rule_key *key);
extern const struct enf_hamt_ops enf_rule_ops_prototype; /* copy and set ctx to the pool */

/* A list of rules in policy order: a persistent B+ tree. NULL: empty. */
struct enf_list;
/* Whoever calls holds *list for itself; nodes that others hold too are copied. False: out of memory, the list is no
 * longer of use but to be let go. The list takes its own reference to the rule. */
bool enf_list_insert(struct enf_pool *pool, struct enf_list **list, struct enforcer_rule *r) MUST_CHECK;
/* The rule must be in the list. */
bool enf_list_remove(struct enf_pool *pool, struct enf_list **list, struct enforcer_rule *r) MUST_CHECK;
void enf_list_ref(struct enf_list *list);
void enf_list_unref(struct enf_pool *pool, struct enf_list *list);
bool enf_list_one(const struct enf_list *list); /* exactly one rule */
struct enforcer_rule *enf_list_last(const struct enf_list *list);

enum { ENF_LIST_DEPTH = 14 };
/* In policy order; no allocation. The list must outlive the cursor. */
struct enf_cursor {
    const struct enf_list *nodes[ENF_LIST_DEPTH];
    uint16_t at[ENF_LIST_DEPTH];
    int depth;
};
void enf_cursor_init(struct enf_cursor *c, const struct enf_list *list);
struct enforcer_rule *enf_cursor_next(struct enf_cursor *c); /* NULL at the end */
/* The next run of rules (struct enforcer_rule *) lying side by side; *ret_len 0 at the end. */
void *const *enf_cursor_run(struct enf_cursor *c, size_t *ret_len);
