/* APIKey and APISigningKey (contract 2.2, 2.3, 6.6). Of a key only its digest and a masked form are kept. */
#include "resource/kinds/shared.h"

enum { MASK_HEAD = 10, MASK_TAIL = 6, KEY_MIN = 40 };

static const struct field spec_fields[] = {
    { .name = "apiKey",
      .type = FIELD_STRING,
      .flags = FIELD_READ_ONLY,
      .help = "The key itself in the answer that issues it, a masked form of it ever after." },
    { .name = "sha256",
      .type = FIELD_STRING,
      .flags = FIELD_READ_ONLY,
      .help = "Digest of the key, to find out which one a leaked key is." },
    { .name = "tenantID",
      .type = FIELD_STRING,
      .flags = FIELD_IMMUTABLE,
      .max = 63,
      .help = "The tenant of its user." },
    { .name = "username",
      .type = FIELD_STRING,
      .flags = FIELD_IMMUTABLE | FIELD_REQUIRED,
      .max = 256,
      .help = "Whom it stands for." },
    { .name = "userID",
      .type = FIELD_STRING,
      .flags = FIELD_READ_ONLY | FIELD_OMIT_EMPTY,
      .help = "The LocalIdentity, of local users." },
    { .name = "description", .type = FIELD_STRING, .max = TEXT_MAX, .help = "What it is for." },
    { .name = "issue_at", .type = FIELD_TIME, .flags = FIELD_IMMUTABLE, .help = "When it was issued." },
    { .name = "expire_at", .type = FIELD_TIME, .flags = FIELD_IMMUTABLE, .help = "When it ends." },
    { .name = NULL },
};
static const struct field status_fields[] = {
    { .name = "disabled", .type = FIELD_BOOL, .help = "Does not count any more." },
    { .name = "expired", .type = FIELD_BOOL, .flags = FIELD_READ_ONLY, .help = "Its time is over." },
    { .name = NULL },
};
static const struct field fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = spec_fields, .help = "The key." },
    { .name = "status", .type = FIELD_OBJECT, .fields = status_fields, .help = "Whether it counts." },
    { .name = NULL },
};
static const char *const selectable[] = { "spec.tenantID", "spec.apiKey", "spec.username", NULL };
static const struct column columns[] = {
    { "Tenant", "string", "spec.tenantID", false, "The tenant of its user." },
    { "Username", "string", "spec.username", false, "Whom it stands for." },
    { "Expires", "date", "spec.expire_at", false, "When it ends." },
    { "Disabled", "boolean", "status.disabled", false, "Does not count any more." },
    { "Expired", "boolean", "status.expired", false, "Its time is over." },
    { "Description", "string", "spec.description", true, "What it is for." },
    { 0 },
};

static void set_masked(json_t *object, struct str key) {
    unsigned char digest[SHA256_SIZE];
    AUTO(strbuf_done) struct strbuf text = STRBUF(128);
    sha256(key, digest);
    hex_add(&text, digest, sizeof digest);
    set_str(object, "spec", "sha256", strbuf_str(&text));
    strbuf_clear(&text);
    strbuf_add(&text, str_sub(key, 0, MASK_HEAD));
    strbuf_adds(&text, "...");
    strbuf_add(&text, str_from(key, key.len - MASK_TAIL));
    set_str(object, "spec", "apiKey", strbuf_str(&text));
}

static void keep(struct resource_write *w, const char *path, const char *key) {
    const json_t *v = object_at(w->old, path);
    if (v != NULL)
        (void)json_object_set_new(part_of(w->object, "spec"), key, json_deep_copy(v));
    else
        (void)json_object_del(part_of(w->object, "spec"), key);
}

/* Whoever creates one (the issuing subresources, a migration) has judged the key; a client cannot reach this. */
static enum err_code prepare(const struct resource_env *env, struct resource_write *w, struct refusal *r,
                             struct err *err) {
    (void)env;
    (void)err;
    (void)json_object_del(part_of(w->object, "status"), "expired"); /* a matter of the time of reading */
    if (w->old != NULL) {
        keep(w, "spec.apiKey", "apiKey");
        keep(w, "spec.sha256", "sha256");
        keep(w, "spec.userID", "userID");
        return ERR_OK;
    }
    struct str key = object_str_at(w->given, "spec.apiKey");
    if (key.len < KEY_MIN)
        refuse_field(r, "FieldValueRequired", "spec.apiKey", "Required value: a signed key");
    else
        set_masked(w->object, key);
    return ERR_OK;
}

static void index_key(const json_t *object, struct index_list *out) {
    struct str hex = object_str_at(object, "spec.sha256");
    index_add(out, str_of(arena_printf(out->arena, "digest=%.*s", STR_FMT(hex))), true);
    index_add(
        out,
        index_owner(out->arena, object_tenant(&kind_api_key, object), object_str_at(object, "spec.username")),
        false);
}

const struct kind kind_api_key = {
    .kind = "APIKey",
    .plural = "apikeys",
    .singular = "apikey",
    .short_name = "apk",
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_SPEC,
    .fields = fields,
    .spec_key = "spec",
    .status_key = "status",
    .generate_prefix = "apk",
    .selectable = selectable,
    .columns = columns,
    .help = "A long-lived bearer token of a person, for programs.",
    .prepare = prepare,
    .index = index_key,
};

/* ---- what API keys are signed with ---- */

static const struct field signing_fields[] = {
    { .name = "signingKey",
      .type = FIELD_BYTES,
      .flags = FIELD_WRITE_ONLY,
      .max = 16384,
      .help = "Base64 of the private JSON Web Key. Never given back." },
    { .name = "signingKeyPub",
      .type = FIELD_BYTES,
      .max = 16384,
      .help = "Base64 of the public JSON Web Key." },
    { .name = NULL },
};
static const struct column no_columns[] = { { 0 } };

static enum err_code signing_prepare(const struct resource_env *env, struct resource_write *w,
                                     struct refusal *r, struct err *err) {
    struct str given = object_str_at(w->given, "signingKey");
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(STORE_SECRET_MAX), sealed = STRBUF(STORE_SECRET_MAX);
    struct err why;
    if (given.len == 0) {
        if (w->old == NULL)
            refuse_field(r, "FieldValueRequired", "signingKey",
                         "Required value: base64 of a private JSON Web Key");
        return ERR_OK;
    }
    if (base64_decode(given, &jwk, &why) != ERR_OK) {
        refuse_field(r, "FieldValueInvalid", "signingKey", "Invalid value: ***: must be base64 with padding");
        return ERR_OK;
    }
    enum err_code rc = seal(env->keyring, env->random, API_SIGNING_KEY_PURPOSE, strbuf_str(&jwk), &sealed,
                            err);
    if (rc == ERR_OK)
        w->secret = arena_str(w->arena, strbuf_str(&sealed));
    return rc;
}

const struct kind kind_api_signing_key = {
    .kind = "APISigningKey",
    .plural = "apisigningkeys",
    .singular = "apisigningkey",
    .short_name = NULL,
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_PLATFORM,
    .fields = signing_fields,
    .columns = no_columns,
    .help = "The key pair that API keys are signed with.",
    .prepare = signing_prepare,
};
