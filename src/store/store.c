#include "store/limits.h"

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
        rc = check_family_keys(filter->client_id, filter->subject, filter->session_id, err);
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
    if (rc == ERR_OK)
        rc = check_limit(limit, err);
    return rc == ERR_OK ? s->ops->expire(s, now, limit, ret_count, err) : rc;
}

enum err_code store_backup(struct store *s, const char *path, struct err *err) {
    return s->ops->backup(s, path, err);
}

uint64_t store_write_count(const struct store *s) { return s->writes; }

enum err_code store_health(const struct store *s, struct err *err) { return s->ops->health(s, err); }
