/* store owns everything that must survive: resources (objects with revisions) and short-lived protocol state (codes,
 * refresh families), as two families of tables. It must never interpret a resource, hash a password or sign.
 *
 * Durability: a call that writes returns ERR_OK only after the data is on disk (SQLite WAL, synchronous=FULL; the writer
 * thread commits the calls of many threads with one fsync). Every call may block and belongs on a worker thread.
 * Every write of a resource gets the next revision (one counter for the whole store, in the order of the commits; a
 * deletion counts as a write). Codes and families have none: nobody watches them.
 *
 * Any call may fail with ERR_UNAVAILABLE: disk full, file read-only, moved away, lock held by another process, queue full;
 * the call had no effect and may be repeated; the store recovers by itself once the cause is gone. (In doubt remains only a
 * write whose sync failed right before a crash: it may be there afterwards.) ERR_INTERNAL: the file is damaged.
 * ERR_INVALID, ERR_LIMIT: an argument outside of the limits below. ERR_FORBIDDEN: a write to a store opened read-only. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/log.h"
#include "tkeauth/model.h"

struct store;

struct store_options {
    const char *type;          /* "memory" or "sqlite" (also spelled "sqlite3", as in dex) */
    const char *path;          /* of the database file; memory: ignored */
    const struct clock *clock; /* NULL: the system's */
    struct log *log;           /* may be NULL */
    struct metrics *metrics;   /* may be NULL */
    bool read_only;            /* for commands that only look */
};
/* The file is created (0600) if need be, and brought to the current schema. ERR_CONFLICT: it was written by a newer schema;
 * ERR_INVALID: another program's database, no path, unknown type; such files are left untouched. ERR_NOT_FOUND: read_only
 * and no file. Several processes may have the same file open. */
MUST_CHECK enum err_code store_open(const struct store_options *options, struct store **ret, struct err *err);
/* Waits for the writes under way; no other call may be running or follow. */
void store_close(struct store *s);
DEFINE_AUTO_FREE(store_close, struct store);

/* ---- resources ----
 *
 * An object is a JSON body under (kind, name), which readers may see and watch, and a secret beside it (hashes, sealed
 * passwords), which only store_get_whole and the transaction hand out: nothing that lists, watches or keeps history ever
 * reads that column. Index keys let objects be found by what their body means (which the store does not know). */
enum {
    STORE_KIND_MAX = 64,
    STORE_NAME_MAX = 320, /* a namespace, '/', a name */
    STORE_OBJECT_MAX = 1024 * 1024,
    STORE_SECRET_MAX = 64 * 1024,
    STORE_INDEX_KEY_MAX = 768,
    STORE_OWNER_MAX = 512
};
struct store_object {
    struct str kind,
        name; /* kind: [a-z0-9-], plural, e.g. "clients", "signingkeys"; name: UTF-8 without controls */
    struct str body;    /* JSON, not interpreted */
    struct str secret;  /* STR_NULL: none, or not read */
    int64_t revision;   /* of its last write */
    bool changed_since; /* of a list at a revision: written since, so it may not have had the key asked for */
};
/* A key an object is found by; `unique`: at most one object of the kind may have it. */
struct store_index {
    struct str key;
    bool unique;
};
/* `expected` of a write or deletion. */
enum { STORE_EXPECT_ABSENT = 0, STORE_EXPECT_ANY = -1 };
struct store_write {
    struct str kind, name, body;
    struct str secret;                 /* STR_NULL: stays as it is; an empty one with a pointer: none */
    const struct store_index *indexes; /* all of them: those of the last write are forgotten */
    size_t index_count;
    /* STORE_EXPECT_ABSENT: must not exist; STORE_EXPECT_ANY: created or replaced; else the revision that must be there. */
    int64_t expected;
    /* No history is kept and nobody is told: for internal kinds that hold secrets in their body. Such a body is not told later
     * either: a recorded write that follows is a creation, a recorded deletion has no body. */
    bool unrecorded;
};

/* ---- one object at a time: transactions of one ---- */
/* Errors as of store_tx_write. */
MUST_CHECK enum err_code store_write(struct store *s, const struct store_write *w, int64_t *ret_revision,
                                     struct err *err);
/* ERR_NOT_FOUND. Result lives in `a`; `secret` is STR_NULL. */
MUST_CHECK enum err_code store_get(struct store *s, struct arena *a, struct str kind, struct str name,
                                   struct store_object *ret, struct err *err);
/* The same with its secret, which is wiped when the arena goes. */
MUST_CHECK enum err_code store_get_whole(struct store *s, struct arena *a, struct str kind, struct str name,
                                         struct store_object *ret, struct err *err);
/* The first object, in name order, that has the index key, with its secret. ERR_NOT_FOUND. `ret_more` (may be NULL): there is
 * another one. */
MUST_CHECK enum err_code store_find_whole(struct store *s, struct arena *a, struct str kind, struct str key,
                                          struct store_object *ret, bool *ret_more, struct err *err);
/* `expected`: a revision or STORE_EXPECT_ANY. ERR_NOT_FOUND, ERR_CONFLICT. */
MUST_CHECK enum err_code store_delete(struct store *s, struct str kind, struct str name, int64_t expected,
                                      bool unrecorded, struct err *err);

/* ---- listing ---- */
typedef enum err_code store_each_fn(void *ctx, const struct store_object *o, struct err *err);
struct store_query {
    struct str kind;
    struct str key;      /* STR_NULL: all of the kind; else those with this index key */
    struct str after;    /* STR_NULL: from the start; else names after this one */
    size_t limit;        /* 0: all */
    int64_t at_revision; /* 0: now; else as it was at that revision */
    store_each_fn *each;
    void *ctx;
    /* For those who check or migrate secrets, never for what leaves the daemon; only with at_revision 0. */
    bool with_secret;
};
/* Calls `each` in name order (bytes) on one consistent state; the slices are valid during the call; an error from `each` ends the
 * list and is returned. `each` may call the store. `*ret_revision` (may be NULL): the store's revision of the listed state:
 * changes after it are not in the list. With `at_revision`, objects that changed since are offered as they were then whether or
 * not they had `key`, so the caller looks at what it gets. ERR_EXPIRED: at_revision is older than the history that is kept, or
 * than an unrecorded write to the kind.
 * ERR_INVALID: it lies in the future. */
MUST_CHECK enum err_code store_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                                    struct err *err);
/* The revision of the last write to any object of `kind` (0: none): a cheap "has anything changed?", also by another
 * process. */
MUST_CHECK enum err_code store_kind_revision(struct store *s, struct str kind, int64_t *ret, struct err *err);
/* The revision of the last write to any object. */
MUST_CHECK enum err_code store_revision(struct store *s, int64_t *ret, struct err *err);

/* ---- owned sets ----
 * Objects that exist as long as somebody owns them (the rules that policies, bindings and groups produce: two owners may want
 * the same one). Written only here, never by store_write. */
struct store_owned {
    struct str name, body;
};

/* ---- transactions ---- */
struct store_tx;
/* Several reads and writes that happen together or not at all. `fn` runs on the store's writing thread, where everybody's writes
 * wait for it: parse, hash and ask others before. It may be run again after a failure that was not its own, so it must not
 * change anything but through `tx` and what it makes anew in `ctx`, nor call the store otherwise. Whatever it returns but ERR_OK undoes everything. Objects read
 * through `tx` live in the arena given. `*ret_revision` (may be NULL): of the last write in it, or the present one. */
typedef enum err_code store_tx_fn(void *ctx, struct store_tx *tx, struct err *err);
MUST_CHECK enum err_code store_transact(struct store *s, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                                        struct err *err);
/* ERR_NOT_FOUND; with the secret. */
MUST_CHECK enum err_code store_tx_get(struct store_tx *tx, struct arena *a, struct str kind, struct str name,
                                      struct store_object *ret, struct err *err);
/* As store_list; at_revision must be 0. `each` may write. */
MUST_CHECK enum err_code store_tx_list(struct store_tx *tx, const struct store_query *q, struct err *err);
/* How many objects of `kind` there are; counts to `limit` at most. */
MUST_CHECK enum err_code store_tx_count(struct store_tx *tx, struct str kind, size_t limit, size_t *ret,
                                        struct err *err);
/* ERR_EXISTS: the object, or another one with a unique key of it, is there. ERR_CONFLICT, ERR_NOT_FOUND as `expected` says.
 * ERR_INVALID: it has owners. None of these changes anything: the transaction may go on. */
MUST_CHECK enum err_code store_tx_write(struct store_tx *tx, const struct store_write *w,
                                        int64_t *ret_revision, struct err *err);
MUST_CHECK enum err_code store_tx_delete(struct store_tx *tx, struct str kind, struct str name,
                                         int64_t expected, bool unrecorded, struct err *err);
/* From now on `owner` owns exactly `items` of `kind` (without duplicates): those nobody owned before are created, those nobody owns any more
 * are deleted. An object that exists keeps its body. `*ret_changed` (may be NULL): how many objects came or went. ERR_EXISTS: one
 * is there that store_write has written; the transaction cannot go on. Fastest with items in the order of their names. */
MUST_CHECK enum err_code store_tx_set_owned(struct store_tx *tx, struct str kind, struct str owner,
                                            const struct store_owned *items, size_t len, size_t *ret_changed,
                                            struct err *err);
/* (owner, name) pairs of a kind in that order, from after `owner`, `name` (STR_NULL: the start), at most `limit` (0: all); for
 * checks and tests. */
MUST_CHECK enum err_code
store_owned_list(struct store *s, struct str kind, struct str owner, struct str name, size_t limit,
                 enum err_code (*each)(void *ctx, struct str owner, struct str name, struct err *err),
                 void *ctx, struct err *err);

/* ---- history: what changed, in the order of revisions ---- */
enum store_change_type { STORE_CREATED, STORE_UPDATED, STORE_DELETED };
struct store_change {
    int64_t revision; /* of a deletion, too */
    enum store_change_type type;
    struct str kind, name;
    struct str body;       /* as written; of a deletion: the last one */
    struct str prev;       /* the body before (of a deletion: `body`); STR_NULL: there was none */
    int64_t prev_revision; /* 0: there was none */
    int64_t at;            /* seconds since 1970 */
};
/* Changes after revision `after`, of `kind` (STR_NULL: all recorded ones), at most `limit` (at least 1). `*ret_upto`: everything up to there has
 * been seen (the store's revision when fewer than `limit` were found). ERR_EXPIRED: some of them are not kept any more.
 * ERR_INVALID: `after` lies in the future. `each` may call the store; its error ends the list and is returned. */
MUST_CHECK enum err_code store_changes(struct store *s, struct str kind, int64_t after, size_t limit,
                                       enum err_code (*each)(void *ctx, const struct store_change *c,
                                                             struct err *err),
                                       void *ctx, int64_t *ret_upto, struct err *err);
/* Forgets changes written before `before` (seconds since 1970), and the oldest over `keep_max` in any case; at most `limit` (at least 1) of
 * them: call again while *ret_count == limit. A change is kept as long as one before it is: a clock that has gone back forgets later. */
MUST_CHECK enum err_code store_compact(struct store *s, int64_t before, size_t keep_max, size_t limit,
                                       size_t *ret_count, struct err *err);
/* `committed` is called after every commit that changed recorded objects, before the callers of these writes go on, by one thread at a
 * time; it may read the store, but not write. What other processes write is not told: compare store_revision(). To be set before the
 * first write; NULL ends it. */
void store_listen(struct store *s, void (*committed)(void *ctx), void *ctx);

/* ---- authorization codes (RFC 6749 4.1.2: used once) ---- */
enum { STORE_ID_SIZE = 16, STORE_HASH_SIZE = 32, STORE_SUCCESSORS_MAX = 8 };
struct store_code {
    unsigned char id[STORE_ID_SIZE];        /* time_id() */
    unsigned char hash[STORE_HASH_SIZE];    /* SHA-256 of the secret half of the code */
    unsigned char family_id[STORE_ID_SIZE]; /* the refresh family its redemption may start */
    int64_t expires_at;
    struct str body; /* what oidc needs back (JSON) */
};
enum store_code_outcome {
    STORE_CODE_CONSUMED, /* the first use; get: it would be */
    STORE_CODE_UNKNOWN,  /* no such code, or the hash differs */
    STORE_CODE_EXPIRED,
    STORE_CODE_REPLAYED, /* used before: its family has been revoked by this very call */
};
/* ERR_EXISTS: the id is taken. */
MUST_CHECK enum err_code store_code_put(struct store *s, const struct store_code *code, struct err *err);
/* Reads without consuming (to authenticate the client and check PKCE first, so that a mistaken or hostile request does not
 * burn the code). UNKNOWN, EXPIRED and REPLAYED as below, but nothing is revoked. `ret` lives in `a`; it is written for all
 * outcomes but UNKNOWN. */
MUST_CHECK enum err_code store_code_get(struct store *s, struct arena *a,
                                        const unsigned char id[STORE_ID_SIZE],
                                        const unsigned char hash[STORE_HASH_SIZE], int64_t now,
                                        enum store_code_outcome *ret_outcome, struct store_code *ret,
                                        struct err *err);

/* ---- refresh families: one per login and client; the token in it rotates ---- */
struct store_family {
    unsigned char id[STORE_ID_SIZE];
    unsigned char current_hash[STORE_HASH_SIZE]; /* SHA-256 of the current token's secret */
    uint32_t generation;                         /* of the current token, from 1 */
    struct str client_id, subject, session_id;   /* to find families by; session_id: the login's sid */
    struct str body;                             /* grant and identity (JSON) */
    int64_t created_at, last_used_at;
    int64_t expires_at;      /* absolute end; 0: none */
    int64_t idle_expires_at; /* moves with each use; 0: none */
    bool revoked;
};
/* Consumes the code and, when `family` is not NULL, creates the family: one transaction, at most once whatever races or
 * crashes. `replay_until`: how long the used code is remembered. The family's id must be the code's family_id, since that is
 * what a replay revokes: ERR_INVALID. ERR_EXISTS: that family is there already; the code then stays unused. */
MUST_CHECK enum err_code store_code_consume(struct store *s, const unsigned char id[STORE_ID_SIZE],
                                            const unsigned char hash[STORE_HASH_SIZE], int64_t now,
                                            int64_t replay_until, const struct store_family *family,
                                            enum store_code_outcome *ret_outcome, struct err *err);
/* ERR_EXISTS: the id is taken. A time-ordered session_id (as time_id() makes it) keeps this fast in a large store. */
MUST_CHECK enum err_code store_family_put(struct store *s, const struct store_family *family,
                                          struct err *err);

enum store_refresh_outcome {
    STORE_REFRESH_CURRENT, /* get: the token is the current one. rotate: it was, and has been replaced */
    STORE_REFRESH_GRACE,   /* an earlier token within the grace window: its successor is in ret_successor */
    STORE_REFRESH_UNKNOWN, /* no such family, or a hash that was never this generation's */
    STORE_REFRESH_EXPIRED,
    STORE_REFRESH_REUSED, /* an earlier token outside the window: the family is revoked (RFC 9700 4.14.2) */
    STORE_REFRESH_REVOKED,
};
/* The successor of a token, readable only with that token: the caller masks the new secret with a key derived from the
 * presented one, so that the database alone gives nothing away. */
struct store_refresh {
    unsigned char family_id[STORE_ID_SIZE];
    uint32_t generation;                        /* as the presented token says */
    unsigned char hash[STORE_HASH_SIZE];        /* of the presented secret */
    unsigned char next_hash[STORE_HASH_SIZE];   /* rotate: of the new secret */
    unsigned char next_masked[STORE_HASH_SIZE]; /* rotate: the new secret, masked */
    int64_t now, grace_s;
    int64_t idle_expires_at; /* rotate: the new idle end; 0: none */
    struct str body;         /* rotate: new body; STR_NULL: unchanged */
};
/* Looks only; changes nothing except that REUSED revokes the family. `ret` lives in `a`; it is written for all outcomes but
 * UNKNOWN. The successor is to be had from store_refresh_rotate.
 *
 * A token is within the window while less than grace_s have passed since its own rotation; grace_s 0: never. A token of an
 * earlier generation that is remembered no longer is REUSED whatever its secret: it cannot be told from a genuine one, but
 * whoever knows the family's id (16 unguessable bytes) has held one of its tokens. A wrong secret otherwise is UNKNOWN and
 * revokes nothing. */
MUST_CHECK enum err_code store_refresh_get(struct store *s, struct arena *a, const struct store_refresh *in,
                                           enum store_refresh_outcome *ret_outcome, struct store_family *ret,
                                           struct err *err);
/* Atomic: of parallel calls with the same token exactly one rotates, the others get GRACE and that one's successor. Up to
 * STORE_SUCCESSORS_MAX predecessors are remembered for the grace window. `ret_successor` (STORE_HASH_SIZE bytes, masked) and
 * `ret_generation`, the generation it belongs to, are written for GRACE. */
MUST_CHECK enum err_code store_refresh_rotate(struct store *s, const struct store_refresh *in,
                                              enum store_refresh_outcome *ret_outcome,
                                              unsigned char ret_successor[STORE_HASH_SIZE],
                                              uint32_t *ret_generation, struct err *err);
/* Revokes the families that meet all conditions given (NULL, STR_NULL: any); at least one must be, else ERR_INVALID.
 * `ret_count` (may be NULL): how many that were not revoked before. */
struct store_family_filter {
    const unsigned char *id;
    struct str client_id, subject, session_id;
};
MUST_CHECK enum err_code store_family_revoke(struct store *s, const struct store_family_filter *filter,
                                             size_t *ret_count, struct err *err);

/* ---- upkeep ---- */
/* Deletes at most `limit` (at least 1) expired rows; call again while *ret_count == limit. Used codes stay until their
 * replay_until, revoked families until their end or, without one, for 30 days: so that a late replay is recognised. */
MUST_CHECK enum err_code store_expire(struct store *s, int64_t now, size_t limit, size_t *ret_count,
                                      struct err *err);
/* A consistent copy (0600) while the store is in use, complete and synced once `path` is there. ERR_EXISTS: `path` is there
 * already. ERR_INVALID: a memory store. */
MUST_CHECK enum err_code store_backup(struct store *s, const char *path, struct err *err);
/* How many calls that changed something were acknowledged since the store was opened (a test counts them). */
uint64_t store_write_count(const struct store *s);
/* ERR_OK: readable, and the last write (if any) went well. A store that has failed tries a write of its own every second, so
 * that it is found well again without a caller. No I/O beyond a cached answer; safe on the event loop. */
MUST_CHECK enum err_code store_health(const struct store *s, struct err *err);
