#include <microhttpd.h>

#include "http/exchange.h"
#include "http/message.h"
#include "http/origin.h"
#include "http/path.h"

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len,
                                 const char *value, size_t value_len) {
    (void)kind;
    struct exchange *ex = cls;
    if (ex->header_count == HTTP_HEADERS_MAX) {
        (void)exchange_refuse(ex, 431, ERR_LIMIT, "too many header lines");
        return MHD_NO;
    }
    struct str name = { key, key_len };
    if (!header_name_is_valid(name)) {
        (void)exchange_refuse(ex, 400, ERR_INVALID, "malformed header name");
        return MHD_NO;
    }
    ex->headers[ex->header_count++] = (struct header) { name, { value ? value : "", value_len } };
    return MHD_YES;
}

static bool read_headers(struct exchange *ex) {
    (void)MHD_get_connection_values_n(ex->mhd, MHD_HEADER_KIND, on_header, ex);
    if (ex->refusal.status != 0)
        return false;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(ex->mhd,
                                                                   MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info != NULL && info->header_size > ex->server->options.limits.header_bytes)
        return exchange_refuse(ex, 431, ERR_LIMIT, "head too large");
    return true;
}

/* The few headers that the edge itself goes by. */
struct known {
    struct str host, content_type, content_length, transfer_encoding, expect, request_id, cors_method;
    struct origin_headers from;
    unsigned hosts, authorizations, lengths, encodings;
};

static void note_header(struct known *k, const struct header *h) {
    static const struct {
        struct str name;
        size_t value, times; /* offsets; times 0: not counted */
    } wanted[] = {
        { { "Host", 4 }, offsetof(struct known, host), offsetof(struct known, hosts) },
        { { "Authorization", 13 }, 0, offsetof(struct known, authorizations) },
        { { "Content-Type", 12 }, offsetof(struct known, content_type), 0 },
        { { "Content-Length", 14 }, offsetof(struct known, content_length), offsetof(struct known, lengths) },
        { { "Transfer-Encoding", 17 },
          offsetof(struct known, transfer_encoding),
          offsetof(struct known, encodings) },
        { { "Expect", 6 }, offsetof(struct known, expect), 0 },
        { { "X-Request-Id", 12 }, offsetof(struct known, request_id), 0 },
        { { "Origin", 6 }, offsetof(struct known, from.origin), 0 },
        { { "Sec-Fetch-Site", 14 }, offsetof(struct known, from.sec_fetch_site), 0 },
        { { "Access-Control-Request-Method", 29 }, offsetof(struct known, cors_method), 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (h->name.len != wanted[i].name.len || !str_eq_nocase(h->name, wanted[i].name))
            continue;
        if (wanted[i].times != 0)
            ++*(unsigned *)(void *)((char *)k + wanted[i].times);
        if (!str_eq_nocase(h->name, STR("Authorization")))
            *(struct str *)(void *)((char *)k + wanted[i].value) = h->value;
        return;
    }
}

/* Two of these, or both ways to end a body, are how requests are smuggled past a proxy (RFC 9112 6.3, 11.2). */
static bool check_ambiguity(struct exchange *ex, const struct known *k) {
    if (k->hosts > 1 || k->authorizations > 1 || k->lengths > 1 || k->encodings > 1)
        return exchange_refuse(ex, 400, ERR_INVALID, "repeated Host, Authorization or framing header");
    if (k->lengths > 0 && k->encodings > 0)
        return exchange_refuse(ex, 400, ERR_INVALID, "Content-Length beside Transfer-Encoding");
    if (k->encodings > 0 && !str_eq_nocase(k->transfer_encoding, STR("chunked")))
        return exchange_refuse(ex, 501, ERR_INVALID, "unknown transfer coding");
    uint64_t length = 0;
    struct err err;
    if (k->lengths > 0 && parse_u64(k->content_length, 0, INT64_MAX, &length, &err) != ERR_OK)
        return exchange_refuse(ex, 400, ERR_INVALID, "bad Content-Length");
    ex->content_length = length;
    ex->has_body = length > 0 || k->encodings > 0;
    ex->expects_continue = k->expect.len > 0;
    return true;
}

/* Who asks. Runs first: every answer carries the id, every log line both. */
static void identify(struct exchange *ex, const struct known *k) {
    struct http_server *s = ex->server;
    struct connection *c = ex->connection;
    bool trusted = s->trusted_len > 0 && cidr_contains(s->trusted, s->trusted_len, &c->ip);
    struct ip client = c->ip;
    if (trusted) {
        struct str values[HTTP_FORWARDED_MAX];
        size_t len = 0;
        for (size_t i = 0; i < ex->header_count && len < ARRAY_LEN(values); i++)
            if (str_eq_nocase(ex->headers[i].name, STR("X-Forwarded-For")))
                values[len++] = ex->headers[i].value;
        client = forwarded_client(s->trusted, s->trusted_len, &c->ip, values, len);
    }
    ex->req.client_ip = str_of(ip_format(&client, ex->ip));
    if (trusted && request_id_is_valid(k->request_id)) {
        memcpy(ex->id, k->request_id.ptr, k->request_id.len);
        ex->id[k->request_id.len] = 0;
    }
}

static bool find_route(struct exchange *ex) {
    struct http_server *s = ex->server;
    struct err err;
    if (path_decode(ex->req.arena, ex->raw_path, &ex->req.path, &err) != ERR_OK)
        return exchange_refuse(ex, err.code == ERR_NOMEM ? 500 : 400, err.code, err.detail);
    unsigned allowed;
    if (ex->req.method == 0)
        return exchange_refuse(ex, 501, ERR_INVALID, "unknown method");
    if (router_find(s->router, ex->req.path, ex->req.method, &ex->match, &allowed)) {
        ex->req.route = ex->match.entry->route;
        return true;
    }
    if (allowed == 0)
        return exchange_refuse(ex, 404, ERR_NOT_FOUND, "no such path");
    if (ex->req.method != HTTP_OPTIONS) {
        ex->refusal.allowed = allowed | HTTP_OPTIONS;
        return exchange_refuse(ex, 405, ERR_INVALID, "method not allowed");
    }
    ex->is_preflight = true;
    ex->refusal.allowed = allowed | HTTP_OPTIONS;
    return true;
}

static void check_cors(struct exchange *ex, const struct known *k) {
    const struct route *route = ex->req.route;
    struct route_match match;
    unsigned allowed;
    if (ex->is_preflight && k->cors_method.len > 0 &&
        router_find(ex->server->router, ex->req.path, http_method_parse(k->cors_method), &match, &allowed))
        route = match.entry->route;
    if (route != NULL && route->cors)
        ex->cors_origin = cors_allowed_origin(&ex->server->options.cors_origins, k->from.origin);
    if (route != NULL)
        ex->cors_headers = route->cors_headers;
}

static bool check_body(struct exchange *ex, const struct known *k) {
    const struct route *route = ex->req.route;
    bool has_form = ex->req.method == HTTP_POST && !route->raw_body;
    if (!ex->has_body)
        return true;
    if (ex->content_length > route->body_max || route->body_max == 0)
        return exchange_refuse(ex, 413, ERR_LIMIT, "body too large");
    if (has_form && !media_type_is(k->content_type, STR("application/x-www-form-urlencoded")))
        return exchange_refuse(ex, 415, ERR_INVALID, "the body is no form");
    return true;
}

static bool check_all(struct exchange *ex, struct known *k, bool headers_ok) {
    if (!headers_ok || !check_ambiguity(ex, k) || !find_route(ex))
        return false;
    check_cors(ex, k);
    if (ex->is_preflight)
        return true;
    if (ex->req.route->same_site && ex->req.method == HTTP_POST) {
        k->from.host = k->host;
        if (!origin_is_same_site(&k->from))
            return exchange_refuse(ex, 403, ERR_FORBIDDEN, "the form was posted from another site");
    }
    return check_body(ex, k);
}

void head_read(struct exchange *ex) {
    bool headers_ok = read_headers(ex);
    struct known known = { .hosts = 0 };
    for (size_t i = 0; i < ex->header_count; i++)
        note_header(&known, &ex->headers[i]);
    identify(ex, &known);
    if (check_all(ex, &known, headers_ok))
        return;
    /* An unwanted body is read and thrown away, which keeps the connection, as long as it is small. */
    ex->discards = ex->has_body;
}
