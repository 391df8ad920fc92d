#include "crypto/password_form.h"

#include "tkeauth/crypto.h"

/* "$2b$10$" and 53 characters of bcrypt's own base64. */
static bool looks_like_bcrypt(struct str s) {
    if (s.len != BCRYPT_HASH_LEN || !str_starts_with(s, STR("$2")) || s.ptr[3] != '$' || s.ptr[6] != '$')
        return false;
    if (s.ptr[2] != 'a' && s.ptr[2] != 'b' && s.ptr[2] != 'y')
        return false;
    if (!ascii_is_digit(s.ptr[4]) || !ascii_is_digit(s.ptr[5]))
        return false;
    for (size_t i = 7; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != '/')
            return false;
    return true;
}

static enum err_code keep_text(struct str s, struct password_form *ret, struct err *err) {
    if (s.len >= sizeof ret->text)
        return err_set(err, ERR_INVALID, "a password hash of %zu bytes", s.len);
    memcpy(ret->text, s.ptr, s.len);
    ret->text[s.len] = '\0';
    return ERR_OK;
}

static enum err_code parse_bcrypt(struct str s, struct password_form *ret, struct err *err) {
    int cost = (s.ptr[4] - '0') * 10 + (s.ptr[5] - '0');
    if (cost < BCRYPT_COST_MIN || cost > BCRYPT_COST_MAX)
        return err_set(err, ERR_LIMIT, "bcrypt cost %d is not within %d and %d", cost, BCRYPT_COST_MIN,
                       BCRYPT_COST_MAX);
    ret->scheme = PASSWORD_BCRYPT;
    ret->is_weak = true; /* it needs no memory to speak of */
    return keep_text(s, ret, err);
}

struct argon2_fields {
    uint64_t memory_kib, passes, lanes;
    size_t salt_size, hash_size;
};

/* The size of base64 without padding, as the PHC string format has it; 0 for what is none. */
static size_t phc_base64_size(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '+' && s.ptr[i] != '/')
            return 0;
    return s.len % 4 == 1 ? 0 : s.len * 3 / 4;
}

static bool cut_number(struct str *rest, struct str name, char end, uint64_t *ret) {
    struct err ignored;
    struct str number;
    if (!str_starts_with(*rest, name) || !str_cut(str_from(*rest, name.len), end, &number, rest))
        return false;
    return (number.len == 1 || number.ptr[0] != '0') &&
           parse_u64(number, 1, UINT32_MAX, ret, &ignored) == ERR_OK;
}

/* "$argon2id$v=19$m=19456,t=2,p=1$salt$hash" */
static bool parse_argon2_fields(struct str s, struct argon2_fields *ret) {
    struct str salt, hash, head = STR("$argon2id$v=19$");
    if (!str_starts_with(s, head))
        return false;
    s = str_from(s, head.len);
    if (!cut_number(&s, STR("m="), ',', &ret->memory_kib) || !cut_number(&s, STR("t="), ',', &ret->passes) ||
        !cut_number(&s, STR("p="), '$', &ret->lanes) || !str_cut(s, '$', &salt, &hash))
        return false;
    ret->salt_size = phc_base64_size(salt);
    ret->hash_size = phc_base64_size(hash);
    return ret->salt_size >= 8 && ret->salt_size <= 64 && ret->hash_size >= 16 && ret->hash_size <= 64;
}

static enum err_code parse_argon2(struct str s, struct password_form *ret, struct err *err) {
    struct argon2_fields f = { 0 };
    if (!parse_argon2_fields(s, &f))
        return err_set(err, ERR_INVALID, "not a well-formed argon2id hash");
    if (f.memory_kib > ARGON2_MEMORY_KIB_MAX || f.passes > ARGON2_PASSES_MAX || f.lanes > ARGON2_LANES_MAX ||
        f.memory_kib * f.passes > ARGON2_WORK_KIB_MAX)
        return err_set(err, ERR_LIMIT, "argon2id at a cost we refuse (m=%u t=%u p=%u)",
                       (unsigned)f.memory_kib, (unsigned)f.passes, (unsigned)f.lanes);
    if (f.memory_kib < 8 * f.lanes)
        return err_set(err, ERR_INVALID, "argon2id needs eight blocks a lane");
    ret->scheme = PASSWORD_ARGON2ID;
    /* OWASP's alternatives trade memory for passes at about the same product. */
    ret->is_weak = f.memory_kib * f.passes < (uint64_t)ARGON2_MEMORY_KIB * ARGON2_PASSES ||
                   f.salt_size < ARGON2_SALT_SIZE || f.hash_size < ARGON2_HASH_SIZE;
    return keep_text(s, ret, err);
}

enum err_code password_form_parse(struct str hash, struct password_form *ret, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf inner = STRBUF(PASSWORD_HASH_MAX);
    struct err ignored;
    if (hash.len > PASSWORD_HASH_MAX)
        return err_set(err, ERR_INVALID, "a password hash of %zu bytes", hash.len);
    if (str_starts_with(hash, STR("$argon2id$")))
        return parse_argon2(hash, ret, err);
    if (looks_like_bcrypt(hash))
        return parse_bcrypt(hash, ret, err);
    if (base64_decode(hash, &inner, &ignored) == ERR_OK && looks_like_bcrypt(strbuf_str(&inner)))
        return parse_bcrypt(strbuf_str(&inner), ret, err);
    return err_set(err, ERR_INVALID, "a password hash must be argon2id or bcrypt");
}
