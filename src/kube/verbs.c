#include "kube/verbs.h"

#include "kube/access.h"
#include "kube/apply.h"
#include "kube/bindings.h"
#include "kube/list.h"
#include "kube/patch.h"
#include "kube/people.h"
#include "kube/print.h"
#include "kube/status.h"
#include "kube/subjects.h"

enum { CONFLICT_RETRIES = 5, MANAGER_MAX = 128 };

/* ---- common ---- */

enum err_code verb_load(struct kube_request *kr, const struct kind *k, struct str store_name, json_t **ret,
                        int64_t *ret_revision, struct err *err) {
    struct store_object o;
    json_t *object = NULL;
    enum err_code rc = store_get(kr->app->env->store, kr->arena, str_of(k->plural), store_name, &o, err);
    if (rc == ERR_NOT_FOUND || rc == ERR_INVALID)
        return access_hide(kr, k, kr->name);
    if (rc == ERR_OK)
        rc = json_parse(o.body, &object, err);
    if (rc != ERR_OK)
        return rc;
    if (keep_json(kr, object) == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    if (!access_sees(&kr->scope, k, object))
        return access_hide(kr, k, kr->name);
    *ret = object;
    *ret_revision = o.revision;
    return ERR_OK;
}

enum err_code verb_options(struct kube_request *kr, struct resource_options *ret) {
    struct str manager = request_query(kr, "fieldManager"), validation = request_query(kr, "fieldValidation");
    enum err_code rc = request_dry_run(kr, &ret->dry_run);
    if (rc != ERR_OK)
        return rc;
    if (manager.len > MANAGER_MAX || str_has_control(manager) || !str_is_utf8(manager))
        return refuse(&kr->refusal, 400, "BadRequest", "fieldManager: must have at most %d printable bytes",
                      MANAGER_MAX);
    if (validation.len > 0 && !str_eq(validation, STR("Strict")) && !str_eq(validation, STR("Warn")) &&
        !str_eq(validation, STR("Ignore")))
        return refuse(&kr->refusal, 400, "BadRequest", "fieldValidation: must be Strict, Warn or Ignore");
    ret->strict = str_eq(validation, STR("Strict"));
    ret->ignore_unknown = str_eq(validation, STR("Ignore"));
    /* As Kubernetes: a client that does not say who it is is called by the first word of its User-Agent. */
    struct str agent, rest;
    (void)str_cut(http_header(kr->req, "User-Agent"), '/', &agent, &rest);
    ret->manager = manager.len > 0                                 ? manager
                   : str_is_utf8(agent) && !str_has_control(agent) ? str_sub(agent, 0, MANAGER_MAX)
                                                                   : STR_NULL;
    return ERR_OK;
}

void verb_audit(struct kube_request *kr, const char *what, const struct kind *k, struct str name) {
    audit_event(kr->req->log, kr->req->request_id, what, KV("verb", kr->verb), KV("kind", k->kind),
                KV("name", name), KV("subresource", kr->subresource), KV("user", kr->who.name),
                KV("tenant", kr->who.tenant), KV("address", kr->req->client_ip));
}

enum err_code verb_answer_written(struct kube_request *kr, unsigned status, json_t *object, int64_t revision,
                                  bool dry_run, struct err *err) {
    if (!dry_run) {
        verb_audit(kr, "object_written", kr->kind, object_name(object));
        kr->app->settle(kr->app->settle_ctx, revision);
    }
    return print_answer(kr, status, object, revision, err);
}

enum err_code verb_answer_plain(struct kube_request *kr, unsigned status, const json_t *value,
                                struct err *err) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(64 * 1024 * 1024);
    char *text = json_dumps(value, JSON_COMPACT);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "an answer");
    strbuf_adds(&out, text);
    free(text);
    return answer_json(kr, status, &out, err);
}

/* ---- get ---- */

enum err_code verb_get(struct kube_request *kr, struct err *err) {
    json_t *object = NULL;
    int64_t revision = 0;
    enum err_code rc = verb_load(kr, kr->kind, request_store_name(kr), &object, &revision, err);
    if (rc == ERR_OK && kr->kind == &kind_local_identity)
        rc = people_decorate(kr, object, false, err);
    return rc == ERR_OK ? print_answer(kr, 200, object, revision, err) : rc;
}

/* ---- what callers may say, by their reach ---- */

static void force(json_t *object, const char *part, const char *key, struct str value) {
    json_t *there = json_object_get(object, part);
    if (!json_is_object(there)) {
        (void)json_object_set_new(object, part, json_object());
        there = json_object_get(object, part);
    }
    (void)json_object_set_new(there, key, json_stringn(value.len ? value.ptr : "", value.len));
}

/* Contract 2.0, 2.5: a tenant's user writes into the tenant, in their own name. */
static void force_tenant(struct kube_request *kr, json_t *given, bool creating) {
    const struct kind *k = kr->kind;
    if (k->tenancy != TENANCY_SPEC)
        return;
    bool says = object_str_at(given, "spec.tenantID").len > 0;
    if (kr->scope.level != SCOPE_PLATFORM || (!says && kr->who.tenant.len > 0 && creating))
        force(given, k->spec_key, "tenantID", kr->who.tenant);
    if (kr->scope.level == SCOPE_PLATFORM || !creating)
        return;
    if (k == &kind_policy || k == &kind_role || k == &kind_local_group)
        force(given, k->spec_key, "username", kr->who.name);
    if (k == &kind_policy)
        force(given, k->spec_key, "type", STR("custom"));
}

static void force_project(struct kube_request *kr, json_t *given) {
    bool has_project = kr->kind == &kind_role || kr->kind == &kind_project_policy_binding;
    bool wanted = kr->kind == &kind_project_policy_binding || kr->scope.level == SCOPE_PROJECT;
    if (has_project && wanted && kr->scope.project.len > 0)
        force(given, "spec", "projectID", kr->scope.project); /* contract 2.6 */
}

/* Whoever makes people or groups must not thereby give away what they may not give (contract 2.1, spec.extra.policies). */
static enum err_code check_extra_policies(struct kube_request *kr, const json_t *given, struct err *err) {
    struct str rest = object_str_at(given, "spec.extra.policies"), name;
    enum err_code rc = ERR_OK;
    if (kr->scope.is_full || (kr->kind != &kind_local_identity && kr->kind != &kind_local_group) ||
        json_object_get(object_at(given, "spec.extra"), "policies") == NULL)
        return ERR_OK;
    bool may = false;
    rc = access_may(kr, "create", "policies", "unbinding", STR("*"), &may,
                    err); /* an empty list takes everything away */
    while (rc == ERR_OK && may && str_next(&rest, ',', &name))
        rc = access_may(kr, "create", "policies", "binding", str_trim(name), &may, err);
    if (rc == ERR_OK && !may)
        return refuse(&kr->refusal, 403, "Forbidden",
                      "spec.extra.policies: User \"%.*s\" cannot bind and unbind these policies",
                      STR_FMT(kr->who.name));
    return rc;
}

static enum err_code resolve_subjects(struct kube_request *kr, json_t *given, const json_t *old,
                                      struct err *err) {
    const char *key = kind_subjects_key(kr->kind);
    json_t *holder = key != NULL ? json_object_get(given, key) : NULL;
    if (!json_is_object(holder))
        return ERR_OK;
    struct str tenant = object_tenant(kr->kind, old != NULL ? old : given);
    return subjects_resolve(kr, kr->kind, tenant, holder, json_object_get(old, key), err);
}

/* Roles of a project are put together of the project's policies; a tenant's others would reach beyond it. */
static enum err_code check_project_role(void *ctx, struct store_tx *tx, const struct resource_write *w,
                                        struct refusal *r, struct err *err) {
    (void)ctx;
    const json_t *policies = object_at(w->object, "spec.policies"); /* none of an object that goes */
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < json_array_size(policies); i++) {
        struct store_object o;
        json_t *policy = NULL;
        struct str name = { json_string_value(json_array_get(policies, i)),
                            json_string_length(json_array_get(policies, i)) };
        rc = store_tx_get(tx, w->arena, str_of(kind_policy.plural), name, &o, err);
        if (rc == ERR_OK)
            rc = json_parse(o.body, &policy, err);
        if (rc == ERR_OK && !str_eq(object_str_at(policy, "spec.scope"), STR("project")))
            rc = refuse(r, 403, "Forbidden",
                        "roles of a project can only have policies of scope project: \"%.*s\" is not",
                        STR_FMT(name));
        json_decref(policy);
    }
    return rc;
}

/* Only where it matters: what comes along has to be done also if nothing changes, so that there is a write then. */
static void watch_project_role(struct kube_request *kr, struct resource_options *o) {
    if (kr->kind != &kind_role || kr->scope.level != SCOPE_PROJECT)
        return;
    o->also = check_project_role;
}

static enum err_code hide_foreign_policies(struct kube_request *kr, json_t *given, struct err *err) {
    if (kr->kind != &kind_role)
        return ERR_OK;
    return policies_hide_foreign(kr, json_object_get(json_object_get(given, "spec"), "policies"), err);
}

/* Passwords are hashed where that may take its time. True: moved there. */
static bool moves_to_hash(struct kube_request *kr, const json_t *given) {
    bool hashes = kr->kind == &kind_local_identity && object_str_at(given, "spec.hashedPassword").len > 0;
    if (!hashes || kr->req->run == HTTP_RUN_LOGIN || kr->req->run == HTTP_RUN_DIRECTORY)
        return false;
    http_move(kr->res, HTTP_RUN_LOGIN);
    kr->moved = true;
    return true;
}

/* ---- create ---- */

static enum err_code into_namespace(struct kube_request *kr, json_t *given) {
    struct str said = object_namespace(given);
    if (!kr->kind->namespaced)
        return ERR_OK;
    if (said.len > 0 && !str_eq(said, kr->namespace))
        return refuse(
            &kr->refusal, 400, "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request");
    force(given, "metadata", "namespace", kr->namespace);
    return ERR_OK;
}

static enum err_code create(struct kube_request *kr, json_t *given, struct resource_options *o,
                            struct err *err) {
    json_t *object = NULL;
    int64_t revision = 0;
    force_tenant(kr, given, true);
    force_project(kr, given);
    enum err_code rc = into_namespace(kr, given);
    if (kr->name.len == 0)
        kr->name = object_name(given); /* for whoever is told about it */
    if (rc == ERR_OK)
        rc = people_check_create(kr, given);
    if (rc == ERR_OK)
        rc = check_extra_policies(kr, given, err);
    if (rc == ERR_OK && moves_to_hash(kr, given))
        return ERR_OK;
    if (rc == ERR_OK)
        rc = hide_foreign_policies(kr, given, err);
    if (rc == ERR_OK)
        rc = resolve_subjects(kr, given, NULL, err);
    if (rc != ERR_OK || kr->moved)
        return rc;
    watch_project_role(kr, o);
    rc = resource_create(kr->app->env, kr->kind, kr->arena, given, o, &object, &revision, &kr->refusal, err);
    if (rc != ERR_OK)
        return rc;
    if (keep_json(kr, object) == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    return verb_answer_written(kr, 201, object, revision, o->dry_run, err);
}

enum err_code verb_create(struct kube_request *kr, struct err *err) {
    struct resource_options o = { .operation = STR("Update") };
    json_t *given = NULL;
    enum err_code rc = access_check_write(kr);
    if (rc == ERR_OK)
        rc = verb_options(kr, &o);
    if (rc == ERR_OK)
        rc = request_body(kr, kr->kind->kind, &given, err);
    if (rc != ERR_OK)
        return rc;
    if (json_get_str(object_metadata(given), "resourceVersion").len > 0)
        return refuse(&kr->refusal, 400, "BadRequest",
                      "resourceVersion should not be set on objects to be created");
    return create(kr, given, &o, err);
}

/* ---- update ---- */

static enum resource_part part_of_subresource(struct str subresource) {
    return str_eq(subresource, STR("status"))     ? PART_STATUS
           : str_eq(subresource, STR("finalize")) ? PART_FINALIZE
                                                  : PART_ALL;
}

static enum err_code answer_updated(struct kube_request *kr, json_t *object, int64_t revision, bool removed,
                                    const struct resource_options *o, struct err *err) {
    if (object == NULL)
        return err_set(err, ERR_INTERNAL, "nothing was written");
    if (keep_json(kr, object) == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    (void)removed; /* gone with its last finalizer: the last version is the answer, as in Kubernetes */
    return verb_answer_written(kr, 200, object, revision, o->dry_run, err);
}

/* `given`: the whole new object; changed here. */
static enum err_code update(struct kube_request *kr, json_t *given, const json_t *old, int64_t revision,
                            struct resource_options *o, struct err *err) {
    json_t *object = NULL;
    bool removed = false;
    int64_t written = 0;
    o->part = part_of_subresource(kr->subresource);
    o->subresource = kr->subresource;
    enum err_code rc = ERR_OK;
    if (o->part == PART_ALL) {
        force_tenant(kr, given, false);
        force_project(kr, given);
        rc = people_check_change(kr, old, given);
        if (rc == ERR_OK)
            rc = check_extra_policies(kr, given, err);
    } else
        rc = people_check_status(kr, old);
    if (rc == ERR_OK && o->part == PART_ALL && moves_to_hash(kr, given))
        return ERR_OK;
    if (rc == ERR_OK && o->part == PART_ALL)
        rc = hide_foreign_policies(kr, given, err);
    if (rc == ERR_OK && o->part != PART_FINALIZE)
        rc = resolve_subjects(kr, given, old, err);
    if (rc != ERR_OK || kr->moved)
        return rc;
    watch_project_role(kr, o);
    rc = resource_update(kr->app->env, kr->kind, kr->arena, request_store_name(kr), given, revision, o,
                         &object, &written, &removed, &kr->refusal, err);
    return rc == ERR_OK ? answer_updated(kr, object, written, removed, o, err) : rc;
}

static enum err_code read_version(struct kube_request *kr, const json_t *given, int64_t *ret) {
    struct str version = json_get_str(object_metadata(given), "resourceVersion");
    struct err ignored;
    if (version.len == 0) {
        refuse_field(&kr->refusal, "FieldValueInvalid", "metadata.resourceVersion",
                     "Invalid value: 0x0: must be specified for an update");
        return refusal_check(&kr->refusal, kr->kind, kr->name, &ignored);
    }
    if (parse_i64(version, 1, INT64_MAX, ret, &ignored) != ERR_OK)
        *ret = -1; /* no version of ours: a conflict */
    return ERR_OK;
}

static enum err_code check_name(struct kube_request *kr, json_t *given) {
    struct str name = object_name(given);
    if (name.len > 0 && !str_eq(name, kr->name))
        return refuse(&kr->refusal, 400, "BadRequest",
                      "the name of the object (%.*s) does not match the name on the URL (%.*s)",
                      STR_FMT(str_sub(name, 0, 100)), STR_FMT(str_sub(kr->name, 0, 100)));
    return into_namespace(kr, given);
}

enum err_code verb_update(struct kube_request *kr, struct err *err) {
    struct resource_options o = { .operation = STR("Update") };
    json_t *given = NULL, *old = NULL;
    int64_t revision = 0, there = 0;
    enum err_code rc = access_check_write(kr);
    if (rc == ERR_OK)
        rc = verb_options(kr, &o);
    if (rc == ERR_OK)
        rc = verb_load(kr, kr->kind, request_store_name(kr), &old, &there, err);
    if (rc == ERR_OK)
        rc = request_body(kr, kr->kind->kind, &given, err);
    if (rc == ERR_OK)
        rc = check_name(kr, given);
    if (rc == ERR_OK)
        rc = read_version(kr, given, &revision);
    return rc == ERR_OK ? update(kr, given, old, revision, &o, err) : rc;
}

/* ---- patch ---- */

enum patch_type { PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };

static enum err_code patch_type_of(struct kube_request *kr, enum patch_type *ret) {
    static const struct {
        struct str type;
        enum patch_type is;
    } types[] = {
        { { "application/json-patch+json", 27 }, PATCH_JSON },
        { { "application/merge-patch+json", 28 }, PATCH_MERGE },
        { { "application/strategic-merge-patch+json", 38 }, PATCH_STRATEGIC },
        { { "application/apply-patch+yaml", 28 }, PATCH_APPLY },
    };
    struct str type = request_media_type(kr);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(type, types[i].type)) {
            *ret = types[i].is;
            return ERR_OK;
        }
    return refuse(
        &kr->refusal, 415, "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, "
        "application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml");
}

static enum err_code parse_patch(struct kube_request *kr, enum patch_type type, json_t **ret,
                                 struct err *err) {
    json_t *patch = NULL;
    enum err_code rc = type == PATCH_APPLY
                           ? cfg_yaml_to_json(kr->req->body, KUBE_BODY_MAX, false, &patch, err)
                           : json_parse(kr->req->body, &patch, err);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != ERR_OK)
        return refuse(&kr->refusal, 400, "BadRequest", "the patch cannot be read: %s", err->detail);
    *ret = keep_json(kr, patch);
    return *ret != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "a patch");
}

/* The object as a client would have got it. */
static json_t *as_shown(struct kube_request *kr, const json_t *old, int64_t revision) {
    char version[24];
    json_t *shown = keep_json(kr, json_deep_copy(old));
    (void)snprintf(version, sizeof version, "%lld", (long long)revision);
    if (shown == NULL)
        return NULL;
    (void)json_object_set_new(shown, "kind", json_string(kr->kind->kind));
    (void)json_object_set_new(shown, "apiVersion", json_string(RESOURCE_API_VERSION));
    force(shown, "metadata", "resourceVersion", str_of(version));
    return shown;
}

static enum err_code apply_patch(struct kube_request *kr, enum patch_type type, const json_t *shown,
                                 const json_t *patch, json_t **ret, struct err *err) {
    json_t *patched = NULL;
    enum err_code rc = type == PATCH_JSON    ? patch_json(shown, patch, &patched, err)
                       : type == PATCH_MERGE ? patch_merge(shown, patch, &patched, err)
                                             : patch_strategic(shown, patch, resource_metadata_fields,
                                                               kr->kind->fields, &patched, err);
    switch (rc) {
    case ERR_OK: break;
    case ERR_INVALID: return refuse(&kr->refusal, 400, "BadRequest", "%s", err->detail);
    case ERR_LIMIT: return refuse(&kr->refusal, 413, "RequestEntityTooLarge", "%s", err->detail);
    case ERR_NOT_FOUND:
    case ERR_CONFLICT:
        return refuse(&kr->refusal, 422, "Invalid",
                      "the server rejected our request due to an error in our request: %s", err->detail);
    case ERR_EXISTS:
    case ERR_UNAUTHENTICATED:
    case ERR_FORBIDDEN:
    case ERR_EXPIRED:
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_NOMEM:
    case ERR_INTERNAL: return rc;
    }
    if (keep_json(kr, patched) == NULL)
        return err_set(err, ERR_NOMEM, "a patched object");
    if (!json_is_object(patched))
        return refuse(&kr->refusal, 422, "Invalid", "the patch makes something else of the object");
    *ret = patched;
    return ERR_OK;
}

static bool was_too_slow(const struct kube_request *kr) {
    return kr->refusal.status == 409 && strcmp(kr->refusal.reason, "Conflict") == 0 &&
           kr->refusal.cause_count == 0;
}

static enum err_code patch_once(struct kube_request *kr, enum patch_type type, const json_t *patch,
                                struct resource_options *o, struct err *err) {
    json_t *old = NULL, *patched = NULL;
    int64_t there = 0, wanted = 0;
    enum err_code rc = verb_load(kr, kr->kind, request_store_name(kr), &old, &there, err);
    json_t *shown = rc == ERR_OK ? as_shown(kr, old, there) : NULL;
    if (rc == ERR_OK)
        rc = shown != NULL ? apply_patch(kr, type, shown, patch, &patched, err)
                           : err_set(err, ERR_NOMEM, "an object");
    if (rc == ERR_OK)
        rc = check_name(kr, patched);
    if (rc == ERR_OK)
        rc = read_version(kr, patched, &wanted);
    return rc == ERR_OK ? update(kr, patched, old, wanted, o, err) : rc;
}

enum err_code verb_patch(struct kube_request *kr, struct err *err) {
    struct resource_options o = { .operation = STR("Update") };
    enum patch_type type = PATCH_MERGE;
    json_t *patch = NULL;
    enum err_code rc = access_check_write(kr);
    if (rc == ERR_OK)
        rc = verb_options(kr, &o);
    if (rc == ERR_OK)
        rc = patch_type_of(kr, &type);
    if (rc == ERR_OK)
        rc = parse_patch(kr, type, &patch, err);
    if (rc != ERR_OK)
        return rc;
    for (int i = 0; i < CONFLICT_RETRIES; i++) {
        if (i > 0)
            kr->refusal = (struct refusal) { .arena = kr->arena };
        rc = type == PATCH_APPLY ? verb_apply_once(kr, patch, &o, err) : patch_once(kr, type, patch, &o, err);
        /* Somebody else was faster: a patch that does not insist on a version is put onto theirs. */
        bool insists = json_get_str(object_metadata(patch), "resourceVersion").len > 0 || type == PATCH_JSON;
        if (rc == ERR_OK || !was_too_slow(kr) || insists)
            break;
    }
    return rc;
}

enum err_code verb_update_given(struct kube_request *kr, json_t *given, const json_t *old, int64_t revision,
                                struct resource_options *o, struct err *err) {
    return update(kr, given, old, revision, o, err);
}

enum err_code verb_create_given(struct kube_request *kr, json_t *given, struct resource_options *o,
                                struct err *err) {
    return create(kr, given, o, err);
}

/* ---- delete ---- */

static enum err_code read_delete_options(struct kube_request *kr, struct resource_delete *ret,
                                         struct err *err) {
    json_t *options = NULL;
    struct err ignored;
    enum err_code rc = request_dry_run(kr, &ret->dry_run);
    if (rc != ERR_OK || str_trim(kr->req->body).len == 0)
        return rc;
    if ((rc = request_body(kr, NULL, &options, err)) != ERR_OK)
        return rc;
    const json_t *preconditions = json_object_get(options, "preconditions"),
                 *dry = json_object_get(options, "dryRun");
    struct str version = json_get_str(preconditions, "resourceVersion");
    ret->uid = json_get_str(preconditions, "uid");
    if (version.len > 0 && parse_i64(version, 1, INT64_MAX, &ret->revision, &ignored) != ERR_OK)
        return refuse(&kr->refusal, 409, "Conflict", "Precondition failed: resourceVersion");
    for (size_t i = 0; i < json_array_size(dry); i++) {
        const char *value = json_string_value(json_array_get(dry, i));
        if (value == NULL || strcmp(value, "All") != 0)
            return refuse(&kr->refusal, 400, "BadRequest", "dryRun: must be [\"All\"]");
        ret->dry_run = true;
    }
    return ERR_OK;
}

enum err_code verb_delete(struct kube_request *kr, struct err *err) {
    struct resource_delete d = { .uid = STR_NULL };
    json_t *object = NULL, *old = NULL;
    int64_t revision = 0;
    bool removed = false;
    enum err_code rc = access_check_write(kr);
    if (rc == ERR_OK)
        rc = verb_load(kr, kr->kind, request_store_name(kr), &old, &revision, err);
    if (rc == ERR_OK)
        rc = read_delete_options(kr, &d, err);
    if (rc == ERR_OK)
        rc = people_check_delete(kr, old);
    if (rc == ERR_OK)
        rc = resource_remove(kr->app->env, kr->kind, kr->arena, request_store_name(kr), &d, &object,
                             &revision, &removed, &kr->refusal, err);
    if (rc != ERR_OK)
        return rc;
    if (keep_json(kr, object) == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    if (!d.dry_run) {
        verb_audit(kr, "object_deleted", kr->kind, kr->name);
        kr->app->settle(kr->app->settle_ctx, revision);
    }
    if (!removed)
        return print_answer(kr, 200, object, revision, err);
    answer_success(kr, json_get_str(object_metadata(object), "uid"));
    return ERR_OK;
}

/* ---- deletecollection: what the caller sees of what they ask for, one after the other (contract 9.15) ---- */

struct victims {
    struct arena *arena;
    struct str *names;
    size_t len, cap;
};

static enum err_code note_victim(void *ctx, const struct store_object *o, const json_t *object,
                                 struct err *err) {
    struct victims *v = ctx;
    (void)object;
    if (v->len == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 64;
        struct str *grown = arena_array(v->arena, cap, sizeof *grown);
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "names");
        if (v->len > 0)
            memcpy(grown, v->names, v->len * sizeof *grown);
        v->names = grown;
        v->cap = cap;
    }
    v->names[v->len++] = arena_str(v->arena, o->name);
    return ERR_OK;
}

static enum err_code delete_one(struct kube_request *kr, struct str name, const struct resource_delete *d,
                                int64_t *last, struct err *err) {
    json_t *object = NULL, *old = NULL;
    bool removed = false;
    int64_t revision = 0;
    struct refusal r = { .arena = kr->arena };
    enum err_code rc = verb_load(kr, kr->kind, name, &old, &revision, err);
    if (rc == ERR_OK)
        rc = people_check_delete(kr, old);
    if (rc == ERR_OK)
        rc = resource_remove(kr->app->env, kr->kind, kr->arena, name, d, &object, &revision, &removed, &r,
                             err);
    json_decref(object);
    bool gone = kr->refusal.status == 404 || r.status == 404 ||
                r.status == 409; /* by somebody else, or on its way */
    if (gone)
        kr->refusal = (struct refusal) { .arena = kr->arena };
    if (rc != ERR_OK && !gone) {
        if (r.status != 0)
            kr->refusal = r;
        return rc;
    }
    *last = revision;
    if (rc == ERR_OK && !d->dry_run)
        verb_audit(kr, "object_deleted", kr->kind, name);
    return ERR_OK;
}

enum err_code verb_delete_collection(struct kube_request *kr, struct err *err) {
    AUTO(filter_done) struct filter f = { 0 };
    AUTO(strbuf_done) struct strbuf after = STRBUF(STORE_NAME_MAX + 1);
    struct resource_delete d = { .uid = STR_NULL };
    struct victims victims = { .arena = kr->arena };
    int64_t last = 0;
    enum err_code rc = access_check_write(kr);
    if (rc == ERR_OK)
        rc = filter_read(kr, &f, err);
    if (rc == ERR_OK)
        rc = read_delete_options(kr, &d, err);
    struct listing l = { .filter = &f, .each = note_victim, .ctx = &victims, .after = &after, .more = true };
    while (rc == ERR_OK && l.more)
        rc = listing_page(kr->app->env->store, &l, KUBE_PAGE, err);
    for (size_t i = 0; rc == ERR_OK && i < victims.len; i++)
        rc = delete_one(kr, victims.names[i], &d, &last, err);
    if (rc != ERR_OK)
        return rc;
    if (last > 0)
        kr->app->settle(kr->app->settle_ctx, last);
    answer_success(kr, STR_NULL);
    return ERR_OK;
}
