/* Tells the forms of password hashes apart and bounds what they cost, before anything is computed. */
#pragma once
#include "tkeauth/base.h"

enum password_scheme { PASSWORD_ARGON2ID, PASSWORD_BCRYPT };
enum {
    ARGON2_MEMORY_KIB = 19 * 1024, /* OWASP's first choice: 19 MiB, two passes, one lane */
    ARGON2_PASSES = 2,
    ARGON2_SALT_SIZE = 16,
    ARGON2_HASH_SIZE = 32,
    /* What a foreign hash may cost: some three seconds and 256 MiB at the very most. */
    ARGON2_MEMORY_KIB_MAX = 256 * 1024,
    ARGON2_PASSES_MAX = 64,
    ARGON2_LANES_MAX = 16,
    ARGON2_WORK_KIB_MAX = 1024 * 1024, /* memory times passes */
    BCRYPT_COST_MIN = 4,
    BCRYPT_COST_MAX = 16, /* dex's own limit; about four seconds */
    BCRYPT_HASH_LEN = 60,
};
struct password_form {
    enum password_scheme scheme;
    bool is_weak;   /* costs an attacker less than what password_hash makes */
    char text[256]; /* the hash proper, NUL-terminated: base64 around bcrypt is gone */
};
/* ERR_INVALID: no known form. ERR_LIMIT: a known one, at a cost we refuse. */
MUST_CHECK enum err_code password_form_parse(struct str hash, struct password_form *ret, struct err *err);
