#include "controller/lists.h"

#define PLACEHOLDER STR("{tenantID}")

struct reading {
    const struct list_options *options;
    void (*bad)(void *ctx, size_t number, struct str name, const char *why);
    void *ctx;
};

static struct str text_of(const json_t *v) {
    return json_is_string(v) ? (struct str) { json_string_value(v), json_string_length(v) } : STR_NULL;
}

/* The kind's spec under its own name or, of those with a capital, the small one. */
static const json_t *spec_of(const struct kind *k, const json_t *object) {
    const json_t *spec = json_object_get(object, k->spec_key);
    return spec != NULL ? spec : json_object_get(object, "spec");
}

static const char *level_problem(const json_t *level, bool always_platform, bool *ret_platform) {
    struct str s = text_of(level);
    *ret_platform = always_platform || str_eq(s, STR("platform"));
    if (level == NULL || *ret_platform || str_eq(s, STR("tenant")))
        return NULL;
    return "level must be \"tenant\" or \"platform\"";
}

/* NULL: it can be used. */
static const char *entry_problem(const struct reading *r, struct list_entry *e) {
    const json_t *metadata = json_object_get(e->object, "metadata"),
                 *name = json_object_get(metadata, "name"), *kind = json_object_get(e->object, "kind");
    const struct kind *k = r->options->kind;
    if (!json_is_object(e->object))
        return "must be an object";
    if (name != NULL && !json_is_null(name) && !json_is_string(name))
        return "metadata.name must be a string";
    e->name = text_of(name);
    if (e->name.len == 0 && r->options->names_required)
        return "metadata.name is required";
    if (e->name.len > RESOURCE_NAME_MAX)
        return "metadata.name is too long";
    if (kind != NULL && !str_eq(text_of(kind), str_of(k->kind)))
        return "is of another kind";
    if (!json_is_object(spec_of(k, e->object)))
        return "spec is required";
    return level_problem(json_object_get(e->object, "level"), r->options->always_platform, &e->is_platform);
}

static void take_entries(const struct reading *r, struct list *l) {
    size_t count = json_array_size(l->root);
    for (size_t i = 0; i < count; i++) {
        struct list_entry e = { .number = i + 1, .object = json_array_get(l->root, i) };
        const char *problem = entry_problem(r, &e);
        if (problem != NULL)
            r->bad(r->ctx, e.number, e.name, problem);
        else
            l->entries[l->len++] = e;
    }
}

enum err_code list_parse(const struct list_options *options, struct str text,
                         void (*bad)(void *ctx, size_t number, struct str name, const char *why), void *ctx,
                         struct list *ret, struct err *err) {
    const struct reading r = { options, bad, ctx };
    AUTO(list_done) struct list l = { 0 };
    enum err_code rc = json_parse(text, &l.root, err);
    if (rc != ERR_OK)
        return rc;
    if (!json_is_array(l.root))
        return err_set(err, ERR_INVALID, "must be a JSON array of objects");
    if (json_array_size(l.root) > LIST_ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "has %zu entries, %d are taken", json_array_size(l.root),
                       LIST_ENTRIES_MAX);
    l.entries = calloc(json_array_size(l.root) + 1, sizeof *l.entries);
    if (l.entries == NULL)
        return err_set(err, ERR_NOMEM, "a list of default data");
    take_entries(&r, &l);
    *ret = l;
    l = (struct list) { 0 };
    return ERR_OK;
}

void list_done(struct list *l) {
    json_decref(l->root);
    free(l->entries);
    *l = (struct list) { 0 };
}

struct str list_built_in(const char *name) {
    for (size_t i = 0; i < controller_embedded_len; i++)
        if (strcmp(controller_embedded[i].name, name) == 0)
            return (struct str) { (const char *)controller_embedded[i].data, controller_embedded[i].len };
    return STR_NULL;
}

bool list_has_placeholder(struct str text) { return str_contains(text, PLACEHOLDER); }

void list_expand(struct str text, struct str tenant, struct strbuf *out) {
    while (text.len > 0) {
        if (str_starts_with(text, PLACEHOLDER)) {
            strbuf_add(out, tenant);
            text = str_from(text, PLACEHOLDER.len);
        } else {
            strbuf_addc(out, text.ptr[0]);
            text = str_from(text, 1);
        }
    }
}
