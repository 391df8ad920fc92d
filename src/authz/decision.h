/* The decision order of the platform's own rules (contract 4.5). */
#pragma once
#include "authz/engine.h"

/* Who asks, worked out once for all questions of a review. Strings in the arena or in the user. */
struct asker {
    struct str tenant, project, namespace; /* STR_NULL: none */
    struct str subject, everybody;         /* "t##user##name", "t##user##*" */
    const struct str *groups;              /* "t##group##id" */
    size_t group_count;
    bool debug; /* wants to see their permissions in the reason */
};
MUST_CHECK enum err_code asker_prepare(struct arena *a, const struct authz_user *user, struct asker *ret,
                                       struct err *err);

struct tenants {
    const struct authz_tenant *items; /* sorted by id */
    size_t len;
    bool any;
};
/* NULL: unknown. */
const struct authz_tenant *tenants_find(const struct tenants *t, struct str id);

bool tenants_have_administrator(const struct tenants *t, struct str tenant, struct str name);

struct decision_rules {
    struct str privileged_user;
    const struct tenants *tenants;
    bool always_deny;
};
/* `at` may already be converted; then it is not converted again. Fills outcome, step, reason, error, action and resource. */
MUST_CHECK enum err_code decide_local(const struct decision_rules *rules, const struct engine *engine,
                                      const void *version, struct arena *a, const struct authz_user *user,
                                      const struct asker *who, const struct authz_attributes *at,
                                      bool converted, const struct authz_request_context *context,
                                      struct authz_decision *ret, struct err *err);
