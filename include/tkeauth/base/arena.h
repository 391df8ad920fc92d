/* Memory with the life of one request: allocated piece by piece, freed whole. */
#pragma once
#include "tkeauth/base/str.h"

struct arena;

/* `max`: bytes the arena may ever hand out. NULL on out of memory. */
struct arena *arena_new(size_t max) MUST_CHECK;
/* Runs deferred calls newest first, then frees everything. NULL is fine. */
void arena_free(struct arena *a);
DEFINE_AUTO_FREE(arena_free, struct arena);
/* Empties it for the next use, as good as new, but keeps one chunk of memory. Deferred calls run. */
void arena_reset(struct arena *a);

/* Zeroed, aligned for any type; NULL when out of memory or over `max` (arena_failed() is then true, too). */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;
void *arena_array(struct arena *a, size_t n, size_t size) MUST_CHECK; /* checks n * size */
/* NUL-terminated copies; NULL like arena_alloc. */
char *arena_strdup(struct arena *a, struct str s) MUST_CHECK;
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3) MUST_CHECK;
/* Same as arena_strdup, as a slice; STR_NULL on failure. */
struct str arena_str(struct arena *a, struct str s);
/* `fn(p)` when the arena is freed: for foreign handles. False when out of memory (fn has then been called). */
bool arena_defer(struct arena *a, void (*fn)(void *), void *p) MUST_CHECK;
/* True once any allocation failed: builders allocate freely and check once. */
bool arena_failed(const struct arena *a);
