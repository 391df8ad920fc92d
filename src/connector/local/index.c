#include "connector/local/index.h"
#include <pthread.h>

enum { LOCAL_EMAIL_MAX = 320 };

/* Key: 'u' and the user name, or 'e' and the e-mail in lower case. Value: the id, in `names`. */
struct table {
    struct snapshot snapshot;
    int64_t revision; /* of the newest local user in it */
    struct map ids;
    struct arena *names;
};
struct local_index {
    const struct connector_env *env;
    const char *tenant;
    struct snapshot_cell current;
    pthread_mutex_t building;
};

/* The value of an e-mail address that several users have: it finds none of them. */
static char ambiguous[] = "";

static void table_free(struct snapshot *s) {
    struct table *t = (struct table *)s;
    map_done(&t->ids, NULL);
    arena_free(t->names);
    free(t);
}

enum err_code local_index_new(const struct connector_env *env, const char *tenant, struct local_index **ret,
                              struct err *err) {
    struct local_index *x = calloc(1, sizeof *x);
    if (x == NULL || pthread_mutex_init(&x->building, NULL) != 0) {
        free(x);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    x->env = env;
    x->tenant = tenant;
    *ret = x;
    return ERR_OK;
}

void local_index_free(struct local_index *x) {
    if (x == NULL)
        return;
    snapshot_swap(&x->current, NULL);
    (void)pthread_mutex_destroy(&x->building);
    free(x);
}

/* ---- building ---- */

struct builder {
    const struct local_index *x;
    struct table *t;
};

static void add_key(struct strbuf *key, char kind, struct str s) {
    strbuf_clear(key);
    strbuf_addc(key, kind);
    for (size_t i = 0; i < s.len; i++)
        strbuf_addc(key, kind == 'e' ? ascii_lower(s.ptr[i]) : s.ptr[i]);
}

static enum err_code put(struct table *t, char kind, struct str s, char *id, struct err *err) {
    AUTO(strbuf_done) struct strbuf key = STRBUF(LOCAL_EMAIL_MAX + 1);
    add_key(&key, kind, s);
    if (s.len == 0 || key.failed)
        return ERR_OK; /* nobody can type that either */
    if (kind == 'e' && map_get(&t->ids, strbuf_str(&key)) != NULL)
        id = ambiguous;
    return map_put(&t->ids, strbuf_str(&key), id, NULL, err);
}

static enum err_code add_object(void *ctx, const struct store_object *o, struct err *err) {
    struct builder *b = ctx;
    AUTO_FREE(arena_free) struct arena *a = arena_new(4 * STORE_OBJECT_MAX);
    struct local_user u;
    struct err bad = { 0 };
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (local_user_decode(a, o->body, &u, &bad) != ERR_OK) {
        /* One damaged object must not lock everybody out. */
        log_warn_err(b->x->env->log, NULL, "local.user", &bad, KV("id", o->name));
        return ERR_OK;
    }
    if (!str_eq(u.tenant, str_of(b->x->tenant)))
        return ERR_OK;
    char *id = arena_strdup(b->t->names, o->name);
    if (id == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    enum err_code rc = put(b->t, 'u', u.username, id, err);
    return rc == ERR_OK ? put(b->t, 'e', u.email, id, err) : rc;
}

static enum err_code build(const struct local_index *x, struct table **ret, struct err *err) {
    const size_t names_max = (size_t)1 << 30;
    struct table *t = calloc(1, sizeof *t);
    if (t == NULL || (t->names = arena_new(names_max)) == NULL) {
        free(t);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    snapshot_init(&t->snapshot, table_free);
    random_bytes(x->env->random, t->ids.seed, sizeof t->ids.seed);
    /* The revision is read first: a change during the listing makes the next look-up build again. */
    enum err_code rc = store_kind_revision(x->env->store, LOCAL_KIND, &t->revision, err);
    struct builder b = { x, t };
    if (rc == ERR_OK)
        rc = store_list(x->env->store, LOCAL_KIND, STR_NULL, 0, add_object, &b, NULL, err);
    if (rc != ERR_OK) {
        table_free(&t->snapshot);
        return rc;
    }
    *ret = t;
    return ERR_OK;
}

/* The table as of now, borrowed; release it. */
static enum err_code acquire(struct local_index *x, struct table **ret, struct err *err) {
    int64_t revision;
    enum err_code rc = store_kind_revision(x->env->store, LOCAL_KIND, &revision, err);
    if (rc != ERR_OK)
        return rc;
    struct table *t = (struct table *)snapshot_acquire(&x->current);
    if (t != NULL && t->revision >= revision) {
        *ret = t;
        return ERR_OK;
    }
    if (t != NULL)
        snapshot_release(&x->current, &t->snapshot);
    (void)pthread_mutex_lock(&x->building);
    t = (struct table *)snapshot_acquire(&x->current); /* somebody else may have built it meanwhile */
    if (t != NULL && t->revision < revision) {
        snapshot_release(&x->current, &t->snapshot);
        t = NULL;
    }
    if (t == NULL) {
        struct table *next = NULL;
        rc = build(x, &next, err);
        if (rc == ERR_OK) {
            snapshot_swap(&x->current, &next->snapshot);
            t = (struct table *)snapshot_acquire(&x->current);
        }
    }
    (void)pthread_mutex_unlock(&x->building);
    *ret = t;
    return rc;
}

/* ---- finding ---- */

static const struct local_user *find_static(const struct local_index *x, struct str login, bool by_id) {
    bool email = !by_id && str_find(login, '@') < login.len;
    for (size_t i = 0; i < x->env->static_user_count; i++) {
        const struct local_user *u = &x->env->static_users[i];
        if (!str_eq(u->tenant, str_of(x->tenant)))
            continue;
        if (str_eq(by_id ? u->id : u->username, login) || (email && str_eq_nocase(u->email, login)))
            return u;
    }
    return NULL;
}

static enum err_code load(struct local_index *x, struct arena *a, struct str id, struct local_user *ret,
                          int64_t *ret_revision, struct err *err) {
    struct store_object o;
    enum err_code rc = store_get(x->env->store, a, LOCAL_KIND, id, &o, err);
    if (rc == ERR_OK)
        rc = local_user_decode(a, o.body, ret, err);
    if (rc != ERR_OK)
        return rc;
    if (!str_eq(ret->tenant, str_of(x->tenant)))
        return err_set(err, ERR_NOT_FOUND, "a user of another tenant");
    ret->id = arena_str(a, id);
    *ret_revision = o.revision;
    return ERR_OK;
}

static bool look_up(const struct table *t, char kind, struct str s, struct strbuf *ret_id) {
    AUTO(strbuf_done) struct strbuf key = STRBUF(LOCAL_EMAIL_MAX + 1);
    add_key(&key, kind, s);
    const char *id = key.failed ? NULL : map_get(&t->ids, strbuf_str(&key));
    if (id == NULL || id == ambiguous)
        return false;
    strbuf_adds(ret_id, id);
    return true;
}

enum err_code local_index_find(struct local_index *x, struct arena *a, struct str login,
                               struct local_user *ret, int64_t *ret_revision, struct err *err) {
    const struct local_user *fixed = find_static(x, login, false);
    if (fixed != NULL) {
        *ret = *fixed;
        *ret_revision = 0;
        return ERR_OK;
    }
    if (x->env->store == NULL)
        return err_set(err, ERR_NOT_FOUND, "no such user");
    struct table *t = NULL;
    enum err_code rc = acquire(x, &t, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(strbuf_done) struct strbuf id = STRBUF(STORE_NAME_MAX);
    bool found = look_up(t, 'u', login, &id) ||
                 (str_find(login, '@') < login.len && look_up(t, 'e', login, &id));
    snapshot_release(&x->current, &t->snapshot);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "no such user");
    return load(x, a, strbuf_str(&id), ret, ret_revision, err);
}

enum err_code local_index_get(struct local_index *x, struct arena *a, struct str id, struct local_user *ret,
                              int64_t *ret_revision, struct err *err) {
    const struct local_user *fixed = find_static(x, id, true);
    if (fixed != NULL) {
        *ret = *fixed;
        *ret_revision = 0;
        return ERR_OK;
    }
    if (x->env->store == NULL || id.len == 0 || id.len > STORE_NAME_MAX)
        return err_set(err, ERR_NOT_FOUND, "no such user");
    return load(x, a, id, ret, ret_revision, err);
}
