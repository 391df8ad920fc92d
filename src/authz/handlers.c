/* POST /auth/authz, /auth/restauthz, /auth/batchauthz and /auth/authn (contract 3.1-3.4). */
#include "authz/answer.h"
#include "authz/internal.h"
#include "authz/token.h"

static void send_status(struct http_response *res, unsigned status, const char *reason, struct str message) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
    answer_status(&out, status, reason, message);
    http_status(res, status);
    http_body(res, "application/json", strbuf_str(&out));
}

/* Errors of the router and of the handlers, as Kubernetes clients expect them. */
static void render_error(void *app, const struct http_request *req, enum err_code code, unsigned status,
                         struct http_response *res) {
    static const struct {
        unsigned status;
        const char *reason;
        struct str message;
    } texts[] = {
        { 400, "BadRequest", STR("the request is not valid") },
        { 401, "Unauthorized", STR("Unauthorized") },
        { 403, "Forbidden", STR("the request is not allowed") },
        { 404, "NotFound", STR("the server could not find the requested resource") },
        { 405, "MethodNotAllowed", STR("the server does not allow this method on the requested resource") },
        { 413, "RequestEntityTooLarge", STR("the request body is too large") },
        { 415, "UnsupportedMediaType", STR("the body of the request must be application/json") },
        { 429, "TooManyRequests", STR("too many requests, try again later") },
        { 503, "ServiceUnavailable", STR("the service is not available, try again later") },
        { 504, "Timeout", STR("the request timed out") },
    };
    (void)app;
    (void)req;
    (void)code;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].status == status) {
            send_status(res, status, texts[i].reason, texts[i].message);
            return;
        }
    send_status(res, status, "InternalError", STR("an internal error occurred"));
}

/* Content-Type: application/json, whatever its parameters. */
static bool is_json(const struct http_request *req) {
    struct str type, parameters;
    (void)str_cut(http_header(req, "Content-Type"), ';', &type, &parameters);
    return str_eq_nocase(str_trim(type), STR("application/json"));
}

/* Credential and content type. False: answered. */
static bool admit(const struct authz *z, const struct http_request *req, struct http_response *res) {
    switch (access_check(z->access, req)) {
    case ACCESS_OK: break;
    case ACCESS_MISSING:
        http_set_header(res, "WWW-Authenticate", STR("Bearer"));
        send_status(res, 401, "Unauthorized", STR("a client certificate or a bearer token is required"));
        return false;
    case ACCESS_REFUSED:
        send_status(res, 403, "Forbidden", STR("the client certificate is not one of those allowed"));
        return false;
    }
    if (!is_json(req)) {
        send_status(res, 415, "UnsupportedMediaType",
                    STR("the body of the request must be application/json"));
        return false;
    }
    return true;
}

/* A body that cannot be taken: our own words about it may be shown. */
static enum err_code refuse_body(struct http_response *res, enum err_code code, const struct err *err) {
    if (code == ERR_LIMIT)
        send_status(res, 413, "RequestEntityTooLarge", str_of(err->detail));
    else if (code == ERR_INVALID)
        send_status(res, 400, "BadRequest", str_of(err->detail));
    else
        return code;
    return ERR_OK;
}

static enum err_code send_json(struct http_response *res, const struct strbuf *out, struct err *err) {
    enum err_code rc = strbuf_check(out, err);
    if (rc == ERR_OK)
        http_body(res, "application/json", strbuf_str(out));
    return rc;
}

enum review_form { REVIEW_RAW, REVIEW_CONVERTED, REVIEW_BATCH };

/* All decisions of an answer on one version of the rules. */
struct deciding {
    const struct authz *z;
    struct authz_version version;
    struct authz_question question;
    struct asker asker;
};

static void deciding_done(struct deciding *d) { authz_release(d->z, &d->version); }

static enum err_code answer_one(struct deciding *d, struct arena *a, const struct access_review *review,
                                struct strbuf *out, struct err *err) {
    struct authz_decision decision;
    d->question.attributes = *review->attributes;
    enum err_code rc = authz_decide_as(d->z, &d->version, a, &d->question, &d->asker, &decision, err);
    if (rc == ERR_OK)
        answer_access(out, &review->head, &decision);
    return rc;
}

static enum err_code answer_list(struct deciding *d, struct arena *a, const struct access_review *review,
                                 struct strbuf *out, struct err *err) {
    answer_batch_begin(out, &review->head);
    for (size_t i = 0; i < review->list_len; i++) {
        struct authz_decision decision;
        d->question.attributes = review->list[i];
        enum err_code rc = authz_decide_as(d->z, &d->version, a, &d->question, &d->asker, &decision, err);
        if (rc != ERR_OK)
            return rc;
        answer_batch_item(out, i == 0, &review->list[i], &decision);
    }
    answer_batch_end(out);
    return ERR_OK;
}

static enum err_code answer_review(const struct authz *z, enum review_form form,
                                   const struct http_request *req, const struct access_review *review,
                                   struct http_response *res, struct err *err) {
    AUTO(deciding_done) struct deciding d = { .z = z };
    authz_acquire(z, &d.version);
    d.question = (struct authz_question) {
        .user = review->user,
        .context = { .cluster_header = http_header(req, "X-TKE-ClusterName") },
        .convert_first = form == REVIEW_CONVERTED,
        .request_id = req->request_id,
    };
    enum err_code rc = asker_prepare(req->arena, &review->user, &d.asker, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(strbuf_done) struct strbuf out = STRBUF(ANSWER_MAX);
    rc = form == REVIEW_BATCH ? answer_list(&d, req->arena, review, &out, err)
                              : answer_one(&d, req->arena, review, &out, err);
    return rc == ERR_OK ? send_json(res, &out, err) : rc;
}

static enum err_code access_review_post(void *app, const struct http_request *req, struct http_response *res,
                                        enum review_form form, struct err *err) {
    const struct authz_app *context = authz_app_of(app);
    if (context == NULL || context->authz == NULL)
        return err_set(err, ERR_UNAVAILABLE, "no authorizer is configured");
    const struct authz *z = context->authz;
    if (!admit(z, req, res))
        return ERR_OK;
    if (z->webhook != NULL && req->route->run == HTTP_RUN_LOOP)
        return err_set(err, ERR_UNAVAILABLE,
                       "an external authorizer was added: restart to ask it on workers");
    struct access_review review;
    enum err_code rc = access_review_parse(req->arena, req->body, &review, err);
    if (rc != ERR_OK)
        return refuse_body(res, rc, err);
    if (form == REVIEW_BATCH ? !review.has_list : review.attributes == NULL) {
        send_status(res, 400, "BadRequest",
                    form == REVIEW_BATCH
                        ? STR("spec.resourceAttributesList is missing")
                        : STR("spec has neither resourceAttributes nor nonResourceAttributes"));
        return ERR_OK;
    }
    return answer_review(z, form, req, &review, res, err);
}

static enum err_code authz_post(void *app, const struct http_request *req, struct http_response *res,
                                struct err *err) {
    return access_review_post(app, req, res, REVIEW_RAW, err);
}

static enum err_code restauthz_post(void *app, const struct http_request *req, struct http_response *res,
                                    struct err *err) {
    return access_review_post(app, req, res, REVIEW_CONVERTED, err);
}

static enum err_code batchauthz_post(void *app, const struct http_request *req, struct http_response *res,
                                     struct err *err) {
    return access_review_post(app, req, res, REVIEW_BATCH, err);
}

/* ---- tokens ---- */

struct token_verdict {
    bool good;
    struct principal user;
    const struct str *audiences;
    size_t audience_count;
    struct str error;
};

static enum err_code reject(struct token_verdict *v, struct str why) {
    v->error = why;
    return ERR_OK;
}

/* An ID token of ours or an API key, as at the API itself. */
static enum err_code verify_token(const struct authz_app *context, const struct http_request *req,
                                  const struct token_review *review, struct token_verdict *ret,
                                  struct err *err) {
    const struct token_judges judges = {
        .keys = context->keys,
        .issuer = context->issuer,
        .find_key = context->find_key,
        .find_key_ctx = context->find_key_ctx,
        .log = req->log,
        .request_id = req->request_id,
    };
    const json_t *claims = NULL;
    enum err_code rc = authn_token(req->arena, &judges, review->token, clock_now_s(req->clock), &ret->user,
                                   &claims, err);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != ERR_OK) {
        log_debug(req->log, req->request_id, "token rejected", KV("detail", err->detail));
        return reject(ret, STR("invalid token"));
    }
    /* An API key is for no audience. None in the answer says that kube-apiserver, if that asks, may take it for its own and no other's. */
    if (review->audience_count != 0 && !context->authz->options.authn_any_audience && claims != NULL) {
        ret->audience_count = token_audiences(req->arena, claims, review->audiences, review->audience_count,
                                              &ret->audiences);
        if (ret->audience_count == 0)
            return reject(ret, STR("the token is for other audiences"));
    }
    ret->good = true;
    return ERR_OK;
}

static enum err_code authn_post(void *app, const struct http_request *req, struct http_response *res,
                                struct err *err) {
    const struct authz_app *context = authz_app_of(app);
    if (context == NULL || context->authz == NULL)
        return err_set(err, ERR_UNAVAILABLE, "no authorizer is configured");
    if (!admit(context->authz, req, res))
        return ERR_OK;
    struct token_review review;
    enum err_code rc = token_review_parse(req->arena, req->body, &review, err);
    if (rc != ERR_OK)
        return refuse_body(res, rc, err);
    struct token_verdict verdict = { 0 };
    if ((rc = verify_token(context, req, &review, &verdict, err)) != ERR_OK)
        return rc;
    AUTO(strbuf_done) struct strbuf out = STRBUF(ANSWER_MAX);
    answer_token(&out, &review, verdict.good ? &verdict.user : NULL, verdict.audiences,
                 verdict.audience_count, verdict.error);
    if (!verdict.good && context->authz->options.authn_legacy_401)
        http_status(res, 401);
    return send_json(res, &out, err);
}

#define REVIEW_ROUTE(name, handler, where)                                                                   \
    {                                                                                                        \
        .methods = HTTP_POST, .path = "/auth/" name, .handle = (handler), .run = (where), .raw_body = true,  \
        .body_max = AUTHZ_BODY_MAX, .no_store = true, .trailing_slash = true, .metric = name,                \
        .on_error = render_error                                                                             \
    }

const struct route authz_routes[] = {
    REVIEW_ROUTE("authz", authz_post, HTTP_RUN_LOOP),
    REVIEW_ROUTE("restauthz", restauthz_post, HTTP_RUN_LOOP),
    REVIEW_ROUTE("batchauthz", batchauthz_post, HTTP_RUN_LOOP),
    REVIEW_ROUTE("authn", authn_post, HTTP_RUN_LOOP),
    { .path = NULL },
};

const struct route authz_routes_on_workers[] = {
    REVIEW_ROUTE("authz", authz_post, HTTP_RUN_WORK),
    REVIEW_ROUTE("restauthz", restauthz_post, HTTP_RUN_WORK),
    REVIEW_ROUTE("batchauthz", batchauthz_post, HTTP_RUN_WORK),
    REVIEW_ROUTE("authn", authn_post, HTTP_RUN_WORK),
    { .path = NULL },
};
