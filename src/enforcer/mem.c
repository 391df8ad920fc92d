#include "enforcer/mem.h"
#include <stdatomic.h>

static void *default_reallocate(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    return realloc(ptr, size);
}

static void default_release(void *ctx, void *ptr) {
    (void)ctx;
    free(ptr);
}

void enf_mem_init(struct enf_mem *m, const struct enforcer_allocator *allocator) {
    static const struct enforcer_allocator standard = { default_reallocate, default_release, NULL };
    m->allocator = allocator != NULL ? *allocator : standard;
    atomic_init(&m->bytes, 0);
}

/* Only the writer changes the count: no read-modify-write is needed. */
static void count(struct enf_mem *m, size_t freed, size_t added) {
    size_t bytes = atomic_load_explicit(&m->bytes, memory_order_relaxed);
    atomic_store_explicit(&m->bytes, bytes - freed + added, memory_order_relaxed);
}

void *enf_alloc(struct enf_mem *m, size_t size) {
    void *p = m->allocator.reallocate(m->allocator.ctx, NULL, size);
    if (p != NULL) {
        memset(p, 0, size);
        count(m, 0, size);
    }
    return p;
}

void *enf_realloc(struct enf_mem *m, void *p, size_t old_size, size_t size) {
    void *grown = m->allocator.reallocate(m->allocator.ctx, p, size);
    if (grown != NULL)
        count(m, old_size, size);
    return grown;
}

void enf_release(struct enf_mem *m, void *p, size_t size) {
    if (p == NULL)
        return;
    m->allocator.release(m->allocator.ctx, p);
    count(m, size, 0);
}

void *enf_scratch_alloc(const struct enf_mem *m, size_t size) {
    return m->allocator.reallocate(m->allocator.ctx, NULL, size);
}

void enf_scratch_free(const struct enf_mem *m, void *p) { m->allocator.release(m->allocator.ctx, p); }

void *enf_zone_alloc(struct enf_zone *z, size_t size) {
    enum { CHUNK = 1024 };
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + 15) & ~(size_t)15;
    struct enf_zone_chunk *c = z->chunks;
    if (c == NULL || c->size - c->used < size) {
        size_t room = size > CHUNK ? size : CHUNK;
        c = z->scratch ? enf_scratch_alloc(z->mem, sizeof *c + room) : enf_alloc(z->mem, sizeof *c + room);
        if (c == NULL)
            return NULL;
        *c = (struct enf_zone_chunk) { .next = z->chunks, .size = room };
        z->chunks = c;
    }
    void *p = c->data + c->used;
    c->used += size;
    memset(p, 0, size);
    return p;
}

char *enf_zone_copy(struct enf_zone *z, const char *text, size_t len) {
    char *copy = enf_zone_alloc(z, len + 1);
    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}

static void free_chunks(struct enf_zone *z, struct enf_zone_chunk *c) {
    while (c != NULL) {
        struct enf_zone_chunk *next = c->next;
        if (z->scratch)
            enf_scratch_free(z->mem, c);
        else
            enf_release(z->mem, c, sizeof *c + c->size);
        c = next;
    }
}

void enf_zone_reset(struct enf_zone *z) {
    if (z->chunks == NULL)
        return;
    free_chunks(z, z->chunks->next);
    z->chunks->next = NULL;
    z->chunks->used = 0;
}

void enf_zone_done(struct enf_zone *z) {
    struct enf_zone_chunk *c = z->chunks;
    z->chunks = NULL; /* the zone itself may live in one of them */
    struct enf_zone copy = *z;
    free_chunks(&copy, c);
}

enum enforcer_status enf_fail(struct enforcer_error *err, enum enforcer_status status, int line, int column,
                              const char *fmt, ...) {
    if (err == NULL)
        return status;
    err->line = line;
    err->column = column;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    for (char *c = err->text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c =
                '?'; /* rules and requests come from outside: nothing of them may steer a terminal or split a log */
    return status;
}

enum enforcer_status enf_nomem(struct enforcer_error *err) {
    return enf_fail(err, ENFORCER_NOMEM, 0, 0, "out of memory");
}
