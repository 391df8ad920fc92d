#include "tkeauth/crypto.h"

#include "crypto/password_form.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>

/* Safe to call from several threads at once, and cheap after the first time. */
static enum err_code start_sodium(struct err *err) {
    return sodium_init() < 0 ? err_set(err, ERR_INTERNAL, "libsodium cannot start") : ERR_OK;
}

enum err_code password_hash(struct str password, struct strbuf *out, struct err *err) {
    char text[crypto_pwhash_argon2id_STRBYTES];
    if (password.len == 0)
        return err_set(err, ERR_INVALID, "an empty password");
    if (password.len > PASSWORD_MAX)
        return err_set(err, ERR_LIMIT, "a password over %d bytes", PASSWORD_MAX);
    enum err_code rc = start_sodium(err);
    if (rc != ERR_OK)
        return rc;
    if (crypto_pwhash_argon2id_str(text, password.ptr, password.len, ARGON2_PASSES,
                                   (size_t)ARGON2_MEMORY_KIB * 1024) != 0)
        return err_set(err, ERR_NOMEM, "argon2id needs %d MiB", ARGON2_MEMORY_KIB / 1024);
    strbuf_adds(out, text);
    return strbuf_check(out, err);
}

static enum err_code argon2_matches(struct str password, const char *hash, bool *ret, struct err *err) {
    enum err_code rc = start_sodium(err);
    if (rc != ERR_OK)
        return rc;
    errno = 0;
    *ret = crypto_pwhash_argon2id_str_verify(hash, password.ptr, password.len) == 0;
    /* libsodium says EINVAL for a mismatch; anything else means that nothing was compared. */
    if (!*ret && errno != EINVAL)
        return err_set(err, ERR_UNAVAILABLE, "argon2id could not be computed: %s", strerror(errno));
    return ERR_OK;
}

/* libxcrypt's working memory holds what was derived from the password. */
struct crypt_memory {
    void *ptr;
    int size;
};
static void crypt_memory_done(struct crypt_memory *m) {
    if (m->ptr != NULL && m->size > 0)
        secret_wipe(m->ptr, (size_t)m->size);
    free(m->ptr);
}

static enum err_code bcrypt_matches(struct str password, const char *hash, bool *ret, struct err *err) {
    AUTO(secret_done) struct secret phrase = { 0 };
    AUTO(crypt_memory_done) struct crypt_memory memory = { 0 };
    *ret = false;
    if (memchr(password.ptr, '\0', password.len) != NULL)
        return ERR_OK; /* bcrypt would stop reading there */
    enum err_code rc = secret_copy(password, &phrase, err);
    if (rc != ERR_OK)
        return rc;
    const char *made = crypt_ra((const char *)phrase.ptr, hash, &memory.ptr, &memory.size);
    if (made == NULL)
        return err_set(err, errno == ENOMEM ? ERR_NOMEM : ERR_INVALID, "bcrypt could not be computed: %s",
                       strerror(errno));
    *ret = secret_equal(str_of(made), str_of(hash));
    return ERR_OK;
}

enum err_code password_verify(struct str password, struct str hash, enum password_outcome *ret,
                              struct err *err) {
    struct password_form form;
    bool matches = false;
    enum err_code rc = password_form_parse(hash, &form, err);
    if (rc != ERR_OK)
        return rc;
    if (password.len > 0 && password.len <= PASSWORD_MAX)
        rc = form.scheme == PASSWORD_BCRYPT ? bcrypt_matches(password, form.text, &matches, err)
                                            : argon2_matches(password, form.text, &matches, err);
    if (rc == ERR_OK)
        *ret = !matches ? PASSWORD_MISMATCH : form.is_weak ? PASSWORD_MATCH_REHASH : PASSWORD_MATCH;
    return rc;
}

void password_verify_dummy(struct str password) {
    static const unsigned char salt[ARGON2_SALT_SIZE] = { 0 };
    unsigned char out[ARGON2_HASH_SIZE];
    struct err ignored;
    /* password_verify computes nothing for such passwords either */
    if (password.len == 0 || password.len > PASSWORD_MAX || start_sodium(&ignored) != ERR_OK)
        return;
    int failed = crypto_pwhash_argon2id(out, sizeof out, password.ptr, password.len, salt, ARGON2_PASSES,
                                        (size_t)ARGON2_MEMORY_KIB * 1024, crypto_pwhash_ALG_ARGON2ID13);
    (void)failed; /* out of memory is as short for a known user */
    secret_wipe(out, sizeof out);
}

bool password_hash_is_known(struct str hash) {
    struct password_form form;
    struct err ignored;
    return password_form_parse(hash, &form, &ignored) == ERR_OK;
}
