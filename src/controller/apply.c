#include "controller/apply.h"

#include <stdio.h>

enum { ATTEMPTS = 8 };

void apply_result_done(struct apply_result *r) {
    strbuf_done(&r->name);
    strbuf_done(&r->why);
    strbuf_done(&r->notes);
}

static json_t *string_of(struct str s) { return json_stringn(s.len ? s.ptr : "", s.len); }

/* ---- names ---- */

struct titles {
    const struct kind *kind;
    json_t *map;
};

static enum err_code note_title(void *ctx, const struct store_object *o, struct err *err) {
    struct titles *t = ctx;
    json_t *object = NULL;
    struct err ignored;
    (void)err;
    if (json_parse(o->body, &object, &ignored) != ERR_OK)
        return ERR_OK;
    struct str title = object_str_at(object, "spec.displayName");
    char key[512];
    bool usable = str_eq(object_str_at(object, "spec.type"), STR("default")) && !object_is_deleting(object) &&
                  title.len > 0 && title.len < sizeof key && memchr(title.ptr, 0, title.len) == NULL;
    if (usable) {
        (void)snprintf(key, sizeof key, "%.*s", STR_FMT(title));
        if (json_object_get(t->map, key) == NULL)
            (void)json_object_set_new(t->map, key, string_of(o->name));
    }
    json_decref(object);
    return ERR_OK;
}

enum err_code apply_titles(const struct resource_env *env, const struct kind *k, struct str tenant,
                           json_t **ret, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(4096);
    struct titles t = { k, json_object() };
    if (a == NULL || t.map == NULL) {
        json_decref(t.map);
        return err_set(err, ERR_NOMEM, "names of default data");
    }
    const struct store_query q = {
        .kind = str_of(k->plural), .key = index_tenant(a, tenant), .each = note_title, .ctx = &t
    };
    enum err_code rc = store_list(env->store, &q, NULL, err);
    if (rc != ERR_OK)
        json_decref(t.map);
    else
        *ret = t.map;
    return rc;
}

/* The name of the object the entry is about; empty: there is none yet, and it will get a name made for it. */
static void find_name(const struct apply *in, struct strbuf *out) {
    if (in->entry->name.len > 0) {
        list_expand(in->entry->name, in->tenant, out);
        return;
    }
    struct str title = object_str_at(in->entry->object, "spec.displayName");
    const json_t *known = title.len > 0 ? json_object_getn(in->by_title, title.ptr, title.len) : NULL;
    strbuf_adds(out, json_string_value(known));
}

/* ---- what the object is to say ---- */

static bool exists(const struct apply *in, const struct kind *k, struct str name) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(4 * STORE_OBJECT_MAX);
    struct store_object o;
    struct err ignored;
    return a == NULL || store_get(in->env->store, a, str_of(k->plural), name, &o, &ignored) != ERR_NOT_FOUND;
}

/* Policies of a role by their names; those that are not there are left out here, as the store would on every attempt anew. */
static json_t *references(const struct apply *in, const json_t *given, struct strbuf *notes) {
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(given); i++) {
        AUTO(strbuf_done) struct strbuf name = STRBUF(2 * RESOURCE_NAME_MAX);
        const char *text = json_string_value(json_array_get(given, i));
        list_expand(str_of(text), in->tenant, &name);
        if (text == NULL || name.failed || !exists(in, &kind_policy, strbuf_str(&name)))
            strbuf_addf(notes, "%sthere is no policy \"%s\"", notes->len ? "; " : "", strbuf_c(&name));
        else
            (void)json_array_append_new(list, string_of(strbuf_str(&name)));
    }
    return list;
}

static json_t *spec_for(const struct apply *in, struct strbuf *notes) {
    const struct kind *k = in->kind;
    const json_t *given = json_object_get(in->entry->object, k->spec_key);
    json_t *spec = json_deep_copy(given != NULL ? given : json_object_get(in->entry->object, "spec"));
    if (k->tenancy == TENANCY_SPEC) {
        (void)json_object_set_new(spec, "tenantID", string_of(in->tenant));
        (void)json_object_set_new(spec, "username", json_string("admin"));
    }
    if (k == &kind_policy)
        (void)json_object_set_new(spec, "type", json_string("default"));
    if (k == &kind_role)
        (void)json_object_set_new(spec, "policies", references(in, json_object_get(spec, "policies"), notes));
    return spec;
}

static json_t *object_for(const struct apply *in, const json_t *old, struct str name, struct strbuf *notes) {
    json_t *object = json_object(),
           *metadata = old != NULL ? json_deep_copy(object_metadata(old)) : json_object();
    if (old == NULL && name.len > 0)
        (void)json_object_set_new(metadata, "name", string_of(name));
    (void)json_object_set_new(object, "metadata", metadata);
    (void)json_object_set_new(object, in->kind->spec_key, spec_for(in, notes));
    return object;
}

/* ---- writing ---- */

struct attempt {
    const struct apply *in;
    struct arena *arena;
    struct apply_result *result;
    struct refusal refusal;
    bool again; /* somebody else was faster */
};

static enum err_code leave_out(struct attempt *x, const char *fmt, ...) PRINTF(2, 3);
static enum err_code leave_out(struct attempt *x, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    strbuf_adds(&x->result->why, text);
    x->result->outcome = APPLY_LEFT_OUT;
    return ERR_OK;
}

/* What a refused write means. */
static enum err_code judge(struct attempt *x, enum err_code rc, struct err *err) {
    const struct refusal *r = &x->refusal;
    if (rc == ERR_OK || r->status == 0 || r->status == 503)
        return rc;
    if (r->status == 409 || r->status == 404) {
        x->again = true;
        return err_set(err, rc, "%s", r->message);
    }
    return leave_out(x, "%s", r->message);
}

static void note_warnings(struct attempt *x) {
    struct strbuf *notes = &x->result->notes;
    for (size_t i = 0; i < x->refusal.warning_count; i++)
        strbuf_addf(notes, "%s%s", notes->len ? "; " : "", x->refusal.warnings[i]);
}

static enum err_code create(struct attempt *x, struct str name, struct err *err) {
    const struct resource_options o = { 0 };
    json_t *given = object_for(x->in, NULL, name, &x->result->notes), *made = NULL;
    int64_t revision;
    enum err_code rc = resource_create(x->in->env, x->in->kind, x->arena, given, &o, &made, &revision,
                                       &x->refusal, err);
    if (rc == ERR_OK) {
        x->result->outcome = APPLY_CREATED;
        strbuf_clear(&x->result->name);
        strbuf_add(&x->result->name, object_name(made));
    }
    json_decref(made);
    json_decref(given);
    return judge(x, rc, err);
}

static enum err_code update(struct attempt *x, const struct store_object *there, const json_t *old,
                            struct err *err) {
    const struct resource_options o = { 0 };
    const struct kind *k = x->in->kind;
    json_t *given = object_for(x->in, old, there->name, &x->result->notes), *made = NULL;
    int64_t revision = 0;
    bool removed = false;
    enum err_code rc = resource_update(x->in->env, k, x->arena, there->name, given, there->revision, &o,
                                       &made, &revision, &removed, &x->refusal, err);
    if (rc == ERR_OK)
        x->result->outcome = revision == there->revision ? APPLY_SAME : APPLY_UPDATED;
    json_decref(made);
    json_decref(given);
    return judge(x, rc, err);
}

static enum err_code bring_in(struct attempt *x, struct err *err) {
    const struct apply *in = x->in;
    struct str name = strbuf_str(&x->result->name);
    struct store_object there;
    json_t *old = NULL;
    if (name.len == 0)
        return create(x, name, err);
    enum err_code rc = store_get(in->env->store, x->arena, str_of(in->kind->plural), name, &there, err);
    if (rc == ERR_NOT_FOUND)
        return create(x, name, err);
    if (rc == ERR_OK)
        rc = json_parse(there.body, &old, err);
    if (rc == ERR_INVALID)
        return leave_out(x, "the stored object cannot be read: %s", err->detail);
    if (rc != ERR_OK)
        return rc;
    if (object_is_deleting(old))
        x->result->outcome = APPLY_SAME; /* it comes again once it is gone */
    else if (in->kind->tenancy == TENANCY_SPEC && !str_eq(object_tenant(in->kind, old), in->tenant))
        /* Its subjects would be given what the entry says. */
        rc = leave_out(x, "the name is taken by an object of %s%.*s",
                       object_tenant(in->kind, old).len ? "the tenant " : "the platform",
                       STR_FMT(object_tenant(in->kind, old)));
    else
        rc = update(x, &there, old, err);
    json_decref(old);
    return rc;
}

enum err_code apply_entry(const struct apply *in, struct apply_result *ret, struct err *err) {
    enum err_code rc = ERR_OK;
    AUTO_FREE(arena_free) struct arena *a = arena_new(PIECE_MEMORY_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "default data");
    for (int i = 0; i < ATTEMPTS; i++) {
        struct attempt x = { .in = in, .arena = a, .result = ret, .refusal = { .arena = a } };
        ret->outcome = APPLY_SAME;
        strbuf_clear(&ret->name);
        strbuf_clear(&ret->why);
        strbuf_clear(&ret->notes);
        find_name(in, &ret->name);
        rc = bring_in(&x, err);
        if (x.again)
            continue;
        note_warnings(&x);
        return rc;
    }
    return rc;
}
