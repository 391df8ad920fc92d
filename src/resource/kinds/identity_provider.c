/* IdentityProvider: a tenant, and how its people prove who they are (contract 2.14). Passwords in its configuration are sealed in the
 * object's secret; readers see "***". */
#include "resource/kinds/shared.h"

#include "resource/identity_provider.h"

enum { SECRET_MAX = 1024 }; /* of one password */

static const struct field spec_fields[] = {
    { .name = "name",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .max = DISPLAY_NAME_MAX,
      .help = "The name people see." },
    { .name = "type",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .max = 63,
      .help = "tke (or local): LocalIdentities; ldap: a directory, as config says." },
    { .name = "administrators",
      .type = FIELD_STRINGS,
      .max = LIST_MAX,
      .help = "Login names of those who may do everything in the tenant." },
    { .name = "config",
      .type = FIELD_STRING,
      .max = 256 * 1024,
      .help = "JSON with the keys of ldap.json. Passwords in it are never given back: \"***\" stands for the "
              "one that is kept." },
    { .name = NULL },
};
static const struct field condition_fields[] = {
    { .name = "type", .type = FIELD_STRING, .help = "Ready." },
    { .name = "status", .type = FIELD_STRING, .help = "True, False or Unknown." },
    { .name = "reason", .type = FIELD_STRING, .help = "One word for programs." },
    { .name = "message", .type = FIELD_STRING, .help = "More for people." },
    { .name = "lastTransitionTime", .type = FIELD_TIME, .help = "When the status last changed." },
    { .name = NULL },
};
static const struct field status_fields[] = {
    { .name = "conditions",
      .type = FIELD_OBJECTS,
      .flags = FIELD_READ_ONLY | FIELD_OMIT_EMPTY,
      .fields = condition_fields,
      .list_type = LIST_MAP,
      .list_key = "type",
      .help = "Ready: whether people can log in, as far as the last attempts told." },
    { .name = NULL },
};
static const struct field fields[] = {
    { .name = "spec", .type = FIELD_OBJECT, .fields = spec_fields, .help = "The tenant." },
    { .name = "status", .type = FIELD_OBJECT, .fields = status_fields, .help = "How it is." },
    { .name = NULL },
};
static const char *const selectable[] = { "spec.type", "spec.name", NULL };
static const struct column columns[] = {
    { "Display Name", "string", "spec.name", false, "The name people see." },
    { "Type", "string", "spec.type", false, "tke or ldap." },
    { "Ready", "string", "status.conditions[Ready]", false, "Whether people can log in." },
    { "Administrators", "integer", "spec.administrators#", true, "How many administrators it has." },
    { 0 },
};

/* ---- the configuration and its secrets ---- */

bool idp_key_is_secret(const char *key) {
    /* Of ldap.json; the others are those of connectors to come, so that none of theirs is ever shown either. */
    static const char *const secrets[] = { "bindPW", "clientSecret", "client_secret",
                                           "secret", "password",     "secret_key" };
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        if (strcmp(key, secrets[i]) == 0)
            return true;
    return false;
}

/* Keys that make the daemon read a file or a variable of its own: whoever may write this object must not thereby read the daemon's files
 * (a private key sent to a directory of one's own as its bind password). */
static bool reads_our_files(const char *key) {
    static const char *const keys[] = { "bindPWFile", "bindPWEnv", "rootCA", "clientCert", "clientKey" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static json_t *parse_config(struct str text, struct refusal *r) {
    json_t *config = NULL;
    struct err why;
    if (text.len == 0)
        return json_object();
    if (json_parse(text, &config, &why) != ERR_OK)
        refuse_field(r, "FieldValueInvalid", "spec.config", "Invalid value: must be a JSON object: %s",
                     why.detail);
    else if (json_is_object(config))
        return config;
    else
        refuse_field(r, "FieldValueInvalid", "spec.config", "Invalid value: must be a JSON object");
    json_decref(config);
    return NULL;
}

static bool has_string(const json_t *list, const char *s) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_str(json_array_get(list, i)), str_of(s)))
            return true;
    return false;
}

static bool is_mark(const json_t *v) { return str_eq(json_str(v), STR(IDP_SECRET_MARK)); }

/* What a kept password would be sent to, and how well that is checked: it is not to be sent anywhere else. */
static bool goes_elsewhere(const json_t *before, const json_t *now) {
    static const char *const keys[] = { "host",          "hosts",    "bindDN",
                                        "insecureNoSSL", "startTLS", "insecureSkipVerify",
                                        "rootCAData" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const json_t *a = json_object_get(before, keys[i]), *b = json_object_get(now, keys[i]);
        if (!(a == NULL && b == NULL) && !json_equal(a, b))
            return true;
    }
    return false;
}

/* One member of the new configuration that is a password; NULL: it has none, or a cause was added. */
static const json_t *choose_secret(const char *key, const json_t *now, const json_t *kept, bool elsewhere,
                                   struct refusal *r) {
    const json_t *was = json_object_get(kept, key);
    if (!json_is_string(now))
        refuse_field(r, "FieldValueInvalid", "spec.config", "Invalid value: ***: %s must be a text", key);
    else if (json_string_length(now) > SECRET_MAX)
        refuse_field(r, "FieldValueTooLong", "spec.config", "Too long: %s must have at most %d bytes", key,
                     SECRET_MAX);
    else if (!is_mark(now))
        return now;
    else if (was == NULL)
        refuse_field(r, "FieldValueRequired", "spec.config",
                     "Required value: %s: *** stands for the one that is kept, and there is none", key);
    else if (elsewhere)
        refuse_field(r, "FieldValueRequired", "spec.config",
                     "Required value: %s has to be given again, because host, bindDN or the way to the "
                     "server has changed",
                     key);
    else
        return was;
    return NULL;
}

/* The passwords of the new configuration: those given, or those kept; "" takes one away. `shown` gets the marks. */
static json_t *split_secrets(json_t *shown, const json_t *before, const json_t *kept, struct refusal *r) {
    json_t *secrets = json_object();
    bool elsewhere = goes_elsewhere(before, shown);
    const char *key;
    json_t *v;
    void *next;
    json_object_foreach((json_t *)(uintptr_t)kept, key, v) {
        const json_t *now = json_object_get(shown, key);
        if ((now == NULL || json_is_null(now)) && json_object_get(before, key) != NULL)
            (void)json_object_set_new(shown, key, json_string(IDP_SECRET_MARK)); /* left out: as it was */
    }
    json_object_foreach_safe(shown, next, key, v) {
        if (!idp_key_is_secret(key))
            continue;
        if (json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0)) {
            (void)json_object_del(shown, key);
            continue;
        }
        const json_t *secret = choose_secret(key, v, kept, elsewhere, r);
        if (secret != NULL)
            (void)json_object_set(secrets, key, (json_t *)(uintptr_t)secret);
    }
    json_object_foreach(secrets, key, v) {
        (void)json_object_set_new(shown, key, json_string(IDP_SECRET_MARK));
    }
    return secrets;
}

enum err_code idp_open_secrets(const struct keyring *keyring, struct str sealed, json_t **ret,
                               struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf plain = STRBUF(STORE_SECRET_MAX);
    if (sealed.len == 0) {
        *ret = json_object();
        return ERR_OK;
    }
    enum err_code rc = unseal(keyring, IDP_SEAL_PURPOSE, sealed, &plain, err);
    return rc == ERR_OK ? json_parse(strbuf_str(&plain), ret, err) : rc;
}

static enum err_code seal_secrets(const struct resource_env *env, struct resource_write *w,
                                  const json_t *secrets, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf sealed = STRBUF(STORE_SECRET_MAX);
    if (json_object_size(secrets) == 0) {
        w->secret = STR("");
        return ERR_OK;
    }
    char *plain = json_print(secrets);
    if (plain == NULL)
        return err_set(err, ERR_NOMEM, "secrets of a connector");
    enum err_code rc = seal(env->keyring, env->random, IDP_SEAL_PURPOSE, str_of(plain), &sealed, err);
    secret_wipe(plain, strlen(plain));
    free(plain);
    if (rc == ERR_OK)
        w->secret = arena_str(w->arena, strbuf_str(&sealed));
    return rc;
}

static void refuse_file_keys(const json_t *config, struct refusal *r) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)config, key, v) {
        (void)v;
        if (reads_our_files(key))
            refuse_field(r, "FieldValueForbidden", "spec.config",
                         "Forbidden: %s names a file or variable of the server; give bindPW and rootCAData, "
                         "or put the tenant into the "
                         "server's configuration",
                         key);
    }
}

/* What the connector itself says of the whole: filters, scopes, unknown keys. */
static void ask_connector(const struct resource_env *env, const struct resource_write *w, const json_t *shown,
                          const json_t *secrets, struct refusal *r) {
    json_t *whole = json_copy((json_t *)(uintptr_t)shown);
    (void)json_object_update(whole, (json_t *)(uintptr_t)secrets);
    char *text = json_print(whole);
    json_decref(whole);
    const char *problem = text == NULL
                              ? "out of memory"
                              : env->check_connector(env->ctx, r->arena,
                                                     object_str_at(w->object, "spec.type"), str_of(text));
    if (text != NULL)
        secret_wipe(text, strlen(text));
    free(text);
    if (problem != NULL)
        refuse_field(r, "FieldValueInvalid", "spec.config", "Invalid value: %s", problem);
}

static enum err_code use_config(const struct resource_env *env, struct resource_write *w, json_t *shown,
                                const json_t *before, struct refusal *r, struct err *err) {
    json_t *kept = NULL;
    enum err_code rc = idp_open_secrets(env->keyring, w->old_secret, &kept, err);
    if (rc != ERR_OK)
        return rc;
    json_t *secrets = split_secrets(shown, before, kept, r);
    bool same = w->old != NULL && json_equal(secrets, kept);
    json_decref(kept);
    if (env->check_connector != NULL && !w->trusted && r->cause_count == 0)
        ask_connector(env, w, shown, secrets, r);
    rc = same ? ERR_OK : seal_secrets(env, w, secrets, err); /* sealed anew they would look like a change */
    json_decref(secrets);
    char *text = json_object_size(shown) > 0 ? json_print(shown) : NULL;
    set_str(w->object, "spec", "config", str_of(text));
    free(text);
    return rc;
}

/* Whoever replaces the object by a file that does not name our finalizer does not mean the tenant's data to stay behind it. */
static void keep_finalizer(struct resource_write *w) {
    const json_t *was = json_object_get(object_metadata(w->old), "finalizers");
    json_t *meta = part_of(w->object, "metadata"), *list = json_object_get(meta, "finalizers");
    if ((w->old != NULL && !has_string(was, IDP_FINALIZER)) || has_string(list, IDP_FINALIZER))
        return;
    if (!json_is_array(list)) {
        (void)json_object_set_new(meta, "finalizers", json_array());
        list = json_object_get(meta, "finalizers");
    }
    (void)json_array_append_new(list, json_string(IDP_FINALIZER));
}

static enum err_code prepare(const struct resource_env *env, struct resource_write *w, struct refusal *r,
                             struct err *err) {
    if (w->part != PART_ALL || w->from_configuration)
        return ERR_OK;
    keep_finalizer(w);
    if (w->old != NULL && object_is_mirror(w->old))
        return ERR_OK; /* whose configuration is not for clients to change, and may name files */
    struct str now = object_str_at(w->object, "spec.config"), was = object_str_at(w->old, "spec.config");
    json_t *shown = parse_config(now, r), *before = parse_config(was, r);
    enum err_code rc = ERR_OK;
    if (shown != NULL && before != NULL) {
        refuse_file_keys(shown, r);
        rc = use_config(env, w, shown, before, r, err);
    }
    json_decref(shown);
    json_decref(before);
    return rc;
}

static void validate(const struct resource_env *env, const struct resource_write *w, struct refusal *r) {
    (void)env;
    struct str name = object_name(w->object);
    const char *problem = check_tenant_name(json_object_get(object_metadata(w->object), "name"));
    if (str_eq(name, STR("platform"))) /* names of its policies would be those of the platform's */
        problem = "stands for what belongs to no tenant";
    if (w->old == NULL && problem != NULL && !w->from_configuration)
        refuse_field(r, "FieldValueInvalid", "metadata.name", "Invalid value: \"%.*s\": %s", STR_FMT(name),
                     problem);
    if (w->old == NULL && is_platform_tenant_id(name) && !w->from_configuration)
        refuse_field(r, "FieldValueInvalid", "metadata.name",
                     "Invalid value: \"%.*s\": is reserved: the names of its policies and roles would be the "
                     "platform's own",
                     STR_FMT(name));
    if (w->old != NULL &&
        !str_eq(object_str_at(w->old, "spec.type"), object_str_at(w->object, "spec.type")) &&
        !w->from_configuration)
        refuse_field(r, "FieldValueInvalid", "spec.type",
                     "Invalid value: field is immutable: identities of one kind of tenant "
                     "mean nothing to another");
    if (w->old != NULL && object_is_mirror(w->old) && !w->from_configuration) {
        static const char *const fixed[] = { "spec.name", "spec.type", "spec.config" };
        for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
            if (!json_equal(object_at(w->old, fixed[i]), object_at(w->object, fixed[i])))
                refuse_field(r, "FieldValueForbidden", fixed[i],
                             "Forbidden: is set in the configuration of the server; change it there");
    }
}

const struct kind kind_identity_provider = {
    .kind = "IdentityProvider",
    .plural = "identityproviders",
    .singular = "identityprovider",
    .short_name = "idp",
    .verbs = RESOURCE_ALL,
    .tenancy = TENANCY_NAME,
    .fields = fields,
    .spec_key = "spec",
    .status_key = "status",
    .generate_prefix = "idp-",
    .count_max = RESOURCE_TENANTS_MAX,
    .name_is_free = true, /* tenants of the configuration may have other names than those checked above */
    .selectable = selectable,
    .columns = columns,
    .help = "A tenant, and how its people prove who they are. Its name is the tenant's id.",
    .prepare = prepare,
    .validate = validate,
};
