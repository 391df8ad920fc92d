#include "authz/review.h"

#include "authz/scan.h"

/* ---- access ---- */

struct spec {
    struct str user, uid;
    struct scan_strings groups; /* of both spellings */
    struct authz_extra *extra;
    size_t extra_count, extra_cap;
    struct authz_attributes resource, path;
    bool has_resource, has_path, has_list;
    struct authz_attributes *list;
    size_t list_len, list_cap;
};

static bool read_name(struct scan *s, void *dest) {
    struct str *name = dest;
    if (!scan_string(s, name))
        return false;
    return name->len <= REVIEW_NAME_MAX || scan_fail(s, ERR_LIMIT, "a name that is too long");
}

/* fieldSelector and labelSelector narrow what is asked; we decide about the whole, so they are only checked to be JSON. */
static const struct scan_field resource_fields[] = {
    { STR("verb"), offsetof(struct authz_attributes, verb), read_name },
    { STR("group"), offsetof(struct authz_attributes, api_group), read_name },
    { STR("version"), offsetof(struct authz_attributes, version), read_name },
    { STR("resource"), offsetof(struct authz_attributes, resource), read_name },
    { STR("subresource"), offsetof(struct authz_attributes, subresource), read_name },
    { STR("name"), offsetof(struct authz_attributes, name), read_name },
    { STR("namespace"), offsetof(struct authz_attributes, namespace), read_name },
};

static bool read_attributes(struct scan *s, struct authz_attributes *at) {
    at->is_resource = true;
    return scan_object(s, resource_fields, ARRAY_LEN(resource_fields), at);
}

static bool read_resource(struct scan *s, void *dest) {
    struct spec *spec = dest;
    spec->has_resource = true;
    return read_attributes(s, &spec->resource);
}

static bool read_path(struct scan *s, void *dest) {
    static const struct scan_field fields[] = {
        { STR("path"), offsetof(struct authz_attributes, resource), read_name },
        { STR("verb"), offsetof(struct authz_attributes, verb), read_name },
    };
    struct spec *spec = dest;
    spec->has_path = true;
    return scan_object(s, fields, ARRAY_LEN(fields), &spec->path);
}

static bool append_attributes(struct scan *s, void *ctx) {
    struct spec *spec = ctx;
    struct authz_attributes *grown = scan_grow(s, spec->list, spec->list_len, &spec->list_cap,
                                               AUTHZ_BATCH_MAX, sizeof *grown);
    if (grown == NULL)
        return false;
    spec->list = grown;
    return read_attributes(s, &grown[spec->list_len++]);
}

static bool read_list(struct scan *s, void *dest) {
    struct spec *spec = dest;
    spec->has_list = true;
    return scan_array(s, append_attributes, spec);
}

static bool append_extra(struct scan *s, struct str key, void *ctx) {
    struct spec *spec = ctx;
    for (size_t i = 0; i < spec->extra_count; i++)
        if (str_eq(spec->extra[i].key, key))
            return scan_fail(s, ERR_INVALID, "a key of extra given twice");
    struct authz_extra *grown = scan_grow(s, spec->extra, spec->extra_count, &spec->extra_cap,
                                          REVIEW_EXTRA_MAX, sizeof *grown);
    if (grown == NULL)
        return false;
    spec->extra = grown;
    struct scan_strings values = { .max = REVIEW_GROUPS_MAX };
    if (!scan_null(s) && !scan_string_array(s, &values))
        return false;
    grown[spec->extra_count++] = (struct authz_extra) { .key = key,
                                                        .values = values.items,
                                                        .value_count = values.len };
    return true;
}

static bool read_extra(struct scan *s, void *dest) { return scan_members(s, append_extra, dest); }

static const struct scan_field access_spec_fields[] = {
    { STR("user"), offsetof(struct spec, user), read_name },
    { STR("uid"), offsetof(struct spec, uid), read_name },
    { STR("groups"), offsetof(struct spec, groups), scan_string_array }, /* v1 */
    { STR("group"), offsetof(struct spec, groups), scan_string_array },  /* v1beta1, and the platform's own */
    { STR("extra"), 0, read_extra },
    { STR("resourceAttributes"), 0, read_resource },
    { STR("nonResourceAttributes"), 0, read_path },
    { STR("resourceAttributesList"), 0, read_list },
};

/* The raw text of the spec is kept for the answer, and read at once. */
struct access_body {
    struct review_head head;
    struct spec spec;
};

static bool read_access_spec(struct scan *s, void *dest) {
    struct access_body *body = dest;
    const char *from = s->at;
    if (!scan_object(s, access_spec_fields, ARRAY_LEN(access_spec_fields), &body->spec))
        return false;
    body->head.spec = str_trim((struct str) { from, (size_t)(s->at - from) });
    return true;
}

/* An API group that is not Kubernetes' is the platform's own business and taken as it comes. */
static enum err_code check_head(const struct review_head *head, struct str kind, struct str api_group,
                                struct err *err) {
    if (head->kind.len != 0 && !str_eq(head->kind, kind))
        return err_set(err, ERR_INVALID, "the kind is not %.*s", STR_FMT(kind));
    struct str group, version;
    if (str_cut(head->api_version, '/', &group, &version) && str_eq(group, api_group) &&
        !str_eq(version, STR("v1")) && !str_eq(version, STR("v1beta1")))
        return err_set(err, ERR_INVALID, "only v1 and v1beta1 of %.*s are known", STR_FMT(api_group));
    return ERR_OK;
}

static enum err_code check_access(const struct spec *spec, struct err *err) {
    if (spec->user.len == 0)
        return err_set(err, ERR_INVALID, "spec.user is empty");
    if (spec->has_resource && spec->has_path)
        return err_set(err, ERR_INVALID, "spec has resourceAttributes and nonResourceAttributes");
    if (!spec->has_resource && !spec->has_path && !spec->has_list)
        return err_set(err, ERR_INVALID,
                       "spec has none of resourceAttributes, nonResourceAttributes, resourceAttributesList");
    if (spec->list_len > 1 && spec->list_len * spec->groups.len > REVIEW_WORK_MAX)
        return err_set(err, ERR_LIMIT, "too many groups for so many questions: ask in several reviews");
    return ERR_OK;
}

enum err_code access_review_parse(struct arena *a, struct str body, struct access_review *ret,
                                  struct err *err) {
    static const struct scan_field fields[] = {
        { STR("apiVersion"), offsetof(struct access_body, head.api_version), scan_string },
        { STR("kind"), offsetof(struct access_body, head.kind), scan_string },
        { STR("metadata"), offsetof(struct access_body, head.metadata), scan_raw },
        { STR("spec"), 0, read_access_spec },
    };
    struct access_body *b = arena_alloc(a, sizeof *b);
    if (b == NULL)
        return err_set(err, ERR_NOMEM, "a review");
    b->spec.groups.max = REVIEW_GROUPS_MAX;
    b->spec.groups.item_max = REVIEW_NAME_MAX;
    struct scan s;
    scan_init(&s, a, body);
    if (scan_object(&s, fields, ARRAY_LEN(fields), b))
        (void)scan_end(&s);
    enum err_code rc = scan_check(&s, err);
    if (rc != ERR_OK)
        return rc;
    if ((rc = check_head(&b->head, STR("SubjectAccessReview"), STR("authorization.k8s.io"), err)) != ERR_OK ||
        (rc = check_access(&b->spec, err)) != ERR_OK)
        return rc;
    const struct spec *spec = &b->spec;
    *ret = (struct access_review) {
        .head = b->head,
        .user = { .name = spec->user,
                  .uid = spec->uid,
                  .groups = spec->groups.items,
                  .group_count = spec->groups.len,
                  .extra = spec->extra,
                  .extra_count = spec->extra_count },
        .attributes = spec->has_resource ? &spec->resource
                      : spec->has_path   ? &spec->path
                                         : NULL,
        .list = spec->list,
        .list_len = spec->list_len,
        .has_list = spec->has_list,
    };
    return ERR_OK;
}

/* ---- tokens ---- */

struct token_body {
    struct review_head head;
    struct str token, audiences_json;
    struct scan_strings audiences;
};

static bool read_audiences(struct scan *s, void *dest) {
    struct token_body *body = dest;
    const char *from = s->at;
    if (!scan_string_array(s, &body->audiences))
        return false;
    body->audiences_json = str_trim((struct str) { from, (size_t)(s->at - from) });
    return true;
}

static bool read_token_spec(struct scan *s, void *dest) {
    static const struct scan_field fields[] = {
        { STR("token"), offsetof(struct token_body, token), scan_string },
        { STR("audiences"), 0, read_audiences },
    };
    return scan_object(s, fields, ARRAY_LEN(fields), dest);
}

enum err_code token_review_parse(struct arena *a, struct str body, struct token_review *ret,
                                 struct err *err) {
    static const struct scan_field fields[] = {
        { STR("apiVersion"), offsetof(struct token_body, head.api_version), scan_string },
        { STR("kind"), offsetof(struct token_body, head.kind), scan_string },
        { STR("metadata"), offsetof(struct token_body, head.metadata), scan_raw },
        { STR("spec"), 0, read_token_spec },
    };
    struct token_body b = { .audiences.max = REVIEW_AUDIENCES_MAX };
    struct scan s;
    scan_init(&s, a, body);
    if (scan_object(&s, fields, ARRAY_LEN(fields), &b))
        (void)scan_end(&s);
    enum err_code rc = scan_check(&s, err);
    if (rc != ERR_OK)
        return rc;
    if ((rc = check_head(&b.head, STR("TokenReview"), STR("authentication.k8s.io"), err)) != ERR_OK)
        return rc;
    if (b.token.len == 0)
        return err_set(err, ERR_INVALID, "spec.token is empty");
    *ret = (struct token_review) { .head = b.head,
                                   .token = b.token,
                                   .audiences = b.audiences.items,
                                   .audience_count = b.audiences.len,
                                   .audiences_json = b.audiences_json };
    return ERR_OK;
}
