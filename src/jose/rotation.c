#include "tkeauth/jose.h"

#include "jose/keyset.h"

/* Verifiers take the last half minute of a cached key set's life for expired, or hold it that much longer (kube-apiserver). */
enum { CACHE_SLACK_S = 30 };

/* A key must be in every cache before it signs: a cache filled just before the key appeared lives this long. */
static int64_t publish_ahead(const struct rotation_policy *p) {
    int64_t least = p->jwks_max_age_s + CACHE_SLACK_S;
    return p->publish_ahead_s > least ? p->publish_ahead_s : least;
}

static bool is_newer(const struct signing_key *a, const struct signing_key *b) {
    if (a->not_before != b->not_before)
        return a->not_before > b->not_before;
    if (a->created_at != b->created_at)
        return a->created_at > b->created_at;
    return str_cmp(a->kid, b->kid) > 0;
}

struct keys {
    const struct signing_key *items;
    size_t len;
    enum sign_alg alg;
};

/* When a key stops to sign: as stored, or when the next newer one starts, should a crash have kept that from being stored.
 * 0: not known yet. */
static int64_t retired_at(const struct keys *keys, const struct signing_key *key) {
    int64_t earliest = key->retired_at;
    for (size_t i = 0; i < keys->len && key->retired_at == 0; i++) {
        const struct signing_key *other = &keys->items[i];
        if (other->alg == keys->alg && is_newer(other, key) &&
            (earliest == 0 || other->not_before < earliest))
            earliest = other->not_before;
    }
    return earliest;
}

static int64_t remove_at(const struct rotation_policy *p, int64_t stored, int64_t retired) {
    if (stored != 0)
        return stored;
    return retired != 0 ? retired + p->keep_after_s : 0;
}

static bool find_outlived(const struct rotation_policy *p, const struct keys *keys, int64_t now,
                          size_t *ret) {
    for (size_t i = 0; i < keys->len; i++) {
        const struct signing_key *key = &keys->items[i];
        int64_t gone = remove_at(p, key->remove_at, retired_at(keys, key));
        if (key->alg == keys->alg && gone != 0 && now >= gone) {
            *ret = i;
            return true;
        }
    }
    return false;
}

struct place {
    bool found;
    size_t index;
};

/* The newest key that signs, and the first of those that wait for their time. */
static void find_running_and_waiting(const struct keys *keys, int64_t now, struct place *running,
                                     struct place *waiting) {
    for (size_t i = 0; i < keys->len; i++) {
        const struct signing_key *key = &keys->items[i];
        if (key->alg != keys->alg)
            continue;
        if (key->not_before > now) {
            if (!waiting->found || is_newer(&keys->items[waiting->index], key))
                *waiting = (struct place) { true, i };
        } else if (key->retired_at == 0 || now < key->retired_at) {
            if (!running->found || is_newer(key, &keys->items[running->index]))
                *running = (struct place) { true, i };
        }
    }
}

struct rotation_step rotation_next(const struct rotation_policy *p, const struct signing_key *items,
                                   size_t len, enum sign_alg alg, int64_t now) {
    const struct keys keys = { items, len, alg };
    struct place running = { 0 }, waiting = { 0 };
    size_t outlived = 0;
    if (find_outlived(p, &keys, now, &outlived))
        return (struct rotation_step) { .action = ROTATION_REMOVE, .index = outlived };
    find_running_and_waiting(&keys, now, &running, &waiting);
    if (!running.found && waiting.found)
        return (struct rotation_step) { ROTATION_ACTIVATE, waiting.index, now };
    if (!running.found)
        return (struct rotation_step) { .action = ROTATION_CREATE_NOW, .not_before = now };
    if (waiting.found)
        return (struct rotation_step) { .action = ROTATION_NONE };

    const struct signing_key *key = &items[running.index];
    int64_t end = key->retired_at != 0 ? key->retired_at : key->not_before + p->period_s;
    int64_t soonest = now + publish_ahead(p);
    if (end > soonest)
        return (struct rotation_step) { .action = ROTATION_NONE };
    /* Late (a long stop, a shorter period): the running key goes on until every cache has the next one. */
    return (struct rotation_step) { ROTATION_CREATE_NEXT, running.index, soonest };
}

int64_t rotation_jwks_max_age(const struct rotation_policy *p, const struct keyset *k, int64_t now) {
    int64_t age = p->jwks_max_age_s;
    for (size_t i = 0; i < k->len; i++) {
        const struct keyset_entry *e = &k->entries[i];
        const int64_t changes[] = { e->created_at, remove_at(p, e->remove_at, e->retired_at) };
        for (size_t c = 0; c < ARRAY_LEN(changes); c++)
            if (changes[c] > now && changes[c] - now < age)
                age = changes[c] - now;
    }
    return age;
}
