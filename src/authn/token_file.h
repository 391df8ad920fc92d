/* Static bearer tokens (contract 1.6): lines of CSV, token,user,uid,"group1,group2", as Kubernetes' --token-auth-file. */
#pragma once
#include "tkeauth/authn.h"

enum {
    TOKEN_FILE_MAX = 1024 * 1024,
    TOKEN_FILE_TOKENS_MAX = 4096,
    TOKEN_FILE_FIELD_MAX = 8192,
    TOKEN_FILE_GROUPS_MAX = 256, /* of a token */
};

struct token_entry {
    struct str user, uid;
    const struct str *groups;
    size_t group_count;
};
struct token_file;
/* A field is quoted as in RFC 4180, but ends on its line. The last two fields may be missing or empty; blank lines, and lines that begin with
 * '#', are skipped. ERR_INVALID, ERR_LIMIT: "PATH:LINE: what is wrong", never what stands there. */
MUST_CHECK enum err_code token_file_parse(struct str text, const char *path, const struct random *random,
                                          struct token_file **ret, struct err *err);
MUST_CHECK enum err_code token_file_load(const char *path, const struct random *random,
                                         struct token_file **ret, struct err *err);
void token_file_free(struct token_file *f);
DEFINE_AUTO_FREE(token_file_free, struct token_file);
/* NULL: not in the file. How long it takes tells nothing about the tokens there. */
const struct token_entry *token_file_find(const struct token_file *f, struct str token);
size_t token_file_count(const struct token_file *f);
