#include "tkeauth/httpc.h"

#include <curl/curl.h>
#include <unistd.h>
#include "httpc/address.h"

enum { HTTPC_CONNECTIONS_KEPT = 4, HTTPC_HEADERS_MAX = 64 << 10, HTTPC_REDIRECT_MAX = 8 << 10 };

struct httpc {
    CURL *easy;
    char error[CURL_ERROR_SIZE];
};

/* One call's state, for curl's callbacks. */
struct call {
    const struct httpc_request *req;
    struct strbuf *body;
    size_t header_bytes;
    bool too_large, address_refused;
};

enum err_code httpc_global_init(struct err *err) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "libcurl cannot be initialised");
    return ERR_OK;
}

enum err_code httpc_new(struct httpc **ret, struct err *err) {
    struct httpc *c = calloc(1, sizeof *c);
    if (c == NULL || (c->easy = curl_easy_init()) == NULL) {
        free(c);
        return err_set(err, ERR_NOMEM, "no memory for an HTTP client");
    }
    *ret = c;
    return ERR_OK;
}

void httpc_free(struct httpc *c) {
    if (c == NULL)
        return;
    curl_easy_cleanup(c->easy);
    free(c);
}

void httpc_response_done(struct httpc_response *r) {
    strbuf_wipe_done(&r->body);
    free(r->content_type_buf);
    free(r->location_buf);
    *r = (struct httpc_response) { .status = 0 };
}

static size_t on_body(char *data, size_t size, size_t n, void *arg) {
    struct call *call = arg;
    size_t len = size * n;
    strbuf_add(call->body, (struct str) { data, len });
    call->too_large = call->body->len + len > call->body->max && call->body->failed;
    return call->body->failed ? 0 : len;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg) {
    (void)data;
    struct call *call = arg;
    call->header_bytes += size * n;
    call->too_large |= call->header_bytes > HTTPC_HEADERS_MAX;
    return call->too_large ? 0 : size * n;
}

/* Called with the address that is about to be connected to: checking the name would be open to a second answer of its
 * DNS server (rebinding). */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    struct call *call = arg;
    (void)purpose;
    if (call->req->refuse_private && !address_is_public(&address->addr)) {
        call->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool is_http(const char *url) { return str_starts_with_nocase(str_of(url), STR("http://")); }

static enum err_code check_request(const struct httpc_request *req, struct err *err) {
    struct url url;
    struct str text = str_of(req->url);
    enum err_code rc = url_parse(text, &url, err);
    if (rc != ERR_OK)
        return err_context(err, "outbound URL");
    bool https = str_eq_nocase(url.scheme, STR("https"));
    if (!https && !(is_http(req->url) && req->allow_http))
        return err_set(err, ERR_FORBIDDEN, "%.*s is not https://", STR_FMT(text));
    if (url.host.len == 0)
        return err_set(err, ERR_INVALID, "%.*s has no host", STR_FMT(text));
    if (url.has_userinfo)
        return err_set(err, ERR_FORBIDDEN, "the URL holds a user name: use a header instead");
    if (req->timeout_ms <= 0 || req->response_max == 0)
        return err_set(err, ERR_INVALID, "an outbound call needs a deadline and a size limit");
    return ERR_OK;
}

static void list_free(struct curl_slist **list) { curl_slist_free_all(*list); }

static enum err_code add_headers(const struct httpc_request *req, struct curl_slist **list, struct err *err) {
    /* curl's own idea of waiting for "100 Continue" costs a second with servers that do not answer it. */
    static const char *const none[] = { NULL };
    struct curl_slist *grown = curl_slist_append(NULL, "Expect:");
    *list = grown;
    for (const char *const *h = req->headers ? req->headers : none; grown != NULL && *h != NULL; h++) {
        if (str_has_control(str_of(*h)))
            return err_set(err, ERR_INVALID, "a header of an outbound call holds control characters");
        if ((grown = curl_slist_append(*list, *h)) != NULL)
            *list = grown;
    }
    return grown != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "no memory for headers");
}

#define SET(option, value) (failed |= curl_easy_setopt(easy, (option), (value)) != CURLE_OK)

static bool set_target(CURL *easy, const struct httpc_request *req, struct curl_slist *headers) {
    bool failed = false;
    SET(CURLOPT_URL, req->url);
    SET(CURLOPT_PROTOCOLS_STR, req->allow_http ? "http,https" : "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* the environment has no say in where secrets go */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_USERAGENT, "tke-auth/" TKEAUTH_VERSION);
    struct str method = str_of(req->method);
    if (str_eq(method, STR("POST")) || req->body.len > 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, req->body.len ? req->body.ptr : "");
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
    } else if (str_eq(method, STR("HEAD")))
        SET(CURLOPT_NOBODY, 1L);
    else
        SET(CURLOPT_HTTPGET, 1L);
    SET(CURLOPT_CUSTOMREQUEST, req->method);
    return !failed;
}

static bool set_tls(CURL *easy, const struct httpc_request *req) {
    bool failed = false;
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, req->insecure_skip_verify ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, req->insecure_skip_verify ? 0L : 2L);
    if (req->ca_file != NULL) {
        SET(CURLOPT_CAINFO, req->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    SET(CURLOPT_SSLCERT, req->client_cert_file);
    SET(CURLOPT_SSLKEY, req->client_key_file);
    return !failed;
}

static bool set_limits(struct httpc *c, const struct httpc_request *req, struct call *call) {
    CURL *easy = c->easy;
    bool failed = false;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, c->error);
    SET(CURLOPT_TIMEOUT_MS, (long)req->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        (long)(req->connect_timeout_ms > 0 ? req->connect_timeout_ms : req->timeout_ms));
    SET(CURLOPT_MAXCONNECTS, (long)HTTPC_CONNECTIONS_KEPT);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)req->response_max);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, call);
    /* A kept connection was opened under another call's rules. */
    SET(CURLOPT_FRESH_CONNECT, req->refuse_private ? 1L : 0L);
    return !failed;
}

static enum err_code explain(const struct httpc *c, CURLcode code, const struct call *call, struct err *err) {
    const struct httpc_request *req = call->req;
    const char *why = c->error[0] ? c->error : curl_easy_strerror(code);
    struct url url = { .host = STR_NULL };
    struct err ignored;
    (void)!url_parse(str_of(req->url), &url, &ignored);
    if (call->address_refused)
        return err_set(err, ERR_FORBIDDEN, "%.*s resolves to a private, loopback or link-local address",
                       STR_FMT(url.host));
    if (call->too_large || code == CURLE_FILESIZE_EXCEEDED)
        return err_set(err, ERR_LIMIT, "the answer of %.*s is larger than %zu bytes", STR_FMT(url.host),
                       req->response_max);
    switch ((int)code) {
    case CURLE_OUT_OF_MEMORY:
        return err_set(err, ERR_NOMEM, "no memory for a call to %.*s", STR_FMT(url.host));
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(err, ERR_TIMEOUT, "%.*s did not answer within %lld ms: %s", STR_FMT(url.host),
                       (long long)req->timeout_ms, why);
    case CURLE_COULDNT_RESOLVE_HOST:
        return err_set(err, ERR_UNAVAILABLE, "the name %.*s cannot be resolved: check DNS or the URL (%s)",
                       STR_FMT(url.host), why);
    case CURLE_COULDNT_CONNECT:
        return err_set(err, ERR_UNAVAILABLE, "cannot connect to %.*s: check that it runs and the port (%s)",
                       STR_FMT(url.host), why);
    case CURLE_PEER_FAILED_VERIFICATION:
        return err_set(
            err, ERR_UNAVAILABLE,
            "the certificate of %.*s is not trusted: name the CA that signed it, and use a host name that "
            "it lists (%s)",
            STR_FMT(url.host), why);
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(err, ERR_UNAVAILABLE, "the CA file %s cannot be read (%s)",
                       req->ca_file ? req->ca_file : "", why);
    case CURLE_SSL_CERTPROBLEM:
        return err_set(err, ERR_UNAVAILABLE, "the client certificate %s or its key cannot be used (%s)",
                       req->client_cert_file ? req->client_cert_file : "", why);
    case CURLE_SSL_CONNECT_ERROR:
        return err_set(err, ERR_UNAVAILABLE, "no TLS connection to %.*s: is the port an https one? (%s)",
                       STR_FMT(url.host), why);
    default: return err_set(err, ERR_UNAVAILABLE, "the call to %.*s failed: %s", STR_FMT(url.host), why);
    }
}

static enum err_code take_answer(CURL *easy, struct httpc_response *r, struct err *err) {
    const char *text = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &r->status);
    (void)curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &text);
    bool failed = text != NULL && (r->content_type_buf = str_dup_c(text)) == NULL;
    text = NULL;
    /* As sent would be CURLINFO "Location"; this is made absolute against the URL. */
    (void)curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &text);
    failed |= text != NULL && (r->location_buf = str_dup_c(text)) == NULL;
    r->content_type = str_of(r->content_type_buf);
    r->location = str_of(r->location_buf);
    return failed ? err_set(err, ERR_NOMEM, "no memory for an answer") : ERR_OK;
}

enum err_code httpc_call(struct httpc *c, const struct httpc_request *req, struct httpc_response *ret,
                         struct err *err) {
    enum err_code rc = check_request(req, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(httpc_response_done) struct httpc_response answer = { .body = STRBUF(req->response_max) };
    AUTO(list_free) struct curl_slist *headers = NULL;
    if ((rc = add_headers(req, &headers, err)) != ERR_OK)
        return rc;
    struct call call = { .req = req, .body = &answer.body };
    c->error[0] = 0;
    curl_easy_reset(c->easy); /* keeps connections and DNS, forgets the last call's options */
    if (!set_target(c->easy, req, headers) || !set_tls(c->easy, req) || !set_limits(c, req, &call))
        return err_set(err, ERR_INTERNAL, "libcurl refuses an option");
    CURLcode code = curl_easy_perform(c->easy);
    rc = code == CURLE_OK ? take_answer(c->easy, &answer, err) : explain(c, code, &call, err);
    curl_easy_reset(c->easy); /* nothing of the caller's is kept: headers, bodies, file names */
    if (rc != ERR_OK)
        return rc;
    *ret = answer;
    answer = (struct httpc_response) { .status = 0 };
    return ERR_OK;
}
