#include "enforcer/rule.h"

uint64_t enf_hash(const struct enf_pool *pool, struct enforcer_str text) {
    return siphash13(pool->hash_key, text.len > 0 ? text.ptr : "", text.len);
}

/* ------------------------------------------------------------------------------------------------------- atoms -- */

static size_t atom_size(uint8_t compiled_len, size_t len) {
    return sizeof(struct enf_atom) + compiled_len * sizeof(void *) + len + 1;
}

static struct enf_atom **slot_of(const struct enf_pool *pool, struct enforcer_str text, uint16_t use,
                                 uint64_t hash) {
    size_t mask = pool->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct enf_atom *a = pool->slots[i];
        if (a == NULL || (a->hash == hash && a->use == use && enf_str_eq(enf_atom_str(a), text)))
            return &pool->slots[i];
    }
}

struct enf_atom *enf_atom_find(const struct enf_pool *pool, struct enforcer_str text, uint16_t use) {
    return pool->cap == 0 ? NULL : *slot_of(pool, text, use, enf_hash(pool, text));
}

static bool pool_grow(struct enf_pool *pool) {
    if ((pool->len + 1) * 4 <= pool->cap * 3)
        return true;
    size_t cap = pool->cap > 0 ? pool->cap * 2 : 64;
    struct enf_atom **slots = enf_alloc(pool->mem, cap * sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < pool->cap; i++) {
        if (pool->slots[i] == NULL)
            continue;
        size_t at = pool->slots[i]->hash & (cap - 1);
        while (slots[at] != NULL)
            at = (at + 1) & (cap - 1);
        slots[at] = pool->slots[i];
    }
    enf_release(pool->mem, pool->slots, pool->cap * sizeof *slots);
    pool->slots = slots;
    pool->cap = cap;
    return true;
}

static void atom_free(struct enf_pool *pool, struct enf_atom *a) {
    const struct enf_use *use = &pool->uses[a->use];
    for (uint8_t i = 0; i < a->compiled_len; i++) {
        if (use->fns[i] == ENF_FN_EVAL)
            pool->free_program(pool->mem, a->compiled[i]);
        else
            enf_pattern_free(pool->mem, a->compiled[i]);
    }
    enf_release(pool->mem, a, atom_size(a->compiled_len, a->len));
}

static enum enforcer_status atom_compile(struct enf_pool *pool, struct enf_atom *a,
                                         struct enforcer_error *err) {
    const struct enf_use *use = &pool->uses[a->use];
    for (uint8_t i = 0; i < use->len; i++) {
        enum enforcer_status rc;
        if (use->fns[i] == ENF_FN_EVAL) {
            struct enf_program *program = NULL;
            rc = pool->compile_eval(pool->eval_ctx, enf_atom_str(a), &program, err);
            a->compiled[i] = program;
        } else {
            struct enf_pattern *pattern = NULL;
            if (use->fns[i] == ENF_KEY_MATCH_CUSTOM) {
                rc = enforcer_tke_pattern_check(enf_atom_str(a), NULL, err);
                if (rc != ENFORCER_OK)
                    return rc;
            }
            rc = enf_pattern_compile(pool->mem, true, use->fns[i], enf_atom_str(a), &pattern, err);
            a->compiled[i] = pattern;
        }
        if (rc != ENFORCER_OK)
            return rc;
    }
    return ENFORCER_OK;
}

enum enforcer_status enf_atom_get(struct enf_pool *pool, struct enforcer_str text, uint16_t use,
                                  struct enf_atom **ret, struct enforcer_error *err) {
    if (!pool_grow(pool))
        return enf_nomem(err);
    uint64_t hash = enf_hash(pool, text);
    struct enf_atom **slot = slot_of(pool, text, use, hash);
    if (*slot != NULL) {
        (*slot)->refs++;
        *ret = *slot;
        return ENFORCER_OK;
    }
    uint8_t compiled_len = pool->uses[use].len;
    struct enf_atom *a = enf_alloc(pool->mem, atom_size(compiled_len, text.len));
    if (a == NULL)
        return enf_nomem(err);
    *a = (struct enf_atom) { 1, (uint32_t)text.len, hash, use, compiled_len };
    if (text.len > 0)
        memcpy(&a->compiled[compiled_len], text.ptr, text.len);
    enum enforcer_status rc = atom_compile(pool, a, err);
    if (rc != ENFORCER_OK) {
        atom_free(pool, a);
        return rc;
    }
    *slot = a; /* compiling an expression takes no atoms, so the slot still holds */
    pool->len++;
    *ret = a;
    return ENFORCER_OK;
}

void enf_atom_unref(struct enf_pool *pool, struct enf_atom *a) {
    if (a == NULL || --a->refs > 0)
        return;
    size_t mask = pool->cap - 1;
    size_t hole = (size_t)(slot_of(pool, enf_atom_str(a), a->use, a->hash) - pool->slots);
    pool->slots[hole] = NULL;
    /* Whoever was pushed past the hole moves back into it. */
    for (size_t i = (hole + 1) & mask; pool->slots[i] != NULL; i = (i + 1) & mask) {
        size_t home = pool->slots[i]->hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        pool->slots[hole] = pool->slots[i];
        pool->slots[i] = NULL;
        hole = i;
    }
    pool->len--;
    atom_free(pool, a);
}

void enf_pool_done(struct enf_pool *pool) {
    enf_release(pool->mem, pool->slots, pool->cap * sizeof(struct enf_atom *));
    pool->slots = NULL;
    pool->cap = pool->len = 0;
}

/* ------------------------------------------------------------------------------------------------------- rules -- */

void enf_rule_unref(struct enf_pool *pool, struct enforcer_rule *r) {
    if (r == NULL || --r->entry.refs > 0)
        return;
    for (uint16_t i = 0; i < r->len; i++)
        enf_atom_unref(pool, r->fields[i]);
    enf_release(pool->mem, r, sizeof *r + r->len * sizeof(struct enf_atom *));
}

uint64_t enf_rule_hash(const struct enf_pool *pool, const struct enf_rule_key *key) {
    uint64_t h = enf_hash_mix(key->section, key->len);
    for (size_t i = 0; i < key->len; i++)
        h = enf_hash_mix(h, enf_hash(pool, key->fields[i]));
    return h;
}

static bool rule_equal(const struct enf_entry *entry, const void *key_data) {
    const struct enforcer_rule *r = (const struct enforcer_rule *)entry;
    const struct enf_rule_key *key = key_data;
    if (r->section != key->section || r->len != key->len)
        return false;
    for (size_t i = 0; i < key->len; i++)
        if (!enf_str_eq(enf_atom_str(r->fields[i]), key->fields[i]))
            return false;
    return true;
}

static void rule_entry_free(struct enf_mem *m, struct enf_entry *entry, void *ctx) {
    (void)m;
    entry->refs = 1; /* the table has counted down; enf_rule_unref does it again */
    enf_rule_unref(ctx, (struct enforcer_rule *)entry);
}

const struct enf_hamt_ops enf_rule_ops_prototype = { rule_equal, rule_entry_free, NULL };

struct enforcer_str enforcer_rule_ptype(const struct enforcer_rule *rule) {
    return enforcer_cstr(rule->ptype);
}
size_t enforcer_rule_len(const struct enforcer_rule *rule) { return rule->len; }
struct enforcer_str enforcer_rule_field(const struct enforcer_rule *rule, size_t i) {
    const struct enf_atom *a = enf_rule_atom(rule, i);
    return a != NULL ? enf_atom_str(a) : enf_str("", 0);
}
