#include "store/sqlite/sqlite.h"

/* Logs the change of state, not every failing call: those are their callers' to report. */
void health_note(struct sqlite_store *s, _Atomic int *slot, int failed, const struct err *cause) {
    int before = *slot;
    if (before == failed)
        return;
    *slot = failed;
    if (failed != 0)
        log_error_err(s->log, NULL, "store_unavailable", cause, KV("path", s->path));
    else if (health_is_good(s))
        log_info(s->log, NULL, "store_recovered", KV("path", s->path));
}

bool health_is_good(const struct sqlite_store *s) {
    return s->health.write_failed == 0 && s->health.read_failed == 0;
}

enum err_code health_probe(struct conn *c, void *args, struct err *err) {
    (void)args;
    enum err_code rc = conn_run(c, SQL_PROBE_READ, err);
    return rc == ERR_OK ? conn_run(c, SQL_PROBE_WRITE, err) : rc;
}

enum err_code sqlite_health(const struct store *base, struct err *err) {
    const struct sqlite_store *s = (const struct sqlite_store *)base;
    int write_failed = s->health.write_failed, read_failed = s->health.read_failed;
    if (write_failed != 0)
        return err_set(err, ERR_UNAVAILABLE, "store: the last write failed: %s (sqlite %d)",
                       sqlite3_errstr(write_failed), write_failed);
    if (read_failed != 0)
        return err_set(err, ERR_UNAVAILABLE, "store: the last read failed: %s (sqlite %d)",
                       sqlite3_errstr(read_failed), read_failed);
    return ERR_OK;
}
