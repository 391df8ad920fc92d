/* Client: an OAuth 2.0 client (contract 2.13, RFC 6749 2). The hash of its secret is the object's secret. */
#include "resource/kinds/shared.h"
#include "resource/views.h"

enum { SECRET_MIN = 16, SECRET_MAX = 1024 };

static const char *const claims[] = { "scoped", "minimal", NULL };
static const char *const algorithms[] = { "RS256", "ES256", "EdDSA", NULL };

#define URIS(field_name, text)                                                                               \
    {                                                                                                        \
        .name = (field_name), .type = FIELD_STRINGS, .flags = FIELD_OMIT_EMPTY, .max = CLIENT_LIST_MAX,      \
        .help = (text)                                                                                       \
    }
static const struct field spec_fields[] = {
    { .name = "id",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY | FIELD_IMMUTABLE,
      .max = CLIENT_ID_MAX,
      .help = "client_id; also the object's name." },
    { .name = "secret",
      .type = FIELD_STRING,
      .flags = FIELD_WRITE_ONLY,
      .max = SECRET_MAX,
      .help = "client_secret, of clients that are not public. Never given back; left out: stays as it is." },
    URIS("redirect_uris", "Where an authorization response may be sent to; compared exactly."),
    URIS("post_logout_redirect_uris", "Where a logout may lead back to."),
    URIS("trusted_peers", "Clients that may ask for this client's audience."),
    URIS("allowed_connectors", "Tenants whose users may log in; none: all."),
    URIS("grant_types",
         "authorization_code and refresh_token where none is named; password only where it is."),
    { .name = "public",
      .type = FIELD_BOOL,
      .flags = FIELD_OMIT_EMPTY,
      .help = "Has no secret, because it could not keep one; PKCE is mandatory then." },
    { .name = "name",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY,
      .max = CLIENT_NAME_MAX,
      .help = "The name people see." },
    { .name = "logo_url",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY,
      .max = REDIRECT_URI_MAX,
      .help = "An http or https URL." },
    { .name = "id_token_claims",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY,
      .choices = claims,
      .help = "scoped: the ID token has what the scopes ask for; minimal: the rest is at userinfo only." },
    { .name = "id_token_alg",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY,
      .choices = algorithms,
      .help = "How its ID tokens are signed." },
    { .name = "require_pkce",
      .type = FIELD_BOOL,
      .flags = FIELD_OMIT_EMPTY,
      .help = "PKCE also of a client with a secret." },
    { .name = "id_token_ttl_s",
      .type = FIELD_INT,
      .flags = FIELD_OMIT_EMPTY,
      .max = CLIENT_TTL_MAX_S,
      .help = "Seconds an ID token lives; 0: the provider's." },
    { .name = "access_token_ttl_s",
      .type = FIELD_INT,
      .flags = FIELD_OMIT_EMPTY,
      .max = CLIENT_TTL_MAX_S,
      .help = "Seconds an access token lives; 0: the provider's." },
    { .name = NULL },
};
static const struct field fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = spec_fields, .help = "The client." },
    { .name = NULL },
};
static const char *const selectable[] = { "spec.id", "spec.name", NULL };
static const struct column columns[] = {
    { "Display Name", "string", "spec.name", false, "The name people see." },
    { "Public", "boolean", "spec.public", false, "Has no secret." },
    { "Redirect URIs", "integer", "spec.redirect_uris#", false, "How many redirect URIs it has." },
    { "Algorithm", "string", "spec.id_token_alg", true, "How its ID tokens are signed." },
    { 0 },
};

static enum err_code prepare(const struct resource_env *env, struct resource_write *w, struct refusal *r,
                             struct err *err) {
    (void)env;
    (void)err;
    struct str id = object_str_at(w->object, "spec.id"), secret = object_str_at(w->given, "spec.secret");
    if (id.len > 0 && !str_eq(id, object_name(w->object)))
        refuse_field(r, "FieldValueInvalid", "spec.id", "Invalid value: must be the same as metadata.name");
    set_str(w->object, "spec", "id", object_name(w->object));
    bool is_public = json_is_true(object_at(w->object, "spec.public"));
    if (w->from_configuration || (w->old != NULL && object_is_mirror(w->old))) /* which keeps the secret */
        return ERR_OK;
    if (is_public) {
        if (secret.len > 0)
            refuse_field(r, "FieldValueForbidden", "spec.secret", "Forbidden: a public client has no secret");
        if (w->old_secret.len > 0)
            w->secret = STR(""); /* it had one */
        return ERR_OK;
    }
    if (secret.len == 0) {
        if (w->old_secret.len == 0)
            refuse_field(r, "FieldValueRequired", "spec.secret",
                         "Required value: of a client that is not public");
        return ERR_OK;
    }
    if (secret.len < SECRET_MIN && !w->trusted)
        refuse_field(r, "FieldValueInvalid", "spec.secret",
                     "Invalid value: ***: must have at least %d characters", SECRET_MIN);
    unsigned char digest[SHA256_SIZE];
    sha256(secret, digest);
    struct str hash = { (const char *)digest, sizeof digest };
    if (!str_eq(hash, w->old_secret))
        w->secret = arena_str(w->arena, hash);
    return ERR_OK;
}

static void validate(const struct resource_env *env, const struct resource_write *w, struct refusal *r) {
    (void)env;
    struct client c;
    struct err why;
    struct str secret = w->secret.ptr != NULL ? w->secret : w->old_secret;
    if (w->from_configuration)
        return;
    if (w->old != NULL && object_is_mirror(w->old)) {
        if (!json_equal(object_at(w->old, "spec"), object_at(w->object, "spec")))
            refuse_field(r, "FieldValueForbidden", "spec",
                         "Forbidden: is set in the configuration of the server; change it there");
        return;
    }
    if (r->cause_count > 0) /* they say it better */
        return;
    if (client_of_object(w->arena, w->object, secret, &c, &why) != ERR_OK || client_check(&c, &why) != ERR_OK)
        refuse_field(r, "FieldValueInvalid", "spec", "Invalid value: %s", why.detail);
}

const struct kind kind_client = {
    .kind = "Client",
    .plural = "clients",
    .singular = "client",
    .short_name = "cli",
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_PLATFORM,
    .fields = fields,
    .spec_key = "spec",
    .name_path = "spec.id",
    .count_max = RESOURCE_CLIENTS_MAX,
    .name_is_free = true,
    .selectable = selectable,
    .columns = columns,
    .help = "An application that logs people in through OpenID Connect.",
    .prepare = prepare,
    .validate = validate,
};
