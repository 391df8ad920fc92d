/* Lists: pages, continue tokens, revisions, and lists that are written while they are read. */
#include "unit/kube/stand.h"

#include "kube/filter.h"

enum { OBJECTS = 23, TEXT_MAX = 1 << 20 };

/* Straight into the store, in one transaction: many are needed. */
struct bulk {
    const char *tenant, *labels;
    int from, to;
};

static enum err_code write_one(struct store_tx *tx, const char *tenant, const char *labels, int i,
                               struct err *err) {
    const char *name = rig_text("pol-%05d", i);
    const char *body = rig_quoted(
        rig_text("{'metadata':{'name':'%s','labels':%s},'spec':{'tenantID':'%s'}}", name, labels, tenant));
    const struct store_index index = { index_tenant(rig.arena, str_of(tenant)), false };
    const struct store_write w = { .kind = STR("policies"),
                                   .name = str_of(name),
                                   .body = str_of(body),
                                   .indexes = &index,
                                   .index_count = 1,
                                   .expected = STORE_EXPECT_ANY };
    int64_t revision;
    return store_tx_write(tx, &w, &revision, err);
}

static enum err_code write_bulk(void *ctx, struct store_tx *tx, struct err *err) {
    const struct bulk *b = ctx;
    enum err_code rc = ERR_OK;
    for (int i = b->from; rc == ERR_OK && i < b->to; i++)
        rc = write_one(tx, b->tenant, b->labels, i, err);
    return rc;
}

static void bulk(const char *tenant, int from, int to, const char *labels) {
    struct bulk b = { tenant, labels, from, to };
    rig_ok(store_transact(rig.store, write_bulk, &b, NULL, &rig.err));
}

/* Every third is beta's, every fifth red. */
static enum err_code write_some(void *ctx, struct store_tx *tx, struct err *err) {
    enum err_code rc = ERR_OK;
    (void)ctx;
    for (int i = 0; rc == ERR_OK && i < OBJECTS; i++)
        rc = write_one(tx, i % 3 == 0 ? "beta" : "acme", i % 5 == 0 ? "{'colour':'red'}" : "{}", i, err);
    return rc;
}

static void some(void) { rig_ok(store_transact(rig.store, write_some, NULL, NULL, &rig.err)); }

static const char *token_of(const char *plain) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(TEXT_MAX);
    base64url_add(&out, plain, strlen(plain));
    return rig_text("%s", strbuf_c(&out));
}

/* ---- pages ---- */

static enum err_code write_something(void *ctx, struct store_tx *tx, struct err *err) {
    int n = *(const int *)ctx;
    char name[32];
    (void)snprintf(name, sizeof name, "pol-%05d", 20 - n);
    enum err_code rc = write_one(tx, "acme", "{'colour':'red'}", 100 + n, err); /* behind all */
    if (rc == ERR_OK) /* one that has not come yet, or beta's: becomes acme's */
        rc = write_one(tx, "acme", "{'new':'yes'}", 22 - n % 20, err);
    if (rc == ERR_OK)
        rc = store_tx_delete(tx, STR("policies"), str_of(name), STORE_EXPECT_ANY, false, err);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static const char *all_pages(const struct scope *whose, const char *target, const char *accept, size_t limit,
                             int64_t revision) {
    AUTO(strbuf_done) struct strbuf names = STRBUF(TEXT_MAX);
    const char *more = "";
    for (int n = 0;; n++) {
        assert_in_range(n, 0, 1000);
        struct asked *page = ask_with_accept(whose, rig_text("%s&limit=%zu%s", target, limit, more), accept);
        const char *these = ask_names(page);
        assert_int_equal(ask_revision(page), revision);
        strbuf_addf(&names, "%s%s", names.len > 0 && these[0] != '\0' ? " " : "", these);
        assert_false(str_contains(page->body, STR("\"new\"")));
        if (ask_token(page) == NULL)
            break;
        more = rig_text("&continue=%s", ask_token(page));
        rig_ok(store_transact(rig.store, write_something, &n, NULL, &rig.err));
    }
    return rig_text("%s", strbuf_c(&names));
}

static void pages_together_are_the_list_at_one_revision_while_others_write(void **state) {
    static const char *const targets[] = { "policies?",
                                           "policies?labelSelector=colour%3Dred",
                                           "policies?fieldSelector=spec.tenantID%3Dacme",
                                           "policies?labelSelector=new",
                                           "policies?fieldSelector=spec.tenantID%3Dbeta",
                                           "policies?fieldSelector=metadata.name%3Dpol-00001" };
    static const char *const accepts[] = { "application/json",
                                           "application/json;as=Table;v=v1;g=meta.k8s.io" };
    const struct scope *const scopes[] = { &platform, &acme, &beta, &platform_in_acme };
    static const size_t limits[] = { 1, 5, 23 };
    bool fast = strcmp(rig.backend, "memory") == 0; /* the other waits for the disk */
    (void)state;
    some();
    for (size_t t = 0; t < ARRAY_LEN(targets); t++)
        for (size_t s = 0; s < ARRAY_LEN(scopes); s++)
            for (size_t l = fast ? 0 : 1; l < ARRAY_LEN(limits); l++) {
                some();
                const char *accept = accepts[(t + s + l) % 2];
                const struct asked *whole = ask_with_accept(scopes[s], targets[t], accept);
                const char *wanted = ask_names(whole);
                assert_null(ask_token(whole));
                assert_string_equal(all_pages(scopes[s], targets[t], accept, limits[l], ask_revision(whole)),
                                    wanted);
            }
}

static void the_last_page_has_no_token(void **state) {
    (void)state;
    bulk("acme", 0, 4, "{}");
    struct asked *first = ask(&acme, "policies?limit=3");
    assert_names(first, "pol-00000 pol-00001 pol-00002");
    struct asked *second = ask(&acme, rig_text("policies?limit=3&continue=%s", ask_token(first)));
    assert_names(second, "pol-00003");
    assert_null(ask_token(second));
}

/* Clients may take the rest at once. */
static void a_token_without_a_limit_gives_the_rest(void **state) {
    (void)state;
    bulk("acme", 0, 1200, "{}");
    struct asked *first = ask(&acme, "policies?limit=2");
    bulk("acme", 3, 4, "{'new':'yes'}");
    bulk("acme", 2000, 2001, "{}");
    struct asked *rest = ask(&acme, rig_text("policies?continue=%s", ask_token(first)));
    const char *names = ask_names(rest);
    assert_true(str_starts_with(str_of(names), STR("pol-00002 pol-00003 pol-00004 ")));
    assert_true(str_ends_with(str_of(names), STR(" pol-01199")));
    assert_int_equal(json_array_size(json_object_get(rest->json, "items")), 1198);
    assert_int_equal(ask_revision(rest), ask_revision(first));
    assert_false(str_contains(rest->body, STR("\"new\"")));
    assert_names(ask(&acme, rig_text("policies?limit=0&continue=%s",
                                     token_of(rig_text("%lld/pol-01198", (long long)rig_revision())))),
                 "pol-01199 pol-02000");
}

static void limits(void **state) {
    static const char *const refused[] = {
        "-1", "x", "1.5", "0x10", "+1", "9223372036854775808", "99999999999999999999", "%201"
    };
    (void)state;
    bulk("acme", 0, 3, "{}");
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        ask_refused(ask(&acme, rig_text("policies?limit=%s", refused[i])), 400, "BadRequest", "limit");
    assert_names(ask(&acme, "policies?limit=0"), "pol-00000 pol-00001 pol-00002");
    assert_names(ask(&acme, "policies?limit="), "pol-00000 pol-00001 pol-00002");
    assert_names(ask(&acme, "policies?limit=9223372036854775807"), "pol-00000 pol-00001 pol-00002");
    bulk("acme", 3, KUBE_LIMIT_MAX + 1, "{}"); /* no page is larger than that, whatever is asked for */
    struct asked *page = ask(&acme, "policies?limit=1000000");
    assert_int_equal(json_array_size(json_object_get(page->json, "items")), KUBE_LIMIT_MAX);
    assert_names(ask(&acme, rig_text("policies?limit=1000000&continue=%s", ask_token(page))), "pol-02000");
}

/* A page does not look at everything to find something: it may be empty, with a token to go on. */
static void a_selector_that_hardly_matches_takes_several_short_pages(void **state) {
    (void)state;
    bulk("acme", 0, 6000, "{}");
    bulk("acme", 5500, 5501, "{'colour':'red'}");
    bulk("acme", 5999, 6000, "{'colour':'red'}");
    int pages = 0, empty = 0;
    AUTO(strbuf_done) struct strbuf names = STRBUF(TEXT_MAX);
    const char *more = "";
    for (bool ends = false; !ends; pages++) {
        struct asked *page = ask(&acme, rig_text("policies?labelSelector=colour%%3Dred&limit=500%s", more));
        const char *these = ask_names(page);
        strbuf_addf(&names, "%s;", these);
        empty += these[0] == '\0';
        ends = ask_token(page) == NULL;
        more = rig_text("&continue=%s", ends ? "" : ask_token(page));
    }
    assert_in_range(pages, 2, 3);
    assert_true(empty >= 1);
    assert_non_null(strstr(strbuf_c(&names), "pol-05500 pol-05999;"));
}

/* ---- tokens ---- */

static void tokens_that_are_none_are_refused(void **state) {
    static const char *const plain[] = { "",
                                         "/",
                                         "5",
                                         "5/",
                                         "/x",
                                         "0/x",
                                         "-1/x",
                                         "x/",
                                         "5 /x",
                                         " 5/x",
                                         "+5/x",
                                         "5.0/x",
                                         "99999999999999999999/x",
                                         "1/\xff",
                                         "1/\xed\xa0\x80" };
    static const char *const raw[] = { "x", "%20", "!!!!", "MS9h%0A", "....", "null" };
    (void)state;
    some();
    for (size_t i = 1; i < ARRAY_LEN(plain); i++)
        ask_refused(ask(&acme, rig_text("policies?limit=2&continue=%s", token_of(plain[i]))), 400,
                    "BadRequest", "continue");
    for (size_t i = 0; i < ARRAY_LEN(raw); i++)
        ask_refused(ask(&acme, rig_text("policies?limit=2&continue=%s", raw[i])), 400, "BadRequest",
                    "continue");
    char name[STORE_NAME_MAX + 2] = "";
    memset(name, 'a', sizeof name - 1);
    ask_refused(ask(&acme, rig_text("policies?limit=2&continue=%s", token_of(rig_text("1/%s", name)))), 400,
                "BadRequest", "continue");
    name[STORE_NAME_MAX] = '\0';
    assert_int_equal(ask(&acme, rig_text("policies?limit=2&continue=%s",
                                         token_of(rig_text("%lld/%s", (long long)rig_revision(), name))))
                         ->status,
                     200);
    char long_token[3000] = "";
    memset(long_token, 'A', sizeof long_token - 1);
    ask_refused(ask(&acme, rig_text("policies?limit=2&continue=%s", long_token)), 400, "BadRequest",
                "continue");
    /* Not yet written: by another server, or invented. */
    ask_refused(ask(&acme, rig_text("policies?continue=%s",
                                    token_of(rig_text("%lld/x", (long long)rig_revision() + 1)))),
                400, "BadRequest", "");
    ask_refused(ask(&acme, rig_text("policies?limit=2&continue=%s", token_of("9223372036854775807/x"))), 400,
                "BadRequest", "");
    ask_refused(ask(&acme, rig_text("policies?limit=2&resourceVersion=3&continue=%s", token_of("2/x"))), 400,
                "BadRequest", "not allowed when using continue");
}

static void assert_own(const struct asked *a, const char *tenant) {
    const json_t *items = json_object_get(a->json, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        assert_str(object_tenant(&kind_policy, json_array_get(items, i)), tenant);
}

/* Whatever a client makes of a token: it is refused, or the list is of what the client may see. */
static void cut_and_changed_tokens_show_nothing_foreign(void **state) {
    (void)state;
    some();
    struct asked *foreign = ask(&beta, "policies?limit=2");
    const char *token = ask_token(foreign);
    size_t len = strlen(token);
    some(); /* what was in the history may be offered, whoever's it was */
    for (size_t i = 0; i <= len; i++) {
        char changed[200];
        (void)snprintf(changed, sizeof changed, "%.*s", (int)i, token);
        struct asked *a = ask(&acme, rig_text("policies?limit=50&continue=%s", changed));
        assert_true(a->status == 200 || a->status == 400 || a->status == 410);
        assert_own(a, "acme");
        for (int bit = 0; i < len && bit < 7; bit++) {
            (void)snprintf(changed, sizeof changed, "%s", token);
            changed[i] = (char)(changed[i] ^ (1 << bit));
            if (strchr("%&+#;", changed[i]) != NULL)
                continue;
            a = ask(&acme, rig_text("policies?limit=50&continue=%s", changed));
            assert_true(a->status == 200 || a->status == 400 || a->status == 410);
            assert_own(a, "acme");
        }
    }
}

/* All of a tenant's objects changed hands or vanished since: the history shows each to whom it belonged then. */
static void a_token_of_another_tenant_shows_ones_own(void **state) {
    (void)state;
    some();
    struct asked *theirs = ask(&beta, "policies?limit=1");
    const char *token = ask_token(theirs);
    bulk("beta", 0, OBJECTS, "{}");
    assert_names(theirs, "pol-00000");
    struct asked *mine = ask(&acme, rig_text("policies?limit=3&continue=%s", token));
    assert_names(mine, "pol-00001 pol-00002 pol-00004");
    assert_own(mine, "acme");
    assert_names(ask(&acme, "policies"), "");
    assert_own(ask(&acme, rig_text("policies?continue=%s", token)), "acme");
}

static void a_token_of_another_kind_or_selector_only_says_where_to_go_on(void **state) {
    (void)state;
    some();
    struct asked *red = ask(&acme, "policies?limit=1&labelSelector=colour%3Dred");
    assert_names(red, "pol-00005");
    assert_names(ask(&acme, rig_text("policies?limit=2&continue=%s", ask_token(red))), "pol-00007 pol-00008");
    assert_names(ask(&acme, rig_text("roles?limit=2&continue=%s", ask_token(red))), "");
    assert_names(ask(&acme, rig_text("policies?limit=2&fieldSelector=metadata.name%%3Dpol-00007&continue=%s",
                                     ask_token(red))),
                 "pol-00007");
    assert_names(ask(&acme, rig_text("policies?limit=2&fieldSelector=metadata.name%%3Dpol-00004&continue=%s",
                                     ask_token(red))),
                 "");
}

static void a_token_whose_revision_is_forgotten_is_expired(void **state) {
    (void)state;
    some();
    struct asked *first = ask(&acme, "policies?limit=2");
    some();
    stand_compact(0);
    struct asked *page = ask(&acme, rig_text("policies?limit=2&continue=%s", ask_token(first)));
    ask_refused(page, 410, "Expired", "continue");
    ask_refused(ask(&acme, rig_text("policies?continue=%s", ask_token(first))), 410, "Expired", "continue");
}

/* ---- versions ---- */

static void lists_as_they_were(void **state) {
    (void)state;
    bulk("acme", 0, 3, "{}");
    long long then = (long long)rig_revision();
    bulk("acme", 3, 4, "{}");
    bulk("beta", 1, 2, "{}");
    struct err err;
    assert_ok(store_delete(rig.store, STR("policies"), STR("pol-00002"), STORE_EXPECT_ANY, false, &err));
    assert_names(ask(&acme, "policies"), "pol-00000 pol-00003");
    assert_names(ask(&acme, "policies?resourceVersion=0"), "pol-00000 pol-00003");
    assert_names(ask(&acme, rig_text("policies?resourceVersion=%lld", then)), "pol-00000 pol-00003");
    assert_names(
        ask(&acme, rig_text("policies?resourceVersion=%lld&resourceVersionMatch=NotOlderThan", then)),
        "pol-00000 pol-00003");
    struct asked *exact = ask(&acme,
                              rig_text("policies?resourceVersion=%lld&resourceVersionMatch=Exact", then));
    assert_names(exact, "pol-00000 pol-00001 pol-00002");
    assert_int_equal(ask_revision(exact), then);
    assert_names(ask(&platform, rig_text("policies?resourceVersion=%lld&resourceVersionMatch=Exact", then)),
                 "pol-00000 pol-00001 pol-00002");
    assert_names(ask(&acme, rig_text("policies?resourceVersion=%lld&resourceVersionMatch=Exact&fieldSelector="
                                     "metadata.name%%3Dpol-00002",
                                     then)),
                 "pol-00002");
    stand_compact(0);
    ask_refused(ask(&acme, rig_text("policies?resourceVersion=%lld&resourceVersionMatch=Exact", then)), 410,
                "Expired", "too old");
}

static void versions_that_are_refused(void **state) {
    (void)state;
    some();
    struct asked *early = ask(&acme,
                              rig_text("policies?resourceVersion=%lld", (long long)rig_revision() + 1));
    ask_refused(early, 504, "Timeout", "Too large resource version");
    assert_string_equal(call_answered(early->call, "Retry-After"), "1");
    ask_refused(ask(&acme, "policies?resourceVersion=x"), 400, "BadRequest", "\"x\"");
    ask_refused(ask(&acme, "policies?resourceVersion=-1"), 400, "BadRequest", "\"-1\"");
    ask_refused(ask(&acme, "policies?resourceVersionMatch=Exact"), 400, "BadRequest", "forbidden");
    ask_refused(ask(&acme, "policies?resourceVersion=0&resourceVersionMatch=Exact"), 400, "BadRequest",
                "forbidden");
    ask_refused(ask(&acme, "policies?resourceVersion=1&resourceVersionMatch=Newest"), 400, "BadRequest",
                "Exact");
}

/* ---- all at once ---- */

static void a_long_list_is_of_one_revision_whatever_happens_while_it_is_sent(void **state) {
    (void)state;
    bulk("acme", 0, 2 * KUBE_PAGE + 10, "{}");
    int64_t then = rig_revision();
    struct asked *list = ask_open(&acme, "policies");
    size_t len;
    char out[100];
    assert_int_equal(call_read(list->call, out, sizeof out, &len), HTTP_STREAM_DATA);
    strbuf_add(&list->lines, (struct str) { out, len });
    bulk("acme", 5000, 5001, "{}");
    bulk("beta", 0, 2 * KUBE_PAGE, "{'new':'yes'}");
    ask_close(list);
    assert_int_equal(ask_revision(list), then);
    assert_int_equal(json_array_size(json_object_get(list->json, "items")), 2 * KUBE_PAGE + 10);
    assert_own(list, "acme");
    assert_false(str_contains(list->body, STR("\"new\"")));
}

/* A client must see that its list is not whole. */
static void a_long_list_that_cannot_go_on_is_cut_visibly(void **state) {
    (void)state;
    bulk("acme", 0, 2 * KUBE_PAGE + 10, "{}");
    struct asked *list = ask_open(&acme, "policies");
    bulk("acme", 0, 1, "{}");
    stand_compact(0);
    enum http_stream_state s;
    size_t len;
    char out[4096];
    while ((s = call_read(list->call, out, sizeof out, &len)) == HTTP_STREAM_DATA)
        ;
    assert_int_equal(s, HTTP_STREAM_FILL);
    call_fill(list->call);
    assert_int_equal(call_read(list->call, out, sizeof out, &len), HTTP_STREAM_FAIL);
}

/* As policies with thousands of subjects are. Pages are shorter then, and all of it arrives. */
static void lists_of_large_objects(void **state) {
    enum { COUNT = 18, LARGE = 1000000 };
    (void)state;
    char *labels = malloc(LARGE + 16);
    assert_non_null(labels);
    (void)snprintf(labels, 16, "{'a':'");
    memset(labels + 6, 'x', LARGE);
    (void)snprintf(labels + 6 + LARGE, 3, "'}");
    for (int i = 0; i < COUNT; i++) {
        bulk("acme", i, i + 1, labels);
        arena_reset(rig.arena);
    }
    free(labels);
    size_t seen = 0, pages = 0;
    const char *more = "";
    for (bool ends = false; !ends; pages++) {
        struct asked *page = ask(&acme, rig_text("policies?limit=500%s", more));
        seen += json_array_size(json_object_get(page->json, "items"));
        ends = ask_token(page) == NULL;
        more = rig_text("&continue=%s", ends ? "" : ask_token(page));
        ask_done(page);
    }
    assert_int_equal(seen, COUNT);
    assert_int_equal(pages, 2);
    struct asked *all = ask(&acme, "policies"), *watch = ask(&acme, "policies?watch=1");
    assert_int_equal(json_array_size(json_object_get(all->json, "items")), COUNT);
    ask_done(all);
    (void)watch_read(watch);
    assert_int_equal(watch->ended, false);
    seen = 0;
    for (const char *p = strbuf_c(&watch->lines); (p = strstr(p, "\"type\":\"ADDED\"")) != NULL; p++)
        seen++;
    assert_int_equal(seen, COUNT);
}

static void an_empty_list_is_a_list(void **state) {
    (void)state;
    bulk("beta", 0, 1, "{}");
    struct asked *a = ask(&acme, "policies");
    assert_names(a, "");
    assert_true(json_is_array(json_object_get(a->json, "items")));
    assert_names(ask(&acme, "policies?limit=5"), "");
    assert_names(ask(&acme, "roles"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        AT_BOTH(pages_together_are_the_list_at_one_revision_while_others_write),
        AT_BOTH(the_last_page_has_no_token),
        AT_MEMORY(a_token_without_a_limit_gives_the_rest),
        AT_MEMORY(limits),
        AT_MEMORY(a_selector_that_hardly_matches_takes_several_short_pages),
        AT_BOTH(tokens_that_are_none_are_refused),
        AT_MEMORY(cut_and_changed_tokens_show_nothing_foreign),
        AT_BOTH(a_token_of_another_tenant_shows_ones_own),
        AT_BOTH(a_token_of_another_kind_or_selector_only_says_where_to_go_on),
        AT_BOTH(a_token_whose_revision_is_forgotten_is_expired),
        AT_BOTH(lists_as_they_were),
        AT_MEMORY(versions_that_are_refused),
        AT_MEMORY(a_long_list_is_of_one_revision_whatever_happens_while_it_is_sent),
        AT_MEMORY(a_long_list_that_cannot_go_on_is_cut_visibly),
        AT_MEMORY(lists_of_large_objects),
        AT_MEMORY(an_empty_list_is_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
