#include "authn/client_ca.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

struct client_ca {
    STACK_OF(X509) * anchors;
};

static void free_bio(BIO **bio) { BIO_free(*bio); }
static void free_store_ctx(X509_STORE_CTX **ctx) { X509_STORE_CTX_free(*ctx); }
static void free_x509(X509 **x) { X509_free(*x); }

void client_ca_free(struct client_ca *ca) {
    if (ca == NULL)
        return;
    sk_X509_pop_free(ca->anchors, X509_free);
    free(ca);
}

/* ---- reading PEM ---- */

struct pem_block {
    char *name, *header;
    unsigned char *data;
    long len;
};

static void pem_block_done(struct pem_block *b) {
    OPENSSL_free(b->name);
    OPENSSL_free(b->header);
    OPENSSL_clear_free(b->data, (size_t)b->len); /* somebody's key, perhaps */
}

/* The line of the first block from `at` on. */
static unsigned line_of(struct str pem, size_t at) {
    struct str rest = str_from(pem, at);
    while (rest.len != 0 && !str_starts_with(rest, STR("-----BEGIN")))
        rest = str_from(rest, str_find(rest, '\n') + 1);
    unsigned line = 1;
    for (size_t i = 0; i < pem.len - rest.len; i++)
        line += pem.ptr[i] == '\n';
    return line;
}

/* What is wrong with it, or NULL. */
static const char *add_anchor(struct client_ca *ca, const struct pem_block *b) {
    if (strcmp(b->name, PEM_STRING_X509) != 0 && strcmp(b->name, PEM_STRING_X509_OLD) != 0)
        return "a block that is no certificate";
    const unsigned char *p = b->data;
    AUTO(free_x509) X509 *x = d2i_X509(NULL, &p, b->len);
    /* Its extensions are read now, not under a lock in the first requests. */
    if (x == NULL || p != b->data + b->len || X509_check_purpose(x, -1, 0) != 1)
        return "a certificate that cannot be read";
    if (sk_X509_push(ca->anchors, x) <= 0)
        return "no memory for the certificate";
    x = NULL;
    return NULL;
}

static enum err_code read_blocks(struct client_ca *ca, BIO *bio, struct str pem, const char *name,
                                 struct err *err) {
    for (;;) {
        AUTO(pem_block_done) struct pem_block block = { 0 };
        size_t at = pem.len - (size_t)BIO_pending(bio);
        bool found = PEM_read_bio(bio, &block.name, &block.header, &block.data, &block.len) == 1;
        bool at_end = !found && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        const char *wrong = found ? add_anchor(ca, &block) : "a broken PEM block";
        ERR_clear_error();
        if (at_end)
            return ERR_OK;
        if (wrong != NULL)
            return err_set(err, ERR_INVALID, "%s:%u: %s", name, line_of(pem, at), wrong);
    }
}

enum err_code client_ca_parse(struct str pem, const char *name, struct client_ca **ret, struct err *err) {
    AUTO_FREE(client_ca_free) struct client_ca *ca = calloc(1, sizeof *ca);
    AUTO(free_bio) BIO *bio = pem.len <= INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    if (ca == NULL || bio == NULL || (ca->anchors = sk_X509_new_null()) == NULL)
        return err_set(err, ERR_NOMEM, "%s", name);
    enum err_code rc = read_blocks(ca, bio, pem, name, err);
    if (rc == ERR_OK && sk_X509_num(ca->anchors) == 0)
        rc = err_set(err, ERR_INVALID, "%s:1: no certificate (PEM) in it", name);
    if (rc == ERR_OK)
        *ret = STEAL(ca);
    return rc;
}

enum err_code client_ca_load(const char *path, struct client_ca **ret, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf pem = STRBUF(CLIENT_CA_FILE_MAX);
    enum err_code rc = file_read(path, CLIENT_CA_FILE_MAX, &pem, err);
    if (rc == ERR_OK && pem.len == 0)
        rc = err_set(err, ERR_INVALID, "%s:1: is empty", path);
    return rc == ERR_OK ? client_ca_parse(strbuf_str(&pem), path, ret, err) : rc;
}

/* ---- judging ---- */

X509 *client_certificate_parse(struct str der) {
    const unsigned char *p = (const unsigned char *)der.ptr;
    if (der.len == 0 || der.len > CLIENT_CERTIFICATE_MAX)
        return NULL;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    if (x != NULL && p != (const unsigned char *)der.ptr + der.len) {
        X509_free(x);
        x = NULL;
    }
    ERR_clear_error();
    return x;
}

static bool seconds_of(const ASN1_TIME *t, int64_t *ret) {
    struct tm tm = { 0 };
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *ret = timegm(&tm);
    return true;
}

int64_t client_certificate_end(const X509 *x) {
    int64_t end;
    return seconds_of(X509_get0_notAfter(x), &end) ? end : 0;
}

/* While each certificate of the chain is valid. */
static bool read_times(const STACK_OF(X509) * chain, int64_t *ret_from, int64_t *ret_until) {
    int64_t from = INT64_MIN, until = INT64_MAX, one_from, one_until;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        const X509 *x = sk_X509_value(chain, i);
        if (!seconds_of(X509_get0_notBefore(x), &one_from) || !seconds_of(X509_get0_notAfter(x), &one_until))
            return false;
        from = one_from > from ? one_from : from;
        until = one_until < until ? one_until : until;
    }
    *ret_from = from;
    *ret_until = until;
    return true;
}

/* Purpose and time are looked at when there is a chain; what only claims to be of this CA is refused all the same. */
static bool is_of_this_ca(int problem) {
    return problem == X509_V_ERR_CERT_HAS_EXPIRED || problem == X509_V_ERR_CERT_NOT_YET_VALID ||
           problem == X509_V_ERR_INVALID_PURPOSE;
}

enum client_ca_verdict client_ca_verify(const struct client_ca *ca, X509 *leaf, int64_t now,
                                        int64_t *ret_from, int64_t *ret_until) {
    AUTO(free_store_ctx) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (ctx == NULL || X509_STORE_CTX_init(ctx, NULL, leaf, NULL) != 1) {
        ERR_clear_error();
        return CLIENT_CA_OTHER;
    }
    X509_STORE_CTX_set0_trusted_stack(ctx, ca->anchors);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)now);
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    bool fine = X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT) == 1 &&
                X509_verify_cert(ctx) == 1 && read_times(X509_STORE_CTX_get0_chain(ctx), ret_from, ret_until);
    int problem = X509_STORE_CTX_get_error(ctx);
    ERR_clear_error();
    if (fine)
        return CLIENT_CA_ISSUED;
    return is_of_this_ca(problem) ? CLIENT_CA_REFUSED : CLIENT_CA_OTHER;
}

enum client_ca_verdict client_ca_judge(const struct client_ca *ca, struct str der, int64_t now) {
    AUTO(free_x509) X509 *leaf = client_certificate_parse(der);
    int64_t from, until;
    return leaf != NULL ? client_ca_verify(ca, leaf, now, &from, &until) : CLIENT_CA_OTHER;
}
