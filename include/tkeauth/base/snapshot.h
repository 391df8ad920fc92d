/* One atomic pointer to an immutable value: readers take a reference without a lock and without waiting, a writer
 * swaps in the next value, and the last holder frees the old one.
 *
 * The cell packs the pointer (48 bits) with a count of references taken through it (16 bits), so taking one is a
 * single fetch-add; at a swap the writer moves the count into the old value. At most 65535 references may be out on
 * the current value at a time, which the caps on requests in flight keep far away. */
#pragma once
#include <stdatomic.h>
#include "tkeauth/base/err.h"

/* First member of every value kept in a cell. */
struct snapshot {
    _Atomic int64_t refs; /* references not counted in the cell any more; may be negative until the swap */
    void (*free)(struct snapshot *);
};

struct snapshot_cell {
    _Atomic uint64_t word;
};

/* A new value: `free` is called once, by whichever thread lets the last reference go. */
void snapshot_init(struct snapshot *s, void (*free)(struct snapshot *));
/* The cell takes over the caller's only reference of `next` (may be NULL). The old value goes with its last reader. */
void snapshot_swap(struct snapshot_cell *cell, struct snapshot *next);
/* Borrow the current value until snapshot_release; NULL if there is none. Any thread. */
struct snapshot *snapshot_acquire(struct snapshot_cell *cell);
void snapshot_release(struct snapshot_cell *cell, struct snapshot *s);
