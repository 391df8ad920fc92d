#include "server/snapshot.h"

#include <stdlib.h>

enum {
    SNAPSHOT_MEMORY_MAX = 256 * 1024 * 1024,
    CLIENTS_MAX = 2 * RESOURCE_CLIENTS_MAX, /* with those of the configuration */
    DOCUMENT_MAX = 256 * 1024,
    GROUPS_BYTES_MAX = 2400
};

static void snapshot_destroy(struct snapshot *base) {
    struct server_snapshot *s = (struct server_snapshot *)(void *)base;
    s->next_retired = atomic_load_explicit(&s->retired->head, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&s->retired->head, &s->next_retired, s,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

void retired_snapshots_free(struct retired_snapshots *r) {
    struct server_snapshot *s = atomic_exchange_explicit(&r->head, NULL, memory_order_acquire);
    for (struct server_snapshot *next; s != NULL; s = next) {
        next = s->next_retired;
        server_snapshot_discard(s);
    }
}

void server_snapshot_discard(struct server_snapshot *s) {
    if (s == NULL)
        return;
    keyset_free(s->keys);
    tenants_done(&s->tenants);
    generation_unref(s->generation);
    arena_free(s->arena);
    free(s);
}

struct client_listing {
    struct arena *arena;
    struct client *clients;
    size_t len, cap;
    struct log *log;
};

static enum err_code reserve_client(struct client_listing *l, struct err *err) {
    if (l->len < l->cap)
        return ERR_OK;
    size_t cap = l->cap ? l->cap * 2 : 64;
    if (cap > CLIENTS_MAX)
        cap = CLIENTS_MAX;
    struct client *grown = l->len < cap ? arena_array(l->arena, cap, sizeof *grown) : NULL;
    if (grown == NULL)
        return err_set(err, ERR_LIMIT, "more than %d clients, or out of memory", CLIENTS_MAX);
    if (l->len)
        memcpy(grown, l->clients, l->len * sizeof *grown);
    l->clients = grown;
    l->cap = cap;
    return ERR_OK;
}

/* One bad object must not take the others down: it is left out and named. */
static enum err_code add_stored(void *ctx, const struct store_object *o, struct err *err) {
    struct client_listing *l = ctx;
    struct client c;
    struct err problem = { 0 };
    enum err_code rc = reserve_client(l, err);
    if (rc != ERR_OK)
        return rc;
    const struct store_object kept = { .name = arena_str(l->arena, o->name),
                                       .body = arena_str(l->arena, o->body),
                                       .secret = arena_str(l->arena, o->secret) };
    rc = resource_client(l->arena, &kept, &c, &problem);
    if (rc == ERR_OK && c.is_static) /* the configuration's own word counts */
        return ERR_OK;
    if (rc != ERR_OK || client_check(&c, &problem) != ERR_OK) {
        log_error_err(l->log, NULL, "client_unusable", &problem, KV("client", o->name));
        return ERR_OK;
    }
    l->clients[l->len++] = c;
    return ERR_OK;
}

static int by_id_static_first(const void *a, const void *b) {
    const struct client *x = a, *y = b;
    int order = str_cmp(x->id, y->id);
    return order != 0 ? order : (int)y->is_static - (int)x->is_static;
}

/* Static clients and stored ones, sorted; a static one hides a stored one of the same id, as in dex. */
static enum err_code load_clients(struct server_snapshot *s, const struct snapshot_inputs *in,
                                  struct err *err) {
    struct client_listing l = { .arena = s->arena, .log = in->parts->log };
    for (size_t i = 0; i < in->generation->static_client_count; i++) {
        enum err_code rc = reserve_client(&l, err);
        if (rc != ERR_OK)
            return rc;
        l.clients[l.len++] = in->generation->static_clients[i];
    }
    const struct store_query q = {
        .kind = str_of(kind_client.plural), .each = add_stored, .ctx = &l, .with_secret = true
    };
    enum err_code rc = store_list(in->parts->store, &q, NULL, err);
    if (rc != ERR_OK || l.len == 0)
        return rc;
    qsort(l.clients, l.len, sizeof *l.clients, by_id_static_first);
    size_t kept = 1;
    for (size_t i = 1; i < l.len; i++)
        if (!str_eq(l.clients[i].id, l.clients[kept - 1].id))
            l.clients[kept++] = l.clients[i];
    s->oidc.clients = l.clients;
    s->oidc.client_count = kept;
    return ERR_OK;
}

static void set_lifetimes(struct oidc_provider *p, const struct config *c) {
    p->id_token_ttl_s = c->expiry.id_tokens_s;
    p->access_token_ttl_s = c->expiry.access_tokens_s;
    p->code_ttl_s = c->expiry.codes_s;
    p->auth_request_ttl_s = c->expiry.auth_requests_s;
    p->login_deadline_ms = 15000;
    p->refresh_grace_s = c->expiry.refresh_reuse_interval_s;
    p->refresh_absolute_s = c->expiry.refresh_absolute_lifetime_s;
    p->refresh_idle_s = c->expiry.refresh_valid_if_not_used_for_s;
}

static enum err_code prepare_documents(struct server_snapshot *s, struct err *err) {
    AUTO(strbuf_done) struct strbuf discovery = STRBUF(DOCUMENT_MAX), jwks = STRBUF(DOCUMENT_MAX);
    keyset_jwks(s->keys, clock_now_s(s->oidc.clock), &jwks);
    enum err_code rc = strbuf_check(&jwks, err);
    if (rc == ERR_OK)
        rc = oidc_discovery_build(&s->oidc, &discovery, err);
    if (rc != ERR_OK)
        return rc;
    s->oidc.jwks_json = arena_str(s->arena, strbuf_str(&jwks));
    s->oidc.discovery_json = arena_str(s->arena, strbuf_str(&discovery));
    return arena_failed(s->arena) ? err_set(err, ERR_NOMEM, "a snapshot") : ERR_OK;
}

/* ---- tenants ---- */

/* Those of the configuration first and in its order, as the page offers them; then the stored ones by name. */
static enum err_code load_connectors(struct server_snapshot *s, const struct snapshot_inputs *in,
                                     struct err *err) {
    const struct generation *g = in->generation;
    enum err_code rc = tenants_load(in->parts->store, in->keyring, in->generation, in->tenant_env, in->before,
                                    &s->tenants, err);
    if (rc != ERR_OK)
        return rc;
    struct connector **list = arena_array(s->arena, g->connector_count + s->tenants.len + 1, sizeof *list);
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "connectors");
    size_t len = 0;
    for (size_t i = 0; i < g->connector_count; i++)
        list[len++] = g->connectors[i];
    for (size_t i = 0; i < s->tenants.len; i++)
        if (s->tenants.items[i]->connector != NULL && s->tenants.items[i]->generation == NULL)
            list[len++] = s->tenants.items[i]->connector;
    s->oidc.connectors = list;
    s->oidc.connector_count = len;
    return ERR_OK;
}

static enum err_code tell_authz(const struct server_snapshot *s, struct err *err) {
    struct authz_tenant *list = arena_array(s->arena, s->tenants.len + 1, sizeof *list);
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "tenants");
    for (size_t i = 0; i < s->tenants.len; i++)
        list[i] = (struct authz_tenant) { s->tenants.items[i]->id, s->tenants.items[i]->administrators,
                                          s->tenants.items[i]->administrator_count };
    return authz_set_tenants(s->generation->authz, list, s->tenants.len, err);
}

static struct connector *find_connector(const void *app, struct str tenant) {
    const struct server_snapshot *s = app;
    const struct tenant *t = tenants_find_id(&s->tenants, tenant);
    return t != NULL ? t->connector : NULL;
}

/* ---- the applications ---- */

const struct kube_app *kube_app_of(const void *app) {
    const struct server_snapshot *s = app;
    return &s->kube;
}

static void fill_kube(struct server_snapshot *s, const struct snapshot_inputs *in) {
    const struct config *c = s->generation->config;
    s->kube = *in->kube;
    s->env = *in->kube->env;
    s->env.keep_keys_on_password_change = c->authentication.api_keys_keep_on_password_change;
    s->kube.env = &s->env;
    s->kube.authenticators = s->generation->authenticators;
    s->kube.judges.keys = s->keys;
    s->kube.judges.issuer = s->generation->issuer;
    s->kube.authz = s->generation->authz;
    s->kube.throttle = in->throttle;
    s->kube.find_connector = find_connector;
    s->kube.app = s;
    s->kube.privileged_user = str_of(c->authentication.privileged_username);
    s->kube.privileged_groups = s->generation->privileged_groups;
    s->kube.privileged_group_count = c->authentication.privileged_groups.len;
}

const struct authz_app *authz_app_of(const void *app) {
    const struct server_snapshot *s = app;
    return &s->authz;
}

enum err_code server_snapshot_new(const struct snapshot_inputs *in, struct server_snapshot **ret,
                                  struct err *err) {
    struct server_snapshot *s = calloc(1, sizeof *s);
    if (s == NULL) {
        keyset_free(in->keys);
        return err_set(err, ERR_NOMEM, "a snapshot");
    }
    struct generation *g = in->generation;
    snapshot_init(&s->oidc.snapshot, snapshot_destroy);
    s->retired = in->retired;
    s->keys = in->keys;
    s->generation = generation_ref(g);
    s->arena = arena_new(SNAPSHOT_MEMORY_MAX);
    if (s->arena == NULL) {
        server_snapshot_discard(s);
        return err_set(err, ERR_NOMEM, "a snapshot");
    }
    struct oidc_provider *p = &s->oidc;
    p->issuer = g->issuer;
    p->base_path = STR("/oidc");
    p->keys = s->keys;
    p->rotation = in->rotation;
    p->keyring = in->keyring;
    p->store = in->parts->store;
    p->throttle = in->throttle;
    p->web = g->web;
    p->clock = in->parts->clock;
    p->random = in->parts->random;
    p->log = in->parts->log;
    p->metrics = in->parts->metrics;
    p->password_connector = str_of(g->config->oauth2.password_connector);
    p->always_show_login_screen = g->config->oauth2.always_show_login_screen;
    p->groups_bytes_max = GROUPS_BYTES_MAX;
    p->secure_cookies = str_starts_with(g->issuer, STR("https://"));
    s->authz = (struct authz_app) { .authz = g->authz,
                                    .keys = s->keys,
                                    .issuer = g->issuer,
                                    .find_key = in->kube->judges.find_key,
                                    .find_key_ctx = in->kube->judges.find_key_ctx };
    fill_kube(s, in);
    set_lifetimes(p, g->config);
    enum err_code rc = load_connectors(s, in, err);
    if (rc == ERR_OK)
        rc = load_clients(s, in, err);
    if (rc == ERR_OK)
        rc = prepare_documents(s, err);
    if (rc == ERR_OK)
        rc = tell_authz(s, err);
    if (rc != ERR_OK) {
        server_snapshot_discard(s);
        return rc;
    }
    *ret = s;
    return ERR_OK;
}
