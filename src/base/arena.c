#include "tkeauth/base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_CHUNK = 8192, ARENA_ALIGN = alignof(max_align_t) };

struct chunk {
    struct chunk *next;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *);
    void *p;
};

struct arena {
    struct chunk *chunks;
    struct deferred *deferred;
    size_t max, given;
    bool failed;
};

struct arena *arena_new(size_t max) {
    struct arena *a = calloc(1, sizeof *a);
    if (a != NULL)
        a->max = max;
    return a;
}

/* Frees all chunks but `keep` (NULL: all). */
static void drop_chunks(struct arena *a, const struct chunk *keep) {
    for (struct chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        if (c != keep)
            free(c);
    }
}

void arena_free(struct arena *a) {
    if (a == NULL)
        return;
    for (struct deferred *d = a->deferred; d != NULL; d = d->next)
        d->fn(d->p);
    drop_chunks(a, NULL);
    free(a);
}

void arena_reset(struct arena *a) {
    for (struct deferred *d = a->deferred; d != NULL; d = d->next)
        d->fn(d->p);
    struct chunk *keep = a->chunks;
    while (keep != NULL && keep->size != ARENA_CHUNK)
        keep = keep->next;
    drop_chunks(a, keep);
    if (keep != NULL) {
        keep->next = NULL;
        keep->used = 0;
    }
    *a = (struct arena) { .chunks = keep, .max = a->max };
}

static struct chunk *arena_grow(struct arena *a, size_t size) {
    size_t bytes = size > ARENA_CHUNK ? size : ARENA_CHUNK;
    struct chunk *c = malloc(sizeof *c + bytes);
    if (c == NULL)
        return NULL;
    c->size = bytes;
    c->used = 0;
    c->next = a->chunks;
    a->chunks = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t size) {
    size_t rounded = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (rounded < size || rounded > a->max - a->given) {
        a->failed = true;
        return NULL;
    }
    struct chunk *c = a->chunks;
    if (c == NULL || rounded > c->size - c->used)
        c = arena_grow(a, rounded);
    if (c == NULL) {
        a->failed = true;
        return NULL;
    }
    void *p = c->bytes + c->used;
    c->used += rounded;
    a->given += rounded;
    memset(p, 0, rounded);
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size) {
    size_t total = 0;
    if (__builtin_mul_overflow(n, size, &total)) {
        a->failed = true;
        return NULL;
    }
    return arena_alloc(a, total);
}

char *arena_strdup(struct arena *a, struct str s) {
    char *copy = s.len < SIZE_MAX ? arena_alloc(a, s.len + 1) : NULL;
    if (copy != NULL && s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

struct str arena_str(struct arena *a, struct str s) {
    char *copy = arena_strdup(a, s);
    return copy ? (struct str) { copy, s.len } : STR_NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

bool arena_defer(struct arena *a, void (*fn)(void *), void *p) {
    struct deferred *d = arena_alloc(a, sizeof *d);
    if (d == NULL) {
        fn(p);
        return false;
    }
    *d = (struct deferred) { a->deferred, fn, p };
    a->deferred = d;
    return true;
}

bool arena_failed(const struct arena *a) { return a->failed; }
