/* controller owns what happens by itself with the objects of auth.tkestack.io/v1: deletions are carried out, default policies and roles
 * kept up, groups of directories become rules, tenants told how they are. It must never speak HTTP, nor decide who may.
 *
 * It keeps no list of what is to be done: it looks for it in the store, so that a kill at any point loses nothing, and what could not
 * be done is tried again after growing pauses while the rest goes on.
 *
 * - A deleted object is cleaned up after and goes (contract 5.3), milliseconds after the change that marked it; a deleted
 *   IdentityProvider takes everything of its tenant with it, in pieces that let other writers have their turn.
 * - Categories, and for the platform and every tenant policies and roles, are created and kept as three files say (contract 5.5):
 *   JSON arrays of objects. An entry's member "level" is "tenant" (the default: once for each tenant) or "platform" (once, without a
 *   tenant); "{tenantID}" in its name and in the policies it names stands for the tenant. A policy without a name is found again by
 *   tenant and display name among those of type default. Subjects stay as they are; what does not differ is not written. A bad
 *   entry is told in the log and left out; a bad file leaves the last good one in force.
 * - Groups of directories, with their members, become rules of the tenant (contract 5.2). Only a complete reading changes anything.
 * - IdentityProviders get the condition Ready. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/connector.h"
#include "tkeauth/log.h"
#include "tkeauth/resource.h"

struct controller;

struct controller_options {
    const struct resource_env *env; /* borrowed */
    struct metrics *metrics;        /* may be NULL */
    /* The connector of a tenant, borrowed until it is released (while a directory is read: for seconds, at most minutes). NULL: none is
     * open. Called on both threads of the controller. */
    struct connector *(*acquire)(void *ctx, struct str tenant, void **ret_hold);
    void (*release)(void *ctx, void *hold);
    void *ctx;
    /* Files of default data, followed when they change; NULL: the built-in lists. One that cannot be used at the start leaves what it is
     * about alone: the built-in list could overwrite what the operator's file once said. */
    const char *category_path, *policy_path, *role_path;
    /* How often groups of directories are read; 0: never, and there are no rules of directories. */
    int64_t directory_interval_s;
};

/* Contacts nobody and writes nothing. Strings of the options are copied. */
MUST_CHECK enum err_code controller_new(const struct controller_options *options, struct controller **ret,
                                        struct err *err);
/* Two threads: one for the store's objects, one for directories, whose silence may hold up nothing else. To be called when the mirrors
 * of the configuration are in the store: a tenant that is not there is taken for gone. */
MUST_CHECK enum err_code controller_start(struct controller *c, struct err *err);
/* Objects have changed: look for something to do. For the store's listener (and for whoever notices that another process has written):
 * never waits, any thread, however often; not after controller_free. */
void controller_changed(struct controller *c);
/* Ends after the step under way: a transaction, or a page from a directory (10 seconds at most). NULL is fine. */
void controller_free(struct controller *c);
DEFINE_AUTO_FREE(controller_free, struct controller);

/* ---- for tests: the same without threads ---- */
enum controller_lane { CONTROLLER_OBJECTS, CONTROLLER_DIRECTORIES };
enum { CONTROLLER_LANES = 2 };
/* One piece of what there is to do: a transaction or two, or a page from a directory. Returns after how many milliseconds to call again:
 * 0 while there is something to do, else until the next thing is due, or controller_changed is called. */
int64_t controller_step(struct controller *c, enum controller_lane lane);
