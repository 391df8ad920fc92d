/* The template language, compiled once and rendered often.
 *
 *   {{name}}                               a value, escaped for where it stands
 *   {{#if name}} ... {{else}} ... {{/if}}  a flag that is set, a text or a list that is not empty
 *   {{#each name}} ... {{/each}}           once per row of a list; the row's names come first inside
 *   {{t key}}                              a message of the catalogue; {name} in it is a value
 *   {{> name}}                             another template, put in here
 *   {{static file}}                        the URL of a static file
 *   {{values a b list(x y)}}               the names this template may use; the first thing in it
 *   {{! ... }}                             a comment
 *
 * There is no way to write a value raw. Values stand in text or in double-quoted attribute values; where the attribute is a
 * URL (href, src, action ...), rendering refuses anything but http(s) and relative references. A name, key, file or template
 * that does not exist is an error when the template is compiled. */
#pragma once
#include "tkeauth/web.h"
#include "web/messages.h"

enum {
    TEMPLATE_SIZE_MAX = 128 * 1024,
    TEMPLATE_NODES_MAX = 4096,
    TEMPLATE_BLOCK_DEPTH_MAX = 12,
    TEMPLATE_PARTIAL_DEPTH_MAX = 4,
    TEMPLATE_NAME_MAX = 48,
    TEMPLATE_DECLARED_MAX = 64,
};

/* The names a template may use. */
struct template_names {
    struct str name;
    bool is_list;
    const struct template_names *columns; /* of a list's rows */
    const struct template_names *next;
};
/* What a template may refer to. */
struct template_host {
    const struct messages *messages;
    const struct template_names *globals; /* there in every template */
    const void *ctx;
    /* The source of a partial; false when there is none. `*ret_origin` is for error texts. */
    bool (*partial)(const void *ctx, struct str name, struct str *ret_source, const char **ret_origin);
    /* The URL of a static file; false when there is none. */
    bool (*asset)(const void *ctx, struct str name, struct str *ret_url);
};

struct template; /* immutable, in an arena */
/* `origin` is for error texts: "ORIGIN:LINE: what is wrong". `declared` replaces what the source declares itself (a theme's
 * page gets the values of the built-in one it replaces); NULL: the source's own. Source and names must live as long as `a`.
 * ERR_INVALID, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err_code template_compile(struct arena *a, const struct template_host *host,
                                          const char *origin, struct str source,
                                          const struct template_names *declared, const struct template **ret,
                                          struct err *err);
const struct template_names *template_declared(const struct template *t);
const struct template_names *template_names_find(const struct template_names *names, struct str name);

/* `globals` and `values` end with name NULL. ERR_INVALID: a value that the template does not declare (a slip of ours), or a URL
 * that is refused. ERR_LIMIT: longer than out->max. */
MUST_CHECK enum err_code template_render(const struct template *t, const struct messages *messages,
                                         size_t language, const struct web_value *globals,
                                         const struct web_value *values, struct strbuf *out, struct err *err);
