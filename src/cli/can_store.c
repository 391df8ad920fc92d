#include "cli/can_store.h"

#include <stdio.h>

#include "cli/objects.h"
#include "enforcer/enforcer.h"

enum { ONE_RULE_MAX = 1024 * 1024, CAN_TENANTS_MAX = 2 * RESOURCE_TENANTS_MAX };

enum err_code can_store_open(const struct config *c, struct store **ret, struct err *err) {
    const struct store_options options = {
        .type = c->storage.type, .path = c->storage.file, .clock = clock_system(), .read_only = true
    };
    enum err_code rc = store_open(&options, ret, err);
    if (rc == ERR_NOT_FOUND)
        *ret = NULL;
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

/* ---- rules ---- */

struct reading {
    struct arena *arena; /* of one rule */
    struct map wanted;   /* names of rules that somebody besides the policy file owns */
    struct enforcer_batch *batch;
    size_t unusable;
};

static enum err_code note_owned(void *ctx, struct str owner, struct str name, struct err *err) {
    struct reading *r = ctx;
    return str_eq(owner, rule_owner_file()) ? ERR_OK : map_put(&r->wanted, name, r, NULL, err);
}

static enum err_code add_rule(void *ctx, const struct store_object *o, struct err *err) {
    struct reading *r = ctx;
    struct rule_view rule;
    struct enforcer_str fields[ARRAY_LEN(rule.fields)];
    struct enforcer_error why = { 0 };
    if (map_get(&r->wanted, o->name) == NULL)
        return ERR_OK;
    arena_reset(r->arena);
    enum err_code rc = rule_read(r->arena, o->body, &rule, err);
    if (rc != ERR_OK)
        return err_context(err, "rule \"%.*s\"", STR_FMT(o->name));
    for (size_t i = 0; i < rule.len; i++)
        fields[i] = (struct enforcer_str) { rule.fields[i].ptr, rule.fields[i].len };
    const char *ptype = arena_strdup(r->arena, rule.ptype);
    if (ptype == NULL)
        return err_set(err, ERR_NOMEM, "a rule");
    enum enforcer_status status = enforcer_batch_add(r->batch, ptype, fields, rule.len, NULL, &why);
    if (status == ENFORCER_NOMEM)
        return err_set(err, ERR_NOMEM, "the rules");
    r->unusable += status != ENFORCER_OK; /* a model of one's own may have no place for it */
    return ERR_OK;
}

static enum err_code read_rules(struct store *s, struct enforcer *e, struct reading *r, struct err *err) {
    struct enforcer_error why = { 0 };
    const struct store_query q = { .kind = str_of(kind_rule.plural), .each = add_rule, .ctx = r };
    enum err_code rc = store_owned_list(s, q.kind, STR_NULL, STR_NULL, 0, note_owned, r, err);
    if (rc == ERR_OK && enforcer_batch_begin(e, &r->batch, &why) != ENFORCER_OK)
        rc = err_set(err, ERR_NOMEM, "the rules: %s", why.text);
    if (rc == ERR_OK)
        rc = store_list(s, &q, NULL, err);
    if (rc != ERR_OK) {
        enforcer_batch_abort(r->batch);
        return rc;
    }
    if (enforcer_batch_commit(r->batch, NULL, &why) != ENFORCER_OK)
        return err_set(err, ERR_LIMIT, "the rules: %s", why.text);
    if (r->unusable > 0)
        (void)fprintf(stderr, "tke-auth: %zu rules in the database mean nothing to the model; left out\n",
                      r->unusable);
    return ERR_OK;
}

enum err_code can_store_rules(struct store *s, struct enforcer *e, struct err *err) {
    struct reading r = { .arena = arena_new(ONE_RULE_MAX) };
    if (r.arena == NULL)
        return err_set(err, ERR_NOMEM, "the rules");
    enum err_code rc = read_rules(s, e, &r, err);
    map_done(&r.wanted, NULL);
    arena_free(r.arena);
    return rc;
}

/* ---- tenants ---- */

struct gathering {
    struct arena *arena;
    const struct authz_options *options;
    struct authz_tenant *items;
    size_t len;
};

static bool is_configured(const struct authz_options *o, struct str id) {
    for (size_t i = 0; i < o->tenant_count; i++)
        if (str_eq(o->tenants[i].id, id))
            return true;
    return false;
}

static enum err_code add_tenant(void *ctx, const struct store_object *o, struct err *err) {
    struct gathering *g = ctx;
    struct identity_provider p;
    const struct store_object kept = { .name = o->name, .body = arena_str(g->arena, o->body) };
    /* Without its secret: the passwords in its configuration stay sealed. */
    enum err_code rc = resource_identity_provider(g->arena, NULL, &kept, &p, err);
    if (rc != ERR_OK)
        return err_context(err, "tenant \"%.*s\"", STR_FMT(o->name));
    /* A copy of one that the configuration has no more is only waiting for the daemon. */
    if (p.is_deleting || (p.from_configuration && !is_configured(g->options, p.id)))
        return ERR_OK;
    if (g->len == CAN_TENANTS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d tenants", CAN_TENANTS_MAX);
    g->items[g->len++] = (struct authz_tenant) { .id = p.id,
                                                 .administrators = p.administrators.items,
                                                 .administrator_count = p.administrators.len };
    return ERR_OK;
}

enum err_code can_store_tenants(struct store *s, struct arena *a, struct authz_options *options,
                                struct err *err) {
    struct gathering g = { .arena = a, .options = options };
    const struct store_query q = { .kind = str_of(kind_identity_provider.plural),
                                   .each = add_tenant,
                                   .ctx = &g };
    g.items = arena_array(a, CAN_TENANTS_MAX + options->tenant_count, sizeof *g.items);
    if (g.items == NULL)
        return err_set(err, ERR_NOMEM, "tenants");
    enum err_code rc = store_list(s, &q, NULL, err);
    size_t stored = g.len;
    for (size_t i = 0; rc == ERR_OK && i < options->tenant_count; i++) {
        bool known = false;
        for (size_t j = 0; j < stored && !known; j++)
            known = str_eq(g.items[j].id, options->tenants[i].id);
        if (!known)
            g.items[g.len++] = options->tenants[i];
    }
    if (rc != ERR_OK)
        return rc;
    options->tenants = g.items;
    options->tenant_count = g.len;
    return ERR_OK;
}
