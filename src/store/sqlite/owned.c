/* Owned sets: what an owner had and what it is to have, both sorted, side by side. */
#include "store/sqlite/tx.h"

struct gone_name {
    struct gone_name *next;
    struct str name;
};
struct set_diff {
    const struct store_owned **come;
    size_t come_len;
    struct gone_name *gone, **gone_end;
};

static enum err_code add_gone(struct arena *a, struct str name, struct set_diff *diff, struct err *err) {
    struct gone_name *g = arena_alloc(a, sizeof *g);
    if (g != NULL) {
        g->name = arena_str(a, name);
        *diff->gone_end = g;
        diff->gone_end = &g->next;
    }
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "a set") : ERR_OK;
}

static enum err_code compare(struct sqlite_tx *tx, const struct store_owned_set *set, struct set_diff *diff,
                             struct err *err) {
    AUTO(query_done) struct query rows = query_new(tx->conn, SQL_OWNED_OF);
    query_text(&rows, set->kind);
    query_text(&rows, set->owner);
    size_t i = 0;
    bool row = false;
    enum err_code rc = query_step(&rows, &row, err);
    while (rc == ERR_OK && (row || i < set->len)) {
        int order = !row ? 1 : i == set->len ? -1 : str_cmp(query_col_text(&rows, 0), set->items[i].name);
        if (order > 0)
            diff->come[diff->come_len++] = &set->items[i];
        if (order < 0)
            rc = add_gone(tx->scratch, query_col_text(&rows, 0), diff, err);
        i += order >= 0;
        if (rc == ERR_OK && order <= 0)
            rc = query_step(&rows, &row, err);
    }
    return rc;
}

static enum err_code run_on_pair(struct sqlite_tx *tx, enum sql_id id, const struct store_owned_set *set,
                                 struct str name, struct err *err) {
    AUTO(query_done) struct query q = query_new(tx->conn, id);
    query_text(&q, set->kind);
    query_text(&q, set->owner);
    query_text(&q, name);
    return query_run(&q, err);
}

static enum err_code own(struct sqlite_tx *tx, const struct store_owned_set *set,
                         const struct store_owned *item, size_t *changed, struct err *err) {
    struct store_write w = { .kind = set->kind, .name = item->name, .body = item->body };
    struct store_there there;
    enum err_code rc = tx_there(tx, w.kind, w.name, &there, err);
    if (rc == ERR_OK && there.found && !there.owned)
        return err_set(err, ERR_EXISTS, "%.*s/%.*s: is there without an owner", STR_FMT(w.kind),
                       STR_FMT(w.name));
    if (rc == ERR_OK && !there.found) {
        rc = tx_put(tx, &w, &there, err);
        ++*changed;
    }
    return rc == ERR_OK ? run_on_pair(tx, SQL_OWNED_PUT, set, item->name, err) : rc;
}

static enum err_code disown(struct sqlite_tx *tx, const struct store_owned_set *set, struct str name,
                            size_t *changed, struct err *err) {
    struct store_write w = { .kind = set->kind, .name = name };
    struct store_there there = { .owned = true };
    enum err_code rc = run_on_pair(tx, SQL_OWNED_DELETE, set, name, err);
    if (rc == ERR_OK)
        rc = tx_there(tx, w.kind, w.name, &there, err);
    if (rc != ERR_OK || there.owned || !there.found)
        return rc;
    ++*changed;
    return tx_drop(tx, &w, &there, err);
}

/* What comes before what goes: nobody who follows the changes sees less than both sets have in common. */
static enum err_code set_owned(struct sqlite_tx *tx, const struct store_owned_set *set, size_t *ret_changed,
                               struct err *err) {
    struct arena *a = tx_scratch(tx);
    struct set_diff diff = { .come = a != NULL ? arena_array(a, set->len, sizeof(void *)) : NULL };
    if (diff.come == NULL)
        return err_set(err, ERR_NOMEM, "a set of %zu", set->len);
    diff.gone_end = &diff.gone;
    enum err_code rc = compare(tx, set, &diff, err);
    for (size_t i = 0; rc == ERR_OK && i < diff.come_len; i++)
        rc = own(tx, set, diff.come[i], ret_changed, err);
    for (const struct gone_name *g = diff.gone; rc == ERR_OK && g != NULL; g = g->next)
        rc = disown(tx, set, g->name, ret_changed, err);
    return rc;
}

enum err_code sqlite_tx_set_owned(struct store_tx *base, const struct store_owned_set *set,
                                  size_t *ret_changed, struct err *err) {
    return store_tx_break(base, set_owned(sqlite_tx_of(base), set, ret_changed, err), err);
}

/* ---- reading ---- */

static enum err_code read_owned(struct conn *c, void *args, struct err *err) {
    const struct store_owned_query *query = args;
    AUTO(query_done) struct query q = query_new(c, SQL_OWNED_LIST);
    query_text(&q, query->kind);
    query_text(&q, query->owner);
    query_text(&q, query->name);
    query_limit(&q, query->limit);
    for (;;) {
        bool row = false;
        enum err_code rc = query_step(&q, &row, err);
        if (rc != ERR_OK || !row)
            return rc;
        rc = query->each(query->ctx, query_col_text(&q, 0), query_col_text(&q, 1), err);
        if (rc != ERR_OK)
            return rc;
    }
}

enum err_code sqlite_owned_list(struct store *s, const struct store_owned_query *q, struct err *err) {
    struct store_owned_query copy = *q;
    return readers_run(sqlite_of(s), read_owned, &copy, err);
}
