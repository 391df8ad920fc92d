/* snapshot owns the enforcer itself: which snapshot is the newest, who still reads which, and when one is freed.
 *
 * Readers are wait-free. One 64-bit word holds the slot of the newest snapshot and how often it has been acquired since
 * it was published: acquiring is one fetch-and-add. Releasing counts down in the snapshot. Publishing exchanges the
 * word and adds the number of acquisitions it took out to the snapshot's own count: once that is zero, everyone has
 * released. The last reader only marks the slot; freeing is the writer's work (commit or enforcer_collect), under the
 * writer's lock, so that no reader ever walks a tree to free it and no other count needs to be atomic. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "enforcer/graph.h"

enum {
    ENF_SLOTS = 1024,
    ENF_SLOT_SHIFT = 54
}; /* 2^54 acquisitions of one snapshot: 28 years at 20 million a second */

struct enforcer_snapshot {
    struct enforcer *owner;
    uint64_t revision;
    size_t policy_rules, grouping_rules;
    uint32_t slot;
    uint32_t sections_len;
    _Atomic int64_t readers; /* starts at ENF_PUBLISHED while newest; 0: nobody is left */
    struct enf_section sections[];
};
#define ENF_PUBLISHED (INT64_C(1) << 62)

struct enforcer {
    struct enf_mem mem;
    struct enf_model model;
    struct enf_pool pool;
    struct enf_tables tables;
    struct enf_use no_use;
    uint64_t next_seq;
    size_t
        bad_field; /* of the rule that was refused last, SIZE_MAX: none in particular; under the writer's lock */

    pthread_mutex_t writer;
    bool writer_ready;
    /* The newest snapshot's slot << ENF_SLOT_SHIFT | acquisitions. */
    _Alignas(64) _Atomic uint64_t newest;
    struct enforcer_snapshot *_Atomic slots[ENF_SLOTS];
    _Alignas(64) _Atomic bool left_over; /* some released snapshot waits to be freed */
};

/* Under the writer's lock. The sections' references move to the snapshot, also on failure. */
enum enforcer_status enf_publish(struct enforcer *e, struct enf_section *sections, size_t policy_rules,
                                 size_t grouping_rules, uint64_t *ret_revision, struct enforcer_error *err)
    MUST_CHECK;
/* The newest snapshot, for the writer: it cannot go away while the lock is held. */
const struct enforcer_snapshot *enf_current(const struct enforcer *e);
void enf_collect_locked(struct enforcer *e);
