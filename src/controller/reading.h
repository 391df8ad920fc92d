/* One reading of a directory's groups, page by page, into rules. */
#pragma once
#include "controller/internal.h"

enum {
    READING_PAGE = 200,          /* groups of one request */
    READING_GROUPS_MAX = 20000,  /* of one tenant; the rest is left out */
    READING_RULES_MAX = 200000,  /* memberships of one tenant, likewise */
    READING_NAME_MAX = 512,      /* bytes of a group's id or a member's name */
    READING_PAGES_MAX = 10000,   /* a directory that never comes to an end is no directory */
    READING_DEADLINE_MS = 10000, /* of one request */
    READING_TIME_MAX_MS = 15 * 60 * 1000,
    READING_MEMORY_MAX = 512 * 1024 * 1024,
};
struct reading {
    struct arena *arena; /* NULL: none is under way */
    struct rule_list *parts[RULE_DIRECTORY_PARTS];
    uint64_t sums[RULE_DIRECTORY_PARTS]; /* of a part's rules: the same for the same rules */
    struct str tenant;                   /* in the arena */
    struct strbuf after;
    int64_t began;
    size_t pages, groups, members;
    size_t groups_cut, members_cut; /* over the limits */
    size_t unusable;                /* names that cannot stand in a rule */
};
MUST_CHECK enum err_code reading_start(struct reading *r, struct str tenant, int64_t now, struct err *err);
/* The next page. *ret_complete: it was the last. After an error the reading is worth nothing. */
MUST_CHECK enum err_code reading_page(struct reading *r, struct connector *c, const struct clock *clock,
                                      bool *ret_complete, struct err *err);
void reading_done(struct reading *r);
