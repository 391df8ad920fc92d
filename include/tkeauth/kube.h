/* kube owns the Kubernetes-style API: what a request asks for, who may, the verbs, watches, documents, subresources. It must never write but
 * through resource.h, and holds no object of its own. */
#pragma once
#include "tkeauth/authn.h"
#include "tkeauth/authz.h"
#include "tkeauth/connector.h"
#include "tkeauth/http.h"
#include "tkeauth/resource.h"

struct enforcer;
struct kube_hub;

/* Everything the handlers may use, out of the snapshot acquired for the request. */
struct kube_app {
    const struct resource_env *env;
    const struct authenticators *authenticators;
    struct token_judges judges;
    const struct authz *authz;
    struct enforcer *enforcer; /* the rules: for who has which policies and roles */
    struct kube_hub *hub;
    struct throttle *throttle;
    /* The tenant's connector, alive as long as the request; NULL: there is none. */
    struct connector *(*find_connector)(const void *app, struct str tenant);
    const void *app;
    struct str privileged_user;
    const struct str *privileged_groups;
    size_t privileged_group_count;
    /* Returns when the daemon works with everything written up to `revision`: tenants, clients, keys. May wait a little. */
    void (*settle)(void *ctx, int64_t revision);
    void *settle_ctx;
};
/* The program that serves the routes defines this one: where its snapshot keeps the kube_app. */
const struct kube_app *kube_app_of(const void *app);
/* /apis/auth.tkestack.io/v1/..., the reviews of authentication.k8s.io and authorization.k8s.io, discovery, /openapi, /version. They end with
 * path NULL. */
extern const struct route kube_routes[];
extern const struct route kube_discovery_routes[];

/* Roles of the platform: whoever has one may act in every tenant as far as the role goes. */
#define KUBE_ROLE_ADMINISTRATOR "rol-platform-administrator"
#define KUBE_ROLE_USER_MANAGER "rol-platform-user-manager"
#define KUBE_ROLE_VIEWER "rol-platform-viewer"

/* ---- events for watchers: the last ones, shared by all ---- */
struct kube_hub_options {
    size_t events_max; /* kept; a watcher that falls behind is told 410 */
    size_t bytes_max;
    struct store *store;
    const struct clock *clock;
    struct log *log;
    struct metrics *metrics;
    int64_t bookmark_s; /* how often quiet watchers look what is new, and get the bookmark they asked for */
};
/* Events begin after `revision`. */
MUST_CHECK enum err_code kube_hub_new(const struct kube_hub_options *options, int64_t revision,
                                      struct kube_hub **ret, struct err *err);
/* No watcher may be left: stop the listeners first. */
void kube_hub_free(struct kube_hub *h);
/* In the order of revisions, by one thread at a time (kube_hub_forget, too); wakes those who wait for it on kube_hub_flush. What is not newer
 * than the last one is known already, and dropped: a feed may begin a page again. */
MUST_CHECK enum err_code kube_hub_publish(struct kube_hub *h, const struct store_change *c, struct err *err);
/* Everything up to `revision` has been published. */
void kube_hub_flush(struct kube_hub *h, int64_t revision);
/* Events up to `revision` were missed: who watches is sent to the store's history, or to list again. */
void kube_hub_forget(struct kube_hub *h, int64_t revision);
/* Once a second: bookmarks, watches whose time is over. */
void kube_hub_tick(struct kube_hub *h);
