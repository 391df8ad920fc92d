#include "kube/status.h"

enum { STATUS_MAX = 256 * 1024, WARNING_MAX = 400 };

/* ---- printing ---- */

static void add_causes(struct strbuf *out, const struct refusal *r) {
    strbuf_addc(out, '[');
    for (size_t i = 0; i < r->cause_count; i++) {
        bool first = true;
        strbuf_adds(out, i ? ",{" : "{");
        json_field_str(out, &first, "reason", str_of(r->causes[i].reason));
        json_field_str(out, &first, "message", str_of(r->causes[i].message));
        json_field_str(out, &first, "field", str_of(r->causes[i].field));
        strbuf_addc(out, '}');
    }
    strbuf_addc(out, ']');
}

static void add_details(struct strbuf *out, const struct refusal *r, const struct kind *k, struct str name) {
    bool first = true;
    strbuf_addc(out, '{');
    if (name.len > 0)
        json_field_str(out, &first, "name", name);
    if (k != NULL) {
        json_field_str(out, &first, "group", STR(RESOURCE_GROUP));
        json_field_str(out, &first, "kind", str_of(r->status == 422 ? k->kind : k->plural));
    }
    if (r->cause_count > 0) {
        json_key(out, &first, "causes");
        add_causes(out, r);
    }
    if (r->retry_after_s > 0)
        json_field_i64(out, &first, "retryAfterSeconds", r->retry_after_s);
    strbuf_addc(out, '}');
}

void status_print(struct strbuf *out, const struct refusal *r, const struct kind *k, struct str name) {
    bool first = true;
    strbuf_addc(out, '{');
    json_field_str(out, &first, "kind", STR("Status"));
    json_field_str(out, &first, "apiVersion", STR("v1"));
    strbuf_adds(out, ",\"metadata\":{}");
    json_field_str(out, &first, "status", STR("Failure"));
    json_field_str(out, &first, "message", str_of(r->message));
    json_field_str(out, &first, "reason", str_of(r->reason));
    if (k != NULL || name.len > 0 || r->cause_count > 0 || r->retry_after_s > 0) {
        json_key(out, &first, "details");
        add_details(out, r, k, name);
    }
    json_field_i64(out, &first, "code", r->status);
    strbuf_addc(out, '}');
}

/* ---- answering ---- */

static void send(struct http_response *res, unsigned status, const struct strbuf *out) {
    http_status(res, status);
    http_set_header(res, "Cache-Control", STR("no-cache, private"));
    http_body(res, "application/json", strbuf_str(out));
}

/* Gone between two looks at it. */
static void say_it_is_gone(const struct kube_request *kr, struct refusal *r) {
    if (kr->kind != NULL && kr->name.len > 0)
        (void)refuse(r, 404, "NotFound", "%s." RESOURCE_GROUP " \"%.*s\" not found", kr->kind->plural,
                     STR_FMT(str_sub(kr->name, 0, 300)));
    else
        (void)refuse(r, 404, "NotFound", "the server could not find the requested resource");
}

/* What a failure that nobody put into words amounts to; the details are the log's. */
static void put_into_words(const struct kube_request *kr, struct refusal *r, enum err_code rc) {
    switch (rc) {
    case ERR_UNAUTHENTICATED: (void)refuse(r, 401, "Unauthorized", "Unauthorized"); break;
    case ERR_FORBIDDEN: (void)refuse(r, 403, "Forbidden", "the request is not allowed"); break;
    case ERR_NOT_FOUND: say_it_is_gone(kr, r); break;
    case ERR_EXISTS:
    case ERR_CONFLICT: (void)refuse(r, 409, "Conflict", "somebody else was faster; please try again"); break;
    case ERR_EXPIRED:
        (void)refuse(r, 410, "Expired", "the requested version is not kept any more; list again");
        break;
    case ERR_LIMIT: (void)refuse(r, 413, "RequestEntityTooLarge", "the request is too large"); break;
    case ERR_INVALID: (void)refuse(r, 400, "BadRequest", "the request is not valid"); break;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
        r->retry_after_s = 1;
        (void)refuse(r, 503, "ServiceUnavailable", "the service is not available for the moment; try again");
        break;
    case ERR_OK:
    case ERR_NOMEM:
    case ERR_INTERNAL:
        (void)refuse(r, 500, "InternalError",
                     "an internal error occurred; the server's log has it under the request's id");
        break;
    }
}

void answer_refusal(struct kube_request *kr, enum err_code rc, const struct err *err) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(STATUS_MAX);
    struct refusal *r = &kr->refusal;
    bool was_said = r->status != 0;
    if (!was_said)
        put_into_words(kr, r, rc);
    if (!was_said && r->status >= 500)
        log_error_err(kr->req->log, kr->req->request_id, "api_failed", err, KV("path", kr->req->path));
    /* kubectl shows the causes of an invalid object, or, when nothing says which object it is, the message. */
    bool is_told_by_message = r->status == 401 || (r->status == 422 && r->cause_count == 0);
    status_print(&out, r, is_told_by_message ? NULL : kr->kind, is_told_by_message ? STR_NULL : kr->name);
    if (r->status == 401)
        http_set_header(kr->res, "WWW-Authenticate", STR("Bearer"));
    if (r->retry_after_s > 0) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", r->retry_after_s);
        http_set_header(kr->res, "Retry-After", str_of(text));
    }
    send(kr->res, r->status, &out);
}

void status_answer(struct http_response *res, unsigned status, const char *reason, const char *message) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(STATUS_MAX);
    const struct refusal r = { .status = status, .reason = reason, .message = message };
    status_print(&out, &r, NULL, STR_NULL);
    http_status(res, status);
    http_body(res, "application/json", strbuf_str(&out));
}

void answer_success(struct kube_request *kr, struct str uid) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
    bool first = true, inner = true;
    strbuf_adds(
        &out,
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"details\":{");
    if (kr->name.len > 0)
        json_field_str(&out, &inner, "name", kr->name);
    json_field_str(&out, &inner, "group", STR(RESOURCE_GROUP));
    json_field_str(&out, &inner, "kind", str_of(kr->kind->plural));
    if (uid.len > 0)
        json_field_str(&out, &inner, "uid", uid);
    strbuf_adds(&out, "}}");
    (void)first;
    answer_warnings(kr);
    send(kr->res, 200, &out);
}

enum err_code answer_json(struct kube_request *kr, unsigned status, const struct strbuf *out,
                          struct err *err) {
    enum err_code rc = strbuf_check(out, err);
    if (rc != ERR_OK)
        return rc;
    answer_warnings(kr);
    send(kr->res, status, out);
    return ERR_OK;
}

void answer_warnings(struct kube_request *kr) {
    for (size_t i = 0; i < kr->refusal.warning_count; i++) {
        AUTO(strbuf_done) struct strbuf text = STRBUF(2 * WARNING_MAX + 32);
        struct str s = str_sub(str_of(kr->refusal.warnings[i]), 0, WARNING_MAX);
        strbuf_adds(&text, "299 - \"");
        for (size_t c = 0; c < s.len; c++) {
            if (s.ptr[c] == '"' || s.ptr[c] == '\\')
                strbuf_addc(&text, '\\');
            strbuf_addc(&text, (unsigned char)s.ptr[c] < 0x20 ? ' ' : s.ptr[c]);
        }
        strbuf_addc(&text, '"');
        http_add_header(kr->res, "Warning", strbuf_str(&text));
    }
}

void kube_render_error(void *app, const struct http_request *req, enum err_code code, unsigned status,
                       struct http_response *res) {
    static const struct {
        unsigned status;
        const char *reason, *message;
    } texts[] = {
        { 400, "BadRequest", "the request is not valid" },
        { 404, "NotFound", "the server could not find the requested resource" },
        { 405, "MethodNotAllowed", "the server does not allow this method on the requested resource" },
        { 413, "RequestEntityTooLarge", "the request body is too large" },
        { 415, "UnsupportedMediaType", "the body of the request was in an unknown format" },
        { 503, "ServiceUnavailable", "the service is not available for the moment; try again" },
    };
    const char *reason = "InternalError",
               *message = "an internal error occurred; the server's log has it under the request's id";
    (void)app;
    (void)req;
    (void)code;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].status == status) {
            reason = texts[i].reason;
            message = texts[i].message;
        }
    status_answer(res, status, reason, message);
}
