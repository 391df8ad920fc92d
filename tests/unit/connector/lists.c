#include "unit/connector/lists.h"

struct directory_query rig_query(const struct rig *r) {
    return (struct directory_query) { .deadline_mono_ms = clock_mono_ms(r->env.clock) + r->budget_ms,
                                      .request_id = "test" };
}

static void *grown(struct arena *a, const void *items, size_t len, size_t *cap, size_t size) {
    if (len < *cap)
        return (void *)(uintptr_t)items;
    *cap = *cap ? 2 * *cap : 64;
    void *more = arena_array(a, *cap, size);
    assert_non_null(more);
    if (len > 0)
        memcpy(more, items, len * size);
    return more;
}

static enum err_code take_user(void *ctx, const struct directory_user *u, struct err *err) {
    struct user_list *l = ctx;
    if (l->stop_after > 0 && l->len == l->stop_after)
        return err_set(err, ERR_EXISTS, "the test has enough");
    l->items = grown(l->a, l->items, l->len, &l->cap, sizeof *l->items);
    l->items[l->len++] = (struct directory_user) { .id = arena_str(l->a, u->id),
                                                   .name = arena_str(l->a, u->name),
                                                   .display_name = arena_str(l->a, u->display_name),
                                                   .email = arena_str(l->a, u->email),
                                                   .phone = arena_str(l->a, u->phone) };
    assert_null(u->local);
    return ERR_OK;
}

static enum err_code take_group(void *ctx, const struct directory_group *g, struct err *err) {
    struct group_list *l = ctx;
    (void)err;
    l->items = grown(l->a, l->items, l->len, &l->cap, sizeof *l->items);
    struct directory_member *members = arena_array(l->a, g->member_count + 1, sizeof *members);
    assert_non_null(members);
    for (size_t i = 0; i < g->member_count; i++)
        members[i] = (struct directory_member) { arena_str(l->a, g->members[i].id),
                                                 arena_str(l->a, g->members[i].name) };
    l->items[l->len++] = (struct directory_group) { .id = arena_str(l->a, g->id),
                                                    .display_name = arena_str(l->a, g->display_name),
                                                    .members = members,
                                                    .member_count = g->member_count };
    return ERR_OK;
}

enum err_code rig_list_users(struct rig *r, const struct directory_query *q, struct user_list *ret) {
    ret->a = r->arena;
    r->err = (struct err) { 0 };
    return connector_list_users(r->c, r->arena, q, take_user, ret, &ret->next, &r->err);
}

enum err_code rig_list_groups(struct rig *r, const struct directory_query *q, struct group_list *ret) {
    ret->a = r->arena;
    r->err = (struct err) { 0 };
    return connector_list_groups(r->c, r->arena, q, take_group, ret, &ret->next, &r->err);
}

enum err_code rig_get_user(struct rig *r, const char *id, struct directory_user *ret) {
    const struct directory_query q = rig_query(r);
    r->err = (struct err) { 0 };
    return connector_get_user(r->c, r->arena, str_of(id), &q, ret, &r->err);
}

enum err_code rig_get_group(struct rig *r, const char *id, struct directory_group *ret) {
    struct directory_query q = rig_query(r);
    q.want_members = true;
    r->err = (struct err) { 0 };
    return connector_get_group(r->c, r->arena, str_of(id), &q, ret, &r->err);
}

void assert_users(const struct user_list *list, const char *const want[]) {
    size_t n = 0;
    for (; want[n] != NULL; n++) {
        if (n >= list->len)
            fail_msg("%s is missing: %zu users", want[n], list->len);
        assert_str(list->items[n].id, want[n]);
        assert_str(list->items[n].name, want[n]);
    }
    if (list->len != n)
        fail_msg("%zu users, wanted %zu; the first too many is %.*s", list->len, n,
                 STR_FMT(list->items[n].id));
}

void assert_group_ids(const struct group_list *list, const char *const want[]) {
    size_t n = 0;
    for (; want[n] != NULL; n++) {
        if (n >= list->len)
            fail_msg("%s is missing: %zu groups", want[n], list->len);
        assert_str(list->items[n].id, want[n]);
        assert_str(list->items[n].display_name, want[n]);
    }
    assert_int_equal(list->len, n);
}

void assert_members(const struct directory_group *g, const char *const want[]) {
    size_t n = 0;
    for (; want[n] != NULL; n++) {
        size_t found = 0;
        for (size_t i = 0; i < g->member_count; i++)
            found += str_eq(g->members[i].id, str_of(want[n])) && str_eq(g->members[i].name, str_of(want[n]));
        if (found != 1)
            fail_msg("%.*s: member %s is there %zu times", STR_FMT(g->id), want[n], found);
    }
    for (size_t i = 0; g->member_count > n && i < g->member_count; i++) {
        bool wanted = false;
        for (size_t k = 0; k < n; k++)
            wanted |= str_eq(g->members[i].id, str_of(want[k]));
        if (!wanted)
            fail_msg("%.*s: member %.*s is too many", STR_FMT(g->id), STR_FMT(g->members[i].id));
    }
}

const struct directory_group *group_of(const struct group_list *list, const char *id) {
    for (size_t i = 0; i < list->len; i++)
        if (str_eq(list->items[i].id, str_of(id)))
            return &list->items[i];
    fail_msg("group %s is missing (%zu found)", id, list->len);
    return NULL;
}

void assert_code(const struct rig *r, enum err_code got, enum err_code want, const char *says) {
    if (got != want || (want != ERR_OK && !str_contains(str_of(r->err.detail), str_of(says))))
        fail_msg("%s \"%s\", wanted %s \"%s\"", err_code_name(got), r->err.detail, err_code_name(want), says);
}
