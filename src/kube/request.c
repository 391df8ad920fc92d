#include "kube/request.h"

#include "tkeauth/config.h"

/* ---- the query ---- */

struct str request_query(const struct kube_request *kr, const char *name) {
    struct str value = STR_NULL;
    (void)form_find(&kr->query, str_of(name), &value);
    return value;
}

/* As Kubernetes reads them: given is true unless it says false. Its Python client says "True". */
bool request_query_flag(const struct kube_request *kr, const char *name) {
    struct str v = STR_NULL;
    if (form_find(&kr->query, str_of(name), &v) == 0)
        return false;
    return !str_eq_nocase(v, STR("false")) && !str_eq(v, STR("0"));
}

enum err_code request_dry_run(struct kube_request *kr, bool *ret) {
    struct str v = request_query(kr, "dryRun");
    *ret = v.len > 0;
    if (v.len == 0 || str_eq(v, STR("All")))
        return ERR_OK;
    return refuse(&kr->refusal, 400, "BadRequest", "dryRun: \"%.*s\" is not All",
                  STR_FMT(str_sub(v, 0, 100)));
}

/* ---- the path: [namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]] ---- */

static enum err_code not_found(struct kube_request *kr) {
    return refuse(&kr->refusal, 404, "NotFound", "the server could not find the requested resource");
}

static enum err_code read_path(struct kube_request *kr) {
    struct str rest = http_path_rest(kr->req), part;
    while (rest.len > 0 && rest.ptr[rest.len - 1] == '/')
        rest.len--; /* the gateway passes apikeys/default/password/ on with its slash (contract 6.7) */
    struct str *const targets[] = { &kr->resource, &kr->name, &kr->subresource };
    if (str_starts_with(rest, STR("namespaces/"))) {
        (void)str_cut(rest, '/', &part, &rest);
        (void)str_cut(rest, '/', &kr->namespace, &rest);
    }
    size_t n = 0;
    while (rest.len > 0 && n < ARRAY_LEN(targets))
        (void)str_cut(rest, '/', targets[n++], &rest);
    kr->kind = resource_kind(kr->resource);
    if (n == 0 || rest.len > 0 || kr->kind == NULL)
        return not_found(kr);
    if (!kr->kind->namespaced && kr->namespace.ptr != NULL)
        return not_found(kr);
    bool needs_namespace = kr->kind->namespaced && (kr->name.len > 0 || kr->req->method == HTTP_POST);
    return needs_namespace && kr->namespace.len == 0 ? not_found(kr) : ERR_OK;
}

static const char *verb_of(const struct kube_request *kr) {
    bool named = kr->name.len > 0;
    switch (kr->req->method) {
    case HTTP_GET:
    case HTTP_HEAD:
        /* Collections are watched: a right to one object is none to all, and an object is got, as Kubernetes does. */
        return named ? "get" : request_query_flag(kr, "watch") ? "watch" : "list";
    case HTTP_POST: return "create";
    case HTTP_PUT: return "update";
    case HTTP_PATCH: return "patch";
    case HTTP_DELETE: return named ? "delete" : "deletecollection";
    case HTTP_OPTIONS: break;
    }
    return "get";
}

struct str request_store_name(const struct kube_request *kr) {
    if (!kr->kind->namespaced)
        return kr->name;
    return str_of(arena_printf(kr->arena, "%.*s/%.*s", STR_FMT(kr->namespace), STR_FMT(kr->name)));
}

/* ---- Accept ---- */

static struct str parameter(struct str parameters, struct str name) {
    struct str part, key, value;
    while (parameters.len > 0) {
        (void)str_cut(parameters, ';', &part, &parameters);
        (void)str_cut(part, '=', &key, &value);
        if (str_eq_nocase(str_trim(key), name))
            return str_trim(value);
    }
    return STR_NULL;
}

/* False: not one we can make. */
static bool take_range(struct kube_request *kr, struct str range) {
    struct str type, parameters;
    (void)str_cut(range, ';', &type, &parameters);
    type = str_trim(type);
    if (!str_eq_nocase(type, STR("application/json")) && !str_eq(type, STR("*/*")) &&
        !str_eq(type, STR("application/*")))
        return false;
    struct str as = parameter(parameters, STR("as"));
    if (as.len == 0) {
        kr->form = FORM_OBJECT;
        return true;
    }
    if (!str_eq(parameter(parameters, STR("g")), STR("meta.k8s.io")) ||
        !str_eq(parameter(parameters, STR("v")), STR("v1")))
        return false;
    if (str_eq(as, STR("Table")))
        kr->form = FORM_TABLE;
    else if (str_eq(as, STR("PartialObjectMetadata")) || str_eq(as, STR("PartialObjectMetadataList")))
        kr->form = FORM_PARTIAL;
    else
        return false;
    return true;
}

static enum err_code read_accept(struct kube_request *kr) {
    struct str rest = http_header(kr->req, "Accept"), range;
    struct str include = request_query(kr, "includeObject");
    kr->include = str_eq(include, STR("Object")) ? INCLUDE_OBJECT
                  : str_eq(include, STR("None")) ? INCLUDE_NONE
                                                 : INCLUDE_METADATA;
    if (str_trim(rest).len == 0)
        return ERR_OK;
    while (rest.len > 0) {
        (void)str_cut(rest, ',', &range, &rest);
        if (take_range(kr, range))
            return ERR_OK;
    }
    return refuse(&kr->refusal, 406, "NotAcceptable",
                  "only the following media types are accepted: application/json, "
                  "application/json;as=Table;v=v1;g=meta.k8s.io, "
                  "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
}

enum err_code request_read(struct kube_request *kr, struct err *err) {
    if (kr->req->query.len > KUBE_QUERY_MAX)
        return refuse(&kr->refusal, 414, "RequestURITooLong", "the query has more than %d bytes",
                      KUBE_QUERY_MAX);
    enum err_code rc = form_parse(kr->arena, kr->req->query, &kr->query, err);
    if (rc == ERR_INVALID || rc == ERR_LIMIT)
        return refuse(&kr->refusal, 400, "BadRequest", "the query cannot be read: %s", err->detail);
    if (rc == ERR_OK)
        rc = read_path(kr);
    if (rc == ERR_OK)
        kr->verb = verb_of(kr);
    return rc == ERR_OK ? read_accept(kr) : rc;
}

/* ---- the body ---- */

static void forget_json(void *p) { json_decref(p); }

json_t *keep_json(struct kube_request *kr, json_t *value) {
    if (value == NULL || !arena_defer(kr->arena, forget_json, value))
        return NULL;
    return value;
}

struct str request_media_type(const struct kube_request *kr) {
    struct str type, parameters;
    (void)str_cut(http_header(kr->req, "Content-Type"), ';', &type, &parameters);
    char *lower = arena_strdup(kr->arena, str_trim(type));
    for (char *p = lower; p != NULL && *p != '\0'; p++)
        *p = ascii_lower(*p);
    return str_of(lower);
}

static enum err_code parse_body(struct kube_request *kr, struct str type, json_t **ret, struct err *err) {
    json_t *value = NULL;
    bool is_yaml = str_contains(type, STR("yaml"));
    enum err_code rc = is_yaml ? cfg_yaml_to_json(kr->req->body, KUBE_BODY_MAX, false, &value, err)
                               : json_parse(kr->req->body, &value, err);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != ERR_OK)
        return refuse(&kr->refusal, 400, "BadRequest", "the body is no %s: %s", is_yaml ? "YAML" : "JSON",
                      err->detail);
    *ret = keep_json(kr, value);
    return *ret != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "a body");
}

/* As Kubernetes: what is said must fit, what is left out is taken as meant. */
static enum err_code check_type_meta(struct kube_request *kr, const json_t *object, const char *want_kind) {
    struct str kind = json_get_str(object, "kind"), version = json_get_str(object, "apiVersion");
    if (want_kind != NULL && kind.len > 0 && !str_eq(kind, str_of(want_kind)))
        return refuse(&kr->refusal, 400, "BadRequest",
                      "the kind in the data (%.*s) does not match the expected kind (%s)",
                      STR_FMT(str_sub(kind, 0, 100)), want_kind);
    if (want_kind != NULL && version.len > 0 && !str_eq(version, STR(RESOURCE_API_VERSION)))
        return refuse(&kr->refusal, 400, "BadRequest",
                      "the API version in the data (%.*s) does not match the expected API version "
                      "(" RESOURCE_API_VERSION ")",
                      STR_FMT(str_sub(version, 0, 100)));
    return ERR_OK;
}

enum err_code request_body(struct kube_request *kr, const char *want_kind, json_t **ret, struct err *err) {
    struct str type = request_media_type(kr);
    json_t *object = NULL;
    if (type.len > 0 && !str_eq(type, STR("application/json")) && !str_eq(type, STR("application/yaml")))
        return refuse(&kr->refusal, 415, "UnsupportedMediaType",
                      "the body of the request was in an unknown format - accepted media types include: "
                      "application/json, "
                      "application/yaml");
    if (str_trim(kr->req->body).len == 0)
        return refuse(&kr->refusal, 400, "BadRequest", "the body of the request is empty");
    enum err_code rc = parse_body(kr, type, &object, err);
    if (rc == ERR_OK && !json_is_object(object))
        rc = refuse(&kr->refusal, 400, "BadRequest", "the body of the request is no object");
    if (rc == ERR_OK)
        rc = check_type_meta(kr, object, want_kind);
    if (rc == ERR_OK)
        *ret = object;
    return rc;
}
