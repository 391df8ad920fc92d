/* Bearer tokens of people: ID tokens and API keys. */
#include "authn/id_token.h"
#include "tkeauth/crypto.h"

/* ---- what a tenant may not say ---- */

/* Blanks at the ends go when a name travels in a header, as it does from kube-apiserver to an aggregated API. */
static bool survives_a_header(struct str s) { return principal_is_text(s) && str_trim(s).len == s.len; }

/* Whoever names groups, in a directory or a tenant, would otherwise name themselves the platform's master ("system:" is the platform's own), or
 * take a fence away: the others are context that decides about fences (contract 4.5). */
static bool is_reserved(struct str group) {
    static const struct str prefixes[] = {
        { "system:", 7 }, { "tenant:", 7 }, { "project:", 8 }, { "namespace:", 10 }, { "cluster:", 8 }
    };
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts_with(group, prefixes[i]))
            return true;
    return false;
}

static enum err_code drop_groups(struct arena *a, const struct token_judges *judges,
                                 struct principal_draft *draft, struct err *err) {
    struct str *kept = arena_array(a, draft->group_count + 1, sizeof *kept);
    size_t count = 0;
    if (kept == NULL)
        return err_set(err, ERR_NOMEM, "groups");
    for (size_t i = 0; i < draft->group_count; i++)
        if (survives_a_header(draft->groups[i]) && !is_reserved(draft->groups[i]))
            kept[count++] = draft->groups[i];
    if (count != draft->group_count)
        log_debug(judges->log, judges->request_id, "groups of a token dropped", KV("user", draft->name),
                  KV("source", principal_source_name(draft->source)),
                  KV("dropped", draft->group_count - count), KV("kept", count));
    draft->groups = kept;
    draft->group_count = count;
    return ERR_OK;
}

static enum err_code admit(struct arena *a, const struct token_judges *judges, struct principal_draft *draft,
                           struct principal *ret, struct err *err) {
    if (!survives_a_header(draft->name))
        return err_set(err, ERR_UNAUTHENTICATED, "the token's user has a name that is no text");
    if (str_starts_with(draft->name, STR("system:"))) /* clusters bind rights to such names */
        return err_set(err, ERR_UNAUTHENTICATED, "the token's user has a name of the platform's own");
    enum err_code rc = drop_groups(a, judges, draft, err);
    return rc == ERR_OK ? principal_make(a, draft, ret, err) : rc;
}

/* ---- ID tokens ---- */

static void free_payload(void *payload) { json_decref(payload); }

/* Of ours, not expired, and naming its bearer. An access token (typ at+jwt) is not one (RFC 9068 5). Audiences are not looked at: TKEStack's
 * verifiers do not either (contract 6.3), and a TokenReview names its own. */
static enum err_code judge_id_token(struct arena *a, const struct token_judges *judges, struct str token,
                                    int64_t now, struct principal_draft *ret, json_t **ret_claims,
                                    struct err *err) {
    const struct jwt_rules rules = { .typ = "JWT", .issuer = judges->issuer, .now = now, .leeway_s = 0 };
    struct jwt jwt = { 0 };
    if (judges->keys == NULL)
        return err_set(err, ERR_UNAUTHENTICATED, "no ID tokens are taken");
    enum err_code rc = keyset_verify(judges->keys, token, &rules, &jwt, err);
    if (rc != ERR_OK)
        return rc;
    if (!arena_defer(a, free_payload, jwt.payload)) /* the draft has slices of it */
        return err_set(err, ERR_NOMEM, "an ID token");
    *ret_claims = jwt.payload;
    return id_token_read(a, jwt.payload, ret, err);
}

/* ---- API keys ---- */

static bool has_three_parts(struct str token) {
    struct str first, second, third;
    return str_cut(token, '.', &first, &token) && str_cut(token, '.', &second, &third) && first.len != 0 &&
           second.len != 0 && third.len != 0 && str_find(third, '.') == third.len;
}

/* What people wrote about a key may have lines, but extras travel in headers. */
static struct str one_line(struct arena *a, struct str text) {
    char *copy = arena_strdup(a, text);
    for (size_t i = 0; copy != NULL && i < text.len; i++)
        if (str_has_control((struct str) { &copy[i], 1 }))
            copy[i] = ' ';
    return copy != NULL ? (struct str) { copy, text.len } : STR_NULL;
}

static bool find_api_key(struct arena *a, const struct token_judges *judges, struct str token, int64_t now,
                         struct principal_draft *ret) {
    unsigned char digest[SHA256_SIZE];
    struct apikey_view key = { 0 };
    if (judges->find_key == NULL || !has_three_parts(token))
        return false;
    sha256(token, digest);
    if (!judges->find_key(judges->find_key_ctx, a, digest, now, &key))
        return false;
    *ret = (struct principal_draft) { .source = PRINCIPAL_API_KEY,
                                      .name = key.username,
                                      .uid = key.uid,
                                      .groups = key.groups,
                                      .group_count = key.group_count,
                                      .expires_at = key.expires_at,
                                      .issued_at = key.issued_at };
    if (key.tenant.len != 0)
        extra_add(a, &ret->extra, STR("tenantid"), key.tenant);
    extra_add_time(a, &ret->extra, STR("expireAt"), key.expires_at);
    extra_add_time(a, &ret->extra, STR("issueAt"), key.issued_at);
    if (key.description.len != 0)
        extra_add(a, &ret->extra, STR("description"), one_line(a, key.description));
    return true;
}

static bool has_tenant(const struct principal_draft *draft) {
    return draft->extra.len != 0 && str_eq(draft->extra.items[0].key, STR("tenantid"));
}

/* ---- both ---- */

static enum err_code judge(struct arena *a, const struct token_judges *judges, struct str token, int64_t now,
                           struct principal *ret, json_t **ret_claims, struct err *err) {
    struct principal_draft draft = { 0 };
    if (token.len == 0 || token.len > JWT_MAX)
        return err_set(err, ERR_UNAUTHENTICATED, "a token of %zu bytes", token.len);
    enum err_code rc = ERR_OK;
    if (!find_api_key(a, judges, token, now, &draft))
        rc = judge_id_token(a, judges, token, now, &draft, ret_claims, err);
    else if (!has_tenant(&draft)) /* would be a caller of the platform itself */
        rc = err_set(err, ERR_UNAUTHENTICATED, "an API key without a tenant");
    return rc == ERR_OK ? admit(a, judges, &draft, ret, err) : rc;
}

enum err_code authn_token(struct arena *a, const struct token_judges *judges, struct str token, int64_t now,
                          struct principal *ret, const json_t **ret_claims, struct err *err) {
    json_t *claims = NULL;
    enum err_code rc = judge(a, judges, token, now, ret, &claims, err);
    if (rc == ERR_OK && ret_claims != NULL)
        *ret_claims = claims;
    if (rc == ERR_OK || rc == ERR_NOMEM)
        return rc;
    return err->code = ERR_UNAUTHENTICATED; /* whatever is wrong with it */
}
