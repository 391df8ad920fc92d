#include "authz/access.h"

#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tkeauth/crypto.h"

enum { SEEN_CERTIFICATES = 256 /* a power of two */ };

struct digest {
    unsigned char bytes[SHA256_SIZE];
};
struct access {
    bool open;
    struct arena *arena;
    const struct str *names;
    size_t name_count;
    struct client_ca *clients; /* NULL: whatever the listener verified */
    struct digest *tokens;     /* SHA-256, sorted */
    size_t token_count;
    /* Certificates whose names were allowed, as SipHash under a secret key, so that kube-apiserver's is not parsed on every call. The
     * certificate was verified before; a collision would have to be hit blindly. */
    uint64_t seed[2];
    _Atomic uint64_t seen[SEEN_CERTIFICATES];
};

/* ---- building ---- */

static int by_bytes(const void *a, const void *b) { return memcmp(a, b, SHA256_SIZE); }

static enum err_code read_tokens(struct access *x, const char *path, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(ACCESS_TOKEN_FILE_MAX);
    enum err_code rc = file_read(path, ACCESS_TOKEN_FILE_MAX, &text, err);
    if (rc != ERR_OK)
        return err_context(err, "bearer tokens");
    x->tokens = calloc(ACCESS_TOKENS_MAX, sizeof *x->tokens);
    if (x->tokens == NULL)
        return err_set(err, ERR_NOMEM, "bearer tokens");
    struct str rest = strbuf_str(&text), line, token, ignored;
    while (str_next(&rest, '\n', &line)) {
        (void)str_cut(line, ',', &token, &ignored); /* TKEStack's file goes on with user, uid and groups */
        token = str_trim(token);
        if (token.len == 0 || token.ptr[0] == '#')
            continue;
        if (x->token_count == ACCESS_TOKENS_MAX)
            return err_set(err, ERR_LIMIT, "%s: more than %d tokens", path, ACCESS_TOKENS_MAX);
        sha256(token, x->tokens[x->token_count++].bytes);
    }
    qsort(x->tokens, x->token_count, sizeof *x->tokens, by_bytes);
    return ERR_OK;
}

enum err_code access_new(const struct authz_access *options, const struct random *random, struct access **ret,
                         struct err *err) {
    AUTO_FREE(access_free) struct access *x = calloc(1, sizeof *x);
    if (x == NULL || (x->arena = arena_new(1 << 20)) == NULL)
        return err_set(err, ERR_NOMEM, "access rules");
    struct str *names = arena_array(x->arena, options->name_count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < options->name_count; i++)
        names[i] = arena_str(x->arena, options->names[i]);
    if (arena_failed(x->arena))
        return err_set(err, ERR_NOMEM, "access rules");
    x->open = options->open;
    x->names = names;
    x->name_count = options->name_count;
    random_bytes(random, x->seed, sizeof x->seed);
    enum err_code rc = options->token_file == NULL ? ERR_OK : read_tokens(x, options->token_file, err);
    if (rc == ERR_OK && options->client_ca_file != NULL)
        rc = client_ca_load(options->client_ca_file, &x->clients, err);
    if (rc == ERR_OK)
        *ret = STEAL(x);
    return rc;
}

void access_free(struct access *x) {
    if (x == NULL)
        return;
    arena_free(x->arena);
    client_ca_free(x->clients);
    free(x->tokens);
    free(x);
}

/* ---- certificates ---- */

static bool is_allowed_name(const struct access *x, const ASN1_STRING *name) {
    struct str s = { (const char *)ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name) };
    for (size_t i = 0; s.len != 0 && i < x->name_count; i++)
        if (str_eq(x->names[i], s))
            return true;
    return false;
}

static bool has_allowed_common_name(const struct access *x, const X509 *certificate) {
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = -1;
    while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
        if (is_allowed_name(x, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))))
            return true;
    return false;
}

static bool has_allowed_alternative(const struct access *x, const X509 *certificate) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; names != NULL && !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI)
            found = is_allowed_name(x, name->d.ia5);
    }
    GENERAL_NAMES_free(names);
    return found;
}

static bool is_of_the_ca(const struct access *x, struct str der, int64_t now) {
    return x->clients == NULL || client_ca_judge(x->clients, der, now) == CLIENT_CA_ISSUED;
}

/* http/ forgets a certificate when it expires, so what was allowed once stays so. */
static bool is_allowed_certificate(struct access *x, const struct http_request *req) {
    struct str der = req->peer_certificate;
    if (x->name_count == 0 || der.len == 0 || der.len > LONG_MAX)
        return false;
    uint64_t hash = siphash13(x->seed, der.ptr, der.len) | 1; /* never 0, an empty slot */
    _Atomic uint64_t *slot = &x->seen[hash >> 8 & (SEEN_CERTIFICATES - 1)];
    if (atomic_load_explicit(slot, memory_order_relaxed) == hash)
        return true;
    const unsigned char *p = (const unsigned char *)der.ptr;
    X509 *certificate = d2i_X509(NULL, &p, (long)der.len);
    bool allowed = certificate != NULL &&
                   (has_allowed_common_name(x, certificate) || has_allowed_alternative(x, certificate));
    X509_free(certificate);
    allowed = allowed && is_of_the_ca(x, der, clock_now_s(req->clock));
    if (allowed)
        atomic_store_explicit(slot, hash, memory_order_relaxed);
    return allowed;
}

/* ---- tokens ---- */

static bool is_known_token(const struct access *x, const struct http_request *req) {
    const struct str scheme = STR("Bearer ");
    struct str header = http_header(req, "Authorization");
    if (x->token_count == 0 || http_header_count(req, "Authorization") != 1 ||
        !str_starts_with_nocase(header, scheme))
        return false;
    struct digest digest;
    sha256(str_trim(str_from(header, scheme.len)),
           digest.bytes); /* what is compared tells nothing of the token */
    return bsearch(&digest, x->tokens, x->token_count, sizeof digest, by_bytes) != NULL;
}

enum access_outcome access_check(struct access *x, const struct http_request *req) {
    if (x->open || is_allowed_certificate(x, req) || is_known_token(x, req))
        return ACCESS_OK;
    return req->peer_certificate.len != 0 ? ACCESS_REFUSED : ACCESS_MISSING;
}
