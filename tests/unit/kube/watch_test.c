/* Watches: what is sent, from where, in which order, to whom; whatever the pace of their clients. */
#include "unit/kube/stand.h"

#include <pthread.h>
#include <stdatomic.h>

/* Every event must be told once: an order that only grows is checked by watch_text, but for ADDED of the first list. */

static void relabel(const char *name, const char *labels) {
    json_t *object = rig_read(&kind_policy, name);
    json_t *meta = json_object_get(object, "metadata");
    assert_int_equal(json_object_set(meta, "labels", rig_json(labels)), 0);
    (void)rig_update(&kind_policy, name, object);
}

static void touch(const char *name) {
    static unsigned count;
    relabel(name, rig_text("{'touched':'%u'}", ++count));
}

static void two_tenants(void) {
    rig_tenant("acme");
    rig_tenant("beta");
    rig_policy("acme", "pol-1", "");
    rig_policy("beta", "pol-9", "");
    stand_restart();
}

static struct asked *watch_from(const struct scope *whose, int64_t revision, const char *more) {
    return ask(whose, rig_text("policies?watch=1&resourceVersion=%lld%s", (long long)revision, more));
}

/* ---- where it begins ---- */

static void a_watch_without_a_version_tells_what_there_is_and_goes_on(void **state) {
    (void)state;
    two_tenants();
    struct asked *w = ask(&platform, "policies?watch=1");
    assert_watch(w, "ADDED pol-1, ADDED pol-9");
    touch("pol-1");
    stand_feed();
    assert_watch(w, "MODIFIED pol-1");
    assert_watch(w, "");
    assert_false(w->ended);
}

static void a_watch_from_an_old_version_tells_all_since_once(void **state) {
    (void)state;
    two_tenants();
    int64_t start = rig_revision();
    rig_policy("acme", "pol-2", "");
    touch("pol-2");
    stand_feed();
    struct asked *w = watch_from(&platform, start, "");
    rig_delete(&kind_policy, "pol-9");
    stand_feed();
    assert_watch(w, "ADDED pol-2, MODIFIED pol-2, MODIFIED pol-9, DELETED pol-9");
    stand_feed();
    assert_watch(w, "");
}

/* The hub begins at the daemon's start, the history long before. */
static void a_watch_from_before_the_daemons_start_reads_the_history_first(void **state) {
    (void)state;
    two_tenants();
    int64_t start = rig_revision();
    for (int i = 0; i < 210; i++) /* more than a page of it */
        touch("pol-1");
    stand_restart();
    touch("pol-9");
    stand_feed();
    struct asked *w = watch_from(&platform, start, "");
    (void)watch_read(w);
    touch("pol-1");
    stand_feed();
    const char *text = watch_text(w);
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, "MODIFIED")) != NULL; p++)
        count++;
    assert_int_equal(count, 212);
    assert_non_null(strstr(text, "MODIFIED pol-1, MODIFIED pol-9, MODIFIED pol-1"));
}

/* The hub may be behind the store, or ahead of what has been flushed. */
static void what_was_listed_before_the_hub_knew_is_not_told_again(void **state) {
    (void)state;
    two_tenants();
    touch("pol-1");
    rig_policy("acme", "pol-2", "");
    struct asked *w = ask(&platform, "policies?watch=1");
    assert_watch(w, "ADDED pol-1, ADDED pol-2, ADDED pol-9");
    stand_publish();
    assert_watch(w, "");
    stand_feed();
    touch("pol-2");
    stand_publish();
    assert_watch(w, "MODIFIED pol-2");
    stand_feed();
    assert_watch(w, "");
}

static void a_version_that_is_not_kept_is_expired(void **state) {
    (void)state;
    two_tenants();
    int64_t start = rig_revision();
    touch("pol-1");
    touch("pol-1");
    stand_restart();
    stand_compact(1);
    struct asked *w = watch_from(&platform, start, "");
    assert_watch(w, "ERROR 410");
    assert_true(w->ended);
    assert_non_null(strstr(strbuf_c(&w->lines), "\"reason\":\"Expired\""));
    w = watch_from(&platform, rig_revision() - 1, "");
    assert_watch(w, "MODIFIED pol-1");
}

static void the_hub_remembers_what_the_history_has_forgotten(void **state) {
    (void)state;
    two_tenants();
    int64_t start = rig_revision();
    touch("pol-1");
    touch("pol-9");
    stand_feed();
    stand_compact(0);
    assert_watch(watch_from(&platform, start, ""), "MODIFIED pol-1, MODIFIED pol-9");
}

static void a_list_whose_second_page_is_not_kept_any_more_is_expired(void **state) {
    (void)state;
    rig_tenant("acme");
    for (int i = 0; i < KUBE_PAGE + 1; i++)
        rig_policy("acme", rig_text("pol-%04d", i), "");
    stand_restart();
    struct asked *w = ask(&platform, "policies?watch=1");
    char out[4096];
    size_t len;
    assert_int_equal(call_read(w->call, out, sizeof out, &len), HTTP_STREAM_FILL);
    call_fill(w->call);
    touch("pol-0000");
    stand_compact(0);
    touch("pol-0000");
    stand_compact(0);
    const char *text = watch_text(w);
    assert_non_null(strstr(text, "ADDED pol-0499, ERROR 410"));
    assert_true(w->ended);
}

static void begins_that_are_refused(void **state) {
    (void)state;
    two_tenants();
    int64_t next = rig_revision() + 1;
    ask_refused(ask(&platform, "policies?watch=1&resourceVersion=x"), 400, "BadRequest", "\"x\"");
    ask_refused(ask(&platform, "policies?watch=1&resourceVersion=-1"), 400, "BadRequest", "\"-1\"");
    ask_refused(ask(&platform, "policies?watch=1&resourceVersion=99999999999999999999"), 400, "BadRequest",
                "99999999999999999999");
    struct asked *early = watch_from(&platform, next, "");
    ask_refused(early, 504, "Timeout", rig_text("current: %lld", (long long)next - 1));
    assert_string_equal(call_answered(early->call, "Retry-After"), "1");
    ask_refused(ask(&platform, "policies?watch=1&timeoutSeconds=soon"), 400, "BadRequest", "timeoutSeconds");
    ask_refused(ask(&platform, "policies?watch=1&timeoutSeconds=-5"), 400, "BadRequest", "timeoutSeconds");
    ask_refused(ask(&platform, "policies?watch=1&sendInitialEvents=true"), 422, "Invalid", "NotOlderThan");
    ask_refused(ask(&platform, "policies?watch=1&labelSelector=a%20in"), 400, "BadRequest", "");
    ask_refused(ask(&platform, "policies?watch=1&fieldSelector=spec.no=1"), 400, "BadRequest", "spec.no");
}

static void initial_events_end_with_a_bookmark_for_whoever_takes_them(void **state) {
    (void)state;
    two_tenants();
    const char *target = "policies?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    struct asked *w = ask(&platform, rig_text("%s&allowWatchBookmarks=true", target));
    assert_watch(w, "ADDED pol-1, ADDED pol-9, END");
    assert_int_equal(w->last_revision, rig_revision());
    assert_watch(ask(&platform, target), "ADDED pol-1, ADDED pol-9");
    assert_watch(ask(&platform, rig_text("%s&allowWatchBookmarks=1&labelSelector=no%%3Dthing", target)),
                 "END");
}

/* Kubernetes: whoever says that they want none gets none, also without a version. */
static void who_wants_no_initial_events_gets_what_comes(void **state) {
    (void)state;
    two_tenants();
    int64_t start = rig_revision();
    touch("pol-1");
    stand_feed();
    const char *target = "policies?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan";
    struct asked *now = ask(&platform, target),
                 *any = ask(&platform, rig_text("%s&resourceVersion=0", target)),
                 *since = ask(&platform, rig_text("%s&resourceVersion=%lld", target, (long long)start));
    assert_watch(now, "");
    assert_watch(any, "");
    assert_watch(since, "MODIFIED pol-1");
    touch("pol-9");
    stand_feed();
    assert_watch(now, "MODIFIED pol-9");
    assert_watch(any, "MODIFIED pol-9");
    assert_watch(since, "MODIFIED pol-9");
}

/* ---- selectors ---- */

static void a_watcher_with_a_selector_sees_objects_come_and_go_by_it(void **state) {
    (void)state;
    two_tenants();
    struct asked *red = ask(&platform, "policies?watch=1&labelSelector=colour%3Dred"),
                 *named = ask(&platform, "policies?watch=1&fieldSelector=metadata.name%3Dpol-9"),
                 *tenant = ask(&platform, "policies?watch=1&fieldSelector=spec.tenantID%3Dacme");
    assert_watch(red, "");
    assert_watch(named, "ADDED pol-9");
    assert_watch(tenant, "ADDED pol-1");
    relabel("pol-1", "{'colour':'red'}");
    relabel("pol-9", "{'colour':'blue'}");
    stand_feed();
    assert_watch(red, "ADDED pol-1");
    assert_watch(named, "MODIFIED pol-9");
    assert_watch(tenant, "MODIFIED pol-1");
    relabel("pol-1", "{'colour':'red','size':'1'}");
    relabel("pol-1", "{'colour':'blue'}");
    relabel("pol-1", "{'colour':'green'}");
    relabel("pol-1", "{'colour':'red'}");
    rig_delete(&kind_policy, "pol-1");
    rig_delete(&kind_policy, "pol-9");
    stand_feed();
    assert_watch(red, "MODIFIED pol-1, DELETED pol-1, ADDED pol-1, MODIFIED pol-1, DELETED pol-1");
    assert_watch(named, "MODIFIED pol-9, DELETED pol-9");
    assert_watch(
        tenant,
        "MODIFIED pol-1, MODIFIED pol-1, MODIFIED pol-1, MODIFIED pol-1, MODIFIED pol-1, DELETED pol-1");
}

/* Kubernetes: what ceases to match is shown as it was, at the revision of the change. */
static void what_ceases_to_match_is_shown_as_it_was(void **state) {
    (void)state;
    two_tenants();
    relabel("pol-1", "{'colour':'red'}");
    stand_feed();
    struct asked *w = watch_from(&platform, rig_revision(), "&labelSelector=colour%3Dred");
    relabel("pol-1", "{'colour':'blue'}");
    stand_feed();
    assert_watch(w, "DELETED pol-1");
    assert_int_equal(w->last_revision, rig_revision());
    assert_non_null(strstr(strbuf_c(&w->lines), "\"colour\":\"red\""));
    assert_null(strstr(strbuf_c(&w->lines), "\"colour\":\"blue\""));
}

/* The same out of the history as out of the hub. */
static void the_history_is_filtered_as_the_hub_is(void **state) {
    (void)state;
    two_tenants();
    int64_t start = rig_revision();
    relabel("pol-1", "{'colour':'red'}");
    relabel("pol-9", "{'colour':'red'}");
    relabel("pol-1", "{}");
    rig_policy("acme", "pol-2", "");
    rig_delete(&kind_policy, "pol-9");
    stand_feed();
    const char *red = "ADDED pol-1, ADDED pol-9, DELETED pol-1, MODIFIED pol-9, DELETED pol-9",
               *of_acme = "MODIFIED pol-1, MODIFIED pol-1, ADDED pol-2";
    assert_watch(watch_from(&platform, start, "&labelSelector=colour%3Dred"), red);
    assert_watch(watch_from(&acme, start, ""), of_acme);
    assert_watch(watch_from(&platform_in_acme, start, ""), of_acme);
    ask_done(stand.asked);
    ask_done(stand.asked->next);
    ask_done(stand.asked->next->next);
    stand_restart();
    assert_watch(watch_from(&platform, start, "&labelSelector=colour%3Dred"), red);
    assert_watch(watch_from(&acme, start, ""), of_acme);
    assert_watch(watch_from(&platform_in_acme, start, ""), of_acme);
}

/* ---- tenants ---- */

static void a_tenant_sees_nothing_of_another_and_is_not_even_woken(void **state) {
    (void)state;
    two_tenants();
    struct asked *mine = ask(&acme, "policies?watch=1"), *theirs = ask(&beta, "policies?watch=1"),
                 *wanted = ask(&acme, "policies?watch=1&fieldSelector=spec.tenantID%3Dbeta"),
                 *by_name = ask(&acme, "policies?watch=1&fieldSelector=metadata.name%3Dpol-9"),
                 *roles = ask(&platform, "roles?watch=1");
    assert_watch(mine, "ADDED pol-1");
    assert_watch(theirs, "ADDED pol-9");
    assert_watch(wanted, "");
    assert_watch(by_name, "");
    assert_watch(roles, "");
    relabel("pol-9", "{'a':'b'}");
    rig_policy("beta", "pol-8", "");
    rig_delete(&kind_policy, "pol-9");
    stand_feed();
    assert_false(call_was_woken(mine->call));
    assert_false(call_was_woken(wanted->call));
    assert_false(call_was_woken(by_name->call));
    assert_false(call_was_woken(roles->call));
    assert_true(call_was_woken(theirs->call));
    assert_watch(theirs, "MODIFIED pol-9, ADDED pol-8, MODIFIED pol-9, DELETED pol-9");
    assert_watch(mine, "");
    assert_watch(wanted, "");
    assert_watch(by_name, "");
}

/* ---- the pace of clients ---- */

static void a_slow_client_loses_nothing(void **state) {
    (void)state;
    two_tenants();
    stand.hub_options.events_max = 8;
    stand_restart();
    struct asked *slow = ask(&platform, "policies?watch=1"), *fast = ask(&platform, "policies?watch=1");
    assert_watch(slow, "ADDED pol-1, ADDED pol-9");
    assert_watch(fast, "ADDED pol-1, ADDED pol-9");
    AUTO(strbuf_done) struct strbuf wanted = STRBUF(1 << 20), got = STRBUF(1 << 20);
    for (int i = 0; i < 210; i++) { /* far more than the hub keeps, and more than a page of the history */
        touch(i % 3 == 0 ? "pol-9" : "pol-1");
        stand_feed();
        assert_true(call_was_woken(fast->call));
        strbuf_addf(&wanted, "%sMODIFIED %s", i > 0 ? ", " : "", i % 3 == 0 ? "pol-9" : "pol-1");
        strbuf_addf(&got, "%s%s", i > 0 ? ", " : "", watch_text(fast));
    }
    assert_string_equal(strbuf_c(&got), strbuf_c(&wanted));
    (void)watch_read_by(slow, 7);
    assert_watch(slow, strbuf_c(&wanted));
    touch("pol-1");
    stand_feed();
    assert_watch(slow, "MODIFIED pol-1");
    assert_watch(fast, "MODIFIED pol-1");
}

static void a_client_too_slow_for_the_history_is_told_to_list_again(void **state) {
    (void)state;
    two_tenants();
    stand.hub_options.events_max = 2;
    stand_restart();
    struct asked *w = ask(&platform, "policies?watch=1");
    assert_watch(w, "ADDED pol-1, ADDED pol-9");
    for (int i = 0; i < 5; i++)
        touch("pol-1");
    stand_feed();
    stand_compact(0);
    assert_watch(w, "ERROR 410");
    assert_true(w->ended);
}

/* Somebody who reads byte by byte while things happen gets whole lines all the same. */
static void events_between_two_bytes_of_a_line_do_not_tear_it(void **state) {
    (void)state;
    two_tenants();
    struct asked *w = watch_from(&platform, rig_revision(), "");
    char out[1];
    size_t len, changes = 0, reads = 0;
    do {
        if (++reads % 64 == 1 && changes < 20) {
            touch("pol-1");
            changes++;
            stand_feed();
        }
        enum http_stream_state s = call_read(w->call, out, 1, &len);
        if (s == HTTP_STREAM_WAIT)
            break;
        assert_int_equal(s, HTTP_STREAM_DATA);
        strbuf_addc(&w->lines, out[0]);
    } while (true);
    const char *text = watch_text(w);
    assert_int_equal(changes, 20);
    assert_int_equal(strlen(text), 20 * strlen("MODIFIED pol-1, ") - 2);
}

/* ---- list, then watch: what every informer does ---- */

enum { NAMES = 40, WRITES = 300, INFORMERS = 12, PAGE_OF_INFORMER = 7 };

static struct str tenant_keys[2]; /* acme's, beta's */

struct informer {
    struct asked *watch;
    bool has[NAMES];
    const struct scope *whose;
    const char *target;
};

static size_t index_in(const char *name) {
    uint64_t n = 0;
    struct err err;
    assert_ok(parse_u64(str_of(name + strlen("pol-")), 0, NAMES - 1, &n, &err));
    return (size_t)n;
}

/* Objects come, go, change their label and their tenant, without pause. */
static void *write_on(void *ctx) {
    _Atomic bool *ends = ctx;
    uint32_t dice = 1;
    for (int i = 0; i < WRITES; i++) {
        struct err err = { 0 };
        char name[16], body[200];
        dice = dice * 1664525 + 1013904223;
        const char *tenant = dice >> 30 != 0 ? "acme" : "beta",
                   *colour = (dice >> 28 & 3) == 0 ? "blue" : "red";
        (void)snprintf(name, sizeof name, "pol-%02u", (dice >> 16) % NAMES);
        (void)snprintf(
            body, sizeof body,
            "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"colour\":\"%s\"}},\"spec\":{\"tenantID\":\"%s\"}}",
            name, colour, tenant);
        const struct store_index index = { tenant_keys[dice >> 30 == 0], false };
        const struct store_write w = { .kind = STR("policies"),
                                       .name = str_of(name),
                                       .body = str_of(body),
                                       .indexes = &index,
                                       .index_count = 1,
                                       .expected = STORE_EXPECT_ANY };
        int64_t revision;
        enum err_code rc = (dice >> 24 & 3) == 0
                               ? store_delete(rig.store, w.kind, w.name, STORE_EXPECT_ANY, false, &err)
                               : store_write(rig.store, &w, &revision, &err);
        if (rc != ERR_OK && rc != ERR_NOT_FOUND)
            abort();
    }
    atomic_store(ends, true);
    return NULL;
}

static void note_names(struct informer *i, const char *names) {
    for (struct str rest = str_of(names), name; rest.len > 0;) {
        (void)str_cut(rest, ' ', &name, &rest);
        size_t n = index_in(rig_text("%.*s", STR_FMT(name)));
        assert_false(i->has[n]);
        i->has[n] = true;
    }
}

static void inform(struct informer *i) {
    const char *more = "";
    struct asked *page;
    do {
        page = ask(i->whose, rig_text("%s&limit=%d%s", i->target, PAGE_OF_INFORMER, more));
        note_names(i, ask_names(page));
        more = rig_text("&continue=%s", ask_token(page) != NULL ? ask_token(page) : "");
    } while (ask_token(page) != NULL);
    i->watch = ask(i->whose,
                   rig_text("%s&watch=1&resourceVersion=%lld", i->target, (long long)ask_revision(page)));
}

static void apply_events(struct informer *i) {
    for (struct str rest = str_of(watch_text(i->watch)), event, name, type; rest.len > 0;) {
        (void)str_cut(rest, ',', &event, &rest);
        (void)str_cut(str_trim(event), ' ', &type, &name);
        bool *has = &i->has[index_in(rig_text("%.*s", STR_FMT(name)))];
        assert_int_equal(*has, !str_eq(type, STR("ADDED")));
        *has = !str_eq(type, STR("DELETED"));
    }
}

static void a_list_and_the_watch_from_it_give_the_list_of_later(void **state) {
    static const char *const targets[] = { "policies?", "policies?labelSelector=colour%3Dred",
                                           "policies?fieldSelector=metadata.name%3Dpol-07" };
    const struct scope *const scopes[] = { &platform, &acme };
    struct informer informers[INFORMERS] = { 0 };
    _Atomic bool ends = false;
    pthread_t writer;
    (void)state;
    rig_tenant("acme");
    stand.hub_options.events_max = 50;
    stand_restart();
    tenant_keys[0] = index_tenant(rig.arena, STR("acme"));
    tenant_keys[1] = index_tenant(rig.arena, STR("beta"));
    assert_int_equal(pthread_create(&writer, NULL, write_on, &ends), 0);
    for (size_t n = 0; n < INFORMERS; n++) {
        informers[n].target = targets[n % ARRAY_LEN(targets)];
        informers[n].whose = scopes[n / ARRAY_LEN(targets) % ARRAY_LEN(scopes)];
        inform(&informers[n]);
        stand_feed();
        for (size_t i = 0; i < n; i += 2) /* half of them keep up */
            apply_events(&informers[i]);
    }
    while (!atomic_load(&ends)) {
        stand_feed();
        for (size_t i = 0; i < INFORMERS; i += 2)
            apply_events(&informers[i]);
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    stand_feed();
    for (size_t n = 0; n < INFORMERS; n++) {
        struct informer later = { .whose = informers[n].whose, .target = informers[n].target };
        apply_events(&informers[n]);
        note_names(&later, ask_names(ask(later.whose, later.target)));
        assert_memory_equal(informers[n].has, later.has, sizeof later.has);
    }
}

/* ---- what the feed may do ---- */

/* A page of the feed that fails half-way is read again. */
static void what_is_published_twice_is_told_once(void **state) {
    (void)state;
    two_tenants();
    struct asked *live = ask(&platform, "policies?watch=1");
    assert_watch(live, "ADDED pol-1, ADDED pol-9");
    int64_t start = stand.fed;
    touch("pol-1");
    touch("pol-9");
    stand_publish();
    stand.fed = start;
    touch("pol-1");
    stand_feed();
    assert_watch(live, "MODIFIED pol-1, MODIFIED pol-9, MODIFIED pol-1");
    assert_watch(watch_from(&platform, start, ""), "MODIFIED pol-1, MODIFIED pol-9, MODIFIED pol-1");
    assert_watch(watch_from(&platform, start + 1, ""), "MODIFIED pol-9, MODIFIED pol-1");
}

/* Rules cannot be watched, yet their changes are counted in everybody's revision. */
static void events_the_feed_missed_are_read_from_the_history(void **state) {
    (void)state;
    two_tenants();
    struct asked *w = ask(&platform, "policies?watch=1");
    assert_watch(w, "ADDED pol-1, ADDED pol-9");
    touch("pol-1");
    rig_policy("acme", "pol-2", "");
    stand.fed = rig_revision();
    kube_hub_forget(stand.hub, stand.fed);
    assert_true(call_was_woken(w->call));
    assert_watch(w, "MODIFIED pol-1, ADDED pol-2");
    touch("pol-2");
    stand_feed();
    assert_watch(w, "MODIFIED pol-2");
}

/* ---- bookmarks and ends ---- */

static void a_quiet_watch_gets_bookmarks_up_to_the_present(void **state) {
    (void)state;
    two_tenants();
    struct asked *with = ask(&acme, "policies?watch=1&allowWatchBookmarks=true"),
                 *without = ask(&acme, "policies?watch=1");
    assert_watch(with, "ADDED pol-1");
    assert_watch(without, "ADDED pol-1");
    relabel("pol-9", "{'a':'b'}"); /* another tenant's: the revision moves all the same */
    stand_feed();
    stand_tick(62000); /* the first one is due after a second and at most a period */
    assert_true(call_was_woken(with->call));
    assert_watch(with, "BOOKMARK");
    assert_int_equal(with->last_revision, rig_revision());
    assert_watch(without, "");
    stand_tick(59000);
    assert_watch(with, "");
    stand_tick(1000);
    touch("pol-1");
    stand_feed();
    assert_watch(with, "MODIFIED pol-1, BOOKMARK");
    assert_watch(with, "");
}

/* Nothing of its kind happens for longer than anybody remembers: it has missed nothing, so it need not list again. */
static void a_quiet_watch_outlives_the_history(void **state) {
    (void)state;
    two_tenants();
    stand.hub_options.events_max = 4;
    stand_restart();
    struct asked *w = ask(&acme, "policies?watch=1");
    assert_watch(w, "ADDED pol-1");
    for (int minute = 0; minute < 20; minute++) {
        for (int i = 0; i < 3; i++) {
            rig_user("acme", rig_text("user-%d-%d", minute, i));
            stand_feed();
        }
        stand_tick(60000);
        if (call_was_woken(w->call))
            assert_watch(w, "");
        stand_compact(8);
    }
    touch("pol-1");
    stand_feed();
    assert_watch(w, "MODIFIED pol-1");
}

/* A client that begins again at a bookmark misses nothing and gets nothing twice. */
static void a_bookmark_is_where_to_go_on(void **state) {
    (void)state;
    two_tenants();
    struct asked *w = ask(&acme, "policies?watch=1&allowWatchBookmarks=true");
    assert_watch(w, "ADDED pol-1");
    touch("pol-1"); /* not fed: the bookmark must not reach beyond what was told */
    stand_tick(62000);
    assert_watch(w, "BOOKMARK");
    int64_t mark = w->last_revision;
    assert_true(mark < rig_revision());
    stand_feed();
    assert_watch(w, "MODIFIED pol-1");
    assert_watch(watch_from(&acme, mark, ""), "MODIFIED pol-1");
}

static void a_watch_ends_when_its_time_is_over(void **state) {
    (void)state;
    two_tenants();
    struct asked *brief = ask(&acme, "policies?watch=1&timeoutSeconds=10"),
                 *plain = ask(&acme, "policies?watch=1"),
                 *longest = ask(&acme, "policies?watch=1&timeoutSeconds=2147483647");
    assert_watch(brief, "ADDED pol-1");
    assert_watch(plain, "ADDED pol-1");
    assert_watch(longest, "ADDED pol-1");
    stand_tick(9999);
    assert_false(watch_read(brief));
    stand_tick(1);
    assert_true(call_was_woken(brief->call));
    assert_true(watch_read(brief));
    stand_tick(1800 * 1000 - 10001);
    assert_false(watch_read(plain));
    stand_tick(1800 * 1000 + 1);
    assert_true(watch_read(plain));
    assert_false(watch_read(longest));
    stand_tick((int64_t)24 * 3600 * 1000);
    assert_true(watch_read(longest));
    assert_watch(longest, "");
}

/* ---- how it looks ---- */

static void a_watch_of_tables_sends_a_table_with_each_object(void **state) {
    (void)state;
    two_tenants();
    struct asked *w = ask_with_accept(&acme, "policies?watch=1&allowWatchBookmarks=1",
                                      "application/json;as=Table;v=v1;g=meta.k8s.io");
    assert_watch(w, "ADDED pol-1");
    assert_non_null(strstr(strbuf_c(&w->lines), "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Table\","
                                                "\"apiVersion\":\"meta.k8s.io/v1\""));
    stand_tick(62000);
    assert_watch(w, "BOOKMARK");
    assert_non_null(strstr(strbuf_c(&w->lines), "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Table\""));
    rig_delete(&kind_policy, "pol-1");
    stand_feed();
    assert_watch(w, "MODIFIED pol-1, DELETED pol-1");
}

static void a_watch_of_metadata_alone_sends_nothing_else(void **state) {
    (void)state;
    two_tenants();
    struct asked *w = ask_with_accept(&acme, "policies?watch=1&allowWatchBookmarks=1",
                                      "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
    assert_watch(w, "ADDED pol-1");
    touch("pol-1");
    stand_feed();
    assert_watch(w, "MODIFIED pol-1");
    stand_tick(62000);
    assert_watch(w, "BOOKMARK");
    assert_null(strstr(strbuf_c(&w->lines), "\"spec\""));
    assert_null(strstr(strbuf_c(&w->lines), "\"kind\":\"Policy\""));
}

static void clients_that_hang_up_leave_the_others_alone(void **state) {
    (void)state;
    two_tenants();
    struct asked *w[4];
    for (size_t i = 0; i < ARRAY_LEN(w); i++)
        assert_watch(w[i] = ask(&acme, "policies?watch=1"), "ADDED pol-1");
    assert_true(stand_measures("tkeauth_watchers 4"));
    ask_done(w[1]); /* in the middle, then both ends */
    touch("pol-1");
    stand_feed();
    assert_true(call_was_woken(w[0]->call));
    assert_true(call_was_woken(w[2]->call));
    assert_true(call_was_woken(w[3]->call));
    ask_done(w[3]);
    ask_done(w[0]);
    touch("pol-1");
    stand_feed();
    assert_watch(w[2], "MODIFIED pol-1, MODIFIED pol-1");
    ask_done(w[2]);
    stand_feed();
    assert_true(stand_measures("tkeauth_watchers 0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        AT_BOTH(a_watch_without_a_version_tells_what_there_is_and_goes_on),
        AT_BOTH(a_watch_from_an_old_version_tells_all_since_once),
        AT_BOTH(a_watch_from_before_the_daemons_start_reads_the_history_first),
        AT_BOTH(what_was_listed_before_the_hub_knew_is_not_told_again),
        AT_BOTH(a_version_that_is_not_kept_is_expired),
        AT_BOTH(the_hub_remembers_what_the_history_has_forgotten),
        AT_MEMORY(a_list_whose_second_page_is_not_kept_any_more_is_expired),
        AT_MEMORY(begins_that_are_refused),
        AT_MEMORY(initial_events_end_with_a_bookmark_for_whoever_takes_them),
        AT_MEMORY(who_wants_no_initial_events_gets_what_comes),
        AT_BOTH(a_watcher_with_a_selector_sees_objects_come_and_go_by_it),
        AT_BOTH(what_ceases_to_match_is_shown_as_it_was),
        AT_BOTH(the_history_is_filtered_as_the_hub_is),
        AT_BOTH(a_tenant_sees_nothing_of_another_and_is_not_even_woken),
        AT_BOTH(a_slow_client_loses_nothing),
        AT_BOTH(a_client_too_slow_for_the_history_is_told_to_list_again),
        AT_MEMORY(events_between_two_bytes_of_a_line_do_not_tear_it),
        AT_BOTH(a_list_and_the_watch_from_it_give_the_list_of_later),
        AT_MEMORY(what_is_published_twice_is_told_once),
        AT_MEMORY(events_the_feed_missed_are_read_from_the_history),
        AT_MEMORY(a_quiet_watch_gets_bookmarks_up_to_the_present),
        AT_MEMORY(a_quiet_watch_outlives_the_history),
        AT_MEMORY(a_bookmark_is_where_to_go_on),
        AT_MEMORY(a_watch_ends_when_its_time_is_over),
        AT_MEMORY(a_watch_of_tables_sends_a_table_with_each_object),
        AT_MEMORY(a_watch_of_metadata_alone_sends_nothing_else),
        AT_MEMORY(clients_that_hang_up_leave_the_others_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
