#include "cli/demo_app.h"

struct demo_sessions {
    pthread_mutex_t mutex;
    struct demo_session slots[DEMO_SESSIONS_MAX]; /* id "": free */
};

void demo_session_done(struct demo_session *s) {
    secret_done(&s->id_token);
    secret_done(&s->access_token);
    secret_done(&s->refresh_token);
    free(s->claims);
    free(s->userinfo);
    free(s->key);
    free(s->algorithm);
    *s = (struct demo_session) { .used_at = 0 };
}

enum err_code demo_sessions_new(struct demo_sessions **ret, struct err *err) {
    struct demo_sessions *s = calloc(1, sizeof *s);
    if (s == NULL || pthread_mutex_init(&s->mutex, NULL) != 0) {
        free(s);
        return err_set(err, ERR_NOMEM, "sessions");
    }
    *ret = s;
    return ERR_OK;
}

void demo_sessions_free(struct demo_sessions *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < DEMO_SESSIONS_MAX; i++)
        demo_session_done(&s->slots[i]);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
}

void demo_random_id(const struct random *random, char out[DEMO_ID_SIZE]) {
    unsigned char bytes[32];
    AUTO(strbuf_done) struct strbuf text = STRBUF(DEMO_ID_SIZE);
    random_bytes(random, bytes, sizeof bytes);
    base64url_add(&text, bytes, sizeof bytes); /* 43 characters */
    (void)snprintf(out, DEMO_ID_SIZE, "%s", strbuf_c(&text));
}

/* Under the mutex. */
static struct demo_session *find(struct demo_sessions *s, struct str id) {
    for (size_t i = 0; i < DEMO_SESSIONS_MAX; i++)
        if (s->slots[i].id[0] != '\0' && secret_equal(str_of(s->slots[i].id), id))
            return &s->slots[i];
    return NULL;
}

/* Under the mutex: a free slot, or the one longest unused. */
static struct demo_session *slot_for(struct demo_sessions *s) {
    struct demo_session *oldest = &s->slots[0];
    for (size_t i = 0; i < DEMO_SESSIONS_MAX; i++) {
        if (s->slots[i].id[0] == '\0')
            return &s->slots[i];
        if (s->slots[i].used_at < oldest->used_at)
            oldest = &s->slots[i];
    }
    return oldest;
}

static enum err_code copy_text(const char *from, char **ret, struct err *err) {
    *ret = str_dup_c(from);
    return from == NULL || *ret != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "session");
}

static enum err_code copy(const struct demo_session *from, struct demo_session *ret, struct err *err) {
    *ret = *from;
    ret->claims = ret->userinfo = ret->key = ret->algorithm = NULL;
    ret->id_token = ret->access_token = ret->refresh_token = (struct secret) { NULL, 0 };
    const struct {
        const struct secret *from;
        struct secret *to;
    } secrets[] = { { &from->id_token, &ret->id_token },
                    { &from->access_token, &ret->access_token },
                    { &from->refresh_token, &ret->refresh_token } };
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        if (secrets[i].from->len == 0)
            continue;
        enum err_code rc = secret_copy(secret_expose(secrets[i].from), secrets[i].to, err);
        if (rc != ERR_OK)
            return rc;
    }
    enum err_code rc = copy_text(from->claims, &ret->claims, err);
    if (rc != ERR_OK || (rc = copy_text(from->userinfo, &ret->userinfo, err)) != ERR_OK ||
        (rc = copy_text(from->key, &ret->key, err)) != ERR_OK)
        return rc;
    return copy_text(from->algorithm, &ret->algorithm, err);
}

enum err_code demo_sessions_get(struct demo_sessions *s, struct str id, int64_t now, struct demo_session *ret,
                                struct err *err) {
    enum err_code rc = ERR_NOT_FOUND;
    (void)pthread_mutex_lock(&s->mutex);
    struct demo_session *found = find(s, id);
    if (found != NULL && now - found->used_at >= DEMO_SESSION_TTL_S) {
        demo_session_done(found);
        found = NULL;
    }
    if (found != NULL) {
        found->used_at = now;
        rc = copy(found, ret, err);
        if (rc != ERR_OK)
            demo_session_done(ret);
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return found != NULL ? rc : err_set(err, ERR_NOT_FOUND, "no such session");
}

void demo_sessions_put_take(struct demo_sessions *s, struct demo_session *session, int64_t now) {
    (void)pthread_mutex_lock(&s->mutex);
    struct demo_session *slot = find(s, str_of(session->id));
    if (slot == NULL)
        slot = slot_for(s);
    demo_session_done(slot);
    *slot = *session;
    slot->used_at = now;
    *session = (struct demo_session) { .used_at = 0 };
    (void)pthread_mutex_unlock(&s->mutex);
}

void demo_sessions_remove(struct demo_sessions *s, struct str id) {
    (void)pthread_mutex_lock(&s->mutex);
    struct demo_session *found = find(s, id);
    if (found != NULL)
        demo_session_done(found);
    (void)pthread_mutex_unlock(&s->mutex);
}
