/* The hub alone: what it keeps, whom it wakes, and what threads may do to it at once. */
#include "unit/kube/call.h"

#include "kube/access.h"
#include "kube/hub.h"
#include "tkeauth/kube.h"

enum { OBJECT_MAX = 4096, WATCHERS = 4, CHANGES = 20000 };

struct setting {
    struct clock clock;
    struct metrics *metrics;
    struct kube_hub *hub;
};

static struct kube_hub_options options_of(const struct setting *s) {
    return (struct kube_hub_options) {
        .events_max = 10, .bytes_max = 1 << 20, .clock = &s->clock, .metrics = s->metrics, .bookmark_s = 60
    };
}

static void begin(struct setting *s, const struct kube_hub_options *options, int64_t revision) {
    struct err err;
    kube_hub_free(s->hub);
    assert_ok(kube_hub_new(options, revision, &s->hub, &err));
}

static int setup(void **state) {
    struct setting *s = calloc(1, sizeof *s);
    assert_non_null(s);
    clock_fixed_init(&s->clock, 1700000000000);
    s->metrics = metrics_new();
    const struct kube_hub_options options = options_of(s);
    begin(s, &options, 100);
    *state = s;
    return 0;
}

static int teardown(void **state) {
    struct setting *s = *state;
    kube_hub_free(s->hub);
    metrics_free(s->metrics);
    free(s);
    return 0;
}

/* ---- changes ---- */

static void publish_of(struct setting *s, const char *kind, const char *tenant, int64_t revision) {
    struct err err = { 0 };
    char body[256];
    (void)snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"o-%lld\"},\"spec\":{\"tenantID\":\"%s\"}}",
                   (long long)revision, tenant);
    const struct store_change c = { .revision = revision,
                                    .type = STORE_UPDATED,
                                    .kind = str_of(kind),
                                    .name = STR("o"),
                                    .body = str_of(body),
                                    .prev = STR("{\"metadata\":{\"name\":\"before\"}}"),
                                    .prev_revision = revision - 1 };
    assert_ok(kube_hub_publish(s->hub, &c, &err));
}

static void publish(struct setting *s, int64_t revision) { publish_of(s, "policies", "acme", revision); }

static void forget(struct hub_taken *t) {
    for (size_t i = 0; i < t->len; i++)
        event_unref(t->events[i]);
    t->len = 0;
}

/* "101 102 |102": revisions, and what has been seen then; "behind". */
static const char *take(struct setting *s, int64_t after) {
    static char text[1024];
    struct hub_taken t;
    hub_take(s->hub, after, &t);
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < t.len; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%lld ", (long long)t.events[i]->revision);
    if (t.is_behind)
        (void)snprintf(text + len, sizeof text - len, "behind");
    else
        (void)snprintf(text + len, sizeof text - len, "|%lld", (long long)t.seen);
    assert_int_equal(t.is_behind, !hub_reaches(s->hub, after));
    forget(&t);
    return text;
}

static void events_are_taken_from_any_revision_in_order(void **state) {
    struct setting *s = *state;
    assert_string_equal(take(s, 100), "|100");
    assert_string_equal(take(s, 99), "behind");
    publish(s, 103);
    publish(s, 104);
    publish(s, 110);
    assert_string_equal(take(s, 100), "103 104 110 |110");
    assert_string_equal(take(s, 102), "103 104 110 |110");
    assert_string_equal(take(s, 103), "104 110 |110");
    assert_string_equal(take(s, 109), "110 |110");
    assert_string_equal(take(s, 110), "|110");
    assert_string_equal(take(s, 500), "|500"); /* listed from a store that is ahead */
}

static void what_has_been_flushed_has_been_seen(void **state) {
    struct setting *s = *state;
    publish(s, 103);
    kube_hub_flush(s->hub, 120);
    assert_string_equal(take(s, 100), "103 |120");
    assert_string_equal(take(s, 110), "|120");
    kube_hub_flush(s->hub, 115); /* never goes back */
    assert_string_equal(take(s, 110), "|120");
}

static void a_taker_gets_so_many_at_a_time_and_has_seen_no_more(void **state) {
    struct setting *s = *state;
    struct kube_hub_options options = options_of(s);
    options.events_max = 100;
    begin(s, &options, 0);
    for (int64_t r = 1; r <= HUB_TAKE_MAX + 1; r++)
        publish(s, r);
    kube_hub_flush(s->hub, 1000);
    struct hub_taken t;
    hub_take(s->hub, 0, &t);
    assert_int_equal(t.len, HUB_TAKE_MAX);
    assert_int_equal(t.seen, HUB_TAKE_MAX);
    forget(&t);
    hub_take(s->hub, t.seen, &t);
    assert_int_equal(t.len, 1);
    assert_int_equal(t.seen, 1000);
    forget(&t);
}

static void the_oldest_go_when_there_are_too_many(void **state) {
    struct setting *s = *state;
    for (int64_t r = 101; r <= 125; r++)
        publish(s, r);
    assert_string_equal(take(s, 114), "behind");
    assert_string_equal(take(s, 115), "116 117 118 119 120 121 122 123 124 125 |125");
}

static void the_oldest_go_when_they_take_too_much_memory(void **state) {
    struct setting *s = *state;
    struct kube_hub_options options = options_of(s);
    options.bytes_max = 3 * 400;
    begin(s, &options, 100);
    for (int64_t r = 101; r <= 109; r++)
        publish(s, r);
    assert_string_equal(take(s, 100), "behind");
    assert_string_equal(take(s, 108), "109 |109");
    options.bytes_max = 1; /* one is kept in any case */
    begin(s, &options, 100);
    publish(s, 101);
    assert_string_equal(take(s, 100), "101 |101");
    publish(s, 102);
    assert_string_equal(take(s, 100), "behind");
    assert_string_equal(take(s, 101), "102 |102");
}

static void only_what_is_recent_stays_parsed(void **state) {
    struct setting *s = *state;
    enum { EVENTS = 3000 };
    struct kube_hub_options options = options_of(s);
    struct hub_taken t, first;
    char body[2048], text[3 * OBJECT_MAX];
    options.events_max = EVENTS;
    options.bytes_max = (size_t)64 << 20;
    begin(s, &options, 0);
    memset(body, 'x', sizeof body);
    for (int64_t i = 1; i <= EVENTS; i++) {
        struct err err = { 0 };
        (void)snprintf(text, sizeof text, "{\"metadata\":{\"name\":\"o-%lld\"},\"x\":\"%.*s\"}", (long long)i,
                       (int)sizeof body, body);
        const struct store_change c = { .revision = i,
                                        .type = STORE_UPDATED,
                                        .kind = STR("policies"),
                                        .name = STR("o"),
                                        .body = str_of(text),
                                        .prev = str_of(text) };
        assert_ok(kube_hub_publish(s->hub, &c, &err));
        kube_hub_flush(s->hub, i);
        hub_take(s->hub, i - 1, i == 1 ? &first : &t); /* as watchers do: at once */
        assert_non_null(event_object((i == 1 ? &first : &t)->events[0]));
        if (i > 1)
            forget(&t);
    }
    assert_non_null(atomic_load(&first.events[0]->parsed_body)); /* who has it keeps it */
    size_t parsed = 0, all = 0;
    for (int64_t after = 0; after < EVENTS; after = t.seen) {
        hub_take(s->hub, after, &t);
        for (size_t i = 0; i < t.len; i++) {
            parsed += atomic_load(&t.events[i]->parsed_body) != NULL;
            (void)snprintf(text, sizeof text, "o-%zu", ++all);
            assert_str(object_name(event_object(t.events[i])), text);
        }
        forget(&t);
    }
    assert_int_equal(all, EVENTS);
    assert_in_range(parsed, 400, 600); /* two megabytes of texts, twice 2 KB each */
    forget(&first);
}

static void what_was_taken_outlives_the_hub(void **state) {
    struct setting *s = *state;
    struct hub_taken t;
    publish(s, 101);
    hub_take(s->hub, 100, &t);
    kube_hub_free(s->hub);
    s->hub = NULL;
    assert_int_equal(t.len, 1);
    assert_str(object_name(event_object(t.events[0])), "o-101");
    assert_str(object_name(event_previous(t.events[0])), "before");
    assert_ptr_equal(event_object(t.events[0]), event_object(t.events[0])); /* parsed once */
    forget(&t);
}

static void kinds_nobody_can_watch_are_not_kept(void **state) {
    struct setting *s = *state;
    publish_of(s, "signingkeys", "", 101);
    publish_of(s, "nothing", "", 102);
    kube_hub_flush(s->hub, 102);
    assert_string_equal(take(s, 100), "|102");
}

static void what_is_not_newer_is_dropped(void **state) {
    struct setting *s = *state;
    publish(s, 99); /* before the beginning */
    publish(s, 100);
    assert_string_equal(take(s, 100), "|100");
    publish(s, 103);
    publish(s, 104);
    publish(s, 103);
    publish(s, 104);
    publish(s, 105);
    assert_string_equal(take(s, 100), "103 104 105 |105");
}

static void forgetting_sends_everybody_to_the_history(void **state) {
    struct setting *s = *state;
    publish(s, 101);
    kube_hub_forget(s->hub, 150);
    assert_string_equal(take(s, 149), "behind");
    assert_string_equal(take(s, 150), "|150");
    publish(s, 151);
    assert_string_equal(take(s, 150), "151 |151");
}

static void an_object_that_cannot_be_read_does_no_harm(void **state) {
    struct setting *s = *state;
    struct err err = { 0 };
    struct hub_taken t;
    const struct store_change c = { .revision = 101, .kind = STR("policies"), .body = STR("{") };
    assert_ok(kube_hub_publish(s->hub, &c, &err));
    hub_take(s->hub, 100, &t);
    assert_null(event_object(t.events[0]));
    assert_null(event_previous(t.events[0]));
    forget(&t);
}

/* ---- who is woken ---- */

struct listener {
    struct watcher watcher;
    struct filter filter;
    struct call *call;
};

static enum http_stream_state never(void *ctx, char *out, size_t max, size_t *ret_len) {
    (void)ctx;
    (void)out;
    (void)max;
    (void)ret_len;
    return HTTP_STREAM_WAIT;
}
static void nothing(void *ctx) { (void)ctx; }
static const struct http_stream_ops ops = { .read = never, .close = nothing };

static void listen_to(struct setting *s, struct listener *l, const struct kind *k, const char *tenant) {
    l->filter.kind = k;
    l->filter.scope = (struct scope) { .level = tenant != NULL ? SCOPE_TENANT : SCOPE_PLATFORM,
                                       .tenant = tenant != NULL ? str_of(tenant) : STR_NULL };
    l->watcher.kind = k;
    l->watcher.filter = &l->filter;
    l->watcher.until_ms = INT64_MAX;
    l->call = call_new(&s->clock, NULL);
    http_body_stream(call_response(l->call), "application/json", &ops, l, &l->watcher.stream);
    hub_join(s->hub, &l->watcher);
}

static void leave(struct setting *s, struct listener *l) {
    hub_leave(s->hub, &l->watcher);
    call_free(l->call);
}

static void only_those_are_woken_whom_it_may_concern(void **state) {
    struct setting *s = *state;
    struct listener all = { 0 }, mine = { 0 }, theirs = { 0 }, roles = { 0 }, named = { 0 };
    listen_to(s, &all, &kind_policy, NULL);
    listen_to(s, &mine, &kind_policy, "acme");
    listen_to(s, &theirs, &kind_policy, "beta");
    listen_to(s, &roles, &kind_role, NULL);
    named.filter.exact_name = STR("o-102");
    listen_to(s, &named, &kind_policy, NULL);
    publish(s, 101);
    assert_false(call_was_woken(all.call)); /* only when the rules count, too */
    kube_hub_flush(s->hub, 101);
    assert_true(call_was_woken(all.call));
    assert_true(call_was_woken(mine.call));
    assert_false(call_was_woken(theirs.call));
    assert_false(call_was_woken(roles.call));
    assert_false(call_was_woken(named.call));
    kube_hub_flush(s->hub, 101);
    assert_false(call_was_woken(all.call)); /* nothing new */
    publish(s, 102);
    kube_hub_flush(s->hub, 102);
    assert_true(call_was_woken(named.call));
    kube_hub_forget(s->hub, 110);
    assert_true(call_was_woken(theirs.call));
    assert_true(call_was_woken(roles.call));
    struct listener *const everybody[] = { &all, &mine, &theirs, &roles, &named };
    for (size_t i = 0; i < ARRAY_LEN(everybody); i++)
        leave(s, everybody[i]);
}

/* What was dropped before anybody looked may have concerned anybody. */
static void a_burst_larger_than_the_hub_wakes_everybody(void **state) {
    struct setting *s = *state;
    struct listener theirs = { 0 };
    listen_to(s, &theirs, &kind_policy, "beta");
    for (int64_t r = 101; r <= 110; r++)
        publish(s, r);
    kube_hub_flush(s->hub, 110);
    assert_false(call_was_woken(theirs.call));
    for (int64_t r = 111; r <= 121; r++)
        publish(s, r);
    kube_hub_flush(s->hub, 121);
    assert_true(call_was_woken(theirs.call));
    leave(s, &theirs);
}

/* ---- threads ---- */

struct race {
    struct setting *setting;
    _Atomic bool ends;
    _Atomic int64_t published;
};
struct reader {
    struct race *race;
    pthread_t thread;
    int64_t behind, told, joined;
    bool misordered;
};

/* What a watch does, over and over: joins, takes all there is, parses it, leaves. */
static void *read_on(void *ctx) {
    struct reader *r = ctx;
    struct setting *s = r->race->setting;
    int64_t revision = 0;
    bool last = false;
    do {
        struct listener l = { 0 };
        struct hub_taken t;
        last = atomic_load(&r->race->ends);
        listen_to(s, &l, &kind_policy, r->joined++ % 2 == 0 ? "acme" : "beta");
        do {
            hub_take(s->hub, revision, &t);
            if (t.is_behind) { /* as a watch whose history was read up to here */
                r->behind++;
                revision = atomic_load(&r->race->published);
                continue;
            }
            for (size_t i = 0; i < t.len; i++) {
                r->misordered = r->misordered || t.events[i]->revision <= revision;
                revision = t.events[i]->revision;
                r->misordered = r->misordered || object_name(event_object(t.events[i])).len == 0 ||
                                event_previous(t.events[i]) == NULL;
                r->told++;
            }
            revision = t.seen;
            forget(&t);
        } while (t.is_behind || revision < atomic_load(&r->race->published));
        leave(s, &l);
    } while (!last);
    r->misordered = r->misordered || revision != CHANGES;
    return NULL;
}

static void *tick_on(void *ctx) {
    struct race *r = ctx;
    while (!atomic_load(&r->ends)) {
        clock_advance(&r->setting->clock, 1000);
        kube_hub_tick(r->setting->hub);
    }
    return NULL;
}

static void watchers_come_and_go_while_others_publish(void **state) {
    struct setting *s = *state;
    struct kube_hub_options options = options_of(s);
    struct race race = { .setting = s };
    struct reader readers[WATCHERS] = { 0 };
    pthread_t ticker;
    options.events_max = 200;
    begin(s, &options, 0);
    for (size_t i = 0; i < WATCHERS; i++) {
        readers[i].race = &race;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    assert_int_equal(pthread_create(&ticker, NULL, tick_on, &race), 0);
    for (int64_t r = 1; r <= CHANGES; r++) {
        publish(s, r);
        atomic_store(&race.published, r);
        if (r % 7 == 0 || r == CHANGES)
            kube_hub_flush(s->hub, r);
        if (r == CHANGES / 2)
            kube_hub_forget(s->hub, r);
    }
    atomic_store(&race.ends, true);
    assert_int_equal(pthread_join(ticker, NULL), 0);
    for (size_t i = 0; i < WATCHERS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_false(readers[i].misordered);
        assert_true(readers[i].joined > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_are_taken_from_any_revision_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_been_flushed_has_been_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(a_taker_gets_so_many_at_a_time_and_has_seen_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_go_when_there_are_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_go_when_they_take_too_much_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_is_recent_stays_parsed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_taken_outlives_the_hub, setup, teardown),
        cmocka_unit_test_setup_teardown(kinds_nobody_can_watch_are_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_newer_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(forgetting_sends_everybody_to_the_history, setup, teardown),
        cmocka_unit_test_setup_teardown(an_object_that_cannot_be_read_does_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(only_those_are_woken_whom_it_may_concern, setup, teardown),
        cmocka_unit_test_setup_teardown(a_burst_larger_than_the_hub_wakes_everybody, setup, teardown),
        cmocka_unit_test_setup_teardown(watchers_come_and_go_while_others_publish, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
