#include "store/backend.h"

static const struct store_ops *const backends[] = { &store_memory_ops, &store_sqlite_ops };

enum err_code store_open(const struct store_options *options, struct store **ret, struct err *err) {
    struct str type = str_of(options->type);
    if (str_eq(type, STR("sqlite3"))) /* dex's name for it */
        type = STR("sqlite");
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        if (!str_eq(type, str_of(backends[i]->type)))
            continue;
        struct store *s = NULL;
        enum err_code rc = backends[i]->open(options, &s, err);
        if (rc != ERR_OK)
            return rc;
        s->ops = backends[i];
        s->clock = options->clock != NULL ? options->clock : clock_system();
        s->read_only = options->read_only;
        *ret = s;
        return ERR_OK;
    }
    return err_set(err, ERR_INVALID, "storage type \"%.*s\": must be sqlite or memory", STR_FMT(type));
}

void store_close(struct store *s) {
    if (s != NULL)
        s->ops->close(s);
}

/* ---- what may be stored ---- */

static enum err_code check_writable(const struct store *s, struct err *err) {
    return s->read_only ? err_set(err, ERR_FORBIDDEN, "the store was opened to be read only") : ERR_OK;
}

static bool is_kind_char(char c) { return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-'; }

static enum err_code check_kind(struct str kind, struct err *err) {
    if (kind.len == 0 || kind.len > STORE_KIND_MAX)
        return err_set(err, ERR_INVALID, "a kind of %zu bytes", kind.len);
    for (size_t i = 0; i < kind.len; i++)
        if (!is_kind_char(kind.ptr[i]))
            return err_set(err, ERR_INVALID, "kind \"%.*s\": lower-case letters, digits and '-' only",
                           STR_FMT(kind));
    return ERR_OK;
}

static enum err_code check_object(struct str kind, struct str name, struct err *err) {
    enum err_code rc = check_kind(kind, err);
    if (rc != ERR_OK)
        return rc;
    if (name.len == 0 || name.len > STORE_NAME_MAX)
        return err_set(err, ERR_INVALID, "%.*s: a name of %zu bytes", STR_FMT(kind), name.len);
    if (!str_is_utf8(name) || str_has_control(name))
        return err_set(err, ERR_INVALID, "%.*s: a name that is no printable UTF-8", STR_FMT(kind));
    return ERR_OK;
}

static enum err_code check_body(struct str body, struct err *err) {
    if (body.len > STORE_OBJECT_MAX)
        return err_set(err, ERR_LIMIT, "a body of %zu bytes, %d are taken", body.len, STORE_OBJECT_MAX);
    return ERR_OK;
}

static enum err_code check_key(const char *what, struct str key, struct err *err) {
    if (key.len > STORE_KEY_MAX)
        return err_set(err, ERR_LIMIT, "%s of %zu bytes, %d are taken", what, key.len, STORE_KEY_MAX);
    return ERR_OK;
}

static enum err_code check_keys(struct str client_id, struct str subject, struct str session_id,
                                struct err *err) {
    enum err_code rc = check_key("client id", client_id, err);
    if (rc == ERR_OK)
        rc = check_key("subject", subject, err);
    if (rc == ERR_OK)
        rc = check_key("session id", session_id, err);
    return rc;
}

static enum err_code check_family(const struct store_family *f, struct err *err) {
    if (f->generation == 0)
        return err_set(err, ERR_INVALID, "a family's first generation is 1");
    enum err_code rc = check_keys(f->client_id, f->subject, f->session_id, err);
    return rc == ERR_OK ? check_body(f->body, err) : rc;
}

/* ---- resources ---- */

enum err_code store_create(struct store *s, struct str kind, struct str name, struct str body,
                           int64_t *ret_revision, struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc == ERR_OK)
        rc = check_object(kind, name, err);
    if (rc == ERR_OK)
        rc = check_body(body, err);
    if (rc != ERR_OK)
        return rc;
    int64_t revision = 0;
    rc = s->ops->create(s, &(struct store_object) { kind, name, body, 0 }, &revision, err);
    if (rc == ERR_OK && ret_revision != NULL)
        *ret_revision = revision;
    return rc;
}

enum err_code store_get(struct store *s, struct arena *a, struct str kind, struct str name,
                        struct store_object *ret, struct err *err) {
    enum err_code rc = check_object(kind, name, err);
    return rc == ERR_OK ? s->ops->get(s, a, kind, name, ret, err) : rc;
}

enum err_code store_update(struct store *s, struct str kind, struct str name, struct str body,
                           int64_t expected_revision, int64_t *ret_revision, struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc == ERR_OK)
        rc = check_object(kind, name, err);
    if (rc == ERR_OK)
        rc = check_body(body, err);
    if (rc != ERR_OK)
        return rc;
    int64_t revision = 0;
    rc = s->ops->update(s, &(struct store_object) { kind, name, body, expected_revision }, &revision, err);
    if (rc == ERR_OK && ret_revision != NULL)
        *ret_revision = revision;
    return rc;
}

enum err_code store_delete(struct store *s, struct str kind, struct str name, int64_t expected_revision,
                           struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc == ERR_OK)
        rc = check_object(kind, name, err);
    if (rc != ERR_OK)
        return rc;
    return s->ops->remove(s, &(struct store_object) { kind, name, STR_NULL, expected_revision }, err);
}

enum err_code store_list(struct store *s, struct str kind, struct str after, size_t limit,
                         enum err_code (*each)(void *ctx, const struct store_object *o, struct err *err),
                         void *ctx, int64_t *ret_revision, struct err *err) {
    enum err_code rc = check_kind(kind, err);
    if (rc != ERR_OK)
        return rc;
    int64_t revision = 0;
    rc = s->ops->list(s, &(struct store_list_query) { kind, after, limit, each, ctx }, &revision, err);
    if (rc == ERR_OK && ret_revision != NULL)
        *ret_revision = revision;
    return rc;
}

enum err_code store_kind_revision(struct store *s, struct str kind, int64_t *ret, struct err *err) {
    enum err_code rc = check_kind(kind, err);
    return rc == ERR_OK ? s->ops->kind_revision(s, kind, ret, err) : rc;
}

/* ---- codes and families ---- */

enum err_code store_code_put(struct store *s, const struct store_code *code, struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc == ERR_OK)
        rc = check_body(code->body, err);
    return rc == ERR_OK ? s->ops->code_put(s, code, err) : rc;
}

enum err_code store_code_get(struct store *s, struct arena *a, const unsigned char id[STORE_ID_SIZE],
                             const unsigned char hash[STORE_HASH_SIZE], int64_t now,
                             enum store_code_outcome *ret_outcome, struct store_code *ret, struct err *err) {
    struct store_code_use use = { .id = id, .hash = hash, .now = now };
    return s->ops->code_get(s, a, &use, ret_outcome, ret, err);
}

enum err_code store_code_consume(struct store *s, const unsigned char id[STORE_ID_SIZE],
                                 const unsigned char hash[STORE_HASH_SIZE], int64_t now, int64_t replay_until,
                                 const struct store_family *family, enum store_code_outcome *ret_outcome,
                                 struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc == ERR_OK && family != NULL)
        rc = check_family(family, err);
    if (rc != ERR_OK)
        return rc;
    struct store_code_use use = { id, hash, now, replay_until, family };
    return s->ops->code_consume(s, &use, ret_outcome, err);
}

enum err_code store_family_put(struct store *s, const struct store_family *family, struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc == ERR_OK)
        rc = check_family(family, err);
    return rc == ERR_OK ? s->ops->family_put(s, family, err) : rc;
}

enum err_code store_refresh_get(struct store *s, struct arena *a, const struct store_refresh *in,
                                enum store_refresh_outcome *ret_outcome, struct store_family *ret,
                                struct err *err) {
    return s->ops->refresh_get(s, a, in, ret_outcome, ret, err);
}

enum err_code store_refresh_rotate(struct store *s, const struct store_refresh *in,
                                   enum store_refresh_outcome *ret_outcome,
                                   unsigned char ret_successor[STORE_HASH_SIZE], uint32_t *ret_generation,
                                   struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc == ERR_OK)
        rc = check_body(in->body, err);
    if (rc != ERR_OK)
        return rc;
    struct store_successor successor = { .generation = 0 };
    enum store_refresh_outcome outcome = STORE_REFRESH_UNKNOWN;
    rc = s->ops->refresh_rotate(s, in, &outcome, &successor, err);
    if (rc != ERR_OK)
        return rc;
    *ret_outcome = outcome;
    if (outcome == STORE_REFRESH_GRACE) {
        memcpy(ret_successor, successor.masked, STORE_HASH_SIZE);
        *ret_generation = successor.generation;
    }
    return ERR_OK;
}

enum err_code store_family_revoke(struct store *s, const struct store_family_filter *filter,
                                  size_t *ret_count, struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc == ERR_OK)
        rc = check_keys(filter->client_id, filter->subject, filter->session_id, err);
    if (rc != ERR_OK)
        return rc;
    /* Forgetting to fill in the filter must not log everybody out. */
    if (filter->id == NULL && filter->client_id.ptr == NULL && filter->subject.ptr == NULL &&
        filter->session_id.ptr == NULL)
        return err_set(err, ERR_INVALID, "revocation of families without any condition");
    size_t count = 0;
    rc = s->ops->family_revoke(s, filter, clock_now_s(s->clock), &count, err);
    if (rc == ERR_OK && ret_count != NULL)
        *ret_count = count;
    return rc;
}

/* ---- upkeep ---- */

enum err_code store_expire(struct store *s, int64_t now, size_t limit, size_t *ret_count, struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc != ERR_OK)
        return rc;
    if (limit == 0 || limit > INT32_MAX)
        return err_set(err, ERR_INVALID, "a limit of %zu rows", limit);
    return s->ops->expire(s, now, limit, ret_count, err);
}

enum err_code store_backup(struct store *s, const char *path, struct err *err) {
    return s->ops->backup(s, path, err);
}

uint64_t store_write_count(const struct store *s) { return s->writes; }

enum err_code store_health(const struct store *s, struct err *err) { return s->ops->health(s, err); }
