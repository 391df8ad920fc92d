#include "tkeauth/crypto.h"

#include "crypto/aead.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BLOB_VERSION = 1,
    KEY_ID_SIZE = 4,
    /* All of it goes into the derivation of the blob's own key, and its tail is the GCM nonce. Random 96-bit nonces under one key
     * would wear that key out after 2^32 blobs, which a visitor could cause: every login page seals one. */
    BLOB_NONCE_SIZE = 24,
    BLOB_HEAD_SIZE = 1 + KEY_ID_SIZE + BLOB_NONCE_SIZE,
    KEYRING_FILE_MAX = 16 * 1024,
};

/* Only what HKDF extracted is kept, never the key itself. */
struct ring_key {
    unsigned char prk[SHA256_SIZE];
    unsigned char id[KEY_ID_SIZE];
};
struct keyring {
    struct ring_key keys[KEYRING_KEYS_MAX]; /* newest first */
    size_t len;
};

void keyring_free(struct keyring *k) {
    if (k != NULL)
        secret_wipe(k, sizeof *k);
    free(k);
}

/* The use and the purpose are NUL-terminated inside `info`, so no two derivations share one. */
static enum err_code derive(const struct ring_key *key, const char *use, const char *purpose,
                            struct str nonce, unsigned char out[32], struct err *err) {
    char info[HKDF_INFO_MAX];
    size_t use_len = strlen(use) + 1, purpose_len = strlen(purpose) + 1;
    if (purpose_len > KEYRING_PURPOSE_MAX)
        return err_set(err, ERR_INVALID, "a purpose of %zu bytes", purpose_len - 1);
    memcpy(info, use, use_len);
    memcpy(info + use_len, purpose, purpose_len);
    if (nonce.len)
        memcpy(info + use_len + purpose_len, nonce.ptr, nonce.len);
    hkdf_sha256_expand(key->prk, (struct str) { info, use_len + purpose_len + nonce.len }, out, 32);
    return ERR_OK;
}

static enum err_code add_key(struct keyring *k, const unsigned char key[KEYRING_KEY_SIZE], struct err *err) {
    static const char no_salt[SHA256_SIZE] = { 0 };
    unsigned char id[32];
    if (k->len == KEYRING_KEYS_MAX)
        return err_set(err, ERR_LIMIT, "over %d keys", KEYRING_KEYS_MAX);
    struct ring_key *slot = &k->keys[k->len];
    hmac_sha256((struct str) { no_salt, sizeof no_salt },
                (struct str) { (const char *)key, KEYRING_KEY_SIZE }, slot->prk);
    enum err_code rc = derive(slot, "tke-auth key id", "", STR_NULL, id, err);
    if (rc != ERR_OK)
        return rc;
    memcpy(slot->id, id, sizeof slot->id);
    k->len++;
    return ERR_OK;
}

static enum err_code parse_line(struct keyring *k, struct str line, struct err *err) {
    unsigned char key[KEYRING_KEY_SIZE];
    line = str_trim(line);
    if (line.len == 0 || line.ptr[0] == '#')
        return ERR_OK;
    enum err_code rc = base64url_decode_exact(line, key, sizeof key, err);
    if (rc == ERR_OK)
        rc = add_key(k, key, err);
    secret_wipe(key, sizeof key);
    return rc;
}

enum err_code keyring_load(const char *path, struct keyring **ret, struct err *err) {
    AUTO(secret_done) struct secret text = { 0 };
    enum err_code rc = file_read_secret(path, KEYRING_FILE_MAX, true, &text, err);
    if (rc != ERR_OK)
        return rc;
    AUTO_FREE(keyring_free) struct keyring *k = calloc(1, sizeof *k);
    if (k == NULL)
        return err_set(err, ERR_NOMEM, "a keyring");
    struct str rest = secret_expose(&text), line;
    for (unsigned number = 1; rest.len > 0; number++) {
        (void)str_cut(rest, '\n', &line, &rest);
        rc = parse_line(k, line, err);
        if (rc != ERR_OK)
            return err_context(err, "%s, line %u (wanted: 32 bytes in base64url)", path, number);
    }
    if (k->len == 0)
        return err_set(err, ERR_INVALID, "%s holds no key", path);
    *ret = STEAL(k);
    return ERR_OK;
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
}

static bool write_line(int fd, struct str line) {
    while (line.len > 0) {
        ssize_t n = write(fd, line.ptr, line.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        line = str_from(line, (size_t)n);
    }
    return fsync(fd) == 0;
}

static void sync_folder(struct str path) {
    AUTO(strbuf_done) struct strbuf folder = STRBUF(4096);
    size_t slash = str_rfind(path, '/');
    strbuf_add(&folder, slash == path.len ? STR(".") : slash == 0 ? STR("/") : str_sub(path, 0, slash));
    AUTO(close_fd) int fd = open(strbuf_c(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)fsync(fd);
}

/* link(2) fails when `path` exists, and shows the file only when it is complete and on disk: of two processes that start at
 * once, one makes the key and both load it. */
static enum err_code publish_new_file(const char *path, struct str content, struct err *err) {
    AUTO(strbuf_done) struct strbuf temporary = STRBUF(4096);
    strbuf_addf(&temporary, "%s.XXXXXX", path);
    enum err_code rc = strbuf_check(&temporary, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(close_fd) int fd = mkostemp(temporary.ptr, O_CLOEXEC); /* 0600 */
    if (fd < 0)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", temporary.ptr, strerror(errno));
    if (!write_line(fd, content) || (link(temporary.ptr, path) != 0 && errno != EEXIST))
        rc = err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
    (void)unlink(temporary.ptr);
    sync_folder(str_of(path));
    return rc;
}

static enum err_code create_file(const char *path, const struct random *random, struct err *err) {
    unsigned char key[KEYRING_KEY_SIZE];
    AUTO(strbuf_wipe_done) struct strbuf line = STRBUF(128);
    random_bytes(random, key, sizeof key);
    base64url_add(&line, key, sizeof key);
    strbuf_addc(&line, '\n');
    secret_wipe(key, sizeof key);
    enum err_code rc = strbuf_check(&line, err);
    return rc == ERR_OK ? publish_new_file(path, strbuf_str(&line), err) : rc;
}

enum err_code keyring_load_or_create(const char *path, const struct random *random, struct keyring **ret,
                                     struct err *err) {
    enum err_code rc = keyring_load(path, ret, err);
    if (rc != ERR_NOT_FOUND)
        return rc;
    rc = create_file(path, random, err);
    return rc == ERR_OK ? keyring_load(path, ret, err) : rc;
}

enum err_code keyring_from_key(const unsigned char key[KEYRING_KEY_SIZE], struct keyring **ret,
                               struct err *err) {
    AUTO_FREE(keyring_free) struct keyring *k = calloc(1, sizeof *k);
    if (k == NULL)
        return err_set(err, ERR_NOMEM, "a keyring");
    enum err_code rc = add_key(k, key, err);
    if (rc == ERR_OK)
        *ret = STEAL(k);
    return rc;
}

enum err_code keyring_derive(const struct keyring *k, const char *purpose, unsigned char out[32],
                             struct err *err) {
    return derive(&k->keys[0], "tke-auth derive", purpose, STR_NULL, out, err);
}

/* ---- sealed blobs: version, key id, nonce, ciphertext, tag. The head is authenticated, too. ---- */
static struct str blob_nonce(struct str blob) { return str_sub(blob, 1 + KEY_ID_SIZE, BLOB_NONCE_SIZE); }

static struct aead_message blob_message(const unsigned char *key, struct str head, struct str text) {
    return (struct aead_message) {
        .key = key,
        .nonce = (const unsigned char *)head.ptr + BLOB_HEAD_SIZE - AEAD_NONCE_SIZE,
        .aad = head,
        .text = text,
    };
}

enum err_code seal(const struct keyring *k, const struct random *random, const char *purpose,
                   struct str plain, struct strbuf *out, struct err *err) {
    unsigned char key[AEAD_KEY_SIZE];
    char head[BLOB_HEAD_SIZE];
    const struct str head_str = { head, sizeof head };
    head[0] = BLOB_VERSION;
    memcpy(head + 1, k->keys[0].id, KEY_ID_SIZE);
    random_bytes(random, head + 1 + KEY_ID_SIZE, BLOB_NONCE_SIZE);
    enum err_code rc = derive(&k->keys[0], "tke-auth seal", purpose, blob_nonce(head_str), key, err);
    if (rc != ERR_OK)
        return rc;
    size_t before = out->len;
    strbuf_add(out, head_str);
    const struct aead_message message = blob_message(key, head_str, plain);
    rc = aead_seal(&message, out, err);
    if (rc != ERR_OK)
        strbuf_truncate(out, before);
    secret_wipe(key, sizeof key);
    return rc;
}

static enum err_code open_with(const struct ring_key *ring_key, const char *purpose, struct str sealed,
                               struct strbuf *out, struct err *err) {
    unsigned char key[AEAD_KEY_SIZE];
    enum err_code rc = derive(ring_key, "tke-auth seal", purpose, blob_nonce(sealed), key, err);
    if (rc != ERR_OK)
        return rc;
    const struct aead_message message = blob_message(key, str_sub(sealed, 0, BLOB_HEAD_SIZE),
                                                     str_from(sealed, BLOB_HEAD_SIZE));
    rc = aead_open(&message, out, err);
    secret_wipe(key, sizeof key);
    return rc;
}

enum err_code unseal(const struct keyring *k, const char *purpose, struct str sealed, struct strbuf *out,
                     struct err *err) {
    if (sealed.len < BLOB_HEAD_SIZE + AEAD_TAG_SIZE)
        return err_set(err, ERR_INVALID, "a sealed blob of %zu bytes", sealed.len);
    if (sealed.ptr[0] != BLOB_VERSION)
        return err_set(err, ERR_INVALID, "a sealed blob of version %d", sealed.ptr[0]);
    for (size_t i = 0; i < k->len; i++) {
        if (memcmp(k->keys[i].id, sealed.ptr + 1, KEY_ID_SIZE) != 0)
            continue;
        enum err_code rc = open_with(&k->keys[i], purpose, sealed, out, err);
        if (rc != ERR_INVALID) /* two keys may share an id */
            return rc;
    }
    return err_set(err, ERR_INVALID, "not sealed under this ring for this purpose");
}
