/* A rule engine for tests: a list of rules, each for one subject in one domain ("*": all of them). Deny beats allow. */
#pragma once
#include "authz/abac.h"
#include "authz/engine.h"

struct list_rule {
    const char *subject, *domain, *resource, *action;
    enum engine_verdict verdict;
};
struct rule_list {
    const struct list_rule *rules;
    size_t len;
    bool broken;                 /* every question fails */
    struct engine_question seen; /* the last one about the user themselves */
    unsigned asked;
};

static inline const void *rule_list_acquire(void *impl) { return impl; }
static inline void rule_list_release(void *impl, const void *version) {
    (void)impl;
    (void)version;
}

static inline bool rule_list_subject(const struct list_rule *r, const struct engine_question *q) {
    bool found = str_eq(q->subject, str_of(r->subject));
    for (size_t i = 0; i < q->also_count; i++)
        found = found || str_eq(q->also[i], str_of(r->subject));
    return found;
}

static inline enum err_code rule_list_enforce(const void *version, struct arena *a,
                                              const struct engine_question *q, enum engine_verdict *ret,
                                              struct err *err) {
    struct rule_list *list = (struct rule_list *)(uintptr_t)version;
    (void)a;
    *ret = ENGINE_NO_MATCH;
    if (list->asked++ == 0)
        list->seen = *q;
    if (list->broken)
        return err_set(err, ERR_INVALID, "the rules are broken");
    for (size_t i = 0; i < list->len; i++) {
        const struct list_rule *r = &list->rules[i];
        if (!rule_list_subject(r, q) || !abac_pattern_match(str_of(r->domain), q->domain) ||
            !abac_pattern_match(str_of(r->resource), q->resource) ||
            !abac_pattern_match(str_of(r->action), q->action))
            continue;
        if (r->verdict == ENGINE_DENY || *ret == ENGINE_NO_MATCH)
            *ret = r->verdict;
    }
    return ERR_OK;
}

static inline void rule_list_permissions(const void *version, const struct engine_question *q,
                                         struct strbuf *out) {
    (void)version;
    strbuf_addf(out, "[\"%.*s\"]", STR_FMT(q->subject));
}

static inline void rule_list_free(void *impl) { (void)impl; }

static const struct engine_ops rule_list_ops = {
    .acquire = rule_list_acquire,
    .release = rule_list_release,
    .enforce = rule_list_enforce,
    .permissions = rule_list_permissions,
    .free = rule_list_free,
};
