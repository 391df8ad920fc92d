#include "kube/watch.h"

#include "kube/hub.h"
#include "kube/list.h"
#include "kube/status.h"

enum {
    LINES_MAX = 64 * 1024 * 1024,
    CATCH_UP_PAGE = 200,
    SHORTEST_S = 1800, /* min_request_timeout: a watch lives 30 to 60 minutes unless told otherwise */
    LONGEST_S = 24 * 3600,
};

enum watch_stage {
    STAGE_LIST,     /* what there is, as ADDED, in pages */
    STAGE_CATCH_UP, /* what happened since, out of the store's history */
    STAGE_LIVE,     /* out of the hub */
};

struct watch {
    struct watcher watcher; /* what the hub sees */
    struct kube_hub *hub;
    struct store *store;
    struct log *log;
    struct filter filter;
    struct printer printer;
    enum watch_stage stage;
    int64_t revision;    /* everything up to here was sent */
    int64_t listed;      /* STAGE_LIST: the revision of the list; 0: not known yet */
    struct strbuf after; /* STAGE_LIST: name of the last object */
    struct strbuf lines; /* to be sent */
    size_t sent;         /* of them */
    bool ends;           /* when they are sent */
    bool marks_end;      /* a bookmark tells the end of the initial events (KEP-3157) */
    bool joined;
};

static void watch_free(void *ctx) {
    struct watch *w = ctx;
    if (w->joined)
        hub_leave(w->hub, &w->watcher);
    filter_done(&w->filter);
    strbuf_done(&w->after);
    strbuf_done(&w->lines);
    free(w);
}

/* ---- lines ---- */

static void add_line(struct watch *w, const char *type, struct str body, const json_t *object,
                     int64_t revision) {
    struct err err = { 0 };
    bool table = w->printer.form == FORM_TABLE;
    size_t before = w->lines.len;
    strbuf_addf(&w->lines, "{\"type\":\"%s\",\"object\":", type);
    if (table)
        printer_list_begin(&w->printer, revision, STR_NULL, &w->lines);
    enum err_code rc = printer_object(&w->printer, body, object, revision, &w->lines, &err);
    strbuf_adds(&w->lines, table ? "]}" : "");
    strbuf_adds(&w->lines, "}\n");
    if (rc == ERR_OK)
        return;
    strbuf_truncate(&w->lines, before);
    log_warn_err(w->log, NULL, "watch_event_unreadable", &err, KV("kind", w->filter.kind->plural));
}

static void add_bookmark(struct watch *w, bool ends_initial) {
    strbuf_addf(&w->lines,
                "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{"
                "\"resourceVersion\":\"",
                w->printer.form == FORM_TABLE     ? "Table"
                : w->printer.form == FORM_PARTIAL ? "PartialObjectMetadata"
                                                  : w->filter.kind->kind,
                w->printer.form == FORM_OBJECT ? RESOURCE_API_VERSION : "meta.k8s.io/v1");
    strbuf_add_i64(&w->lines, w->revision);
    strbuf_adds(&w->lines,
                ends_initial ? "\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}" : "\"}");
    strbuf_adds(&w->lines,
                w->printer.form == FORM_TABLE ? ",\"columnDefinitions\":[],\"rows\":[]}}\n" : "}}\n");
}

/* The watcher must list again. */
static void add_gone(struct watch *w, const char *why) {
    strbuf_adds(&w->lines, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\","
                           "\"metadata\":{},\"status\":\"Failure\","
                           "\"message\":");
    json_add_string(&w->lines, str_of(why));
    strbuf_adds(&w->lines, ",\"reason\":\"Expired\",\"code\":410}}\n");
    w->ends = true;
}

struct version {
    struct str body;
    const json_t *object;
};

/* What a change means to somebody who sees only what the filter lets through. */
static void add_change(struct watch *w, enum store_change_type type, const struct version *now,
                       const struct version *before, int64_t revision) {
    bool is = type != STORE_DELETED && now->object != NULL && filter_matches(&w->filter, now->object);
    bool was = before->object != NULL && filter_matches(&w->filter, before->object);
    if (is)
        add_line(w, was ? "MODIFIED" : "ADDED", now->body, now->object, revision);
    else if (was) /* its last state, at the revision of the change */
        add_line(w, "DELETED", before->body, before->object, revision);
}

/* ---- on a worker: what there is, and what has happened ---- */

static enum err_code add_listed(void *ctx, const struct store_object *o, const json_t *object,
                                struct err *err) {
    struct watch *w = ctx;
    add_line(w, "ADDED", o->body, object, o->revision);
    return strbuf_check(&w->lines, err);
}

static enum err_code fill_list(struct watch *w, struct err *err) {
    struct listing l = { .filter = &w->filter,
                         .want_parsed = printer_parses(&w->printer),
                         .each = add_listed,
                         .ctx = w,
                         .revision = w->listed,
                         .after = &w->after,
                         .more = true };
    enum err_code rc = listing_page(w->store, &l, KUBE_PAGE, err);
    if (rc != ERR_OK)
        return rc;
    w->listed = l.revision;
    if (l.more)
        return ERR_OK;
    w->revision = l.revision;
    w->stage = STAGE_CATCH_UP;
    if (w->marks_end)
        add_bookmark(w, true);
    return ERR_OK;
}

static enum err_code add_stored_change(void *ctx, const struct store_change *c, struct err *err) {
    struct watch *w = ctx;
    json_t *now = NULL, *before = NULL;
    enum err_code rc = json_parse(c->body, &now, err);
    if (rc == ERR_OK && c->prev.ptr != NULL)
        rc = json_parse(c->prev, &before, err);
    if (rc == ERR_OK) {
        const struct version is = { c->body, now }, was = { c->type == STORE_DELETED ? c->body : c->prev,
                                                            c->type == STORE_DELETED ? now : before };
        add_change(w, c->type, &is, &was, c->revision);
        rc = strbuf_check(&w->lines, err);
    }
    json_decref(now);
    json_decref(before);
    return rc;
}

static enum err_code fill_history(struct watch *w, struct err *err) {
    int64_t seen = w->revision;
    enum err_code rc = store_changes(w->store, str_of(w->filter.kind->plural), w->revision, CATCH_UP_PAGE,
                                     add_stored_change, w, &seen, err);
    if (rc == ERR_OK)
        w->revision = seen;
    return rc;
}

static void watch_fill(void *ctx) {
    struct watch *w = ctx;
    struct err err = { 0 };
    enum err_code rc = w->stage == STAGE_LIST ? fill_list(w, &err) : fill_history(w, &err);
    if (rc == ERR_OK)
        return;
    strbuf_clear(&w->lines);
    add_gone(w, rc == ERR_EXPIRED
                    ? "too old resource version: the history does not reach back that far; list again"
                    : "the watch cannot go on; list again");
    if (rc != ERR_EXPIRED)
        log_warn_err(w->log, NULL, "watch_failed", &err, KV("kind", w->filter.kind->plural));
}

/* ---- on the HTTP thread ---- */

static void take_events(struct watch *w) {
    struct hub_taken taken;
    hub_take(w->hub, w->revision, &taken);
    if (taken.is_behind) {
        w->stage = STAGE_CATCH_UP; /* the store remembers longer than the hub */
        return;
    }
    for (size_t i = 0; i < taken.len; i++) {
        struct event *e = taken.events[i];
        if (e->kind == w->filter.kind) {
            const json_t *now = event_object(e);
            const struct version is = { e->body, now };
            const struct version was = { e->type == STORE_DELETED ? e->body : e->prev,
                                         e->type == STORE_DELETED ? now : event_previous(e) };
            add_change(w, e->type, &is, &was, e->revision);
        }
        event_unref(e);
    }
    w->revision = taken.seen;
}

static bool copy_out(struct watch *w, char *out, size_t max, size_t *ret_len) {
    size_t left = w->lines.len - w->sent;
    if (left == 0)
        return false;
    *ret_len = left < max ? left : max;
    memcpy(out, w->lines.ptr + w->sent, *ret_len);
    w->sent += *ret_len;
    if (w->sent == w->lines.len) {
        /* Thousands wait for a long time: what a burst needed is given back. */
        strbuf_done(&w->lines);
        w->lines = STRBUF(LINES_MAX);
        w->sent = 0;
    }
    return true;
}

static enum http_stream_state watch_read(void *ctx, char *out, size_t max, size_t *ret_len) {
    struct watch *w = ctx;
    if (copy_out(w, out, max, ret_len))
        return HTTP_STREAM_DATA;
    if (w->ends || atomic_load(&w->watcher.is_over))
        return HTTP_STREAM_END;
    if (w->stage == STAGE_LIST)
        return HTTP_STREAM_FILL;
    if (w->stage == STAGE_CATCH_UP && hub_reaches(w->hub, w->revision))
        w->stage = STAGE_LIVE;
    int64_t before;
    do {
        before = w->revision;
        if (w->stage == STAGE_LIVE)
            take_events(w);
        if (w->stage == STAGE_CATCH_UP)
            return HTTP_STREAM_FILL;
    } while (w->lines.len == 0 && w->revision > before);
    if (w->lines.failed) {
        strbuf_done(&w->lines);
        w->lines = STRBUF(LINES_MAX);
        add_gone(w, "more has changed at once than fits; list again");
    }
    if (w->lines.len == 0 && atomic_exchange(&w->watcher.wants_bookmark, false))
        add_bookmark(w, false);
    return copy_out(w, out, max, ret_len) ? HTTP_STREAM_DATA : HTTP_STREAM_WAIT;
}

static const struct http_stream_ops watch_ops = {
    .read = watch_read, .fill = watch_fill, .close = watch_free, .run = HTTP_RUN_WORK
};

/* ---- beginning ---- */

static enum err_code read_start(struct kube_request *kr, struct watch *w, struct err *err) {
    struct str version = request_query(kr, "resourceVersion"),
               match = request_query(kr, "resourceVersionMatch");
    bool initial = request_query_flag(kr, "sendInitialEvents"),
         is_told = request_query(kr, "sendInitialEvents").ptr != NULL,
         from_any = version.len == 0 || str_eq(version, STR("0"));
    int64_t wanted = 0, present = 0;
    struct err ignored;
    if (initial && !str_eq(match, STR("NotOlderThan")))
        return refuse(&kr->refusal, 422, "Invalid",
                      "sendInitialEvents requires resourceVersionMatch=NotOlderThan");
    w->marks_end = initial && w->watcher.takes_bookmarks;
    w->stage = initial || (from_any && !is_told) ? STAGE_LIST : STAGE_CATCH_UP;
    if (version.len > 0 && parse_i64(version, 0, INT64_MAX, &wanted, &ignored) != ERR_OK)
        return refuse(&kr->refusal, 400, "BadRequest", "resourceVersion: Invalid value: \"%.*s\"",
                      STR_FMT(str_sub(version, 0, 50)));
    enum err_code rc = store_revision(w->store, &present, err);
    if (rc == ERR_OK && wanted > present) {
        kr->refusal.retry_after_s = 1;
        return refuse(&kr->refusal, 504, "Timeout", "Too large resource version: %lld, current: %lld",
                      (long long)wanted, (long long)present);
    }
    w->revision = from_any ? present : wanted;
    return rc;
}

static enum err_code read_lifetime(struct kube_request *kr, struct watch *w) {
    struct str text = request_query(kr, "timeoutSeconds");
    uint64_t seconds = 0;
    struct err ignored;
    if (text.len > 0 && parse_u64(text, 0, INT32_MAX, &seconds, &ignored) != ERR_OK)
        return refuse(&kr->refusal, 400, "BadRequest", "timeoutSeconds: must be a number of seconds");
    uint16_t spread;
    random_bytes(kr->app->env->random, &spread, sizeof spread);
    if (seconds == 0)
        seconds = SHORTEST_S + spread % SHORTEST_S;
    if (seconds > LONGEST_S)
        seconds = LONGEST_S;
    int64_t now = clock_now_s(kr->req->clock), left = kr->who.expires_at - now;
    if (kr->who.expires_at > 0 && left < (int64_t)seconds)
        seconds = left > 0 ? (uint64_t)left : 1; /* a token's watch does not outlive it */
    int64_t mono = clock_mono_ms(kr->req->clock);
    w->watcher.until_ms = mono + (int64_t)seconds * 1000;
    w->watcher.bookmark_ms = mono + 1000 + spread % (hub_bookmark_ms(kr->app->hub) + 1);
    return ERR_OK;
}

/* A watch that begins where the history does not reach is answered at once: 410, as Kubernetes does inside the stream. */
static enum err_code begin(struct kube_request *kr, struct watch *w, struct err *err) {
    w->hub = kr->app->hub;
    w->store = kr->app->env->store;
    w->log = kr->req->log;
    w->printer = printer_of(kr);
    w->after = STRBUF(STORE_NAME_MAX + 1);
    w->lines = STRBUF(LINES_MAX);
    w->watcher.takes_bookmarks = request_query_flag(kr, "allowWatchBookmarks");
    enum err_code rc = filter_read(kr, &w->filter, err);
    if (rc == ERR_OK)
        rc = read_start(kr, w, err);
    if (rc == ERR_OK)
        rc = read_lifetime(kr, w);
    if (rc != ERR_OK)
        return rc;
    w->watcher.kind = kr->kind;
    w->watcher.filter = &w->filter;
    return ERR_OK;
}

enum err_code watch_objects(struct kube_request *kr, struct err *err) {
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(err, ERR_NOMEM, "a watch");
    enum err_code rc = begin(kr, w, err);
    if (rc != ERR_OK) {
        watch_free(w);
        return rc;
    }
    http_set_header(kr->res, "Cache-Control", STR("no-cache, private"));
    http_body_stream(kr->res, "application/json", &watch_ops, w, &w->watcher.stream);
    hub_join(w->hub, &w->watcher);
    w->joined = true;
    return ERR_OK;
}
