/* resource owns the objects of auth.tkestack.io/v1: one descriptor per kind (names, fields, what is checked, what it is found by,
 * which rules it produces), and writing them to the store together with everything that must follow, in one transaction. It
 * must never speak HTTP, ask a directory, or decide who may.
 *
 * An object is stored as the JSON its readers get, without apiVersion, kind and metadata.resourceVersion, which are the kind's and
 * the store's to tell; what must never come back (hashes, passwords, keys) is in the secret beside it. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/crypto.h"
#include "tkeauth/model.h"
#include "tkeauth/store.h"

#define RESOURCE_GROUP "auth.tkestack.io"
#define RESOURCE_VERSION "v1"
#define RESOURCE_API_VERSION RESOURCE_GROUP "/" RESOURCE_VERSION
/* Annotation of objects that mirror the configuration: "configuration". */
#define RESOURCE_SOURCE_ANNOTATION RESOURCE_GROUP "/source"
#define RESOURCE_SOURCE_HASH_ANNOTATION RESOURCE_GROUP "/source-hash"

enum {
    RESOURCE_BODY_MAX = 768 * 1024, /* of one object as stored */
    RESOURCE_NAME_MAX = 253,
    RESOURCE_RULES_MAX = 20000,   /* that one object may produce */
    RESOURCE_SUBJECTS_MAX = 5000, /* users, and groups, of one object */
    RESOURCE_TENANTS_MAX = 10000, /* without those of the configuration */
    RESOURCE_CLIENTS_MAX = 100000,
    RESOURCE_CAUSES_MAX = 64,
    RESOURCE_WARNINGS_MAX = 32
};

/* ---- fields: one table drives decoding, checking, defaults, OpenAPI and server-side apply ---- */
enum field_type {
    FIELD_STRING,
    FIELD_BOOL,
    FIELD_INT,
    FIELD_TIME,       /* RFC 3339, or null */
    FIELD_BYTES,      /* base64 */
    FIELD_STRINGS,    /* list of strings */
    FIELD_STRING_MAP, /* string -> string */
    FIELD_BYTES_MAP,  /* string -> base64 */
    FIELD_OBJECT,     /* `fields` */
    FIELD_OBJECTS,    /* list of `fields` */
    FIELD_ANY,        /* whatever JSON: checked elsewhere */
};
enum field_flags {
    FIELD_REQUIRED = 1,   /* must be there and not empty */
    FIELD_IMMUTABLE = 2,  /* may not change after creation */
    FIELD_WRITE_ONLY = 4, /* taken, kept in the secret, never given back */
    FIELD_READ_ONLY = 8,  /* set by the server; what clients send is ignored */
    FIELD_OMIT_EMPTY =
        16, /* left out when empty; the others are always there: "", false, 0, null for lists and maps */
};
enum list_type { LIST_ATOMIC, LIST_SET, LIST_MAP }; /* x-kubernetes-list-type */
struct field {
    const char *name;
    enum field_type type;
    unsigned flags;
    const struct field *fields; /* ends with name NULL */
    int64_t min, max; /* bytes of a string, items of a list or map, value of a number; both 0: any */
    const char *const *choices; /* NULL-terminated */
    const char *fallback;       /* of an absent string */
    const char *alias; /* another spelling that is taken and stored under `name` ("spec" for "Spec") */
    enum list_type list_type;
    const char *list_key; /* of LIST_MAP: the member that tells items apart */
    bool atomic;          /* of an object or map: server-side apply owns it as a whole */
    /* More about the value, or NULL. Returns what is wrong ("must be ..."), or NULL when it is fine; only called for a value of the right
     * type that is not empty. */
    const char *(*check)(const json_t *value);
    const char *help; /* what `kubectl explain` says */
};
extern const struct field resource_metadata_fields[]; /* ObjectMeta */

/* ---- refusals: what a client is told ---- */
struct cause {
    const char *
        reason; /* "FieldValueRequired", "FieldValueInvalid", "FieldValueNotSupported", "FieldValueForbidden",
                         * "FieldValueDuplicate", "FieldValueNotFound", "FieldValueTooLong", "FieldValueTypeInvalid" */
    const char *field; /* "spec.statement.actions[2]" */
    const char *message;
};
/* Why a request is not met, in the words of a Kubernetes Status; all strings in `arena`. status 0: it is. The first refusal stays. */
struct refusal {
    struct arena *arena;
    unsigned status;    /* 400, 403, 404, 409, 413, 422, 503 ... */
    const char *reason; /* "Invalid", "Conflict", "AlreadyExists" ... */
    const char *message;
    struct cause causes[RESOURCE_CAUSES_MAX];
    size_t cause_count;
    const char *warnings
        [RESOURCE_WARNINGS_MAX]; /* sent along with a request that is met: what was ignored, and why */
    size_t warning_count;
    int retry_after_s; /* 0: not told */
};
/* Notes the refusal and returns ERR_FORBIDDEN, ERR_INVALID ... as fits `status`; `return refuse(...)` is the idiom. */
enum err_code refuse(struct refusal *r, unsigned status, const char *reason, const char *fmt, ...)
    PRINTF(4, 5);
/* Adds a cause of "is invalid" (422); the message is made of all causes by refusal_check. */
void refuse_field(struct refusal *r, const char *reason, const char *field, const char *fmt, ...)
    PRINTF(4, 5);
/* ERR_INVALID with status 422 when there is any cause: `Policy.auth.tkestack.io "x" is invalid: ...`. */
struct kind;
MUST_CHECK enum err_code refusal_check(struct refusal *r, const struct kind *k, struct str name,
                                       struct err *err);
void warn(struct refusal *r, const char *fmt, ...) PRINTF(2, 3);

/* ---- kinds ---- */
enum resource_verb {
    RESOURCE_GET = 1,
    RESOURCE_LIST = 2,
    RESOURCE_WATCH = 4,
    RESOURCE_CREATE = 8,
    RESOURCE_UPDATE = 16,
    RESOURCE_PATCH = 32,
    RESOURCE_DELETE = 64,
    RESOURCE_DELETE_COLLECTION = 128,
    RESOURCE_ALL = 255,
};
struct column { /* of a Table, besides the name */
    const char *name, *type,
        *path; /* type: "string", "integer", "date"; path: "spec.displayName", "status.users#" (how many) */
    bool wide; /* only with -o wide */
    const char *help;
};
/* Where an object's tenant is written. */
enum kind_tenancy {
    TENANCY_SPEC,     /* spec.tenantID; "" for the platform's own */
    TENANCY_NAME,     /* IdentityProvider: its name */
    TENANCY_TOP,      /* Project: tenantID */
    TENANCY_PLATFORM, /* the platform's; tenants may look (Category) or not */
};
struct resource_env; /* below */
struct resource_write;
struct rule_list;
struct index_list;
struct kind {
    const char *kind, *plural, *singular, *short_name;
    bool namespaced, is_virtual; /* virtual: made of something else when asked for, never stored */
    unsigned verbs;              /* set of enum resource_verb */
    enum kind_tenancy tenancy;
    bool tenants_may_read;             /* of TENANCY_PLATFORM */
    const struct field *fields;        /* besides metadata: spec, status, data ... */
    const char *spec_key, *status_key; /* "spec", "Spec"; NULL: there is none */
    const char *generate_prefix;       /* "usr-"; NULL: a name must be given */
    const char *name_path;             /* "spec.id": where the name stands, too; NULL: nowhere */
    const char *finalizer;             /* in spec.finalizers; NULL: deleted at once */
    const char *phase_deleting;        /* "Terminating", "Deleting" */
    size_t
        count_max; /* objects there may be, besides those of the configuration; 0: as many as there is room for */
    const char *stamp;  /* member of the status that tells when it was last changed; NULL: none */
    bool name_is_label; /* DNS-1123 label instead of subdomain */
    bool name_is_free;  /* anything that fits into a path */
    const char *const
        *selectable; /* field paths of field selectors besides metadata.name and metadata.namespace */
    const struct column *columns; /* ends with name NULL */
    const char *help;
    /* ---- all may be NULL ---- */
    /* Forces and fills in what follows from others (names, finalizers, defaults). `w->old` NULL: creation. */
    enum err_code (*prepare)(const struct resource_env *env, struct resource_write *w, struct refusal *r,
                             struct err *err);
    /* What the table of fields cannot tell; adds causes. */
    void (*validate)(const struct resource_env *env, const struct resource_write *w, struct refusal *r);
    /* In the transaction: references to other objects. */
    enum err_code (*admit)(const struct resource_env *env, struct store_tx *tx, struct resource_write *w,
                           struct refusal *r, struct err *err);
    /* What it is found by, besides its tenant. */
    void (*index)(const json_t *object, struct index_list *out);
    /* The rules it produces while it is active; in the transaction, to look at what it refers to. */
    enum err_code (*rules)(struct store_tx *tx, struct arena *a, const json_t *object, struct rule_list *out,
                           struct err *err);
    /* In the transaction, after it was written or removed (`w->object` NULL): what else must change with it. */
    enum err_code (*follow)(const struct resource_env *env, struct store_tx *tx,
                            const struct resource_write *w, struct refusal *r, struct err *err);
};
/* All kinds, NULL-terminated, in the order of discovery. */
const struct kind *const *resource_kinds(void);
const struct kind *resource_kind(struct str plural);          /* NULL: there is none */
const struct kind *resource_kind_named(struct str kind_name); /* "Policy" */
extern const struct kind kind_local_identity, kind_api_key, kind_api_signing_key, kind_category, kind_policy,
    kind_project_policy_binding, kind_custom_policy_binding, kind_role, kind_local_group, kind_rule,
    kind_identity_provider, kind_client, kind_config_map, kind_user, kind_group, kind_project;

/* ---- parts of objects ---- */
const json_t *object_metadata(const json_t *object); /* NULL: none */
struct str object_name(const json_t *object);
struct str object_namespace(const json_t *object);
struct str object_tenant(const struct kind *k, const json_t *object);
bool object_is_deleting(const json_t *object);
bool object_is_mirror(const json_t *object); /* of what the configuration file says */
/* The value at "spec.statement.effect"; NULL: absent. Dots separate; no list indexes. */
const json_t *object_at(const json_t *object, const char *path);
struct str object_str_at(const json_t *object, const char *path); /* STR_NULL: absent or no string */
/* "name", or "namespace/name" of namespaced kinds: what the store knows it by. In `a`. */
struct str object_store_name(struct arena *a, const struct kind *k, const json_t *object);
/* The JSON a client gets: {"kind":...,"apiVersion":...,"metadata":{...,"resourceVersion":"7"},...}, from a stored body, without parsing it
 * when it can be spliced. */
void object_print(const struct kind *k, struct str body, int64_t revision, struct strbuf *out);
/* Users and groups of a policy, role, group or binding. */
struct subject_lists {
    const json_t *users, *groups; /* arrays of {"id","name"}; NULL: none */
};
struct subject_lists object_subjects(const struct kind *k, const json_t *object);
/* Where those lists are: "status" or "spec"; NULL: the kind has none. */
const char *kind_subjects_key(const struct kind *k);

/* What a name, label key or label value must be, as Kubernetes has it; NULL: it is one. `label`: DNS-1123 label instead of subdomain. */
const char *name_problem(struct str name, bool label);
const char *label_key_problem(struct str key);
const char *label_value_problem(struct str value);

/* ---- index keys; all in `a` ---- */
struct str index_tenant(struct arena *a, struct str tenant);
struct str index_username(struct arena *a, struct str tenant,
                          struct str username); /* LocalIdentity, unique */
struct str index_email(struct arena *a, struct str tenant,
                       struct str email); /* LocalIdentity; ASCII case aside */
struct str index_user(struct arena *a, struct str tenant, struct str id); /* who has this user as a subject */
struct str index_group(struct arena *a, struct str tenant, struct str id); /* likewise a group */
struct str index_policy(struct arena *a, struct str policy);   /* roles and bindings of a policy */
struct str index_project(struct arena *a, struct str project); /* bindings and roles of a project */
struct str index_owner(struct arena *a, struct str tenant, struct str username); /* API keys of a user */
struct str index_digest(struct arena *a, const unsigned char sha256[32]);        /* the API key, unique */
/* Deleted objects that wait for the daemon: for resource_finish, and of IdentityProviders for resource_end_tenant. */
struct str index_deleting(struct arena *a);
void index_add(struct index_list *out, struct str key, bool unique);

/* ---- rules: casbin lines that objects produce (contract 5.1, 5.2) ---- */
void rule_add_policy(struct rule_list *out, struct str subject, struct str resource, struct str action,
                     struct str effect);
void rule_add_group(struct rule_list *out, struct str member, struct str role, struct str domain);
struct str key_of_user(struct arena *a, struct str tenant, struct str username); /* "t##user##alice" */
struct str key_of_group(struct arena *a, struct str tenant, struct str id);      /* "t##group##grp-x" */
/* A rule as the store has it: kind "rules", name "rul-<hash>", body {"spec":{"ptype":...,"v0":...}}. */
struct rule_view {
    struct str ptype;
    struct str fields[7];
    size_t len;
};
MUST_CHECK enum err_code rule_read(struct arena *a, struct str body, struct rule_view *ret, struct err *err);
/* A list of rules that nobody's object produces (a policy file, a directory's groups) becomes what `owner` owns; `ret_changed` may be NULL. */
struct rule_source; /* names of owners: */
struct str rule_owner_file(void);
/* A directory's rules are kept in parts, by group, so that no transaction is a long one: its groups may have a hundred thousand members. */
enum { RULE_DIRECTORY_PARTS = 64 };
struct str rule_owner_directory(struct arena *a, struct str tenant, size_t part); /* "directory/acme/17" */
/* The tenant and part of such an owner; false: it is none. */
bool rule_owner_is_directory(struct str owner, struct str *ret_tenant, size_t *ret_part);
struct rule_list *rule_list_new(struct arena *a);                        /* NULL: out of memory */
void rule_list_add(struct rule_list *out, const struct rule_view *rule); /* once, however often it is added */
size_t rule_list_len(const struct rule_list *l);
MUST_CHECK enum err_code rules_set(struct store *s, struct str owner, const struct rule_list *rules,
                                   size_t *ret_changed, struct err *err);
/* Every object's rules computed anew: *ret_changed is how many were not as they should be (0 unless something is broken), and they
 * are corrected. */
MUST_CHECK enum err_code rules_rebuild(const struct resource_env *env, size_t *ret_changed, struct err *err);

/* ---- writing ---- */
struct resource_env {
    struct store *store;
    const struct keyring *keyring;
    const struct clock *clock;
    const struct random *random;
    struct log *log; /* may be NULL */
    /* The connector configuration of an IdentityProvider: NULL when it is fine, else what is wrong, in `a`. NULL: not checked. */
    const char *(*check_connector)(void *ctx, struct arena *a, struct str type, struct str config);
    void *ctx;
    bool keep_keys_on_password_change; /* API keys outlive a change of their user's password */
};
enum resource_part { PART_ALL, PART_STATUS, PART_FINALIZE };
struct resource_write {
    const struct kind *kind;
    struct arena *arena;
    const json_t *old; /* as stored; NULL: creation */
    json_t *object;    /* as it will be stored, without what is write-only; NULL: removal */
    struct str secret; /* new secret; STR_NULL: as it was */
    struct str old_secret;
    const json_t
        *given; /* what the client sent, write-only fields included; NULL: nobody sent anything (a cascade) */
    enum resource_part part;
    int64_t old_revision;
    bool trusted, from_configuration; /* as in resource_options */
};
struct resource_options {
    enum resource_part part;
    bool dry_run;
    struct str manager;   /* of managedFields; STR_NULL: "tke-auth" */
    struct str operation; /* "Update", "Apply" */
    struct str subresource;
    bool keep_managed;     /* the object's managedFields were made by the caller (server-side apply) */
    bool strict;           /* unknown fields are refused (400) instead of warned about */
    bool ignore_unknown;   /* they are not even warned about */
    struct str force_name; /* STR_NULL: metadata.name as given, or generated */
    bool trusted; /* an import or the daemon itself: uid, times, status and hashes are taken as given */
    bool from_configuration; /* the mirror of something the configuration file says */
    /* In the transaction, before it ends: the caller's own writes that belong to it. May be NULL. */
    enum err_code (*also)(void *ctx, struct store_tx *tx, const struct resource_write *w, struct refusal *r,
                          struct err *err);
    void *ctx;
};
/* A new object from what a client sent (not changed). `ret` and `ret_revision`: as stored; the caller owns *ret. Refusals: 409 AlreadyExists,
 * 422, 413 ... */
MUST_CHECK enum err_code resource_create(const struct resource_env *env, const struct kind *k,
                                         struct arena *a, const json_t *given,
                                         const struct resource_options *o, json_t **ret,
                                         int64_t *ret_revision, struct refusal *r, struct err *err);
/* Replaces what the part covers: all but status, status alone, or spec alone. `revision`: what `given` is based on. 404, 409 Conflict, 422. An
 * object whose deletion is under way and whose last finalizer goes is removed: *ret_removed. */
MUST_CHECK enum err_code resource_update(const struct resource_env *env, const struct kind *k,
                                         struct arena *a, struct str name, const json_t *given,
                                         int64_t revision, const struct resource_options *o, json_t **ret,
                                         int64_t *ret_revision, bool *ret_removed, struct refusal *r,
                                         struct err *err);
/* Reads, lets `change` edit the object (also again, when somebody else was faster), and writes it: for the daemon's own changes. An
 * object that stays as it was is not written. */
MUST_CHECK enum err_code
resource_edit(const struct resource_env *env, const struct kind *k, struct arena *a, struct str name,
              const struct resource_options *o,
              enum err_code (*change)(void *ctx, json_t *object, struct refusal *r, struct err *err),
              void *ctx, json_t **ret, int64_t *ret_revision, struct refusal *r, struct err *err);
/* Server-side apply: what the object becomes when `options->manager` applies a configuration, with the managedFields that tell whose fields are
 * whose; for resource_create or resource_update with keep_managed. `live` NULL: there is none yet. Refusals: 400; 409 with a cause for each field
 * that others own (not with `force`). The caller owns *ret. */
MUST_CHECK enum err_code resource_apply(const struct resource_env *env, const struct kind *k, struct arena *a,
                                        const json_t *live, const json_t *applied, bool force,
                                        const struct resource_options *options, json_t **ret,
                                        struct refusal *r, struct err *err);
struct resource_delete {
    struct str uid;   /* precondition; STR_NULL: none */
    int64_t revision; /* precondition; 0: none */
    bool dry_run;
    bool from_configuration; /* also the mirror of something the configuration file says */
    bool at_once; /* skip the visible first phase: removes it and all that follows in one transaction */
};
/* The first phase marks an object with finalizers (deletionTimestamp, phase) and takes its rules away; the second is
 * resource_finish. An object without finalizers is removed, with all that follows from it, in one transaction. */
MUST_CHECK enum err_code resource_remove(const struct resource_env *env, const struct kind *k,
                                         struct arena *a, struct str name, const struct resource_delete *o,
                                         json_t **ret, int64_t *ret_revision, bool *ret_removed,
                                         struct refusal *r, struct err *err);
/* The second phase: what contract 5.3 says, then the object goes unless others' finalizers hold it; one transaction. ERR_OK also when it is
 * gone already. */
MUST_CHECK enum err_code resource_finish(const struct resource_env *env, const struct kind *k,
                                         struct str name, struct err *err);
/* A deleted IdentityProvider takes everything of its tenant with it, piece by piece: one call, one transaction, removes at most `limit`
 * objects with all that follows from them (*ret_removed). When none is left, the rules of its directory go, its people leave the
 * platform's own objects, the finalizer that held it is taken off, and the object goes unless others' finalizers hold it: *ret_done,
 * also when there is nothing to do (any more). A mirror of the configuration only loses the finalizer: a tenant that was taken out of
 * a file by mistake comes back whole. */
MUST_CHECK enum err_code resource_end_tenant(const struct resource_env *env, struct str tenant, size_t limit,
                                             size_t *ret_removed, bool *ret_done, struct err *err);
/* Subjects by id in or out of a policy's, role's or group's lists, in one transaction with `also`. */
MUST_CHECK enum err_code resource_bind(const struct resource_env *env, const struct kind *k, struct arena *a,
                                       struct str name, const json_t *users, const json_t *groups, bool bind,
                                       const struct resource_options *o, json_t **ret, int64_t *ret_revision,
                                       struct refusal *r, struct err *err);
/* "usr-x7k2m9qd": eight characters of the platform's alphabet behind `prefix`, with '-' between when it lacks one. In `a`. */
struct str resource_generate_name(struct arena *a, const struct random *random, struct str prefix);

/* ---- typed views ---- */
/* A LocalIdentity (read with its secret) as the model has it. Strings live in `a` and `o`. */
MUST_CHECK enum err_code resource_local_user(struct arena *a, const struct store_object *o,
                                             struct local_user *ret, struct err *err);
MUST_CHECK enum err_code resource_client(struct arena *a, const struct store_object *o, struct client *ret,
                                         struct err *err);
/* A better hash of the same password (at login). ERR_CONFLICT: the identity has changed since `revision`. */
MUST_CHECK enum err_code resource_set_password_hash(struct store *s, struct str name, int64_t revision,
                                                    struct str hash, struct err *err);
/* What APISigningKey secrets are sealed for. */
#define API_SIGNING_KEY_PURPOSE "api-signing-key"
/* The one that signs new API keys. */
#define API_SIGNING_KEY_NAME "default-api-signing-key"
struct identity_provider {
    struct str id, name, type;
    struct str config; /* JSON, with its passwords; in `a`, which wipes it */
    struct str_list administrators;
    bool from_configuration; /* a mirror of what the configuration file says */
    bool is_deleting;
    int64_t revision;
};
/* `keyring` opens the passwords. */
MUST_CHECK enum err_code resource_identity_provider(struct arena *a, const struct keyring *keyring,
                                                    const struct store_object *o,
                                                    struct identity_provider *ret, struct err *err);
struct api_key {
    struct str name, tenant, username, uid, description;
    unsigned char digest[32];
    int64_t issued_at, expires_at;
    bool disabled;
};
MUST_CHECK enum err_code resource_api_key(struct arena *a, struct str body, struct api_key *ret,
                                          struct err *err);

/* Objects as earlier versions stored them (clients and local users in a form of their own) are rewritten. Idempotent; at start. */
MUST_CHECK enum err_code resource_migrate(const struct resource_env *env, struct err *err);
/* Every object with its secret, rules aside, into a store that has none: what is tried out there changes nothing here. */
MUST_CHECK enum err_code resource_copy(struct store *from, struct store *to, struct err *err);
