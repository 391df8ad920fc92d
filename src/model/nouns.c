/* The tables of every noun, and what needs no more than them. */
#include "model/codec.h"

const char *const sign_alg_names[] = { "RS256", "ES256", "EdDSA", NULL };

const char *sign_alg_name(enum sign_alg alg) {
    return (size_t)alg < ARRAY_LEN(sign_alg_names) - 1 ? sign_alg_names[alg] : sign_alg_names[SIGN_RS256];
}

enum err_code sign_alg_parse(struct str name, enum sign_alg *ret, struct err *err) {
    for (size_t i = 0; sign_alg_names[i] != NULL; i++) {
        if (str_eq(name, str_of(sign_alg_names[i]))) {
            *ret = (enum sign_alg)i;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID, "a signature algorithm is RS256, ES256 or EdDSA");
}

bool str_list_contains(const struct str_list *list, struct str s) {
    for (size_t i = 0; i < list->len; i++)
        if (str_eq(list->items[i], s))
            return true;
    return false;
}

struct str_list str_list_copy(struct arena *a, const struct str_list *list) {
    struct str *items = arena_array(a, list->len ? list->len : 1, sizeof *items);
    if (items == NULL)
        return (struct str_list) { 0 };
    for (size_t i = 0; i < list->len; i++)
        items[i] = arena_str(a, list->items[i]);
    return (struct str_list) { items, list->len };
}

#define CODEC(noun, table)                                                                                   \
    enum err_code noun##_encode(const struct noun *p, struct strbuf *out, struct err *err) {                 \
        return model_encode(table, p, out, err);                                                             \
    }                                                                                                        \
    enum err_code noun##_decode(struct arena *a, struct str json, struct noun *ret, struct err *err) {       \
        struct noun decoded;                                                                                 \
        enum err_code rc = model_decode(table, a, json, &decoded, sizeof decoded, err);                      \
        if (rc == ERR_OK)                                                                                    \
            *ret = decoded;                                                                                  \
        return rc;                                                                                           \
    }                                                                                                        \
    struct codec_semicolon_

#define AT(noun, member) .offset = offsetof(struct noun, member)

const struct member identity_members[] = {
    { "connector_id", MEMBER_STR, AT(identity, connector_id), .required = true },
    { "user_id", MEMBER_STR, AT(identity, user_id), .required = true },
    { "username", MEMBER_STR, AT(identity, username) },
    { "name", MEMBER_STR, AT(identity, name) },
    { "preferred_username", MEMBER_STR, AT(identity, preferred_username) },
    { "email", MEMBER_STR, AT(identity, email) },
    { "email_verified", MEMBER_BOOL, AT(identity, email_verified) },
    { "groups", MEMBER_STRS, AT(identity, groups) },
    { "connector_data", MEMBER_STR, AT(identity, connector_data) },
    { 0 },
};
CODEC(identity, identity_members);

static const struct member auth_request_members[] = {
    { "client_id", MEMBER_STR, AT(auth_request, client_id), .required = true },
    { "redirect_uri", MEMBER_STR, AT(auth_request, redirect_uri), .required = true },
    { "state", MEMBER_STR, AT(auth_request, state) },
    { "nonce", MEMBER_STR, AT(auth_request, nonce) },
    { "scopes", MEMBER_STRS, AT(auth_request, scopes) },
    { "code_challenge", MEMBER_STR, AT(auth_request, code_challenge) },
    { "connector_id", MEMBER_STR, AT(auth_request, connector_id) },
    { "ui_locales", MEMBER_STR, AT(auth_request, ui_locales) },
    { "login_hint", MEMBER_STR, AT(auth_request, login_hint) },
    { "redirect_uri_given", MEMBER_BOOL, AT(auth_request, redirect_uri_given) },
    { "offline_access", MEMBER_BOOL, AT(auth_request, offline_access) },
    { "max_age_given", MEMBER_BOOL, AT(auth_request, max_age_given) },
    { "issued_at", MEMBER_I64, AT(auth_request, issued_at) },
    { "id", MEMBER_BYTES, AT(auth_request, id), .size = sizeof((struct auth_request *)0)->id,
      .required = true },
    { 0 },
};
CODEC(auth_request, auth_request_members);

static const struct member grant_members[] = {
    { "client_id", MEMBER_STR, AT(grant, client_id), .required = true },
    { "scopes", MEMBER_STRS, AT(grant, scopes) },
    { "nonce", MEMBER_STR, AT(grant, nonce) },
    { "identity", MEMBER_IDENTITY, AT(grant, identity), .required = true },
    { "auth_time", MEMBER_I64, AT(grant, auth_time) },
    { "session_id", MEMBER_STR, AT(grant, session_id) },
    { 0 },
};
CODEC(grant, grant_members);

static const struct member signing_key_members[] = {
    { "kid", MEMBER_STR, AT(signing_key, kid), .required = true },
    { "alg", MEMBER_ENUM, AT(signing_key, alg), .names = sign_alg_names, .required = true },
    { "sealed_private", MEMBER_BLOB, AT(signing_key, sealed_private) },
    { "public_jwk", MEMBER_STR, AT(signing_key, public_jwk) },
    { "created_at", MEMBER_I64, AT(signing_key, created_at) },
    { "not_before", MEMBER_I64, AT(signing_key, not_before) },
    { "retired_at", MEMBER_I64, AT(signing_key, retired_at) },
    { "remove_at", MEMBER_I64, AT(signing_key, remove_at) },
    { 0 },
};
CODEC(signing_key, signing_key_members);
