/* Lists of default data: what a file says, entry by entry (contract 5.5). */
#pragma once
#include "controller/internal.h"

enum { LIST_FILE_MAX = 4 * 1024 * 1024, LIST_ENTRIES_MAX = 2000 };

struct list_entry {
    size_t number;        /* in the file, from 1 */
    const json_t *object; /* as the file has it */
    struct str name;      /* with its placeholder; STR_NULL: none */
    bool is_platform;
    bool told; /* what is wrong with it has been logged */
};
struct list {
    json_t *root; /* owned */
    struct list_entry *entries;
    size_t len;
};
struct list_options {
    const struct kind *kind;
    bool always_platform; /* the kind belongs to no tenant */
    bool names_required;
};
/* A file's text. Entries that cannot be used are told to `bad` and left out. ERR_INVALID: no list at all; ERR_LIMIT: too long a one. */
MUST_CHECK enum err_code list_parse(const struct list_options *options, struct str text,
                                    void (*bad)(void *ctx, size_t number, struct str name, const char *why),
                                    void *ctx, struct list *ret, struct err *err);
void list_done(struct list *l);

/* The built-in lists: config/category.json, policy.json and role.json. */
struct controller_embedded {
    const char *name; /* "category.json" */
    const unsigned char *data;
    size_t len;
};
extern const struct controller_embedded controller_embedded[];
extern const size_t controller_embedded_len;
struct str list_built_in(const char *name); /* STR_NULL: there is none */

/* "{tenantID}" in `text` replaced. In `out`. */
void list_expand(struct str text, struct str tenant, struct strbuf *out);
bool list_has_placeholder(struct str text);
