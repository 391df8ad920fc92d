/* One request to the API, and what is known of it. */
#pragma once
#include "tkeauth/kube.h"

enum {
    KUBE_BODY_MAX = 2 * 1024 * 1024,
    KUBE_QUERY_MAX = 16 * 1024,
    KUBE_PAGE = 500,       /* objects read at a time */
    KUBE_LIMIT_MAX = 2000, /* of one page a client asks for */
};

/* How the answer is to look (Accept). */
enum kube_form { FORM_OBJECT, FORM_TABLE, FORM_PARTIAL };
enum table_include { INCLUDE_METADATA, INCLUDE_OBJECT, INCLUDE_NONE };

/* How far the caller's rights reach in this request. */
enum scope_level {
    SCOPE_PROJECT,  /* one project of the tenant */
    SCOPE_TENANT,   /* the tenant */
    SCOPE_PLATFORM, /* everything */
};
struct scope {
    enum scope_level level;
    struct str
        tenant; /* of the caller; SCOPE_PLATFORM: that lists are narrowed to (X-TKE-TenantID), or STR_NULL */
    struct str project;      /* X-TKE-ProjectName; STR_NULL: none */
    bool is_platform_caller; /* has no tenant of its own */
    bool
        is_full; /* may do everything in its scope: privileged, or administrator of the platform or of the tenant */
    struct str user; /* name of the caller */
};

struct kube_request {
    const struct http_request *req;
    struct http_response *res;
    const struct kube_app *app;
    struct arena *arena;
    struct form query;
    const struct kind *kind;
    struct str resource, namespace, name, subresource;
    const char *verb; /* "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection" */
    enum kube_form form;
    enum table_include include;
    struct principal who;
    struct scope scope;
    struct refusal refusal;
    bool moved; /* to another pool, where all begins anew: nothing is to be answered here */
};

/* What the path, the query and Accept say. ERR_* with kr->refusal filled. */
MUST_CHECK enum err_code request_read(struct kube_request *kr, struct err *err);
/* The value of a query parameter; STR_NULL: absent. */
struct str request_query(const struct kube_request *kr, const char *name);
bool request_query_flag(const struct kube_request *kr, const char *name); /* given, and not "false" or "0" */
/* dryRun=All. Another value is refused. */
MUST_CHECK enum err_code request_dry_run(struct kube_request *kr, bool *ret);
/* What the store knows the named object by. */
struct str request_store_name(const struct kube_request *kr);
/* The body as one JSON object, from JSON or YAML, of the wanted kind (NULL: any). 400, 413, 415. The arena owns it. */
MUST_CHECK enum err_code request_body(struct kube_request *kr, const char *want_kind, json_t **ret,
                                      struct err *err);
/* Content-Type without its parameters, lower case. */
struct str request_media_type(const struct kube_request *kr);
/* The arena frees it. NULL stays NULL. */
json_t *keep_json(struct kube_request *kr, json_t *value);
