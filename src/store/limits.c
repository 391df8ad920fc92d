#include "store/limits.h"

enum err_code check_writable(const struct store *s, struct err *err) {
    return s->read_only ? err_set(err, ERR_FORBIDDEN, "the store was opened to be read only") : ERR_OK;
}

static bool is_kind_char(char c) { return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-'; }

enum err_code check_kind(struct str kind, struct err *err) {
    if (kind.len == 0 || kind.len > STORE_KIND_MAX)
        return err_set(err, ERR_INVALID, "a kind of %zu bytes", kind.len);
    for (size_t i = 0; i < kind.len; i++)
        if (!is_kind_char(kind.ptr[i]))
            return err_set(err, ERR_INVALID, "kind \"%.*s\": lower-case letters, digits and '-' only",
                           STR_FMT(kind));
    return ERR_OK;
}

static enum err_code check_name(struct str kind, struct str name, struct err *err) {
    if (name.len == 0 || name.len > STORE_NAME_MAX)
        return err_set(err, ERR_INVALID, "%.*s: a name of %zu bytes", STR_FMT(kind), name.len);
    if (!str_is_utf8(name) || str_has_control(name))
        return err_set(err, ERR_INVALID, "%.*s: a name that is no printable UTF-8", STR_FMT(kind));
    return ERR_OK;
}

enum err_code check_object(struct str kind, struct str name, struct err *err) {
    enum err_code rc = check_kind(kind, err);
    return rc == ERR_OK ? check_name(kind, name, err) : rc;
}

static enum err_code check_size(const char *what, struct str s, size_t max, struct err *err) {
    if (s.len > max)
        return err_set(err, ERR_LIMIT, "%s of %zu bytes, %zu are taken", what, s.len, max);
    return ERR_OK;
}

static enum err_code check_key(const char *what, struct str s, size_t max, struct err *err) {
    return s.len > 0 ? check_size(what, s, max, err) : err_set(err, ERR_INVALID, "%s is empty", what);
}

enum err_code check_body(struct str body, struct err *err) {
    return check_size("a body", body, STORE_OBJECT_MAX, err);
}

enum err_code check_index_key(struct str key, struct err *err) {
    return check_key("an index key", key, STORE_INDEX_KEY_MAX, err);
}

enum err_code check_owner(struct str owner, struct err *err) {
    return check_key("an owner", owner, STORE_OWNER_MAX, err);
}

enum err_code check_limit(size_t limit, struct err *err) {
    return limit == 0 || limit > INT32_MAX ? err_set(err, ERR_INVALID, "a limit of %zu", limit) : ERR_OK;
}

enum err_code check_write(const struct store_write *w, struct err *err) {
    enum err_code rc = check_object(w->kind, w->name, err);
    if (rc == ERR_OK)
        rc = check_body(w->body, err);
    if (rc == ERR_OK)
        rc = check_size("a secret", w->secret, STORE_SECRET_MAX, err);
    for (size_t i = 0; rc == ERR_OK && i < w->index_count; i++)
        rc = check_index_key(w->indexes[i].key, err);
    if (rc == ERR_OK && w->expected < STORE_EXPECT_ANY)
        return err_set(err, ERR_INVALID, "revision %lld expected", (long long)w->expected);
    return rc;
}

enum err_code check_query(const struct store_query *q, struct err *err) {
    enum err_code rc = check_kind(q->kind, err);
    if (rc == ERR_OK && q->key.ptr != NULL)
        rc = check_index_key(q->key, err);
    if (rc == ERR_OK && q->at_revision < 0)
        return err_set(err, ERR_INVALID, "a list at revision %lld", (long long)q->at_revision);
    if (rc == ERR_OK && q->at_revision != 0 && q->with_secret)
        return err_set(err, ERR_INVALID, "the history has no secrets");
    return rc;
}

enum err_code check_owned_set(const struct store_owned_set *set, struct err *err) {
    enum err_code rc = check_kind(set->kind, err);
    if (rc == ERR_OK)
        rc = check_owner(set->owner, err);
    for (size_t i = 0; rc == ERR_OK && i < set->len; i++) {
        rc = check_name(set->kind, set->items[i].name, err);
        if (rc == ERR_OK)
            rc = check_body(set->items[i].body, err);
    }
    return rc;
}

enum err_code check_family_keys(struct str client_id, struct str subject, struct str session_id,
                                struct err *err) {
    enum err_code rc = check_size("client id", client_id, STORE_KEY_MAX, err);
    if (rc == ERR_OK)
        rc = check_size("subject", subject, STORE_KEY_MAX, err);
    if (rc == ERR_OK)
        rc = check_size("session id", session_id, STORE_KEY_MAX, err);
    return rc;
}

enum err_code check_family(const struct store_family *f, struct err *err) {
    if (f->generation == 0)
        return err_set(err, ERR_INVALID, "a family's first generation is 1");
    enum err_code rc = check_family_keys(f->client_id, f->subject, f->session_id, err);
    return rc == ERR_OK ? check_body(f->body, err) : rc;
}
