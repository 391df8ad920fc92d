#include "http/tls.h"

#include <gnutls/x509.h>
#include <limits.h>

struct material {
    struct snapshot snapshot;
    gnutls_certificate_credentials_t credentials;
    gnutls_x509_trust_list_t clients; /* NULL: clients are not asked */
};

static void material_free(struct material *m) {
    if (m == NULL)
        return;
    if (m->credentials != NULL)
        gnutls_certificate_free_credentials(m->credentials);
    if (m->clients != NULL)
        gnutls_x509_trust_list_deinit(m->clients, 1);
    free(m);
}
DEFINE_AUTO_FREE(material_free, struct material);

static void material_free_snapshot(struct snapshot *s) { material_free((struct material *)(void *)s); }

/* GnuTLS's structure has no const. */
static gnutls_datum_t datum(struct str s) {
    union {
        const char *in;
        unsigned char *out;
    } bytes = { .in = s.ptr };
    return (gnutls_datum_t) { bytes.out, (unsigned)s.len };
}

static enum err_code load_client_ca(struct material *m, struct str pem, struct err *err) {
    gnutls_datum_t ca = datum(pem);
    int n = gnutls_certificate_set_x509_trust_mem(m->credentials, &ca, GNUTLS_X509_FMT_PEM);
    if (n <= 0)
        return err_set(err, ERR_INVALID, "the client CA file holds no usable certificate: %s",
                       n < 0 ? gnutls_strerror(n) : "it is empty");
    if (gnutls_x509_trust_list_init(&m->clients, 0) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the client CA");
    n = gnutls_x509_trust_list_add_trust_mem(m->clients, &ca, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
    return n > 0 ? ERR_OK : err_set(err, ERR_INVALID, "the client CA file holds no usable certificate");
}

struct chain {
    gnutls_x509_crt_t *items;
    unsigned len;
};

static void chain_done(struct chain *c) {
    for (unsigned i = 0; i < c->len; i++)
        gnutls_x509_crt_deinit(c->items[i]);
    gnutls_free(c->items);
}

static void key_done(gnutls_x509_privkey_t *key) {
    if (*key != NULL)
        gnutls_x509_privkey_deinit(*key);
}

static enum err_code load_certificate(struct material *m, const struct http_tls *tls, struct err *err) {
    gnutls_datum_t certificate = datum(tls->certificate_pem), key_pem = datum(tls->key_pem);
    AUTO(chain_done) struct chain chain = { .items = NULL };
    AUTO(key_done) gnutls_x509_privkey_t key = NULL;
    int rc = gnutls_x509_crt_list_import2(&chain.items, &chain.len, &certificate, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0 || chain.len > INT_MAX)
        return err_set(err, ERR_INVALID, "the certificate cannot be read: %s", gnutls_strerror(rc));
    if ((rc = gnutls_x509_privkey_init(&key)) >= 0)
        rc = gnutls_x509_privkey_import2(key, &key_pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0)
        return err_set(err, ERR_INVALID, "the certificate's key cannot be read: %s", gnutls_strerror(rc));
    rc = gnutls_certificate_set_x509_key(m->credentials, chain.items, (int)chain.len, key);
    if (rc < 0)
        return err_set(err, ERR_INVALID, "certificate and key do not fit together: %s", gnutls_strerror(rc));
    return ERR_OK;
}

enum err_code tls_material_new(const struct http_tls *tls, struct snapshot **ret, struct err *err) {
    if (tls->certificate_pem.len == 0 || tls->key_pem.len == 0)
        return err_set(err, ERR_INVALID, "TLS needs a certificate and its key");
    if (tls->certificate_pem.len > INT_MAX || tls->key_pem.len > INT_MAX || tls->client_ca_pem.len > INT_MAX)
        return err_set(err, ERR_LIMIT, "a PEM file is too large");
    AUTO_FREE(material_free) struct material *m = calloc(1, sizeof *m);
    if (m == NULL || gnutls_certificate_allocate_credentials(&m->credentials) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the certificate");
    enum err_code code = load_certificate(m, tls, err);
    if (code == ERR_OK && tls->client_ca_pem.len > 0)
        code = load_client_ca(m, tls->client_ca_pem, err);
    if (code != ERR_OK)
        return code;
    snapshot_init(&m->snapshot, material_free_snapshot);
    *ret = &STEAL(m)->snapshot;
    return ERR_OK;
}

bool tls_session_use(gnutls_session_t session, const struct snapshot *snapshot) {
    const struct material *m = (const struct material *)(const void *)snapshot;
    if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, m->credentials) < 0)
        return false;
    gnutls_certificate_server_set_request(session, m->clients ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE);
    return true;
}

/* TLS 1.2 only with forward secrecy and authenticated encryption (RFC 9325 4.2); 1.3 has nothing else. */
#define PRIORITIES_MODERN                                                                                    \
    ":-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+"   \
    "AEAD"                                                                                                   \
    ":%SERVER_PRECEDENCE"

const char *tls_priorities(const char *min_version) {
    struct str version = str_of(min_version);
    if (version.len == 0 || str_eq(version, STR("1.2")))
        return "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" PRIORITIES_MODERN;
    if (str_eq(version, STR("1.3")))
        return "NORMAL:-VERS-ALL:+VERS-TLS1.3" PRIORITIES_MODERN;
    return NULL;
}

enum { PEER_CHAIN_MAX = 8 };

struct shown {
    gnutls_x509_crt_t items[PEER_CHAIN_MAX];
    unsigned len;
};

static void shown_done(struct shown *c) {
    for (unsigned i = 0; i < c->len; i++)
        gnutls_x509_crt_deinit(c->items[i]);
}

static bool chain_verifies(gnutls_x509_trust_list_t trust, struct shown *chain) {
    char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st want = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
                                   .data = (unsigned char *)purpose,
                                   .size = 0 };
    unsigned status = GNUTLS_CERT_INVALID;
    int rc = gnutls_x509_trust_list_verify_crt2(trust, chain->items, chain->len, &want, 1, 0, &status, NULL);
    return rc >= 0 && status == 0;
}

void tls_check_peer(gnutls_session_t session, struct connection *connection, int64_t now_s) {
    const struct material *m = (const struct material *)(const void *)connection->tls;
    if (connection->is_peer_checked || m == NULL || m->clients == NULL)
        return;
    connection->is_peer_checked = true;
    unsigned len = 0;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(session, &len);
    if (der == NULL || len == 0 || len > PEER_CHAIN_MAX)
        return;
    AUTO(shown_done) struct shown chain = { .len = 0 };
    for (unsigned i = 0; i < len; i++) {
        if (gnutls_x509_crt_init(&chain.items[i]) < 0)
            return;
        chain.len++;
        if (gnutls_x509_crt_import(chain.items[i], &der[i], GNUTLS_X509_FMT_DER) < 0)
            return;
    }
    if (!chain_verifies(m->clients, &chain))
        return;
    connection->peer_until_s = gnutls_x509_crt_get_expiration_time(chain.items[0]);
    if (connection->peer_until_s <= now_s)
        return;
    char *copy = malloc(der[0].size);
    if (copy == NULL)
        return;
    memcpy(copy, der[0].data, der[0].size);
    connection->peer_certificate = (struct str) { copy, der[0].size };
}
