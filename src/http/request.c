#include "http/cookie.h"
#include "http/exchange.h"

static const struct exchange *exchange_of(const struct http_request *req) { return req->connection; }

struct str http_param(const struct http_request *req, const char *name) {
    struct str wanted = str_of(name);
    for (size_t i = 0; i < req->param_count; i++)
        if (str_eq(req->params[i].name, wanted))
            return req->params[i].value;
    return STR_NULL;
}

struct str http_header(const struct http_request *req, const char *name) {
    const struct exchange *ex = exchange_of(req);
    struct str wanted = str_of(name);
    for (size_t i = 0; i < ex->header_count; i++)
        if (str_eq_nocase(ex->headers[i].name, wanted))
            return ex->headers[i].value;
    return STR_NULL;
}

size_t http_header_count(const struct http_request *req, const char *name) {
    const struct exchange *ex = exchange_of(req);
    struct str wanted = str_of(name);
    size_t n = 0;
    for (size_t i = 0; i < ex->header_count; i++)
        n += str_eq_nocase(ex->headers[i].name, wanted);
    return n;
}

bool http_header_next(const struct http_request *req, size_t *i, struct str *ret_name,
                      struct str *ret_value) {
    const struct exchange *ex = exchange_of(req);
    if (*i >= ex->header_count)
        return false;
    *ret_name = ex->headers[*i].name;
    *ret_value = ex->headers[*i].value;
    ++*i;
    return true;
}

struct str http_cookie(const struct http_request *req, const char *name) {
    const struct exchange *ex = exchange_of(req);
    for (size_t i = 0; i < ex->header_count; i++) {
        if (!str_eq_nocase(ex->headers[i].name, STR("Cookie")))
            continue;
        struct str value = cookie_find(ex->headers[i].value, str_of(name));
        if (value.ptr != NULL)
            return value;
    }
    return STR_NULL;
}

struct str http_path_param(const struct http_request *req, const char *name) {
    const struct route_match *match = &exchange_of(req)->match;
    struct str wanted = str_of(name);
    for (size_t i = 0; match->entry != NULL && i < match->entry->name_count; i++)
        if (str_eq(match->entry->names[i], wanted))
            return match->values[i];
    return STR_NULL;
}

struct str http_path_rest(const struct http_request *req) {
    const struct route_match *match = &exchange_of(req)->match;
    return match->entry != NULL && match->entry->is_rest ? match->rest : STR_NULL;
}
