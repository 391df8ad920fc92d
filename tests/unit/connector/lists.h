/* Listings of a connector, collected. Includes rig.h. */
#pragma once
#include "unit/connector/rig.h"

struct user_list {
    struct directory_user *items;
    size_t len, cap;
    struct str next; /* STR_NULL: all were seen */
    struct arena *a;
    size_t stop_after; /* 0: never; else `each` fails there with ERR_EXISTS */
};
struct group_list {
    struct directory_group *items;
    size_t len, cap;
    struct str next;
    struct arena *a;
};
/* A query with the rig's budget. */
struct directory_query rig_query(const struct rig *r);
/* All in the rig's arena. What `ret` had is kept, so that a listing can go on. `r->err` says what was wrong. */
enum err_code rig_list_users(struct rig *r, const struct directory_query *q, struct user_list *ret);
enum err_code rig_list_groups(struct rig *r, const struct directory_query *q, struct group_list *ret);
enum err_code rig_get_user(struct rig *r, const char *id, struct directory_user *ret);
enum err_code rig_get_group(struct rig *r, const char *id, struct directory_group *ret); /* with members */

/* In this order; `want` is NULL-terminated. */
void assert_users(const struct user_list *list, const char *const want[]);
void assert_group_ids(const struct group_list *list, const char *const want[]);
/* As a set, without duplicates. */
void assert_members(const struct directory_group *g, const char *const want[]);
const struct directory_group *group_of(const struct group_list *list, const char *id);
void assert_code(const struct rig *r, enum err_code got, enum err_code want, const char *says);
#define NAMES(...) ((const char *const[]) { __VA_ARGS__ __VA_OPT__(, ) NULL })
