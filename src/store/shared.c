#include "store/backend.h"

/* ---- the listener ---- */

void store_base_init(struct store *s) { (void)pthread_mutex_init(&s->listener.mutex, NULL); }

void store_base_done(struct store *s) { (void)pthread_mutex_destroy(&s->listener.mutex); }

void store_tell(struct store *s) {
    (void)pthread_mutex_lock(&s->listener.mutex);
    if (s->listener.committed != NULL)
        s->listener.committed(s->listener.ctx);
    (void)pthread_mutex_unlock(&s->listener.mutex);
}

void store_listen(struct store *s, void (*committed)(void *ctx), void *ctx) {
    (void)pthread_mutex_lock(&s->listener.mutex);
    s->listener.committed = committed;
    s->listener.ctx = ctx;
    (void)pthread_mutex_unlock(&s->listener.mutex);
}

/* ---- transactions ---- */

enum err_code store_tx_run(struct store_tx *tx, store_tx_fn *fn, void *ctx, struct err *err) {
    enum err_code rc = fn(ctx, tx, err);
    if (rc != ERR_OK || tx->broken == ERR_OK)
        return rc;
    *err = tx->why;
    return tx->broken;
}

enum err_code store_tx_break(struct store_tx *tx, enum err_code rc, const struct err *err) {
    if (rc != ERR_OK && tx->broken == ERR_OK) {
        tx->broken = rc;
        tx->why = *err;
    }
    return rc;
}

enum err_code store_not_found(struct str kind, struct str name, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "%.*s/%.*s", STR_FMT(kind), STR_FMT(name));
}

static enum err_code check_owned(const struct store_write *w, const struct store_there *there,
                                 struct err *err) {
    if (there->owned)
        return err_set(err, ERR_INVALID, "%.*s/%.*s has owners: it comes and goes with them",
                       STR_FMT(w->kind), STR_FMT(w->name));
    return ERR_OK;
}

static enum err_code check_revision(const struct store_write *w, const struct store_there *there,
                                    struct err *err) {
    if (w->expected == STORE_EXPECT_ANY || w->expected == there->revision)
        return ERR_OK;
    return err_set(err, ERR_CONFLICT, "%.*s/%.*s: revision %lld expected, %lld is there", STR_FMT(w->kind),
                   STR_FMT(w->name), (long long)w->expected, (long long)there->revision);
}

enum err_code store_check_write(const struct store_write *w, const struct store_there *there,
                                struct err *err) {
    if (!there->found)
        return w->expected > 0 ? store_not_found(w->kind, w->name, err) : ERR_OK;
    if (w->expected == STORE_EXPECT_ABSENT)
        return err_set(err, ERR_EXISTS, "%.*s/%.*s", STR_FMT(w->kind), STR_FMT(w->name));
    enum err_code rc = check_revision(w, there, err);
    return rc == ERR_OK ? check_owned(w, there, err) : rc;
}

enum err_code store_check_remove(const struct store_write *w, const struct store_there *there,
                                 struct err *err) {
    if (!there->found)
        return store_not_found(w->kind, w->name, err);
    enum err_code rc = check_revision(w, there, err);
    return rc == ERR_OK ? check_owned(w, there, err) : rc;
}

enum err_code store_check_history(int64_t at, int64_t floor, int64_t revision, struct err *err) {
    if (at > revision)
        return err_set(err, ERR_INVALID, "revision %lld is to come, the last one is %lld", (long long)at,
                       (long long)revision);
    if (at < floor)
        return err_set(err, ERR_EXPIRED, "revision %lld: what was before %lld has been forgotten",
                       (long long)at, (long long)floor);
    return ERR_OK;
}

/* ---- copies ---- */

struct kept_secret {
    char *ptr;
    size_t len;
};

static void wipe(void *p) {
    const struct kept_secret *s = p;
    secret_wipe(s->ptr, s->len);
}

static struct str copy_secret(struct arena *a, struct str secret) {
    if (secret.len == 0)
        return STR_NULL;
    struct kept_secret *kept = arena_alloc(a, sizeof *kept);
    if (kept == NULL || (kept->ptr = arena_strdup(a, secret)) == NULL)
        return STR_NULL;
    kept->len = secret.len;
    return arena_defer(a, wipe, kept) ? (struct str) { kept->ptr, kept->len } : STR_NULL;
}

enum err_code store_object_copy(struct arena *a, const struct store_object *from, struct store_object *ret,
                                struct err *err) {
    struct store_object copy = { .kind = arena_str(a, from->kind),
                                 .name = arena_str(a, from->name),
                                 .body = arena_str(a, from->body),
                                 .secret = copy_secret(a, from->secret),
                                 .revision = from->revision,
                                 .changed_since = from->changed_since };
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "an object of %zu bytes", from->body.len);
    *ret = copy;
    return ERR_OK;
}

struct store_copy {
    struct store_copy *next;
    struct store_object object;
};

enum err_code store_copies_init(struct store_copies *c, struct err *err) {
    *c = (struct store_copies) { .arena = arena_new(SIZE_MAX), .end = &c->first };
    return c->arena != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "a list");
}

void store_copies_done(struct store_copies *c) { arena_free(c->arena); }

enum err_code store_copies_add(void *copies, const struct store_object *o, struct err *err) {
    struct store_copies *c = copies;
    struct store_copy *copy = arena_alloc(c->arena, sizeof *copy);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "a list");
    enum err_code rc = store_object_copy(c->arena, o, &copy->object, err);
    if (rc != ERR_OK)
        return rc;
    *c->end = copy;
    c->end = &copy->next;
    return ERR_OK;
}

enum err_code store_copies_offer(const struct store_copies *c, const struct store_query *q, struct err *err) {
    enum err_code rc = ERR_OK;
    for (const struct store_copy *i = c->first; rc == ERR_OK && i != NULL; i = i->next)
        rc = q->each(q->ctx, &i->object, err);
    return rc;
}
