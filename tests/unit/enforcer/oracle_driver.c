/* Answers a script of JSON lines for tests/oracle: {"model", "csv", "roles", "ops", "requests", "queries"} in, what the
 * library says out. Every request is decided twice, compiled and interpreted; a difference is reported as such. */
#include <stdio.h>

#include "enforcer/enforcer.h"
#include "tkeauth/base.h"

enum { FIELDS = 64 };

static struct enforcer_str json_text(const json_t *j) {
    return j != NULL && json_is_string(j)
               ? (struct enforcer_str) { json_string_value(j), json_string_length(j) }
               : (struct enforcer_str) { "", 0 };
}

static size_t json_texts(const json_t *list, struct enforcer_str *out) {
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n && i < FIELDS; i++)
        out[i] = json_text(json_array_get(list, i));
    return n < FIELDS ? n : FIELDS;
}

static struct enforcer_value to_value(struct arena *a, const json_t *j) {
    if (json_is_string(j))
        return enforcer_string_n(json_string_value(j), json_string_length(j));
    if (json_is_number(j))
        return enforcer_number(json_number_value(j));
    if (json_is_boolean(j))
        return enforcer_bool(json_is_true(j));
    struct enforcer_value v = { .kind = ENFORCER_NULL };
    if (json_is_array(j)) {
        size_t n = json_array_size(j);
        struct enforcer_value *items = arena_array(a, n + 1, sizeof *items);
        for (size_t i = 0; i < n; i++)
            items[i] = to_value(a, json_array_get(j, i));
        v = (struct enforcer_value) { .kind = ENFORCER_LIST, .u.list = { items, n } };
    } else if (json_is_object(j)) {
        size_t n = 0;
        struct enforcer_member *members = arena_array(a, json_object_size(j) + 1, sizeof *members);
        const char *key;
        json_t *item;
        json_object_foreach((json_t *)(uintptr_t)j, key, item) {
            members[n].name = enforcer_cstr(key);
            members[n++].value = to_value(a, item);
        }
        v = (struct enforcer_value) { .kind = ENFORCER_MAP, .u.map = { members, n } };
    }
    return v;
}

static json_t *error_json(enum enforcer_status rc, const struct enforcer_error *err) {
    return json_pack("{s:s, s:s, s:i, s:i}", "error", enforcer_status_name(rc), "text", err->text, "line",
                     err->line, "column", err->column);
}

static json_t *rule_json(const struct enforcer_rule *rule) {
    json_t *list = json_array();
    for (size_t i = 0; rule != NULL && i < enforcer_rule_len(rule); i++) {
        struct enforcer_str f = enforcer_rule_field(rule, i);
        json_array_append_new(list, json_stringn(f.ptr, f.len));
    }
    return list;
}

static json_t *decide(struct enforcer *e, const json_t *request, struct arena *a) {
    struct enforcer_error err = { 0 };
    struct enforcer_result result;
    const json_t *values = json_object_get(request, "values");
    struct enforcer_value list[FIELDS];
    size_t n = json_array_size(values);
    for (size_t i = 0; i < n && i < FIELDS; i++)
        list[i] = to_value(a, json_array_get(values, i));
    unsigned number = (unsigned)json_integer_value(json_object_get(request, "context"));
    struct enforcer_request r = {
        .values = list, .values_len = n, .r = number, .p = number, .e = number, .m = number
    };
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    const json_t *matcher = json_object_get(request, "matcher");
    enum enforcer_status rc = matcher != NULL
                                  ? enforcer_enforce_matcher(s, json_string_value(matcher),
                                                             json_string_length(matcher), &r, &result, &err)
                                  : enforcer_enforce(s, &r, &result, &err);
    json_t *out = rc != ENFORCER_OK ? error_json(rc, &err)
                                    : json_pack("{s:b, s:o}", "allowed", result.outcome == ENFORCER_ALLOW,
                                                "rule", rule_json(result.rule));
    enforcer_release(e, s);
    return out;
}

static bool collect_text(void *ctx, struct enforcer_str text) {
    json_array_append_new(ctx, json_stringn(text.ptr, text.len));
    return true;
}

static bool collect_rule(void *ctx, const struct enforcer_rule *rule) {
    json_array_append_new(ctx, rule_json(rule));
    return true;
}

static json_t *query(struct enforcer *e, const json_t *q) {
    struct enforcer_error err = { 0 };
    const char *what = json_string_value(json_object_get(q, "q"));
    struct enforcer_str name = json_text(json_object_get(q, "name")),
                        domain_text = json_text(json_object_get(q, "domain"));
    const struct enforcer_str *domain = json_object_get(q, "domain") != NULL ? &domain_text : NULL;
    const char *ptype = json_string_value(json_object_get(q, "ptype"));
    struct enforcer_str values[FIELDS];
    size_t n = json_texts(json_object_get(q, "values"), values),
           first = (size_t)json_integer_value(json_object_get(q, "first"));
    json_t *out = json_array();
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    enum enforcer_status rc = ENFORCER_INVALID;
    if (strcmp(what, "roles") == 0)
        rc = enforcer_roles_of(s, NULL, name, domain, collect_text, out, &err);
    else if (strcmp(what, "members") == 0)
        rc = enforcer_members_of(s, NULL, name, domain, collect_text, out, &err);
    else if (strcmp(what, "implicitRoles") == 0)
        rc = enforcer_implicit_roles(s, name, domain, collect_text, out, &err);
    else if (strcmp(what, "implicitMembers") == 0)
        rc = enforcer_implicit_members(s, name, domain, collect_text, out, &err);
    else if (strcmp(what, "implicitPermissions") == 0)
        rc = enforcer_implicit_permissions(s, name, domain, collect_rule, out, &err);
    else if (strcmp(what, "implicitUsersFor") == 0)
        rc = enforcer_implicit_users_for(s, values, n, collect_text, out, &err);
    else if (strcmp(what, "domains") == 0)
        rc = enforcer_domains(s, name.len > 0 ? &name : NULL, collect_text, out, &err);
    else if (strcmp(what, "values") == 0)
        rc = enforcer_values(s, ptype, first, collect_text, out, &err);
    else if (strcmp(what, "rules") == 0)
        rc = enforcer_rules(s, ptype, first, values, n, collect_rule, out, &err);
    else if (strcmp(what, "has") == 0) {
        json_decref(out);
        out = json_boolean(enforcer_has(s, ptype, values, n));
        rc = ENFORCER_OK;
    }
    enforcer_release(e, s);
    if (rc == ENFORCER_OK)
        return out;
    json_decref(out);
    return error_json(rc, &err);
}

static json_t *change(struct enforcer *e, const json_t *op) {
    struct enforcer_error err = { 0 };
    struct enforcer_batch *b = NULL;
    struct enforcer_str rule[FIELDS], old[FIELDS];
    const char *what = json_string_value(json_object_get(op, "op"));
    const char *ptype = json_string_value(json_object_get(op, "ptype"));
    size_t n = json_texts(json_object_get(op, "rule"), rule),
           old_len = json_texts(json_object_get(op, "old"), old);
    size_t first = (size_t)json_integer_value(json_object_get(op, "first")), removed = 0;
    bool changed = false;
    enum enforcer_status rc = enforcer_batch_begin(e, &b, &err);
    if (rc != ENFORCER_OK)
        return error_json(rc, &err);
    if (strcmp(what, "add") == 0)
        rc = enforcer_batch_add(b, ptype, rule, n, &changed, &err);
    else if (strcmp(what, "remove") == 0)
        rc = enforcer_batch_remove(b, ptype, rule, n, &changed, &err);
    else if (strcmp(what, "update") == 0)
        rc = enforcer_batch_update(b, ptype, old, old_len, rule, n, &changed, &err);
    else if (strcmp(what, "removeFiltered") == 0)
        rc = enforcer_batch_remove_filtered(b, ptype, first, rule, n, &removed, &err);
    else if (strcmp(what, "deleteUser") == 0)
        rc = enforcer_batch_delete_user(b, rule[0], &removed, &err);
    else
        rc = ENFORCER_INVALID;
    if (rc != ENFORCER_OK) {
        enforcer_batch_abort(b);
        return error_json(rc, &err);
    }
    rc = enforcer_batch_commit(b, NULL, &err);
    return rc != ENFORCER_OK ? error_json(rc, &err) : json_boolean(changed || removed > 0);
}

static struct enforcer *build(const json_t *script, unsigned flags, json_t **ret_error) {
    struct enforcer_error err = { 0 };
    struct enforcer_roles roles[4] = { { 0 } };
    size_t roles_len = 0;
    const json_t *list = json_object_get(script, "roles");
    for (size_t i = 0; i < json_array_size(list) && i < ARRAY_LEN(roles); i++) {
        const json_t *r = json_array_get(list, i);
        roles[roles_len++] = (struct enforcer_roles) {
            .ptype = json_string_value(json_object_get(r, "ptype")),
            .match = json_string_value(json_object_get(r, "match")),
            .domain_match = json_string_value(json_object_get(r, "domainMatch")),
        };
    }
    struct enforcer_options options = { .flags = flags | (unsigned)json_integer_value(
                                                             json_object_get(script, "flags")),
                                        .roles = roles,
                                        .roles_len = roles_len,
                                        .hash_key = { 3, 5 } };
    struct enforcer_str model = json_text(json_object_get(script, "model")),
                        csv = json_text(json_object_get(script, "csv"));
    struct enforcer *e = enforcer_new(model.ptr, model.len, &options, &err);
    enum enforcer_status rc = e != NULL ? enforcer_load_csv(e, csv.ptr, csv.len, NULL, &err)
                                        : ENFORCER_INVALID;
    if (rc == ENFORCER_OK)
        return e;
    *ret_error = error_json(rc, &err);
    enforcer_free(e);
    return NULL;
}

static json_t *answer_list(struct enforcer *e, const json_t *list,
                           json_t *(*one)(struct enforcer *, const json_t *)) {
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(list); i++)
        json_array_append_new(out, one(e, json_array_get(list, i)));
    return out;
}

static json_t *run(const json_t *script) {
    json_t *out = json_object(), *error = NULL;
    struct enforcer *compiled = build(script, 0, &error);
    struct enforcer *interpreted = compiled != NULL ? build(script, ENFORCER_INTERPRET, &error) : NULL;
    if (interpreted == NULL) {
        json_object_set_new(out, "load", error);
        enforcer_free(compiled);
        return out;
    }
    json_object_set_new(out, "ops", answer_list(compiled, json_object_get(script, "ops"), change));
    json_decref(answer_list(interpreted, json_object_get(script, "ops"), change));
    const json_t *requests = json_object_get(script, "requests");
    json_t *results = json_array();
    for (size_t i = 0; i < json_array_size(requests); i++) {
        struct arena *a = arena_new(1 << 20);
        json_t *fast = decide(compiled, json_array_get(requests, i), a);
        json_t *slow = decide(interpreted, json_array_get(requests, i), a);
        bool same = (json_object_get(fast, "error") != NULL && json_object_get(slow, "error") != NULL) ||
                    json_equal(fast, slow);
        json_array_append_new(results, same ? json_incref(fast)
                                            : json_pack("{s:O, s:O}", "compiled", fast, "interpreted", slow));
        json_decref(fast);
        json_decref(slow);
        arena_free(a);
    }
    json_object_set_new(out, "results", results);
    json_object_set_new(out, "queries", answer_list(compiled, json_object_get(script, "queries"), query));
    enforcer_free(compiled);
    enforcer_free(interpreted);
    return out;
}

int main(void) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        json_error_t error;
        json_t *script = json_loadb(line, (size_t)n, 0, &error);
        json_t *out = script != NULL ? run(script) : json_pack("{s:s}", "load", error.text);
        char *text = json_dumps(out, JSON_COMPACT | JSON_ENCODE_ANY);
        (void)printf("%s\n", text != NULL ? text : "{}");
        (void)fflush(stdout);
        free(text);
        json_decref(out);
        json_decref(script);
    }
    free(line);
    return 0;
}
