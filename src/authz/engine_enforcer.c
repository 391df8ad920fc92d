#include "authz/engine_enforcer.h"

#include <stdlib.h>

#include "enforcer/enforcer.h"

enum { PERMISSIONS_MAX = 200 };

struct engine_enforcer {
    struct enforcer *enforcer;
    bool owned;
};
/* What an acquire hands out is the snapshot itself: no allocation on the way. */

static struct enforcer_str to_enforcer(struct str s) { return (struct enforcer_str) { s.ptr, s.len }; }
static struct str from_enforcer(struct enforcer_str s) { return (struct str) { s.ptr, s.len }; }

static enum err_code fail(struct err *err, enum enforcer_status status, const struct enforcer_error *why) {
    enum err_code code = ERR_INTERNAL;
    switch (status) {
    case ENFORCER_OK: return ERR_OK;
    case ENFORCER_NOMEM: code = ERR_NOMEM; break;
    case ENFORCER_LIMIT: code = ERR_LIMIT; break;
    case ENFORCER_INVALID:
    case ENFORCER_EVAL: code = ERR_INVALID; break;
    case ENFORCER_NOT_FOUND: code = ERR_NOT_FOUND; break;
    }
    if (why->line != 0)
        return err_set(err, code, "line %d, column %d: %s", why->line, why->column, why->text);
    return err_set(err, code, "%s", why->text[0] ? why->text : enforcer_status_name(status));
}

static const void *acquire(void *impl) {
    const struct engine_enforcer *e = impl;
    return enforcer_acquire(e->enforcer);
}

static void release(void *impl, const void *version) {
    const struct engine_enforcer *e = impl;
    enforcer_release(e->enforcer, version);
}

static enum err_code to_request(struct arena *a, const struct engine_question *q,
                                struct enforcer_tke_request *ret, struct err *err) {
    struct enforcer_str *also = arena_array(a, q->also_count + 1, sizeof *also);
    if (also == NULL)
        return err_set(err, ERR_NOMEM, "%zu subjects", q->also_count);
    for (size_t i = 0; i < q->also_count; i++)
        also[i] = to_enforcer(q->also[i]);
    *ret = (struct enforcer_tke_request) { .sub = to_enforcer(q->subject),
                                           .dom = to_enforcer(q->domain),
                                           .obj = to_enforcer(q->resource),
                                           .act = to_enforcer(q->action),
                                           .subjects = also,
                                           .subjects_len = q->also_count };
    return ERR_OK;
}

static enum engine_verdict to_verdict(enum enforcer_outcome outcome) {
    switch (outcome) {
    case ENFORCER_ALLOW: return ENGINE_ALLOW;
    case ENFORCER_DENY: return ENGINE_DENY;
    case ENFORCER_NO_MATCH: break;
    }
    return ENGINE_NO_MATCH;
}

static enum err_code enforce(const void *version, struct arena *a, const struct engine_question *q,
                             enum engine_verdict *ret, struct err *err) {
    struct enforcer_tke_request request;
    struct enforcer_result result;
    struct enforcer_error why = { 0 };
    *ret = ENGINE_NO_MATCH;
    enum err_code rc = to_request(a, q, &request, err);
    if (rc != ERR_OK)
        return rc;
    enum enforcer_status status = enforcer_enforce_tke(version, &request, &result, &why);
    if (status != ENFORCER_OK)
        return fail(err, status, &why);
    *ret = to_verdict(result.outcome);
    return ERR_OK;
}

/* ---- explanations ---- */

static struct str rule_text(struct arena *a, const struct enforcer_rule *rule) {
    if (rule == NULL)
        return STR_NULL;
    size_t len = enforcer_rule_print(rule, NULL, 0);
    char *text = arena_alloc(a, len + 1);
    if (text == NULL)
        return STR_NULL;
    (void)enforcer_rule_print(rule, text, len + 1);
    return (struct str) { text, len };
}

static void copy_near(struct arena *a, const struct enforcer_explanation *x, struct authz_explanation *ret) {
    struct authz_near_miss *near = arena_array(a, x->near_len + 1, sizeof *near);
    for (size_t i = 0; near != NULL && i < x->near_len; i++)
        near[i] = (struct authz_near_miss) { .rule = rule_text(a, x->near[i].rule),
                                             .failed = arena_str(a, from_enforcer(x->near[i].failed)),
                                             .clauses_true = x->near[i].clauses_true,
                                             .clauses = x->near[i].clauses };
    ret->near = near;
    ret->near_count = x->near_len;
}

static enum err_code explain(const void *version, struct arena *a, const struct engine_question *q,
                             size_t near_max, struct authz_explanation *ret, struct err *err) {
    struct enforcer_tke_request request;
    struct enforcer_explanation *x = NULL;
    struct enforcer_error why = { 0 };
    enum err_code rc = to_request(a, q, &request, err);
    if (rc != ERR_OK)
        return rc;
    enum enforcer_status status = enforcer_explain_tke(version, &request, near_max, &x, &why);
    if (status != ENFORCER_OK)
        return fail(err, status, &why);
    struct str *path = arena_array(a, x->path_len + 1, sizeof *path);
    for (size_t i = 0; path != NULL && i < x->path_len; i++)
        path[i] = rule_text(a, x->path[i]);
    ret->rule = rule_text(a, x->result.rule);
    ret->path = path;
    ret->path_count = x->path_len;
    copy_near(a, x, ret);
    enforcer_explanation_free(x);
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "an explanation") : ERR_OK;
}

/* ---- what a subject may do, for the debug reason ---- */

struct listing {
    struct strbuf *out;
    size_t count;
};

static bool add_permission(void *ctx, const struct enforcer_rule *rule) {
    struct listing *l = ctx;
    strbuf_addc(l->out, l->count == 0 ? '[' : ',');
    strbuf_addc(l->out, '[');
    for (size_t i = 0; i < enforcer_rule_len(rule); i++) {
        if (i != 0)
            strbuf_addc(l->out, ',');
        json_add_string(l->out, from_enforcer(enforcer_rule_field(rule, i)));
    }
    strbuf_addc(l->out, ']');
    return ++l->count < PERMISSIONS_MAX && !l->out->failed;
}

static void permissions(const void *version, const struct engine_question *q, struct strbuf *out) {
    struct listing l = { out, 0 };
    struct enforcer_str domain = to_enforcer(q->domain);
    struct enforcer_error why = { 0 };
    if (enforcer_implicit_permissions(version, to_enforcer(q->subject), &domain, add_permission, &l, &why) !=
        ENFORCER_OK)
        out->failed = true;
    strbuf_adds(out, l.count == 0 ? "[]" : "]");
}

static void free_engine(void *impl) {
    struct engine_enforcer *e = impl;
    if (e == NULL)
        return;
    if (e->owned)
        enforcer_free(e->enforcer);
    free(e);
}

static const struct engine_ops enforcer_ops = {
    .acquire = acquire,
    .release = release,
    .enforce = enforce,
    .explain = explain,
    .permissions = permissions,
    .free = free_engine,
};

/* ---- loading ---- */

static enum err_code read_model(const char *path, struct strbuf *out, struct err *err) {
    if (path != NULL)
        return file_read(path, MODEL_FILE_MAX, out, err);
    strbuf_adds(out, enforcer_tke_model());
    return strbuf_check(out, err);
}

enum err_code authz_enforcer_new(const char *path, const struct random *random, struct enforcer **ret,
                                 struct err *err) {
    struct enforcer_options settings = { .flags = ENFORCER_DIALECT_TKE | ENFORCER_TKE_EXPAND };
    struct enforcer_error why = { 0 };
    AUTO(strbuf_done) struct strbuf model = STRBUF(MODEL_FILE_MAX);
    enum err_code rc = read_model(path, &model, err);
    if (rc != ERR_OK)
        return err_context(err, "%s", path == NULL ? "the model" : path);
    random_bytes(random, settings.hash_key, sizeof settings.hash_key);
    struct enforcer *e = enforcer_new(model.ptr, model.len, &settings, &why);
    if (e == NULL) {
        (void)fail(err, ENFORCER_INVALID, &why);
        return err_context(err, "%s", path == NULL ? "the model" : path);
    }
    *ret = e;
    return ERR_OK;
}

enum err_code authz_enforcer_load(struct enforcer *e, const char *path, struct err *err) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(POLICY_FILE_MAX);
    struct enforcer_error why = { 0 };
    enum err_code rc = file_read(path, POLICY_FILE_MAX, &text, err);
    if (rc == ERR_OK)
        rc = fail(err, enforcer_load_csv(e, strbuf_c(&text), text.len, NULL, &why), &why);
    return rc == ERR_OK ? rc : err_context(err, "%s", path);
}

enum err_code engine_enforcer_load(const struct authz_options *options, struct engine *ret, struct err *err) {
    struct engine_enforcer *e = calloc(1, sizeof *e);
    if (e == NULL)
        return err_set(err, ERR_NOMEM, "the rules");
    e->owned = options->enforcer == NULL;
    e->enforcer = options->enforcer;
    enum err_code rc = e->owned ? authz_enforcer_new(options->files.model, options->random, &e->enforcer, err)
                                : ERR_OK;
    if (rc == ERR_OK && e->owned && options->files.policy != NULL)
        rc = authz_enforcer_load(e->enforcer, options->files.policy, err);
    if (rc != ERR_OK) {
        if (e->owned && e->enforcer != NULL)
            enforcer_free(e->enforcer);
        free(e);
        return rc;
    }
    *ret = (struct engine) { &enforcer_ops, e };
    return ERR_OK;
}

enum err_code authz_new(const struct authz_options *options, struct authz **ret, struct err *err) {
    return authz_new_with(options, engine_enforcer_load, ret, err);
}
