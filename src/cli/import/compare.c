/* What is stored beside what the dump says. */
#include "cli/import/import.h"

#include "tkeauth/crypto.h"

enum { SECRET_MEMORY_MAX = 8 * 1024 * 1024 };

/* ---- putting one over the other ---- */

static void add_members(json_t *meta, const json_t *stored, const json_t *from_dump, const char *key) {
    json_t *both = json_deep_copy(json_object_get(stored, key)), *said = json_object_get(from_dump, key);
    if (both == NULL)
        both = json_object();
    (void)json_object_update(both, said);
    if (json_object_size(both) > 0)
        (void)json_object_set(meta, key, both);
    json_decref(both);
}

/* Labels and annotations that were put on here stay, and so does what only the server says. */
static json_t *merge_metadata(const json_t *stored, const json_t *from_dump) {
    json_t *meta = json_deep_copy(stored);
    add_members(meta, stored, from_dump, "labels");
    add_members(meta, stored, from_dump, "annotations");
    return meta;
}

static const struct field *status_fields(const struct kind *k) {
    for (const struct field *f = k->fields; k->status_key != NULL && f->name != NULL; f++)
        if (strcmp(f->name, k->status_key) == 0)
            return f->fields;
    return NULL;
}

/* Subjects, locks: what people decide. Phases, times and conditions are the server's. */
static json_t *merge_status(const struct kind *k, const json_t *stored, const json_t *from_dump) {
    json_t *status = json_is_object(stored) ? json_deep_copy(stored) : json_object();
    for (const struct field *f = status_fields(k); f != NULL && f->name != NULL; f++) {
        json_t *said = json_object_get(from_dump, f->name);
        if ((f->flags & FIELD_READ_ONLY) != 0)
            continue;
        if (said != NULL)
            (void)json_object_set_new(status, f->name, json_deep_copy(said));
        else
            (void)json_object_del(status, f->name);
    }
    return status;
}

/* A dump may spell members as its version did ("status" for "Status"). */
static const json_t *status_of(const struct kind *k, const json_t *object) {
    const json_t *v = json_object_get(object, k->status_key);
    return v != NULL ? v : json_object_get(object, "status");
}

json_t *import_merge(const struct kind *k, const json_t *stored, const json_t *from_dump) {
    json_t *next = json_deep_copy(from_dump);
    if (next == NULL)
        return NULL;
    (void)json_object_set_new(next, "metadata",
                              merge_metadata(object_metadata(stored), object_metadata(from_dump)));
    if (k->status_key != NULL) {
        (void)json_object_del(next, "status");
        (void)json_object_set_new(
            next, k->status_key,
            merge_status(k, json_object_get(stored, k->status_key), status_of(k, from_dump)));
    }
    return next;
}

/* ---- secrets ---- */

static enum err_code compare_password(struct import *m, struct import_item *i,
                                      const struct store_object *stored, json_t *spec,
                                      const char **ret_differs, struct err *err) {
    struct str given = json_get_str(spec, "hashedPassword");
    (void)err;
    if (given.len == 0 || str_eq(given, stored->secret)) {
        (void)json_object_del(spec, "hashedPassword");
        return ERR_OK;
    }
    /* A login makes a better hash of the same password, or it was changed here: that is newer than any dump. */
    bool renewed = str_starts_with(stored->secret, STR("$argon2")) && !str_starts_with(given, STR("$argon2"));
    if (renewed && !m->o->overwrite) {
        import_note(m, i, "the password was set or renewed here since; kept");
        (void)json_object_del(spec, "hashedPassword");
        return ERR_OK;
    }
    *ret_differs = "password";
    return ERR_OK;
}

static enum err_code compare_client_secret(struct import *m, struct import_item *i,
                                           const struct store_object *stored, json_t *spec,
                                           const char **ret_differs, struct err *err) {
    unsigned char digest[SHA256_SIZE];
    struct str given = json_get_str(spec, "secret");
    (void)m;
    (void)i;
    (void)err;
    if (given.len == 0)
        return ERR_OK;
    sha256(given, digest);
    if (str_eq(stored->secret, (struct str) { (const char *)digest, sizeof digest }))
        (void)json_object_del(spec, "secret");
    else
        *ret_differs = "secret";
    return ERR_OK;
}

static bool says_the_same(struct str a, struct str b) {
    struct err ignored = { 0 };
    json_t *x = NULL, *y = NULL;
    bool same = str_eq(a, b) || (json_parse(a, &x, &ignored) == ERR_OK &&
                                 json_parse(b, &y, &ignored) == ERR_OK && json_equal(x, y));
    json_decref(x);
    json_decref(y);
    return same;
}

static enum err_code compare_signing_key(struct import *m, struct import_item *i,
                                         const struct store_object *stored, json_t *given,
                                         const char **ret_differs, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf is = STRBUF(STORE_SECRET_MAX), said = STRBUF(STORE_SECRET_MAX);
    (void)i;
    enum err_code rc = unseal(m->env->keyring, API_SIGNING_KEY_PURPOSE, stored->secret, &is, err);
    if (rc == ERR_OK)
        rc = base64_decode(json_get_str(given, "signingKey"), &said, err);
    if (rc == ERR_OK && says_the_same(strbuf_str(&is), strbuf_str(&said)))
        (void)json_object_del(given, "signingKey");
    else if (rc == ERR_OK)
        *ret_differs = "signingKey";
    return rc;
}

/* The whole configuration, passwords included; where it is the same, the stored spelling stands for it. */
static enum err_code compare_connector(struct import *m, struct import_item *i,
                                       const struct store_object *stored, json_t *spec,
                                       const char **ret_differs, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(SECRET_MEMORY_MAX);
    struct identity_provider p;
    json_t *object = NULL;
    (void)i;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a tenant");
    enum err_code rc = resource_identity_provider(a, m->env->keyring, stored, &p, err);
    if (rc == ERR_OK)
        rc = json_parse(stored->body, &object, err);
    if (rc != ERR_OK)
        return rc;
    if (says_the_same(p.config, json_get_str(spec, "config")))
        (void)json_object_set(spec, "config", json_object_get(json_object_get(object, "spec"), "config"));
    else
        *ret_differs = "spec.config";
    json_decref(object);
    return ERR_OK;
}

/* A key of this name that is another key can be nothing but a conflict: keys do not change. */
static enum err_code compare_api_key(struct import *m, struct import_item *i,
                                     const struct store_object *stored, json_t *spec,
                                     const char **ret_differs, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(SECRET_MEMORY_MAX);
    struct api_key k;
    unsigned char digest[SHA256_SIZE];
    (void)m;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "an API key");
    enum err_code rc = resource_api_key(a, stored->body, &k, err);
    if (rc != ERR_OK)
        return rc;
    sha256(json_get_str(spec, "apiKey"), digest);
    if (memcmp(digest, k.digest, sizeof digest) != 0) {
        *ret_differs = "spec.apiKey";
        i->why = "another key has this name here";
        i->outcome = IMPORT_CONFLICT;
    }
    return ERR_OK;
}

enum err_code import_compare_secret(struct import *m, struct import_item *i,
                                    const struct store_object *stored, json_t *given,
                                    const char **ret_differs, struct err *err) {
    json_t *spec = json_object_get(given, "spec");
    *ret_differs = NULL;
    if (i->kind == &kind_local_identity)
        return compare_password(m, i, stored, spec, ret_differs, err);
    if (i->kind == &kind_client)
        return compare_client_secret(m, i, stored, spec, ret_differs, err);
    if (i->kind == &kind_api_signing_key)
        return compare_signing_key(m, i, stored, given, ret_differs, err);
    if (i->kind == &kind_identity_provider)
        return compare_connector(m, i, stored, spec, ret_differs, err);
    if (i->kind == &kind_api_key)
        return compare_api_key(m, i, stored, spec, ret_differs, err);
    return ERR_OK;
}

/* ---- differences ---- */

static bool is_servers_own(const struct kind *k, const char *section, const char *key) {
    static const char *const metadata[] = { "managedFields", "uid", "creationTimestamp", "generateName" };
    if (strcmp(section, "metadata") == 0) {
        for (size_t i = 0; i < ARRAY_LEN(metadata); i++)
            if (strcmp(key, metadata[i]) == 0)
                return true;
    }
    return k->status_key != NULL && k->stamp != NULL && strcmp(section, k->status_key) == 0 &&
           strcmp(key, k->stamp) == 0;
}

static void add_difference(struct strbuf *out, const char *section, const char *key) {
    strbuf_addf(out, "%s%s%s%s", out->len > 0 ? ", " : "", section, key != NULL ? "." : "",
                key != NULL ? key : "");
}

/* Members of `a` that `b` has not, or has otherwise. */
static void compare_section(const struct kind *k, const char *section, const json_t *a, const json_t *b,
                            bool missing_only, struct strbuf *out) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)a, key, v) {
        const json_t *other = json_object_get(b, key);
        bool differs = missing_only ? other == NULL : other == NULL || !json_equal(v, other);
        if (differs && !is_servers_own(k, section, key))
            add_difference(out, section, key);
    }
}

void import_differences(const struct kind *k, const json_t *stored, const json_t *next, struct strbuf *out) {
    const char *section;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)next, section, v) {
        const json_t *was = json_object_get(stored, section);
        if (json_is_object(v) && json_is_object(was)) {
            compare_section(k, section, v, was, false, out);
            compare_section(k, section, was, v, true, out);
        } else if (was == NULL || !json_equal(v, was))
            add_difference(out, section, NULL);
    }
    json_object_foreach((json_t *)(uintptr_t)stored, section, v) {
        if (json_object_get(next, section) == NULL)
            add_difference(out, section, NULL);
    }
}
