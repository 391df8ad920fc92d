#include "unit/kube/stand.h"

#include <sys/mman.h>
#include <unistd.h>

#include "kube/list.h"
#include "kube/status.h"
#include "kube/watch.h"

struct stand stand;

enum { BODY_MAX = 256 * 1024 * 1024, FEED_PAGE = 100, PIECE = 32 * 1024 };

const struct scope
    platform = { .level = SCOPE_PLATFORM, .is_platform_caller = true, .is_full = true, .user = STR("admin") },
    platform_in_acme = { .level = SCOPE_PLATFORM,
                         .is_platform_caller = true,
                         .is_full = true,
                         .tenant = STR("acme"),
                         .user = STR("admin") },
    acme = { .level = SCOPE_TENANT, .tenant = STR("acme"), .is_full = true, .user = STR("root") },
    acme_project = { .level = SCOPE_PROJECT,
                     .tenant = STR("acme"),
                     .project = STR("prj-1"),
                     .user = STR("alice") },
    alice = { .level = SCOPE_TENANT, .tenant = STR("acme"), .user = STR("alice") },
    beta = { .level = SCOPE_TENANT, .tenant = STR("beta"), .is_full = true, .user = STR("root") };

/* ---- life ---- */

int stand_setup(void **state) {
    (void)rig_setup(state);
    stand = (struct stand) { .log_fd = memfd_create("log", MFD_CLOEXEC), .metrics = metrics_new() };
    rig_ok(log_new(&(struct log_options) { .level = LOG_LEVEL_DEBUG,
                                           .format = LOG_FORMAT_JSON,
                                           .fd = stand.log_fd,
                                           .audit_fd = -1,
                                           .clock = &rig.clock },
                   &stand.log, &rig.err));
    stand.hub_options = (struct kube_hub_options) { .events_max = 1000,
                                                    .bytes_max = 16 * 1024 * 1024,
                                                    .store = rig.store,
                                                    .clock = &rig.clock,
                                                    .log = stand.log,
                                                    .metrics = stand.metrics,
                                                    .bookmark_s = 60 };
    stand_restart();
    return 0;
}

static void forget_all(void) {
    while (stand.asked != NULL) {
        struct asked *a = stand.asked;
        stand.asked = a->next;
        ask_done(a);
        json_decref(a->json);
        strbuf_done(&a->lines);
        free(a);
    }
}

int stand_teardown(void **state) {
    forget_all();
    kube_hub_free(stand.hub);
    log_free(stand.log);
    metrics_free(stand.metrics);
    (void)close(stand.log_fd);
    return rig_teardown(state);
}

void stand_restart(void) {
    kube_hub_free(stand.hub);
    stand.fed = rig_revision();
    rig_ok(kube_hub_new(&stand.hub_options, stand.fed, &stand.hub, &rig.err));
    stand.app = (struct kube_app) { .env = &rig.env, .hub = stand.hub };
}

/* ---- the feed ---- */

static enum err_code publish_one(void *ctx, const struct store_change *c, struct err *err) {
    (void)ctx;
    return kube_hub_publish(stand.hub, c, err);
}

void stand_publish(void) {
    int64_t before;
    do {
        before = stand.fed;
        rig_ok(
            store_changes(rig.store, STR_NULL, before, FEED_PAGE, publish_one, NULL, &stand.fed, &rig.err));
    } while (stand.fed > before);
}

void stand_feed(void) {
    stand_publish();
    kube_hub_flush(stand.hub, stand.fed);
}

bool stand_measures(const char *line) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(1 << 20);
    metrics_render(stand.metrics, &out);
    return str_contains(strbuf_str(&out), str_of(rig_text("\n%s\n", line)));
}

void stand_tick(int64_t ms) {
    clock_advance(&rig.clock, ms);
    kube_hub_tick(stand.hub);
}

void stand_compact(size_t keep) {
    size_t count = 0;
    rig_ok(store_compact(rig.store, INT64_MIN / 4, keep, 1000000, &count, &rig.err));
}

/* ---- requests ---- */

static struct asked *asked_new(const struct scope *whose, const char *method, const char *target) {
    struct asked *a = calloc(1, sizeof *a);
    assert_non_null(a);
    a->next = stand.asked;
    stand.asked = a;
    a->lines = STRBUF(BODY_MAX);
    a->call = call_new(&rig.clock, stand.log);
    call_target(a->call, method, target);
    struct http_request *req = call_request(a->call);
    a->kr = (struct kube_request) { .req = req,
                                    .res = call_response(a->call),
                                    .app = &stand.app,
                                    .arena = req->arena,
                                    .verb = "get",
                                    .refusal.arena = req->arena };
    if (whose != NULL)
        a->kr.scope = *whose;
    return a;
}

static void read_answer(struct asked *a) {
    if (a->rc != ERR_OK)
        answer_refusal(&a->kr, a->rc, &a->err);
    a->status = call_status(a->call);
    a->body = call_body(a->call);
    if (call_streams(a->call) && strcmp(a->kr.verb, "list") == 0) {
        assert_true(watch_read(a));
        a->body = strbuf_str(&a->lines);
    }
    struct err ignored;
    if (a->body.len > 0 && json_parse(a->body, &a->json, &ignored) != ERR_OK)
        fail_msg("no JSON: %.*s", STR_FMT(str_sub(a->body, 0, 2000)));
}

static void handle(struct asked *a) {
    a->rc = request_read(&a->kr, &a->err);
    if (a->rc == ERR_OK)
        a->rc = strcmp(a->kr.verb, "watch") == 0 ? watch_objects(&a->kr, &a->err)
                                                 : list_objects(&a->kr, &a->err);
}

static struct asked *answer(struct asked *a) {
    handle(a);
    read_answer(a);
    return a;
}

struct asked *ask_open(const struct scope *whose, const char *target) {
    struct asked *a = asked_new(whose, "GET", target);
    handle(a);
    assert_true(call_streams(a->call));
    return a;
}

void ask_close(struct asked *a) { read_answer(a); }

struct asked *ask(const struct scope *whose, const char *target) {
    return answer(asked_new(whose, "GET", target));
}

struct asked *ask_with_accept(const struct scope *whose, const char *target, const char *accept) {
    struct asked *a = asked_new(whose, "GET", target);
    call_header(a->call, "Accept", accept);
    return answer(a);
}

struct asked *ask_to_read(const char *method, const char *target) {
    return ask_to_read_with(method, target, "X-Nothing", "");
}

struct asked *ask_to_read_with(const char *method, const char *target, const char *header,
                               const char *value) {
    struct asked *a = asked_new(NULL, method, target);
    call_header(a->call, header, value);
    a->rc = request_read(&a->kr, &a->err);
    if (a->rc != ERR_OK)
        read_answer(a);
    return a;
}

void ask_done(struct asked *a) {
    if (a->call != NULL)
        call_free(a->call);
    a->call = NULL;
}

const char *ask_names(const struct asked *a) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(BODY_MAX);
    if (a->status != 200)
        fail_msg("%u %.*s", a->status, STR_FMT(a->body));
    const json_t *items = json_object_get(a->json, "items"), *rows = json_object_get(a->json, "rows");
    for (size_t i = 0; i < json_array_size(items); i++)
        strbuf_addf(&out, "%s%.*s", i > 0 ? " " : "", STR_FMT(object_name(json_array_get(items, i))));
    for (size_t i = 0; i < json_array_size(rows); i++)
        strbuf_addf(&out, "%s%s", i > 0 ? " " : "",
                    json_string_value(json_array_get(json_object_get(json_array_get(rows, i), "cells"), 0)));
    return rig_text("%s", strbuf_c(&out));
}

const char *ask_token(const struct asked *a) {
    return json_string_value(json_object_get(json_object_get(a->json, "metadata"), "continue"));
}

int64_t ask_revision(const struct asked *a) {
    int64_t revision = 0;
    struct str text = object_str_at(a->json, "metadata.resourceVersion");
    rig_ok(parse_i64(text, 1, INT64_MAX, &revision, &rig.err));
    return revision;
}

void ask_refused(const struct asked *a, unsigned status, const char *reason, const char *part) {
    struct str message = json_get_str(a->json, "message");
    if (a->status != status || !str_eq(json_get_str(a->json, "reason"), str_of(reason)) ||
        json_get_i64(a->json, "code", 0) != (int64_t)status || !str_contains(message, str_of(part)))
        fail_msg("wanted %u %s \"%s\", got %u %.*s", status, reason, part, a->status,
                 STR_FMT(str_sub(a->body, 0, 1000)));
}

/* ---- watches ---- */

bool watch_read_by(struct asked *a, size_t piece) {
    char *out = malloc(piece);
    assert_non_null(out);
    while (!a->ended) {
        size_t len = 0;
        enum http_stream_state state = call_read(a->call, out, piece, &len);
        if (state == HTTP_STREAM_WAIT)
            break;
        if (state == HTTP_STREAM_FILL) {
            call_fill(a->call);
        } else if (state == HTTP_STREAM_DATA) {
            assert_in_range(len, 1, piece);
            strbuf_add(&a->lines, (struct str) { out, len });
        } else {
            assert_int_equal(state, HTTP_STREAM_END);
            a->ended = true;
        }
    }
    free(out);
    rig_ok(strbuf_check(&a->lines, &rig.err));
    return a->ended;
}

bool watch_read(struct asked *a) { return watch_read_by(a, PIECE); }

static const json_t *object_of(const json_t *line) {
    const json_t *object = json_object_get(line, "object"), *rows = json_object_get(object, "rows");
    return rows != NULL && json_array_size(rows) > 0 ? json_object_get(json_array_get(rows, 0), "object")
                                                     : object;
}

static void tell_line(struct asked *a, struct str text, struct strbuf *out) {
    json_t *line = NULL;
    if (json_parse_in(rig.arena, text, &line, &rig.err) != ERR_OK)
        fail_msg("no line of JSON: %.*s", STR_FMT(text));
    const json_t *object = object_of(line);
    struct str type = json_get_str(line, "type"), version = object_str_at(object, "metadata.resourceVersion");
    strbuf_adds(out, out->len > 0 ? ", " : "");
    if (str_eq(type, STR("ERROR"))) {
        strbuf_addf(out, "ERROR %lld", (long long)json_get_i64(object, "code", 0));
        return;
    }
    int64_t revision = 0;
    rig_ok(parse_i64(version, 1, INT64_MAX, &revision, &rig.err));
    if (str_eq(type, STR("BOOKMARK"))) {
        const json_t *notes = json_object_get(object_metadata(object), "annotations");
        strbuf_adds(out, json_object_get(notes, "k8s.io/initial-events-end") != NULL ? "END" : "BOOKMARK");
        if (revision < a->last_revision)
            fail_msg("a bookmark goes back: %.*s", STR_FMT(text));
    } else {
        strbuf_addf(out, "%.*s %.*s", STR_FMT(type), STR_FMT(object_name(object)));
        if (revision <= a->last_revision && !str_eq(type, STR("ADDED")))
            fail_msg("not in the order of revisions: %.*s behind %lld", STR_FMT(text),
                     (long long)a->last_revision);
    }
    if (revision > a->last_revision)
        a->last_revision = revision;
}

const char *watch_text(struct asked *a) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(BODY_MAX);
    (void)watch_read(a);
    if (a->status != 200)
        fail_msg("%u %.*s", a->status, STR_FMT(a->body));
    struct str rest = str_from(strbuf_str(&a->lines), a->told), line;
    while (rest.len > 0) {
        if (!str_cut(rest, '\n', &line, &rest))
            fail_msg("half a line: %.*s", STR_FMT(line));
        tell_line(a, line, &out);
    }
    a->told = a->lines.len;
    return rig_text("%s", strbuf_c(&out));
}
