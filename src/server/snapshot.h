/* The one thing a request sees: provider, reviews, health, built of a generation and of what the store holds. */
#pragma once
#include "server/generation.h"
#include "server/tenants.h"
#include "tkeauth/crypto.h"
#include "tkeauth/kube.h"
#include "tkeauth/oidc.h"

/* Snapshots whose last reader has gone. That reader may be an HTTP thread, which must not stop to close directories and free rules:
 * it only links them in here, and the server's own thread lets them go. */
struct server_snapshot;
struct retired_snapshots {
    _Atomic(struct server_snapshot *) head;
};
void retired_snapshots_free(struct retired_snapshots *r);

struct server_snapshot {
    struct oidc_provider oidc; /* first: the handlers' app is this */
    struct generation *generation;
    struct arena *arena;
    struct keyset *keys;
    struct tenant_set tenants;
    struct resource_env env;
    struct authz_app authz;
    struct kube_app kube;
    struct retired_snapshots *retired;
    struct server_snapshot *next_retired;
};

struct snapshot_inputs {
    const struct server_parts *parts;
    const struct keyring *keyring;
    struct throttle *throttle;
    struct rotation_policy rotation;
    struct keyset *keys;               /* taken over, also on failure */
    struct generation *generation;     /* referenced */
    struct retired_snapshots *retired; /* borrowed; outlives every snapshot */
    const struct tenant_set *before; /* connectors are kept where nothing has changed; NULL: there are none */
    const struct connector_env *tenant_env; /* of connectors of stored tenants; outlives every snapshot */
    const struct kube_app *kube;            /* what is the same in every snapshot; copied */
};
enum err_code server_snapshot_new(const struct snapshot_inputs *in, struct server_snapshot **ret,
                                  struct err *err);
/* Frees a snapshot that was never put into a cell. */
void server_snapshot_discard(struct server_snapshot *s);
