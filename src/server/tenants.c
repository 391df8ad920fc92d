#include "server/tenants.h"

#include <stdlib.h>

enum {
    TENANT_MEMORY_MAX = 8 * 1024 * 1024,
    TENANTS_MAX = 2 * RESOURCE_TENANTS_MAX, /* with those of the configuration */
    FINGERPRINT_TEXT_MAX = 4 * 1024 * 1024
};

struct tenant *tenant_ref(struct tenant *t) {
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tenant_unref(struct tenant *t) {
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (t->generation == NULL)
        connector_close(t->connector);
    generation_unref(t->generation);
    arena_free(t->arena);
    free(t);
}

void tenants_done(struct tenant_set *s) {
    for (size_t i = 0; i < s->len; i++)
        tenant_unref(s->items[i]);
    free(s->items);
    *s = (struct tenant_set) { 0 };
}

struct tenant *tenants_find_id(const struct tenant_set *s, struct str id) {
    size_t low = 0, high = s != NULL ? s->len : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(s->items[middle]->id, id);
        if (order == 0)
            return s->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- connectors ---- */

/* ERR_INVALID: the first problem is in err. */
static enum err_code open_connector(struct arena *a, const struct identity_provider *p,
                                    const struct connector_env *env, struct connector **ret,
                                    struct err *err) {
    AUTO(cfg_problems_done) struct cfg_problems problems = { 0 };
    const struct cfg_node *node = NULL;
    const struct connector_ops *ops = connector_type_find(p->type);
    if (ops == NULL)
        return err_set(err, ERR_INVALID, "there is no type \"%.*s\"", STR_FMT(p->type));
    const char *id = arena_strdup(a, p->id), *name = arena_strdup(a, p->name);
    enum err_code rc = id != NULL && name != NULL ? cfg_problems_init(&problems, err)
                                                  : err_set(err, ERR_NOMEM, "a tenant");
    if (rc == ERR_OK && p->config.len > 0)
        rc = cfg_parse(a, p->config, "config", &node, &problems, err);
    if (rc == ERR_OK)
        rc = connector_open(ops, id, name, node, a, env, &problems, ret, err);
    if (rc == ERR_INVALID && problems.len > 0)
        return err_set(err, ERR_INVALID, "%s%s%s", problems.items[0].path,
                       problems.items[0].path[0] ? ": " : "", problems.items[0].text);
    return rc;
}

const char *tenants_check_connector(struct arena *a, const struct connector_env *env, struct str type,
                                    struct str config) {
    AUTO_FREE(arena_free) struct arena *scratch = arena_new(TENANT_MEMORY_MAX);
    struct connector *c = NULL;
    struct err err = { 0 };
    if (scratch == NULL)
        return "out of memory";
    const struct identity_provider p = {
        .id = STR("check"), .name = STR("check"), .type = type, .config = config
    };
    if (open_connector(scratch, &p, env, &c, &err) == ERR_OK) {
        connector_close(c);
        return NULL;
    }
    const char *text = arena_strdup(a, str_of(err.detail));
    return text != NULL ? text : "out of memory";
}

static struct connector *of_generation(const struct generation *g, struct str id) {
    for (size_t i = 0; i < g->connector_count; i++)
        if (str_eq(str_of(g->connectors[i]->id), id))
            return g->connectors[i];
    return NULL;
}

/* ---- loading ---- */

struct loading {
    const struct keyring *keyring;
    struct generation *generation;
    const struct connector_env *env;
    const struct tenant_set *before;
    struct tenant_set set;
    size_t cap;
};

static enum err_code append(struct loading *l, struct tenant *t, struct err *err) {
    if (l->set.len == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        if (cap > TENANTS_MAX)
            cap = TENANTS_MAX;
        struct tenant **grown = l->set.len < cap ? reallocarray(l->set.items, cap, sizeof(struct tenant *))
                                                 : NULL;
        if (grown == NULL) {
            tenant_unref(t);
            return err_set(err, ERR_LIMIT, "more than %d tenants, or out of memory", TENANTS_MAX);
        }
        l->set.items = grown;
        l->cap = cap;
    }
    l->set.items[l->set.len++] = t;
    return ERR_OK;
}

static struct tenant *tenant_new(struct arena *a, const struct identity_provider *p) {
    struct tenant *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    atomic_init(&t->refs, 1);
    t->arena = a;
    t->id = arena_str(a, p->id);
    struct str_list administrators = str_list_copy(a, &p->administrators);
    t->administrators = administrators.items;
    t->administrator_count = administrators.len;
    return t;
}

static void open_for(struct loading *l, struct tenant *t, const struct identity_provider *p) {
    struct err err = { 0 };
    struct connector *of_config = of_generation(l->generation, p->id);
    if (of_config != NULL) {
        t->connector = of_config;
        t->generation = generation_ref(l->generation);
        return;
    }
    if (p->from_configuration) /* taken out of the file just now: the mirror goes, too */
        return;
    if (open_connector(t->arena, p, l->env, &t->connector, &err) != ERR_OK)
        log_error_err(l->env->log, NULL, "tenant_unusable", &err, KV("tenant", p->id));
}

static void add_part(struct strbuf *text, struct str part) {
    strbuf_addf(text, "%zu:", part.len);
    strbuf_add(text, part);
}

/* Everything but the status: how a directory is doing is no reason to leave it. */
static enum err_code fingerprint(const struct identity_provider *p, unsigned char ret[SHA256_SIZE],
                                 struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(FINGERPRINT_TEXT_MAX);
    add_part(&text, p->name);
    add_part(&text, p->type);
    add_part(&text, p->config);
    for (size_t i = 0; i < p->administrators.len; i++)
        add_part(&text, p->administrators.items[i]);
    sha256(strbuf_str(&text), ret);
    return strbuf_check(&text, err);
}

/* The same as before, and as much of the configuration as before: its connector goes on. */
static struct tenant *unchanged(const struct loading *l, struct str id,
                                const unsigned char print[SHA256_SIZE]) {
    struct tenant *t = tenants_find_id(l->before, id);
    if (t == NULL || memcmp(t->fingerprint, print, SHA256_SIZE) != 0 ||
        (t->generation != NULL && t->generation != l->generation) ||
        (t->generation == NULL && of_generation(l->generation, id) != NULL) || t->connector == NULL)
        return NULL;
    return tenant_ref(t);
}

static enum err_code load_one(void *ctx, const struct store_object *o, struct err *err) {
    struct loading *l = ctx;
    struct identity_provider p;
    struct err problem = { 0 };
    unsigned char print[SHA256_SIZE];
    AUTO_FREE(arena_free) struct arena *a = arena_new(TENANT_MEMORY_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a tenant");
    if (resource_identity_provider(a, l->keyring, o, &p, &problem) != ERR_OK) {
        log_error_err(l->env->log, NULL, "tenant_unusable", &problem, KV("tenant", o->name));
        return ERR_OK;
    }
    if (p.is_deleting)
        return ERR_OK;
    enum err_code rc = fingerprint(&p, print, err);
    if (rc != ERR_OK)
        return rc;
    struct tenant *t = unchanged(l, p.id, print);
    if (t != NULL)
        return append(l, t, err);
    t = tenant_new(a, &p);
    if (t == NULL || arena_failed(a)) {
        free(t);
        return err_set(err, ERR_NOMEM, "a tenant");
    }
    (void)STEAL(a); /* the tenant's now */
    memcpy(t->fingerprint, print, sizeof print);
    open_for(l, t, &p);
    return append(l, t, err);
}

static struct str_list strings(struct arena *a, const struct cfg_strings *from) {
    struct str_list list = { .items = arena_array(a, (from != NULL ? from->len : 0) + 1,
                                                  sizeof(struct str)) };
    for (size_t i = 0; list.items != NULL && from != NULL && i < from->len; i++)
        list.items[list.len++] = str_of(from->items[i]);
    return list;
}

/* Tenants of the configuration that have no object, as their mirror could not be written. */
static enum err_code add_missing(struct loading *l, struct err *err) {
    enum err_code rc = ERR_OK;
    size_t stored = l->set.len;
    for (size_t i = 0; rc == ERR_OK && i < l->generation->connector_count; i++) {
        const char *name = l->generation->connectors[i]->id;
        struct str id = str_of(name);
        const struct tenant_set known = { l->set.items, stored };
        if (tenants_find_id(&known, id) != NULL)
            continue;
        struct arena *a = arena_new(TENANT_MEMORY_MAX);
        struct identity_provider p = { .id = id };
        if (a != NULL)
            p.administrators = strings(a, generation_tenant(l->generation, name).administrators);
        struct tenant *t = a != NULL ? tenant_new(a, &p) : NULL;
        if (t == NULL || arena_failed(a)) {
            free(t);
            arena_free(a);
            return err_set(err, ERR_NOMEM, "a tenant");
        }
        open_for(l, t, &p);
        rc = append(l, t, err);
    }
    return rc;
}

static int by_id(const void *a, const void *b) {
    const struct tenant *const *x = a, *const *y = b;
    return str_cmp((*x)->id, (*y)->id);
}

enum err_code tenants_load(struct store *store, const struct keyring *keyring, struct generation *g,
                           const struct connector_env *env, const struct tenant_set *before,
                           struct tenant_set *ret, struct err *err) {
    struct loading l = { .keyring = keyring, .generation = g, .env = env, .before = before };
    const struct store_query q = {
        .kind = str_of(kind_identity_provider.plural), .each = load_one, .ctx = &l, .with_secret = true
    };
    enum err_code rc = store_list(store, &q, NULL, err);
    if (rc == ERR_OK)
        rc = add_missing(&l, err);
    if (rc != ERR_OK) {
        tenants_done(&l.set);
        return rc;
    }
    if (l.set.len > 1)
        qsort(l.set.items, l.set.len, sizeof(struct tenant *), by_id);
    *ret = l.set;
    return ERR_OK;
}
