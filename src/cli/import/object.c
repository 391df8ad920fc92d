/* Objects as an API server prints them: what belongs to that server goes, the rest is kept. */
#include "cli/import/import.h"

#include "cli/objects.h"
#include "tkeauth/crypto.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define LEADER "control-plane.alpha.kubernetes.io/leader"

enum { SHOWN_MAX = 100 };

enum err_code import_add_object(struct import *m, json_t *object, struct err *err) {
    struct str version = json_get_str(object, "apiVersion"), kind = json_get_str(object, "kind");
    struct import_item *i = NULL;
    bool ours = str_eq(version, STR(RESOURCE_API_VERSION));
    const struct kind *k = ours ? resource_kind_named(kind) : NULL;
    if (k == &kind_rule || (k != NULL && k->is_virtual)) {
        *(k == &kind_rule ? &m->ignored_rules : &m->ignored_views) += 1;
        return ERR_OK;
    }
    const char *name = arena_strdup(m->arena, str_sub(kind, 0, SHOWN_MAX));
    enum err_code rc = name != NULL ? import_add(m, name, json_incref(object), &i, err)
                                    : err_set(err, ERR_NOMEM, "an object");
    if (rc != ERR_OK)
        return rc;
    if (!ours) {
        i->kind = NULL;
        import_refuse(m, i, "of %.*s, not of " RESOURCE_API_VERSION, STR_FMT(str_sub(version, 0, SHOWN_MAX)));
    } else if (k == NULL)
        import_refuse(m, i, "a kind that is not known here");
    else
        import_prepare(m, i);
    return ERR_OK;
}

/* ---- metadata ---- */

static void keep(json_t *to, const json_t *from, const char *key) {
    json_t *v = json_object_get(from, key);
    if (v != NULL && !json_is_null(v))
        (void)json_object_set(to, key, v);
}

/* What kubectl applied once, in one piece: with passwords and keys, which readers of the object must not get. */
static void clean_annotations(struct import *m, struct import_item *i, const json_t *given, json_t *meta) {
    static const char *const dropped[] = { LAST_APPLIED, RESOURCE_SOURCE_ANNOTATION,
                                           RESOURCE_SOURCE_HASH_ANNOTATION };
    json_t *annotations = json_deep_copy(json_object_get(given, "annotations"));
    if (json_object_get(annotations, LAST_APPLIED) != NULL)
        import_note(m, i, "annotation " LAST_APPLIED " dropped");
    for (size_t n = 0; n < ARRAY_LEN(dropped); n++)
        (void)json_object_del(annotations, dropped[n]);
    if (json_object_size(annotations) > 0)
        (void)json_object_set(meta, "annotations", annotations);
    json_decref(annotations);
}

/* Whoever was to end them is not here; the objects could never be deleted. */
static void tell_finalizers(struct import *m, struct import_item *i, const json_t *list) {
    for (size_t n = 0; n < json_array_size(list); n++) {
        struct str s = (struct str) { json_string_value(json_array_get(list, n)),
                                      json_string_length(json_array_get(list, n)) };
        if (s.len > 0 && !str_starts_with(s, STR(RESOURCE_GROUP "/")))
            import_note(m, i, "metadata.finalizers: %.*s dropped", STR_FMT(str_sub(s, 0, SHOWN_MAX)));
    }
}

static void clean_metadata(struct import *m, struct import_item *i) {
    static const char *const kept[] = { "name",   "generateName",      "namespace",      "uid",
                                        "labels", "creationTimestamp", "ownerReferences" };
    const json_t *given = object_metadata(i->object);
    json_t *meta = json_object();
    for (size_t n = 0; n < ARRAY_LEN(kept); n++)
        keep(meta, given, kept[n]);
    clean_annotations(m, i, given, meta);
    tell_finalizers(m, i, json_object_get(given, "finalizers"));
    (void)json_object_set_new(i->object, "metadata", meta);
}

/* ---- what is left where it is ---- */

static struct str phase_of(const json_t *object) {
    struct str phase = object_str_at(object, "status.phase");
    return phase.len > 0 ? phase : object_str_at(object, "Status.phase");
}

static bool is_going(const json_t *object) {
    struct str phase = phase_of(object);
    return object_is_deleting(object) || str_eq(phase, STR("Terminating")) || str_eq(phase, STR("Deleting"));
}

static const struct cfg_strings *administrators_of(const struct config *c, struct str tenant) {
    const struct config_connector *list = c->connectors.items;
    for (size_t n = 0; n < c->connectors.len; n++)
        if (str_eq(str_of(list[n].id), tenant))
            return &list[n].administrators;
    return &c->auth.init_idp_administrators;
}

static bool is_among(const struct cfg_strings *list, struct str s) {
    for (size_t n = 0; n < list->len; n++)
        if (str_eq(str_of(list->items[n]), s))
            return true;
    return false;
}

/* Whoever may do everything there and is not named here would lose that without a word. */
static void leave_tenant(struct import *m, struct import_item *i) {
    AUTO(strbuf_done) struct strbuf missing = STRBUF(1024);
    const json_t *list = object_at(i->object, "spec.administrators");
    const struct cfg_strings *named = administrators_of(m->o->config, i->name);
    for (size_t n = 0; n < json_array_size(list); n++) {
        const json_t *v = json_array_get(list, n);
        struct str s = { json_string_value(v), json_string_length(v) };
        if (s.len > 0 && !is_among(named, s))
            strbuf_addf(&missing, "%s%.*s", missing.len > 0 ? ", " : "", STR_FMT(str_sub(s, 0, SHOWN_MAX)));
    }
    import_leave_out(m, i, "the configuration of this server has the tenant, and counts%s%s",
                     missing.len > 0 ? "; it does not name these administrators: " : "", strbuf_c(&missing));
}

static void leave_configured(struct import *m, struct import_item *i) {
    const struct config *c = m->o->config;
    if (i->kind == &kind_identity_provider && configured_tenant(c, i->name))
        leave_tenant(m, i);
    if (i->kind == &kind_client && configured_client(c, i->name))
        import_leave_out(m, i, "the configuration of this server has the client, and counts");
}

static void leave_what_stays(struct import *m, struct import_item *i) {
    const json_t *annotations = json_object_get(object_metadata(i->object), "annotations");
    if (is_going(i->object))
        import_leave_out(m, i, "its deletion is under way");
    else if (object_is_mirror(i->object))
        import_leave_out(m, i, "a copy of what the configuration of that server says");
    else if (i->kind == &kind_config_map && json_object_get(annotations, LEADER) != NULL)
        import_leave_out(m, i, "tells which of the old controllers leads");
}

/* ---- kinds ---- */

/* Shown by the server when somebody looks; policies are told by the policies themselves. */
static void clean_identity(struct import *m, struct import_item *i) {
    json_t *spec = json_object_get(i->object, "spec"), *extra = json_object_get(spec, "extra");
    struct str hash = json_get_str(spec, "hashedPassword");
    (void)json_object_del(extra, "policies");
    (void)json_object_del(extra, "administrator");
    i->who = arena_strdup(m->arena, str_sub(json_get_str(spec, "username"), 0, SHOWN_MAX));
    if (hash.len > 0 && !password_hash_is_known(hash))
        import_refuse(
            m, i,
            "spec.hashedPassword is no hash that can be checked here (bcrypt in base64, as TKEStack "
            "keeps it)");
}

static void clean_group(struct import_item *i) {
    json_t *extra = json_object_get(json_object_get(i->object, "spec"), "extra");
    (void)json_object_del(extra, "policies");
}

static void clean_client(struct import *m, struct import_item *i) {
    json_t *spec = json_object_get(i->object, "spec");
    if (json_is_true(json_object_get(spec, "public")) && json_get_str(spec, "secret").len > 0) {
        (void)json_object_del(spec, "secret");
        import_note(m, i, "spec.secret dropped: a public client has none");
    }
}

/* As the kind itself forces it, so that it is found again. */
static void force_name(struct import *m, struct import_item *i) {
    json_t *meta = json_object_get(i->object, "metadata");
    struct str policy = object_str_at(i->object, "spec.policyID"), name = STR_NULL;
    if (i->kind == &kind_project_policy_binding)
        name = str_of(arena_printf(m->arena, "%.*s-%.*s", STR_FMT(object_str_at(i->object, "spec.projectID")),
                                   STR_FMT(policy)));
    else if (i->kind == &kind_custom_policy_binding)
        name = policy;
    else if (i->kind == &kind_client)
        name = object_str_at(i->object, "spec.id");
    if (name.len > 0)
        (void)json_object_set_new(meta, "name", json_stringn(name.ptr, name.len));
    i->name = arena_str(m->arena, object_store_name(m->arena, i->kind, i->object));
}

static void prepare_kind(struct import *m, struct import_item *i) {
    if (i->kind == &kind_local_identity)
        clean_identity(m, i);
    else if (i->kind == &kind_local_group)
        clean_group(i);
    else if (i->kind == &kind_client)
        clean_client(m, i);
    else if (i->kind == &kind_identity_provider)
        import_prepare_connector(m, i);
    else if (i->kind == &kind_api_signing_key)
        import_prepare_signing_key(m, i);
    else if (i->kind == &kind_api_key)
        i->who = arena_strdup(m->arena, str_sub(object_str_at(i->object, "spec.username"), 0, SHOWN_MAX));
}

void import_prepare(struct import *m, struct import_item *i) {
    if (!json_is_object(object_metadata(i->object))) {
        import_refuse(m, i, "it has no metadata");
        return;
    }
    leave_what_stays(m, i);
    clean_metadata(m, i);
    force_name(m, i);
    if (object_name(i->object).len == 0)
        import_refuse(m, i, "it has no name");
    if (i->outcome == IMPORT_PENDING)
        leave_configured(m, i);
    if (i->outcome == IMPORT_PENDING)
        prepare_kind(m, i);
}
