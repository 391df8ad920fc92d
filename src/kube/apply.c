#include "kube/apply.h"

#include "kube/access.h"

/* What Kubernetes wants to know before it looks at anything. */
static enum err_code check_request(struct kube_request *kr, const json_t *applied) {
    struct str version = json_get_str(applied, "apiVersion"), kind = json_get_str(applied, "kind"),
               name = object_name(applied);
    if (request_query(kr, "fieldManager").len == 0)
        return refuse(&kr->refusal, 422, "Invalid",
                      "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required "
                      "for apply patch");
    if (!str_eq(version, STR(RESOURCE_API_VERSION)) || !str_eq(kind, str_of(kr->kind->kind)))
        return refuse(&kr->refusal, 400, "BadRequest",
                      "the configuration must have apiVersion " RESOURCE_API_VERSION " and kind %s",
                      kr->kind->kind);
    if (name.len > 0 && !str_eq(name, kr->name))
        return refuse(&kr->refusal, 400, "BadRequest",
                      "the name of the object (%.*s) does not match the name on the URL (%.*s)",
                      STR_FMT(str_sub(name, 0, 100)), STR_FMT(str_sub(kr->name, 0, 100)));
    return ERR_OK;
}

/* The object as it is; NULL: there is none. */
static enum err_code load_live(struct kube_request *kr, json_t **ret, int64_t *ret_revision,
                               struct err *err) {
    enum err_code rc = verb_load(kr, kr->kind, request_store_name(kr), ret, ret_revision, err);
    if (rc == ERR_OK || kr->refusal.status != 404 || kr->subresource.len > 0)
        return rc;
    kr->refusal = (struct refusal) { .arena = kr->arena };
    *ret = NULL;
    return ERR_OK;
}

/* The configuration names no version: what it was put onto does. */
static enum err_code write_applied(struct kube_request *kr, json_t *object, const json_t *live,
                                   int64_t revision, struct resource_options *o, struct err *err) {
    if (live == NULL)
        return verb_create_given(kr, object, o, err);
    return verb_update_given(kr, object, live, revision, o, err);
}

enum err_code verb_apply_once(struct kube_request *kr, const json_t *applied,
                              struct resource_options *options, struct err *err) {
    struct resource_options o = *options;
    json_t *live = NULL, *object = NULL, *named = keep_json(kr, json_deep_copy(applied));
    int64_t revision = 0;
    enum err_code rc = check_request(kr, applied);
    if (rc == ERR_OK && named == NULL)
        rc = err_set(err, ERR_NOMEM, "a configuration");
    if (rc == ERR_OK)
        rc = load_live(kr, &live, &revision, err);
    if (rc != ERR_OK)
        return rc;
    json_t *meta = json_object_get(named, "metadata");
    if (meta == NULL)
        (void)json_object_set_new(named, "metadata", meta = json_object());
    (void)json_object_set_new(meta, "name", json_stringn(kr->name.ptr, kr->name.len));
    struct str wanted = json_get_str(meta, "resourceVersion");
    int64_t version;
    if (wanted.len > 0 &&
        (live == NULL || parse_i64(wanted, 1, INT64_MAX, &version, err) != ERR_OK || version != revision))
        return refuse(&kr->refusal, 409, "Conflict",
                      "Operation cannot be fulfilled on %s." RESOURCE_GROUP
                      " \"%.*s\": the object has been modified; please apply your changes to the latest "
                      "version and try again",
                      kr->kind->plural, STR_FMT(str_sub(kr->name, 0, 300)));
    o.subresource = kr->subresource;
    rc = resource_apply(kr->app->env, kr->kind, kr->arena, live, named, request_query_flag(kr, "force"), &o,
                        &object, &kr->refusal, err);
    if (rc != ERR_OK)
        return rc;
    if (keep_json(kr, object) == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    o.keep_managed = true;
    o.operation = STR("Apply");
    return write_applied(kr, object, live, revision, &o, err);
}
