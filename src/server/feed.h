/* What the store has committed, brought to those who work from memory: rules, API keys, watchers, the controller, the server's own snapshot.
 * Every writer's changes come this way, those of other processes too, in the order of their revisions. */
#pragma once
#include "server/api_key_table.h"
#include "tkeauth/controller.h"
#include "tkeauth/kube.h"

struct enforcer;
struct feed;
struct feed_options {
    struct store *store;
    struct enforcer *enforcer;
    struct api_key_table *keys;
    struct log *log;
    struct metrics *metrics;
    /* Tenants or clients have changed: the server's snapshot must be built anew. Any thread; must not block. */
    void (*snapshot_changed)(void *ctx, int64_t revision);
    void *ctx;
};
/* Loads everything and then listens to the store. */
MUST_CHECK enum err_code feed_new(const struct feed_options *options, struct feed **ret, struct err *err);
/* Stops listening. NULL is fine. */
void feed_free(struct feed *f);
/* Where changes go besides; both may be NULL. To be set before anybody else writes. */
void feed_connect(struct feed *f, struct kube_hub *hub, struct controller *controller);
/* The revision everything has been brought up to. */
int64_t feed_revision(struct feed *f);
/* What other processes have written meanwhile; cheap when it is nothing. */
void feed_pump(struct feed *f);
