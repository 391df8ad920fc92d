#include "tkeauth/authn.h"

#include "authn/throttle_key.h"

#include <pthread.h>

enum {
    SHARDS = 16,
    WAYS = 8, /* a key may stand in any of these places of its set */
    ADDRESS_FACTOR = 10,
    MS = 1000,
    /* An attempt that was never ended (a bug) stops to count. Longer than any login may take. */
    UNDER_WAY_MAX_MS = 300 * MS,
};

/* Free when nothing was counted lately and nothing is under way. */
struct entry {
    struct throttle_id id;
    uint32_t current, previous; /* failures in the window that began at window_ms, and in the one before */
    uint32_t under_way;
    int64_t window_ms, failed_ms, started_ms;
};
struct shard {
    pthread_mutex_t lock;
    struct entry *entries; /* sets of WAYS */
};
struct throttle {
    struct throttle_options options;
    uint64_t seed[4];
    size_t sets; /* per shard */
    struct shard shards[SHARDS];
    size_t shards_ready;
};

void throttle_free(struct throttle *t) {
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->shards_ready; i++) {
        (void)pthread_mutex_destroy(&t->shards[i].lock);
        free(t->shards[i].entries);
    }
    free(t);
}

enum err_code throttle_new(const struct throttle_options *options, struct throttle **ret, struct err *err) {
    if (options->max_failures == 0 || options->max_failures > 1000000 || options->window_s < 1 ||
        options->window_s > 86400 || options->max_delay_s < 1 || options->max_delay_s > 86400)
        return err_set(err, ERR_INVALID, "limits of a throttle that cannot work");
    AUTO_FREE(throttle_free) struct throttle *t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(err, ERR_NOMEM, "a throttle");
    t->options = *options;
    t->sets = options->entries_max / ((size_t)SHARDS * WAYS);
    if (t->sets == 0)
        t->sets = 1;
    random_bytes(options->random, t->seed, sizeof t->seed);
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &t->shards[i];
        s->entries = calloc(t->sets * WAYS, sizeof *s->entries);
        if (s->entries == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
            free(s->entries);
            return err_set(err, ERR_NOMEM, "a throttle of %zu entries", options->entries_max);
        }
        t->shards_ready++;
    }
    *ret = STEAL(t);
    return ERR_OK;
}

/* ---- one entry ---- */

static int64_t window_of(const struct throttle *t) { return t->options.window_s * MS; }

/* Failures of the last window_s, as current window + the part of the one before that still reaches into it; rounded up. A counter that
 * was only ever added to would block a busy address for good. */
static uint64_t failures(const struct throttle *t, const struct entry *e, int64_t now) {
    int64_t window = window_of(t), age = now - e->window_ms;
    uint64_t current = e->current, previous = e->previous;
    if (age >= 2 * window)
        return 0;
    if (age >= window) {
        previous = current;
        current = 0;
        age -= window;
    }
    return current + (previous * (uint64_t)(window - age) + (uint64_t)window - 1) / (uint64_t)window;
}

static uint64_t under_way(const struct entry *e, int64_t now) {
    return now - e->started_ms > UNDER_WAY_MAX_MS ? 0 : e->under_way;
}

static uint64_t weight(const struct throttle *t, const struct entry *e, int64_t now) {
    return failures(t, e, now) + under_way(e, now);
}

static void count_failure(const struct throttle *t, struct entry *e, int64_t now) {
    int64_t window = window_of(t), age = now - e->window_ms;
    if (age >= window) {
        e->previous = age >= 2 * window ? 0 : e->current;
        e->current = 0;
        e->window_ms = age >= 2 * window ? now : e->window_ms + window;
    }
    if (e->current < UINT32_MAX)
        e->current++;
    e->failed_ms = now;
}

static uint64_t limit_of(const struct throttle *t, enum throttle_kind kind) {
    uint64_t max = t->options.max_failures;
    if (kind == THROTTLE_USER)
        return max;
    return kind == THROTTLE_ADDRESS ? max * ADDRESS_FACTOR : (max + 1) / 2;
}

/* Milliseconds until the next attempt may start: none below the limit; from there on 1, 2, 4 ... seconds after the last failure,
 * and one at a time. */
static int64_t wait_ms(const struct throttle *t, const struct entry *e, enum throttle_kind kind,
                       int64_t now) {
    uint64_t limit = limit_of(t, kind), failed = failures(t, e, now), running = under_way(e, now);
    if (failed + running < limit)
        return 0;
    if (running > 0)
        return MS; /* its verdict decides how long */
    uint64_t past = failed - limit;
    int64_t max = t->options.max_delay_s, delay = past < 20 ? (int64_t)1 << past : max;
    int64_t until = e->failed_ms + (delay < max ? delay : max) * MS;
    return until > now ? until - now : 0;
}

/* ---- finding entries: the shards of all three keys are locked, in order ---- */

struct places {
    struct throttle_id ids[THROTTLE_KINDS];
    size_t shards[THROTTLE_KINDS];
};

static void lock_shards(struct throttle *t, bool lock, const struct places *p) {
    for (size_t shard = 0; shard < SHARDS; shard++)
        for (size_t i = 0; i < THROTTLE_KINDS; i++)
            if (p->shards[i] == shard) {
                (void)(lock ? pthread_mutex_lock(&t->shards[shard].lock)
                            : pthread_mutex_unlock(&t->shards[shard].lock));
                break; /* once, should two keys share it */
            }
}

static struct places places_of(struct throttle *t, const struct throttle_key *key) {
    struct places p;
    throttle_ids(t->seed, key, p.ids);
    for (size_t i = 0; i < THROTTLE_KINDS; i++)
        p.shards[i] = p.ids[i].half[0] % SHARDS;
    return p;
}

static struct entry *set_of(const struct throttle *t, const struct places *p, size_t kind) {
    size_t set = (p->ids[kind].half[0] / SHARDS) % t->sets;
    return &t->shards[p->shards[kind]].entries[set * WAYS];
}

static struct entry *find(const struct throttle *t, const struct places *p, size_t kind) {
    struct entry *set = set_of(t, p, kind);
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].id.half[0] == p->ids[kind].half[0] && set[i].id.half[1] == p->ids[kind].half[1])
            return &set[i];
    return NULL;
}

/* The least guilty of a full set makes room, the oldest of those. Whoever wants his own failures forgotten must fill the set
 * with worse ones, without knowing which names fall into it, while his address is being slowed down. */
static struct entry *find_or_make(const struct throttle *t, const struct places *p, size_t kind,
                                  int64_t now) {
    struct entry *set = set_of(t, p, kind), *out = find(t, p, kind);
    if (out != NULL)
        return out;
    out = &set[0];
    for (size_t i = 1; i < WAYS; i++) {
        uint64_t best = weight(t, out, now), this = weight(t, &set[i], now);
        if (this < best || (this == best && set[i].started_ms < out->started_ms))
            out = &set[i];
    }
    *out = (struct entry) { .id = p->ids[kind], .window_ms = now, .started_ms = now };
    return out;
}

/* ---- the interface ---- */

int64_t throttle_check(struct throttle *t, const struct throttle_key *key) {
    const struct places p = places_of(t, key);
    int64_t now = clock_mono_ms(t->options.clock), wait = 0;
    lock_shards(t, true, &p);
    for (size_t kind = 0; kind < THROTTLE_KINDS; kind++) {
        const struct entry *e = find(t, &p, kind);
        int64_t mine = e != NULL ? wait_ms(t, e, (enum throttle_kind)kind, now) : 0;
        wait = mine > wait ? mine : wait;
    }
    for (size_t kind = 0; wait == 0 && kind < THROTTLE_KINDS; kind++) {
        struct entry *e = find_or_make(t, &p, kind, now);
        e->under_way = (uint32_t)under_way(e, now) + 1;
        e->started_ms = now;
    }
    lock_shards(t, false, &p);
    return (wait + MS - 1) / MS;
}

static void end_one(struct entry *e) {
    if (e->under_way > 0)
        e->under_way--;
}

void throttle_failed(struct throttle *t, const struct throttle_key *key) {
    const struct places p = places_of(t, key);
    int64_t now = clock_mono_ms(t->options.clock);
    lock_shards(t, true, &p);
    for (size_t kind = 0; kind < THROTTLE_KINDS; kind++) {
        struct entry *e = find_or_make(t, &p, kind, now); /* it may have had to make room meanwhile */
        end_one(e);
        count_failure(t, e, now);
    }
    lock_shards(t, false, &p);
}

void throttle_done(struct throttle *t, const struct throttle_key *key, bool verdict) {
    const struct places p = places_of(t, key);
    lock_shards(t, true, &p);
    for (size_t kind = 0; kind < THROTTLE_KINDS; kind++) {
        struct entry *e = find(t, &p, kind);
        if (e == NULL)
            continue;
        end_one(e);
        if (verdict && kind != THROTTLE_ADDRESS)
            e->current = e->previous = 0;
    }
    lock_shards(t, false, &p);
}
