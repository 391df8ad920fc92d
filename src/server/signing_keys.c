#include "server/signing_keys.h"

#include <stdlib.h>

static const struct str kind = { "signingkeys", 11 };
static const char purpose[] = "signing-key";
enum { KEYS_MAX = 256, KEYS_MEMORY_MAX = 4 * 1024 * 1024, KEY_BODY_MAX = 64 * 1024, DER_SIZE = 8 * 1024 };
static const enum sign_alg algorithms[] = { SIGN_RS256, SIGN_ES256, SIGN_EDDSA };

int64_t promise_longest(struct promise *p, int64_t seconds, int64_t now) {
    if (seconds >= p->seconds || now >= p->until)
        *p = (struct promise) { seconds, now + seconds };
    return p->seconds;
}

struct listing {
    struct arena *arena;
    struct signing_key *keys;
    int64_t *revisions;
    size_t len;
};

static enum err_code add_listed(void *ctx, const struct store_object *o, struct err *err) {
    struct listing *l = ctx;
    if (l->len == KEYS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d signing keys", KEYS_MAX);
    enum err_code rc = signing_key_decode(l->arena, arena_str(l->arena, o->body), &l->keys[l->len], err);
    if (rc != ERR_OK)
        return err_context(err, "signing key %.*s", STR_FMT(o->name));
    l->revisions[l->len++] = o->revision;
    return ERR_OK;
}

static enum err_code list_keys(const struct signing_keys *k, struct arena *a, struct listing *ret,
                               struct err *err) {
    *ret = (struct listing) { .arena = a,
                              .keys = arena_array(a, KEYS_MAX, sizeof *ret->keys),
                              .revisions = arena_array(a, KEYS_MAX, sizeof *ret->revisions) };
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "signing keys");
    const struct store_query q = { .kind = kind, .each = add_listed, .ctx = ret };
    return store_list(k->store, &q, NULL, err);
}

static int newer_first(const void *a, const void *b) {
    const struct signing_key *x = a, *y = b;
    return x->created_at < y->created_at ? 1 : x->created_at > y->created_at ? -1 : str_cmp(x->kid, y->kid);
}

enum err_code signing_keys_list(const struct signing_keys *k, struct arena *a, struct signing_key **ret,
                                size_t *ret_len, struct err *err) {
    struct listing l;
    enum err_code rc = list_keys(k, a, &l, err);
    if (rc != ERR_OK)
        return rc;
    qsort(l.keys, l.len, sizeof *l.keys, newer_first);
    *ret = l.keys;
    *ret_len = l.len;
    return ERR_OK;
}

static enum err_code write_key(const struct signing_keys *k, const struct signing_key *key, int64_t revision,
                               struct err *err) {
    AUTO(strbuf_done) struct strbuf body = STRBUF(KEY_BODY_MAX);
    enum err_code rc = signing_key_encode(key, &body, err);
    if (rc == ERR_OK)
        rc = strbuf_check(&body, err);
    if (rc != ERR_OK)
        return rc;
    const struct store_write w = { .kind = kind,
                                   .name = key->kid,
                                   .body = strbuf_str(&body),
                                   .expected = revision == 0 ? STORE_EXPECT_ABSENT : revision,
                                   .unrecorded = true };
    return store_write(k->store, &w, NULL, err);
}

static enum err_code create_key(const struct signing_keys *k, enum sign_alg alg, int64_t not_before,
                                struct err *err) {
    AUTO_FREE(signer_free) struct signer *signer = NULL;
    AUTO(strbuf_wipe_done) struct strbuf der = STRBUF(KEY_BODY_MAX), sealed = STRBUF(KEY_BODY_MAX);
    enum err_code rc = signer_generate(alg, &signer, err);
    if (rc == ERR_OK && strbuf_grow(&der, DER_SIZE) == NULL) /* at once: growing would leave copies unwiped */
        rc = err_set(err, ERR_NOMEM, "a signing key");
    if (rc != ERR_OK)
        return rc;
    strbuf_clear(&der);
    rc = signer_export_der(signer, &der, err);
    if (rc == ERR_OK)
        rc = seal(k->keyring, k->random, purpose, strbuf_str(&der), &sealed, err);
    if (rc != ERR_OK)
        return rc;
    const struct signing_key key = { .kid = signer_kid(signer),
                                     .alg = alg,
                                     .sealed_private = strbuf_str(&sealed),
                                     .public_jwk = signer_public_jwk(signer),
                                     .created_at = clock_now_s(k->clock),
                                     .not_before = not_before };
    rc = write_key(k, &key, 0, err);
    if (rc == ERR_OK)
        audit_event(k->log, NULL, "signing_key_created", KV("kid", key.kid), KV("alg", sign_alg_name(alg)),
                    KV("signs_from", not_before));
    return rc;
}

/* The running key stops signing when its successor starts, and stays published until its last token has expired. */
static enum err_code retire_running(const struct signing_keys *k, const struct listing *l, enum sign_alg alg,
                                    int64_t at, struct err *err) {
    for (size_t i = 0; i < l->len; i++) {
        struct signing_key key = l->keys[i];
        if (key.alg != alg || key.retired_at != 0)
            continue;
        key.retired_at = at;
        key.remove_at = at + k->policy.keep_after_s;
        enum err_code rc = write_key(k, &key, l->revisions[i], err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static enum err_code remove_key(const struct signing_keys *k, const struct signing_key *key,
                                struct err *err) {
    enum err_code rc = store_delete(k->store, kind, key->kid, STORE_EXPECT_ANY, true, err);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK; /* another process was faster */
    if (rc == ERR_OK)
        audit_event(k->log, NULL, "signing_key_removed", KV("kid", key->kid),
                    KV("alg", sign_alg_name(key->alg)));
    return rc;
}

/* One step of the policy for one algorithm. */
static enum err_code step(const struct signing_keys *k, enum sign_alg alg, bool *ret_more, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(KEYS_MEMORY_MAX);
    struct listing l;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "signing keys");
    enum err_code rc = list_keys(k, a, &l, err);
    if (rc != ERR_OK)
        return rc;
    int64_t now = clock_now_s(k->clock);
    struct rotation_step next = rotation_next(&k->policy, l.keys, l.len, alg, now);
    *ret_more = next.action != ROTATION_NONE;
    switch (next.action) {
    case ROTATION_CREATE_NOW:
    case ROTATION_CREATE_NEXT: {
        int64_t from = next.action == ROTATION_CREATE_NOW ? now : next.not_before;
        rc = create_key(k, alg, from, err);
        return rc == ERR_OK ? retire_running(k, &l, alg, from, err) : rc;
    }
    case ROTATION_ACTIVATE: {
        struct signing_key heir = l.keys[next.index];
        heir.not_before = next.not_before;
        audit_event(k->log, NULL, "signing_key_activated", KV("kid", heir.kid),
                    KV("alg", sign_alg_name(alg)));
        return write_key(k, &heir, l.revisions[next.index], err);
    }
    case ROTATION_REMOVE: return remove_key(k, &l.keys[next.index], err);
    case ROTATION_NONE:
    default: return ERR_OK;
    }
}

enum err_code signing_keys_rotate(const struct signing_keys *k, bool *ret_changed, struct err *err) {
    *ret_changed = false;
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        bool more = true;
        /* Far more steps than a policy ever needs: a wrong one must not turn for ever. */
        for (int steps = 0; more && steps < KEYS_MAX; steps++) {
            enum err_code rc = step(k, algorithms[i], &more, err);
            if (rc == ERR_CONFLICT || rc == ERR_EXISTS)
                continue; /* another process rotated: look again */
            if (rc != ERR_OK)
                return rc;
            *ret_changed |= more;
        }
    }
    return ERR_OK;
}

static enum err_code open_entry(const struct signing_keys *k, const struct signing_key *key,
                                struct keyset_entry *ret, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf der = STRBUF(KEY_BODY_MAX);
    enum err_code rc = unseal(k->keyring, purpose, key->sealed_private, &der, err);
    if (rc != ERR_OK)
        return err_set(err, ERR_INTERNAL,
                       "signing key %.*s does not open: is storage.keyFile the one it was sealed with?",
                       STR_FMT(key->kid));
    *ret = (struct keyset_entry) { .created_at = key->created_at,
                                   .not_before = key->not_before,
                                   .retired_at = key->retired_at,
                                   .remove_at = key->remove_at };
    return signer_from_der(key->alg, strbuf_str(&der), &ret->signer, err);
}

enum err_code signing_keys_load(const struct signing_keys *k, struct keyset **ret, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(KEYS_MEMORY_MAX);
    struct listing l;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "signing keys");
    enum err_code rc = list_keys(k, a, &l, err);
    struct keyset_entry *entries = rc == ERR_OK ? arena_array(a, l.len + 1, sizeof *entries) : NULL;
    if (rc != ERR_OK)
        return rc;
    if (entries == NULL)
        return err_set(err, ERR_NOMEM, "signing keys");
    size_t opened = 0;
    for (; rc == ERR_OK && opened < l.len; opened += rc == ERR_OK)
        rc = open_entry(k, &l.keys[opened], &entries[opened], err);
    if (rc == ERR_OK)
        return keyset_new(entries, opened, ret, err);
    for (size_t i = 0; i < opened; i++)
        signer_free(entries[i].signer);
    return rc;
}

/* New ones first: at no moment is there nothing to sign with. */
enum err_code signing_keys_replace(const struct signing_keys *k, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(KEYS_MEMORY_MAX);
    struct listing l;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "signing keys");
    enum err_code rc = list_keys(k, a, &l, err);
    int64_t now = clock_now_s(k->clock);
    for (size_t i = 0; rc == ERR_OK && i < ARRAY_LEN(algorithms); i++)
        rc = create_key(k, algorithms[i], now, err);
    for (size_t i = 0; rc == ERR_OK && i < l.len; i++)
        rc = remove_key(k, &l.keys[i], err);
    return rc;
}
