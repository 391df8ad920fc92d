/* From the path to the handler: authentication, authorization, verb or subresource, and every refusal as a Status. */
#include "kube/access.h"
#include "kube/api_keys.h"
#include "kube/bindings.h"
#include "kube/directory.h"
#include "kube/discovery.h"
#include "kube/list.h"
#include "kube/password.h"
#include "kube/projects.h"
#include "kube/reviews.h"
#include "kube/status.h"
#include "kube/subresources.h"
#include "kube/watch.h"

/* ---- verbs ---- */

static const struct {
    const char *verb;
    enum resource_verb bit;
    kube_handler *handle;
} verbs[] = {
    { "get", RESOURCE_GET, verb_get },
    { "list", RESOURCE_LIST, list_objects },
    { "watch", RESOURCE_WATCH, watch_objects },
    { "create", RESOURCE_CREATE, verb_create },
    { "update", RESOURCE_UPDATE, verb_update },
    { "patch", RESOURCE_PATCH, verb_patch },
    { "delete", RESOURCE_DELETE, verb_delete },
    { "deletecollection", RESOURCE_DELETE_COLLECTION, verb_delete_collection },
};

/* Kinds that are made of something else when asked for, and the one whose making is special. */
static const struct {
    const struct kind *kind;
    const char *verb;
    kube_handler *handle;
} special[] = {
    { &kind_user, "get", users_get },
    { &kind_user, "list", users_list },
    { &kind_group, "get", groups_get },
    { &kind_group, "list", groups_list },
    { &kind_project, "get", projects_get },
    { &kind_project, "list", projects_list },
    { &kind_api_key, "create", api_key_create },
};

/* ---- subresources ---- */

static const struct {
    const struct kind *kind;
    const char *name;
    enum http_method method;
    kube_handler *handle;
} below[] = {
    { &kind_policy, "binding", HTTP_POST, bind_subjects },
    { &kind_policy, "unbinding", HTTP_POST, unbind_subjects },
    { &kind_policy, "projectbinding", HTTP_POST, bind_in_project },
    { &kind_policy, "projectunbinding", HTTP_POST, unbind_in_project },
    { &kind_policy, "users", HTTP_GET, policy_users },
    { &kind_policy, "groups", HTTP_GET, policy_groups },
    { &kind_policy, "projectusers", HTTP_GET, policy_project_users },
    { &kind_policy, "projectgroups", HTTP_GET, policy_project_groups },
    { &kind_policy, "roles", HTTP_GET, policy_roles },
    { &kind_role, "binding", HTTP_POST, bind_subjects },
    { &kind_role, "unbinding", HTTP_POST, unbind_subjects },
    { &kind_role, "policybinding", HTTP_POST, bind_role_policies },
    { &kind_role, "policyunbinding", HTTP_POST, unbind_role_policies },
    { &kind_role, "users", HTTP_GET, policy_users },
    { &kind_role, "groups", HTTP_GET, policy_groups },
    { &kind_role, "policies", HTTP_GET, role_policies },
    { &kind_local_identity, "password", HTTP_POST, password_change },
    { &kind_local_identity, "policies", HTTP_GET, user_policies },
    { &kind_local_identity, "roles", HTTP_GET, user_roles },
    { &kind_local_identity, "groups", HTTP_GET, user_groups },
    { &kind_local_group, "binding", HTTP_POST, bind_subjects },
    { &kind_local_group, "unbinding", HTTP_POST, unbind_subjects },
    { &kind_local_group, "users", HTTP_GET, group_members },
    { &kind_local_group, "policies", HTTP_GET, group_policies },
    { &kind_local_group, "roles", HTTP_GET, group_roles },
    { &kind_api_key, "token", HTTP_POST, api_key_token },
    { &kind_api_key, "password", HTTP_POST, api_key_password },
    { &kind_user, "policies", HTTP_GET, user_policies },
    { &kind_user, "roles", HTTP_GET, user_roles },
    { &kind_user, "projects", HTTP_GET, user_projects },
    { &kind_group, "policies", HTTP_GET, group_policies },
    { &kind_group, "roles", HTTP_GET, group_roles },
    { &kind_project, "users", HTTP_GET, project_users },
    { &kind_project, "users", HTTP_POST, project_set_users },
    { &kind_project, "groups", HTTP_GET, project_groups },
    { &kind_project, "groups", HTTP_POST, project_set_groups },
    { &kind_project, "policies", HTTP_GET, project_policies },
    { &kind_project, "binding", HTTP_POST, project_bind },
    { &kind_project, "unbinding", HTTP_POST, project_unbind },
};

static unsigned verb_of(enum http_method method) {
    switch (method) {
    case HTTP_GET:
    case HTTP_HEAD: return RESOURCE_GET;
    case HTTP_PUT: return RESOURCE_UPDATE;
    case HTTP_PATCH: return RESOURCE_PATCH;
    case HTTP_POST: return RESOURCE_CREATE;
    case HTTP_DELETE:
    case HTTP_OPTIONS: break;
    }
    return 0;
}

/* status and finalize are parts of the object itself (contract 1.3). */
static kube_handler *part_handler(unsigned verb) {
    return verb == RESOURCE_GET ? verb_get : verb == RESOURCE_UPDATE ? verb_update : verb_patch;
}

static kube_handler *find_subresource(const struct kube_request *kr, bool *ret_known) {
    const struct subresource *s = subresource_find(str_of(kr->kind->plural), kr->subresource);
    unsigned verb = verb_of(kr->req->method);
    *ret_known = s != NULL;
    if (s == NULL || (s->verbs & verb) == 0)
        return NULL;
    if (str_eq(kr->subresource, STR("status")) || str_eq(kr->subresource, STR("finalize")))
        return part_handler(verb);
    for (size_t i = 0; i < ARRAY_LEN(below); i++)
        if (below[i].kind == kr->kind && str_eq(kr->subresource, str_of(below[i].name)) &&
            verb_of(below[i].method) == verb)
            return below[i].handle;
    return NULL;
}

static kube_handler *find_verb(const struct kube_request *kr) {
    if (kr->name.len == 0 && (kr->req->method == HTTP_PUT || kr->req->method == HTTP_PATCH))
        return NULL; /* of all objects at once there is only DELETE */
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (special[i].kind == kr->kind && strcmp(special[i].verb, kr->verb) == 0)
            return special[i].handle;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].verb, kr->verb) == 0 && (kr->kind->verbs & verbs[i].bit) != 0)
            return kr->kind->is_virtual ? NULL : verbs[i].handle;
    return NULL;
}

static enum err_code find_handler(struct kube_request *kr, kube_handler **ret) {
    bool known = true;
    bool misnamed = kr->name.len > 0 && kr->subresource.len == 0 && kr->req->method == HTTP_POST;
    *ret = kr->subresource.len > 0 ? find_subresource(kr, &known) : misnamed ? NULL : find_verb(kr);
    if (*ret != NULL)
        return ERR_OK;
    if (!known)
        return refuse(&kr->refusal, 404, "NotFound", "the server could not find the requested resource");
    return refuse(&kr->refusal, 405, "MethodNotAllowed",
                  "the server does not allow this method on the requested resource");
}

/* ---- the way through ---- */

/* Contract 1.5: the one call of the API that brings its own credentials. */
static bool needs_no_caller(const struct kube_request *kr) {
    return kr->kind == &kind_api_key && kr->req->method == HTTP_POST && str_eq(kr->name, STR("default")) &&
           str_eq(kr->subresource, STR("password"));
}

static enum err_code dispatch(struct kube_request *kr, struct err *err) {
    kube_handler *handle = NULL;
    enum err_code read = request_read(kr, err);
    if (read == ERR_OK && needs_no_caller(kr))
        return api_key_password(kr, err);
    struct refusal said = kr->refusal; /* who is not known learns nothing of what there is */
    kr->refusal = (struct refusal) { .arena = kr->arena };
    enum err_code rc = access_authenticate(kr, err);
    if (rc != ERR_OK)
        return rc;
    kr->refusal = said;
    if (read != ERR_OK)
        return read;
    rc = find_handler(kr, &handle);
    if (rc == ERR_OK)
        rc = access_authorize(kr, err);
    return rc == ERR_OK ? handle(kr, err) : rc;
}

static struct kube_request *request_new(const void *app, const struct http_request *req,
                                        struct http_response *res) {
    struct kube_request *kr = arena_alloc(req->arena, sizeof *kr);
    if (kr == NULL)
        return NULL;
    *kr = (struct kube_request) {
        .req = req, .res = res, .app = kube_app_of(app), .arena = req->arena, .verb = "get"
    };
    kr->refusal.arena = req->arena;
    return kr;
}

/* Contract 1.4: what callers sent to find their request again comes back. */
static void echo_headers(struct kube_request *kr) {
    struct str tenant = http_header(kr->req, "X-TKE-TenantID");
    if (tenant.len > 0)
        http_set_header(kr->res, "X-TKE-TenantID", tenant);
    struct str id = http_header(kr->req, "X-Remote-Extra-RequestID");
    http_set_header(kr->res, "X-Remote-Extra-RequestID", id.len > 0 ? id : str_of(kr->req->request_id));
}

static enum err_code finish(struct kube_request *kr, enum err_code rc, struct err *err) {
    if (rc == ERR_OK && arena_failed(kr->arena) && !kr->moved)
        rc = err_set(err, ERR_NOMEM, "a request");
    if (rc != ERR_OK && !kr->moved)
        answer_refusal(kr, rc, err);
    if (!kr->moved)
        echo_headers(kr);
    return ERR_OK;
}

static enum err_code handle_object(void *app, const struct http_request *req, struct http_response *res,
                                   struct err *err) {
    struct kube_request *kr = request_new(app, req, res);
    if (kr == NULL)
        return err_set(err, ERR_NOMEM, "a request");
    return finish(kr, dispatch(kr, err), err);
}

static enum err_code review(void *app, const struct http_request *req, struct http_response *res,
                            kube_handler *handle, struct err *err) {
    struct kube_request *kr = request_new(app, req, res);
    if (kr == NULL)
        return err_set(err, ERR_NOMEM, "a request");
    kr->verb = "create";
    kr->scope.project = http_header(req, "X-TKE-ProjectName");
    enum err_code rc = access_authenticate(kr, err);
    return finish(kr, rc == ERR_OK ? handle(kr, err) : rc, err);
}

/* Discovery is for whoever has shown who they are. */
bool kube_admit_discovery(const void *app, const struct http_request *req, struct http_response *res,
                          struct err *err) {
    struct kube_request *kr = request_new(app, req, res);
    if (kr == NULL) {
        (void)err_set(err, ERR_NOMEM, "a request");
        return false;
    }
    enum err_code rc = access_authenticate(kr, err);
    if (rc == ERR_OK)
        return true;
    (void)finish(kr, rc, err);
    *err = (struct err) { 0 }; /* answered */
    return false;
}

static enum err_code self_post(void *app, const struct http_request *req, struct http_response *res,
                               struct err *err) {
    return review(app, req, res, review_self, err);
}
static enum err_code access_self_post(void *app, const struct http_request *req, struct http_response *res,
                                      struct err *err) {
    return review(app, req, res, review_access_self, err);
}
static enum err_code rules_self_post(void *app, const struct http_request *req, struct http_response *res,
                                     struct err *err) {
    return review(app, req, res, review_rules_self, err);
}
static enum err_code access_post(void *app, const struct http_request *req, struct http_response *res,
                                 struct err *err) {
    return review(app, req, res, review_access, err);
}

#define CORS_HEADERS                                                                                         \
    "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, "         \
    "If-Modified-Since, X-TKE-ClusterName, X-TKE-ProjectName, X-TKE-FuzzyResourceName, X-CsrfCode, "         \
    "X-Referer, X-SeqId, X-Remote-Extra-RequestID"
#define REVIEW(route_path, handler)                                                                          \
    {                                                                                                        \
        .methods = HTTP_POST, .path = (route_path), .handle = (handler), .run = HTTP_RUN_WORK,               \
        .raw_body = true, .body_max = KUBE_BODY_MAX, .no_store = true, .trailing_slash = true,               \
        .metric = "selfreview", .on_error = kube_render_error                                                \
    }

const struct route kube_routes[] = {
    { .methods = HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE,
      .path = "/apis/" RESOURCE_API_VERSION "/{*}",
      .handle = handle_object,
      .run = HTTP_RUN_WORK,
      .raw_body = true,
      .body_max = KUBE_BODY_MAX,
      .cors = true,
      .cors_headers = CORS_HEADERS,
      .metric = "api",
      .on_error = kube_render_error },
    REVIEW("/apis/authentication.k8s.io/v1/selfsubjectreviews", self_post),
    REVIEW("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", access_self_post),
    REVIEW("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", rules_self_post),
    REVIEW("/apis/authorization.k8s.io/v1/subjectaccessreviews", access_post),
    { .path = NULL },
};
