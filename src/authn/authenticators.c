/* The chain: which credential of a request decides, and what it says (contract 1.6). */
#include <stdlib.h>

#include "authn/certificate.h"
#include "authn/credential.h"
#include "authn/front_proxy.h"
#include "authn/principal.h"
#include "authn/token_file.h"

struct authenticators {
    struct arena *arena; /* holds the copies of names */
    struct client_ca *clients, *proxies;
    struct certificate_cas cas; /* over these */
    struct front_proxy_headers headers;
    struct certificate_cache *certificates;
    struct token_file *tokens; /* NULL: none */
};

/* ---- building ---- */

static const struct str *copy_names(struct arena *a, const char *const *names, size_t count) {
    struct str *copies = arena_array(a, count + 1, sizeof *copies);
    for (size_t i = 0; copies != NULL && i < count; i++)
        copies[i] = arena_str(a, str_of(names[i]));
    return copies;
}

static enum err_code copy_options(struct authenticators *x, const struct authenticators_options *o,
                                  struct err *err) {
    if ((x->arena = arena_new(16 << 20)) == NULL)
        return err_set(err, ERR_NOMEM, "authenticators");
    x->headers = (struct front_proxy_headers) {
        .username = copy_names(x->arena, o->requestheader.username_headers,
                               o->requestheader.username_header_count),
        .username_count = o->requestheader.username_header_count,
        .group = copy_names(x->arena, o->requestheader.group_headers, o->requestheader.group_header_count),
        .group_count = o->requestheader.group_header_count,
        .extra_prefix = copy_names(x->arena, o->requestheader.extra_headers_prefix,
                                   o->requestheader.extra_headers_prefix_count),
        .extra_prefix_count = o->requestheader.extra_headers_prefix_count,
    };
    x->cas.proxy_names = copy_names(x->arena, o->requestheader.allowed_names,
                                    o->requestheader.allowed_name_count);
    x->cas.proxy_name_count = o->requestheader.allowed_name_count;
    return arena_failed(x->arena) ? err_set(err, ERR_NOMEM, "authenticators") : ERR_OK;
}

static enum err_code read_files(struct authenticators *x, const struct authenticators_options *o,
                                struct err *err) {
    enum err_code rc = ERR_OK;
    if (o->client_ca_file != NULL && (rc = client_ca_load(o->client_ca_file, &x->clients, err)) != ERR_OK)
        return err_context(err, "CA of client certificates");
    if (o->requestheader.client_ca_file != NULL) {
        if (o->requestheader.username_header_count == 0)
            return err_set(err, ERR_INVALID, "a front proxy without a user name header");
        if ((rc = client_ca_load(o->requestheader.client_ca_file, &x->proxies, err)) != ERR_OK)
            return err_context(err, "CA of front proxies");
    }
    if (o->token_auth_file != NULL &&
        (rc = token_file_load(o->token_auth_file, o->random, &x->tokens, err)) != ERR_OK)
        return err_context(err, "static tokens");
    x->cas.clients = x->clients;
    x->cas.proxies = x->proxies;
    return ERR_OK;
}

enum err_code authenticators_new(const struct authenticators_options *options, struct authenticators **ret,
                                 struct err *err) {
    AUTO_FREE(authenticators_free) struct authenticators *x = calloc(1, sizeof *x);
    if (x == NULL)
        return err_set(err, ERR_NOMEM, "authenticators");
    enum err_code rc = copy_options(x, options, err);
    if (rc == ERR_OK)
        rc = certificate_cache_new(options->random, &x->certificates, err);
    if (rc == ERR_OK)
        rc = read_files(x, options, err);
    if (rc == ERR_OK)
        *ret = STEAL(x);
    return rc;
}

void authenticators_free(struct authenticators *x) {
    if (x == NULL)
        return;
    token_file_free(x->tokens);
    certificate_cache_free(x->certificates);
    client_ca_free(x->proxies);
    client_ca_free(x->clients);
    arena_free(x->arena);
    free(x);
}

/* ---- a request ---- */

static enum err_code identify(const struct authenticators *x, const struct http_request *req,
                              struct certificate_identity *ret, struct err *err) {
    int64_t now = clock_now_s(req->clock);
    *ret = (struct certificate_identity) { 0 };
    if (req->peer_certificate.len == 0 || (x->clients == NULL && x->proxies == NULL))
        return ERR_OK;
    if (certificate_cache_find(x->certificates, req->arena, req->peer_certificate, now, ret))
        return ERR_OK;
    enum err_code rc = certificate_identify(req->arena, &x->cas, req->peer_certificate, now, ret, err);
    if (rc == ERR_OK)
        certificate_cache_put(x->certificates, req->peer_certificate, now, ret);
    return rc;
}

/* `*ret_found` false: there is no certificate that decides. */
static enum err_code by_certificate(const struct authenticators *x, const struct http_request *req,
                                    const struct header_list *headers, bool *ret_found, struct principal *ret,
                                    struct err *err) {
    struct certificate_identity id;
    *ret_found = false;
    enum err_code rc = identify(x, req, &id, err);
    if (rc == ERR_OK && id.is_proxy)
        rc = front_proxy_read(&x->headers, headers, req->arena, ret_found, ret, err);
    if (rc != ERR_OK || *ret_found)
        return rc;
    if (id.refusal != NULL)
        return err_set(err, ERR_UNAUTHENTICATED, "%s", id.refusal);
    if (!id.is_client)
        return ERR_OK;
    *ret_found = true;
    const struct principal_draft draft = {
        .source = PRINCIPAL_CERTIFICATE, .name = id.name, .groups = id.groups, .group_count = id.group_count
    };
    return principal_make(req->arena, &draft, ret, err);
}

static enum err_code by_token(const struct authenticators *x, const struct token_judges *judges,
                              const struct http_request *req, struct str token, struct principal *ret,
                              struct err *err) {
    const struct token_entry *entry = x->tokens != NULL ? token_file_find(x->tokens, token) : NULL;
    if (entry != NULL) {
        const struct principal_draft draft = { .source = PRINCIPAL_TOKEN_FILE,
                                               .name = entry->user,
                                               .uid = entry->uid,
                                               .groups = entry->groups,
                                               .group_count = entry->group_count };
        return principal_make(req->arena, &draft, ret, err);
    }
    struct token_judges mine = *judges;
    mine.log = req->log;
    mine.request_id = req->request_id;
    return authn_token(req->arena, &mine, token, clock_now_s(req->clock), ret, NULL, err);
}

enum err_code authn_request(const struct authenticators *x, const struct token_judges *judges,
                            const struct http_request *req, struct principal *ret, struct err *err) {
    struct header_list headers;
    struct str token = STR_NULL;
    bool found = false;
    enum err_code rc = header_list_of(req, &headers, err);
    if (rc != ERR_OK)
        return rc;
    /* Also of a caller with a certificate: whoever put a second one in wanted it to be seen by somebody. */
    if (header_list_find(&headers, STR("Authorization"), NULL) > 1)
        return err_set(err, ERR_UNAUTHENTICATED, "several Authorization headers");
    rc = by_certificate(x, req, &headers, &found, ret, err);
    if (rc != ERR_OK || found)
        return rc;
    rc = credential_find(&headers, req->arena, &token, err);
    if (rc == ERR_OK && token.ptr == NULL)
        rc = err_set(err, ERR_UNAUTHENTICATED, "no credential");
    return rc == ERR_OK ? by_token(x, judges, req, token, ret, err) : rc;
}
