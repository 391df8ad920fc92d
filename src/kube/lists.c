#include "kube/lists.h"

#include "kube/access.h"
#include "kube/print.h"
#include "kube/status.h"

enum { ITEMS_MAX = 20000, TEXT_MAX_BYTES = 64 * 1024 * 1024 };

enum err_code made_list_new(struct kube_request *kr, const struct kind *k, struct made_list *ret,
                            struct err *err) {
    *ret = (struct made_list) { kr, k, keep_json(kr, json_array()) };
    return ret->items != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "a list");
}

enum err_code made_list_add(struct made_list *l, json_t *object, int64_t revision, struct err *err) {
    if (json_array_size(l->items) == ITEMS_MAX) {
        json_decref(object);
        return refuse(&l->kr->refusal, 413, "RequestEntityTooLarge",
                      "the list has more than %d items; narrow it down", ITEMS_MAX);
    }
    json_t *pair = json_pack("[o, I]", object, (json_int_t)revision);
    return pair != NULL && json_array_append_new(l->items, pair) == 0 ? ERR_OK
                                                                      : err_set(err, ERR_NOMEM, "a list");
}

struct indexed {
    struct made_list *list;
    bool (*want)(void *ctx, const json_t *object);
    void *ctx;
};

static enum err_code add_indexed(void *ctx, const struct store_object *o, struct err *err) {
    struct indexed *i = ctx;
    json_t *object = NULL;
    enum err_code rc = json_parse(o->body, &object, err);
    if (rc != ERR_OK)
        return rc;
    if (access_sees(&i->list->kr->scope, i->list->kind, object) &&
        (i->want == NULL || i->want(i->ctx, object)))
        return made_list_add(i->list, object, o->revision, err);
    json_decref(object);
    return ERR_OK;
}

enum err_code made_list_add_indexed(struct made_list *l, struct str key,
                                    bool (*want)(void *ctx, const json_t *object), void *ctx,
                                    struct err *err) {
    struct indexed i = { l, want, ctx };
    const struct store_query q = {
        .kind = str_of(l->kind->plural), .key = key, .limit = ITEMS_MAX, .each = add_indexed, .ctx = &i
    };
    return store_list(l->kr->app->env->store, &q, NULL, err);
}

enum err_code made_list_answer(struct made_list *l, unsigned status, struct str token, struct err *err) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(TEXT_MAX_BYTES);
    struct printer p = printer_of(l->kr);
    int64_t revision = 0;
    enum err_code rc = store_revision(l->kr->app->env->store, &revision, err);
    p.kind = l->kind;
    printer_list_begin(&p, revision, token, &out);
    for (size_t i = 0; rc == ERR_OK && i < json_array_size(l->items); i++) {
        const json_t *pair = json_array_get(l->items, i);
        if (i > 0)
            strbuf_addc(&out, ',');
        rc = printer_object(&p, STR_NULL, json_array_get(pair, 0),
                            json_integer_value(json_array_get(pair, 1)), &out, err);
    }
    printer_list_end(&p, &out);
    return rc == ERR_OK ? answer_json(l->kr, status, &out, err) : rc;
}
