/* authz owns the answer to "may they?": attributes of a request -> action and resource of the platform -> a decision, and the four
 * review endpoints under /auth/ that give it to kube-apiserver and to the platform's services. It must never write anything, and
 * answers on the event loop: no lock, no I/O (an external webhook excepted, which moves its routes to the workers). */
#pragma once
#include "tkeauth/authn.h"
#include "tkeauth/base.h"
#include "tkeauth/http.h"
#include "tkeauth/jose.h"
#include "tkeauth/log.h"

struct authz;
struct enforcer;

/* ---- what is asked ---- */
struct authz_extra {
    struct str key;
    const struct str *values;
    size_t value_count;
};
/* Who asks, as another component authenticated them. */
struct authz_user {
    struct str name, uid;
    const struct str
        *groups; /* also "tenant:", "project:", "namespace:" and "cluster:" context (contract 4.5) */
    size_t group_count;
    const struct authz_extra *extra;
    size_t extra_count;
};
struct authz_attributes {
    struct str verb, api_group, version, resource, subresource, name, namespace;
    bool is_resource; /* false: `resource` holds the URL path and the rest but `verb` is empty */
};
/* What only a real HTTP request has; all empty for a review (contract 4.6). */
struct authz_request_context {
    struct str cluster_header;  /* X-TKE-ClusterName */
    struct str path;            /* of the API request being authorised */
    struct str query_namespace; /* its query parameter `namespace` */
};

/* ---- Kubernetes attributes -> TKE action and resource (contract 4.6 and 4.7) ---- */
struct authz_converted {
    struct str action, resource;  /* "listDeployments", "cluster:cls-1/namespace:dev/deployment:*" */
    struct str subresource, name; /* as the conversion leaves them: an empty name becomes "*" */
};
/* Strings live in `a` or in what was handed in. ERR_NOMEM. */
MUST_CHECK enum err_code authz_convert(struct arena *a, const struct authz_attributes *attributes,
                                       const struct authz_request_context *context,
                                       const struct authz_user *user, struct authz_converted *ret,
                                       struct err *err);
/* The singular of an English plural by the platform's table, odd results included. In `a`, or a slice of `word`; the slice's `ptr` is
 * NULL when the arena failed. */
struct str authz_singular(struct arena *a, struct str word);

/* ---- deciding (contract 4.1 and 4.5) ---- */
enum authz_outcome { AUTHZ_NO_OPINION, AUTHZ_ALLOWED, AUTHZ_DENIED };
enum { AUTHZ_OUTCOMES = 3 };
const char *authz_outcome_name(enum authz_outcome outcome); /* "no_opinion", "allowed", "denied" */
/* Which step of the order decided. */
enum authz_step {
    AUTHZ_STEP_NONE,            /* nothing did: no opinion */
    AUTHZ_STEP_WEBHOOK,         /* the external authorizer */
    AUTHZ_STEP_ABAC,            /* the ABAC file */
    AUTHZ_STEP_PRIVILEGED,      /* the privileged user, who has no tenant */
    AUTHZ_STEP_UNKNOWN_TENANT,  /* there is no such tenant: denied */
    AUTHZ_STEP_ADMINISTRATOR,   /* of their tenant */
    AUTHZ_STEP_UNPROTECTED,     /* a verb open to everybody */
    AUTHZ_STEP_PROJECT_FENCE,   /* another project than the one the caller works in */
    AUTHZ_STEP_NAMESPACE_FENCE, /* another namespace than the caller's */
    AUTHZ_STEP_RULE,            /* a rule for the user or one of their groups */
    AUTHZ_STEP_PUBLIC_RULE,     /* a rule for everybody in the tenant */
};
const char *authz_step_name(enum authz_step step);
struct authz_decision {
    enum authz_outcome outcome;
    enum authz_step step;
    struct str reason; /* for the client; in the arena */
    struct str error;  /* not empty: the evaluation failed, and the outcome is not ALLOWED */
    struct str tenant, project;
    struct str action, resource; /* as evaluated */
};

/* One version of everything a decision is made of. All decisions of one answer are made on one version. */
struct authz_version {
    const void *rules, *engine, *tenants; /* private */
};
void authz_acquire(const struct authz *z, struct authz_version *ret);
void authz_release(const struct authz *z, struct authz_version *v);
struct authz_question {
    struct authz_user user;
    struct authz_attributes attributes;
    struct authz_request_context context;
    bool convert_first; /* /auth/restauthz: converted before anything is asked, and never twice */
    const char *request_id;
};
/* May wait for the external authorizer when one is configured. Failures are decisions too (`error`); ERR_NOMEM remains. */
MUST_CHECK enum err_code authz_decide(const struct authz *z, const struct authz_version *v, struct arena *a,
                                      const struct authz_question *question, struct authz_decision *ret,
                                      struct err *err);

/* Is that user named as an administrator of the tenant (IdentityProvider spec.administrators)? */
bool authz_is_administrator(const struct authz_version *v, struct str tenant, struct str username);
/* What the rules alone say of a subject, by its key in them (a role's name, "t##user##alice"), everywhere; `action` and `resource` are
 * the platform's. */
MUST_CHECK enum err_code authz_ask_rules(const struct authz_version *v, struct arena *a, struct str subject,
                                         struct str action, struct str resource, enum authz_outcome *ret,
                                         struct err *err);

/* ---- why (tke-auth can --explain) ---- */
struct authz_near_miss {
    struct str rule;   /* as a line of CSV */
    struct str failed; /* the first clause of the matcher that does not hold */
    unsigned clauses_true, clauses;
};
struct authz_explanation {
    struct authz_decision decision;
    struct str subject;       /* "default##user##alice" */
    const struct str *groups; /* subjects of the groups */
    size_t group_count;
    struct str domain;      /* the project, or "*" */
    struct str rule;        /* the deciding rule as a line of CSV; empty: none */
    const struct str *path; /* links from the subject to the rule's subject, lines of CSV */
    size_t path_count;
    const struct authz_near_miss *near; /* only when no rule decided, nearest first */
    size_t near_count;
};
/* Parses rules to find near misses: for tools, not for requests. */
MUST_CHECK enum err_code authz_explain(const struct authz *z, const struct authz_version *v, struct arena *a,
                                       const struct authz_question *question, size_t near_max,
                                       struct authz_explanation *ret, struct err *err);

/* ---- building ---- */
struct authz_tenant {
    struct str id; /* IdentityProvider, = connector id */
    const struct str *administrators;
    size_t administrator_count;
};
/* Files of rules; they are read by authz_new and again by authz_reload. */
struct authz_files {
    const char *model;  /* casbin model; NULL: the platform's built-in one */
    const char *policy; /* casbin CSV; NULL: no rules */
    const char *abac;   /* JSON lines (contract 4.1); NULL: none */
};
/* Who may ask. A request needs one of the credentials, unless `open`. */
struct authz_access {
    bool open; /* the listener is trusted: everybody who reaches it may ask */
    const struct str
        *names;        /* CN, DNS, e-mail or URI name of a client certificate that the listener verified */
    size_t name_count; /* 0: no certificate is enough */
    /* PEM: the CA whose certificates count, for a listener that knows others, too (client_ca_load). NULL: all that the listener
     * verified. */
    const char *client_ca_file;
    const char *
        token_file; /* one bearer token a line, or TKEStack's token,user,uid,"groups"; '#' comments. NULL: none */
};
/* Another permission centre, asked with SubjectAccessReviews before the local rules. */
struct authz_webhook_options {
    const char *url; /* NULL: there is none */
    const char *ca_file, *client_cert_file, *client_key_file;
    const struct secret *token; /* bearer; NULL: none */
    bool v1;                    /* otherwise v1beta1 */
    bool allow_http, insecure_skip_verify;
    int64_t timeout_ms;                           /* 0: 5 s */
    int64_t authorized_ttl_s, unauthorized_ttl_s; /* of cached answers; 0: not cached */
    unsigned breaker_failures; /* 0: 5 in a row, then it is left alone for breaker_pause_s */
    int64_t breaker_pause_s;   /* 0: 10 s */
    unsigned in_flight_max;    /* 0: 16; beyond: no opinion at once */
};
/* An enforcer without rules, for authz_options.enforcer: of a model file, or of the platform's built-in model (NULL). The caller's, to be
 * freed with enforcer_free. ERR_INVALID names file, line and column. */
MUST_CHECK enum err_code authz_enforcer_new(const char *model_path, const struct random *random,
                                            struct enforcer **ret, struct err *err);
/* The rules of a file of casbin CSV instead of those there are, all or none. ERR_INVALID names file, line and column. */
MUST_CHECK enum err_code authz_enforcer_load(struct enforcer *e, const char *policy_path, struct err *err);
/* Everything but `enforcer`, `log`, `metrics`, `clock` and `random` is copied. */
struct authz_options {
    struct authz_files files;
    struct enforcer
        *enforcer; /* borrowed: rules from elsewhere (controllers); then files.model and .policy are NULL */
    struct str privileged_user;         /* STR_NULL: nobody */
    const struct authz_tenant *tenants; /* known tenants; a caller of another one is denied */
    size_t tenant_count;
    bool any_tenant;       /* there is no list: every tenant is taken as known */
    bool always_deny;      /* no matching rule is a denial, as TKEStack answered */
    bool authn_legacy_401; /* a rejected token is answered with 401, as TKEStack did */
    bool
        authn_any_audience; /* a token is taken whatever audiences the review asks for, as TKEStack did; none are returned then */
    struct authz_access access;
    struct authz_webhook_options webhook;
    unsigned audit_allowed, audit_denied,
        audit_no_opinion; /* every nth decision is an audit event; 0: none */
    const struct clock *clock;
    const struct random *random;
    struct log *log;         /* may be NULL */
    struct metrics *metrics; /* may be NULL */
    int64_t (*now_us)(void); /* for latencies; NULL: the monotonic clock */
};
struct config;
/* What the configuration says: files, tenants, access, the external authorizer out of its kubeconfig. Leaves enforcer, clock, random, log,
 * metrics and now_us to the caller. In `a`, or borrowed from `c`. ERR_INVALID names the kubeconfig, its line and what is wrong. */
MUST_CHECK enum err_code authz_options_from_config(struct arena *a, const struct config *c,
                                                   struct authz_options *ret, struct err *err);
/* Reads the files. ERR_INVALID names file and line. Metrics are registered by name, so a second authz counts on. */
MUST_CHECK enum err_code authz_new(const struct authz_options *options, struct authz **ret, struct err *err);
/* No request may be running on it. NULL is fine. */
void authz_free(struct authz *z);
DEFINE_AUTO_FREE(authz_free, struct authz);
/* Reads the files again if one of them changed (identity, size or time: a handful of stat calls otherwise) and swaps the version;
 * requests that run keep theirs. On an error the last good version stays, and the same content is not tried again. One thread at a
 * time. */
MUST_CHECK enum err_code authz_reload(struct authz *z, bool *ret_changed, struct err *err);
/* Other tenants from now on: decisions that run keep theirs. One thread at a time. */
MUST_CHECK enum err_code authz_set_tenants(struct authz *z, const struct authz_tenant *tenants, size_t count,
                                           struct err *err);
/* Counts versions from 1. */
uint64_t authz_revision(const struct authz *z);
/* ---- the endpoints: POST /auth/authz, /auth/restauthz, /auth/batchauthz, /auth/authn (contract 3.1-3.4) ---- */
enum { AUTHZ_BODY_MAX = 3 * 1024 * 1024, AUTHZ_BATCH_MAX = 4096 };
/* What the handlers need of the snapshot acquired for a request. */
struct authz_app {
    const struct authz *authz;
    /* For TokenReviews, as in struct token_judges: */
    const struct keyset *keys; /* our own; NULL: every ID token is rejected */
    struct str issuer;
    apikey_finder find_key; /* NULL: every API key is rejected */
    const void *find_key_ctx;
};
/* The program that serves the routes defines this one (server/, or a test): where its snapshot keeps the authz_app. */
const struct authz_app *authz_app_of(const void *app);
/* On the event loop, or all on workers when authz_needs_worker(): the external authorizer blocks. Chosen when the listener is built, so
 * one that is added later needs a restart (until then the reviews on the loop answer 503). Both end with path NULL. */
extern const struct route authz_routes[];
extern const struct route authz_routes_on_workers[];
bool authz_needs_worker(const struct authz *z);
