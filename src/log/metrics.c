/* Counters, gauges and histograms. Objects live as long as their registry and are updated with relaxed atomics; the
 * registry's lock is taken at registration and rendering only. */
#include "tkeauth/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* Upper bounds; text as the exposition shows them, so that no locale or rounding has a say. */
static const struct {
    int64_t us;
    const char *le;
} bounds[] = {
    { 100, "0.0001" },  { 250, "0.00025" }, { 500, "0.0005" },  { 1000, "0.001" },  { 2500, "0.0025" },
    { 5000, "0.005" },  { 10000, "0.01" },  { 25000, "0.025" }, { 50000, "0.05" },  { 100000, "0.1" },
    { 250000, "0.25" }, { 500000, "0.5" },  { 1000000, "1" },   { 2500000, "2.5" }, { 5000000, "5" },
    { 10000000, "10" }, { 30000000, "30" },
};
enum { BUCKETS = ARRAY_LEN(bounds) + 1 };

/* A cache line each: a counter that one thread pounds must not slow its neighbour. */
struct counter {
    _Alignas(64) _Atomic uint64_t value;
};
struct gauge {
    _Alignas(64) _Atomic int64_t value;
};
struct histogram {
    _Alignas(64) _Atomic uint64_t sum_us;
    _Atomic uint64_t bucket[BUCKETS]; /* not cumulative */
};

struct series {
    struct series *next;
    char *labels;
    void *object; /* struct counter, gauge or histogram */
};
struct family {
    struct family *next;
    char *name, *help;
    enum metric_type type;
    struct series *series;
};
struct metrics {
    pthread_mutex_t lock;
    struct family *families;
};

struct metrics *metrics_new(void) {
    struct metrics *m = calloc(1, sizeof *m);
    if (m == NULL || pthread_mutex_init(&m->lock, NULL) != 0) {
        free(m);
        return NULL;
    }
    return m;
}

void metrics_free(struct metrics *m) {
    if (m == NULL)
        return;
    for (struct family *f = m->families, *next_family; f != NULL; f = next_family) {
        next_family = f->next;
        for (struct series *s = f->series, *next; s != NULL; s = next) {
            next = s->next;
            free(s->labels);
            free(s->object);
            free(s);
        }
        free(f->name);
        free(f->help);
        free(f);
    }
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

/* In order of their names, so that a scrape reads the same each time. */
static struct family *find_family(struct metrics *m, enum metric_type type, const char *name,
                                  const char *help) {
    struct family **at = &m->families;
    while (*at != NULL && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    if (*at != NULL && strcmp((*at)->name, name) == 0)
        return (*at)->type == type ? *at : NULL;
    struct family *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->name = str_dup_c(name);
    f->help = str_dup_c(help ? help : "");
    f->type = type;
    if (f->name == NULL || f->help == NULL) {
        free(f->name);
        free(f->help);
        free(f);
        return NULL;
    }
    f->next = *at;
    *at = f;
    return f;
}

static void *new_object(size_t size) {
    void *p = aligned_alloc(64, (size + 63) / 64 * 64);
    if (p != NULL)
        memset(p, 0, size);
    return p;
}

static void *find_series(struct family *f, const char *labels, size_t size) {
    struct series **at = &f->series;
    while (*at != NULL && strcmp((*at)->labels, labels) < 0)
        at = &(*at)->next;
    if (*at != NULL && strcmp((*at)->labels, labels) == 0)
        return (*at)->object;
    struct series *s = calloc(1, sizeof *s);
    char *copy = str_dup_c(labels);
    void *object = new_object(size);
    if (s == NULL || copy == NULL || object == NULL) {
        free(s);
        free(copy);
        free(object);
        return NULL;
    }
    *s = (struct series) { *at, copy, object };
    *at = s;
    return object;
}

/* NULL: no registry, no memory, or the name means another type already. */
static void *find_object(struct metrics *m, enum metric_type type, const char *name, const char *labels,
                         const char *help, size_t size) {
    if (m == NULL)
        return NULL;
    (void)pthread_mutex_lock(&m->lock);
    struct family *f = find_family(m, type, name, help);
    void *object = f ? find_series(f, labels ? labels : "", size) : NULL;
    (void)pthread_mutex_unlock(&m->lock);
    return object;
}

/* What callers without a registry count into; nobody reads it. */
static struct counter nowhere_counter;
static struct gauge nowhere_gauge;
static struct histogram nowhere_histogram;

struct counter *metrics_counter(struct metrics *m, const char *name, const char *labels, const char *help) {
    struct counter *c = find_object(m, METRIC_COUNTER, name, labels, help, sizeof *c);
    return c ? c : &nowhere_counter;
}

struct gauge *metrics_gauge(struct metrics *m, const char *name, const char *labels, const char *help) {
    struct gauge *g = find_object(m, METRIC_GAUGE, name, labels, help, sizeof *g);
    return g ? g : &nowhere_gauge;
}

struct histogram *metrics_histogram(struct metrics *m, const char *name, const char *labels,
                                    const char *help) {
    struct histogram *h = find_object(m, METRIC_HISTOGRAM, name, labels, help, sizeof *h);
    return h ? h : &nowhere_histogram;
}

void counter_add(struct counter *c, uint64_t n) {
    atomic_fetch_add_explicit(&c->value, n, memory_order_relaxed);
}

uint64_t counter_get(const struct counter *c) {
    return atomic_load_explicit(&c->value, memory_order_relaxed);
}

void gauge_set(struct gauge *g, int64_t value) {
    atomic_store_explicit(&g->value, value, memory_order_relaxed);
}

void gauge_add(struct gauge *g, int64_t delta) {
    atomic_fetch_add_explicit(&g->value, delta, memory_order_relaxed);
}

void histogram_observe_us(struct histogram *h, int64_t microseconds) {
    size_t i = 0;
    if (microseconds < 0)
        microseconds = 0; /* a clock that stepped back */
    while (i < ARRAY_LEN(bounds) && microseconds > bounds[i].us)
        i++;
    atomic_fetch_add_explicit(&h->bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_us, (uint64_t)microseconds, memory_order_relaxed);
}

/* ---- Prometheus text ---- */
static void add_name(struct strbuf *out, const char *name, const char *suffix, const char *labels,
                     const char *le) {
    strbuf_addf(out, "%s%s", name, suffix);
    if (labels[0] != '\0' || le != NULL) {
        strbuf_addf(out, "{%s", labels);
        if (le != NULL)
            strbuf_addf(out, "%sle=\"%s\"", labels[0] ? "," : "", le);
        strbuf_addc(out, '}');
    }
    strbuf_addc(out, ' ');
}

static void add_histogram(struct strbuf *out, const char *name, const char *labels,
                          const struct histogram *h) {
    uint64_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        count += atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
        add_name(out, name, "_bucket", labels, i < ARRAY_LEN(bounds) ? bounds[i].le : "+Inf");
        strbuf_add_u64(out, count);
        strbuf_addc(out, '\n');
    }
    uint64_t sum = atomic_load_explicit(&h->sum_us, memory_order_relaxed);
    add_name(out, name, "_sum", labels, NULL);
    strbuf_addf(out, "%llu.%06llu\n", (unsigned long long)(sum / 1000000),
                (unsigned long long)(sum % 1000000));
    add_name(out, name, "_count", labels, NULL);
    strbuf_add_u64(out, count);
    strbuf_addc(out, '\n');
}

static void add_series(struct strbuf *out, const struct family *f, const struct series *s) {
    if (f->type == METRIC_HISTOGRAM) {
        add_histogram(out, f->name, s->labels, s->object);
        return;
    }
    add_name(out, f->name, "", s->labels, NULL);
    if (f->type == METRIC_COUNTER)
        strbuf_add_u64(out, counter_get(s->object));
    else
        strbuf_add_i64(out, atomic_load_explicit(&((struct gauge *)s->object)->value, memory_order_relaxed));
    strbuf_addc(out, '\n');
}

/* A help text is one line: '\' and newline are escaped. */
static void add_help(struct strbuf *out, const char *help) {
    for (; *help != '\0'; help++) {
        if (*help == '\\')
            strbuf_adds(out, "\\\\");
        else if (*help == '\n')
            strbuf_adds(out, "\\n");
        else
            strbuf_addc(out, *help);
    }
}

void metrics_render(struct metrics *m, struct strbuf *out) {
    static const char *const types[] = { "counter", "gauge", "histogram" };
    (void)pthread_mutex_lock(&m->lock);
    for (const struct family *f = m->families; f != NULL; f = f->next) {
        strbuf_addf(out, "# HELP %s ", f->name);
        add_help(out, f->help);
        strbuf_addf(out, "\n# TYPE %s %s\n", f->name, types[f->type]);
        for (const struct series *s = f->series; s != NULL; s = s->next)
            add_series(out, f, s);
    }
    (void)pthread_mutex_unlock(&m->lock);
}
