#include "authz/abac.h"

#include "authz/scan.h"

struct policy {
    struct str user, group, namespace, resource, api_group, path, verb;
    bool read_only;
};
struct abac {
    struct arena *arena;
    struct policy *policies;
    size_t len, cap;
};

/* ---- reading ---- */

struct line {
    struct str api_version, kind;
    struct policy policy;
    bool has_spec;
};

static bool read_pattern(struct scan *s, void *dest) {
    struct str *pattern = dest;
    if (!scan_string(s, pattern))
        return false;
    return pattern->len <= ABAC_PATTERN_MAX || scan_fail(s, ERR_LIMIT, "a pattern that is too long");
}

static bool read_spec(struct scan *s, void *dest) {
    static const struct scan_field fields[] = {
        { STR("user"), offsetof(struct policy, user), read_pattern },
        { STR("group"), offsetof(struct policy, group), read_pattern },
        { STR("namespace"), offsetof(struct policy, namespace), read_pattern },
        { STR("resource"), offsetof(struct policy, resource), read_pattern },
        { STR("apiGroup"), offsetof(struct policy, api_group), read_pattern },
        { STR("nonResourcePath"), offsetof(struct policy, path), read_pattern },
        { STR("verb"), offsetof(struct policy, verb), read_pattern },
        { STR("readonly"), offsetof(struct policy, read_only), scan_bool },
    };
    struct line *line = dest;
    line->has_spec = true;
    return scan_object(s, fields, ARRAY_LEN(fields), &line->policy);
}

static enum err_code read_line(struct abac *abac, struct str text, struct policy *ret, struct err *err) {
    static const struct scan_field fields[] = {
        { STR("apiVersion"), offsetof(struct line, api_version), scan_string },
        { STR("kind"), offsetof(struct line, kind), scan_string },
        { STR("spec"), 0, read_spec },
    };
    if (text.len > ABAC_LINE_MAX)
        return err_set(err, ERR_LIMIT, "longer than %d bytes", ABAC_LINE_MAX);
    struct line line = { 0 };
    struct scan s;
    scan_init(&s, abac->arena, text);
    if (scan_object(&s, fields, ARRAY_LEN(fields), &line))
        (void)scan_end(&s);
    enum err_code rc = scan_check(&s, err);
    if (rc != ERR_OK)
        return rc;
    if (!str_eq(line.api_version, STR("abac.authorization.kubernetes.io/v1beta1")) ||
        !str_eq(line.kind, STR("Policy")))
        return err_set(err, ERR_INVALID, "not a Policy of abac.authorization.kubernetes.io/v1beta1");
    if (!line.has_spec || (line.policy.user.len == 0 && line.policy.group.len == 0))
        return err_set(err, ERR_INVALID, "spec names neither user nor group");
    *ret = line.policy;
    return ERR_OK;
}

static enum err_code append(struct abac *abac, const struct policy *policy, struct err *err) {
    if (abac->len == abac->cap) {
        size_t cap = abac->cap ? abac->cap * 2 : 16;
        struct policy *grown = arena_array(abac->arena, cap, sizeof *grown);
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "%zu ABAC policies", cap);
        if (abac->len != 0)
            memcpy(grown, abac->policies, abac->len * sizeof *grown);
        abac->policies = grown;
        abac->cap = cap;
    }
    abac->policies[abac->len++] = *policy;
    return ERR_OK;
}

enum err_code abac_parse(struct str text, struct abac **ret, struct err *err) {
    if (text.len > ABAC_FILE_MAX)
        return err_set(err, ERR_LIMIT, "an ABAC file of %zu bytes", text.len);
    AUTO_FREE(arena_free) struct arena *arena = arena_new(16 * (size_t)ABAC_FILE_MAX);
    struct abac *abac = arena == NULL ? NULL : arena_alloc(arena, sizeof *abac);
    struct str rest = abac == NULL ? STR_NULL : arena_str(arena, text), line;
    if (abac == NULL || (rest.ptr == NULL && text.len != 0))
        return err_set(err, ERR_NOMEM, "an ABAC file of %zu bytes", text.len);
    abac->arena = arena;
    for (unsigned number = 1; rest.len != 0; number++) {
        struct policy policy;
        (void)str_cut(rest, '\n', &line, &rest);
        line = str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        enum err_code rc = read_line(abac, line, &policy, err);
        if (rc == ERR_OK)
            rc = append(abac, &policy, err);
        if (rc != ERR_OK)
            return err_context(err, "line %u", number);
    }
    *ret = abac;
    arena = NULL; /* abac is in it */
    return ERR_OK;
}

void abac_free(struct abac *abac) {
    if (abac != NULL)
        arena_free(abac->arena);
}

size_t abac_len(const struct abac *abac) { return abac->len; }

/* ---- deciding ---- */

bool abac_pattern_match(struct str pattern, struct str value) {
    struct str piece, rest = pattern;
    if (!str_cut(rest, '*', &piece, &rest))
        return str_eq(pattern, value);
    if (!str_starts_with(value, piece))
        return false;
    value = str_from(value, piece.len);
    /* The first place a middle piece occurs at is the best one, so nothing is tried twice. */
    while (str_cut(rest, '*', &piece, &rest)) {
        if (piece.len == 0)
            continue;
        const char *at = value.len == 0 ? NULL : memmem(value.ptr, value.len, piece.ptr, piece.len);
        if (at == NULL)
            return false;
        value = str_from(value, (size_t)(at - value.ptr) + piece.len);
    }
    return str_ends_with(value, piece);
}

static bool matches_subject(const struct policy *p, const struct authz_user *user) {
    if (p->user.len != 0 && !abac_pattern_match(p->user, user->name))
        return false;
    if (p->group.len == 0)
        return true;
    for (size_t i = 0; i < user->group_count; i++)
        if (abac_pattern_match(p->group, user->groups[i]))
            return true;
    return false;
}

static bool matches_verb(const struct policy *p, struct str verb) {
    if (p->read_only && !str_eq(verb, STR("get")) && !str_eq(verb, STR("list")) &&
        !str_eq(verb, STR("watch")))
        return false;
    return p->verb.len == 0 || abac_pattern_match(p->verb, verb);
}

static bool matches_target(const struct policy *p, const struct authz_attributes *at) {
    if (!at->is_resource)
        return p->path.len != 0 && abac_pattern_match(p->path, at->resource);
    /* The namespace knows no patterns: literally equal, or all of them. */
    return p->resource.len != 0 && (str_eq(p->namespace, STR("*")) || str_eq(p->namespace, at->namespace)) &&
           abac_pattern_match(p->resource, at->resource) && abac_pattern_match(p->api_group, at->api_group);
}

enum authz_outcome abac_decide(const struct abac *abac, const struct authz_user *user,
                               const struct authz_attributes *at) {
    for (size_t i = 0; i < user->group_count; i++)
        if (str_eq(user->groups[i], STR("system:unauthenticated")))
            return AUTHZ_DENIED;
    for (size_t i = 0; i < abac->len; i++) {
        const struct policy *p = &abac->policies[i];
        if (matches_subject(p, user) && matches_verb(p, at->verb) && matches_target(p, at))
            return AUTHZ_ALLOWED;
    }
    return AUTHZ_NO_OPINION;
}
