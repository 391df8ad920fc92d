/* The last events, in order, and who waits for more. An event is made and parsed once, however many watch; what is older than
 * a few hundred changes is kept as text alone, and parsed anew for who is that far behind. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "kube/filter.h"

/* Immutable but for what is filled in on first use. */
struct event {
    _Atomic int refs;
    int64_t revision;
    enum store_change_type type;
    const struct kind *kind;
    struct str body, prev; /* in the block behind the struct; prev STR_NULL: none */
    size_t bytes;
    _Atomic(json_t *) parsed_body, parsed_prev;
};
const json_t *event_object(struct event *e);   /* NULL: it cannot be parsed */
const json_t *event_previous(struct event *e); /* NULL: there was none */
void event_unref(struct event *e);

/* Somebody who waits: linked in by watch.c, under the hub's lock. */
struct watcher {
    struct watcher *next, *prev;
    const struct kind *kind;
    const struct filter *filter;
    struct http_stream *stream;
    _Atomic bool wants_bookmark, is_over;
    bool takes_bookmarks;
    int64_t bookmark_ms; /* monotonic: when the next one is due, or just a look at what is new */
    int64_t until_ms;    /* monotonic: when the watch ends */
};

enum { HUB_TAKE_MAX = 32 };
struct hub_taken {
    struct event *events[HUB_TAKE_MAX]; /* referenced */
    size_t len;
    int64_t seen;   /* everything up to this revision has been seen then */
    bool is_behind; /* events after `after` have been dropped already */
};
/* Events of revisions after `after`, in order. */
void hub_take(struct kube_hub *h, int64_t after, struct hub_taken *ret);
/* Whether all events after `after` are still there. */
bool hub_reaches(struct kube_hub *h, int64_t after);
void hub_join(struct kube_hub *h, struct watcher *w);
void hub_leave(struct kube_hub *h, struct watcher *w);
int64_t hub_bookmark_ms(const struct kube_hub *h);
