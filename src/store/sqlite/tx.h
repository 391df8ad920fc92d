/* A transaction under way, in the writer's thread and savepoint, and the two things every change is made of. */
#pragma once
#include "store/sqlite/sqlite.h"

struct sqlite_tx {
    struct store_tx base;
    struct conn *conn;
    struct arena *scratch; /* NULL until it is needed; emptied by each operation that uses it */
    int64_t now_s;
    int64_t revision; /* the last one given */
    int64_t recorded; /* changes written */
    bool revised;     /* a revision was given */
    struct str kind;  /* whose revision is to be written yet; in kind_name */
    int64_t kind_revision, kind_floor;
    char kind_name[STORE_KIND_MAX];
};
static inline struct sqlite_tx *sqlite_tx_of(struct store_tx *tx) { return (struct sqlite_tx *)tx; }

/* NULL: out of memory. Emptied. */
struct arena *tx_scratch(struct sqlite_tx *tx);
MUST_CHECK enum err_code tx_there(struct sqlite_tx *tx, struct str kind, struct str name,
                                  struct store_there *ret, struct err *err);
/* Writes the row of an object, not its keys, and the change. `there`: what is there now. */
MUST_CHECK enum err_code tx_put(struct sqlite_tx *tx, const struct store_write *w,
                                const struct store_there *there, struct err *err);
/* Removes an object and its keys. */
MUST_CHECK enum err_code tx_drop(struct sqlite_tx *tx, const struct store_write *w,
                                 const struct store_there *there, struct err *err);

/* ---- index keys ---- */
struct key_diff {
    const struct store_index **come; /* of the write */
    size_t come_len;
    struct gone_key *gone;
};
/* What must change for the object to have the keys of `w`; in the scratch arena. ERR_EXISTS: somebody else has one that must
 * be unique. */
MUST_CHECK enum err_code keys_compare(struct sqlite_tx *tx, const struct store_write *w, struct key_diff *ret,
                                      struct err *err);
MUST_CHECK enum err_code keys_apply(struct sqlite_tx *tx, const struct store_write *w,
                                    const struct key_diff *diff, struct err *err);
