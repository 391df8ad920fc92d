/* What works on the objects in the store, joined together: the rules, the API keys, the watchers, the controllers, and the feed of changes
 * that keeps them up. Lives as long as the server; configurations come and go. */
#pragma once
#include "server/generation.h"
#include "server/policy_file.h"
#include "tkeauth/kube.h"

struct objects;
struct objects_options {
    const struct server_parts *parts; /* `enforcer` is ignored */
    const struct keyring *keyring;
    const struct config *config;
    /* The connector of a tenant in the snapshot in force, as struct controller_options has it. */
    struct connector *(*acquire)(void *ctx, struct str tenant, void **ret_hold);
    void (*release)(void *ctx, void *hold);
    void *ctx;
};
/* Objects of earlier versions are rewritten, rules and keys loaded. */
MUST_CHECK enum err_code objects_new(const struct objects_options *options, struct objects **ret,
                                     struct err *err);
/* Default policies and roles are brought in, then watchers and controllers go on by themselves. To be called with a snapshot in force. */
MUST_CHECK enum err_code objects_start(struct objects *o, struct err *err);
/* The controllers end; nobody is told of changes any more. Listeners must have stopped. */
void objects_stop(struct objects *o);
/* NULL is fine. */
void objects_free(struct objects *o);

struct enforcer *objects_enforcer(const struct objects *o);
const struct resource_env *objects_env(const struct objects *o);
const struct connector_env *objects_connector_env(const struct objects *o); /* of stored tenants */
const struct kube_app *objects_kube(const struct objects *o); /* what is the same in every snapshot */
struct settle;
struct settle *objects_settle(const struct objects *o);
/* The policy file of `c`, when it has changed. */
MUST_CHECK enum err_code objects_follow_policy(struct objects *o, const struct config *c, size_t *ret_changed,
                                               struct err *err);
/* Once a second: what other processes wrote, bookmarks, history that need not be kept any longer. */
void objects_tick(struct objects *o);
