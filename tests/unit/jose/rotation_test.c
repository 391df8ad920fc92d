#include "unit/test.h"

#include "tkeauth/jose.h"

enum { HOUR = 3600, DAY = 24 * HOUR, KEYS_MAX = 64 };
static const struct rotation_policy policy = {
    .period_s = 30 * DAY, .publish_ahead_s = DAY, .keep_after_s = DAY, .jwks_max_age_s = 600
};

/* ---- single steps ---- */

static struct signing_key key(const char *kid, int64_t created_at, int64_t not_before, int64_t retired_at) {
    return (struct signing_key) { .kid = str_of(kid),
                                  .alg = SIGN_RS256,
                                  .created_at = created_at,
                                  .not_before = not_before,
                                  .retired_at = retired_at };
}
static void assert_step(struct rotation_step got, enum rotation_action action, size_t index,
                        int64_t not_before) {
    assert_int_equal(got.action, action);
    assert_int_equal(got.index, index);
    assert_int_equal(got.not_before, not_before);
}

static void without_a_key_one_is_made_that_signs_at_once(void **state) {
    (void)state;
    assert_step(rotation_next(&policy, NULL, 0, SIGN_RS256, 1000), ROTATION_CREATE_NOW, 0, 1000);
    struct signing_key other = key("other", 1, 1, 0);
    other.alg = SIGN_ES256;
    assert_step(rotation_next(&policy, &other, 1, SIGN_RS256, 1000), ROTATION_CREATE_NOW, 0, 1000);
    assert_step(rotation_next(&policy, &other, 1, SIGN_ES256, 1000), ROTATION_NONE, 0, 0);
}

static void the_successor_is_made_in_time_to_reach_every_cache(void **state) {
    (void)state;
    struct signing_key k[] = { key("a", 0, 0, 0) };
    assert_step(rotation_next(&policy, k, 1, SIGN_RS256, 29 * DAY - 1), ROTATION_NONE, 0, 0);
    assert_step(rotation_next(&policy, k, 1, SIGN_RS256, 29 * DAY), ROTATION_CREATE_NEXT, 0, 30 * DAY);
    /* Late, after a long stop: never sooner than published ahead. */
    assert_step(rotation_next(&policy, k, 1, SIGN_RS256, 90 * DAY), ROTATION_CREATE_NEXT, 0, 91 * DAY);
    /* A policy that would publish too late is not followed. */
    struct rotation_policy hasty = policy;
    hasty.publish_ahead_s = 10;
    assert_step(rotation_next(&hasty, k, 1, SIGN_RS256, 30 * DAY - 631), ROTATION_NONE, 0, 0);
    assert_step(rotation_next(&hasty, k, 1, SIGN_RS256, 30 * DAY - 630), ROTATION_CREATE_NEXT, 0, 30 * DAY);
}

static void a_waiting_successor_is_enough(void **state) {
    (void)state;
    struct signing_key k[] = { key("a", 0, 0, 30 * DAY), key("b", 29 * DAY, 30 * DAY, 0) };
    assert_step(rotation_next(&policy, k, 2, SIGN_RS256, 29 * DAY + 5), ROTATION_NONE, 0, 0);
    k[0].retired_at = 0; /* a crash before that was stored changes nothing */
    assert_step(rotation_next(&policy, k, 2, SIGN_RS256, 29 * DAY + 5), ROTATION_NONE, 0, 0);
}

static void an_old_key_goes_when_its_last_token_has_expired(void **state) {
    (void)state;
    struct signing_key k[] = { key("b", 29 * DAY, 30 * DAY, 0), key("a", 0, 0, 30 * DAY) };
    assert_step(rotation_next(&policy, k, 2, SIGN_RS256, 31 * DAY - 1), ROTATION_NONE, 0, 0);
    assert_step(rotation_next(&policy, k, 2, SIGN_RS256, 31 * DAY), ROTATION_REMOVE, 1, 0);
    k[1].retired_at = 0;
    assert_step(rotation_next(&policy, k, 2, SIGN_RS256, 31 * DAY), ROTATION_REMOVE, 1, 0);
    k[1].remove_at = 40 * DAY; /* what is stored counts */
    assert_step(rotation_next(&policy, k, 2, SIGN_RS256, 31 * DAY), ROTATION_NONE, 0, 0);
    assert_step(rotation_next(&policy, k, 2, SIGN_RS256, 40 * DAY), ROTATION_REMOVE, 1, 0);
}

static void after_an_emergency_the_waiting_successor_takes_over(void **state) {
    (void)state;
    struct signing_key k[] = { key("gone", 0, 0, 0), key("b", 29 * DAY, 30 * DAY, 0) };
    assert_step(rotation_next(&policy, k + 1, 1, SIGN_RS256, 29 * DAY + 7), ROTATION_ACTIVATE, 0,
                29 * DAY + 7);
    assert_step(rotation_next(&policy, k, 0, SIGN_RS256, 29 * DAY + 7), ROTATION_CREATE_NOW, 0, 29 * DAY + 7);
}

static void when_the_successor_is_lost_the_next_one_is_published_first(void **state) {
    (void)state;
    struct signing_key k[] = { key("a", 0, 0, 30 * DAY) };
    assert_step(rotation_next(&policy, k, 1, SIGN_RS256, 30 * DAY - 5), ROTATION_CREATE_NEXT, 0,
                31 * DAY - 5);
}

static void caches_are_told_to_come_back_when_the_set_changes(void **state) {
    (void)state;
    struct keyset_entry entries[2] = { { .created_at = 0, .not_before = 0, .retired_at = 30 * DAY },
                                       { .created_at = 29 * DAY, .not_before = 30 * DAY } };
    AUTO_FREE(keyset_free) struct keyset *k = NULL;
    struct err err;
    for (size_t i = 0; i < 2; i++)
        assert_ok(signer_generate(SIGN_EDDSA, &entries[i].signer, &err));
    assert_ok(keyset_new(entries, 2, &k, &err));
    assert_int_equal(rotation_jwks_max_age(&policy, k, 28 * DAY), 600);
    assert_int_equal(rotation_jwks_max_age(&policy, k, 29 * DAY - 100), 100); /* the second appears */
    assert_int_equal(rotation_jwks_max_age(&policy, k, 29 * DAY), 600);
    assert_int_equal(rotation_jwks_max_age(&policy, k, 31 * DAY - 7), 7); /* the first goes */
    assert_int_equal(rotation_jwks_max_age(&policy, k, 31 * DAY), 600);
}

/* ---- months, with relying parties that keep what they fetched ---- */

struct stored {
    struct signing_key key;
    char kid[44];
    struct strbuf der;
};
struct fetch {
    int64_t at, max_age_s;
    char jwks[4096];
};
struct world {
    struct rotation_policy policy;
    int64_t now;
    struct stored stored[KEYS_MAX];
    size_t len, created, removed;
    struct keyset *set;
    struct fetch fetches[256]; /* a ring: the caches of many relying parties */
    size_t fetched;
    struct {
        char kid[44];
        int64_t expires_at;
    } tokens[KEYS_MAX * 4]; /* the last token of each key */
    size_t token_kids;
};

static void create(struct world *w, int64_t not_before) {
    AUTO_FREE(signer_free) struct signer *s = NULL;
    struct stored *slot = &w->stored[w->len++];
    struct err err;
    assert_true(w->len < KEYS_MAX);
    assert_ok(signer_generate(SIGN_ES256, &s, &err));
    *slot = (struct stored) { .der = STRBUF(4096) };
    assert_ok(signer_export_der(s, &slot->der, &err));
    memcpy(slot->kid, signer_kid(s).ptr, 43);
    slot->key = (struct signing_key) { .alg = SIGN_ES256, .created_at = w->now, .not_before = not_before };
    w->created++;
}

static void remove_key(struct world *w, size_t i) {
    strbuf_wipe_done(&w->stored[i].der);
    w->stored[i] = w->stored[--w->len];
    w->removed++;
}

static void publish(struct world *w) {
    struct keyset_entry entries[KEYS_MAX] = { { 0 } };
    struct err err;
    keyset_free(w->set);
    w->set = NULL;
    for (size_t i = 0; i < w->len; i++) {
        const struct signing_key *k = &w->stored[i].key;
        entries[i] = (struct keyset_entry) { NULL, k->created_at, k->not_before, k->retired_at,
                                             k->remove_at };
        assert_ok(signer_from_der(SIGN_ES256, strbuf_str(&w->stored[i].der), &entries[i].signer, &err));
    }
    assert_ok(keyset_new(entries, w->len, &w->set, &err));
}

/* What the daemon's janitor does with the policy's answers. */
static void run_janitor(struct world *w) {
    bool changed = false;
    for (;;) {
        struct signing_key keys[KEYS_MAX];
        for (size_t i = 0; i < w->len; i++) {
            keys[i] = w->stored[i].key;
            keys[i].kid = (struct str) { w->stored[i].kid, 43 };
        }
        struct rotation_step step = rotation_next(&w->policy, keys, w->len, SIGN_ES256, w->now);
        switch (step.action) {
        case ROTATION_NONE:
            if (changed)
                publish(w);
            return;
        case ROTATION_CREATE_NOW: create(w, step.not_before); break;
        case ROTATION_CREATE_NEXT:
            w->stored[step.index].key.retired_at = step.not_before;
            create(w, step.not_before);
            break;
        case ROTATION_ACTIVATE: w->stored[step.index].key.not_before = step.not_before; break;
        case ROTATION_REMOVE: remove_key(w, step.index); break;
        }
        changed = true;
    }
}

static void fetch_jwks(struct world *w) {
    struct fetch *f = &w->fetches[w->fetched++ % ARRAY_LEN(w->fetches)];
    AUTO(strbuf_done) struct strbuf text = STRBUF(sizeof f->jwks - 1);
    keyset_jwks(w->set, w->now, &text);
    assert_false(text.failed);
    f->at = w->now;
    f->max_age_s = rotation_jwks_max_age(&w->policy, w->set, w->now);
    assert_true(f->max_age_s > 0 && f->max_age_s <= w->policy.jwks_max_age_s);
    memcpy(f->jwks, text.ptr, text.len + 1);
}

/* A token signed now must verify at everybody who still may use what they fetched earlier. */
static void sign_and_check_caches(struct world *w) {
    const struct signer *s = keyset_signer(w->set, SIGN_ES256, w->now);
    assert_non_null(s);
    for (size_t i = 0; i < ARRAY_LEN(w->fetches) && i < w->fetched; i++) {
        const struct fetch *f = &w->fetches[i];
        if (f->at + f->max_age_s + 30 >= w->now && !str_contains(str_of(f->jwks), signer_kid(s)))
            fail_msg("at %lld a key signs that the cache of %lld (max-age %lld) lacks", (long long)w->now,
                     (long long)f->at, (long long)f->max_age_s);
    }
    size_t i = 0;
    while (i < w->token_kids && !str_eq(str_of(w->tokens[i].kid), signer_kid(s)))
        i++;
    if (i == w->token_kids) {
        assert_true(i < ARRAY_LEN(w->tokens));
        memcpy(w->tokens[w->token_kids++].kid, signer_kid(s).ptr, 44);
    }
    w->tokens[i].expires_at = w->now + w->policy.keep_after_s;
}

/* Until a key's last token has expired, whoever fetches the set gets the key. */
static void check_old_tokens(const struct world *w) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(64 * 1024);
    keyset_jwks(w->set, w->now, &text);
    for (size_t i = 0; i < w->token_kids; i++)
        if (w->tokens[i].expires_at > w->now && !str_contains(strbuf_str(&text), str_of(w->tokens[i].kid)))
            fail_msg("at %lld key %s is gone before its tokens", (long long)w->now, w->tokens[i].kid);
}

static void world_done(struct world *w) {
    while (w->len > 0)
        remove_key(w, w->len - 1);
    keyset_free(w->set);
    free(w);
}

static uint64_t draw(const struct random *r, uint64_t below) {
    uint64_t n = 0;
    random_bytes(r, &n, sizeof n);
    return n % below;
}

static void months_pass_and_no_cache_ever_lacks_the_signing_key(void **state) {
    (void)state;
    static const struct rotation_policy policies[] = {
        { .period_s = 30 * DAY, .publish_ahead_s = DAY, .keep_after_s = DAY, .jwks_max_age_s = 900 },
        { .period_s = 7 * DAY, .publish_ahead_s = 0, .keep_after_s = 12 * HOUR, .jwks_max_age_s = HOUR },
        { .period_s = 6 * HOUR, .publish_ahead_s = 630, .keep_after_s = 8 * HOUR, .jwks_max_age_s = 600 },
        /* more cache than period: rotation slows down rather than break anybody */
        { .period_s = 10 * 60, .publish_ahead_s = 60, .keep_after_s = HOUR, .jwks_max_age_s = 2 * HOUR },
    };
    static const int64_t spans[] = { 300 * DAY, 100 * DAY, 15 * DAY, 5 * DAY };
    struct random random;
    random_fixed_init(&random, 11);
    for (size_t p = 0; p < ARRAY_LEN(policies); p++) {
        struct world *w = calloc(1, sizeof *w);
        assert_non_null(w);
        w->policy = policies[p];
        w->now = 1700000000;
        run_janitor(w);
        int64_t end = w->now + spans[p], janitor_at = w->now;
        while (w->now < end) {
            /* Where something is about to change, look closely; else stride. */
            w->now += (int64_t)draw(&random, (uint64_t)w->policy.jwks_max_age_s / 3) + 1;
            if (w->now >= janitor_at) {
                run_janitor(w);
                /* mostly every minute or hour; now and then the daemon's janitor stalls for days */
                janitor_at = w->now + (draw(&random, 400) == 0 ? 5 * DAY : (int64_t)draw(&random, HOUR));
            }
            sign_and_check_caches(w);
            check_old_tokens(w);
            if (draw(&random, 2) == 0)
                fetch_jwks(w);
        }
        assert_true(w->created >= 5);
        assert_true(w->removed >= 3);
        assert_true(w->len <= 12);
        print_message("policy %zu: %zu keys made, %zu removed, %zu fetches\n", p, w->created, w->removed,
                      w->fetched);
        world_done(w);
    }
}

static void an_emergency_removes_the_key_at_once_and_signing_goes_on(void **state) {
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->policy = policy;
    w->now = 1700000000;
    run_janitor(w);
    const struct signer *leaked = keyset_signer(w->set, SIGN_ES256, w->now);
    AUTO(strbuf_done) struct strbuf token = STRBUF(4096);
    const struct jwt_rules rules = { .typ = "JWT", .now = w->now };
    struct jwt none = { 0 };
    struct err err;
    assert_ok(signer_sign(leaked, "JWT", STR("{\"exp\":9999999999}"), &token, &err));

    remove_key(w, 0);
    run_janitor(w);
    const struct signer *fresh = keyset_signer(w->set, SIGN_ES256, w->now);
    assert_non_null(fresh);
    assert_int_equal(w->len, 1);
    assert_int_equal(keyset_verify(w->set, strbuf_str(&token), &rules, &none, &err), ERR_UNAUTHENTICATED);

    /* With a successor waiting, that one takes over, and nobody's cache is surprised. */
    w->now += w->policy.period_s - w->policy.publish_ahead_s;
    run_janitor(w);
    assert_int_equal(w->len, 2);
    w->now += w->policy.jwks_max_age_s + 31;
    fetch_jwks(w);
    AUTO(strbuf_done) struct strbuf waiting = STRBUF(64);
    strbuf_adds(&waiting, w->stored[1].kid);
    remove_key(w, 0);
    run_janitor(w);
    assert_int_equal(w->len, 1);
    assert_true(str_eq(signer_kid(keyset_signer(w->set, SIGN_ES256, w->now)), strbuf_str(&waiting)));
    sign_and_check_caches(w);
    world_done(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_key_one_is_made_that_signs_at_once),
        cmocka_unit_test(the_successor_is_made_in_time_to_reach_every_cache),
        cmocka_unit_test(a_waiting_successor_is_enough),
        cmocka_unit_test(an_old_key_goes_when_its_last_token_has_expired),
        cmocka_unit_test(after_an_emergency_the_waiting_successor_takes_over),
        cmocka_unit_test(when_the_successor_is_lost_the_next_one_is_published_first),
        cmocka_unit_test(caches_are_told_to_come_back_when_the_set_changes),
        cmocka_unit_test(months_pass_and_no_cache_ever_lacks_the_signing_key),
        cmocka_unit_test(an_emergency_removes_the_key_at_once_and_signing_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
