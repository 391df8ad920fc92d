/* One table per noun says how its struct and its JSON object correspond; encoder and decoder both follow it, so neither
 * can forget a member. */
#pragma once
#include "tkeauth/model.h"

enum member_type {
    MEMBER_STR,      /* struct str; absent when STR_NULL */
    MEMBER_STRS,     /* struct str_list; absent when empty */
    MEMBER_BOOL,     /* absent when false */
    MEMBER_I64,      /* absent when 0 */
    MEMBER_ENUM,     /* int, by `names` */
    MEMBER_BYTES,    /* `size` bytes as base64url; with `flag`: present when that bool is true */
    MEMBER_BLOB,     /* struct str of any bytes, as base64url; absent when STR_NULL */
    MEMBER_IDENTITY, /* struct identity, an object of its own */
};
struct member {
    const char *name;
    enum member_type type;
    size_t offset, size;
    const char *const *names; /* NULL-terminated */
    const size_t *flag;       /* offset of a bool */
    bool required;
};

/* Ends with a member without a name. ERR_INVALID: a string that JSON cannot carry (not UTF-8, or with a
 * NUL), a required member that is absent. */
MUST_CHECK enum err_code model_encode(const struct member *members, const void *p, struct strbuf *out,
                                      struct err *err);
/* `p` is zeroed first; unknown members are left to newer versions and skipped. */
MUST_CHECK enum err_code model_decode(const struct member *members, struct arena *a, struct str json, void *p,
                                      size_t size, struct err *err);
extern const struct member identity_members[];
extern const char *const sign_alg_names[];
