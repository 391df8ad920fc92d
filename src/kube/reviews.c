#include "kube/reviews.h"

#include "enforcer/enforcer.h"
#include "kube/access.h"
#include "kube/review_proto.h"

enum { RULES_SHOWN_MAX = 500 };

static json_t *text(struct str s) { return json_stringn(s.len ? s.ptr : "", s.len); }

static json_t *texts(const struct str *items, size_t len) {
    json_t *list = json_array();
    for (size_t i = 0; i < len; i++)
        (void)json_array_append_new(list, text(items[i]));
    return list;
}

/* The review that came, with its status set. */
static enum err_code answer_with(struct kube_request *kr, json_t *review, json_t *status, struct err *err) {
    if (status == NULL || json_object_set_new(review, "status", status) != 0)
        return err_set(err, ERR_NOMEM, "a review");
    return verb_answer_plain(kr, 201, review, err);
}

static enum err_code read_protobuf(struct kube_request *kr, json_t **ret, struct err *err) {
    json_t *review = NULL;
    enum err_code rc = review_from_protobuf(kr->req->body, &review, err);
    if (rc == ERR_INVALID || rc == ERR_LIMIT)
        return refuse(&kr->refusal, 400, "BadRequest", "the body cannot be read: %s", err->detail);
    if (rc == ERR_OK && (*ret = keep_json(kr, review)) == NULL)
        rc = err_set(err, ERR_NOMEM, "a review");
    return rc;
}

static enum err_code read_review(struct kube_request *kr, json_t **ret, struct err *err) {
    json_t *review = NULL;
    bool is_protobuf = str_eq(request_media_type(kr), STR(REVIEW_PROTOBUF_TYPE));
    enum err_code rc = is_protobuf ? read_protobuf(kr, &review, err) : request_body(kr, NULL, &review, err);
    if (rc == ERR_OK && !json_is_object(object_metadata(review)))
        (void)json_object_set_new(review, "metadata", json_pack("{s:n}", "creationTimestamp"));
    if (rc == ERR_OK)
        *ret = review;
    return rc;
}

/* ---- who am I (KEP-3325) ---- */

enum err_code review_self(struct kube_request *kr, struct err *err) {
    const struct principal *p = &kr->who;
    json_t *review = NULL;
    enum err_code rc = read_review(kr, &review, err);
    if (rc != ERR_OK)
        return rc;
    json_t *user = json_object(), *extra = json_object();
    (void)json_object_set_new(user, "username", text(p->name));
    if (p->uid.len > 0)
        (void)json_object_set_new(user, "uid", text(p->uid));
    (void)json_object_set_new(user, "groups", texts(p->groups, p->group_count));
    for (size_t i = 0; i < p->extra_count; i++)
        (void)json_object_setn_new(extra, p->extra[i].key.ptr, p->extra[i].key.len,
                                   texts(p->extra[i].values, p->extra[i].value_count));
    if (p->extra_count > 0)
        (void)json_object_set(user, "extra", extra);
    json_decref(extra);
    return answer_with(kr, review, json_pack("{s:o}", "userInfo", user), err);
}

/* ---- may I ---- */

/* kubectl names the namespace it stands in whatever it asks about; our own kinds know better. */
static void forget_needless_namespace(struct authz_attributes *at) {
    if (!str_eq(at->api_group, STR(RESOURCE_GROUP)))
        return;
    const struct kind *k = resource_kind(at->resource);
    if (k != NULL && !k->namespaced)
        at->namespace = STR_NULL;
}

static bool read_attributes(const json_t *spec, struct authz_attributes *ret) {
    const json_t *r = json_object_get(spec, "resourceAttributes"),
                 *n = json_object_get(spec, "nonResourceAttributes");
    if (json_is_object(r)) {
        *ret = (struct authz_attributes) { .verb = json_get_str(r, "verb"),
                                           .api_group = json_get_str(r, "group"),
                                           .version = json_get_str(r, "version"),
                                           .resource = json_get_str(r, "resource"),
                                           .subresource = json_get_str(r, "subresource"),
                                           .name = json_get_str(r, "name"),
                                           .namespace = json_get_str(r, "namespace"),
                                           .is_resource = true };
        forget_needless_namespace(ret);
        return true;
    }
    if (!json_is_object(n))
        return false;
    *ret = (struct authz_attributes) { .verb = json_get_str(n, "verb"), .resource = json_get_str(n, "path") };
    return true;
}

static json_t *decision_json(const struct authz_decision *d) {
    json_t *status = json_object();
    (void)json_object_set_new(status, "allowed", json_boolean(d->outcome == AUTHZ_ALLOWED));
    if (d->outcome == AUTHZ_DENIED)
        (void)json_object_set_new(status, "denied", json_true());
    if (d->reason.len > 0)
        (void)json_object_set_new(status, "reason", text(d->reason));
    if (d->error.len > 0)
        (void)json_object_set_new(status, "evaluationError", text(d->error));
    return status;
}

enum err_code review_access_self(struct kube_request *kr, struct err *err) {
    json_t *review = NULL;
    struct authz_attributes at;
    struct authz_decision d = { .outcome = AUTHZ_ALLOWED, .reason = STR("a caller who may do everything") };
    enum err_code rc = read_review(kr, &review, err);
    if (rc == ERR_OK && !read_attributes(json_object_get(review, "spec"), &at))
        return refuse(&kr->refusal, 400, "BadRequest",
                      "spec has neither resourceAttributes nor nonResourceAttributes");
    if (rc == ERR_OK && !access_is_privileged(kr)) {
        rc = access_ask(kr, &at, &d, err);
        if (rc == ERR_OK && kr->who.tenant.len > 0 && str_eq(at.api_group, STR(RESOURCE_GROUP)) &&
            str_eq(at.resource, STR("apikeys")) && d.outcome == AUTHZ_NO_OPINION) {
            d.outcome = AUTHZ_ALLOWED;
            d.reason = STR("everybody has their own API keys");
        }
    }
    return rc == ERR_OK ? answer_with(kr, review, decision_json(&d), err) : rc;
}

/* ---- what may I: the rules, in the platform's words; nobody can list what would match a pattern ---- */

struct shown_rules {
    json_t *list;
};

static void add_rule(json_t *list, const char *group, struct str resource, struct str action) {
    json_t *rule = json_pack("{s:[s], s:[o], s:[o]}", "apiGroups", group, "resources", text(resource),
                             "verbs", text(action));
    if (rule != NULL)
        (void)json_array_append_new(list, rule);
}

static bool show_rule(void *ctx, const struct enforcer_rule *rule) {
    struct shown_rules *s = ctx;
    struct enforcer_str resource = enforcer_rule_field(rule, 2), action = enforcer_rule_field(rule, 3),
                        effect = enforcer_rule_field(rule, 4);
    if (effect.len == 5 && memcmp(effect.ptr, "allow", 5) == 0)
        add_rule(s->list, "*", (struct str) { resource.ptr, resource.len },
                 (struct str) { action.ptr, action.len });
    return json_array_size(s->list) < RULES_SHOWN_MAX;
}

static void show_rules_of(struct kube_request *kr, struct str subject, struct shown_rules *s) {
    const struct enforcer_snapshot *rules = enforcer_acquire(kr->app->enforcer);
    struct str domain = kr->scope.project.len > 0 ? kr->scope.project : STR("*");
    const struct enforcer_str in = { domain.ptr, domain.len };
    struct enforcer_error ignored;
    (void)!enforcer_implicit_permissions(rules, (struct enforcer_str) { subject.ptr, subject.len }, &in,
                                         show_rule, s, &ignored);
    enforcer_release(kr->app->enforcer, rules);
}

static bool may_everything(struct kube_request *kr) {
    if (access_is_privileged(kr))
        return true;
    struct authz_version version;
    authz_acquire(kr->app->authz, &version);
    bool may = kr->who.tenant.len > 0 && authz_is_administrator(&version, kr->who.tenant, kr->who.name);
    authz_release(kr->app->authz, &version);
    return may;
}

static json_t *rules_status(json_t *rules, bool is_complete) {
    json_t *status = json_pack("{s:o, s:[], s:b}", "resourceRules", rules, "nonResourceRules", "incomplete",
                               !is_complete);
    if (status != NULL && !is_complete)
        (void)json_object_set_new(
            status, "evaluationError",
            json_string("verbs and resources are patterns of the platform's actions and resources"));
    return status;
}

enum err_code review_rules_self(struct kube_request *kr, struct err *err) {
    json_t *review = NULL;
    struct shown_rules s = { json_array() };
    enum err_code rc = read_review(kr, &review, err);
    if (rc != ERR_OK || s.list == NULL) {
        json_decref(s.list);
        return rc != ERR_OK ? rc : err_set(err, ERR_NOMEM, "rules");
    }
    bool everything = may_everything(kr);
    if (everything)
        add_rule(s.list, "*", STR("*"), STR("*"));
    else {
        show_rules_of(kr, key_of_user(kr->arena, kr->who.tenant, kr->who.name), &s);
        for (size_t i = 0; i < kr->who.group_count; i++)
            show_rules_of(kr, key_of_group(kr->arena, kr->who.tenant, kr->who.groups[i]), &s);
    }
    return answer_with(kr, review, rules_status(s.list, everything), err);
}

/* ---- may they ---- */

static const struct str *strings(struct kube_request *kr, const json_t *list, size_t *ret_len) {
    struct str *items = arena_array(kr->arena, json_array_size(list) + 1, sizeof *items);
    *ret_len = 0;
    for (size_t i = 0; items != NULL && i < json_array_size(list); i++)
        if (json_is_string(json_array_get(list, i)))
            items[(*ret_len)++] = (struct str) { json_string_value(json_array_get(list, i)),
                                                 json_string_length(json_array_get(list, i)) };
    return items;
}

static enum err_code ask_about(struct kube_request *kr, const json_t *spec, const struct authz_attributes *at,
                               struct authz_decision *ret, struct err *err) {
    const json_t *extra = json_object_get(spec, "extra");
    struct authz_extra *list = arena_array(kr->arena, json_object_size(extra) + 1, sizeof *list);
    struct authz_user user = { .name = json_get_str(spec, "user"),
                               .uid = json_get_str(spec, "uid"),
                               .extra = list };
    const char *key;
    json_t *values;
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "a review");
    user.groups = strings(kr, json_object_get(spec, "groups"), &user.group_count);
    json_object_foreach((json_t *)(uintptr_t)extra, key, values) {
        struct authz_extra *e = &list[user.extra_count++];
        e->key = str_of(key);
        e->values = strings(kr, values, &e->value_count);
    }
    struct authz_version version;
    const struct authz_question q = { .user = user, .attributes = *at, .request_id = kr->req->request_id };
    authz_acquire(kr->app->authz, &version);
    enum err_code rc = authz_decide(kr->app->authz, &version, kr->arena, &q, ret, err);
    authz_release(kr->app->authz, &version);
    return rc;
}

enum err_code review_access(struct kube_request *kr, struct err *err) {
    json_t *review = NULL;
    struct authz_attributes at;
    struct authz_decision d;
    bool may = false;
    enum err_code rc = access_may(kr, "create", "subjectaccessreviews", NULL, STR_NULL, &may, err);
    if (rc == ERR_OK && (!may || kr->who.tenant.len > 0)) /* what others may do is the platform's to know */
        return refuse(
            &kr->refusal, 403, "Forbidden",
            "subjectaccessreviews.authorization.k8s.io is forbidden: User \"%.*s\" cannot ask about others",
            STR_FMT(str_sub(kr->who.name, 0, 200)));
    if (rc == ERR_OK)
        rc = read_review(kr, &review, err);
    const json_t *spec = json_object_get(review, "spec");
    if (rc == ERR_OK && (json_get_str(spec, "user").len == 0 || !read_attributes(spec, &at)))
        return refuse(&kr->refusal, 400, "BadRequest",
                      "spec needs a user and resourceAttributes or nonResourceAttributes");
    if (rc == ERR_OK)
        rc = ask_about(kr, spec, &at, &d, err);
    return rc == ERR_OK ? answer_with(kr, review, decision_json(&d), err) : rc;
}
