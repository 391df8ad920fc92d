#include "kube/hub.h"

#include <stdlib.h>

/* Bytes of the texts of events that stay parsed for all: some thirty megabytes of trees. */
enum { PARSED_BYTES_MAX = 2 * 1024 * 1024 };

struct kube_hub {
    struct kube_hub_options options;
    pthread_mutex_t mutex; /* guards everything below */
    struct event **ring;   /* by sequence number modulo events_max */
    uint64_t first, end;   /* sequence numbers: of the oldest, behind the newest */
    uint64_t recent;       /* of the oldest that may be parsed; those before it are nothing but their texts */
    size_t bytes, recent_bytes;
    int64_t floor;   /* revisions up to here are not in the ring (any more) */
    int64_t flushed; /* up to here everything has been published */
    struct watcher *watchers;
    size_t watcher_count;
    uint64_t woken; /* sequence number up to which watchers have been woken */
    struct gauge *gauge;
    struct counter *events;
};

/* ---- events ---- */

static size_t index_of(const struct kube_hub *h, uint64_t sequence) {
    return (size_t)(sequence % h->options.events_max);
}

void event_unref(struct event *e) {
    if (atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
        return;
    json_decref(atomic_load(&e->parsed_body));
    json_decref(atomic_load(&e->parsed_prev));
    free(e);
}

/* Parsed by whoever needs it first. */
static const json_t *parsed(_Atomic(json_t *) *cell, struct str text) {
    json_t *there = atomic_load_explicit(cell, memory_order_acquire);
    struct err ignored;
    if (there != NULL || text.ptr == NULL)
        return there;
    json_t *made = NULL;
    if (json_parse(text, &made, &ignored) != ERR_OK)
        return NULL;
    if (atomic_compare_exchange_strong(cell, &there, made))
        return made;
    json_decref(made);
    return there;
}

const json_t *event_object(struct event *e) { return parsed(&e->parsed_body, e->body); }
const json_t *event_previous(struct event *e) { return parsed(&e->parsed_prev, e->prev); }

/* Both texts are copied. */
static struct event *event_of(const struct event *from, struct str body, struct str prev) {
    size_t bytes = sizeof *from + body.len + prev.len + 2;
    struct event *e = calloc(1, bytes);
    if (e == NULL)
        return NULL;
    char *text = (char *)(e + 1);
    atomic_init(&e->refs, 1);
    e->revision = from->revision;
    e->type = from->type;
    e->kind = from->kind;
    e->bytes = bytes;
    memcpy(text, body.ptr, body.len);
    e->body = (struct str) { text, body.len };
    if (prev.ptr != NULL) {
        memcpy(text + body.len + 1, prev.ptr, prev.len);
        e->prev = (struct str) { text + body.len + 1, prev.len };
    }
    return e;
}

static struct event *event_new(const struct store_change *c, const struct kind *k) {
    const struct event head = { .revision = c->revision, .type = c->type, .kind = k };
    return event_of(&head, c->body, c->prev);
}

/* ---- life ---- */

enum err_code kube_hub_new(const struct kube_hub_options *options, int64_t revision, struct kube_hub **ret,
                           struct err *err) {
    struct kube_hub *h = calloc(1, sizeof *h);
    if (h == NULL || (h->ring = calloc(options->events_max, sizeof(struct event *))) == NULL) {
        free(h);
        return err_set(err, ERR_NOMEM, "the events");
    }
    h->options = *options;
    h->floor = h->flushed = revision;
    (void)pthread_mutex_init(&h->mutex, NULL);
    h->gauge = metrics_gauge(options->metrics, "tkeauth_watchers", "", "Watches that are open.");
    h->events = metrics_counter(options->metrics, "tkeauth_watch_events_total", "",
                                "Changes published to watchers.");
    *ret = h;
    return ERR_OK;
}

static void drop_oldest(struct kube_hub *h) {
    struct event *e = h->ring[index_of(h, h->first)];
    h->ring[index_of(h, h->first)] = NULL;
    h->bytes -= e->bytes;
    if (h->recent == h->first) {
        h->recent++;
        h->recent_bytes -= e->bytes;
    }
    h->first++;
    h->floor = e->revision;
    event_unref(e);
}

void kube_hub_free(struct kube_hub *h) {
    if (h == NULL)
        return;
    while (h->first < h->end)
        drop_oldest(h);
    (void)pthread_mutex_destroy(&h->mutex);
    free(h->ring);
    free(h);
}

/* ---- publishing ---- */

/* The feed reads a page that failed half-way once more: what was published of it is not told twice. */
static bool is_known(const struct kube_hub *h, int64_t revision) {
    return revision <= (h->first < h->end ? h->ring[index_of(h, h->end - 1)]->revision : h->floor);
}

enum err_code kube_hub_publish(struct kube_hub *h, const struct store_change *c, struct err *err) {
    const struct kind *k = resource_kind(c->kind);
    if (k == NULL)
        return ERR_OK;
    if (is_known(h, c->revision)) /* no lock: only this thread adds or drops */
        return ERR_OK;
    struct event *e = event_new(c, k);
    (void)pthread_mutex_lock(&h->mutex);
    if (e == NULL) { /* watchers must list again rather than miss something */
        while (h->first < h->end)
            drop_oldest(h);
        h->floor = c->revision;
    } else {
        while (h->end - h->first >= h->options.events_max ||
               (h->first < h->end && h->bytes + e->bytes > h->options.bytes_max))
            drop_oldest(h);
        h->ring[index_of(h, h->end++)] = e;
        h->bytes += e->bytes;
        h->recent_bytes += e->bytes;
    }
    (void)pthread_mutex_unlock(&h->mutex);
    counter_add(h->events, 1);
    return e != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "an event");
}

/* A guess that may be wrong on the side of waking: another tenant's events need not wake a tenant's watchers. */
static bool may_concern(const struct watcher *w, struct event *e) {
    const struct filter *f = w->filter;
    if (e->kind != w->kind)
        return false;
    const json_t *object = event_object(e);
    if (f->scope.tenant.ptr != NULL && w->kind->tenancy != TENANCY_PLATFORM &&
        !str_eq(object_tenant(w->kind, object), f->scope.tenant))
        return false;
    return f->exact_name.len == 0 || str_eq(f->exact_name, object_name(object));
}

static bool concerns_any(const struct kube_hub *h, const struct watcher *w) {
    uint64_t from = h->woken > h->first ? h->woken : h->first;
    for (uint64_t s = from; s < h->end; s++)
        if (may_concern(w, h->ring[index_of(h, s)]))
            return true;
    return h->woken < h->first; /* some were dropped before anybody was woken */
}

/* A tree takes many times the room of its text, and hardly anybody comes for what is older. Who has the event keeps its tree. */
static void forget_trees(struct kube_hub *h) {
    for (; h->recent_bytes > PARSED_BYTES_MAX && h->recent < h->end; h->recent++) {
        struct event **cell = &h->ring[index_of(h, h->recent)], *e = *cell;
        h->recent_bytes -= e->bytes;
        if (atomic_load(&e->parsed_body) == NULL && atomic_load(&e->parsed_prev) == NULL)
            continue;
        struct event *bare = event_of(e, e->body, e->prev);
        if (bare == NULL)
            continue; /* short of memory, it stays as it is */
        *cell = bare;
        event_unref(e);
    }
}

void kube_hub_flush(struct kube_hub *h, int64_t revision) {
    (void)pthread_mutex_lock(&h->mutex);
    if (revision > h->flushed)
        h->flushed = revision;
    for (struct watcher *w = h->watchers; w != NULL && h->woken < h->end; w = w->next)
        if (concerns_any(h, w))
            http_stream_wake(w->stream);
    h->woken = h->end;
    forget_trees(h);
    (void)pthread_mutex_unlock(&h->mutex);
}

void kube_hub_forget(struct kube_hub *h, int64_t revision) {
    (void)pthread_mutex_lock(&h->mutex);
    while (h->first < h->end)
        drop_oldest(h);
    h->floor = h->flushed = revision;
    h->woken = h->end;
    for (struct watcher *w = h->watchers; w != NULL; w = w->next)
        http_stream_wake(w->stream);
    (void)pthread_mutex_unlock(&h->mutex);
}

void kube_hub_tick(struct kube_hub *h) {
    int64_t now = clock_mono_ms(h->options.clock);
    (void)pthread_mutex_lock(&h->mutex);
    for (struct watcher *w = h->watchers; w != NULL; w = w->next) {
        /* Also who takes none is woken: whom nothing concerns for long would else stay where neither the hub nor the history reach back to. */
        bool due = now >= w->bookmark_ms, over = now >= w->until_ms;
        if (due) {
            w->bookmark_ms = now + h->options.bookmark_s * 1000;
            atomic_store(&w->wants_bookmark, w->takes_bookmarks);
        }
        if (over)
            atomic_store(&w->is_over, true);
        if (due || over)
            http_stream_wake(w->stream);
    }
    (void)pthread_mutex_unlock(&h->mutex);
}

int64_t hub_bookmark_ms(const struct kube_hub *h) { return h->options.bookmark_s * 1000; }

/* ---- watching ---- */

/* The first event after `revision`: events are in the order of revisions. */
static uint64_t find_after(const struct kube_hub *h, int64_t revision) {
    uint64_t low = h->first, high = h->end;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (h->ring[index_of(h, middle)]->revision > revision)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void hub_take(struct kube_hub *h, int64_t after, struct hub_taken *ret) {
    *ret = (struct hub_taken) { .seen = after };
    (void)pthread_mutex_lock(&h->mutex);
    ret->is_behind = after < h->floor;
    for (uint64_t s = find_after(h, after); !ret->is_behind && s < h->end && ret->len < HUB_TAKE_MAX; s++) {
        struct event *e = h->ring[index_of(h, s)];
        struct event *own = s < h->recent ? event_of(e, e->body, e->prev)
                                          : NULL; /* what it is parsed to goes with it */
        if (own == NULL)
            atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
        ret->events[ret->len++] = own != NULL ? own : e;
        ret->seen = e->revision;
    }
    if (!ret->is_behind && ret->len < HUB_TAKE_MAX && h->flushed > ret->seen)
        ret->seen = h->flushed;
    (void)pthread_mutex_unlock(&h->mutex);
}

bool hub_reaches(struct kube_hub *h, int64_t after) {
    (void)pthread_mutex_lock(&h->mutex);
    bool reaches = after >= h->floor;
    (void)pthread_mutex_unlock(&h->mutex);
    return reaches;
}

void hub_join(struct kube_hub *h, struct watcher *w) {
    (void)pthread_mutex_lock(&h->mutex);
    w->prev = NULL;
    w->next = h->watchers;
    if (h->watchers != NULL)
        h->watchers->prev = w;
    h->watchers = w;
    h->watcher_count++;
    gauge_set(h->gauge, (int64_t)h->watcher_count);
    (void)pthread_mutex_unlock(&h->mutex);
}

void hub_leave(struct kube_hub *h, struct watcher *w) {
    (void)pthread_mutex_lock(&h->mutex);
    *(w->prev != NULL ? &w->prev->next : &h->watchers) = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    h->watcher_count--;
    gauge_set(h->gauge, (int64_t)h->watcher_count);
    (void)pthread_mutex_unlock(&h->mutex);
}
