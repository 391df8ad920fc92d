#include "store/memory/memory.h"

#include <stdlib.h>

void memory_family_free(struct memory_family *f) {
    if (f == NULL)
        return;
    memory_str_free(f->family.client_id);
    memory_str_free(f->family.subject);
    memory_str_free(f->family.session_id);
    memory_str_free(f->family.body);
    free(f);
}
DEFINE_AUTO_FREE(memory_family_free, struct memory_family);

static struct memory_family *family_new(const struct store_family *from) {
    struct memory_family *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->family = *from;
    f->forget_at = family_end(from);
    /* All four, even after a failure: none may keep pointing at the caller's bytes. */
    bool owned = memory_str_own(&f->family.client_id);
    owned = memory_str_own(&f->family.subject) && owned;
    owned = memory_str_own(&f->family.session_id) && owned;
    owned = memory_str_own(&f->family.body) && owned;
    if (owned)
        return f;
    memory_family_free(f);
    return NULL;
}

enum err_code memory_family_insert(struct memory_store *m, const struct store_family *family,
                                   struct err *err) {
    if (map_get(&m->families, memory_key(family->id)) != NULL)
        return err_set(err, ERR_EXISTS, "a refresh family with this id");
    AUTO_FREE(memory_family_free) struct memory_family *f = family_new(family);
    if (f == NULL)
        return err_set(err, ERR_NOMEM, "a refresh family");
    enum err_code rc = map_put(&m->families, memory_key(family->id), f, NULL, err);
    if (rc == ERR_OK)
        STEAL(f);
    return rc;
}

enum err_code memory_family_put(struct store *s, const struct store_family *family, struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    enum err_code rc = memory_family_insert(m, family, err);
    s->writes += rc == ERR_OK;
    return rc;
}

bool memory_family_end(struct memory_family *f, int64_t now) {
    if (f->family.revoked)
        return false;
    f->family.revoked = true;
    if (f->forget_at == 0)
        f->forget_at = now + STORE_REVOKED_KEPT_S;
    return true;
}

static enum store_refresh_outcome decide(const struct memory_family *f, const struct store_refresh *in,
                                         const struct predecessor **ret) {
    return refresh_decide(f != NULL ? &f->family : NULL, f != NULL ? &f->known : NULL, in, ret);
}

enum err_code memory_refresh_get(struct store *s, struct arena *a, const struct store_refresh *in,
                                 enum store_refresh_outcome *ret_outcome, struct store_family *ret,
                                 struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    struct memory_family *f = map_get(&m->families, memory_key(in->family_id));
    const struct predecessor *p = NULL;
    enum store_refresh_outcome outcome = decide(f, in, &p);
    if (f != NULL && outcome == STORE_REFRESH_REUSED)
        s->writes += memory_family_end(f, in->now);
    if (f != NULL && outcome != STORE_REFRESH_UNKNOWN) {
        struct store_family copy = f->family;
        copy.client_id = arena_str(a, copy.client_id);
        copy.subject = arena_str(a, copy.subject);
        copy.session_id = arena_str(a, copy.session_id);
        copy.body = arena_str(a, copy.body);
        if (arena_failed(a))
            return err_set(err, ERR_NOMEM, "a refresh family");
        *ret = copy;
    }
    *ret_outcome = outcome;
    return ERR_OK;
}

static enum err_code rotate(struct memory_family *f, const struct store_refresh *in, struct err *err) {
    struct store_family *family = &f->family;
    if (in->body.ptr != NULL) {
        struct str body = in->body;
        if (!memory_str_own(&body))
            return err_set(err, ERR_NOMEM, "a refresh family");
        memory_str_free(family->body);
        family->body = body;
    }
    predecessors_add(&f->known, in);
    memcpy(family->current_hash, in->next_hash, STORE_HASH_SIZE);
    family->generation++;
    family->last_used_at = in->now;
    family->idle_expires_at = in->idle_expires_at;
    f->forget_at = family_end(family);
    return ERR_OK;
}

enum err_code memory_refresh_rotate(struct store *s, const struct store_refresh *in,
                                    enum store_refresh_outcome *ret_outcome,
                                    struct store_successor *ret_successor, struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    struct memory_family *f = map_get(&m->families, memory_key(in->family_id));
    const struct predecessor *p = NULL;
    enum store_refresh_outcome outcome = decide(f, in, &p);
    if (f != NULL && outcome == STORE_REFRESH_CURRENT) {
        enum err_code rc = rotate(f, in, err);
        if (rc != ERR_OK)
            return rc;
        s->writes++;
    }
    if (f != NULL && outcome == STORE_REFRESH_REUSED)
        s->writes += memory_family_end(f, in->now);
    if (p != NULL) {
        memcpy(ret_successor->masked, p->successor, STORE_HASH_SIZE);
        ret_successor->generation = p->generation + 1;
    }
    *ret_outcome = outcome;
    return ERR_OK;
}

static bool matches(const struct store_family *f, const struct store_family_filter *filter) {
    return (filter->id == NULL || memcmp(f->id, filter->id, STORE_ID_SIZE) == 0) &&
           (filter->client_id.ptr == NULL || str_eq(f->client_id, filter->client_id)) &&
           (filter->subject.ptr == NULL || str_eq(f->subject, filter->subject)) &&
           (filter->session_id.ptr == NULL || str_eq(f->session_id, filter->session_id));
}

enum err_code memory_family_revoke(struct store *s, const struct store_family_filter *filter, int64_t now,
                                   size_t *ret_count, struct err *err) {
    (void)err;
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    size_t i = 0;
    const struct map_entry *e;
    while ((e = map_next(&m->families, &i)) != NULL) {
        struct memory_family *f = e->value;
        if (matches(&f->family, filter))
            *ret_count += memory_family_end(f, now);
    }
    s->writes += *ret_count > 0;
    return ERR_OK;
}
