/* What authz needs of a rule engine: one question on one version of the rules. The enforcer is behind it in the daemon, a list of rules in
 * tests. */
#pragma once
#include "tkeauth/authz.h"

enum engine_verdict { ENGINE_NO_MATCH, ENGINE_ALLOW, ENGINE_DENY };

struct engine_question {
    struct str subject, domain, resource, action; /* domain "*" outside projects */
    const struct str *also;                       /* subjects of the groups the caller carries */
    size_t also_count;
};

struct engine_ops {
    const void *(*acquire)(void *impl); /* never waits; NULL never */
    void (*release)(void *impl, const void *version);
    /* *ret is ENGINE_NO_MATCH on every error. */
    enum err_code (*enforce)(const void *version, struct arena *a, const struct engine_question *q,
                             enum engine_verdict *ret, struct err *err);
    /* Fills rule, path and near of `ret`, copied into `a`. */
    enum err_code (*explain)(const void *version, struct arena *a, const struct engine_question *q,
                             size_t near_max, struct authz_explanation *ret, struct err *err);
    /* What the subject may do, as a JSON array, for the debug reason; may stop when `out` is full. */
    void (*permissions)(const void *version, const struct engine_question *q, struct strbuf *out);
    void (*free)(void *impl);
};
struct engine {
    const struct engine_ops *ops;
    void *impl;
};
