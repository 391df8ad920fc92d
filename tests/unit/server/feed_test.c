/* What is committed comes to rules, keys, watchers and controller: each change once, in order, and also when some were missed. */
#include "unit/server/server_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "enforcer/enforcer.h"
#include "server/feed.h"
#include "tkeauth/authz.h"

static struct enforcer *rules;
static struct api_key_table *keys;
static struct feed *feed;
static struct metrics *metrics; /* of the present feed */

/* ---- who is told (the hub, the controller and the history are linked with --wrap) ---- */

enum { EVENTS_MAX = 20000 };
static struct {
    const char
        *wrong; /* what went wrong where a test cannot fail: on the store's own thread; NULL: nothing */
    int64_t events[EVENTS_MAX]; /* their revisions */
    size_t len;
    int64_t flushed, forgotten;
    size_t publish_fails_at; /* the event that finds no memory, from 1; 0: none */
    void (*at_flush)(void), (*at_publish)(void);
} hub;
static _Atomic int controller_told, snapshots_told, histories_read;
static _Atomic int64_t snapshot_revision;
static size_t history_fails_after; /* so many changes of a page; 0: never */

static void expect(bool good, const char *otherwise) {
    if (!good)
        hub.wrong = otherwise;
}

enum err_code __wrap_kube_hub_publish(struct kube_hub *h, const struct store_change *c, struct err *err);
enum err_code __wrap_kube_hub_publish(struct kube_hub *h, const struct store_change *c, struct err *err) {
    expect((void *)h == &hub, "another hub");
    if (hub.len > 0 && c->revision <= hub.events[hub.len - 1])
        return ERR_OK; /* as the real one: it knows that */
    if (hub.publish_fails_at == hub.len + 1) {
        hub.publish_fails_at = 0;
        return err_set(err, ERR_NOMEM, "told to fail");
    }
    expect(hub.len < EVENTS_MAX, "too many events");
    if (hub.len < EVENTS_MAX)
        hub.events[hub.len++] = c->revision;
    if (hub.at_publish != NULL)
        hub.at_publish();
    return ERR_OK;
}

void __wrap_kube_hub_flush(struct kube_hub *h, int64_t revision);
void __wrap_kube_hub_flush(struct kube_hub *h, int64_t revision) {
    expect((void *)h == &hub, "another hub");
    hub.flushed = revision;
    if (hub.at_flush != NULL)
        hub.at_flush();
}

void __wrap_kube_hub_forget(struct kube_hub *h, int64_t revision);
void __wrap_kube_hub_forget(struct kube_hub *h, int64_t revision) {
    expect((void *)h == &hub, "another hub");
    hub.forgotten = revision;
}

void __wrap_controller_changed(struct controller *c);
void __wrap_controller_changed(struct controller *c) {
    expect((void *)c == &hub, "another controller");
    controller_told++;
}

struct history {
    enum err_code (*each)(void *ctx, const struct store_change *c, struct err *err);
    void *ctx;
    size_t left;
};

static enum err_code give_some(void *ctx, const struct store_change *c, struct err *err) {
    struct history *h = ctx;
    return h->left-- == 0 ? err_set(err, ERR_UNAVAILABLE, "told to fail") : h->each(h->ctx, c, err);
}

typedef enum err_code each_change(void *ctx, const struct store_change *c, struct err *err);
enum err_code __real_store_changes(struct store *s, struct str kind, int64_t after, size_t limit,
                                   each_change *each, void *ctx, int64_t *ret_upto, struct err *err);
enum err_code __wrap_store_changes(struct store *s, struct str kind, int64_t after, size_t limit,
                                   each_change *each, void *ctx, int64_t *ret_upto, struct err *err);
enum err_code __wrap_store_changes(struct store *s, struct str kind, int64_t after, size_t limit,
                                   each_change *each, void *ctx, int64_t *ret_upto, struct err *err) {
    histories_read++;
    if (history_fails_after == 0)
        return __real_store_changes(s, kind, after, limit, each, ctx, ret_upto, err);
    struct history h = { each, ctx, history_fails_after };
    history_fails_after = 0;
    return __real_store_changes(s, kind, after, limit, give_some, &h, ret_upto, err);
}

static void snapshot_changed(void *ctx, int64_t revision) {
    expect(ctx == &hub, "another context");
    snapshots_told++;
    snapshot_revision = revision;
}

/* ---- rig ---- */

static void forget_what_was_told(void) {
    const char *wrong = hub.wrong;
    memset(&hub, 0, sizeof hub);
    hub.wrong = wrong;
    controller_told = snapshots_told = histories_read = 0;
    snapshot_revision = 0;
    history_fails_after = 0;
}

static void start(void) {
    metrics = metrics_new();
    rig_ok(authz_enforcer_new(NULL, &rig.random, &rules, &rig.err));
    rig_ok(api_key_table_new(rules, server_rig.log, &keys, &rig.err));
    const struct feed_options options = { .store = rig.store,
                                          .enforcer = rules,
                                          .keys = keys,
                                          .log = server_rig.log,
                                          .metrics = metrics,
                                          .snapshot_changed = snapshot_changed,
                                          .ctx = &hub };
    rig_ok(feed_new(&options, &feed, &rig.err));
    feed_connect(feed, (struct kube_hub *)(void *)&hub, (struct controller *)(void *)&hub);
}

static void stop(void) {
    feed_free(feed);
    api_key_table_free(keys);
    enforcer_free(rules);
    metrics_free(metrics);
    feed = NULL;
}

static int setup(void **state) {
    if (server_rig_setup(state) != 0)
        return 1;
    hub.wrong = NULL;
    forget_what_was_told();
    start();
    return 0;
}

static int teardown(void **state) {
    stop();
    if (hub.wrong != NULL)
        print_error("%s\n", hub.wrong);
    return server_rig_teardown(state) + (hub.wrong != NULL);
}

/* As if other processes wrote from now on: nobody tells the feed. */
static void write_unheard(void) { store_listen(rig.store, NULL, NULL); }

/* ---- what is in force ---- */

enum { RULES_MAX = 20000 };
struct lines {
    const char **items;
    size_t len;
};

static bool note(void *ctx, const struct enforcer_rule *rule) {
    struct lines *l = ctx;
    AUTO(strbuf_done) struct strbuf text = STRBUF(64 * 1024);
    struct enforcer_str ptype = enforcer_rule_ptype(rule);
    strbuf_add(&text, (struct str) { ptype.ptr, ptype.len });
    for (size_t i = 0; i < enforcer_rule_len(rule); i++) {
        struct enforcer_str field = enforcer_rule_field(rule, i);
        strbuf_addf(&text, ", %.*s", (int)field.len, field.ptr);
    }
    assert_true(l->len < RULES_MAX);
    l->items[l->len++] = rig_text("%s", strbuf_c(&text));
    return true;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *rules_in_force(void) {
    struct lines l = { .items = arena_array(rig.arena, RULES_MAX, sizeof *l.items) };
    AUTO(strbuf_done) struct strbuf out = STRBUF(64 * 1024 * 1024);
    struct enforcer_error why;
    const struct enforcer_snapshot *s = enforcer_acquire(rules);
    assert_int_equal(enforcer_rules(s, "g", 0, NULL, 0, note, &l, &why), ENFORCER_OK);
    assert_int_equal(enforcer_rules(s, "p", 0, NULL, 0, note, &l, &why), ENFORCER_OK);
    enforcer_release(rules, s);
    if (l.len > 0)
        qsort(l.items, l.len, sizeof l.items[0], by_text);
    for (size_t i = 0; i < l.len; i++)
        strbuf_addf(&out, "%s\n", l.items[i]);
    return rig_text("%s", strbuf_c(&out));
}

static bool is_in_force(const char *line) { return strstr(rules_in_force(), line) != NULL; }

static bool finds_key(const char *name) {
    unsigned char digest[SHA256_SIZE];
    struct apikey_view view;
    sha256(str_of(rig_text("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.%s.c2ln", name)), digest);
    return api_key_table_find(keys, rig.arena, digest, RIG_START, &view);
}

static void issue(const char *name) {
    rig_import(
        &kind_api_key,
        rig_text("{'metadata':{'name':'%s'},'spec':{'apiKey':'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.%s.c2ln',"
                 "'tenantID':'acme','username':'alice','expire_at':'2033-11-14T22:13:20Z'}}",
                 name, name));
}

/* All that the store has is in force, and everybody has been told. */
static void assert_caught_up(void) {
    assert_int_equal(feed_revision(feed), rig_revision());
    assert_string_equal(rules_in_force(), rig_rules());
    assert_true(hub.flushed == rig_revision() || hub.forgotten == rig_revision());
    for (size_t i = 1; i < hub.len; i++)
        if (hub.events[i] <= hub.events[i - 1])
            fail_msg("event %zu is of revision %lld, after one of %lld", i, (long long)hub.events[i],
                     (long long)hub.events[i - 1]);
}

static void set_rules(const char *owner, const char *prefix, int from, int to) {
    struct rule_list *list = rule_list_new(rig.arena);
    size_t changed;
    for (int i = from; i < to; i++) {
        const struct rule_view rule = { .ptype = STR("g"),
                                        .fields = { str_of(rig_text("%s-%d", prefix, i)), STR("pol-x"),
                                                    STR("*") },
                                        .len = 3 };
        rule_list_add(list, &rule);
    }
    rig_ok(rules_set(rig.store, str_of(owner), list, &changed, &rig.err));
}

/* ---- one after the other ---- */

static void a_writer_goes_on_when_the_change_is_in_force(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_user("acme", "alice");
    rig_policy("acme", "pol-1", "");
    assert_true(is_in_force("p, pol-1, "));
    rig_bind(&kind_policy, "pol-1", "[{'id':'usr-alice','name':'alice'}]", NULL, true);
    assert_true(is_in_force("g, acme##user##alice, pol-1, *"));
    issue("apk-1");
    assert_true(finds_key("apk-1"));
    assert_caught_up();
    rig_bind(&kind_policy, "pol-1", "[{'id':'usr-alice','name':'alice'}]", NULL, false);
    assert_false(is_in_force("g, acme##user##alice, pol-1, *"));
    rig_remove(&kind_api_key, "apk-1");
    assert_false(finds_key("apk-1"));
    rig_delete(&kind_policy, "pol-1");
    assert_string_equal(rules_in_force(), "");
    assert_caught_up();
    assert_true(hub.len > 8);
}

static void only_tenants_and_clients_concern_the_servers_snapshot(void **state) {
    (void)state;
    rig_tenant("acme");
    assert_int_equal(snapshots_told, 1);
    assert_int_equal(snapshot_revision, rig_revision_of(&kind_identity_provider, "acme"));
    rig_create(&kind_client,
               "{'metadata':{'name':'app'},'spec':{'public':true,'redirect_uris':['https://a.example/']}}");
    assert_int_equal(snapshots_told, 2);
    assert_int_equal(snapshot_revision, rig_revision_of(&kind_client, "app"));
    rig_remove(&kind_client, "app");
    assert_int_equal(snapshots_told, 3);
    assert_int_equal(snapshot_revision, rig_revision());
    rig_user("acme", "alice");
    rig_policy("acme", "pol-1", "");
    issue("apk-1");
    assert_int_equal(snapshots_told, 3);
}

static void the_controller_is_told_of_objects_and_not_of_rules_alone(void **state) {
    (void)state;
    rig_tenant("acme");
    assert_int_equal(controller_told, 1);
    rig_policy("acme", "pol-1", "");
    assert_int_equal(controller_told, 2);
    set_rules("directory/acme/0", "acme##user##u", 0, 10);
    assert_int_equal(controller_told, 2);
    assert_true(is_in_force("g, acme##user##u-9, pol-x, *"));
    assert_caught_up();
}

static const char *wanted_at_flush;
static void look_at_flush(void) { expect(is_in_force(wanted_at_flush), "told before it was in force"); }

static void rules_count_before_watchers_hear_of_what_made_them(void **state) {
    (void)state;
    rig_tenant("acme");
    wanted_at_flush = "p, pol-1, ";
    hub.at_flush = look_at_flush;
    rig_policy("acme", "pol-1", "");
    assert_int_equal(hub.flushed, rig_revision());
    hub.at_flush = NULL;
}

static void look_for_the_key(void) { expect(!finds_key("apk-1"), "the key of a deleted user was found"); }

static void a_deleted_users_keys_stay_dead_until_they_are_deleted_and_no_longer(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_user("acme", "alice");
    issue("apk-1");
    assert_true(finds_key("apk-1"));
    rig_remove(&kind_local_identity, "usr-alice");
    hub.at_publish = look_for_the_key;
    rig_finish(&kind_local_identity, "usr-alice");
    hub.at_publish = NULL;
    assert_false(rig_has(&kind_api_key, "apk-1"));
    issue("apk-2"); /* for somebody of that name in a directory */
    assert_true(finds_key("apk-2"));
}

static void nobody_need_be_connected(void **state) {
    (void)state;
    feed_connect(feed, NULL, NULL);
    rig_tenant("acme");
    rig_policy("acme", "pol-1", "");
    assert_true(is_in_force("p, pol-1, "));
    assert_int_equal(hub.len, 0);
    assert_int_equal(controller_told, 0);
    assert_int_equal(snapshots_told, 1);
    feed_connect(feed, (struct kube_hub *)(void *)&hub, NULL);
    int64_t before = rig_revision();
    rig_policy("acme", "pol-2", "");
    assert_true(hub.len > 0 && hub.events[0] > before); /* from then on */
}

/* ---- other processes ---- */

static void what_others_write_comes_with_the_next_look(void **state) {
    (void)state;
    struct store *other = NULL, *mine = rig.store;
    const struct store_options options = { .type = "sqlite",
                                           .path = rig_text("%s/test.db", rig.folder),
                                           .clock = &rig.clock };
    rig_ok(store_open(&options, &other, &rig.err));
    rig.env.store = other;
    rig_tenant("acme");
    rig_policy("acme", "pol-1", "");
    issue("apk-1");
    rig.env.store = mine;
    assert_false(is_in_force("p, pol-1, "));
    feed_pump(feed);
    assert_true(is_in_force("p, pol-1, "));
    assert_true(finds_key("apk-1"));
    assert_int_equal(snapshots_told, 1);
    assert_caught_up();
    int read = histories_read;
    for (int i = 0; i < 5; i++)
        feed_pump(feed);
    assert_int_equal(histories_read, read); /* nothing has changed */
    store_close(other);
}

static void more_than_a_page_comes_at_once(void **state) {
    (void)state;
    static const int counts[] = { 999, 1000, 1001, 2500 };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        forget_what_was_told();
        write_unheard();
        set_rules("directory/acme/0", rig_text("u%zu", i), 0, counts[i]);
        feed_pump(feed);
        assert_caught_up();
        assert_int_equal(hub.len, counts[i] + (i > 0 ? counts[i - 1] : 0));
    }
}

/* ---- a gap in the history ---- */

static void forget_history(void) {
    size_t count;
    do
        rig_ok(store_compact(rig.store, RIG_START + 1, 0, 100000, &count, &rig.err));
    while (count == 100000);
}

static void after_a_gap_all_begins_anew_and_everybody_is_told(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_user("acme", "alice");
    rig_policy("acme", "pol-1", "");
    rig_policy("acme", "pol-2", "");
    issue("apk-1");
    issue("apk-2");
    write_unheard();
    rig_delete(&kind_policy, "pol-1");
    rig_remove(&kind_api_key, "apk-1");
    rig_policy("acme", "pol-3", "");
    issue("apk-3");
    rig_tenant("beta");
    forget_history();
    rig_policy("acme", "pol-4", ""); /* of which there is history again */
    forget_what_was_told();
    feed_pump(feed);
    assert_false(is_in_force("p, pol-1, "));
    assert_true(is_in_force("p, pol-2, ") && is_in_force("p, pol-3, ") && is_in_force("p, pol-4, "));
    assert_true(finds_key("apk-2") && finds_key("apk-3"));
    assert_false(finds_key("apk-1"));
    assert_int_equal(server_rig_log_count("changes_missed"), 1);
    assert_int_equal(hub.forgotten, rig_revision());
    assert_int_equal(hub.len, 0);
    assert_int_equal(controller_told, 1);
    assert_int_equal(snapshots_told, 1);
    assert_int_equal(snapshot_revision, rig_revision());
    assert_caught_up();
    rig_policy("acme", "pol-5", "");
    feed_pump(feed);
    assert_caught_up();
    assert_true(hub.len > 0);
    assert_int_equal(server_rig_log_count("changes_missed"), 1);
}

static void history_that_is_no_longer_needed_may_go(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_policy("acme", "pol-1", "");
    forget_history();
    feed_pump(feed);
    rig_policy("acme", "pol-2", "");
    assert_caught_up();
    assert_int_equal(server_rig_log_count("changes_missed"), 0);
}

/* ---- restart ---- */

static void a_restart_begins_with_what_is_there(void **state) {
    (void)state;
    rig_populate();
    assert_caught_up();
    const char *before = rules_in_force();
    assert_true(strlen(before) > 0);
    issue("apk-x");
    stop();
    forget_what_was_told();
    rig_user("acme", "zoe"); /* nobody is there to be told */
    assert_int_equal(hub.len, 0);
    start();
    assert_string_equal(rules_in_force(), rig_rules());
    assert_int_equal(feed_revision(feed), rig_revision());
    assert_true(finds_key("apk-x"));
    assert_int_equal(snapshots_told + controller_told, 0);
    assert_int_equal(hub.len, 0);
    forget_history();
    stop();
    start();
    assert_string_equal(rules_in_force(), rig_rules());
    assert_true(finds_key("apk-x"));
    rig_remove(&kind_api_key, "apk-x");
    assert_false(finds_key("apk-x"));
    assert_caught_up();
}

/* ---- what is bad ---- */

static enum err_code own_odd_rules(void *ctx, struct store_tx *tx, struct err *err) {
    static const struct store_owned items[] = {
        { STR("rul-0"), STR("{not json") },
        { STR("rul-1"), STR("{\"spec\":{\"ptype\":\"g\",\"v0\":\"a\",\"v1\":\"good\",\"v2\":\"*\"}}") },
        { STR("rul-2"), STR("{\"spec\":{\"ptype\":\"p9\",\"v0\":\"a\"}}") },
        { STR("rul-3"), STR("{\"spec\":{\"ptype\":\"p\",\"v0\":\"a\"}}") },
        { STR("rul-4"), STR("{}") },
        { STR("rul-5"), STR("{\"spec\":{\"ptype\":\"g\",\"v0\":\"b\",\"v1\":\"good\",\"v2\":\"*\"}}") },
    };
    size_t len = *(const size_t *)ctx;
    return store_tx_set_owned(tx, STR("rules"), STR("odd"), items, len, NULL, err);
}

static void a_bad_rule_is_told_and_left_out_whether_followed_or_loaded(void **state) {
    (void)state;
    size_t all = 6, none = 0;
    for (int round = 0; round < 2; round++) {
        rig_ok(store_transact(rig.store, own_odd_rules, &all, NULL, &rig.err));
        assert_string_equal(rules_in_force(), "g, a, good, *\ng, b, good, *\n");
        size_t told = server_rig_log_count("rule_refused");
        assert_true(told >= 2);
        stop();
        start();
        assert_string_equal(rules_in_force(), "g, a, good, *\ng, b, good, *\n");
        assert_true(server_rig_log_count("rule_refused") >= told + 2);
        assert_true(server_rig_log_count("rule_unreadable") > 0);
        rig_ok(store_transact(rig.store, own_odd_rules, &none, NULL, &rig.err));
        assert_string_equal(rules_in_force(), "");
        assert_int_equal(feed_revision(feed), rig_revision());
    }
}

static void an_object_that_cannot_be_read_holds_up_nobody(void **state) {
    (void)state;
    static const char *const kinds[] = { "apikeys", "localidentities", "identityproviders", "clients",
                                         "nothing" };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct store_write w = { .kind = str_of(kinds[i]), .name = STR("x"), .body = STR("{") };
        rig_ok(store_write(rig.store, &w, NULL, &rig.err));
    }
    assert_int_equal(feed_revision(feed), rig_revision());
    assert_int_equal(server_rig_log_count("change_unreadable"), 2);
    issue("apk-1");
    assert_true(finds_key("apk-1"));
    stop();
    start();
    assert_true(finds_key("apk-1"));
}

/* ---- failures ---- */

static void assert_each_event_once(size_t before) {
    for (size_t i = 0; i < hub.len; i++)
        for (size_t j = i + 1; j < hub.len; j++)
            assert_int_not_equal(hub.events[i], hub.events[j]);
    assert_true(hub.len > before);
}

static void a_history_that_breaks_off_changes_nothing_until_it_is_read_whole(void **state) {
    (void)state;
    rig_tenant("acme");
    write_unheard();
    rig_policy("acme", "pol-1", "");
    rig_policy("acme", "pol-2", "");
    issue("apk-1");
    rig_tenant("beta");
    forget_what_was_told();
    int64_t before = feed_revision(feed);
    history_fails_after = 5;
    feed_pump(feed);
    assert_int_equal(feed_revision(feed), before);
    assert_string_equal(rules_in_force(), "");
    assert_int_equal(hub.flushed, 0);
    assert_int_equal(snapshots_told + controller_told, 0);
    assert_int_equal(server_rig_log_count("changes_not_applied"), 1);
    size_t published = hub.len;
    feed_pump(feed);
    assert_caught_up();
    assert_each_event_once(published);
    assert_true(finds_key("apk-1"));
    assert_int_equal(snapshots_told, 1);
    assert_int_equal(server_rig_log_count("changes_not_applied"), 1);
}

static void a_watcher_hears_of_each_change_once_although_memory_ran_out(void **state) {
    (void)state;
    rig_tenant("acme");
    for (size_t at = 1; at <= 4; at++) {
        write_unheard();
        rig_policy("acme", rig_text("pol-%zu-a", at), "");
        rig_policy("acme", rig_text("pol-%zu-b", at), "");
        forget_what_was_told();
        hub.publish_fails_at = at;
        feed_pump(feed);
        assert_int_equal(hub.len, at - 1);
        assert_false(is_in_force(rig_text("p, pol-%zu-a, ", at)));
        feed_pump(feed);
        assert_caught_up();
        assert_each_event_once(at - 1);
        assert_int_equal(hub.len, 4); /* two policies, two rules */
    }
}

/* ---- threads ---- */

enum { WRITERS = 3, WRITES = 20 };

static void *write_keys(void *arg) {
    int number = (int)(uintptr_t)arg;
    struct err err;
    for (int i = 0; i < WRITES; i++) {
        unsigned char digest[SHA256_SIZE] = { (unsigned char)number, (unsigned char)i };
        char name[32], body[512];
        struct apikey_view view;
        AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 16);
        AUTO(strbuf_done) struct strbuf hex = STRBUF(128);
        hex_add(&hex, digest, sizeof digest);
        (void)snprintf(name, sizeof name, "apk-%d-%d", number, i);
        (void)snprintf(body, sizeof body,
                       "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"tenantID\":\"acme\",\"username\":\"u\","
                       "\"sha256\":\"%s\",\"expire_at\":\"2033-11-14T22:13:20Z\"}}",
                       name, strbuf_c(&hex));
        const struct store_write w = { .kind = STR("apikeys"), .name = str_of(name), .body = str_of(body) };
        if (store_write(rig.store, &w, NULL, &err) != ERR_OK ||
            !api_key_table_find(keys, a, digest, RIG_START, &view) || !str_eq(view.name, str_of(name)))
            return (void *)(uintptr_t)1;
        if (i % 2 == 0)
            continue;
        if (store_delete(rig.store, STR("apikeys"), str_of(name), STORE_EXPECT_ANY, false, &err) != ERR_OK ||
            api_key_table_find(keys, a, digest, RIG_START, &view))
            return (void *)(uintptr_t)1;
    }
    return NULL;
}

static _Atomic bool stopped;
static void *look_for_others(void *arg) {
    (void)arg;
    int64_t before = 0;
    while (!atomic_load(&stopped)) {
        feed_pump(feed);
        int64_t now = feed_revision(feed);
        if (now < before)
            return (void *)(uintptr_t)1;
        before = now;
    }
    return NULL;
}

static void every_writer_finds_their_own_change_in_force(void **state) {
    pthread_t writers[WRITERS], looker;
    void *failed = NULL;
    (void)state;
    atomic_store(&stopped, false);
    assert_int_equal(pthread_create(&looker, NULL, look_for_others, NULL), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_keys, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i], &failed), 0);
        assert_null(failed);
    }
    atomic_store(&stopped, true);
    assert_int_equal(pthread_join(looker, &failed), 0);
    assert_null(failed);
    assert_caught_up();
    assert_int_equal(hub.len, WRITERS * (WRITES + WRITES / 2));
}

#define BOTH(f) TEST_ON(f, "memory"), TEST_ON(f, "sqlite")
int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(a_writer_goes_on_when_the_change_is_in_force),
        TEST_ON(only_tenants_and_clients_concern_the_servers_snapshot, "memory"),
        TEST_ON(the_controller_is_told_of_objects_and_not_of_rules_alone, "memory"),
        TEST_ON(rules_count_before_watchers_hear_of_what_made_them, "memory"),
        TEST_ON(a_deleted_users_keys_stay_dead_until_they_are_deleted_and_no_longer, "memory"),
        TEST_ON(nobody_need_be_connected, "memory"),
        TEST_ON(what_others_write_comes_with_the_next_look, "sqlite"),
        TEST_ON(more_than_a_page_comes_at_once, "memory"),
        BOTH(after_a_gap_all_begins_anew_and_everybody_is_told),
        TEST_ON(history_that_is_no_longer_needed_may_go, "memory"),
        BOTH(a_restart_begins_with_what_is_there),
        TEST_ON(a_bad_rule_is_told_and_left_out_whether_followed_or_loaded, "memory"),
        TEST_ON(an_object_that_cannot_be_read_holds_up_nobody, "memory"),
        TEST_ON(a_history_that_breaks_off_changes_nothing_until_it_is_read_whole, "memory"),
        TEST_ON(a_watcher_hears_of_each_change_once_although_memory_ran_out, "memory"),
        BOTH(every_writer_finds_their_own_change_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
