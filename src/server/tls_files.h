/* Which certificate the listener uses, and from which files. */
#pragma once
#include "tkeauth/config.h"
#include "tkeauth/http.h"

struct tls_files {
    const char *certificate, *key;
    const char *client_ca, *front_proxy_ca; /* both NULL: clients are not asked for a certificate */
    const char *local_ca;                   /* ca.crt when the certificate is of our own making; else NULL */
    const char *hsts_host;                  /* the issuer's host, unless it is this machine; else NULL */
    bool off;                               /* plain HTTP was asked for */
};
/* The configured files, or a local CA's (made when missing). Strings in `a`. */
enum err_code tls_files_find(struct arena *a, const struct config *c, int64_t now, struct tls_files *ret,
                             struct err *err);

struct tls_material {
    struct strbuf certificate, key;
    struct strbuf client_ca; /* of both CAs: which of them a client belongs to is for authn to tell */
};
void tls_material_done(struct tls_material *m);
/* `ret_tls` borrows from `m`. */
enum err_code tls_material_load(const struct tls_files *files, struct tls_material *m,
                                struct http_tls *ret_tls, struct err *err);
/* Puts the names of the files before what is wrong with them. Returns the error's code. */
enum err_code tls_files_context(const struct tls_files *files, struct err *err);
