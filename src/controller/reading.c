#include "controller/reading.h"

enum err_code reading_start(struct reading *r, struct str tenant, int64_t now, struct err *err) {
    *r = (struct reading) { .arena = arena_new(READING_MEMORY_MAX),
                            .after = STRBUF(64 * 1024),
                            .began = now };
    if (r->arena != NULL)
        r->tenant = arena_str(r->arena, tenant);
    for (size_t i = 0; r->arena != NULL && i < RULE_DIRECTORY_PARTS; i++)
        r->parts[i] = rule_list_new(r->arena);
    if (r->arena != NULL && !arena_failed(r->arena))
        return ERR_OK;
    reading_done(r);
    return err_set(err, ERR_NOMEM, "groups of a directory");
}

void reading_done(struct reading *r) {
    strbuf_done(&r->after);
    arena_free(r->arena);
    *r = (struct reading) { 0 };
}

/* "*" would be everybody of the tenant. */
static bool is_usable(struct str name) {
    return name.len > 0 && name.len <= READING_NAME_MAX && !str_eq(name, STR("*")) && str_is_utf8(name) &&
           !str_has_control(name);
}

static uint64_t hash_of(struct str s) {
    static const uint64_t seed[2] = { 0 };
    return siphash13(seed, s.ptr, s.len);
}

static void add_rule(struct reading *r, struct str user, struct str group) {
    size_t part = hash_of(group) % RULE_DIRECTORY_PARTS;
    AUTO(strbuf_done) struct strbuf both = STRBUF(4 * READING_NAME_MAX + 1024);
    strbuf_addf(&both, "%.*s,%.*s", STR_FMT(user), STR_FMT(group));
    r->sums[part] += hash_of(strbuf_str(&both)) | 1; /* in any order */
    rule_add_group(r->parts[part], user, group, STR("*"));
}

static void take_member(struct reading *r, struct str group, const struct directory_member *m) {
    struct str name = m->name.len > 0 ? m->name : m->id;
    if (!is_usable(name)) {
        r->unusable++;
        return;
    }
    if (r->members == READING_RULES_MAX) {
        r->members_cut++;
        return;
    }
    r->members++;
    add_rule(r, key_of_user(r->arena, r->tenant, name), group);
}

static enum err_code take_group(void *ctx, const struct directory_group *g, struct err *err) {
    struct reading *r = ctx;
    (void)err;
    if (!is_usable(g->id)) {
        r->unusable++;
        return ERR_OK;
    }
    if (r->groups == READING_GROUPS_MAX) {
        r->groups_cut++;
        return ERR_OK;
    }
    r->groups++;
    struct str key = key_of_group(r->arena, r->tenant, g->id);
    for (size_t i = 0; i < g->member_count; i++)
        take_member(r, key, &g->members[i]);
    return arena_failed(r->arena) ? err_set(err, ERR_NOMEM, "%zu members of groups", r->members) : ERR_OK;
}

enum err_code reading_page(struct reading *r, struct connector *c, const struct clock *clock,
                           bool *ret_complete, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(PIECE_MEMORY_MAX);
    struct str next = STR_NULL;
    int64_t now = clock_mono_ms(clock);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "groups of a directory");
    if (r->pages++ == READING_PAGES_MAX || now - r->began > READING_TIME_MAX_MS)
        return err_set(err, ERR_LIMIT, "the directory's groups do not come to an end: %zu after %zu requests",
                       r->groups, r->pages);
    const struct directory_query q = { .limit = READING_PAGE,
                                       .after = r->after.len > 0 ? strbuf_str(&r->after) : STR_NULL,
                                       .want_members = true,
                                       .deadline_mono_ms = now + READING_DEADLINE_MS,
                                       .request_id = "directory-groups" };
    enum err_code rc = connector_list_groups(c, a, &q, take_group, r, &next, err);
    if (rc != ERR_OK)
        return rc;
    /* Past the limit nothing more is taken: the directory need not be read to its end. */
    *ret_complete = next.len == 0 || r->groups == READING_GROUPS_MAX || r->members == READING_RULES_MAX;
    strbuf_clear(&r->after);
    strbuf_add(&r->after, next);
    return strbuf_check(&r->after, err);
}
