/* Putting a principal together, whatever it comes from. */
#pragma once
#include "tkeauth/authn.h"

/* Extras as they are found: values of one key add up. */
struct extra_list {
    struct principal_extra *items;
    size_t len;
};
/* Copies both. Failures are the arena's. */
void extra_add(struct arena *a, struct extra_list *list, struct str key, struct str value);
/* A point in time, as Go prints it: what reads these extras was written for it. 0: none is added. */
void extra_add_time(struct arena *a, struct extra_list *list, struct str key, int64_t seconds);

/* Fit for a name or a group: text, and none that means another one in a log, a header or a C string. */
bool principal_is_text(struct str s);

struct principal_draft {
    enum principal_source source;
    struct str name, uid;
    const struct str *groups;
    size_t group_count;
    struct extra_list extra; /* in the arena already */
    int64_t expires_at, issued_at;
};
/* Copies, adds "system:authenticated", reads the tenant out of the extras. ERR_NOMEM. */
MUST_CHECK enum err_code principal_make(struct arena *a, const struct principal_draft *draft,
                                        struct principal *ret, struct err *err);
