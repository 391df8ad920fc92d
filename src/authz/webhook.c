#include "authz/webhook.h"

#include <pthread.h>
#include <stdlib.h>

#include "authz/scan.h"
#include "tkeauth/crypto.h"
#include "tkeauth/httpc.h"

enum {
    CLIENTS_MAX = 64,
    CACHE_SLOTS = 4096, /* a power of two */
    CACHED_REASON_MAX = 192,
    REVIEW_MAX = 2 * AUTHZ_BODY_MAX,
    ANSWER_READ_MAX = 1024 * 1024,
    TOKEN_MAX = 64 * 1024,
    DEFAULT_TIMEOUT_MS = 5000,
    DEFAULT_FAILURES = 5,
    DEFAULT_PAUSE_S = 10,
    DEFAULT_IN_FLIGHT = 16,
};

struct cached {
    unsigned char key[SHA256_SIZE];
    int64_t expires_ms; /* 0: empty */
    enum authz_outcome outcome;
    size_t reason_len;
    char reason[CACHED_REASON_MAX];
};

struct webhook {
    struct arena *arena;
    struct authz_webhook_options options;
    const struct clock *clock;
    struct log *log;
    struct secret authorization; /* the header line, when there is a token */
    struct counter *answered, *failed, *cached, *left_alone;
    struct cached *slots;

    pthread_mutex_t mutex; /* of all below; never held during a call */
    struct httpc *idle[CLIENTS_MAX];
    unsigned idle_count, in_flight;
    unsigned failures;       /* in a row */
    int64_t paused_until_ms; /* the circuit is open until then */
};

/* ---- the wire ---- */

static void write_list(struct strbuf *out, bool *first, const char *name, const struct str *items,
                       size_t len) {
    json_key(out, first, name);
    strbuf_addc(out, '[');
    for (size_t i = 0; i < len; i++) {
        if (i != 0)
            strbuf_addc(out, ',');
        json_add_string(out, items[i]);
    }
    strbuf_addc(out, ']');
}

static void write_field(struct strbuf *out, bool *first, const char *name, struct str value) {
    if (value.len != 0)
        json_field_str(out, first, name, value);
}

static void write_attributes(struct strbuf *out, const struct authz_attributes *at) {
    bool first = true;
    strbuf_addc(out, '{');
    if (at->is_resource) {
        write_field(out, &first, "namespace", at->namespace);
        write_field(out, &first, "verb", at->verb);
        write_field(out, &first, "group", at->api_group);
        write_field(out, &first, "version", at->version);
        write_field(out, &first, "resource", at->resource);
        write_field(out, &first, "subresource", at->subresource);
        write_field(out, &first, "name", at->name);
    } else {
        write_field(out, &first, "path", at->resource);
        write_field(out, &first, "verb", at->verb);
    }
    strbuf_addc(out, '}');
}

void webhook_write_review(const struct authz_user *user, const struct authz_attributes *at, bool v1,
                          struct strbuf *out) {
    bool first = true, extra = true;
    strbuf_addf(out,
                "{\"apiVersion\":\"authorization.k8s.io/%s\",\"kind\":\"SubjectAccessReview\",\"spec\":{",
                v1 ? "v1" : "v1beta1");
    json_key(out, &first, at->is_resource ? "resourceAttributes" : "nonResourceAttributes");
    write_attributes(out, at);
    json_field_str(out, &first, "user", user->name);
    write_field(out, &first, "uid", user->uid);
    if (user->group_count != 0)
        write_list(out, &first, v1 ? "groups" : "group", user->groups, user->group_count);
    if (user->extra_count != 0) {
        json_key(out, &first, "extra");
        strbuf_addc(out, '{');
        for (size_t i = 0; i < user->extra_count; i++) {
            /* json_key takes names of ours; this one is data. */
            if (!extra)
                strbuf_addc(out, ',');
            extra = false;
            json_add_string(out, user->extra[i].key);
            strbuf_adds(out, ":[");
            for (size_t j = 0; j < user->extra[i].value_count; j++) {
                if (j != 0)
                    strbuf_addc(out, ',');
                json_add_string(out, user->extra[i].values[j]);
            }
            strbuf_addc(out, ']');
        }
        strbuf_addc(out, '}');
    }
    strbuf_adds(out, "}}");
}

struct answer {
    struct str kind, reason;
    bool allowed, denied, has_status;
};

static bool read_status(struct scan *s, void *dest) {
    static const struct scan_field fields[] = {
        { STR("allowed"), offsetof(struct answer, allowed), scan_bool },
        { STR("denied"), offsetof(struct answer, denied), scan_bool },
        { STR("reason"), offsetof(struct answer, reason), scan_string },
    };
    ((struct answer *)dest)->has_status = true;
    return scan_object(s, fields, ARRAY_LEN(fields), dest);
}

enum err_code webhook_read_answer(struct arena *a, struct str body, struct webhook_answer *ret,
                                  struct err *err) {
    static const struct scan_field fields[] = {
        { STR("kind"), offsetof(struct answer, kind), scan_string },
        { STR("status"), 0, read_status },
    };
    struct answer answer = { 0 };
    struct scan s;
    scan_init(&s, a, body);
    if (scan_object(&s, fields, ARRAY_LEN(fields), &answer))
        (void)scan_end(&s);
    enum err_code rc = scan_check(&s, err);
    if (rc != ERR_OK)
        return rc;
    if (!answer.has_status || (answer.kind.len != 0 && !str_eq(answer.kind, STR("SubjectAccessReview"))))
        return err_set(err, ERR_INVALID, "not a SubjectAccessReview with a status");
    ret->outcome = answer.denied ? AUTHZ_DENIED : answer.allowed ? AUTHZ_ALLOWED : AUTHZ_NO_OPINION;
    ret->reason = arena_str(a, answer.reason); /* the body goes before the arena does */
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "an answer") : ERR_OK;
}

/* ---- building ---- */

static enum err_code make_authorization(struct webhook *w, const struct secret *token, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf line = STRBUF(TOKEN_MAX);
    strbuf_adds(&line, "Authorization: Bearer ");
    strbuf_add(&line, str_trim(secret_expose(token)));
    if (line.failed || str_has_control(strbuf_str(&line)))
        return err_set(err, ERR_INVALID, "the token of the external authorizer is no bearer token");
    return secret_copy(strbuf_str(&line), &w->authorization, err);
}

static const char *copy_c(struct arena *a, const char *s) {
    return s == NULL ? NULL : arena_strdup(a, str_of(s));
}

static void copy_options(struct webhook *w, const struct authz_webhook_options *from) {
    struct authz_webhook_options *o = &w->options;
    *o = *from;
    o->url = copy_c(w->arena, from->url);
    o->ca_file = copy_c(w->arena, from->ca_file);
    o->client_cert_file = copy_c(w->arena, from->client_cert_file);
    o->client_key_file = copy_c(w->arena, from->client_key_file);
    o->token = NULL;
    if (o->timeout_ms <= 0)
        o->timeout_ms = DEFAULT_TIMEOUT_MS;
    if (o->breaker_failures == 0)
        o->breaker_failures = DEFAULT_FAILURES;
    if (o->breaker_pause_s <= 0)
        o->breaker_pause_s = DEFAULT_PAUSE_S;
    if (o->in_flight_max == 0)
        o->in_flight_max = DEFAULT_IN_FLIGHT;
    if (o->in_flight_max > CLIENTS_MAX)
        o->in_flight_max = CLIENTS_MAX;
}

enum err_code webhook_new(const struct authz_options *options, struct webhook **ret, struct err *err) {
    struct webhook *made = calloc(1, sizeof *made);
    if (made == NULL)
        return err_set(err, ERR_NOMEM, "the external authorizer");
    (void)pthread_mutex_init(&made->mutex, NULL);
    AUTO_FREE(webhook_free) struct webhook *w = made;
    w->arena = arena_new(1 << 20);
    w->slots = calloc(CACHE_SLOTS, sizeof *w->slots);
    if (w->arena == NULL || w->slots == NULL)
        return err_set(err, ERR_NOMEM, "the external authorizer");
    copy_options(w, &options->webhook);
    if (arena_failed(w->arena))
        return err_set(err, ERR_NOMEM, "the external authorizer");
    w->clock = options->clock;
    w->log = options->log;
    const char *name = "tkeauth_authz_webhook_total",
               *help = "Questions to the external authorizer, by result.";
    w->answered = metrics_counter(options->metrics, name, "result=\"answered\"", help);
    w->failed = metrics_counter(options->metrics, name, "result=\"failed\"", help);
    w->cached = metrics_counter(options->metrics, name, "result=\"cached\"", help);
    w->left_alone = metrics_counter(options->metrics, name, "result=\"left_alone\"", help);
    enum err_code rc = options->webhook.token == NULL ? ERR_OK
                                                      : make_authorization(w, options->webhook.token, err);
    if (rc == ERR_OK)
        *ret = STEAL(w);
    return rc;
}

void webhook_free(struct webhook *w) {
    if (w == NULL)
        return;
    for (unsigned i = 0; i < w->idle_count; i++)
        httpc_free(w->idle[i]);
    (void)pthread_mutex_destroy(&w->mutex);
    secret_done(&w->authorization);
    arena_free(w->arena);
    free(w->slots);
    free(w);
}

/* ---- cache and circuit breaker; the mutex is held ---- */

static struct cached *slot_of(struct webhook *w, const unsigned char key[SHA256_SIZE]) {
    size_t index = ((size_t)key[0] << 8 | key[1]) & (CACHE_SLOTS - 1);
    return &w->slots[index];
}

static bool find_cached(struct webhook *w, const unsigned char key[SHA256_SIZE], struct arena *a,
                        struct webhook_answer *ret) {
    const struct cached *c = slot_of(w, key);
    if (c->expires_ms <= clock_mono_ms(w->clock) || memcmp(c->key, key, SHA256_SIZE) != 0)
        return false;
    ret->outcome = c->outcome;
    ret->reason = arena_str(a, (struct str) { c->reason, c->reason_len });
    return true;
}

static void keep_answer(struct webhook *w, const unsigned char key[SHA256_SIZE],
                        const struct webhook_answer *answer) {
    int64_t ttl_s = answer->outcome == AUTHZ_ALLOWED ? w->options.authorized_ttl_s
                                                     : w->options.unauthorized_ttl_s;
    if (ttl_s <= 0)
        return;
    struct cached *c = slot_of(w, key);
    memcpy(c->key, key, SHA256_SIZE);
    c->expires_ms = clock_mono_ms(w->clock) + ttl_s * 1000;
    c->outcome = answer->outcome;
    c->reason_len = answer->reason.len < CACHED_REASON_MAX ? answer->reason.len : CACHED_REASON_MAX;
    if (c->reason_len != 0)
        memcpy(c->reason, answer->reason.ptr, c->reason_len);
}

static bool may_call(struct webhook *w) {
    int64_t now = clock_mono_ms(w->clock);
    if (w->in_flight >= w->options.in_flight_max || now < w->paused_until_ms)
        return false;
    if (w->failures >= w->options.breaker_failures)
        w->paused_until_ms = now +
                             w->options.breaker_pause_s * 1000; /* one probe; the others go on waiting */
    w->in_flight++;
    return true;
}

/* True: the circuit has just been opened. */
static bool note_result(struct webhook *w, bool good) {
    w->in_flight--;
    if (good) {
        w->failures = 0;
        w->paused_until_ms = 0;
        return false;
    }
    w->failures++;
    if (w->failures < w->options.breaker_failures)
        return false;
    w->paused_until_ms = clock_mono_ms(w->clock) + w->options.breaker_pause_s * 1000;
    return w->failures == w->options.breaker_failures;
}

/* ---- asking ---- */

static enum err_code call(struct webhook *w, struct httpc **client, struct str body, struct arena *a,
                          struct webhook_answer *ret, struct err *err) {
    enum err_code rc = *client == NULL ? httpc_new(client, err) : ERR_OK;
    if (rc != ERR_OK)
        return rc;
    const char *headers[] = { "Content-Type: application/json", "Accept: application/json",
                              (const char *)w->authorization.ptr, NULL };
    const struct httpc_request request = {
        .method = "POST",
        .url = w->options.url,
        .headers = headers,
        .body = body,
        .ca_file = w->options.ca_file,
        .client_cert_file = w->options.client_cert_file,
        .client_key_file = w->options.client_key_file,
        .allow_http = w->options.allow_http,
        .insecure_skip_verify = w->options.insecure_skip_verify,
        .timeout_ms = w->options.timeout_ms,
        .connect_timeout_ms = w->options.timeout_ms,
        .response_max = ANSWER_READ_MAX,
    };
    AUTO(httpc_response_done) struct httpc_response response = { 0 };
    rc = httpc_call(*client, &request, &response, err);
    if (rc == ERR_OK && (response.status < 200 || response.status > 299))
        rc = err_set(err, ERR_UNAVAILABLE, "the external authorizer answered with status %ld",
                     response.status);
    return rc == ERR_OK ? webhook_read_answer(a, strbuf_str(&response.body), ret, err) : rc;
}

enum start { START_CACHED, START_CALL, START_LEAVE };

static enum start start_call(struct webhook *w, const unsigned char key[SHA256_SIZE], struct arena *a,
                             struct httpc **client, struct webhook_answer *ret) {
    enum start start = START_LEAVE;
    (void)pthread_mutex_lock(&w->mutex);
    if (find_cached(w, key, a, ret))
        start = START_CACHED;
    else if (may_call(w)) {
        start = START_CALL;
        *client = w->idle_count == 0 ? NULL : w->idle[--w->idle_count];
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return start;
}

void webhook_ask(struct webhook *w, struct arena *a, const struct authz_user *user,
                 const struct authz_attributes *at, const char *request_id, struct webhook_answer *ret) {
    *ret = (struct webhook_answer) { .outcome = AUTHZ_NO_OPINION };
    AUTO(strbuf_done) struct strbuf body = STRBUF(REVIEW_MAX);
    webhook_write_review(user, at, w->options.v1, &body);
    if (body.failed)
        return;
    unsigned char key[SHA256_SIZE];
    sha256(strbuf_str(&body), key);
    struct httpc *client = NULL;
    switch (start_call(w, key, a, &client, ret)) {
    case START_CACHED: counter_add(w->cached, 1); return;
    case START_LEAVE: counter_add(w->left_alone, 1); return;
    case START_CALL: break;
    }

    struct err err = { 0 };
    struct webhook_answer answer = { .outcome = AUTHZ_NO_OPINION };
    bool good = call(w, &client, strbuf_str(&body), a, &answer, &err) == ERR_OK;
    (void)pthread_mutex_lock(&w->mutex);
    bool opened = note_result(w, good);
    if (good)
        keep_answer(w, key, &answer);
    if (client != NULL && w->idle_count < CLIENTS_MAX)
        w->idle[w->idle_count++] = STEAL(client);
    (void)pthread_mutex_unlock(&w->mutex);
    httpc_free(client);

    counter_add(good ? w->answered : w->failed, 1);
    if (good)
        *ret = answer;
    else
        log_warn_err(w->log, request_id, "authz_webhook_failed", &err, KV("paused", opened));
}
