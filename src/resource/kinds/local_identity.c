/* LocalIdentity: a person whose password is kept here (contract 2.1). The password's hash is the object's secret. */
#include "resource/kinds/shared.h"

#include "resource/write.h"

static const char *check_username(const json_t *v) {
    struct str s = json_str(v);
    if (s.len < 3 || s.len > 32 || name_problem(s, true) != NULL)
        return "must have 3 to 32 characters: a-z, 0-9 and, not at its ends, '-'";
    return str_eq(s, STR("system")) ? "is reserved" : NULL;
}

static const char *check_email(const json_t *v) {
    return email_is_valid(json_str(v)) ? NULL : "must be an e-mail address";
}

/* Contract 9.60: the world's numbers, not only those of one country. */
static const char *check_phone(const json_t *v) {
    struct str s = json_str(v);
    size_t digits = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (ascii_is_digit(s.ptr[i]))
            digits++;
        else if (!(i == 0 && s.ptr[i] == '+') && memchr(" ()-./", s.ptr[i], 6) == NULL)
            digits = 100;
    }
    return digits >= 3 && digits <= 15
               ? NULL
               : "must be a telephone number: 3 to 15 digits, a '+' in front if need be";
}

static const struct field spec_fields[] = {
    FINALIZERS_FIELD("localidentity"),
    { .name = "username",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED | FIELD_IMMUTABLE,
      .check = check_username,
      .help = "The login name, unique in the tenant." },
    { .name = "displayName",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .max = DISPLAY_NAME_MAX,
      .help = "The name people see." },
    { .name = "email", .type = FIELD_STRING, .check = check_email, .help = "The e-mail address." },
    { .name = "phoneNumber", .type = FIELD_STRING, .check = check_phone, .help = "The telephone number." },
    { .name = "hashedPassword",
      .type = FIELD_STRING,
      .flags = FIELD_WRITE_ONLY,
      .max = 2048,
      .help = "On writing: base64 of the password in clear text, which the server hashes. Never given back; "
              "left out: stays as it is." },
    { .name = "tenantID",
      .type = FIELD_STRING,
      .flags = FIELD_IMMUTABLE | FIELD_REQUIRED,
      .max = 63,
      .help = "The tenant (IdentityProvider) it belongs to." },
    { .name = "groups",
      .type = FIELD_STRINGS,
      .flags = FIELD_OMIT_EMPTY,
      .max = LIST_MAX,
      .help = "Kept; see LocalGroup for groups that count." },
    { .name = "extra",
      .type = FIELD_STRING_MAP,
      .flags = FIELD_OMIT_EMPTY,
      .max = 100,
      .help = "Whatever else. policies (ids with commas between) binds the identity to these policies and is "
              "not kept; emailVerified is "
              "true or false." },
    { .name = NULL },
};
static const struct field status_fields[] = {
    { .name = "phase",
      .type = FIELD_STRING,
      .flags = FIELD_READ_ONLY | FIELD_OMIT_EMPTY,
      .help = "Deleting once its deletion was asked for." },
    { .name = "locked",
      .type = FIELD_BOOL,
      .flags = FIELD_OMIT_EMPTY,
      .help = "May not log in; tokens are not renewed and API keys do not count." },
    { .name = "lastUpdateTime",
      .type = FIELD_TIME,
      .flags = FIELD_READ_ONLY,
      .help = "When it was last changed." },
    { .name = NULL },
};
static const struct field fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = spec_fields, .help = "Who it is." },
    { .name = "status", .type = FIELD_OBJECT, .fields = status_fields, .help = "Whether they may log in." },
    { .name = NULL },
};
static const char *const selectable[] = { "spec.tenantID", "spec.username", NULL };
static const struct column columns[] = {
    { "Username", "string", "spec.username", false, "The login name." },
    { "Display Name", "string", "spec.displayName", false, "The name people see." },
    { "Tenant", "string", "spec.tenantID", false, "The tenant it belongs to." },
    { "Locked", "boolean", "status.locked", false, "May not log in." },
    { "Email", "string", "spec.email", true, "The e-mail address." },
    { "Phase", "string", "status.phase", true, "Deleting, or nothing." },
    { 0 },
};

/* ---- passwords ---- */

/* An imported hash is taken as it is; the one that is there already is no new password. */
static enum err_code take_hash(struct resource_write *w, struct str given, struct refusal *r) {
    if (str_eq(given, w->old_secret))
        return ERR_OK;
    if (password_hash_is_known(given))
        w->secret = arena_str(w->arena, given);
    else
        refuse_field(r, "FieldValueInvalid", "spec.hashedPassword",
                     "Invalid value: ***: no hash that can be checked");
    return ERR_OK;
}

static enum err_code hash_password(struct resource_write *w, struct str given, struct refusal *r,
                                   struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf plain = STRBUF(2 * PASSWORD_MAX), hash = STRBUF(PASSWORD_HASH_MAX);
    struct err why;
    if (password_hash_is_known(given)) {
        /* Contract 9.35: a hash that came back in was hashed once more, and the password lost. */
        refuse_field(r, "FieldValueInvalid", "spec.hashedPassword",
                     "Invalid value: ***: is a hash; give base64 of the password, or use `tke-auth import` "
                     "to take hashes over");
        return ERR_OK;
    }
    if (base64_decode(given, &plain, &why) != ERR_OK || plain.len == 0 || plain.len > PASSWORD_MAX) {
        refuse_field(r, "FieldValueInvalid", "spec.hashedPassword",
                     "Invalid value: ***: must be base64, with padding, of a password of 1 to %d bytes",
                     PASSWORD_MAX);
        return ERR_OK;
    }
    enum err_code rc = password_hash(strbuf_str(&plain), &hash, err);
    if (rc == ERR_OK)
        w->secret = arena_str(w->arena, strbuf_str(&hash));
    return rc;
}

static enum err_code prepare(const struct resource_env *env, struct resource_write *w, struct refusal *r,
                             struct err *err) {
    json_t *extra = json_object_get(json_object_get(w->object, "spec"), "extra");
    (void)env;
    (void)json_object_del(extra, "policies");
    (void)json_object_del(extra, "administrator"); /* shown by the server, not kept */
    if (w->part != PART_ALL)
        return ERR_OK;
    struct str given = object_str_at(w->given, "spec.hashedPassword");
    if (given.len == 0) {
        if (w->old == NULL)
            refuse_field(r, "FieldValueRequired", "spec.hashedPassword",
                         "Required value: base64 of the password");
        return ERR_OK;
    }
    return w->trusted ? take_hash(w, given, r) : hash_password(w, given, r, err);
}

static void index_identity(const json_t *object, struct index_list *out) {
    struct str tenant = object_tenant(&kind_local_identity, object),
               email = object_str_at(object, "spec.email");
    index_add(out, index_username(out->arena, tenant, object_str_at(object, "spec.username")), true);
    if (email.len > 0)
        index_add(out, index_email(out->arena, tenant, email), false);
}

static enum err_code follow(const struct resource_env *env, struct store_tx *tx,
                            const struct resource_write *w, struct refusal *r, struct err *err) {
    const json_t *object = w->object != NULL ? w->object : w->old;
    const struct subject_ref user = { object_tenant(w->kind, object), object_name(object),
                                      object_str_at(object, "spec.username"), false };
    if (w->object != NULL) {
        /* Contract 9.28: whoever knew the old password may have made keys with it. */
        enum err_code rc = ERR_OK;
        if (w->secret.ptr != NULL && w->old != NULL && !env->keep_keys_on_password_change)
            rc = cascade_api_keys(env, tx, w->arena, user.tenant, user.name, false, r, err);
        return rc == ERR_OK ? follow_extra_policies(env, tx, w, &user, r, err) : rc;
    }
    enum err_code rc = cascade_subject(env, tx, w->arena, &user, r, err);
    return rc == ERR_OK ? cascade_api_keys(env, tx, w->arena, user.tenant, user.name, true, r, err) : rc;
}

const struct kind kind_local_identity = {
    .kind = "LocalIdentity",
    .plural = "localidentities",
    .singular = "localidentity",
    .short_name = "usr",
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_SPEC,
    .fields = fields,
    .spec_key = "spec",
    .status_key = "status",
    .generate_prefix = "usr-",
    .finalizer = "localidentity",
    .phase_deleting = "Deleting",
    .stamp = "lastUpdateTime",
    .selectable = selectable,
    .columns = columns,
    .help = "A person who logs in with a password kept here.",
    .prepare = prepare,
    .index = index_identity,
    .follow = follow,
};
