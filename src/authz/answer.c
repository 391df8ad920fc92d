#include "authz/answer.h"

static void add_raw(struct strbuf *out, bool *first, const char *name, struct str json) {
    json_key(out, first, name);
    strbuf_add(out, json);
}

/* What came in is repeated as it came; kube-apiserver insists on its own apiVersion. */
static void add_head(struct strbuf *out, bool *first, const struct review_head *head) {
    if (head->kind.len != 0)
        json_field_str(out, first, "kind", head->kind);
    if (head->api_version.len != 0)
        json_field_str(out, first, "apiVersion", head->api_version);
    add_raw(out, first, "metadata",
            head->metadata.len != 0 ? head->metadata : STR("{\"creationTimestamp\":null}"));
}

static void add_decision(struct strbuf *out, bool *first, const struct authz_decision *d) {
    json_field_bool(out, first, "allowed", d->outcome == AUTHZ_ALLOWED);
    if (d->outcome == AUTHZ_DENIED)
        json_field_bool(out, first, "denied", true);
    if (d->reason.len != 0)
        json_field_str(out, first, "reason", d->reason);
    if (d->error.len != 0)
        json_field_str(out, first, "evaluationError", d->error);
}

void answer_access(struct strbuf *out, const struct review_head *head, const struct authz_decision *d) {
    bool first = true, inner = true;
    strbuf_addc(out, '{');
    add_head(out, &first, head);
    add_raw(out, &first, "spec", head->spec);
    add_raw(out, &first, "status", STR("{"));
    add_decision(out, &inner, d);
    strbuf_add(out, STR("}}"));
}

void answer_batch_begin(struct strbuf *out, const struct review_head *head) {
    bool first = true;
    strbuf_addc(out, '{');
    add_head(out, &first, head);
    add_raw(out, &first, "spec", head->spec);
    add_raw(out, &first, "status", STR("{\"allowed\":false,\"allowedList\":["));
}

void answer_batch_item(struct strbuf *out, bool first, const struct authz_attributes *asked,
                       const struct authz_decision *d) {
    bool inner = true;
    strbuf_adds(out, first ? "{" : ",{");
    json_field_str(out, &inner, "resource", asked->resource);
    json_field_str(out, &inner, "web",
                   asked->verb); /* contract 3.4: a slip in the platform's tag that clients read */
    add_decision(out, &inner, d);
    strbuf_addc(out, '}');
}

void answer_batch_end(struct strbuf *out) { strbuf_add(out, STR("]}}")); }

static void add_list(struct strbuf *out, const struct str *items, size_t len) {
    strbuf_addc(out, '[');
    for (size_t i = 0; i < len; i++) {
        if (i != 0)
            strbuf_addc(out, ',');
        json_add_string(out, items[i]);
    }
    strbuf_addc(out, ']');
}

/* "system:authenticated" comes last, and is not what a token says (contract 3.1): kube-apiserver adds it by itself. */
static size_t own_groups(const struct principal *user) {
    return user->group_count != 0 ? user->group_count - 1 : 0;
}

static void add_user(struct strbuf *out, const struct principal *user) {
    bool first = true, extra = true;
    strbuf_addc(out, '{');
    json_field_str(out, &first, "username", user->name);
    if (user->uid.len != 0)
        json_field_str(out, &first, "uid", user->uid);
    if (own_groups(user) != 0) {
        json_key(out, &first, "groups");
        add_list(out, user->groups, own_groups(user));
    }
    add_raw(out, &first, "extra", STR("{"));
    for (size_t i = 0; i < user->extra_count; i++) {
        if (!extra)
            strbuf_addc(out, ',');
        extra = false;
        json_add_string(out, user->extra[i].key);
        strbuf_addc(out, ':');
        add_list(out, user->extra[i].values, user->extra[i].value_count);
    }
    strbuf_add(out, STR("}}"));
}

void answer_token(struct strbuf *out, const struct token_review *review, const struct principal *user,
                  const struct str *audiences, size_t audience_count, struct str error) {
    bool first = true, spec = true, status = true;
    strbuf_addc(out, '{');
    add_head(out, &first, &review->head);
    add_raw(out, &first, "spec", STR("{"));
    if (review->audiences_json.len != 0)
        add_raw(out, &spec, "audiences", review->audiences_json);
    strbuf_addc(out, '}');
    add_raw(out, &first, "status", STR("{"));
    json_field_bool(out, &status, "authenticated", user != NULL);
    json_key(out, &status, "user");
    if (user != NULL)
        add_user(out, user);
    else
        strbuf_add(out, STR("{}"));
    if (user != NULL && audience_count != 0) {
        json_key(out, &status, "audiences");
        add_list(out, audiences, audience_count);
    }
    if (error.len != 0)
        json_field_str(out, &status, "error", error);
    strbuf_add(out, STR("}}"));
}

void answer_status(struct strbuf *out, unsigned code, const char *reason, struct str message) {
    bool first = true;
    strbuf_addc(out, '{');
    json_field_str(out, &first, "kind", STR("Status"));
    json_field_str(out, &first, "apiVersion", STR("v1"));
    add_raw(out, &first, "metadata", STR("{}"));
    json_field_str(out, &first, "status", STR("Failure"));
    json_field_str(out, &first, "message", message);
    json_field_str(out, &first, "reason", str_of(reason));
    json_field_i64(out, &first, "code", code);
    strbuf_addc(out, '}');
}
