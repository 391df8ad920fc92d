/* roles owns the questions about links: which roles a name has in a domain, whether it has one, and through which
 * links. Plain role managers answer from closures; those with matching functions walk. */
#pragma once
#include "enforcer/scratch.h"
#include "enforcer/snapshot.h"

/* A name in the place of the first argument of g, with its hash. */
struct enf_subject {
    struct enforcer_str name;
    uint64_t hash;
};

/* Called for every role (perhaps more than once) and, where the definition says so, for the name itself; `atom` is
 * NULL for a name that no link mentions. False ends the walk. */
typedef bool (*enf_role_fn)(void *ctx, struct enforcer_str role, uint64_t hash, const struct enf_atom *atom);

/* Every role that g(subject, role, domain) holds for. `domain` NULL: without one. *ret_stopped: the visitor ended it.
 * NOMEM, EVAL (a matching function). */
enum enforcer_status enf_roles_each(const struct enforcer_snapshot *s, const struct enf_grouping *g,
                                    const struct enf_subject *subject, const struct enforcer_str *domain,
                                    enf_role_fn visit, void *ctx, struct enf_scratch *scratch,
                                    bool *ret_stopped, struct enforcer_error *err) MUST_CHECK;
/* g(name, role, domain) */
enum enforcer_status enf_has_role(const struct enforcer_snapshot *s, const struct enf_grouping *g,
                                  struct enforcer_str name, struct enforcer_str role,
                                  const struct enforcer_str *domain, struct enf_scratch *scratch, bool *ret,
                                  struct enforcer_error *err) MUST_CHECK;
/* The links from `name` to `role`, as g sees them; *ret_len SIZE_MAX: there is no path; 0: they are the same. Links are
 * zone memory of `scratch`. */
enum enforcer_status enf_role_path(const struct enforcer_snapshot *s, const struct enf_grouping *g,
                                   struct enforcer_str name, struct enforcer_str role,
                                   const struct enforcer_str *domain, struct enf_scratch *scratch,
                                   const struct enforcer_rule ***ret, size_t *ret_len,
                                   struct enforcer_error *err) MUST_CHECK;
const struct enf_section *enf_grouping_section(const struct enforcer_snapshot *s,
                                               const struct enf_grouping *g);
