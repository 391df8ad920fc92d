#include "http/response.h"

#include "http/cookie.h"
#include "http/message.h"
#include "http/stream.h"

enum { SET_COOKIE_MAX = 8192 };

void response_init(struct http_response *res, const struct http_request *req) {
    res->status = 200;
    res->arena = req->arena;
    res->log = req->log;
    res->request_id = req->request_id;
    res->header_count = 0;
    res->body = STR("");
    res->body_is_static = true;
    res->stream = NULL;
    res->stream_ops = NULL;
    res->failed = false;
    res->moves = false;
}

void response_drop_stream(struct http_response *res) {
    if (res->stream != NULL)
        stream_unref(res->stream);
    else if (res->stream_ops != NULL)
        res->stream_ops->close(res->stream_ctx);
    res->stream = NULL;
    res->stream_ops = NULL;
}

void response_reset(struct http_response *res, const struct http_request *req) {
    response_drop_stream(res);
    response_init(res, req);
}

void http_move(struct http_response *res, enum http_run run) {
    res->moves = true;
    res->move_to = run;
}

void http_status(struct http_response *res, unsigned status) { res->status = status; }
unsigned http_response_status(const struct http_response *res) { return res->status; }

static struct response_header *find_header(struct http_response *res, const char *name) {
    struct str wanted = str_of(name);
    for (size_t i = 0; i < res->header_count; i++)
        if (str_eq_nocase(str_of(res->headers[i].name), wanted))
            return &res->headers[i];
    return NULL;
}

bool response_has_header(const struct http_response *res, const char *name) {
    struct str wanted = str_of(name);
    for (size_t i = 0; i < res->header_count; i++)
        if (str_eq_nocase(str_of(res->headers[i].name), wanted))
            return true;
    return false;
}

static void put_header(struct http_response *res, struct response_header *at, const char *name,
                       struct str value) {
    if (at == NULL) {
        if (res->header_count == HTTP_RESPONSE_HEADERS_MAX) {
            res->failed = true;
            return;
        }
        at = &res->headers[res->header_count++];
    }
    *at = (struct response_header) { name, value };
}

void response_default_header(struct http_response *res, const char *name, struct str value) {
    if (!response_has_header(res, name))
        put_header(res, NULL, name, value);
}

static void copy_header(struct http_response *res, struct response_header *at, const char *name,
                        struct str value) {
    if (!header_name_is_valid(str_of(name)) || !header_value_is_safe(value)) {
        log_warn(res->log, res->request_id, "response_header_dropped", KV("header", name),
                 KV("reason", "it would split the response"));
        return;
    }
    char *name_copy = arena_strdup(res->arena, str_of(name));
    char *value_copy = arena_strdup(res->arena, str_trim(value));
    if (name_copy == NULL || value_copy == NULL)
        res->failed = true;
    else
        put_header(res, at, name_copy, str_of(value_copy));
}

void http_set_header(struct http_response *res, const char *name, struct str value) {
    copy_header(res, find_header(res, name), name, value);
}

void http_add_header(struct http_response *res, const char *name, struct str value) {
    copy_header(res, NULL, name, value);
}

void http_body_static(struct http_response *res, const char *content_type, struct str body) {
    response_drop_stream(res);
    http_set_header(res, "Content-Type", str_of(content_type));
    res->body = body;
    res->body_is_static = true;
}

void http_body(struct http_response *res, const char *content_type, struct str body) {
    struct str copy = arena_str(res->arena, body);
    if (copy.ptr == NULL) {
        res->failed = true;
        return;
    }
    http_body_static(res, content_type, copy);
    res->body_is_static = false;
}

void http_body_stream(struct http_response *res, const char *content_type, const struct http_stream_ops *ops,
                      void *ctx, struct http_stream **ret_stream) {
    http_body_static(res, content_type, STR(""));
    res->body_is_static = false;
    res->stream = stream_new(ops, ctx);
    res->stream_ops =
        ops; /* closed with the response also when there is no stream: the handler still needs ctx */
    res->stream_ctx = ctx;
    res->failed = res->failed || res->stream == NULL;
    if (ret_stream != NULL)
        *ret_stream = res->stream;
}

void http_redirect(struct http_response *res, unsigned status, struct str location) {
    if (location.len == 0 || !header_value_is_safe(location)) {
        log_warn(res->log, res->request_id, "redirect_refused", KV("reason", "it would split the response"));
        res->failed = true;
        return;
    }
    res->status = status;
    http_set_header(res, "Location", location);
}

void http_set_cookie(struct http_response *res, const struct http_cookie_spec *cookie) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(SET_COOKIE_MAX);
    if (cookie_format(cookie, &text))
        http_add_header(res, "Set-Cookie", strbuf_str(&text));
    else
        log_warn(res->log, res->request_id, "cookie_dropped", KV("name", cookie->name),
                 KV("reason", "no cookie may hold these bytes"));
}
