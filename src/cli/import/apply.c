/* Object after object into the store. */
#include "cli/import/import.h"

#include <stdlib.h>

enum { DIFFERENCES_MAX = 512, RETRIES = 5, WHY_MAX = 3000 };

static const struct resource_options written = { .trusted = true,
                                                 .manager = { "tke-auth-import", 15 },
                                                 .operation = { "Update", 6 } };
static const struct resource_options tried = { .trusted = true, .dry_run = true };

/* ---- the order ---- */

static size_t rank(const struct kind *k) {
    const struct kind *const order[] = {
        &kind_identity_provider,     &kind_api_signing_key, &kind_category, &kind_local_identity,
        &kind_local_group,           &kind_policy,          &kind_role,     &kind_project_policy_binding,
        &kind_custom_policy_binding, &kind_api_key,         &kind_client,   &kind_config_map
    };
    size_t i = 0;
    while (i < ARRAY_LEN(order) && order[i] != k)
        i++;
    return i;
}

static int by_rank(const void *a, const void *b) {
    const struct import_item *x = a, *y = b;
    size_t rx = rank(x->kind), ry = rank(y->kind);
    if (rx != ry)
        return rx < ry ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* ---- refusals ---- */

static const char *refusal_text(struct import *m, const struct refusal *r, const struct err *err) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(WHY_MAX);
    for (size_t i = 0; i < r->cause_count; i++)
        strbuf_addf(&text, "%s%s: %s", i ? "; " : "", r->causes[i].field, r->causes[i].message);
    if (r->cause_count == 0)
        strbuf_adds(&text, r->status != 0 ? r->message : err->detail);
    const char *copy = arena_strdup(m->arena, strbuf_str(&text));
    return copy != NULL ? copy : "out of memory";
}

/* The object is at fault, not the store: the others may still be taken. */
static bool is_its_own_fault(enum err_code rc, const struct refusal *r) {
    return r->status != 0 || rc == ERR_INVALID || rc == ERR_LIMIT || rc == ERR_EXISTS || rc == ERR_CONFLICT;
}

static enum err_code take_refusal(struct import *m, struct import_item *i, enum err_code rc,
                                  const struct refusal *r, const struct err *err) {
    if (!is_its_own_fault(rc, r))
        return rc;
    import_refuse(m, i, "%s", refusal_text(m, r, err));
    return ERR_OK;
}

static void take_warnings(struct import *m, struct import_item *i, const struct refusal *r) {
    for (size_t n = 0; n < r->warning_count; n++)
        import_note(m, i, "%s", r->warnings[n]);
}

/* ---- creating ---- */

static enum err_code create(struct import *m, struct import_item *i, bool *ret_exists, struct err *err) {
    struct refusal r = { .arena = m->scratch };
    json_t *object = NULL;
    int64_t revision;
    enum err_code rc = resource_create(m->env, i->kind, m->scratch, i->object, &written, &object, &revision,
                                       &r, err);
    json_decref(object);
    *ret_exists = r.status == 409 && strcmp(r.reason, "AlreadyExists") == 0;
    if (*ret_exists)
        return ERR_OK;
    if (rc != ERR_OK)
        return take_refusal(m, i, rc, &r, err);
    take_warnings(m, i, &r);
    i->outcome = IMPORT_CREATED;
    return ERR_OK;
}

/* ---- comparing and changing ---- */

struct change {
    struct store_object stored;
    json_t *before, *given; /* owned */
    const char *secret;     /* the one that differs; NULL */
    struct strbuf differences;
};

static void change_done(struct change *c) {
    json_decref(c->before);
    json_decref(c->given);
    strbuf_done(&c->differences);
}

static enum err_code update(struct import *m, struct import_item *i, const struct change *c,
                            const struct resource_options *o, json_t **ret, struct refusal *r,
                            struct err *err) {
    int64_t revision;
    bool removed;
    return resource_update(m->env, i->kind, m->scratch, i->name, c->given, c->stored.revision, o, ret,
                           &revision, &removed, r, err);
}

/* Somebody was faster: the daemon, for one, writes a better hash at a login. */
static bool is_overtaken(const struct refusal *r) { return r->status == 409 || r->status == 404; }

static bool is_listed(struct str list, const char *name) {
    struct str one;
    while (str_next(&list, ',', &one))
        if (str_eq(str_trim(one), str_of(name)))
            return true;
    return false;
}

/* What would be stored, beside what is. */
static enum err_code find_differences(struct import *m, struct import_item *i, struct change *c,
                                      bool *ret_again, struct err *err) {
    struct refusal r = { .arena = m->scratch };
    json_t *next = NULL;
    enum err_code rc = json_parse(c->stored.body, &c->before, err);
    if (rc == ERR_OK) {
        c->given = import_merge(i->kind, c->before, i->object);
        rc = c->given != NULL ? import_compare_secret(m, i, &c->stored, c->given, &c->secret, err)
                              : err_set(err, ERR_NOMEM, "an object");
    }
    if (rc != ERR_OK || i->outcome != IMPORT_PENDING)
        return rc;
    rc = update(m, i, c, &tried, &next, &r, err);
    *ret_again = is_overtaken(&r);
    if (rc != ERR_OK)
        return *ret_again ? ERR_OK : take_refusal(m, i, rc, &r, err);
    import_differences(i->kind, c->before, next, &c->differences);
    json_decref(next);
    if (c->secret != NULL && !is_listed(strbuf_str(&c->differences), c->secret))
        strbuf_addf(&c->differences, "%s%s", c->differences.len > 0 ? ", " : "", c->secret);
    return ERR_OK;
}

static enum err_code overwrite(struct import *m, struct import_item *i, struct change *c, bool *ret_again,
                               struct err *err) {
    struct refusal r = { .arena = m->scratch };
    json_t *object = NULL;
    enum err_code rc = update(m, i, c, &written, &object, &r, err);
    json_decref(object);
    *ret_again = is_overtaken(&r);
    if (*ret_again)
        return ERR_OK;
    if (rc != ERR_OK)
        return take_refusal(m, i, rc, &r, err);
    take_warnings(m, i, &r);
    i->outcome = IMPORT_CHANGED;
    return ERR_OK;
}

static enum err_code compare(struct import *m, struct import_item *i, const struct store_object *stored,
                             bool *ret_again, struct err *err) {
    AUTO(change_done) struct change c = { .stored = *stored, .differences = STRBUF(DIFFERENCES_MAX) };
    enum err_code rc = find_differences(m, i, &c, ret_again, err);
    if (rc != ERR_OK || *ret_again || i->outcome != IMPORT_PENDING)
        return rc;
    if (c.differences.len == 0) {
        i->outcome = IMPORT_SAME;
        return ERR_OK;
    }
    if (object_is_deleting(c.before)) {
        import_refuse(m, i, "one of this name is being deleted here");
        return ERR_OK;
    }
    i->why = arena_strdup(m->arena, strbuf_str(&c.differences));
    if (m->o->overwrite)
        return overwrite(m, i, &c, ret_again, err);
    i->outcome = IMPORT_CONFLICT;
    return ERR_OK;
}

/* ---- one object ---- */

static enum err_code apply_once(struct import *m, struct import_item *i, bool *ret_again, struct err *err) {
    struct store_object stored;
    *ret_again = false;
    arena_reset(m->scratch);
    if (i->kind == &kind_api_key) {
        enum err_code rc = import_judge_api_key(m, i, err);
        if (rc != ERR_OK || i->outcome != IMPORT_PENDING)
            return rc;
    }
    enum err_code rc = store_get_whole(m->env->store, m->scratch, str_of(i->kind->plural), i->name, &stored,
                                       err);
    if (rc == ERR_NOT_FOUND)
        return create(m, i, ret_again, err);
    if (rc == ERR_INVALID || rc == ERR_LIMIT) {
        import_refuse(m, i, "%s", err->detail);
        return ERR_OK;
    }
    return rc == ERR_OK ? compare(m, i, &stored, ret_again, err) : rc;
}

static enum err_code note_tenant(struct import *m, const struct import_item *i, struct err *err) {
    struct str tenant = i->kind != NULL && i->kind->tenancy == TENANCY_SPEC
                            ? object_tenant(i->kind, i->object)
                            : STR_NULL;
    bool is_here = i->outcome != IMPORT_LEFT_OUT && i->outcome != IMPORT_NOT_TAKEN;
    return is_here && tenant.len > 0 ? map_put(&m->tenants, tenant, m, NULL, err) : ERR_OK;
}

static enum err_code apply_one(struct import *m, struct import_item *i, struct err *err) {
    bool again = i->outcome == IMPORT_PENDING;
    for (int n = 0; again && n < RETRIES; n++) {
        enum err_code rc = apply_once(m, i, &again, err);
        if (rc != ERR_OK)
            return err_context(err, "%s %.*s", i->kind_name, STR_FMT(i->name));
    }
    import_refuse(m, i, "others keep changing it"); /* unless it is decided */
    return note_tenant(m, i, err);
}

enum err_code import_apply(struct import *m, struct err *err) {
    for (size_t i = 0; i < m->len; i++)
        m->items[i].position = i;
    if (m->len > 1)
        qsort(m->items, m->len, sizeof *m->items, by_rank);
    for (size_t i = 0; i < m->len; i++) {
        struct import_item *item = &m->items[i];
        enum err_code rc = apply_one(m, item, err);
        if (rc != ERR_OK)
            return rc;
        m->counts[item->outcome]++;
        import_report_item(m, item);
        import_report_progress(m, i + 1);
        json_decref(item->object); /* secrets are not kept longer than they are needed */
        item->object = NULL;
    }
    return ERR_OK;
}
