#include "resource/applied.h"

#include "resource/fields.h"
#include "resource/identity_provider.h"

static const char annotation[] = "kubectl.kubernetes.io/last-applied-configuration";

static bool has_write_only(const struct field *fields) {
    for (const struct field *f = fields; f != NULL && f->name != NULL; f++)
        if ((f->flags & FIELD_WRITE_ONLY) != 0 || has_write_only(f->fields))
            return true;
    return false;
}

/* Passwords in the configuration of a tenant; a whole key, which only its issuing answer has. */
static void strip_spec(const struct kind *k, json_t *object) {
    json_t *spec = json_object_get(object, "spec"), *config = NULL;
    struct err ignored;
    const char *key;
    json_t *v;
    void *next;
    if (k == &kind_api_key)
        (void)json_object_del(spec, "apiKey");
    if (k != &kind_identity_provider || json_object_get(spec, "config") == NULL)
        return;
    if (json_parse(json_get_str(spec, "config"), &config, &ignored) != ERR_OK || !json_is_object(config)) {
        json_decref(config);
        (void)json_object_del(spec, "config");
        return;
    }
    json_object_foreach_safe(config, next, key, v) {
        if (idp_key_is_secret(key))
            (void)json_object_set_new(config, key, json_string(IDP_SECRET_MARK));
    }
    char *text = json_print(config);
    (void)json_object_set_new(spec, "config", json_string(text != NULL ? text : ""));
    free(text);
    json_decref(config);
}

/* `text` as kubectl writes it; NULL: it cannot be read. */
static json_t *stripped(const struct kind *k, struct str text) {
    json_t *object = NULL;
    struct err ignored;
    if (json_parse(text, &object, &ignored) != ERR_OK || !json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    fields_strip_write_only(k, object);
    strip_spec(k, object);
    AUTO(strbuf_done) struct strbuf out = STRBUF(RESOURCE_BODY_MAX);
    char *printed = json_print(object);
    if (printed != NULL)
        strbuf_adds(&out, printed);
    strbuf_addc(&out, '\n');
    free(printed);
    json_decref(object);
    return printed != NULL && !out.failed ? json_of_str(strbuf_str(&out)) : NULL;
}

void applied_strip(const struct kind *k, json_t *metadata) {
    json_t *annotations = json_object_get(metadata, "annotations");
    const json_t *given = json_object_get(annotations, annotation);
    bool has_secrets = k == &kind_identity_provider || k == &kind_api_key || has_write_only(k->fields);
    if (!json_is_string(given) || !has_secrets)
        return;
    json_t *kept = stripped(k, json_str(given));
    if (kept != NULL)
        (void)json_object_set_new(annotations, annotation, kept);
    else
        (void)json_object_del(annotations, annotation);
    if (json_object_size(annotations) == 0)
        (void)json_object_del(metadata, "annotations");
}
