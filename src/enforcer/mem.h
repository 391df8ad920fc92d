/* mem owns how the library allocates: everything kept goes through the caller's allocator and is counted, frees name
 * their size. It must never abort. */
#pragma once
#include "enforcer/enforcer.h"
#include "tkeauth/base.h"

struct enf_mem {
    struct enforcer_allocator allocator;
    _Atomic size_t bytes; /* written under the writer's lock, read by enforcer_stats */
};

void enf_mem_init(struct enf_mem *m, const struct enforcer_allocator *allocator);
/* Counted, zeroed. NULL: out of memory. Only under the writer's lock (or before the enforcer is shared). */
void *enf_alloc(struct enf_mem *m, size_t size) MUST_CHECK;
/* Keeps `p` and returns NULL when out of memory; bytes beyond old_size are not zeroed. */
void *enf_realloc(struct enf_mem *m, void *p, size_t old_size, size_t size) MUST_CHECK;
void enf_release(struct enf_mem *m, void *p, size_t size);

/* Not counted, for readers: any thread. */
void *enf_scratch_alloc(const struct enf_mem *m, size_t size) MUST_CHECK;
void enf_scratch_free(const struct enf_mem *m, void *p);

/* Memory freed as a whole: syntax trees of a model or of one eval expression. `mem` counted unless `scratch`. */
struct enf_zone_chunk {
    struct enf_zone_chunk *next;
    size_t size, used;
    _Alignas(16) unsigned char data[];
};
struct enf_zone {
    struct enf_mem *mem;
    bool scratch;
    struct enf_zone_chunk *chunks;
};
void *enf_zone_alloc(struct enf_zone *z, size_t size) MUST_CHECK; /* zeroed, aligned for anything */
char *enf_zone_copy(struct enf_zone *z, const char *text, size_t len) MUST_CHECK; /* NUL-terminated */
void enf_zone_reset(struct enf_zone *z); /* empties, keeps one block */
void enf_zone_done(struct enf_zone *z);

/* Fills `err` (may be NULL) and returns `status`. */
enum enforcer_status enf_fail(struct enforcer_error *err, enum enforcer_status status, int line, int column,
                              const char *fmt, ...) PRINTF(5, 6);
enum enforcer_status enf_nomem(struct enforcer_error *err);

static inline struct enforcer_str enf_str(const char *ptr, size_t len) {
    return (struct enforcer_str) { ptr, len };
}
static inline bool enf_str_eq(struct enforcer_str a, struct enforcer_str b) {
    return a.len == b.len && (a.ptr == b.ptr || a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool enf_str_is(struct enforcer_str a, const char *text) {
    size_t len = strlen(text);
    return a.len == len && (len == 0 || memcmp(a.ptr, text, len) == 0);
}
/* For printf's "%.*s": long texts are cut, they only decorate an error. */
#define ENF_FMT(s) (int)((s).len > 80 ? 80 : (s).len), ((s).len ? (s).ptr : "")
