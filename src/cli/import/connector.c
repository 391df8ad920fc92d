/* The configuration of a directory: an object may not name files of the server it lies on, so their content is put in. */
#include "cli/import/import.h"

#define BEGIN_CERTIFICATE "-----BEGIN CERTIFICATE-----"
#define END_CERTIFICATE "-----END CERTIFICATE-----"

enum { SHOWN_MAX = 200 };

/* ---- certificates ---- */

static size_t find(struct str text, const char *needle) {
    const char *at = text.len > 0 ? memmem(text.ptr, text.len, needle, strlen(needle)) : NULL;
    return at != NULL ? (size_t)(at - text.ptr) : text.len;
}

static bool is_base64_lines(struct str body) {
    for (size_t i = 0; i < body.len; i++) {
        char c = body.ptr[i];
        if (!ascii_is_alnum(c) && c != '+' && c != '/' && c != '=' && !ascii_is_space(c))
            return false;
    }
    return body.len > 0;
}

/* Certificates alone: the name of the file comes from the dump, and what is put into an object can be read by others. */
static size_t copy_certificates(struct str text, struct strbuf *out) {
    size_t count = 0;
    for (;;) {
        struct str from = str_from(text, find(text, BEGIN_CERTIFICATE));
        size_t end = find(from, END_CERTIFICATE);
        if (end == from.len)
            return count;
        struct str body = str_sub(from, sizeof BEGIN_CERTIFICATE - 1, end - (sizeof BEGIN_CERTIFICATE - 1));
        if (is_base64_lines(body)) {
            strbuf_add(out, str_sub(from, 0, end + sizeof END_CERTIFICATE - 1));
            strbuf_addc(out, '\n');
            count++;
        }
        text = str_from(from, end + sizeof END_CERTIFICATE - 1);
    }
}

/* --root-ca: "FILE" for all, "TENANT=FILE" for one. */
static const char *root_ca_of(const struct import *m, struct str tenant, const char *named) {
    const char *file = named;
    for (size_t i = 0; i < m->o->root_ca_count; i++) {
        struct str of, path;
        const char *given = m->o->root_cas[i];
        bool is_of_one = str_cut(str_of(given), '=', &of, &path);
        if (!is_of_one)
            file = given;
        else if (str_eq(of, tenant))
            return path.ptr;
    }
    return file;
}

static void put_root_ca(struct import *m, struct import_item *i, json_t *config) {
    AUTO(strbuf_wipe_done)
    struct strbuf text = STRBUF(IMPORT_CA_MAX), pem = STRBUF(IMPORT_CA_MAX), data = STRBUF(2 * IMPORT_CA_MAX);
    struct str named = json_get_str(config, "rootCA");
    struct err err = { 0 };
    if (named.len == 0 || json_get_str(config, "rootCAData").len > 0)
        return; /* rootCAData wins */
    const char *file = root_ca_of(m, i->name, json_string_value(json_object_get(config, "rootCA")));
    if (file_read(file, IMPORT_CA_MAX, &text, &err) != ERR_OK) {
        import_refuse(m, i,
                      "rootCA %.*s cannot be read here: bring the file along and say --root-ca %.*s=FILE",
                      STR_FMT(str_sub(named, 0, SHOWN_MAX)), STR_FMT(i->name));
        return;
    }
    size_t count = copy_certificates(strbuf_str(&text), &pem);
    if (count == 0) {
        import_refuse(m, i, "rootCA %.*s: there is no certificate (PEM) in it",
                      STR_FMT(str_sub(str_of(file), 0, SHOWN_MAX)));
        return;
    }
    base64_add(&data, pem.ptr, pem.len);
    (void)json_object_set_new(config, "rootCAData", json_stringn(data.ptr, data.len));
    import_note(m, i, "rootCA: %zu certificate%s of %.*s put in", count, count == 1 ? "" : "s",
                STR_FMT(str_sub(str_of(file), 0, SHOWN_MAX)));
}

/* ---- the whole ---- */

/* An empty text is none, and "***" stands for a password that this kind of server does not give away. */
static void drop_empty(struct import *m, struct import_item *i, json_t *config) {
    const char *key;
    json_t *v;
    void *next;
    json_object_foreach_safe(config, next, key, v) {
        if (json_is_string(v) && strcmp(json_string_value(v), "***") == 0)
            import_refuse(m, i, "%.*s itself is not in the dump",
                          STR_FMT(str_sub(str_of(key), 0, SHOWN_MAX)));
        if (json_is_string(v) && json_string_length(v) == 0)
            (void)json_object_del(config, key);
    }
}

static void inline_files(struct import *m, struct import_item *i, json_t *config) {
    static const char *const files[] = { "rootCA", "clientCert", "clientKey", "bindPWFile", "bindPWEnv" };
    put_root_ca(m, i, config);
    (void)json_object_del(config, "rootCA");
    for (size_t n = 1; n < ARRAY_LEN(files); n++) {
        if (json_get_str(config, files[n]).len > 0)
            import_refuse(
                m, i,
                "%s names a file or variable of the server, which an object may not: put this tenant into "
                "the configuration",
                files[n]);
        (void)json_object_del(config, files[n]);
    }
}

static void check(struct import *m, struct import_item *i, struct str type, const char *config) {
    const struct resource_env *env = m->env;
    const char *problem = env->check_connector != NULL
                              ? env->check_connector(env->ctx, m->arena, type, str_of(config))
                              : NULL;
    if (problem != NULL && i->outcome == IMPORT_PENDING)
        import_refuse(m, i, "spec.config: %s", problem);
}

static void forget_text(char *text) {
    if (text != NULL)
        secret_wipe(text, strlen(text));
    free(text);
}

void import_prepare_connector(struct import *m, struct import_item *i) {
    json_t *spec = json_object_get(i->object, "spec"), *config = NULL;
    struct str text = json_get_str(spec, "config"), type = json_get_str(spec, "type");
    struct err err = { 0 };
    (void)json_object_del(i->object, "status"); /* how it was doing there */
    if (str_trim(text).len == 0) {
        check(m, i, type, "");
        return;
    }
    if (json_parse(text, &config, &err) != ERR_OK || !json_is_object(config)) {
        import_refuse(m, i, "spec.config is no JSON object: %s", err.detail);
        json_decref(config);
        return;
    }
    drop_empty(m, i, config);
    inline_files(m, i, config);
    char *whole = json_object_size(config) > 0 ? json_print(config) : NULL;
    check(m, i, type, whole != NULL ? whole : "");
    (void)json_object_set_new(spec, "config", json_string(whole != NULL ? whole : ""));
    forget_text(whole);
    json_decref(config);
}
