#include "server/local_ca.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

enum {
    CA_DAYS = 3650,
    SERVER_DAYS = 397,
    RENEW_DAYS = 30,
    DAY_S = 24 * 3600,
    PEM_MAX = 64 * 1024,
    PATH_MAX_BYTES = 4096
};

static void key_free(EVP_PKEY **p) { EVP_PKEY_free(*p); }
static void cert_free(X509 **p) { X509_free(*p); }
static void bio_free(BIO **p) { BIO_free_all(*p); }

static enum err_code fail(struct err *err, const char *what) {
    return err_set(err, ERR_INTERNAL, "local certificate authority: %s", what);
}

static const char *path_in(const char *dir, const char *name, struct strbuf *out) {
    strbuf_clear(out);
    strbuf_addf(out, "%s/%s", dir, name);
    return strbuf_c(out);
}

static enum err_code read_pem(const char *path, BIO **ret, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(PEM_MAX);
    enum err_code rc = file_read(path, PEM_MAX, &text, err);
    if (rc != ERR_OK)
        return rc;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || BIO_write(bio, text.ptr, (int)text.len) != (int)text.len) {
        BIO_free_all(bio);
        return fail(err, "out of memory");
    }
    *ret = bio;
    return ERR_OK;
}

static enum err_code write_pem(const char *path, BIO *bio, unsigned mode, struct err *err) {
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    if (len <= 0)
        return fail(err, "cannot encode PEM");
    return file_write_atomic(path, (struct str) { data, (size_t)len }, mode, err);
}

static enum err_code save_pair(const char *dir, const char *cert_name, X509 *cert, const char *key_name,
                               EVP_PKEY *key, struct err *err) {
    AUTO(strbuf_done) struct strbuf path = STRBUF(PATH_MAX_BYTES);
    AUTO(bio_free) BIO *cert_pem = BIO_new(BIO_s_mem());
    AUTO(bio_free) BIO *key_pem = BIO_new(BIO_s_secmem());
    if (cert_pem == NULL || key_pem == NULL || PEM_write_bio_X509(cert_pem, cert) != 1 ||
        PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) != 1)
        return fail(err, "cannot encode PEM");
    enum err_code rc = write_pem(path_in(dir, key_name, &path), key_pem, 0600, err);
    return rc == ERR_OK ? write_pem(path_in(dir, cert_name, &path), cert_pem, 0644, err) : rc;
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool set_serial(X509 *cert) {
    unsigned char raw[16];
    random_bytes(random_system(), raw, sizeof raw);
    raw[0] &= 0x7f; /* positive (RFC 5280 4.1.2.2) */
    BIGNUM *number = BN_bin2bn(raw, sizeof raw, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    return ok;
}

/* What all our certificates share; signing comes after the extensions. */
static bool begin_cert(X509 *cert, EVP_PKEY *key, const char *common_name, int64_t now, int days) {
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
           ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(now - 3600)) != NULL && /* clocks differ */
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(now + (int64_t)days * DAY_S)) != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1,
                                      0) == 1 &&
           X509_set_pubkey(cert, key) == 1;
}

static enum err_code make_ca(const char *dir, int64_t now, struct err *err) {
    AUTO(key_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTO(cert_free) X509 *cert = X509_new();
    if (key == NULL || cert == NULL || !begin_cert(cert, key, "tke-auth local CA", now, CA_DAYS) ||
        X509_set_issuer_name(cert, X509_get_subject_name(cert)) != 1 ||
        !add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(cert, cert, NID_subject_key_identifier, "hash") ||
        X509_sign(cert, key, EVP_sha256()) == 0)
        return fail(err, "cannot make the CA certificate");
    return save_pair(dir, "ca.crt", cert, "ca.key", key, err);
}

static bool is_address(const char *hostname) {
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(hostname);
    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

static enum err_code load_pair(const char *dir, X509 **ret_cert, EVP_PKEY **ret_key, struct err *err) {
    AUTO(strbuf_done) struct strbuf path = STRBUF(PATH_MAX_BYTES);
    AUTO(bio_free) BIO *cert_pem = NULL;
    AUTO(bio_free) BIO *key_pem = NULL;
    enum err_code rc = read_pem(path_in(dir, "ca.crt", &path), &cert_pem, err);
    if (rc == ERR_OK)
        rc = read_pem(path_in(dir, "ca.key", &path), &key_pem, err);
    if (rc != ERR_OK)
        return rc;
    *ret_cert = PEM_read_bio_X509(cert_pem, NULL, NULL, NULL);
    *ret_key = PEM_read_bio_PrivateKey(key_pem, NULL, NULL, NULL);
    return *ret_cert && *ret_key
               ? ERR_OK
               : fail(err, "ca.crt or ca.key is damaged; remove both to have new ones made");
}

static enum err_code make_server(const char *dir, const char *hostname, int64_t now, struct err *err) {
    AUTO(cert_free) X509 *ca = NULL;
    AUTO(key_free) EVP_PKEY *ca_key = NULL;
    AUTO(key_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTO(cert_free) X509 *cert = X509_new();
    AUTO(strbuf_done) struct strbuf names = STRBUF(1024);
    enum err_code rc = load_pair(dir, &ca, &ca_key, err);
    if (rc != ERR_OK)
        return rc;
    strbuf_adds(&names, "DNS:localhost,IP:127.0.0.1,IP:::1");
    if (hostname != NULL && !str_eq(str_of(hostname), STR("localhost")))
        strbuf_addf(&names, ",%s:%s", is_address(hostname) ? "IP" : "DNS", hostname);
    if (key == NULL || cert == NULL || names.failed || !begin_cert(cert, key, "tke-auth", now, SERVER_DAYS) ||
        X509_set_issuer_name(cert, X509_get_subject_name(ca)) != 1 ||
        !add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(cert, ca, NID_ext_key_usage, "serverAuth") ||
        !add_extension(cert, ca, NID_authority_key_identifier, "keyid") ||
        !add_extension(cert, ca, NID_subject_alt_name, strbuf_c(&names)) ||
        X509_sign(cert, ca_key, EVP_sha256()) == 0)
        return fail(err, "cannot make the server certificate");
    return save_pair(dir, "server.crt", cert, "server.key", key, err);
}

/* Is server.crt there, good for a while, and for this name? */
static bool server_cert_is_good(const char *dir, const char *hostname, int64_t now) {
    AUTO(strbuf_done) struct strbuf path = STRBUF(PATH_MAX_BYTES);
    AUTO(bio_free) BIO *pem = NULL;
    struct err err;
    struct stat st;
    if (stat(path_in(dir, "server.key", &path), &st) != 0 ||
        read_pem(path_in(dir, "server.crt", &path), &pem, &err) != ERR_OK)
        return false;
    AUTO(cert_free) X509 *cert = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    time_t soon = (time_t)(now + (int64_t)RENEW_DAYS * DAY_S);
    if (cert == NULL || X509_cmp_time(X509_get0_notAfter(cert), &soon) < 0)
        return false;
    if (hostname == NULL)
        return true;
    return is_address(hostname) ? X509_check_ip_asc(cert, hostname, 0) == 1
                                : X509_check_host(cert, hostname, 0, 0, NULL) == 1;
}

enum err_code local_ca_ensure(const char *dir, const char *hostname, int64_t now, struct err *err) {
    AUTO(strbuf_done) struct strbuf path = STRBUF(PATH_MAX_BYTES);
    struct stat st;
    /* OpenSSL takes the names as one text: a comma would begin another name. */
    if (hostname != NULL && str_contains(str_of(hostname), STR(",")))
        return err_set(err, ERR_INVALID, "\"%s\" is no host name", hostname);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", dir, strerror(errno));
    if (stat(path_in(dir, "ca.crt", &path), &st) != 0) {
        enum err_code rc = make_ca(dir, now, err);
        return rc == ERR_OK ? make_server(dir, hostname, now, err) : rc;
    }
    return server_cert_is_good(dir, hostname, now) ? ERR_OK : make_server(dir, hostname, now, err);
}
