#include "store/sqlite/sql.h"

/* One statement per way in, so that each uses its index; the other conditions filter. */
#define REVOKE(way_in)                                                                                       \
    "UPDATE families SET revoked = 1, forget_at = coalesce(ends_at, ?1) WHERE " way_in                       \
    " AND revoked = 0 AND (?2 IS NULL OR id = ?2) AND (?3 IS NULL OR session_id = ?3)"                       \
    " AND (?4 IS NULL OR subject = ?4) AND (?5 IS NULL OR client_id = ?5)"

#define CHANGES "SELECT revision, type, at, kind, name, prev_revision, body, prev FROM changes"

static const char *const texts[SQL_COUNT] = {
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVEPOINT] = "SAVEPOINT request",
    [SQL_RELEASE] = "RELEASE request",
    [SQL_UNDO] = "ROLLBACK TO request",
    [SQL_PROBE_READ] = "SELECT count(*) FROM kinds",
    [SQL_PROBE_WRITE] =
        "INSERT INTO probe (id, count) VALUES (1, 1) ON CONFLICT DO UPDATE SET count = count + 1",
    [SQL_BACKUP] = "VACUUM INTO ?1",

    [SQL_STATE_GET] = "SELECT revision, floor, kept FROM state WHERE id = 1",
    [SQL_STATE_ADVANCE] = "UPDATE state SET revision = ?1, kept = kept + ?2 WHERE id = 1",
    [SQL_STATE_FORGET] = "UPDATE state SET floor = ?1, kept = kept - ?2 WHERE id = 1",
    [SQL_KIND_GET] = "SELECT revision, floor FROM kinds WHERE kind = ?1",
    [SQL_KIND_PUT] = "INSERT INTO kinds (kind, revision, floor) VALUES (?1, ?2, ?3)"
                     " ON CONFLICT (kind) DO UPDATE SET revision = excluded.revision,"
                     " floor = max(floor, excluded.floor)",

    [SQL_OBJECT_GET] = "SELECT name, revision, body, CASE WHEN ?3 THEN secret END FROM objects WHERE kind = "
                       "?1 AND name = ?2",
    [SQL_OBJECT_COUNT] = "SELECT min(count(*), ?2) FROM objects WHERE kind = ?1",
    [SQL_OBJECT_THERE] =
        "SELECT revision, recorded, EXISTS (SELECT 1 FROM owned WHERE kind = ?1 AND name = ?2)"
        " FROM objects WHERE kind = ?1 AND name = ?2",
    [SQL_OBJECT_LIST] = "SELECT name, revision, body, CASE WHEN ?3 THEN secret END FROM objects"
                        " WHERE kind = ?1 AND name > ?2 AND revision <= ?4 ORDER BY name LIMIT ?5",
    [SQL_OBJECT_LIST_BY_KEY] =
        "SELECT o.name, o.revision, o.body, CASE WHEN ?3 THEN o.secret END"
        " FROM object_keys AS k CROSS JOIN objects AS o ON o.kind = k.kind AND o.name = k.name"
        " WHERE k.kind = ?1 AND k.name > ?2 AND k.key = ?6 AND o.revision <= ?4 ORDER BY k.name LIMIT ?5",
    [SQL_OBJECT_PUT] = "INSERT INTO objects (kind, name, revision, recorded, body, secret)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, x''))"
                       " ON CONFLICT (kind, name) DO UPDATE SET revision = excluded.revision,"
                       " recorded = excluded.recorded, body = excluded.body,"
                       " secret = CASE WHEN ?6 IS NULL THEN secret ELSE excluded.secret END",
    [SQL_OBJECT_DELETE] = "DELETE FROM objects WHERE kind = ?1 AND name = ?2",

    [SQL_KEY_LIST] = "SELECT key, is_unique FROM object_keys WHERE kind = ?1 AND name = ?2 ORDER BY key",
    [SQL_KEY_TAKEN] = "SELECT 1 FROM object_keys WHERE kind = ?1 AND key = ?2 AND name <> ?3 LIMIT 1",
    [SQL_KEY_TAKEN_UNIQUE] = "SELECT 1 FROM object_keys INDEXED BY object_keys_unique"
                             " WHERE kind = ?1 AND key = ?2 AND is_unique = 1 AND name <> ?3",
    [SQL_KEY_PUT] = "INSERT INTO object_keys (kind, key, name, is_unique) VALUES (?1, ?2, ?3, ?4)"
                    " ON CONFLICT (kind, key, name) DO UPDATE SET is_unique = excluded.is_unique",
    [SQL_KEY_DELETE] = "DELETE FROM object_keys WHERE kind = ?1 AND key = ?2 AND name = ?3",
    [SQL_KEY_DELETE_ALL] = "DELETE FROM object_keys WHERE kind = ?1 AND name = ?2",

    [SQL_OWNED_OF] = "SELECT name FROM owned WHERE kind = ?1 AND owner = ?2 ORDER BY name",
    [SQL_OWNED_PUT] = "INSERT INTO owned (kind, owner, name) VALUES (?1, ?2, ?3)",
    [SQL_OWNED_DELETE] = "DELETE FROM owned WHERE kind = ?1 AND owner = ?2 AND name = ?3",
    [SQL_OWNED_LIST] = "SELECT owner, name FROM owned WHERE kind = ?1 AND (owner, name) > (?2, ?3)"
                       " ORDER BY owner, name LIMIT ?4",

    /* The body before goes from one table to the other: unless it was not to be told. Bodies of a deletion are one. */
    [SQL_CHANGE_PUT] = "INSERT INTO changes (revision, type, at, kind, name, prev_revision, body, prev)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
                       " (SELECT body FROM objects WHERE kind = ?4 AND name = ?5 AND recorded = 1))",
    [SQL_CHANGE_DELETE] =
        "INSERT INTO changes (revision, type, at, kind, name, prev_revision, body, prev)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
        " coalesce((SELECT body FROM objects WHERE kind = ?4 AND name = ?5 AND recorded = 1), ''), NULL)",
    [SQL_CHANGE_LIST] = CHANGES " WHERE revision > ?1 ORDER BY revision LIMIT ?2",
    [SQL_CHANGE_LIST_OF_KIND] = CHANGES " WHERE revision > ?1 AND kind = ?3 ORDER BY revision LIMIT ?2",
    /* min() picks the row that the other columns are of. */
    [SQL_CHANGE_FIRST_PER_NAME] =
        "SELECT name, prev_revision, CASE type WHEN 2 THEN body ELSE prev END, NULL, type, min(revision)"
        " FROM changes WHERE kind = ?1 AND name > ?2 AND name <= ?3 AND revision > ?4"
        " GROUP BY name ORDER BY name",
    [SQL_CHANGE_OLDEST] = "SELECT revision, at FROM changes WHERE revision > ?1 ORDER BY revision LIMIT ?2",
    [SQL_CHANGE_FORGET] = "DELETE FROM changes WHERE revision <= ?1",

    [SQL_CODE_INSERT] = "INSERT INTO codes (id, hash, family_id, expires_at, forget_at, used, body)"
                        " VALUES (?1, ?2, ?3, ?4, ?4, 0, ?5)",
    [SQL_CODE_GET] = "SELECT hash, used, expires_at, family_id, body FROM codes WHERE id = ?1",
    [SQL_CODE_STATE] = "SELECT hash, used, expires_at, family_id FROM codes WHERE id = ?1",
    [SQL_CODE_USE] = "UPDATE codes SET used = 1, forget_at = ?2 WHERE id = ?1",
    [SQL_CODE_EXPIRE] = "DELETE FROM codes WHERE id IN (SELECT id FROM codes WHERE forget_at <= ?1"
                        " ORDER BY forget_at LIMIT ?2)",

    [SQL_FAMILY_INSERT] = "INSERT INTO families (id, current_hash, generation, revoked, expires_at,"
                          " idle_expires_at, known, created_at, last_used_at, client_id, subject,"
                          " session_id, body, forget_at)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, x'', ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [SQL_FAMILY_GET] = "SELECT current_hash, generation, revoked, expires_at, idle_expires_at, known,"
                       " forget_at, created_at, last_used_at, client_id, subject, session_id, body"
                       " FROM families WHERE id = ?1",
    [SQL_FAMILY_STATE] = "SELECT current_hash, generation, revoked, expires_at, idle_expires_at, known,"
                         " forget_at FROM families WHERE id = ?1",
    [SQL_FAMILY_ROTATE] = "UPDATE families SET current_hash = ?2, generation = ?3, idle_expires_at = ?4,"
                          " known = ?5, last_used_at = ?6, body = coalesce(?7, body) WHERE id = ?1",
    [SQL_FAMILY_FORGET_AT] = "UPDATE families SET forget_at = ends_at WHERE id = ?1",
    [SQL_FAMILY_REVOKE_BY_ID] = REVOKE("id = ?2"),
    [SQL_FAMILY_REVOKE_BY_SESSION] = REVOKE("session_id = ?3"),
    [SQL_FAMILY_REVOKE_BY_SUBJECT] = REVOKE("subject = ?4"),
    [SQL_FAMILY_REVOKE_BY_CLIENT] = REVOKE("client_id = ?5"),
    [SQL_FAMILY_POSTPONE] = "UPDATE families SET forget_at = ends_at WHERE id IN (SELECT id FROM families"
                            " WHERE forget_at <= ?1 ORDER BY forget_at LIMIT ?2)"
                            " AND revoked = 0 AND (ends_at IS NULL OR ends_at > ?1)",
    [SQL_FAMILY_EXPIRE] =
        "DELETE FROM families WHERE id IN (SELECT id FROM families"
        " WHERE forget_at <= ?1 AND (revoked OR ends_at <= ?1) ORDER BY forget_at LIMIT ?2)",
};

const char *sql_text(enum sql_id id) { return texts[id]; }
