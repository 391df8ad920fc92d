#include "controller/sweep.h"

enum { KINDS_MAX = 16, RETRIES_MAX = 10000 };

struct sweep {
    struct sweep_options o;
    struct revision_mark marks[KINDS_MAX];
    bool look;    /* something has changed since this round began */
    bool running; /* a round is under way: */
    bool all;     /* it looks at every kind, changed or not */
    int64_t began;
    size_t at;           /* kind */
    struct strbuf after; /* the object handed out last; empty: none of this kind */
    struct map retries;  /* "plural/name" -> struct pause */
    struct pause pause;  /* of everything */
};

enum err_code sweep_new(const struct sweep_options *options, struct sweep **ret, struct err *err) {
    struct sweep *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "a controller");
    s->o = *options;
    s->look = true;
    s->after = STRBUF(STORE_NAME_MAX + 1);
    random_bytes(options->env->random, s->retries.seed, sizeof s->retries.seed);
    *ret = s;
    return ERR_OK;
}

void sweep_free(struct sweep *s) {
    if (s == NULL)
        return;
    map_done(&s->retries, free);
    strbuf_done(&s->after);
    free(s);
}

void sweep_look(struct sweep *s) { s->look = true; }

/* ---- what failed before ---- */

static struct str retry_key(const struct kind *k, struct str name, struct strbuf *out) {
    strbuf_addf(out, "%s/%.*s", k->plural, STR_FMT(name));
    return strbuf_str(out);
}

static int64_t next_retry(const struct sweep *s) {
    int64_t due = INT64_MAX;
    const struct map_entry *e;
    for (size_t i = 0; (e = map_next(&s->retries, &i)) != NULL;)
        due = earlier(due, ((const struct pause *)e->value)->until);
    return due;
}

static bool is_waiting(const struct sweep *s, const struct kind *k, struct str name, int64_t now) {
    AUTO(strbuf_done) struct strbuf key = STRBUF(STORE_KIND_MAX + STORE_NAME_MAX + 2);
    const struct pause *p = map_get(&s->retries, retry_key(k, name, &key));
    return p != NULL && p->until > now;
}

static void forget_failure(struct sweep *s, const struct kind *k, struct str name) {
    AUTO(strbuf_done) struct strbuf key = STRBUF(STORE_KIND_MAX + STORE_NAME_MAX + 2);
    free(map_remove(&s->retries, retry_key(k, name, &key)));
    gauge_set(s->o.waiting, (int64_t)s->retries.len);
}

/* False: there is no room to remember it. */
static bool note_failure(struct sweep *s, const struct kind *k, struct str name, int64_t now,
                         const struct err *why) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(STORE_KIND_MAX + STORE_NAME_MAX + 2);
    struct str key = retry_key(k, name, &text);
    struct err ignored;
    struct pause *p = map_get(&s->retries, key);
    if (p == NULL) {
        p = s->retries.len < RETRIES_MAX ? calloc(1, sizeof *p) : NULL;
        if (p == NULL || map_put(&s->retries, key, p, NULL, &ignored) != ERR_OK) {
            free(p);
            return false;
        }
    }
    pause_note(p, now, RETRY_FIRST_MS, RETRY_LAST_MS);
    gauge_set(s->o.waiting, (int64_t)s->retries.len);
    log_write_err(s->o.env->log, p->failures == 1 ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, NULL,
                  s->o.failure_event, why,
                  LOG_FIELDS(KV("kind", k->kind), KV("name", name), KV("attempt", p->failures),
                             KV("next_ms", p->until - now)));
    return true;
}

/* Those that were due in this round and were not met any more: somebody else has seen to them. */
static void forget_the_gone(struct sweep *s) {
    const struct map_entry *e;
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; !again && (e = map_next(&s->retries, &i)) != NULL;)
            if (((const struct pause *)e->value)->until <= s->began) {
                free(map_remove(&s->retries, (struct str) { e->key, e->key_len }));
                again = true;
            }
    }
    gauge_set(s->o.waiting, (int64_t)s->retries.len);
}

/* ---- rounds ---- */

static enum err_code note_name(void *ctx, const struct store_object *o, struct err *err) {
    struct strbuf *name = ctx;
    (void)err;
    strbuf_add(name, o->name);
    return ERR_OK;
}

/* The next object of the kind that waits; `name` stays empty when there is none. */
static enum err_code find_next(struct sweep *s, const struct kind *k, struct strbuf *name, struct err *err) {
    const struct store_query q = { .kind = str_of(k->plural),
                                   .key = index_deleting(NULL),
                                   .after = s->after.len > 0 ? strbuf_str(&s->after) : STR_NULL,
                                   .limit = 1,
                                   .each = note_name,
                                   .ctx = name };
    return store_list(s->o.env->store, &q, NULL, err);
}

static int64_t give_up_for_now(struct sweep *s, int64_t now, const struct err *why) {
    pause_note(&s->pause, now, RETRY_FIRST_MS, RETRY_LAST_MS);
    if (s->pause.failures == 1)
        log_error_err(s->o.env->log, NULL, s->o.failure_event, why);
    s->marks[s->at].looked = false; /* not seen to the end */
    s->running = false;
    s->look = true;
    return s->pause.until;
}

static int64_t work_on(struct sweep *s, const struct kind *k, struct str name, int64_t now) {
    struct err why;
    enum sweep_outcome outcome = s->o.work(s->o.ctx, k, name, &why);
    if (outcome == SWEEP_FAILED && (failure_is_general(why.code) || !note_failure(s, k, name, now, &why)))
        return give_up_for_now(s, now, &why);
    if (outcome != SWEEP_FAILED)
        forget_failure(s, k, name);
    if (outcome == SWEEP_MORE) {
        s->marks[s->at].looked = false;
        s->look = true;
    }
    pause_end(&s->pause);
    return now;
}

static bool begin(struct sweep *s, int64_t now) {
    bool retry = next_retry(s) <= now;
    if (!s->look && !retry)
        return false;
    s->running = true;
    s->look = false;
    s->all = retry;
    s->began = now;
    s->at = 0;
    strbuf_clear(&s->after);
    return true;
}

static int64_t end(struct sweep *s, int64_t now) {
    s->running = false;
    if (s->all)
        forget_the_gone(s);
    return s->look ? now : next_retry(s);
}

int64_t sweep_step(struct sweep *s, int64_t now) {
    AUTO(strbuf_done) struct strbuf name = STRBUF(STORE_NAME_MAX + 1);
    if (now < s->pause.until)
        return s->pause.until;
    if (!s->running && !begin(s, now))
        return next_retry(s);
    for (const struct kind *k; (k = s->o.kinds[s->at]) != NULL;) {
        struct err why;
        bool first = s->after.len == 0;
        bool skip = first && !revision_moved(&s->marks[s->at], s->o.env->store, k) && !s->all;
        strbuf_clear(&name);
        if (!skip && find_next(s, k, &name, &why) != ERR_OK)
            return give_up_for_now(s, now, &why);
        strbuf_clear(&s->after);
        if (name.len == 0) {
            s->at++;
            continue;
        }
        strbuf_add(&s->after, strbuf_str(&name));
        if (!is_waiting(s, k, strbuf_str(&name), now))
            return work_on(s, k, strbuf_str(&name), now);
    }
    return end(s, now);
}
