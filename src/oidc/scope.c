#include "oidc/scope.h"

static const struct str audience_prefix = { "audience:server:client_id:", 26 };

struct str scope_audience(struct str scope) {
    if (!str_starts_with(scope, audience_prefix) || scope.len == audience_prefix.len)
        return STR_NULL;
    return str_from(scope, audience_prefix.len);
}

static bool scope_is_known(struct str scope) {
    static const char *const known[] = { "openid", "profile",        "email",
                                         "groups", "offline_access", "federated:id" };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(scope, str_of(known[i])))
            return true;
    return scope_audience(scope).ptr != NULL;
}

/* RFC 6749 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ) */
static bool scope_is_wellformed(struct str scope) {
    for (size_t i = 0; i < scope.len; i++) {
        unsigned char c = (unsigned char)scope.ptr[i];
        if (c < 0x21 || c > 0x7e || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static bool audience_is_trusted(const struct oidc_provider *p, const struct client *c, struct str audience) {
    if (str_eq(audience, c->id))
        return true;
    const struct client *peer = oidc_find_client(p, audience);
    return peer != NULL && str_list_contains(&peer->trusted_peers, c->id);
}

bool scope_is_trusted(const struct oidc_provider *p, const struct client *c, struct str scope) {
    struct str audience = scope_audience(scope);
    return audience.ptr == NULL || audience_is_trusted(p, c, audience);
}

enum scope_check scope_parse(const struct oidc_provider *p, struct arena *a, const struct client *c,
                             struct str text, struct str_list *ret) {
    struct str_list scopes = { .items = arena_array(a, SCOPES_MAX, sizeof(struct str)) };
    struct str rest = text, scope;
    if (scopes.items == NULL)
        return SCOPE_MALFORMED;
    while (str_next(&rest, ' ', &scope)) {
        if (!scope_is_wellformed(scope))
            return SCOPE_MALFORMED;
        if (!scope_is_known(scope) || str_list_contains(&scopes, scope))
            continue;
        if (!scope_is_trusted(p, c, scope))
            return SCOPE_NOT_TRUSTED;
        if (scopes.len == SCOPES_MAX)
            return SCOPE_MALFORMED;
        scopes.items[scopes.len++] = scope;
    }
    if (!scope_has(&scopes, "openid"))
        return SCOPE_NO_OPENID;
    *ret = scopes;
    return SCOPE_OK;
}

bool scope_has(const struct str_list *scopes, const char *name) {
    return str_list_contains(scopes, str_of(name));
}

void scope_join(const struct str_list *scopes, struct strbuf *out) {
    for (size_t i = 0; i < scopes->len; i++) {
        if (i > 0)
            strbuf_addc(out, ' ');
        strbuf_add(out, scopes->items[i]);
    }
}
