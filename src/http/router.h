/* Routes are data: compiled once into a tree of path segments, looked up without allocation. */
#pragma once
#include "http/limits.h"
#include "tkeauth/http.h"

struct route_entry {
    const struct route *route;
    size_t index; /* dense, from 0: where the server keeps what it knows about the route */
    struct str names[HTTP_PATH_PARAMS_MAX];
    size_t name_count;
    bool is_rest;   /* ends in a wildcard */
    bool has_slash; /* ends in a slash */
};
struct route_match {
    const struct route_entry *entry;
    struct str values[HTTP_PATH_PARAMS_MAX]; /* slices of the path, in the order of entry->names */
    struct str rest;
};

struct router;
/* Borrows the tables (each ends with path NULL, the list with NULL). ERR_INVALID: a pattern that cannot be compiled, or
 * two routes that answer the same method of the same path. */
MUST_CHECK enum err_code router_new(const struct route *const *tables, struct router **ret, struct err *err);
void router_free(struct router *r);
DEFINE_AUTO_FREE(router_free, struct router);
size_t router_len(const struct router *r);
const struct route_entry *router_entry(const struct router *r, size_t index);

/* Literal segments win over `{name}`, which wins over `{*}`. True: *ret is filled. False: *ret_allowed has the methods
 * that the path knows (HEAD with GET), 0 when there is no such path. HEAD finds a route of GET. */
bool router_find(const struct router *r, struct str path, enum http_method method, struct route_match *ret,
                 unsigned *ret_allowed);

/* 0: not a method we know. */
enum http_method http_method_parse(struct str name);
const char *http_method_name(enum http_method method);
/* "GET, HEAD, POST": for Allow. */
void http_methods_format(unsigned methods, struct strbuf *out);
