#include "store/sqlite/sql.h"

/* One statement per way in, so that each uses its index; the other conditions filter. */
#define REVOKE(way_in)                                                                                       \
    "UPDATE families SET revoked = 1, forget_at = coalesce(ends_at, ?1) WHERE " way_in                       \
    " AND revoked = 0 AND (?2 IS NULL OR id = ?2) AND (?3 IS NULL OR session_id = ?3)"                       \
    " AND (?4 IS NULL OR subject = ?4) AND (?5 IS NULL OR client_id = ?5)"

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

    [SQL_KIND_NEXT] = "INSERT INTO kinds (kind, revision)"
                      " VALUES (?1, (SELECT coalesce(max(revision), 0) + 1 FROM kinds))"
                      " ON CONFLICT (kind) DO UPDATE SET revision = excluded.revision RETURNING revision",
    [SQL_KIND_GET] = "SELECT revision FROM kinds WHERE kind = ?1",
    [SQL_OBJECT_INSERT] = "INSERT INTO objects (kind, name, revision, body) VALUES (?1, ?2, ?3, ?4)",
    [SQL_OBJECT_GET] = "SELECT revision, body FROM objects WHERE kind = ?1 AND name = ?2",
    [SQL_OBJECT_REVISION] = "SELECT revision FROM objects WHERE kind = ?1 AND name = ?2",
    [SQL_OBJECT_UPDATE] = "UPDATE objects SET revision = ?3, body = ?4 WHERE kind = ?1 AND name = ?2",
    [SQL_OBJECT_DELETE] = "DELETE FROM objects WHERE kind = ?1 AND name = ?2",
    [SQL_OBJECT_LIST] = "SELECT name, revision, body FROM objects WHERE kind = ?1 AND name > ?2"
                        " ORDER BY name LIMIT ?3",

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
