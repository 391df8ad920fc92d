#include "kube/discovery.h"

#include "kube/accept.h"
#include "kube/documents.h"
#include "kube/status.h"

enum { TYPES_MAX = 2048, OFFERS_MAX = 4, HASH_PARAM_MAX = 256 };

/* ---- refusals ---- */

/* What the router and the pools refuse. */
static void render_error(void *app, const struct http_request *req, enum err_code code, unsigned status,
                         struct http_response *res) {
    static const struct {
        unsigned status;
        const char *reason, *message;
    } texts[] = {
        { 400, "BadRequest", "the request is not valid" },
        { 404, "NotFound", "the server could not find the requested resource" },
        { 503, "ServiceUnavailable", "the service is not available, try again later" },
    };
    (void)app;
    (void)req;
    (void)code;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].status == status) {
            status_answer(res, status, texts[i].reason, texts[i].message);
            return;
        }
    status_answer(res, status, "InternalError", "an internal error occurred");
}

/* ---- documents ---- */

/* A document, and what it is asked for as. */
struct offer {
    struct str type;
    const struct document *document;
};
static struct offer plain(const struct document *d) { return (struct offer) { str_of(d->type), d }; }

/* If-None-Match (RFC 9110 13.1.2): whether the client has the version with this tag already. */
static bool has_it(const struct http_request *req, struct str tag) {
    struct str rest = http_header(req, "If-None-Match"), known;
    for (bool more = rest.len > 0; more;) {
        more = str_cut(rest, ',', &known, &rest);
        known = str_trim(known);
        if (str_starts_with(known, STR("W/")))
            known = str_from(known, 2);
        if (str_eq(known, STR("*")) || str_eq(known, tag))
            return true;
    }
    return false;
}

static void answer_document(const struct http_request *req, struct http_response *res,
                            const struct document *d, bool forever) {
    char quoted[DOCUMENT_HASH_SIZE + 2];
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", d->hash);
    struct str tag = str_of(quoted);
    http_set_header(res, "ETag", tag);
    http_set_header(res, "Cache-Control",
                    forever ? STR("public, max-age=31536000, immutable") : STR("no-cache, private"));
    if (has_it(req, tag))
        http_status(res, 304);
    else
        http_body_static(res, d->type, d->body);
}

static void answer_not_acceptable(struct http_response *res, const struct str *types, size_t len) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(TYPES_MAX);
    strbuf_adds(&text, "only the following media types are accepted: ");
    for (size_t i = 0; i < len; i++)
        strbuf_addf(&text, "%s%.*s", i > 0 ? ", " : "", STR_FMT(types[i]));
    status_answer(res, 406, "NotAcceptable", strbuf_c(&text));
}

/* The offer that Accept likes best; the first is the default. `forever`: what this URL means will never change. */
static void answer_offers(const struct http_request *req, struct http_response *res,
                          const struct offer *offers, size_t len, bool forever) {
    struct str types[OFFERS_MAX];
    for (size_t i = 0; i < len; i++)
        types[i] = offers[i].type;
    int chosen = accept_choose(http_header(req, "Accept"), types, len);
    http_set_header(res, "Vary", STR("Accept"));
    if (chosen == ACCEPT_NONE)
        answer_not_acceptable(res, types, len);
    else
        answer_document(req, res, offers[chosen].document, forever);
}

static void answer_plain(const struct http_request *req, struct http_response *res,
                         const struct document *d) {
    struct offer only = plain(d);
    answer_offers(req, res, &only, 1, false);
}

static void answer_unknown(struct http_response *res) {
    status_answer(res, 404, "NotFound", "the server could not find the requested resource");
}

/* The index of the group in the path; false: there is no such group, or no such version of it. */
static bool find_group(const struct http_request *req, size_t *ret) {
    const struct api_group *g = api_group_find(http_path_param(req, "group"));
    struct str version = http_path_param(req, "version");
    if (g == NULL || (version.ptr != NULL && !str_eq(version, str_of(g->version))))
        return false;
    *ret = (size_t)(g - api_groups);
    return true;
}

/* ---- for those who have shown who they are ---- */

/* The documents, if the caller may see them. NULL: answered, or `err` says why not. */
static const struct documents *admit(const void *app, const struct http_request *req,
                                     struct http_response *res, struct err *err) {
    const struct documents *d = NULL;
    err->code = ERR_OK;
    return kube_admit_discovery(app, req, res, err) && documents_get(&d, err) == ERR_OK ? d : NULL;
}

static enum err_code root_get(void *app, const struct http_request *req, struct http_response *res,
                              struct err *err) {
    const struct documents *d = admit(app, req, res, err);
    if (d == NULL)
        return err->code;
    answer_plain(req, res, &d->root);
    return ERR_OK;
}

static enum err_code api_get(void *app, const struct http_request *req, struct http_response *res,
                             struct err *err) {
    const struct documents *d = admit(app, req, res, err);
    if (d == NULL)
        return err->code;
    const struct offer offers[] = { plain(&d->api), plain(&d->api_v2), plain(&d->api_v2beta1) };
    answer_offers(req, res, offers, ARRAY_LEN(offers), false);
    return ERR_OK;
}

static enum err_code apis_get(void *app, const struct http_request *req, struct http_response *res,
                              struct err *err) {
    const struct documents *d = admit(app, req, res, err);
    if (d == NULL)
        return err->code;
    const struct offer offers[] = { plain(&d->apis), plain(&d->apis_v2), plain(&d->apis_v2beta1) };
    answer_offers(req, res, offers, ARRAY_LEN(offers), false);
    return ERR_OK;
}

/* `list`: one for each group. */
static void answer_of_group(const struct http_request *req, struct http_response *res,
                            const struct document *list) {
    size_t group;
    if (find_group(req, &group))
        answer_plain(req, res, &list[group]);
    else
        answer_unknown(res);
}

static enum err_code group_get(void *app, const struct http_request *req, struct http_response *res,
                               struct err *err) {
    const struct documents *d = admit(app, req, res, err);
    if (d == NULL)
        return err->code;
    answer_of_group(req, res, d->groups);
    return ERR_OK;
}

static enum err_code resources_get(void *app, const struct http_request *req, struct http_response *res,
                                   struct err *err) {
    const struct documents *d = admit(app, req, res, err);
    if (d == NULL)
        return err->code;
    answer_of_group(req, res, d->resources);
    return ERR_OK;
}

/* ---- for everybody ---- */

static enum err_code version_get(void *app, const struct http_request *req, struct http_response *res,
                                 struct err *err) {
    const struct documents *d;
    (void)app;
    enum err_code rc = documents_get(&d, err);
    if (rc == ERR_OK)
        answer_plain(req, res, &d->version);
    return rc;
}

static enum err_code openapi_v2_get(void *app, const struct http_request *req, struct http_response *res,
                                    struct err *err) {
    const struct documents *d;
    (void)app;
    enum err_code rc = documents_get(&d, err);
    if (rc != ERR_OK)
        return rc;
    const struct offer offers[] = {
        plain(&d->openapi_v2),
        plain(&d->openapi_v2_proto),
        /* The name that clients have for it. */
        { STR("application/com.github.proto-openapi.spec.v2@v1.0+protobuf"), &d->openapi_v2_proto },
    };
    answer_offers(req, res, offers, ARRAY_LEN(offers), false);
    return ERR_OK;
}

static enum err_code openapi_v3_get(void *app, const struct http_request *req, struct http_response *res,
                                    struct err *err) {
    const struct documents *d;
    (void)app;
    enum err_code rc = documents_get(&d, err);
    if (rc == ERR_OK)
        answer_plain(req, res, &d->openapi_v3_index);
    return rc;
}

static enum err_code openapi_v3_group_get(void *app, const struct http_request *req,
                                          struct http_response *res, struct err *err) {
    const struct documents *d;
    size_t group;
    (void)app;
    enum err_code rc = documents_get(&d, err);
    if (rc != ERR_OK)
        return rc;
    if (!find_group(req, &group)) {
        answer_unknown(res);
        return ERR_OK;
    }
    const struct offer only = plain(&d->openapi_v3[group]);
    bool same_hash = str_eq(http_param(req, "hash"), str_of(only.document->hash));
    answer_offers(req, res, &only, 1, same_hash);
    return ERR_OK;
}

static const struct http_param_spec hash_param[] = {
    { "hash", HTTP_PARAM_OPTIONAL, HASH_PARAM_MAX },
    { .name = NULL },
};

/* On workers: the first request makes the documents, and admission may have to look a key up. */
#define DOCUMENT_ROUTE(at, what, handler)                                                                    \
    .methods = HTTP_GET, .path = (at), .handle = (handler), .run = HTTP_RUN_WORK, .trailing_slash = true,    \
    .metric = (what), .on_error = render_error

const struct route kube_discovery_routes[] = {
    { .methods = HTTP_GET,
      .path = "/",
      .handle = root_get,
      .run = HTTP_RUN_WORK,
      .metric = "discovery",
      .on_error = render_error },
    { DOCUMENT_ROUTE("/api", "discovery", api_get) },
    { DOCUMENT_ROUTE("/apis", "discovery", apis_get) },
    { DOCUMENT_ROUTE("/apis/{group}", "discovery", group_get) },
    { DOCUMENT_ROUTE("/apis/{group}/{version}", "discovery", resources_get) },
    { DOCUMENT_ROUTE("/version", "version", version_get) },
    { DOCUMENT_ROUTE("/openapi/v2", "openapi", openapi_v2_get) },
    { DOCUMENT_ROUTE("/openapi/v3", "openapi", openapi_v3_get) },
    { DOCUMENT_ROUTE("/openapi/v3/apis/{group}/{version}", "openapi", openapi_v3_group_get),
      .params = hash_param },
    { .path = NULL },
};
