#include "connector/ldap/tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>

DEFINE_AUTO_FREE(SSL_CTX_free, SSL_CTX);
DEFINE_AUTO_FREE(SSL_free, SSL);
DEFINE_AUTO_FREE(BIO_free_all, BIO);

enum { CA_MAX = 1024 * 1024 };

/* OpenSSL's queue: the first entry is the cause; the rest must not be left for the next caller. */
static const char *openssl_reason(void) {
    unsigned long e = ERR_get_error();
    ERR_clear_error();
    const char *text = e == 0 ? NULL : ERR_reason_error_string(e);
    return text != NULL ? text : "the server closed the connection";
}

/* Every certificate of a PEM text becomes a trust anchor; other things in it are skipped. */
static enum err_code trust_pem(SSL_CTX *ctx, struct str pem, struct err *err) {
    AUTO_FREE(BIO_free_all) BIO *bio = BIO_new_mem_buf(pem.len ? pem.ptr : "", (int)pem.len);
    if (bio == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    size_t n = 0;
    for (X509 *cert; (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; n++) {
        int added = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert);
        X509_free(cert);
        if (added != 1)
            return err_set(err, ERR_INVALID, "certificate %zu: %s", n + 1, openssl_reason());
    }
    ERR_clear_error(); /* "no start line" at the end */
    return n > 0 ? ERR_OK : err_set(err, ERR_INVALID, "no certificate in PEM form was found");
}

/* Base64 of a PEM text, as dex has it; the PEM text itself is taken, too. */
static enum err_code trust_data(SSL_CTX *ctx, struct str data, struct err *err) {
    data = str_trim(data);
    if (str_starts_with(data, STR("-----BEGIN")))
        return trust_pem(ctx, data, err);
    AUTO(strbuf_done) struct strbuf compact = STRBUF(CA_MAX);
    for (size_t i = 0; i < data.len; i++)
        if (!ascii_is_space(data.ptr[i]))
            strbuf_addc(&compact, data.ptr[i]);
    AUTO(strbuf_done) struct strbuf pem = STRBUF(CA_MAX);
    enum err_code rc = base64_decode(strbuf_str(&compact), &pem, err);
    if (rc != ERR_OK)
        return err_set(err, ERR_INVALID, "neither PEM nor base64 of PEM");
    return trust_pem(ctx, strbuf_str(&pem), err);
}

static enum err_code trust(SSL_CTX *ctx, const struct ldap_config *c, const char **key, struct err *err) {
    if (c->root_ca_data != NULL) {
        *key = "rootCAData";
        return trust_data(ctx, str_of(c->root_ca_data), err);
    }
    *key = "rootCA";
    if (c->root_ca == NULL)
        return SSL_CTX_set_default_verify_paths(ctx) == 1
                   ? ERR_OK
                   : err_set(err, ERR_INVALID, "the system's CA certificates: %s", openssl_reason());
    AUTO(strbuf_done) struct strbuf pem = STRBUF(CA_MAX);
    enum err_code rc = file_read(c->root_ca, CA_MAX, &pem, err);
    if (rc == ERR_OK)
        rc = trust_pem(ctx, strbuf_str(&pem), err);
    return rc == ERR_OK ? ERR_OK : err_context(err, "%s", c->root_ca);
}

static enum err_code client_certificate(SSL_CTX *ctx, const struct ldap_config *c, const char **key,
                                        struct err *err) {
    if (c->client_cert == NULL || c->client_key == NULL)
        return ERR_OK;
    *key = "clientCert";
    if (SSL_CTX_use_certificate_chain_file(ctx, c->client_cert) != 1)
        return err_set(err, ERR_INVALID, "%s: %s", c->client_cert, openssl_reason());
    *key = "clientKey";
    if (SSL_CTX_use_PrivateKey_file(ctx, c->client_key, SSL_FILETYPE_PEM) != 1)
        return err_set(err, ERR_INVALID, "%s: %s", c->client_key, openssl_reason());
    if (SSL_CTX_check_private_key(ctx) != 1)
        return err_set(err, ERR_INVALID, "%s is not the key of %s", c->client_key, c->client_cert);
    return ERR_OK;
}

/* ---- a BIO over our stream: read ahead, no SIGPIPE ---- */

static int stream_write(BIO *bio, const char *data, size_t len, size_t *written) {
    BIO_clear_retry_flags(bio);
    ssize_t n = ldap_stream_write(BIO_get_data(bio), data, len);
    if (n < 0) {
        if (errno == EAGAIN || errno == EINTR)
            BIO_set_retry_write(bio);
        return 0;
    }
    *written = (size_t)n;
    return 1;
}

static int stream_read(BIO *bio, char *data, size_t len, size_t *got) {
    BIO_clear_retry_flags(bio);
    ssize_t n = ldap_stream_read(BIO_get_data(bio), data, len);
    if (n <= 0) {
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            BIO_set_retry_read(bio);
        else if (n == 0)
            BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
        return 0;
    }
    *got = (size_t)n;
    return 1;
}

static long stream_ctrl(BIO *bio, int cmd, long num, void *ptr) {
    (void)num;
    (void)ptr;
    if (cmd == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *stream_method(void) {
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "ldap stream");
    if (m == NULL || BIO_meth_set_write_ex(m, stream_write) != 1 ||
        BIO_meth_set_read_ex(m, stream_read) != 1 || BIO_meth_set_ctrl(m, stream_ctrl) != 1) {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

/* ---- contexts ---- */

struct ldap_tls {
    SSL_CTX *ctx;
    BIO_METHOD *method;
};

void ldap_tls_free(struct ldap_tls *t) {
    if (t == NULL)
        return;
    SSL_CTX_free(t->ctx);
    BIO_meth_free(t->method);
    free(t);
}

static enum err_code set_up(SSL_CTX *ctx, const struct ldap_config *c, const char **key, struct err *err) {
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
        return err_set(err, ERR_INTERNAL, "TLS: %s", openssl_reason());
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* libldap hands a cut-off write in again from another address. */
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, c->insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    enum err_code rc = c->insecure_skip_verify ? ERR_OK : trust(ctx, c, key, err);
    return rc == ERR_OK ? client_certificate(ctx, c, key, err) : rc;
}

enum err_code ldap_tls_new(const struct ldap_config *c, struct ldap_tls **ret, const char **ret_key,
                           struct err *err) {
    *ret_key = NULL;
    AUTO_FREE(ldap_tls_free) struct ldap_tls *t = calloc(1, sizeof *t);
    if (t == NULL || (t->ctx = SSL_CTX_new(TLS_client_method())) == NULL ||
        (t->method = stream_method()) == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    enum err_code rc = set_up(t->ctx, c, ret_key, err);
    if (rc == ERR_OK)
        *ret = STEAL(t);
    return rc;
}

/* ---- handshake ---- */

static bool is_address(const char *host) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Whom the server must prove to be; RFC 6066 3 allows only names in SNI. */
static bool set_peer(SSL *ssl, const char *host) {
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* What SSL_set_tlsext_host_name() is, without its cast that drops const. */
    return SSL_set1_host(ssl, host) == 1 && SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                                     TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host) == 1;
}

static enum err_code refused(const SSL *ssl, struct err *err) {
    long verified = SSL_get_verify_result(ssl);
    const char *reason = openssl_reason();
    if (verified != X509_V_OK)
        return err_set(err, ERR_UNAVAILABLE, "TLS: the server's certificate: %s",
                       X509_verify_cert_error_string(verified));
    return err_set(err, ERR_UNAVAILABLE, "TLS handshake: %s", reason);
}

enum err_code ldap_tls_connect(struct ldap_tls *t, struct ldap_stream *stream, const char *host,
                               const struct clock *clock, int64_t deadline_mono_ms, SSL **ret,
                               struct err *err) {
    ERR_clear_error();
    AUTO_FREE(SSL_free) SSL *ssl = SSL_new(t->ctx);
    BIO *bio = ssl == NULL ? NULL : BIO_new(t->method);
    if (bio == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    if (!set_peer(ssl, host))
        return err_set(err, ERR_INVALID, "TLS: \"%s\" cannot be a server's name", host);
    for (;;) {
        int rc = SSL_connect(ssl);
        if (rc == 1)
            break;
        int want = SSL_get_error(ssl, rc);
        if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE)
            return refused(ssl, err);
        if (!ldap_stream_wait(stream, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, clock,
                              deadline_mono_ms))
            return err_set(err, ERR_TIMEOUT, "TLS handshake: no answer in time");
    }
    *ret = STEAL(ssl);
    return ERR_OK;
}
