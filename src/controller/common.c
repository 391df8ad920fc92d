#include "controller/internal.h"

void pause_note(struct pause *p, int64_t now, int64_t first, int64_t last) {
    int64_t wait = first;
    for (unsigned i = 0; i < p->failures && wait < last; i++)
        wait *= 2;
    p->failures++;
    p->until = now + earlier(wait, last);
}

bool failure_is_general(enum err_code rc) { return rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT; }

bool revision_moved(struct revision_mark *m, struct store *s, const struct kind *k) {
    struct err ignored;
    int64_t now = 0;
    if (store_kind_revision(s, str_of(k->plural), &now, &ignored) != ERR_OK) {
        m->looked = false;
        return true;
    }
    bool moved = !m->looked || now != m->seen;
    *m = (struct revision_mark) { .seen = now, .looked = true };
    return moved;
}

struct visiting {
    const struct resource_env *env;
    tenant_each_fn *each;
    void *ctx;
};

static enum err_code visit_tenant(void *ctx, const struct store_object *o, struct err *err) {
    struct visiting *v = ctx;
    json_t *object = NULL;
    struct err why;
    if (json_parse(o->body, &object, &why) != ERR_OK) {
        log_error_err(v->env->log, NULL, "tenant_unreadable", &why, KV("tenant", o->name));
        return ERR_OK;
    }
    const struct tenant_view view = { o->name, object, object_is_deleting(object) };
    enum err_code rc = v->each(v->ctx, &view, err);
    json_decref(object);
    return rc;
}

enum err_code tenants_each(const struct resource_env *env, tenant_each_fn *each, void *ctx, struct err *err) {
    struct visiting v = { env, each, ctx };
    const struct store_query q = { .kind = str_of(kind_identity_provider.plural),
                                   .each = visit_tenant,
                                   .ctx = &v };
    return store_list(env->store, &q, NULL, err);
}

void tenant_label(struct str tenant, struct strbuf *out) {
    strbuf_adds(out, "tenant=\"");
    for (size_t i = 0; i < tenant.len; i++) {
        char c = tenant.ptr[i];
        if (c == '"' || c == '\\')
            strbuf_addc(out, '\\');
        strbuf_addc(out, c);
    }
    strbuf_addc(out, '"');
}
