#include "server/tls_files.h"

#include "server/local_ca.h"

enum { PEM_FILE_MAX = 1024 * 1024 };

/* The host of the issuer, which clients will check the certificate against. */
static const char *issuer_host(struct arena *a, const struct config *c) {
    struct url url;
    struct err err;
    const char *issuer = config_issuer(a, c);
    if (url_parse(str_of(issuer), &url, &err) != ERR_OK)
        return NULL;
    struct str host = url.host;
    if (host.len > 2 && host.ptr[0] == '[')
        host = str_sub(host, 1, host.len - 2);
    return arena_strdup(a, host);
}

/* The configuration may be gone before these names are. */
static const char *copy(struct arena *a, const char *path) {
    return path != NULL ? arena_strdup(a, str_of(path)) : NULL;
}

enum err_code tls_files_find(struct arena *a, const struct config *c, int64_t now, struct tls_files *ret,
                             struct err *err) {
    struct tls_files files = { .certificate = copy(a, c->secure_serving.tls_cert_file),
                               .key = copy(a, c->secure_serving.tls_private_key_file),
                               .client_ca = copy(a, c->authentication.client_ca_file),
                               .front_proxy_ca = copy(a, c->authentication.requestheader.client_ca_file),
                               .off = c->secure_serving.http };
    if (!files.off && files.certificate == NULL) {
        const char *dir = c->secure_serving.cert_dir;
        enum err_code rc = local_ca_ensure(dir, issuer_host(a, c), now, err);
        if (rc != ERR_OK)
            return rc;
        files.certificate = arena_printf(a, "%s/server.crt", dir);
        files.key = arena_printf(a, "%s/server.key", dir);
        files.local_ca = arena_printf(a, "%s/ca.crt", dir);
    }
    const char *host = issuer_host(a, c);
    /* Browsers would turn every http://localhost into https, also other programs' (kubelogin listens there). */
    files.hsts_host = host != NULL && !url_host_is_loopback(str_of(host)) ? host : NULL;
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "certificate files");
    *ret = files;
    return ERR_OK;
}

void tls_material_done(struct tls_material *m) {
    strbuf_done(&m->certificate);
    strbuf_wipe_done(&m->key);
    strbuf_done(&m->client_ca);
}

/* Adds the file, if there is one. Its last line need not have ended. */
static enum err_code add_file(const char *path, struct strbuf *out, struct err *err) {
    if (path == NULL)
        return ERR_OK;
    enum err_code rc = file_read(path, PEM_FILE_MAX, out, err);
    strbuf_addc(out, '\n');
    return rc == ERR_OK ? strbuf_check(out, err) : rc;
}

enum err_code tls_material_load(const struct tls_files *files, struct tls_material *m,
                                struct http_tls *ret_tls, struct err *err) {
    m->certificate = STRBUF(PEM_FILE_MAX);
    m->key = STRBUF(PEM_FILE_MAX);
    m->client_ca = STRBUF(2 * PEM_FILE_MAX + 2);
    enum err_code rc = file_read(files->certificate, PEM_FILE_MAX, &m->certificate, err);
    if (rc == ERR_OK)
        rc = file_read(files->key, PEM_FILE_MAX, &m->key, err);
    if (rc == ERR_OK)
        rc = add_file(files->client_ca, &m->client_ca, err);
    if (rc == ERR_OK)
        rc = add_file(files->front_proxy_ca, &m->client_ca, err);
    if (rc != ERR_OK)
        return rc;
    *ret_tls = (struct http_tls) { .certificate_pem = strbuf_str(&m->certificate),
                                   .key_pem = strbuf_str(&m->key),
                                   .client_ca_pem = m->client_ca.len != 0 ? strbuf_str(&m->client_ca)
                                                                          : STR_NULL };
    return ERR_OK;
}

enum err_code tls_files_context(const struct tls_files *files, struct err *err) {
    return err_context(err, "TLS: %s, %s", files->certificate, files->key);
}
