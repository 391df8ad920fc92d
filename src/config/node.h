/* The parsed tree, as only config/ sees it. Nodes are linked, not indexed: configuration is read front to back. */
#pragma once
#include "tkeauth/config.h"

enum cfg_kind { CFG_NULL, CFG_SCALAR, CFG_MAP, CFG_SEQUENCE };

struct cfg_node {
    enum cfg_kind kind;
    bool quoted; /* a scalar that was written in quotes or as a block: never a number, a boolean or null */
    int line;
    const char *source;
    const struct cfg_node *parent;
    const char *key; /* in the parent, if that is a map */
    size_t index;    /* in the parent, if that is a sequence */
    char *text;      /* of a scalar: NUL-terminated, holds no NUL */
    size_t text_len;
    struct cfg_node *first, *last, *next;
    size_t count; /* of children */
};

enum { CFG_KEYS_MAX = 512, CFG_PROBLEMS_MAX = 200, CFG_PATH_MAX = 512 };

/* The path of `n`, for people: "connectors[0].config.host". */
void cfg_node_path(const struct cfg_node *n, struct strbuf *out);
/* A problem without a node: of the text itself. */
void cfg_problem_text(struct cfg_problems *p, const char *source, int line, const char *fmt, ...)
    PRINTF(4, 5);

/* Where the tree has what a scalar type needs. */
bool cfg_node_is_absent(const struct cfg_node *n); /* NULL, null, or an empty string */
struct str cfg_node_str(const struct cfg_node *n); /* of a scalar */

/* Key of the file and environment form of a secret, in the spelling of `f`: "key_file" or "keyFile". In `out`. */
enum cfg_secret_form { CFG_SECRET_FILE, CFG_SECRET_ENV };
enum { CFG_KEY_MAX = 96 };
const char *cfg_secret_key(const struct cfg_field *f, enum cfg_secret_form form, char out[CFG_KEY_MAX]);
