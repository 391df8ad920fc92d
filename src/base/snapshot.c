#include "tkeauth/base/snapshot.h"

#include <assert.h>

static const uint64_t count_one = 1ULL << 48;
static const uint64_t pointer_mask = (1ULL << 48) - 1;

static struct snapshot *word_pointer(uint64_t word) {
    return (struct snapshot *)(uintptr_t)(word & pointer_mask);
}
static int64_t word_count(uint64_t word) { return (int64_t)(word >> 48); }

void snapshot_init(struct snapshot *s, void (*free)(struct snapshot *)) {
    atomic_init(&s->refs, 0);
    s->free = free;
}

/* The value lives while the cell holds it: only after the swap can the sum reach 0. */
static void snapshot_add(struct snapshot *s, int64_t n) {
    if (atomic_fetch_add_explicit(&s->refs, n, memory_order_acq_rel) + n == 0)
        s->free(s);
}

void snapshot_swap(struct snapshot_cell *cell, struct snapshot *next) {
    assert(((uintptr_t)next & ~(uintptr_t)pointer_mask) == 0);
    /* The cell's own reference counts a lot, so that no order of releases can reach 0 while the value is current. */
    if (next != NULL)
        atomic_fetch_add_explicit(&next->refs, INT64_C(1) << 32, memory_order_relaxed);
    uint64_t old = atomic_exchange_explicit(&cell->word, (uint64_t)(uintptr_t)next, memory_order_acq_rel);
    if (word_pointer(old) != NULL)
        snapshot_add(word_pointer(old), word_count(old) - (INT64_C(1) << 32));
}

struct snapshot *snapshot_acquire(struct snapshot_cell *cell) {
    uint64_t word = atomic_fetch_add_explicit(&cell->word, count_one, memory_order_acquire);
    return word_pointer(word);
}

void snapshot_release(struct snapshot_cell *cell, struct snapshot *s) {
    if (s == NULL)
        return;
    uint64_t word = atomic_load_explicit(&cell->word, memory_order_relaxed);
    while (word_pointer(word) == s && word_count(word) > 0)
        if (atomic_compare_exchange_weak_explicit(&cell->word, &word, word - count_one, memory_order_release,
                                                  memory_order_relaxed))
            return;
    snapshot_add(s, -1);
}
