#include "store/sqlite/schema.h"

#include <time.h>

enum { APPLICATION_ID = 0x746b6561 }; /* "tkea" */

/* Step n brings schema n to n + 1; a step that has been released is never changed again.
 *
 * Codes and families have time-ordered primary keys and no rowid: new rows go to the end of one B-tree, so that the rows
 * of one commit share pages. Text columns are never NULL.
 * `forget_at`: when upkeep looks at the row, to delete it; NULL: never. A family's may be earlier than its end, `ends_at`,
 * which moves with each use: moving an index entry every time would write two more pages per refresh. */
static const char *const steps[] = {
    "CREATE TABLE kinds (kind TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE objects (kind TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY (kind, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE codes (id BLOB PRIMARY KEY, hash BLOB NOT NULL, family_id BLOB NOT NULL,"
    " expires_at INTEGER NOT NULL, forget_at INTEGER NOT NULL, used INTEGER NOT NULL,"
    " body TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX codes_forget_at ON codes (forget_at);"
    "CREATE TABLE families (id BLOB PRIMARY KEY, current_hash BLOB NOT NULL, generation INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL, expires_at INTEGER NOT NULL, idle_expires_at INTEGER NOT NULL,"
    " known BLOB NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL,"
    " client_id TEXT NOT NULL, subject TEXT NOT NULL, session_id TEXT NOT NULL, body TEXT NOT NULL,"
    " forget_at INTEGER,"
    " ends_at INTEGER AS (CASE WHEN expires_at = 0 THEN nullif(idle_expires_at, 0)"
    " WHEN idle_expires_at = 0 THEN expires_at ELSE min(expires_at, idle_expires_at) END) VIRTUAL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX families_forget_at ON families (forget_at) WHERE forget_at IS NOT NULL;"
    "CREATE INDEX families_client_id ON families (client_id);"
    "CREATE INDEX families_subject ON families (subject);"
    "CREATE INDEX families_session_id ON families (session_id);"
    "CREATE TABLE probe (id INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT;",

    /* `state` has one row: the last revision, the highest one whose change has been forgotten, and how many changes are kept.
     * kinds.floor: what the objects of the kind were before that revision is not known, because a write since then was not
     * recorded. Objects from before there was a history count as not recorded: their bodies may hold what must not get into
     * it. Small columns come before large ones, so that they are read without them. */
    "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL,"
    " floor INTEGER NOT NULL, kept INTEGER NOT NULL) STRICT;"
    "INSERT INTO state (id, revision, floor, kept)"
    " SELECT 1, coalesce(max(revision), 0), coalesce(max(revision), 0), 0 FROM kinds;"
    "ALTER TABLE kinds ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE objects RENAME TO objects_before;"
    "CREATE TABLE objects (kind TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL,"
    " recorded INTEGER NOT NULL, body TEXT NOT NULL, secret BLOB, PRIMARY KEY (kind, name))"
    " STRICT, WITHOUT ROWID;"
    "INSERT INTO objects (kind, name, revision, recorded, body)"
    " SELECT kind, name, revision, 0, body FROM objects_before;"
    "DROP TABLE objects_before;"
    "CREATE TABLE object_keys (kind TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,"
    " is_unique INTEGER NOT NULL, PRIMARY KEY (kind, key, name)) STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX object_keys_unique ON object_keys (kind, key) WHERE is_unique = 1;"
    "CREATE INDEX object_keys_name ON object_keys (kind, name, key, is_unique);"
    "CREATE TABLE owned (kind TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL,"
    " PRIMARY KEY (kind, owner, name)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX owned_name ON owned (kind, name);"
    "CREATE TABLE changes (revision INTEGER PRIMARY KEY, type INTEGER NOT NULL, at INTEGER NOT NULL,"
    " kind TEXT NOT NULL, name TEXT NOT NULL, prev_revision INTEGER NOT NULL, body TEXT NOT NULL,"
    " prev TEXT) STRICT;"
    "CREATE INDEX changes_kind ON changes (kind);"
    "CREATE INDEX changes_name ON changes (kind, name);",
};
enum { SCHEMA_VERSION = ARRAY_LEN(steps) };

static enum err_code read_version(struct conn *c, int64_t *ret, struct err *err) {
    int64_t application = 0, version = 0, tables = 0;
    enum err_code rc = conn_pragma_i64(c, "PRAGMA application_id", &application, err);
    if (rc == ERR_OK)
        rc = conn_pragma_i64(c, "PRAGMA user_version", &version, err);
    if (rc == ERR_OK)
        rc = conn_pragma_i64(c, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (rc != ERR_OK)
        return rc;
    if (application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0))
        return err_set(err, ERR_INVALID, "store: this is a database of another program");
    if (version > SCHEMA_VERSION)
        return err_set(err, ERR_CONFLICT,
                       "store: the file has schema %lld, this program knows up to %d: use a newer one",
                       (long long)version, (int)SCHEMA_VERSION);
    *ret = version;
    return ERR_OK;
}

enum err_code schema_check(struct conn *c, enum schema_state *ret, struct err *err) {
    int64_t version = 0;
    enum err_code rc = read_version(c, &version, err);
    if (rc == ERR_OK)
        *ret = version == SCHEMA_VERSION ? SCHEMA_CURRENT : version == 0 ? SCHEMA_EMPTY : SCHEMA_OLDER;
    return rc;
}

static enum err_code run_steps(struct conn *c, struct err *err) {
    int64_t version = 0;
    enum err_code rc = read_version(c, &version, err);
    if (rc != ERR_OK || version == SCHEMA_VERSION)
        return rc;
    for (size_t i = (size_t)version; rc == ERR_OK && i < ARRAY_LEN(steps); i++)
        rc = conn_script(c, steps[i], err);
    char stamp[96];
    (void)snprintf(stamp, sizeof stamp, "PRAGMA application_id=%d; PRAGMA user_version=%d",
                   (int)APPLICATION_ID, (int)SCHEMA_VERSION);
    return rc == ERR_OK ? conn_script(c, stamp, err) : rc;
}

/* SQLite does not wait by itself for the lock this change of mode needs: another process may be opening the file, too. */
static enum err_code switch_to_wal(struct conn *c, struct err *err) {
    enum { PAUSE_MS = 10 };
    enum err_code rc = ERR_OK;
    for (int waited_ms = 0; waited_ms <= CONN_BUSY_TIMEOUT_MS; waited_ms += PAUSE_MS) {
        rc = conn_script(c, "PRAGMA journal_mode=WAL", err);
        if (rc == ERR_OK || (c->failed & 0xff) != SQLITE_BUSY)
            break;
        (void)nanosleep(&(struct timespec) { .tv_nsec = PAUSE_MS * 1000000L }, NULL);
    }
    if (rc == ERR_OK)
        c->failed = 0;
    return rc;
}

enum err_code schema_migrate(struct conn *c, struct err *err) {
    int64_t version = 0;
    enum err_code rc = read_version(c, &version, err); /* before anything is changed */
    if (rc == ERR_OK)
        rc = switch_to_wal(c, err);
    if (rc == ERR_OK)
        rc = conn_run(c, SQL_BEGIN_WRITE, err);
    if (rc != ERR_OK)
        return rc;
    rc = run_steps(c, err);
    if (rc == ERR_OK)
        rc = conn_run(c, SQL_COMMIT, err);
    conn_rollback(c);
    return rc;
}
