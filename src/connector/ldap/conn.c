#include "connector/ldap/conn.h"
#include "connector/ldap/limits.h"
#include <errno.h>
#include <ldap.h>
#include <openldap.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/time.h>

struct ldap_conn {
    LDAP *ld;
    SSL *ssl; /* NULL: plain, or not yet */
    const struct clock *clock;
    const char *host; /* the target's, which outlives us */
    bool broken, lost;
    struct ldap_stream stream;
};

bool ldap_conn_is_broken(const struct ldap_conn *c) { return c->broken; }
bool ldap_conn_is_lost(const struct ldap_conn *c) { return c->lost; }
bool ldap_conn_is_quiet(const struct ldap_conn *c) { return !c->broken && ldap_stream_is_quiet(&c->stream); }

/* ---- libldap's lowest layer is ours ---- */

static int io_setup(Sockbuf_IO_Desc *d, void *arg) {
    d->sbiod_pvt = arg;
    return 0;
}

static int io_remove(Sockbuf_IO_Desc *d) {
    (void)d;
    return 0;
}

static int io_close(Sockbuf_IO_Desc *d) {
    struct ldap_conn *c = d->sbiod_pvt;
    ldap_stream_close(&c->stream);
    return 0;
}

static int io_ctrl(Sockbuf_IO_Desc *d, int option, void *arg) {
    (void)arg;
    const struct ldap_conn *c = d->sbiod_pvt;
    /* Otherwise libldap would wait in poll for bytes we hold already. */
    return option == LBER_SB_OPT_DATA_READY &&
           (ldap_stream_has_input(&c->stream) || (c->ssl != NULL && SSL_pending(c->ssl) > 0));
}

static ber_slen_t tls_result(struct ldap_conn *c, int rc) {
    switch (SSL_get_error(c->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default:
        ERR_clear_error();
        errno = EIO;
        return -1;
    }
}

static ber_slen_t io_read(Sockbuf_IO_Desc *d, void *buf, ber_len_t len) {
    struct ldap_conn *c = d->sbiod_pvt;
    if (c->ssl == NULL)
        return ldap_stream_read(&c->stream, buf, len);
    ERR_clear_error();
    int n = SSL_read(c->ssl, buf, len > INT32_MAX ? INT32_MAX : (int)len);
    return n > 0 ? n : tls_result(c, n);
}

static ber_slen_t io_write(Sockbuf_IO_Desc *d, void *buf, ber_len_t len) {
    struct ldap_conn *c = d->sbiod_pvt;
    if (c->ssl == NULL)
        return ldap_stream_write(&c->stream, buf, len);
    ERR_clear_error();
    int n = SSL_write(c->ssl, buf, len > INT32_MAX ? INT32_MAX : (int)len);
    return n > 0 ? n : tls_result(c, n);
}

/* libldap's interface takes no const, but only reads it. */
static Sockbuf_IO stream_io = {
    .sbi_setup = io_setup,
    .sbi_remove = io_remove,
    .sbi_ctrl = io_ctrl,
    .sbi_read = io_read,
    .sbi_write = io_write,
    .sbi_close = io_close,
};

void ldap_conn_init_library(void) {
    LDAPAPIInfo info = { .ldapai_info_version = LDAP_API_INFO_VERSION };
    if (ldap_get_option(NULL, LDAP_OPT_API_INFO, &info) == LDAP_OPT_SUCCESS) {
        ldap_memfree(info.ldapai_vendor_name);
        ber_memvfree((void **)info.ldapai_extensions);
    }
}

/* Every option that matters is set here, so that no ldap.conf, .ldaprc or LDAP... variable has a say. */
static bool set_options(LDAP *ld) {
    const int version = LDAP_VERSION3, none = 0, deref = LDAP_DEREF_NEVER;
    const struct timeval second_line = { .tv_sec = 60 };
    return ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_DEREF, &deref) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_SIZELIMIT, &none) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_TIMELIMIT, &none) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_TIMEOUT, &second_line) == LDAP_OPT_SUCCESS;
}

static enum err_code attach_libldap(struct ldap_conn *c, struct err *err) {
    Sockbuf *sb = NULL;
    ber_len_t incoming = LDAP_MESSAGE_MAX;
    if (ldap_init_fd(c->stream.fd, LDAP_PROTO_EXT, NULL, &c->ld) != LDAP_SUCCESS)
        return err_set(err, ERR_NOMEM, "libldap takes no connection");
    if (!set_options(c->ld) || ldap_get_option(c->ld, LDAP_OPT_SOCKBUF, &sb) != LDAP_OPT_SUCCESS ||
        sb == NULL || ber_sockbuf_add_io(sb, &stream_io, LBER_SBIOD_LEVEL_PROVIDER, c) != 0 ||
        ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &incoming) < 0)
        return err_set(err, ERR_INTERNAL, "libldap takes no transport");
    return ERR_OK;
}

void ldap_conn_free(struct ldap_conn *c) {
    if (c == NULL)
        return;
    if (c->ld != NULL)
        (void)ldap_unbind_ext(c->ld, NULL, NULL); /* one non-blocking write at most */
    ldap_stream_close(&c->stream);
    SSL_free(c->ssl);
    free(c);
}

/* ---- waiting for answers ---- */

static enum err_code broken(struct ldap_conn *c, const char *stage, int code, struct err *err) {
    c->broken = true;
    if (code == LDAP_TIMEOUT)
        return err_set(err, ERR_TIMEOUT, "%s: %s: no answer in time", c->host, stage);
    c->lost = code == LDAP_SERVER_DOWN;
    return err_set(err, code == LDAP_NO_MEMORY ? ERR_NOMEM : ERR_UNAVAILABLE, "%s: %s: %s", c->host, stage,
                   code == LDAP_SERVER_DOWN ? "the server closed the connection" : ldap_err2string(code));
}

static int last_error(LDAP *ld) {
    int code = LDAP_OTHER;
    (void)ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &code);
    return code == LDAP_SUCCESS ? LDAP_OTHER : code;
}

/* The next message of `id`; caller frees. */
static enum err_code next_message(struct ldap_conn *c, int id, const char *stage, int64_t deadline,
                                  LDAPMessage **ret, struct err *err) {
    int64_t left = deadline - clock_mono_ms(c->clock);
    if (left <= 0)
        return broken(c, stage, LDAP_TIMEOUT, err);
    struct timeval wait = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };
    int type = ldap_result(c->ld, id, LDAP_MSG_ONE, &wait, ret);
    if (type > 0)
        return ERR_OK;
    return broken(c, stage, type == 0 ? LDAP_TIMEOUT : last_error(c->ld), err);
}

static void controls_free(LDAPControl **controls) {
    if (controls != NULL)
        ldap_controls_free(controls);
}

struct result {
    int code;
    struct str diagnostic, matched;
    LDAPControl **controls; /* owned */
};
static void result_done(struct result *r) { controls_free(r->controls); }

static struct str copy_text(struct arena *a, char *text) {
    struct str copy = text == NULL ? STR_NULL : arena_str(a, str_sub(str_of(text), 0, 512));
    ldap_memfree(text);
    return copy;
}

/* Consumes `message`. */
static enum err_code parse_result(struct ldap_conn *c, struct arena *a, LDAPMessage *message,
                                  const char *stage, struct result *ret, struct err *err) {
    char *matched = NULL, *diagnostic = NULL;
    int rc = ldap_parse_result(c->ld, message, &ret->code, &matched, &diagnostic, NULL, &ret->controls, 1);
    ret->diagnostic = copy_text(a, diagnostic);
    ret->matched = copy_text(a, matched);
    return rc == LDAP_SUCCESS ? ERR_OK : broken(c, stage, rc, err);
}

/* ---- connecting ---- */

/* RFC 4511 4.14. What arrives with the answer, before TLS, could be anybody's: the stream must be empty then. */
static enum err_code start_tls(struct ldap_conn *c, int64_t deadline, struct err *err) {
    int id;
    int rc = ldap_extended_operation(c->ld, LDAP_EXOP_START_TLS, NULL, NULL, NULL, &id);
    if (rc != LDAP_SUCCESS)
        return broken(c, "StartTLS", rc, err);
    LDAPMessage *message = NULL;
    enum err_code code = next_message(c, id, "StartTLS", deadline, &message, err);
    if (code != ERR_OK)
        return code;
    AUTO_FREE(arena_free) struct arena *a = arena_new(4096);
    AUTO(result_done) struct result result = { 0 };
    code = parse_result(c, a, message, "StartTLS", &result, err);
    if (code != ERR_OK)
        return code;
    if (result.code != LDAP_SUCCESS)
        return err_set(err, ERR_UNAVAILABLE, "StartTLS refused: result %d (%s): %.*s", result.code,
                       ldap_err2string(result.code),
                       STR_FMT(str_sub(result.diagnostic, 0, LDAP_DIAGNOSTIC_MAX)));
    if (ldap_stream_has_input(&c->stream))
        return err_set(err, ERR_UNAVAILABLE, "StartTLS: the server sent data before the handshake");
    return ERR_OK;
}

static enum err_code open_stages(struct ldap_conn *c, const struct ldap_target *t, int64_t deadline,
                                 struct err *err) {
    enum err_code rc = ldap_stream_connect(&c->stream, t->resolver, t->host, t->port, t->clock, deadline,
                                           err);
    if (rc == ERR_OK && t->tls != NULL && !t->start_tls)
        rc = ldap_tls_connect(t->tls, &c->stream, t->host, t->clock, deadline, &c->ssl, err);
    if (rc == ERR_OK)
        rc = attach_libldap(c, err);
    if (rc == ERR_OK && t->tls != NULL && t->start_tls)
        rc = start_tls(c, deadline, err);
    if (rc == ERR_OK && t->tls != NULL && t->start_tls)
        rc = ldap_tls_connect(t->tls, &c->stream, t->host, t->clock, deadline, &c->ssl, err);
    return rc;
}

enum err_code ldap_conn_open(const struct ldap_target *t, int64_t deadline_mono_ms, struct ldap_conn **ret,
                             struct err *err) {
    AUTO_FREE(ldap_conn_free) struct ldap_conn *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->clock = t->clock;
    c->host = t->host;
    c->stream.fd = -1;
    enum err_code rc = open_stages(c, t, deadline_mono_ms, err);
    if (rc != ERR_OK)
        return err_context(err, "%s port %u", t->host, (unsigned)t->port);
    *ret = STEAL(c);
    return ERR_OK;
}

/* ---- bind ---- */

static enum err_code find_ppolicy(LDAPControl **controls, struct ldap_ppolicy *ret) {
    *ret = (struct ldap_ppolicy) { .error = LDAP_PPOLICY_NONE, .expires_s = -1, .graces = -1 };
    const LDAPControl *found = ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE, controls, NULL);
    struct err err = { 0 };
    if (found == NULL)
        return ERR_OK;
    return ldap_ppolicy_parse((struct str) { found->ldctl_value.bv_val, found->ldctl_value.bv_len }, ret,
                              &err);
}

enum err_code ldap_conn_bind(struct ldap_conn *c, struct arena *a, struct str dn, struct str password,
                             int64_t deadline_mono_ms, struct ldap_bind_reply *ret, struct err *err) {
    const char *name = arena_strdup(a, dn);
    if (name == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (strlen(name) != dn.len)
        return err_set(err, ERR_UNAVAILABLE, "%s: a DN with a NUL byte", c->host);
    LDAPControl policy = { .ldctl_oid = (char[]) { LDAP_CONTROL_PASSWORDPOLICYREQUEST } };
    LDAPControl *controls[] = { &policy, NULL };
    /* libldap's berval is not const; the bytes are only read. */
    struct berval secret = { .bv_len = password.len, .bv_val = (char *)(uintptr_t)password.ptr };
    int id;
    int rc = ldap_sasl_bind(c->ld, name, LDAP_SASL_SIMPLE, &secret, dn.len > 0 ? controls : NULL, NULL, &id);
    if (rc != LDAP_SUCCESS)
        return broken(c, "bind", rc, err);
    LDAPMessage *message = NULL;
    enum err_code code = next_message(c, id, "bind", deadline_mono_ms, &message, err);
    if (code != ERR_OK)
        return code;
    AUTO(result_done) struct result result = { 0 };
    code = parse_result(c, a, message, "bind", &result, err);
    if (code != ERR_OK)
        return code;
    ret->code = result.code;
    ret->diagnostic = result.diagnostic;
    (void)find_ppolicy(result.controls, &ret->ppolicy); /* a control nobody can read says nothing */
    return ERR_OK;
}

/* ---- search ---- */

struct search {
    struct ldap_conn *c;
    struct arena *a;
    const struct ldap_query *q;
    int64_t deadline;
    struct ldap_reply *reply;
    size_t cap;
    struct err *err;
};

static struct str copy_value(struct arena *a, const struct berval *v) {
    return arena_str(a, (struct str) { v->bv_val, v->bv_len });
}

static bool copy_attr(struct search *s, const struct berval *name, const struct berval *values,
                      struct ldap_attr *ret) {
    struct arena *a = s->a;
    size_t n = 0, max = s->q->values_max ? s->q->values_max : LDAP_VALUES_MAX;
    while (values != NULL && n < max && values[n].bv_val != NULL)
        n++;
    ret->cut = values != NULL && values[n].bv_val != NULL;
    ret->name = copy_value(a, name);
    ret->values = arena_array(a, n ? n : 1, sizeof *ret->values);
    if (ret->values == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        ret->values[i] = copy_value(a, &values[i]);
    ret->len = n;
    return true;
}

static enum err_code copy_entry(struct search *s, LDAPMessage *message, struct ldap_entry **ret) {
    LDAP *ld = s->c->ld;
    struct berval dn, name, *values = NULL;
    BerElement *ber = NULL;
    struct ldap_attr attrs[LDAP_USER_ATTRS_MAX];
    struct ldap_entry *e = arena_alloc(s->a, sizeof *e);
    if (e == NULL)
        return err_set(s->err, ERR_NOMEM, "the directory's answer is too large");
    int rc = ldap_get_dn_ber(ld, message, &ber, &dn);
    if (rc == LDAP_SUCCESS)
        e->dn = copy_value(s->a, &dn);
    bool ok = true;
    while (rc == LDAP_SUCCESS && ok && e->len < LDAP_USER_ATTRS_MAX) {
        rc = ldap_get_attribute_ber(ld, message, ber, &name, &values);
        if (rc != LDAP_SUCCESS || name.bv_val == NULL)
            break;
        ok = copy_attr(s, &name, values, &attrs[e->len]);
        e->len += ok;
        ber_memfree(values);
    }
    ber_free(ber, 0);
    if (rc != LDAP_SUCCESS)
        return broken(s->c, "search entry", rc, s->err);
    e->attrs = arena_array(s->a, e->len ? e->len : 1, sizeof *e->attrs);
    if (!ok || e->attrs == NULL || arena_failed(s->a))
        return err_set(s->err, ERR_NOMEM, "the directory's answer is too large");
    memcpy(e->attrs, attrs, e->len * sizeof *e->attrs);
    *ret = e;
    return ERR_OK;
}

static enum err_code keep_entry(struct search *s, LDAPMessage *message) {
    struct ldap_reply *r = s->reply;
    if (r->len == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4;
        struct ldap_entry **more = arena_array(s->a, cap, sizeof(*more));
        if (more == NULL)
            return err_set(s->err, ERR_NOMEM, "the directory's answer is too large");
        if (r->len > 0)
            memcpy(more, r->entries, r->len * sizeof(*more));
        r->entries = more;
        s->cap = cap;
    }
    enum err_code rc = copy_entry(s, message, &r->entries[r->len]);
    r->len += rc == ERR_OK;
    return rc;
}

static enum ldap_wish wish(struct search *s, LDAPMessage *message) {
    struct berval dn;
    /* What cannot be read is broken, and copy_entry says so. */
    if (s->q->wish == NULL || ldap_get_dn_ber(s->c->ld, message, NULL, &dn) != LDAP_SUCCESS)
        return LDAP_WISH_KEEP;
    return s->q->wish(s->q->wish_ctx, (struct str) { dn.bv_val, dn.bv_len });
}

/* True: no more entries are taken; the rest of the answer is still on its way. */
static bool is_full(struct search *s, LDAPMessage *message, enum ldap_wish *ret) {
    if (s->reply->len == s->q->entries_max) {
        s->reply->code = LDAP_SIZELIMIT_EXCEEDED;
        return true;
    }
    *ret = wish(s, message);
    s->reply->enough = *ret == LDAP_WISH_ENOUGH;
    return s->reply->enough;
}

static struct timeval server_time_limit(const struct search *s) {
    int64_t left = s->deadline - clock_mono_ms(s->c->clock);
    return (struct timeval) { .tv_sec = left > 0 ? (left + 999) / 1000 : 1 };
}

static enum err_code send_search(struct search *s, struct berval *cookie, int *ret_id) {
    LDAPControl *page = NULL;
    LDAP *ld = s->c->ld;
    if (s->q->page_size > 0) {
        int rc = ldap_create_page_control(ld, (ber_int_t)s->q->page_size, cookie, 0, &page);
        if (rc != LDAP_SUCCESS)
            return broken(s->c, "paging", rc, s->err);
    }
    LDAPControl *controls[] = { page, NULL };
    struct timeval limit = server_time_limit(s);
    /* libldap's list of attributes is not const, but it only reads it. */
    int rc = ldap_search_ext(ld, s->q->base, s->q->scope, s->q->filter, (char **)(uintptr_t)s->q->attrs, 0,
                             page != NULL ? controls : NULL, NULL, &limit, (int)s->q->size_limit, ret_id);
    if (page != NULL)
        ldap_control_free(page);
    return rc == LDAP_SUCCESS ? ERR_OK : broken(s->c, "search", rc, s->err);
}

/* The cookie of the next page, to be freed with ber_memfree; empty: this was the last. */
static enum err_code page_cookie(struct search *s, LDAPControl **controls, struct berval *cookie) {
    ber_memfree(cookie->bv_val);
    *cookie = (struct berval) { 0 };
    if (s->q->page_size == 0)
        return ERR_OK; /* nobody asked for pages */
    LDAPControl *found = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
    if (found == NULL)
        return ERR_OK; /* the server knows no paging: that was all */
    ber_int_t estimate;
    int rc = ldap_parse_pageresponse_control(s->c->ld, found, &estimate, cookie);
    return rc == LDAP_SUCCESS ? ERR_OK : broken(s->c, "paging", rc, s->err);
}

/* One request and its messages up to the result. */
static enum err_code search_page(struct search *s, struct berval *cookie) {
    int id;
    enum err_code rc = send_search(s, cookie, &id);
    while (rc == ERR_OK) {
        LDAPMessage *message = NULL;
        rc = next_message(s->c, id, "search", s->deadline, &message, s->err);
        if (rc != ERR_OK)
            break;
        int type = ldap_msgtype(message);
        if (type == LDAP_RES_SEARCH_RESULT) {
            AUTO(result_done) struct result result = { 0 };
            rc = parse_result(s->c, s->a, message, "search", &result, s->err);
            s->reply->code = result.code;
            s->reply->diagnostic = result.diagnostic;
            s->reply->matched = result.matched;
            return rc == ERR_OK ? page_cookie(s, result.controls, cookie) : rc;
        }
        enum ldap_wish keep = LDAP_WISH_KEEP;
        if (type == LDAP_RES_SEARCH_ENTRY && is_full(s, message, &keep)) {
            s->c->broken = true;
            (void)ldap_msgfree(message);
            return ERR_OK;
        }
        if (type == LDAP_RES_SEARCH_ENTRY && keep == LDAP_WISH_KEEP)
            rc = keep_entry(s, message);
        else
            s->reply->references += type != LDAP_RES_SEARCH_ENTRY;
        (void)ldap_msgfree(message);
    }
    s->c->broken = true;
    return rc;
}

/* One page, from and to the caller's cookie. */
static enum err_code search_one_page(struct search *s) {
    struct strbuf *at = s->q->cookie;
    struct berval cookie = { .bv_len = at->len };
    if (at->len > 0 && (cookie.bv_val = ber_memalloc(at->len)) == NULL)
        return err_set(s->err, ERR_NOMEM, "out of memory");
    if (at->len > 0)
        memcpy(cookie.bv_val, at->ptr, at->len);
    enum err_code rc = search_page(s, &cookie);
    strbuf_clear(at);
    if (rc == ERR_OK && s->reply->code == LDAP_SUCCESS && !s->c->broken)
        strbuf_add(at, (struct str) { cookie.bv_val, cookie.bv_len });
    ber_memfree(cookie.bv_val);
    return rc == ERR_OK ? strbuf_check(at, s->err) : rc;
}

enum err_code ldap_conn_search(struct ldap_conn *c, struct arena *a, const struct ldap_query *q,
                               int64_t deadline_mono_ms, struct ldap_reply *ret, struct err *err) {
    *ret = (struct ldap_reply) { 0 };
    struct search s = { .c = c, .a = a, .q = q, .deadline = deadline_mono_ms, .reply = ret, .err = err };
    struct berval cookie = { 0 };
    enum err_code rc;
    if (q->cookie != NULL)
        return search_one_page(&s);
    do
        rc = search_page(&s, &cookie);
    while (rc == ERR_OK && ret->code == LDAP_SUCCESS && cookie.bv_len > 0 && !c->broken);
    ber_memfree(cookie.bv_val);
    return rc;
}
