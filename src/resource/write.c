/* Writing objects. Everything that can be decided beforehand is; the transaction only looks at other objects, writes, and lets the kind
 * follow. */
#include "resource/write.h"

#include "resource/applied.h"
#include "resource/fields.h"
#include "resource/index.h"
#include "resource/kinds/shared.h"
#include "resource/managed.h"
#include "resource/rule.h"

enum { RETRIES = 8 };

/* ---- inside a transaction ---- */

enum err_code tx_object(struct store_tx *tx, struct arena *a, const struct kind *k, struct str store_name,
                        json_t **ret, struct err *err) {
    struct store_object o;
    enum err_code rc = store_tx_get(tx, a, str_of(k->plural), store_name, &o, err);
    return rc == ERR_OK ? json_parse(o.body, ret, err) : rc;
}

static enum err_code refuse_existing(struct store_tx *tx, const struct resource_write *w, struct str name,
                                     struct refusal *r, struct err *err) {
    struct store_object there;
    struct err ignored;
    const struct kind *k = w->kind;
    if (w->old == NULL && store_tx_get(tx, w->arena, str_of(k->plural), name, &there, &ignored) == ERR_OK)
        return refuse(r, 409, "AlreadyExists", "%s." RESOURCE_GROUP " \"%.*s\" already exists", k->plural,
                      STR_FMT(object_name(w->object)));
    const char *field = k == &kind_local_identity ? "spec.username"
                        : k == &kind_api_key      ? "spec.apiKey"
                                                  : "metadata.name";
    refuse_field(r, "FieldValueDuplicate", field, "Duplicate value: \"%.*s\": there is one already",
                 STR_FMT(object_str_at(w->object, field)));
    return refusal_check(r, k, object_name(w->object), err);
}

static enum err_code refuse_conflict(const struct resource_write *w, struct refusal *r) {
    const json_t *object = w->object != NULL ? w->object : w->old;
    return refuse(r, 409, "Conflict",
                  "Operation cannot be fulfilled on %s." RESOURCE_GROUP
                  " \"%.*s\": the object has been modified; please apply your "
                  "changes to the latest version and try again",
                  w->kind->plural, STR_FMT(object_name(object)));
}

enum err_code put_object(const struct resource_env *env, struct store_tx *tx, struct resource_write *w,
                         int64_t expected, int64_t *ret_revision, struct refusal *r, struct err *err) {
    struct index_list index;
    struct str name = object_store_name(w->arena, w->kind, w->object);
    enum err_code rc = index_of(w->arena, w->kind, w->object, &index, err);
    if (rc != ERR_OK)
        return rc == ERR_INVALID ? refuse(r, 422, "Invalid", "%s", err->detail) : rc;
    char *body = json_dumps(w->object, JSON_COMPACT);
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    const struct store_write write = { .kind = str_of(w->kind->plural),
                                       .name = name,
                                       .body = str_of(body),
                                       .secret = w->secret,
                                       .indexes = index.items,
                                       .index_count = index.len,
                                       .expected = expected };
    if (write.body.len > RESOURCE_BODY_MAX)
        rc = refuse(r, 413, "RequestEntityTooLarge", "the object has %zu bytes, %d are taken", write.body.len,
                    RESOURCE_BODY_MAX);
    else
        rc = store_tx_write(tx, &write, ret_revision, err);
    free(body);
    if (rc == ERR_EXISTS)
        return refuse_existing(tx, w, name, r, err);
    if (rc == ERR_CONFLICT && r->status == 0)
        return refuse_conflict(w, r);
    if (rc == ERR_OK)
        rc = rules_write(tx, w->kind, name, w->object, NULL, err);
    if (rc == ERR_LIMIT && r->status == 0)
        return refuse(r, 422, "Invalid", "%s \"%.*s\" would make %s", w->kind->kind,
                      STR_FMT(object_name(w->object)), err->detail);
    return rc == ERR_OK && w->kind->follow != NULL ? w->kind->follow(env, tx, w, r, err) : rc;
}

enum err_code drop_object(const struct resource_env *env, struct store_tx *tx, struct resource_write *w,
                          struct refusal *r, struct err *err) {
    struct str name = object_store_name(w->arena, w->kind, w->old);
    w->object = NULL;
    enum err_code rc = store_tx_delete(tx, str_of(w->kind->plural), name,
                                       w->old_revision != 0 ? w->old_revision : STORE_EXPECT_ANY, false, err);
    if (rc == ERR_CONFLICT)
        return refuse_conflict(w, r);
    if (rc == ERR_OK)
        rc = rules_write(tx, w->kind, name, NULL, NULL, err);
    return rc == ERR_OK && w->kind->follow != NULL ? w->kind->follow(env, tx, w, r, err) : rc;
}

enum err_code put_edited(const struct resource_env *env, struct store_tx *tx, struct resource_write *w,
                         int64_t *ret_revision, struct refusal *r, struct err *err) {
    json_t *edited = w->object;
    w->object = fields_complete(w->kind, edited);
    enum err_code rc = w->object == NULL ? err_set(err, ERR_NOMEM, "an object")
                       : json_equal(w->old, w->object)
                           ? ERR_OK
                           : put_object(env, tx, w, w->old_revision, ret_revision, r, err);
    json_decref(w->object);
    w->object = edited;
    return rc;
}

struct refreshing {
    struct store_tx *tx;
    const struct kind *kind;
};

static enum err_code refresh_one(void *ctx, const struct store_object *o, struct err *err) {
    struct refreshing *f = ctx;
    json_t *object = NULL;
    enum err_code rc = json_parse(o->body, &object, err);
    if (rc == ERR_OK)
        rc = rules_write(f->tx, f->kind, o->name, object, NULL, err);
    json_decref(object);
    return rc == ERR_OK ? ERR_OK : err_context(err, "%s \"%.*s\"", f->kind->kind, STR_FMT(o->name));
}

enum err_code refresh_rules(struct store_tx *tx, const struct kind *k, struct str key, struct refusal *r,
                            struct err *err) {
    struct refreshing f = { tx, k };
    const struct store_query q = { .kind = str_of(k->plural), .key = key, .each = refresh_one, .ctx = &f };
    enum err_code rc = store_tx_list(tx, &q, err);
    return rc == ERR_LIMIT ? refuse(r, 422, "Invalid", "of what refers to it, %s", err->detail) : rc;
}

/* ---- one write from outside ---- */

struct writing {
    const struct resource_env *env;
    const struct resource_options *o;
    struct resource_write w;
    int64_t expected, revision;
    struct refusal *r;
    size_t causes, warnings, runs; /* before the transaction, which may run again */
    json_t *assembled;             /* the object as it was then, of kinds whose admission changes it; NULL */
    bool removes, begins_to_go, ran_dry, removed;
};

/* A deleted object goes with its last finalizer. */
static bool has_finalizers(const struct kind *k, const json_t *object) {
    return json_array_size(json_object_get(object_metadata(object), "finalizers")) > 0 ||
           (k->finalizer != NULL &&
            json_array_size(json_object_get(json_object_get(object, k->spec_key), "finalizers")) > 0);
}

static enum err_code write_or_drop(struct writing *x, struct store_tx *tx, struct err *err) {
    struct resource_write w = x->w;
    x->removed = x->removes ||
                 (w.old != NULL && object_is_deleting(w.object) && !has_finalizers(w.kind, w.object));
    if (x->removed)
        return drop_object(x->env, tx, &w, x->r, err);
    return put_object(x->env, tx, &w, x->expected, &x->revision, x->r, err);
}

/* As if no run that was undone had been. */
static enum err_code begin_run(struct writing *x, struct err *err) {
    x->r->status = 0;
    x->r->cause_count = x->causes;
    x->r->warning_count = x->warnings;
    x->ran_dry = false;
    if (x->runs++ == 0 || x->assembled == NULL)
        return ERR_OK;
    json_decref(x->w.object);
    x->w.object = json_deep_copy(x->assembled);
    return x->w.object != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "an object");
}

/* Of kinds that are all held in memory. */
static enum err_code check_count(const struct writing *x, struct store_tx *tx, struct err *err) {
    const struct kind *k = x->w.kind;
    size_t count = 0;
    if (k->count_max == 0 || x->w.old != NULL || x->w.from_configuration)
        return ERR_OK;
    enum err_code rc = store_tx_count(tx, str_of(k->plural), k->count_max, &count, err);
    if (rc == ERR_OK && count >= k->count_max)
        return refuse(x->r, 403, "Forbidden",
                      "%s." RESOURCE_GROUP " is forbidden: there are %zu already, and more there cannot be",
                      k->plural, count);
    return rc;
}

static enum err_code run_write(void *ctx, struct store_tx *tx, struct err *err) {
    struct writing *x = ctx;
    const struct kind *k = x->w.kind;
    enum err_code rc = begin_run(x, err);
    if (rc != ERR_OK)
        return rc;
    if (k->admit != NULL && !x->removes && !x->begins_to_go) /* what goes may refer to what has gone */
        rc = k->admit(x->env, tx, &x->w, x->r, err);
    if (rc == ERR_OK)
        rc = refusal_check(x->r, k, object_name(x->w.object != NULL ? x->w.object : x->w.old), err);
    if (rc == ERR_OK)
        rc = check_count(x, tx, err);
    if (rc == ERR_OK)
        rc = write_or_drop(x, tx, err);
    if (rc == ERR_OK && x->o->also != NULL)
        rc = x->o->also(x->o->ctx, tx, &x->w, x->r, err);
    if (rc == ERR_OK && x->o->dry_run) {
        x->ran_dry = true;
        return err_set(err, ERR_CONFLICT, "a dry run is undone");
    }
    return rc;
}

static enum err_code commit(struct writing *x, struct err *err) {
    x->causes = x->r->cause_count;
    x->warnings = x->r->warning_count;
    if (x->w.kind->admit != NULL && (x->assembled = json_deep_copy(x->w.object)) == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    int64_t last = 0;
    enum err_code rc = store_transact(x->env->store, run_write, x, &last, err);
    if (x->ran_dry)
        return ERR_OK;
    if (rc == ERR_OK && x->removed)
        x->revision = last;
    if (rc != ERR_OK && x->r->status != 0)
        (void)err_set(err, rc, "%s", x->r->message);
    return rc;
}

/* ---- from what was sent to what is stored ---- */

enum err_code decode_given(const struct kind *k, const json_t *given, const struct resource_options *o,
                           json_t **ret, struct refusal *r, struct err *err) {
    struct unknown_fields unknown = { .len = 0 };
    json_t *decoded = fields_decode(k, given, &unknown, r);
    if (decoded == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    *ret = decoded;
    if (r->cause_count >
        0) /* what has the wrong type was left out: whatever else is said of it would mislead */
        return refusal_check(r, k, object_name(decoded), err);
    if (unknown.len > 0 && o->strict) {
        AUTO(strbuf_done) struct strbuf text = STRBUF(1024);
        for (size_t i = 0; i < unknown.len; i++)
            strbuf_addf(&text, "%sunknown field \"%s\"", i ? ", " : "", unknown.items[i]);
        return refuse(r, 400, "BadRequest", "strict decoding error: %s", strbuf_c(&text));
    }
    for (size_t i = 0; i < unknown.len && !o->ignore_unknown; i++)
        warn(r, "unknown field \"%s\"", unknown.items[i]);
    return ERR_OK;
}

static void set_finalizers(struct resource_write *w) {
    const struct kind *k = w->kind;
    if (k->finalizer == NULL)
        return;
    json_t *list = w->old != NULL
                       ? json_deep_copy(json_object_get(json_object_get(w->old, k->spec_key), "finalizers"))
                       : json_pack("[s]", k->finalizer);
    (void)json_object_set_new(part_of(w->object, k->spec_key), "finalizers",
                              list != NULL ? list : json_array());
}

/* A main update leaves the status alone, but subjects that are named count, as in TKEStack; an empty list names none (contract 9.61). */
static void take_subjects(struct resource_write *w, json_t *status, struct refusal *r) {
    static const char *const lists[] = { "users", "groups" };
    const json_t *given = json_object_get(w->given, w->kind->status_key);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const json_t *list = json_object_get(given, lists[i]);
        if (json_array_size(list) > 0)
            (void)json_object_set_new(status, lists[i], json_deep_copy(list));
        else if (json_is_array(list) && json_array_size(json_object_get(status, lists[i])) > 0)
            warn(r,
                 "%s.%s: an empty list leaves those present as they are; use the subresource unbinding or "
                 "status",
                 w->kind->status_key, lists[i]);
    }
}

static void set_status(struct resource_write *w, struct refusal *r) {
    const struct kind *k = w->kind;
    if (k->status_key == NULL)
        return;
    const json_t *given = json_object_get(w->given, k->status_key),
                 *old = json_object_get(w->old, k->status_key);
    json_t *status = json_deep_copy(w->trusted ? given : old);
    if (status == NULL)
        status = json_object();
    const char *subjects = kind_subjects_key(k);
    if (subjects != NULL && strcmp(subjects, k->status_key) == 0 && !w->trusted)
        take_subjects(w, status, r);
    bool has_phase = k->phase_deleting != NULL && strcmp(k->phase_deleting, "Terminating") == 0;
    if (has_phase && json_get_str(status, "phase").len == 0)
        (void)json_object_set_new(status, "phase", json_string("Active"));
    (void)json_object_set_new(w->object, k->status_key, status);
}

/* What clients may say in a status update: all but what is the server's. */
static void replace_status(struct resource_write *w) {
    const struct kind *k = w->kind;
    const struct field *f = k->fields;
    while (f->name != NULL && strcmp(f->name, k->status_key) != 0)
        f++;
    json_t *status = json_deep_copy(json_object_get(w->given, k->status_key));
    if (status == NULL)
        status = json_object();
    for (const struct field *m = f->name != NULL ? f->fields : NULL; m != NULL && m->name != NULL; m++) {
        if ((m->flags & FIELD_READ_ONLY) == 0 || w->trusted)
            continue;
        json_t *old = json_object_get(json_object_get(w->old, k->status_key), m->name);
        (void)json_object_del(status, m->name);
        if (old != NULL)
            (void)json_object_set_new(status, m->name, json_deep_copy(old));
    }
    (void)json_object_set_new(w->object, k->status_key, status);
}

static void replace_finalizers(struct resource_write *w) {
    const char *key = w->kind->spec_key;
    const json_t *list = json_object_get(json_object_get(w->given, key), "finalizers");
    json_t *kept = list != NULL ? json_deep_copy(list) : json_array();
    (void)json_object_set_new(part_of(w->object, key), "finalizers", kept);
}

/* w->object out of w->given and w->old, by the part that is written. */
static enum err_code assemble(struct writing *x, struct err *err) {
    struct resource_write *w = &x->w;
    const struct resource_options *o = x->o;
    struct resource_options named = *o;
    if (w->old == NULL && w->kind->name_path != NULL && object_name(w->given).len == 0 &&
        o->force_name.ptr == NULL)
        named.force_name = object_str_at(w->given, w->kind->name_path);
    json_t *meta = meta_build(x->env, w->kind, object_metadata(w->given), object_metadata(w->old), &named,
                              x->r);
    w->object = json_deep_copy(w->part == PART_ALL ? w->given : w->old);
    if (meta == NULL || w->object == NULL) {
        json_decref(meta);
        return err_set(err, ERR_NOMEM, "an object");
    }
    applied_strip(w->kind, meta);
    if (w->part == PART_STATUS) {
        json_t *managed = json_object_get(meta, "managedFields");
        json_t *old_meta = json_deep_copy(object_metadata(w->old));
        if (managed != NULL)
            (void)json_object_set(old_meta, "managedFields", managed);
        json_decref(meta);
        meta = old_meta; /* status alone */
    }
    (void)json_object_set_new(w->object, "metadata", meta);
    if (w->part == PART_STATUS)
        replace_status(w);
    else if (w->part == PART_FINALIZE && w->kind->finalizer != NULL)
        replace_finalizers(w);
    else if (w->part == PART_ALL) {
        set_finalizers(w);
        set_status(w, x->r);
    }
    return ERR_OK;
}

static enum err_code complete_and_check(struct writing *x, struct err *err) {
    struct resource_write *w = &x->w;
    const struct kind *k = w->kind;
    json_t *complete = fields_complete(k, w->object);
    if (complete == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    json_decref(w->object);
    w->object = complete;
    meta_check(k, w->object, x->r);
    fields_check(k, w->object, w->old, x->r);
    if (k->validate != NULL)
        k->validate(x->env, w, x->r);
    fields_strip_write_only(k, w->object);
    return refusal_check(x->r, k, object_name(w->object), err);
}

static enum err_code note_manager(struct writing *x, struct err *err) {
    const struct resource_options *o = x->o;
    const struct field_tables tables = { resource_metadata_fields, x->w.kind->fields };
    json_t *managed = NULL;
    if (o->keep_managed)
        return ERR_OK;
    const struct managed_by by = { .manager = o->manager.len ? o->manager : STR("tke-auth"),
                                   .subresource = o->subresource,
                                   .api_version = STR(RESOURCE_API_VERSION),
                                   .now_s = clock_now_s(x->env->clock) };
    enum err_code rc = managed_update(&tables, x->w.old, x->w.object, &by, &managed, err);
    return rc == ERR_OK ? managed_set_take(x->w.object, managed, err) : rc;
}

static bool is_unchanged(const struct writing *x) {
    return x->w.old != NULL && x->w.secret.ptr == NULL && json_equal(x->w.old, x->w.object);
}

static void stamp_change(struct writing *x) {
    const struct kind *k = x->w.kind;
    char now[TIME_RFC3339_SIZE];
    if (k->stamp != NULL && x->w.old != NULL)
        set_str(x->w.object, k->status_key, k->stamp, str_of(time_rfc3339(clock_now_s(x->env->clock), now)));
}

/* From an assembled object to the store. */
static enum err_code finish_write(struct writing *x, struct err *err) {
    enum err_code rc = complete_and_check(x, err);
    if (rc != ERR_OK)
        return rc;
    bool wants_policies = object_str_at(x->w.given, "spec.extra.policies").ptr != NULL;
    if (is_unchanged(x) && !wants_policies && x->o->also == NULL &&
        !(object_is_deleting(x->w.object) && !has_finalizers(x->w.kind, x->w.object))) {
        x->revision = x->w.old_revision;
        return ERR_OK;
    }
    stamp_change(x);
    rc = note_manager(x, err);
    return rc == ERR_OK ? commit(x, err) : rc;
}

static void writing_done(struct writing *x) {
    json_decref(x->assembled);
    json_decref(x->w.object);
    json_decref((json_t *)(uintptr_t)x->w.old);
    json_decref((json_t *)(uintptr_t)x->w.given);
}

static struct writing writing_new(const struct resource_env *env, const struct kind *k, struct arena *a,
                                  const struct resource_options *o, struct refusal *r) {
    return (struct writing) { .env = env,
                              .o = o,
                              .r = r,
                              .w = { .kind = k,
                                     .arena = a,
                                     .part = o->part,
                                     .trusted = o->trusted,
                                     .from_configuration = o->from_configuration } };
}

enum err_code resource_create(const struct resource_env *env, const struct kind *k, struct arena *a,
                              const json_t *given, const struct resource_options *o, json_t **ret,
                              int64_t *ret_revision, struct refusal *r, struct err *err) {
    AUTO(writing_done) struct writing x = writing_new(env, k, a, o, r);
    json_t *decoded = NULL;
    enum err_code rc = decode_given(k, given, o, &decoded, r, err);
    x.w.given = decoded;
    if (rc == ERR_OK)
        rc = assemble(&x, err);
    if (rc == ERR_OK && k->prepare != NULL)
        rc = k->prepare(env, &x.w, r, err);
    x.expected = STORE_EXPECT_ABSENT;
    if (rc == ERR_OK)
        rc = finish_write(&x, err);
    if (rc != ERR_OK)
        return rc;
    *ret = STEAL(x.w.object);
    *ret_revision = x.revision;
    return ERR_OK;
}

/* ---- changing ---- */

static enum err_code refuse_missing(const struct kind *k, struct str name, struct refusal *r) {
    struct str namespace, last;
    if (!k->namespaced || !str_cut(name, '/', &namespace, &last))
        last = name;
    return refuse(r, 404, "NotFound", "%s." RESOURCE_GROUP " \"%.*s\" not found", k->plural, STR_FMT(last));
}

static enum err_code load(struct writing *x, struct str name, struct err *err) {
    struct store_object o;
    json_t *old = NULL;
    enum err_code rc = store_get_whole(x->env->store, x->w.arena, str_of(x->w.kind->plural), name, &o, err);
    if (rc == ERR_NOT_FOUND || rc == ERR_INVALID) /* nor can there be one of such a name */
        return refuse_missing(x->w.kind, name, x->r);
    if (rc == ERR_OK)
        rc = json_parse(o.body, &old, err);
    if (rc != ERR_OK)
        return rc;
    x->w.old = old;
    x->w.old_secret = o.secret;
    x->w.old_revision = o.revision;
    x->expected = o.revision;
    return ERR_OK;
}

enum err_code resource_update(const struct resource_env *env, const struct kind *k, struct arena *a,
                              struct str name, const json_t *given, int64_t revision,
                              const struct resource_options *o, json_t **ret, int64_t *ret_revision,
                              bool *ret_removed, struct refusal *r, struct err *err) {
    AUTO(writing_done) struct writing x = writing_new(env, k, a, o, r);
    json_t *decoded = NULL;
    enum err_code rc = load(&x, name, err);
    if (rc == ERR_OK)
        rc = decode_given(k, given, o, &decoded, r, err);
    x.w.given = decoded;
    if (rc == ERR_OK && revision != x.w.old_revision) {
        x.w.object = json_incref((json_t *)(uintptr_t)x.w.old);
        return refuse_conflict(&x.w, r);
    }
    struct str uid = json_get_str(object_metadata(given), "uid");
    if (rc == ERR_OK && uid.len > 0 && !str_eq(uid, json_get_str(object_metadata(x.w.old), "uid")))
        return refuse(r, 409, "Conflict",
                      "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
                      STR_FMT(uid), STR_FMT(json_get_str(object_metadata(x.w.old), "uid")));
    if (rc == ERR_OK)
        rc = assemble(&x, err);
    if (rc == ERR_OK && k->prepare != NULL)
        rc = k->prepare(env, &x.w, r, err);
    if (rc == ERR_OK)
        rc = finish_write(&x, err);
    if (rc != ERR_OK)
        return rc;
    *ret = STEAL(x.w.object);
    *ret_revision = x.revision;
    *ret_removed = x.removed;
    return ERR_OK;
}

static bool is_conflict(const struct refusal *r) {
    return r->status == 409 && strcmp(r->reason, "Conflict") == 0;
}

static void forget_refusal(struct refusal *r) {
    r->status = 0;
    r->cause_count = 0;
}

static enum err_code edit_once(struct writing *x, struct str name,
                               enum err_code (*change)(void *, json_t *, struct refusal *, struct err *),
                               void *ctx, struct err *err) {
    enum err_code rc = load(x, name, err);
    if (rc != ERR_OK)
        return rc;
    x->w.object = json_deep_copy(x->w.old);
    if (x->w.object == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    rc = change(ctx, x->w.object, x->r, err);
    return rc == ERR_OK ? finish_write(x, err) : rc;
}

enum err_code
resource_edit(const struct resource_env *env, const struct kind *k, struct arena *a, struct str name,
              const struct resource_options *o,
              enum err_code (*change)(void *ctx, json_t *object, struct refusal *r, struct err *err),
              void *ctx, json_t **ret, int64_t *ret_revision, struct refusal *r, struct err *err) {
    enum err_code rc = ERR_OK;
    for (int i = 0; i < RETRIES; i++) {
        AUTO(writing_done) struct writing x = writing_new(env, k, a, o, r);
        if (i > 0)
            forget_refusal(r);
        rc = edit_once(&x, name, change, ctx, err);
        if (rc != ERR_OK && is_conflict(r))
            continue;
        if (rc == ERR_OK) {
            *ret = STEAL(x.w.object);
            *ret_revision = x.revision;
        }
        return rc;
    }
    return rc;
}

/* ---- removing ---- */

static enum err_code check_preconditions(const struct writing *x, const struct resource_delete *d,
                                         struct refusal *r) {
    struct str uid = json_get_str(object_metadata(x->w.old), "uid");
    if (d->uid.len > 0 && !str_eq(d->uid, uid))
        return refuse(r, 409, "Conflict",
                      "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
                      STR_FMT(d->uid), STR_FMT(uid));
    if (d->revision != 0 && d->revision != x->w.old_revision)
        return refuse(r, 409, "Conflict",
                      "Precondition failed: ResourceVersion in precondition: %lld, ResourceVersion in object "
                      "meta: %lld",
                      (long long)d->revision, (long long)x->w.old_revision);
    return ERR_OK;
}

static void mark_deleting(struct writing *x) {
    const struct kind *k = x->w.kind;
    char now[TIME_RFC3339_SIZE];
    set_str(x->w.object, "metadata", "deletionTimestamp",
            str_of(time_rfc3339(clock_now_s(x->env->clock), now)));
    if (k->phase_deleting != NULL)
        set_str(x->w.object, k->status_key, "phase", str_of(k->phase_deleting));
}

static enum err_code remove_once(struct writing *x, struct str name, const struct resource_delete *d,
                                 struct err *err) {
    enum err_code rc = load(x, name, err);
    if (rc == ERR_OK)
        rc = check_preconditions(x, d, x->r);
    if (rc != ERR_OK)
        return rc;
    const struct kind *k = x->w.kind;
    if (object_is_mirror(x->w.old) && !d->from_configuration)
        return refuse(x->r, 403, "Forbidden",
                      "%s." RESOURCE_GROUP
                      " \"%.*s\" is forbidden: it is in the configuration of the server; remove it there",
                      k->plural, STR_FMT(object_name(x->w.old)));
    x->w.object = json_deep_copy(x->w.old);
    if (x->w.object == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    bool held = has_finalizers(k, x->w.old);
    if (held && !d->at_once && object_is_deleting(x->w.old)) {
        if (k->finalizer != NULL &&
            json_array_size(json_object_get(json_object_get(x->w.old, k->spec_key), "finalizers")) > 0)
            return refuse(x->r, 409, "Conflict",
                          "Operation cannot be fulfilled on %s." RESOURCE_GROUP
                          " \"%.*s\": its deletion is under way",
                          k->plural, STR_FMT(object_name(x->w.old)));
        x->revision = x->w.old_revision; /* waits for somebody else's finalizer: as Kubernetes answers */
        return ERR_OK;
    }
    x->removes = !held || d->at_once;
    x->begins_to_go = !x->removes;
    if (x->begins_to_go)
        mark_deleting(x);
    return commit(x, err);
}

enum err_code resource_remove(const struct resource_env *env, const struct kind *k, struct arena *a,
                              struct str name, const struct resource_delete *d, json_t **ret,
                              int64_t *ret_revision, bool *ret_removed, struct refusal *r, struct err *err) {
    const struct resource_options o = { .dry_run = d->dry_run };
    enum err_code rc = ERR_OK;
    for (int i = 0; i < RETRIES; i++) {
        AUTO(writing_done) struct writing x = writing_new(env, k, a, &o, r);
        if (i > 0)
            forget_refusal(r);
        rc = remove_once(&x, name, d, err);
        /* Somebody changed it meanwhile: only a precondition makes that a conflict. */
        if (rc != ERR_OK && is_conflict(r) && d->revision == 0 &&
            str_contains(str_of(r->message), STR("has been modified")))
            continue;
        if (rc == ERR_OK) {
            *ret = STEAL(x.w.object);
            *ret_revision = x.revision;
            *ret_removed = x.removed;
        }
        return rc;
    }
    return rc;
}

/* ---- the second phase ---- */

struct finishing {
    const struct resource_env *env;
    const struct kind *kind;
    struct str name;
    struct arena *arena;
    struct refusal refusal;
};

static enum err_code finish_in_tx(void *ctx, struct store_tx *tx, struct err *err) {
    struct finishing *f = ctx;
    const struct kind *k = f->kind;
    struct store_object o;
    json_t *old = NULL;
    f->refusal = (struct refusal) { .arena = f->arena };
    enum err_code rc = store_tx_get(tx, f->arena, str_of(k->plural), f->name, &o, err);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc == ERR_OK)
        rc = json_parse(o.body, &old, err);
    if (rc != ERR_OK || !object_is_deleting(old)) {
        json_decref(old);
        return rc;
    }
    json_t *object = json_deep_copy(old);
    if (object != NULL && k->finalizer != NULL)
        (void)json_object_set_new(part_of(object, k->spec_key), "finalizers", json_array());
    struct resource_write w = { .kind = k, .arena = f->arena, .old = old, .old_revision = o.revision };
    if (object == NULL)
        rc = err_set(err, ERR_NOMEM, "an object");
    else if (!has_finalizers(k, object))
        rc = drop_object(f->env, tx, &w, &f->refusal, err);
    else { /* somebody else's finalizer holds it; what follows is done all the same */
        int64_t revision;
        rc = k->follow != NULL ? k->follow(f->env, tx, &w, &f->refusal, err) : ERR_OK;
        w.object = object;
        if (rc == ERR_OK)
            rc = put_edited(f->env, tx, &w, &revision, &f->refusal, err);
    }
    json_decref(object);
    json_decref(old);
    return rc;
}

enum err_code resource_finish(const struct resource_env *env, const struct kind *k, struct str name,
                              struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new((size_t)256 * 1024 * 1024);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "the end of an object");
    struct finishing f = { .env = env, .kind = k, .name = name, .arena = a };
    enum err_code rc = store_transact(env->store, finish_in_tx, &f, NULL, err);
    return rc != ERR_OK && f.refusal.status != 0 ? err_set(err, rc, "%s", f.refusal.message) : rc;
}

/* ---- binding ---- */

struct binding {
    const struct kind *kind;
    const json_t *users, *groups;
    bool bind;
};

static size_t position_of(const json_t *list, struct str id) {
    size_t i = 0;
    while (i < json_array_size(list) && !str_eq(json_get_str(json_array_get(list, i), "id"), id))
        i++;
    return i;
}

static void bind_list(json_t *holder, const char *key, const json_t *subjects, bool bind) {
    json_t *list = json_object_get(holder, key);
    if (!json_is_array(list)) {
        (void)json_object_set_new(holder, key, json_array());
        list = json_object_get(holder, key);
    }
    for (size_t i = 0; i < json_array_size(subjects); i++) {
        json_t *subject = json_array_get(subjects, i);
        size_t at = position_of(list, json_get_str(subject, "id"));
        if (bind && at == json_array_size(list))
            (void)json_array_append_new(list, json_deep_copy(subject));
        else if (!bind && at < json_array_size(list))
            (void)json_array_remove(list, at);
    }
}

static enum err_code bind_subjects(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    struct binding *b = ctx;
    (void)r;
    (void)err;
    json_t *holder = part_of(object, kind_subjects_key(b->kind));
    bind_list(holder, "users", b->users, b->bind);
    if (b->kind != &kind_local_group)
        bind_list(holder, "groups", b->groups, b->bind);
    return ERR_OK;
}

enum err_code resource_bind(const struct resource_env *env, const struct kind *k, struct arena *a,
                            struct str name, const json_t *users, const json_t *groups, bool bind,
                            const struct resource_options *o, json_t **ret, int64_t *ret_revision,
                            struct refusal *r, struct err *err) {
    struct binding b = { k, users, groups, bind };
    return resource_edit(env, k, a, name, o, bind_subjects, &b, ret, ret_revision, r, err);
}
