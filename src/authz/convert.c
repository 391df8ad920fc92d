/* Kubernetes attributes -> action and resource of the platform, step by step as contract 4.6 numbers them. */
#include "authz/convert.h"

bool authz_group_value(const struct authz_user *user, struct str prefix, struct str *ret) {
    for (size_t i = 0; i < user->group_count; i++)
        if (str_starts_with(user->groups[i], prefix)) {
            *ret = str_from(user->groups[i], prefix.len);
            return true;
        }
    return false;
}

struct str authz_extra_value(const struct authz_user *user, struct str key, bool *ret_present) {
    *ret_present = false;
    for (size_t i = 0; i < user->extra_count; i++)
        if (str_eq(user->extra[i].key, key)) {
            *ret_present = true;
            return user->extra[i].value_count ? user->extra[i].values[0] : STR_NULL;
        }
    return STR_NULL;
}

static bool is_one_of(struct str s, const struct str *list, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (str_eq(s, list[i]))
            return true;
    return false;
}

bool authz_is_plain_verb(struct str verb) {
    static const struct str plain[] = { STR("get"),    STR("list"),  STR("watch"),           STR("create"),
                                        STR("update"), STR("patch"), STR("delete"),          STR("proxy"),
                                        STR("put"),    STR("post"),  STR("deletecollection") };
    return is_one_of(verb, plain, ARRAY_LEN(plain));
}

static bool is_special(struct str subresource) {
    static const struct str special[] = { STR("status"), STR("log"), STR("finalize"), STR("proxy") };
    return is_one_of(subresource, special, ARRAY_LEN(special));
}

/* The path segment right after the first segment equal to `after`; empty when there is none. */
static struct str segment_after(struct str path, struct str after) {
    struct str rest = path, segment;
    bool found = false;
    if (after.len == 0)
        return STR_NULL;
    while (str_next(&rest, '/', &segment)) {
        if (found)
            return segment;
        found = str_eq(segment, after);
    }
    return STR_NULL;
}

/* A text put together from slices in memory that was measured before. */
struct joined {
    char *at, *end;
};

static void join(struct joined *j, struct str s) {
    if (s.len == 0 || s.len > (size_t)(j->end - j->at))
        return;
    memcpy(j->at, s.ptr, s.len);
    j->at += s.len;
}

/* With its first letter in upper case. */
static void join_title(struct joined *j, struct str s) {
    char *first = j->at;
    join(j, s);
    if (j->at > first && *first >= 'a' && *first <= 'z')
        *first = (char)(*first - 'a' + 'A');
}

struct conversion {
    struct str verb, cluster, resource, singular, display, subresource, name;
    struct str scope, scope_value; /* "namespace:" and its value, put in front of the resource */
};

/* Step 2: "/clusters/{cluster}/{kind}/{name}/{subresource}" arrives as a subresource of the cluster. */
static void unfold_cluster(struct conversion *c, struct str path) {
    if (!str_eq(c->resource, STR("clusters")) || c->subresource.len == 0 || is_special(c->subresource))
        return;
    c->cluster = c->name;
    c->resource = c->subresource;
    c->name = segment_after(path, c->resource);
    c->subresource = segment_after(path, c->name);
}

/* Step 4: the verb, and whether the action shows the plural or the singular. */
static void choose_verb(struct conversion *c) {
    c->display = c->singular;
    if (str_eq(c->verb, STR("list"))) {
        if (c->name.len == 0)
            c->display = c->resource;
    } else if (str_eq(c->verb, STR("get"))) {
        if (c->name.len == 0) {
            c->verb = STR("list");
            c->display = c->resource;
        } else if (c->subresource.len != 0 && !is_special(c->subresource))
            c->verb = STR("list");
    } else if (str_eq(c->verb, STR("patch")))
        c->verb = STR("update");
    else if (str_eq(c->verb, STR("deletecollection")))
        c->verb = STR("delete");
}

/* Step 6. */
static void choose_scope(struct conversion *c, const struct authz_attributes *at,
                         const struct authz_request_context *context) {
    if (at->namespace.len == 0) {
        if (context->query_namespace.len != 0) {
            c->scope = STR("namespace:");
            c->scope_value = context->query_namespace;
        }
        return;
    }
    if (str_eq(at->api_group, STR("business.tkestack.io")))
        c->scope = STR("project:");
    else if (str_eq(at->api_group, STR("registry.tkestack.io")))
        c->scope = STR("registrynamespace:");
    else if (!str_eq(c->display, STR("namespace")))
        c->scope = STR("namespace:");
    if (c->scope.len != 0)
        c->scope_value = at->namespace;
}

/* Step 7. */
static void choose_cluster(struct conversion *c, const struct authz_request_context *context,
                           const struct authz_user *user) {
    if (context->cluster_header.len != 0)
        c->cluster = context->cluster_header;
    else if (c->cluster.len == 0)
        (void)authz_group_value(user, STR("cluster:"), &c->cluster);
    if (str_eq(c->singular, STR("cluster")))
        c->cluster = STR_NULL;
}

static enum err_code write_converted(struct arena *a, const struct conversion *c, bool is_resource,
                                     struct authz_converted *ret, struct err *err) {
    size_t action_max = c->verb.len + c->display.len + c->subresource.len;
    size_t resource_max = STR("cluster:").len + c->cluster.len + c->scope.len + c->scope_value.len + 2 +
                          c->singular.len + c->display.len + 1 + c->name.len;
    char *memory = arena_alloc(a, action_max + resource_max + 1);
    if (memory == NULL)
        return err_set(err, ERR_NOMEM, "conversion of %zu bytes", action_max + resource_max);

    struct joined action = { memory, memory + action_max };
    join(&action, c->verb);
    if (is_resource) {
        join_title(&action, c->display);
        join_title(&action, c->subresource);
    }
    struct joined resource = { memory + action_max, memory + action_max + resource_max };
    if (c->cluster.len != 0) {
        join(&resource, STR("cluster:"));
        join(&resource, c->cluster);
        join(&resource, STR("/"));
    }
    if (c->scope.len != 0) {
        join(&resource, c->scope);
        join(&resource, c->scope_value);
        join(&resource, STR("/"));
    }
    if (is_resource) {
        join(&resource, c->singular);
        join(&resource, STR(":"));
        join(&resource, c->name);
    } else
        join(&resource, c->display);

    *ret = (struct authz_converted) {
        .action = { memory, (size_t)(action.at - memory) },
        .resource = { memory + action_max, (size_t)(resource.at - memory) - action_max },
        .subresource = c->subresource,
        .name = c->name,
    };
    return ERR_OK;
}

enum err_code authz_convert(struct arena *a, const struct authz_attributes *attributes,
                            const struct authz_request_context *context, const struct authz_user *user,
                            struct authz_converted *ret, struct err *err) {
    struct conversion c = {
        .verb = attributes->verb,
        .resource = attributes->resource,
        .subresource = attributes->subresource,
        .name = attributes->name,
    };
    if (str_eq(c.resource, STR("namespaces")) &&
        str_eq(attributes->api_group, STR("registry.tkestack.io"))) /* step 1 */
        c.resource = STR("registrynamespaces");
    unfold_cluster(&c, context->path);
    c.singular = str_eq(c.resource, STR("status")) ? c.resource : authz_singular(a, c.resource); /* step 3 */
    if (c.singular.ptr == NULL && c.resource.len != 0)
        return err_set(err, ERR_NOMEM, "singular of %zu bytes", c.resource.len);
    choose_verb(&c);
    if (c.name.len == 0 && attributes->is_resource) /* step 5 */
        c.name = STR("*");
    choose_scope(&c, attributes, context);
    choose_cluster(&c, context, user);
    return write_converted(a, &c, attributes->is_resource, ret, err);
}
