#include "kube/list.h"

#include "kube/people.h"
#include "kube/status.h"

enum {
    TOKEN_MAX = 2048,
    PAGE_BYTES_MAX = 256 * 1024 * 1024,
    CHUNK_MAX = 64 * 1024 * 1024,
    DECORATION_MAX = 64 * 1024 * 1024,
    PAGE_BYTES_ENOUGH = 16 * 1024 *
                        1024, /* of bodies: the next page goes on; far below what texts may hold */
    LOOKED_AT_MAX =
        5000, /* objects a page looks at: a selector that hardly ever matches must not keep a worker for long */
};

/* ---- pages ---- */

struct paging {
    struct listing *l;
    size_t limit, seen, matched, bytes;
    bool is_full; /* what comes now is for the next page */
};

static enum err_code page_each(void *ctx, const struct store_object *o, struct err *err) {
    struct paging *p = ctx;
    const struct filter *f = p->l->filter;
    json_t *object = NULL;
    /* What has changed since is offered as it was, whether it had the key then or not. */
    bool exact = f->sees_all_of_key && (f->key.ptr == NULL || !o->changed_since);
    if (p->is_full)
        return ERR_OK;
    p->seen++;
    strbuf_clear(p->l->after);
    strbuf_add(p->l->after, o->name);
    if (!exact || p->l->want_parsed) {
        enum err_code rc = json_parse(o->body, &object, err);
        if (rc != ERR_OK)
            return err_context(err, "%.*s/%.*s", STR_FMT(o->kind), STR_FMT(o->name));
    }
    enum err_code rc = ERR_OK;
    if (object == NULL || filter_matches(f, object)) {
        p->matched++;
        p->bytes += o->body.len;
        p->is_full = p->bytes >= PAGE_BYTES_ENOUGH;
        rc = p->l->each(p->l->ctx, o, object, err);
    }
    json_decref(object);
    return rc;
}

static enum err_code one_named(struct store *s, struct paging *p, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(4 * STORE_OBJECT_MAX);
    struct store_object o;
    struct listing *l = p->l;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    l->more = false;
    enum err_code rc = store_revision(s, &l->revision, err);
    if (rc == ERR_OK)
        rc = store_get(s, a, str_of(l->filter->kind->plural), l->filter->exact_name, &o, err);
    if (rc == ERR_NOT_FOUND || rc == ERR_INVALID)
        return ERR_OK;
    return rc == ERR_OK ? page_each(p, &o, err) : rc;
}

enum err_code listing_page(struct store *s, struct listing *l, size_t limit, struct err *err) {
    const struct filter *f = l->filter;
    struct paging p = { .l = l, .limit = limit };
    AUTO(strbuf_done) struct strbuf after = STRBUF(STORE_NAME_MAX + 1);
    if (f->exact_name.len > 0 && !f->kind->namespaced && l->revision == 0)
        return one_named(s, &p, err);
    int64_t revision = l->revision;
    size_t looked_at = 0;
    do {
        size_t want = limit - p.matched;
        strbuf_clear(&after);
        strbuf_add(&after, strbuf_str(l->after));
        p.seen = 0;
        const struct store_query q = { .kind = str_of(f->kind->plural),
                                       .key = f->key,
                                       .after = after.len > 0 ? strbuf_str(&after) : STR_NULL,
                                       .limit = want,
                                       .at_revision = revision,
                                       .each = page_each,
                                       .ctx = &p };
        int64_t listed = 0;
        enum err_code rc = store_list(s, &q, &listed, err);
        if (rc != ERR_OK)
            return rc;
        if (revision == 0)
            revision = listed;
        l->more = p.is_full || p.seen == want;
        looked_at += p.seen;
    } while (l->more && !p.is_full && p.matched < limit && looked_at < LOOKED_AT_MAX);
    l->revision = revision;
    return ERR_OK;
}

/* ---- continue tokens: where to go on, and at which revision ---- */

static void token_print(int64_t revision, struct str after, struct strbuf *out) {
    AUTO(strbuf_done) struct strbuf plain = STRBUF(TOKEN_MAX);
    strbuf_add_i64(&plain, revision);
    strbuf_addc(&plain, '/');
    strbuf_add(&plain, after);
    base64url_add(out, plain.ptr, plain.len);
}

static enum err_code token_read(struct kube_request *kr, struct str token, int64_t *ret_revision,
                                struct strbuf *ret_after) {
    AUTO(strbuf_done) struct strbuf plain = STRBUF(TOKEN_MAX);
    struct str revision, after;
    struct err err;
    if (token.len > TOKEN_MAX || base64url_decode(token, &plain, &err) != ERR_OK ||
        !str_cut(strbuf_str(&plain), '/', &revision, &after) || after.len == 0 ||
        after.len > STORE_NAME_MAX || !str_is_utf8(after) ||
        parse_i64(revision, 1, INT64_MAX, ret_revision, &err) != ERR_OK)
        return refuse(&kr->refusal, 400, "BadRequest", "continue: not a token of this server");
    strbuf_add(ret_after, after);
    return ERR_OK;
}

/* ---- what is asked for ---- */

struct list_request {
    int64_t revision; /* 0: the present */
    size_t limit;     /* 0: all */
    struct strbuf after;
};

static void list_request_done(struct list_request *l) { strbuf_done(&l->after); }

/* resourceVersion of a list (Kubernetes, "resource versions"): what is newer than asked for always is here; "Exact" goes back. */
static enum err_code read_version(struct kube_request *kr, struct list_request *l, struct err *err) {
    struct str version = request_query(kr, "resourceVersion"),
               match = request_query(kr, "resourceVersionMatch");
    int64_t wanted = 0, present = 0;
    struct err ignored;
    if (version.len == 0 || str_eq(version, STR("0")))
        return match.len > 0 && version.len == 0
                   ? refuse(&kr->refusal, 400, "BadRequest",
                            "resourceVersionMatch is forbidden unless resourceVersion is provided")
               : str_eq(match, STR("Exact"))
                   ? refuse(&kr->refusal, 400, "BadRequest",
                            "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"")
                   : ERR_OK;
    if (parse_i64(version, 0, INT64_MAX, &wanted, &ignored) != ERR_OK)
        return refuse(&kr->refusal, 400, "BadRequest", "resourceVersion: Invalid value: \"%.*s\"",
                      STR_FMT(str_sub(version, 0, 50)));
    enum err_code rc = store_revision(kr->app->env->store, &present, err);
    if (rc != ERR_OK)
        return rc;
    if (wanted > present) {
        kr->refusal.retry_after_s = 1;
        return refuse(&kr->refusal, 504, "Timeout", "Too large resource version: %lld, current: %lld",
                      (long long)wanted, (long long)present);
    }
    if (str_eq(match, STR("Exact")))
        l->revision = wanted;
    else if (match.len > 0 && !str_eq(match, STR("NotOlderThan")))
        return refuse(&kr->refusal, 400, "BadRequest", "resourceVersionMatch: must be Exact or NotOlderThan");
    return ERR_OK;
}

static enum err_code read_request(struct kube_request *kr, struct list_request *l, struct err *err) {
    struct str limit = request_query(kr, "limit"), token = request_query(kr, "continue");
    uint64_t n = 0;
    struct err ignored;
    if (limit.len > 0 && parse_u64(limit, 0, INT64_MAX, &n, &ignored) != ERR_OK)
        return refuse(&kr->refusal, 400, "BadRequest", "limit: must be a number of objects");
    l->limit = n > KUBE_LIMIT_MAX ? KUBE_LIMIT_MAX : (size_t)n;
    struct str version = request_query(kr, "resourceVersion");
    if (token.len > 0 && version.len > 0 && !str_eq(version, STR("0")))
        return refuse(&kr->refusal, 400, "BadRequest",
                      "specifying resource version is not allowed when using continue");
    if (token.len > 0)
        return token_read(kr, token, &l->revision, &l->after);
    return read_version(kr, l, err);
}

/* ---- one page ---- */

struct items {
    struct printer printer;
    struct strbuf *out;
    bool first;
    struct kube_request *decorates; /* people are shown with their policies; NULL: as they are stored */
};

static enum err_code add_decorated(struct items *i, const struct store_object *o, const json_t *object,
                                   struct err *err) {
    json_t *shown = json_deep_copy(object);
    enum err_code rc = shown != NULL ? people_decorate(i->decorates, shown, true, err)
                                     : err_set(err, ERR_NOMEM, "an object");
    if (rc == ERR_OK)
        rc = printer_object(&i->printer, STR_NULL, shown, o->revision, i->out, err);
    json_decref(shown);
    return rc;
}

static enum err_code add_item(void *ctx, const struct store_object *o, const json_t *object,
                              struct err *err) {
    struct items *i = ctx;
    if (!i->first)
        strbuf_addc(i->out, ',');
    i->first = false;
    enum err_code rc = i->decorates != NULL
                           ? add_decorated(i, o, object, err)
                           : printer_object(&i->printer, o->body, object, o->revision, i->out, err);
    return rc == ERR_OK ? strbuf_check(i->out, err) : rc;
}

static enum err_code too_old(struct kube_request *kr) {
    return refuse(&kr->refusal, 410, "Expired",
                  "The provided continue parameter or resource version is too old to display a consistent "
                  "list; list again without it");
}

/* "policy=true" (contract 2.1, 2.9). */
static bool decorates(const struct filter *f) {
    return f->with_policies && (f->kind == &kind_local_identity || f->kind == &kind_local_group);
}

/* One page, or without a limit all of them: what is shown besides needs the request, so it cannot be a stream. Every page has memory of its
 * own. */
static enum err_code fill_decorated(struct kube_request *kr, struct listing *l, size_t limit,
                                    struct items *items, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(DECORATION_MAX);
    struct kube_request scratch = *kr;
    enum err_code rc = a != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "a list");
    scratch.arena = a;
    items->decorates = &scratch;
    do {
        if (rc == ERR_OK)
            rc = listing_page(kr->app->env->store, l, limit > 0 ? limit : KUBE_PAGE, err);
        if (rc == ERR_OK && arena_failed(a))
            rc = err_set(err, ERR_NOMEM, "a list");
        if (rc == ERR_OK)
            arena_reset(a);
    } while (rc == ERR_OK && limit == 0 && l->more);
    items->decorates = NULL;
    return rc;
}

static enum err_code answer_page(struct kube_request *kr, const struct filter *f,
                                 struct list_request *request, struct err *err) {
    AUTO(strbuf_done)
    struct strbuf items_text = STRBUF(PAGE_BYTES_MAX), out = STRBUF(PAGE_BYTES_MAX),
                  token = STRBUF(TOKEN_MAX);
    struct items items = { printer_of(kr), &items_text, true, NULL };
    struct listing l = { .filter = f,
                         .want_parsed = printer_parses(&items.printer) || decorates(f),
                         .each = add_item,
                         .ctx = &items,
                         .revision = request->revision,
                         .after = &request->after,
                         .more = true };
    enum err_code rc = decorates(f) ? fill_decorated(kr, &l, request->limit, &items, err)
                                    : listing_page(kr->app->env->store, &l, request->limit, err);
    if (rc == ERR_EXPIRED)
        return too_old(kr);
    if (rc != ERR_OK)
        return rc;
    if (l.more)
        token_print(l.revision, strbuf_str(&request->after), &token);
    printer_list_begin(&items.printer, l.revision, strbuf_str(&token), &out);
    strbuf_add(&out, strbuf_str(&items_text));
    printer_list_end(&items.printer, &out);
    return answer_json(kr, 200, &out, err);
}

/* ---- all of them: written while it is read, so that it never is in memory as a whole ---- */

struct list_stream {
    struct filter filter;
    struct printer printer;
    struct store *store;
    struct log *log;
    struct strbuf after, chunk;
    size_t sent; /* of the chunk */
    int64_t revision;
    bool begun, ended, failed, any;
};

static void stream_free(void *ctx) {
    struct list_stream *s = ctx;
    filter_done(&s->filter);
    strbuf_done(&s->after);
    strbuf_done(&s->chunk);
    free(s);
}

static enum http_stream_state stream_read(void *ctx, char *out, size_t max, size_t *ret_len) {
    struct list_stream *s = ctx;
    size_t left = s->chunk.len - s->sent;
    if (left > 0) {
        *ret_len = left < max ? left : max;
        memcpy(out, s->chunk.ptr + s->sent, *ret_len);
        s->sent += *ret_len;
        return HTTP_STREAM_DATA;
    }
    if (s->failed)
        return HTTP_STREAM_FAIL;
    return s->ended ? HTTP_STREAM_END : HTTP_STREAM_FILL;
}

static enum err_code fill_chunk(struct list_stream *s, struct err *err) {
    struct items items = { s->printer, &s->chunk, !s->any, NULL };
    AUTO(strbuf_done) struct strbuf objects = STRBUF(CHUNK_MAX);
    items.out = &objects;
    struct listing l = { .filter = &s->filter,
                         .want_parsed = printer_parses(&s->printer),
                         .each = add_item,
                         .ctx = &items,
                         .revision = s->revision,
                         .after = &s->after,
                         .more = true };
    strbuf_clear(&s->chunk);
    s->sent = 0;
    enum err_code rc = listing_page(s->store, &l, KUBE_PAGE, err);
    if (rc != ERR_OK)
        return rc;
    if (!s->begun)
        printer_list_begin(&s->printer, l.revision, STR_NULL, &s->chunk);
    strbuf_add(&s->chunk, strbuf_str(&objects));
    if (!l.more)
        printer_list_end(&s->printer, &s->chunk);
    s->begun = true;
    s->ended = !l.more;
    s->any = !items.first;
    s->revision = l.revision;
    return strbuf_check(&s->chunk, err);
}

static void stream_fill(void *ctx) {
    struct list_stream *s = ctx;
    struct err err = { 0 };
    if (fill_chunk(s, &err) == ERR_OK)
        return;
    s->failed = true;
    log_warn_err(s->log, NULL, "list_cut", &err, KV("kind", s->filter.kind->plural));
}

static const struct http_stream_ops list_stream_ops = {
    .read = stream_read, .fill = stream_fill, .close = stream_free, .run = HTTP_RUN_WORK
};

/* The first piece is made here: most lists are no longer, and an error can still be told. */
static enum err_code answer_all(struct kube_request *kr, struct filter *f, const struct list_request *request,
                                struct err *err) {
    struct list_stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "a list");
    *s = (struct list_stream) { .filter = *f,
                                .printer = printer_of(kr),
                                .store = kr->app->env->store,
                                .log = kr->req->log,
                                .after = STRBUF(STORE_NAME_MAX + 1),
                                .chunk = STRBUF(2 * CHUNK_MAX),
                                .revision = request->revision };
    *f = (struct filter) { 0 }; /* the stream's now */
    strbuf_add(&s->after, strbuf_str(&request->after));
    enum err_code rc = fill_chunk(s, err);
    if (rc == ERR_OK && s->ended)
        rc = answer_json(kr, 200, &s->chunk, err);
    else if (rc == ERR_OK) {
        http_set_header(kr->res, "Cache-Control", STR("no-cache, private"));
        http_body_stream(kr->res, "application/json", &list_stream_ops, s, NULL);
        return ERR_OK;
    }
    stream_free(s);
    return rc == ERR_EXPIRED ? too_old(kr) : rc;
}

enum err_code list_objects(struct kube_request *kr, struct err *err) {
    AUTO(filter_done) struct filter f = { 0 };
    AUTO(list_request_done) struct list_request request = { .after = STRBUF(STORE_NAME_MAX + 1) };
    enum err_code rc = filter_read(kr, &f, err);
    if (rc == ERR_OK)
        rc = read_request(kr, &request, err);
    if (rc != ERR_OK)
        return rc;
    return request.limit > 0 || decorates(&f) ? answer_page(kr, &f, &request, err)
                                              : answer_all(kr, &f, &request, err);
}
