/* Why a decision is what it is: for tke-auth can --explain. */
#include "authz/internal.h"

enum err_code authz_explain(const struct authz *z, const struct authz_version *v, struct arena *a,
                            const struct authz_question *question, size_t near_max,
                            struct authz_explanation *ret, struct err *err) {
    const struct rules *r = v->rules;
    struct authz_explanation x = { 0 };
    struct asker who;
    enum err_code rc = asker_prepare(a, &question->user, &who, err);
    if (rc == ERR_OK)
        rc = authz_decide_as(z, v, a, question, &who, &x.decision, err);
    if (rc != ERR_OK)
        return rc;
    x.subject = who.subject;
    x.groups = who.groups;
    x.group_count = who.group_count;
    x.domain = who.project.len != 0 ? who.project : STR("*");
    bool by_rules = x.decision.step == AUTHZ_STEP_RULE || x.decision.step == AUTHZ_STEP_PUBLIC_RULE ||
                    x.decision.step == AUTHZ_STEP_NONE;
    if (by_rules && r->engine.ops->explain != NULL && x.decision.error.len == 0) {
        struct engine_question q = { .subject = who.subject,
                                     .domain = x.domain,
                                     .resource = x.decision.resource,
                                     .action = x.decision.action,
                                     .also = who.groups,
                                     .also_count = who.group_count };
        if (x.decision.step == AUTHZ_STEP_PUBLIC_RULE) {
            q.subject = who.everybody;
            q.also_count = 0;
        }
        rc = r->engine.ops->explain(v->engine, a, &q, near_max, &x, err);
    }
    if (rc == ERR_OK)
        *ret = x;
    return rc;
}
