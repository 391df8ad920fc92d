#include "http/router.h"

enum { ROUTER_MEMORY_MAX = 16 << 20 };

struct edge {
    struct str name;
    struct node *to;
};

/* A place in the tree: what follows, and the routes that end here. */
struct node {
    struct edge *edges; /* sorted by name */
    size_t edge_count, edge_cap;
    struct node *param;
    struct route_entry **ends, **rests;
    size_t end_count, rest_count;
};

struct router {
    struct arena *arena;
    struct node *root;
    struct route_entry **entries;
    size_t len;
};

static const struct {
    enum http_method method;
    struct str name;
} methods_known[] = {
    { HTTP_GET, { "GET", 3 } },         { HTTP_HEAD, { "HEAD", 4 } },   { HTTP_POST, { "POST", 4 } },
    { HTTP_PUT, { "PUT", 3 } },         { HTTP_PATCH, { "PATCH", 5 } }, { HTTP_DELETE, { "DELETE", 6 } },
    { HTTP_OPTIONS, { "OPTIONS", 7 } },
};

enum http_method http_method_parse(struct str name) {
    for (size_t i = 0; i < ARRAY_LEN(methods_known); i++)
        if (str_eq(name, methods_known[i].name))
            return methods_known[i].method;
    return 0;
}

const char *http_method_name(enum http_method method) {
    for (size_t i = 0; i < ARRAY_LEN(methods_known); i++)
        if (methods_known[i].method == method)
            return methods_known[i].name.ptr;
    return "?";
}

void http_methods_format(unsigned methods, struct strbuf *out) {
    for (size_t i = 0; i < ARRAY_LEN(methods_known); i++) {
        if ((methods & methods_known[i].method) == 0)
            continue;
        if (out->len > 0)
            strbuf_add(out, STR(", "));
        strbuf_add(out, methods_known[i].name);
    }
}

static unsigned with_head(unsigned methods) { return methods & HTTP_GET ? methods | HTTP_HEAD : methods; }

/* Where `name` is, or would have to be put. */
static size_t edge_position(const struct node *n, struct str name, bool *ret_found) {
    size_t low = 0, high = n->edge_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_cmp(n->edges[middle].name, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

static struct node *literal_child(struct arena *a, struct node *n, struct str name) {
    bool found;
    size_t at = edge_position(n, name, &found);
    if (found)
        return n->edges[at].to;
    if (n->edge_count == n->edge_cap) {
        size_t cap = n->edge_cap ? n->edge_cap * 2 : 4;
        struct edge *edges = arena_array(a, cap, sizeof *edges);
        if (edges == NULL)
            return NULL;
        if (n->edge_count > 0)
            memcpy(edges, n->edges, n->edge_count * sizeof *edges);
        n->edges = edges;
        n->edge_cap = cap;
    }
    struct node *child = arena_alloc(a, sizeof *child);
    if (child == NULL)
        return NULL;
    memmove(&n->edges[at + 1], &n->edges[at], (n->edge_count - at) * sizeof *n->edges);
    n->edges[at] = (struct edge) { name, child };
    n->edge_count++;
    return child;
}

static enum err_code pattern_error(const struct route *route, const char *why, struct err *err) {
    return err_set(err, ERR_INVALID, "route %s: %s", route->path, why);
}

/* One segment of a pattern: the node behind it through *at. */
static enum err_code add_segment(struct arena *a, struct route_entry *entry, struct str segment,
                                 struct node **at, struct err *err) {
    struct str name = str_sub(segment, 1, segment.len - 2);
    bool braces = segment.len > 2 && segment.ptr[0] == '{' && segment.ptr[segment.len - 1] == '}';
    if (!braces) {
        if (segment.len == 0 || str_find(segment, '{') < segment.len || str_find(segment, '}') < segment.len)
            return pattern_error(entry->route, "a segment is literal or {name}", err);
        *at = literal_child(a, *at, segment);
    } else {
        if (entry->name_count == HTTP_PATH_PARAMS_MAX)
            return pattern_error(entry->route, "too many {name}", err);
        entry->names[entry->name_count++] = name;
        if ((*at)->param == NULL)
            (*at)->param = arena_alloc(a, sizeof *(*at)->param);
        *at = (*at)->param;
    }
    return *at ? ERR_OK : err_set(err, ERR_NOMEM, "no memory for the routes");
}

static enum err_code add_entry(struct arena *a, struct route_entry ***list, size_t *len,
                               struct route_entry *entry, struct err *err) {
    for (size_t i = 0; i < *len; i++) {
        const struct route_entry *other = (*list)[i];
        if ((other->route->methods & entry->route->methods) != 0 && other->has_slash == entry->has_slash)
            return err_set(err, ERR_INVALID, "routes %s and %s answer the same requests", other->route->path,
                           entry->route->path);
    }
    struct route_entry **grown = arena_array(a, *len + 1, sizeof *grown);
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the routes");
    if (*len > 0)
        memcpy(grown, *list, *len * sizeof(struct route_entry *));
    grown[(*len)++] = entry;
    *list = grown;
    return ERR_OK;
}

static enum err_code add_route(struct router *r, const struct route *route, struct err *err) {
    if (route->path[0] != '/')
        return pattern_error(route, "does not begin with a slash", err);
    if (route->handle == NULL || route->methods == 0)
        return pattern_error(route, "has no handler or no method", err);
    if (r->len == HTTP_ROUTES_MAX)
        return pattern_error(route, "too many routes", err);
    struct route_entry *entry = arena_alloc(r->arena, sizeof *entry);
    if (entry == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the routes");
    entry->route = route;
    entry->index = r->len;
    struct node *at = r->root;
    struct str rest = str_from(str_of(route->path), 1);
    while (rest.len > 0) {
        struct str segment;
        bool more = str_cut(rest, '/', &segment, &rest);
        if (str_eq(segment, STR("{*}"))) {
            if (more)
                return pattern_error(route, "{*} is not its last segment", err);
            entry->is_rest = true;
            break;
        }
        enum err_code rc = add_segment(r->arena, entry, segment, &at, err);
        if (rc != ERR_OK)
            return rc;
        entry->has_slash = more && rest.len == 0;
    }
    enum err_code rc = entry->is_rest ? add_entry(r->arena, &at->rests, &at->rest_count, entry, err)
                                      : add_entry(r->arena, &at->ends, &at->end_count, entry, err);
    if (rc == ERR_OK)
        r->entries[r->len++] = entry;
    return rc;
}

enum err_code router_new(const struct route *const *tables, struct router **ret, struct err *err) {
    AUTO_FREE(router_free) struct router *r = calloc(1, sizeof *r);
    if (r == NULL || (r->arena = arena_new(ROUTER_MEMORY_MAX)) == NULL ||
        (r->root = arena_alloc(r->arena, sizeof *r->root)) == NULL ||
        (r->entries = arena_array(r->arena, HTTP_ROUTES_MAX, sizeof(struct route_entry *))) == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the routes");
    for (; *tables != NULL; tables++)
        for (const struct route *route = *tables; route->path != NULL; route++) {
            enum err_code rc = add_route(r, route, err);
            if (rc != ERR_OK)
                return rc;
        }
    *ret = STEAL(r);
    return ERR_OK;
}

void router_free(struct router *r) {
    if (r == NULL)
        return;
    arena_free(r->arena);
    free(r);
}

size_t router_len(const struct router *r) { return r->len; }
const struct route_entry *router_entry(const struct router *r, size_t index) { return r->entries[index]; }

struct search {
    struct str segments[HTTP_SEGMENTS_MAX];
    size_t len;
    const char *end; /* of the path */
    bool has_slash;  /* the path ends in one (which is no segment) */
    unsigned method;
    unsigned allowed;
    struct route_match *match;
};

static bool pick(struct search *s, struct route_entry *const *list, size_t len) {
    for (size_t i = 0; i < len; i++) {
        const struct route *route = list[i]->route;
        if (!list[i]->is_rest && s->has_slash != list[i]->has_slash &&
            !(s->has_slash && route->trailing_slash))
            continue;
        s->allowed |= with_head(route->methods);
        if ((with_head(route->methods) & s->method) == 0)
            continue;
        s->match->entry = list[i];
        return true;
    }
    return false;
}

/* Depth first, so that the most literal route wins; the tree's depth bounds it. */
static bool descend(struct search *s, const struct node *n, size_t depth, size_t params) {
    if (depth == s->len && pick(s, n->ends, n->end_count))
        return true;
    if (depth < s->len) {
        bool found;
        size_t at = edge_position(n, s->segments[depth], &found);
        if (found && descend(s, n->edges[at].to, depth + 1, params))
            return true;
        if (n->param != NULL && params < HTTP_PATH_PARAMS_MAX) {
            s->match->values[params] = s->segments[depth];
            if (descend(s, n->param, depth + 1, params + 1))
                return true;
        }
    }
    /* A wildcard wants the slash in front of it: "/static" is not "/static/". */
    if (n->rest_count == 0 || (depth == s->len && s->end[-1] != '/'))
        return false;
    const char *from = depth < s->len ? s->segments[depth].ptr : s->end;
    s->match->rest = (struct str) { from, (size_t)(s->end - from) };
    return pick(s, n->rests, n->rest_count);
}

bool router_find(const struct router *r, struct str path, enum http_method method, struct route_match *ret,
                 unsigned *ret_allowed) {
    *ret_allowed = 0;
    ret->entry = NULL;
    if (path.len == 0 || path.ptr[0] != '/')
        return false;
    struct search s;
    s.len = 0;
    s.end = path.ptr + path.len;
    s.has_slash = path.ptr[path.len - 1] == '/' && path.len > 1;
    s.method = method;
    s.allowed = 0;
    s.match = ret;
    struct str rest = str_from(path, 1);
    while (rest.len > 0) {
        if (s.len == HTTP_SEGMENTS_MAX)
            return false;
        (void)str_cut(rest, '/', &s.segments[s.len++], &rest);
    }
    bool found = descend(&s, r->root, 0, 0);
    *ret_allowed = s.allowed;
    return found;
}
