/* graph owns what a section's rules look like to a reader: rules in policy order, rules by key, links of roles with
 * their closures. Everything is persistent: a batch edits its own roots, a snapshot keeps the old ones. */
#pragma once
#include "enforcer/model.h"

/* Rules of a policy section with the same key fields. */
struct enf_bucket {
    struct enf_entry entry;
    struct enf_list *rules;
    /* Of a short list whose policy is tagged: enf_pattern_tag of each rule, in order. */
    uint64_t *tags;
    size_t tags_len;
    const struct enf_atom *key[]; /* borrowed from the rules */
};
struct enf_bucket_key {
    size_t len;
    const struct enforcer_str *values;
    const struct enf_atom *const *atoms; /* may hold NULL: then the text is compared */
};
static inline uint64_t enf_bucket_hash(uint64_t h, uint64_t field_hash) {
    return enf_hash_mix(h, field_hash);
}

/* Roles reachable from a node, nearest first, at most roles_depth away. Atoms are borrowed from the links. */
struct enf_closure {
    uint32_t refs, len;
    struct {
        struct enf_atom *name;
        uint32_t distance;
    } roles[];
};

/* A name in a domain: it exists as long as a link mentions it. */
struct enf_node {
    struct enf_entry entry;
    struct enf_atom *domain, *name; /* borrowed from the links */
    struct enf_list *out;           /* links from it */
    struct enf_list *in_leaf;       /* links to it from names that nothing links to (users) */
    struct enf_list *in_inner;      /* links to it from names that are roles themselves */
    struct enf_closure *closure;    /* of roles only: a user's is read off its links' targets */
};
struct enf_node_key {
    struct enforcer_str domain, name;
    const struct enf_atom *domain_atom, *name_atom; /* may be NULL */
};

struct enf_domain {
    struct enf_entry entry;
    struct enf_atom *name; /* borrowed */
    size_t links;
};

/* The roots of one section. */
struct enf_section {
    struct enf_hamt rules; /* by content */
    struct enf_list *all;  /* in policy order */
    struct enf_hamt index; /* policies: buckets; groupings: nodes */
    struct enf_hamt domains;
};

struct enf_tables {
    struct enf_pool *pool;
    const struct enf_model *model;
    struct enf_hamt_ops rule_ops, bucket_ops, node_ops, domain_ops;
    struct enf_atom *default_domain; /* "casbin::default": the domain of links without one */
};
void enf_tables_init(struct enf_tables *t, struct enf_pool *pool, const struct enf_model *model);

/* Names whose closures (and those of everything above them) a batch has to work out anew. */
struct enf_dirty_name {
    struct enf_atom *domain, *name; /* counted */
    uint16_t section;
};
struct enf_dirty {
    struct enf_dirty_name *names;
    size_t len, cap;
};
void enf_dirty_done(struct enf_pool *pool, struct enf_dirty *d);

void enf_section_ref(struct enf_section *s);
void enf_section_done(struct enf_tables *t, struct enf_section *s, bool grouping);
/* Adds and removes a rule everywhere but in `rules`. False: out of memory, the section is no longer of use. */
bool enf_section_add(struct enf_tables *t, struct enf_section *s, struct enforcer_rule *r,
                     struct enf_dirty *dirty) MUST_CHECK;
bool enf_section_remove(struct enf_tables *t, struct enf_section *s, struct enforcer_rule *r,
                        struct enf_dirty *dirty) MUST_CHECK;
/* Works out every closure that the dirty names can have changed. `sections` are those of groupings. */
bool enf_closures_update(struct enf_tables *t, struct enf_section *sections, struct enf_dirty *dirty)
    MUST_CHECK;

uint64_t enf_node_hash(uint64_t domain_hash, uint64_t name_hash);
const struct enf_node *enf_node_find(const struct enf_tables *t, const struct enf_section *s, uint64_t hash,
                                     const struct enf_node_key *key);
const struct enf_bucket *enf_bucket_find(const struct enf_tables *t, const struct enf_section *s,
                                         uint64_t hash, const struct enf_bucket_key *key);
