/* SPDX-License-Identifier: Apache-2.0
 *
 * libenforcer: a casbin-compatible permission engine.
 *
 * An enforcer is made from a model (the casbin language) and holds a policy (rules). Writers change the policy in
 * batches; each committed batch is the next immutable snapshot. Readers acquire the newest snapshot, ask it any number
 * of questions and release it: they take no lock, never wait for a writer, and see either all or nothing of a batch.
 *
 * The library has no process-global state, does no I/O, reads no clock and never ends the process. It remembers no
 * errno. Functions that can fail return enum enforcer_status and describe the failure in `err` (may be NULL). An error
 * is never an allow: results are set to ENFORCER_NO_MATCH first.
 *
 * Threads: an `enforcer` may be used from any number of threads. Batches are serialised by a mutex that
 * enforcer_batch_begin takes and enforcer_batch_commit or _abort gives back: begin and end a batch on one thread.
 * A batch itself, like every other object, belongs to one thread at a time. Snapshots may be shared.
 */
#ifndef ENFORCER_ENFORCER_H
#define ENFORCER_ENFORCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define ENFORCER_API __attribute__((visibility("default")))
#define ENFORCER_CHECK __attribute__((warn_unused_result))
#else
#define ENFORCER_API
#define ENFORCER_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define ENFORCER_VERSION_MAJOR 0
#define ENFORCER_VERSION_MINOR 1

/* ------------------------------------------------------------------------------------------------- basic types -- */

/* Borrowed bytes, not NUL-terminated; `ptr` may be NULL when len is 0. */
struct enforcer_str {
    const char *ptr;
    size_t len;
};

enum enforcer_status {
    ENFORCER_OK,
    ENFORCER_NOMEM,     /* an allocation failed; nothing was changed */
    ENFORCER_LIMIT,     /* larger, deeper or more than the options allow */
    ENFORCER_INVALID,   /* model, rule, pattern or argument that is not well formed */
    ENFORCER_NOT_FOUND, /* no such section (p3, g2 ...) in the model */
    ENFORCER_EVAL /* a matcher could not be evaluated for this request (type error, bad pattern, match limit) */
};

/* Where and why. `line` and `column` count from 1; 0 where there is no text to point at. For an expression inside a
 * rule (eval) or a model, line and column are those of the model or CSV text. */
struct enforcer_error {
    int line;
    int column;
    char text[240]; /* one English sentence, NUL-terminated, control characters escaped */
};

/* "invalid", "limit" ...; never NULL. */
ENFORCER_API const char *enforcer_status_name(enum enforcer_status status);

struct enforcer;
struct enforcer_snapshot; /* immutable: one version of the policy */
struct enforcer_rule;     /* one line of policy, borrowed from a snapshot */
struct enforcer_batch;    /* a change in the making */

/* ------------------------------------------------------------------------------------------------------- values -- */

/* What a request is made of. Most requests are strings; ABAC passes objects: either a map of members or a getter. */
enum enforcer_kind {
    ENFORCER_UNDEFINED, /* a member that does not exist */
    ENFORCER_NULL,
    ENFORCER_BOOL,
    ENFORCER_NUMBER,
    ENFORCER_STRING,
    ENFORCER_LIST,
    ENFORCER_MAP,
    ENFORCER_OBJECT
};

struct enforcer_value;
struct enforcer_member;

/* Looks up one attribute: fills *ret and returns ENFORCER_OK, or ENFORCER_NOT_FOUND (the attribute is undefined), or
 * any other status to fail the evaluation. What *ret borrows must live until the enforce call returns. */
typedef enum enforcer_status (*enforcer_get_fn)(void *object, struct enforcer_str name,
                                                struct enforcer_value *ret);

struct enforcer_value {
    enum enforcer_kind kind;
    union {
        bool boolean;
        double number;
        struct enforcer_str string;
        struct {
            const struct enforcer_value *items;
            size_t len;
        } list;
        struct {
            const struct enforcer_member *members;
            size_t len;
        } map;
        struct {
            enforcer_get_fn get;
            void *object;
        } object;
    } u;
};

struct enforcer_member {
    struct enforcer_str name;
    struct enforcer_value value;
};

/* Conveniences: a NUL-terminated string (NULL is empty) as a slice, and as a value. */
ENFORCER_API struct enforcer_str enforcer_cstr(const char *text);
ENFORCER_API struct enforcer_value enforcer_string(const char *text);
ENFORCER_API struct enforcer_value enforcer_string_n(const char *text, size_t len);
ENFORCER_API struct enforcer_value enforcer_number(double number);
ENFORCER_API struct enforcer_value enforcer_bool(bool boolean);

/* ------------------------------------------------------------------------------------------------------ options -- */

/* A function of the matcher language. Fills *ret (what it borrows must outlive the enforce call: an argument, or
 * memory of `ctx`) and returns ENFORCER_OK; any other status fails the evaluation. Called by many threads at once. */
typedef enum enforcer_status (*enforcer_call_fn)(void *ctx, const struct enforcer_value *args,
                                                 size_t args_len, struct enforcer_value *ret);
struct enforcer_function {
    const char *name; /* must not be g, g2 ... or eval; may replace a built-in one */
    enforcer_call_fn call;
    void *ctx;
};

/* Does `name` (from the request) match `key` (from a rule)? */
typedef bool (*enforcer_match_fn)(void *ctx, struct enforcer_str name, struct enforcer_str key);

/* How the links of one role definition are followed. Zero-initialised members mean the default. */
struct enforcer_roles {
    const char *ptype; /* "g", "g2" ... */
    /* Role names, and domains, of links may be patterns: a built-in by name ("keyMatch2") or a function. */
    const char *match;
    const char *domain_match;
    enforcer_match_fn match_fn;
    enforcer_match_fn domain_match_fn;
    void *ctx;
};

/* Every block the enforcer keeps comes from here. `reallocate(ctx, NULL, n)` allocates, `reallocate(ctx, p, n)` grows
 * or shrinks, `release(ctx, p)` frees (p may be NULL). Must be thread-safe: readers that evaluate a regular expression
 * or a generic matcher allocate one scratch block per request. */
struct enforcer_allocator {
    void *(*reallocate)(void *ctx, void *ptr, size_t size);
    void (*release)(void *ctx, void *ptr);
    void *ctx;
};

enum enforcer_flags {
    /* The TKE dialect: the role manager looks in the request's domain, then in `*` (a name must occur in a link to
     * match itself); rules are checked when written (field count, effect, pattern); any other effect is refused. */
    ENFORCER_DIALECT_TKE = 1u << 0,
    /* With the TKE dialect: memberships held in domain `*` (user -> group) are followed inside the request's domain
     * too, so that what a group was given in a project reaches its members. Off: paths never mix domains. */
    ENFORCER_TKE_EXPAND = 1u << 1,
    /* Never take a shortcut: every rule goes through the evaluator. For tests. */
    ENFORCER_INTERPRET = 1u << 2
};

struct enforcer_options {
    unsigned flags; /* enum enforcer_flags */
    const struct enforcer_function *functions;
    size_t functions_len;
    const struct enforcer_roles *roles;
    size_t roles_len;
    const struct enforcer_allocator *allocator; /* NULL: malloc */
    /* Key of the hash tables; draw it at random where rules or requests come from outside. Both 0: the library draws
     * one from the system (getentropy). */
    uint64_t hash_key[2];
    /* Limits; 0 means the default in brackets. */
    size_t model_max;     /* bytes of model text [1 MiB] */
    size_t rules_max;     /* rules of all sections [64 Mi] */
    size_t field_max;     /* bytes of one field of a rule [64 KiB] */
    size_t value_max;     /* bytes of one string of a request [1 MiB] */
    unsigned roles_depth; /* edges of a path of roles [10] */
    unsigned regex_steps; /* backtracking steps of one regular expression match [100000] */
};

/* ---------------------------------------------------------------------------------------------- life of an enforcer */

/* Parses and compiles a model; the policy is empty, its revision 0. `options` may be NULL and is copied.
 * NULL with `err` filled: INVALID or LIMIT, or out of memory (then err->text says so). */
ENFORCER_API struct enforcer *enforcer_new(const char *model, size_t model_len,
                                           const struct enforcer_options *options,
                                           struct enforcer_error *err) ENFORCER_CHECK;
/* All snapshots must have been released. NULL is fine. */
ENFORCER_API void enforcer_free(struct enforcer *e);
/* The model of the platform: sub, dom, obj, act with keyMatchCustom (also in config/enforcer-model.conf). */
ENFORCER_API const char *enforcer_tke_model(void);

/* The newest snapshot; never NULL, wait-free. Each acquire needs one release. */
ENFORCER_API const struct enforcer_snapshot *enforcer_acquire(struct enforcer *e) ENFORCER_CHECK;
ENFORCER_API void enforcer_release(struct enforcer *e, const struct enforcer_snapshot *s);
/* Frees what released snapshots left behind; every commit does it too. For a janitor after a long-held snapshot. */
ENFORCER_API void enforcer_collect(struct enforcer *e);

/* Number of the commit that made this snapshot: 0 for the empty one, then 1, 2, 3 ... */
ENFORCER_API uint64_t enforcer_revision(const struct enforcer_snapshot *s);
struct enforcer_stats {
    size_t policy_rules;   /* p, p2 ... */
    size_t grouping_rules; /* g, g2 ... */
    size_t bytes;          /* held by the enforcer in all its snapshots and tables */
    size_t snapshots;      /* alive: the newest and those still acquired */
    bool compiled;         /* the default matcher runs without the evaluator */
};
/* `bytes` and `snapshots` are of the moment, the rest of the snapshot. */
ENFORCER_API void enforcer_stats(struct enforcer *e, const struct enforcer_snapshot *s,
                                 struct enforcer_stats *ret);

/* ------------------------------------------------------------------------------------------------------- asking -- */

enum enforcer_outcome {
    ENFORCER_NO_MATCH, /* not allowed: no rule decided */
    ENFORCER_DENY,     /* not allowed: a deny rule decided */
    ENFORCER_ALLOW
};

struct enforcer_result {
    enum enforcer_outcome outcome;
    /* The rule that decided: for allow-override the first match, for allow-and-deny the first deny or the last allow,
     * for the priority effects the one with the highest priority. NULL: none (or a matcher without p). Borrowed. */
    const struct enforcer_rule *rule;
};

struct enforcer_request {
    const struct enforcer_value *values; /* as many as the request definition has fields */
    size_t values_len;
    /* Which numbered definitions to use: 2 means r2, p2, e2, m2; 0 and 1 both mean r, p, e, m. */
    unsigned r, p, e, m;
    /* Further subjects the caller speaks for (keys of the groups a user carries): where the matcher asks g(r.X, p.Y)
     * or g(r.X, p.Y, r.D) with the subject X = the first argument of the first g, a rule also matches if one of these
     * in the place of the subject does. Only for matchers that ask about the subject in that one clause (LIMIT
     * otherwise). */
    const struct enforcer_str *subjects;
    size_t subjects_len;
};

/* Decides one request. *ret is NO_MATCH on every error.
 * INVALID: wrong number of values; NOT_FOUND: no such definition; EVAL, LIMIT, NOMEM. */
ENFORCER_API enum enforcer_status enforcer_enforce(const struct enforcer_snapshot *s,
                                                   const struct enforcer_request *request,
                                                   struct enforcer_result *ret,
                                                   struct enforcer_error *err) ENFORCER_CHECK;
/* The same for strings: enforce(sub, obj, act). */
ENFORCER_API enum enforcer_status enforcer_enforce_strings(const struct enforcer_snapshot *s,
                                                           const struct enforcer_str *values,
                                                           size_t values_len, struct enforcer_result *ret,
                                                           struct enforcer_error *err) ENFORCER_CHECK;
/* Many requests on one snapshot. Stops at the first error: *ret_done results are valid, the rest NO_MATCH. */
ENFORCER_API enum enforcer_status
enforcer_enforce_batch(const struct enforcer_snapshot *s, const struct enforcer_request *requests,
                       size_t requests_len, struct enforcer_result *ret_results, size_t *ret_done,
                       struct enforcer_error *err) ENFORCER_CHECK;
/* With a matcher of one's own instead of the model's (parsed on every call: for tools, not for the hot path). */
ENFORCER_API enum enforcer_status enforcer_enforce_matcher(const struct enforcer_snapshot *s,
                                                           const char *matcher, size_t matcher_len,
                                                           const struct enforcer_request *request,
                                                           struct enforcer_result *ret,
                                                           struct enforcer_error *err) ENFORCER_CHECK;

/* The platform's question. The model must have a request of four strings (sub, dom, obj, act). */
struct enforcer_tke_request {
    struct enforcer_str sub, dom, obj, act; /* dom: "" means `*` */
    const struct enforcer_str *subjects;    /* group keys the user carries */
    size_t subjects_len;
};
ENFORCER_API enum enforcer_status enforcer_enforce_tke(const struct enforcer_snapshot *s,
                                                       const struct enforcer_tke_request *request,
                                                       struct enforcer_result *ret,
                                                       struct enforcer_error *err) ENFORCER_CHECK;

/* -------------------------------------------------------------------------------------------------- explanations -- */

/* A rule that nearly matched: its clauses in the order of the matcher, up to the first one that is false. */
struct enforcer_near_miss {
    const struct enforcer_rule *rule;
    const struct enforcer_rule *const
        *path; /* links from a subject to the rule's subject; empty: the subject itself
                                                or not linked (then the failed clause is the role one) */
    size_t path_len;
    unsigned clauses_true, clauses; /* how many of the matcher's top-level && clauses hold for this rule */
    struct enforcer_str failed;     /* text of the first clause that does not hold, as in the model */
};

struct enforcer_explanation {
    struct enforcer_result result;
    /* How the subject reaches the rule's subject: links of the role definition, first to last. */
    const struct enforcer_rule *const *path;
    size_t path_len;
    struct enforcer_str
        subject; /* where the path starts: the request's subject or one of the further subjects */
    /* Only when no rule decided: the nearest rules, most true clauses first. */
    const struct enforcer_near_miss *near;
    size_t near_len;
};

/* Decides and says why. At most `near_max` near misses. The explanation borrows from the snapshot and the request;
 * free it before either goes. */
ENFORCER_API enum enforcer_status enforcer_explain(const struct enforcer_snapshot *s,
                                                   const struct enforcer_request *request, size_t near_max,
                                                   struct enforcer_explanation **ret,
                                                   struct enforcer_error *err) ENFORCER_CHECK;
ENFORCER_API enum enforcer_status enforcer_explain_tke(const struct enforcer_snapshot *s,
                                                       const struct enforcer_tke_request *request,
                                                       size_t near_max, struct enforcer_explanation **ret,
                                                       struct enforcer_error *err) ENFORCER_CHECK;
ENFORCER_API void enforcer_explanation_free(struct enforcer_explanation *x);

/* ------------------------------------------------------------------------------------------------------- changing -- */

/* Starts a change on top of the newest snapshot; waits for a batch of another thread. */
ENFORCER_API enum enforcer_status enforcer_batch_begin(struct enforcer *e, struct enforcer_batch **ret,
                                                       struct enforcer_error *err) ENFORCER_CHECK;
/* Publishes everything as one snapshot (none if nothing changed) and ends the batch, also on failure. After NOMEM in
 * any call on the batch it fails with NOMEM and the policy stays as it was. *ret_revision (may be NULL) is the revision
 * now current. LIMIT: 1024 snapshots are still acquired. */
ENFORCER_API enum enforcer_status enforcer_batch_commit(struct enforcer_batch *b, uint64_t *ret_revision,
                                                        struct enforcer_error *err) ENFORCER_CHECK;
/* Forgets the change. NULL is fine. */
ENFORCER_API void enforcer_batch_abort(struct enforcer_batch *b);

/* A rule that is already there (same ptype, same fields) is no error: *ret_changed (may be NULL) says whether it was
 * new. NOT_FOUND: the model has no such ptype. INVALID: too few fields, a bad eval expression, in the TKE dialect also
 * a bad effect or pattern; a rule that fails leaves the batch usable and unchanged. */
ENFORCER_API enum enforcer_status enforcer_batch_add(struct enforcer_batch *b, const char *ptype,
                                                     const struct enforcer_str *fields, size_t fields_len,
                                                     bool *ret_changed,
                                                     struct enforcer_error *err) ENFORCER_CHECK;
ENFORCER_API enum enforcer_status enforcer_batch_remove(struct enforcer_batch *b, const char *ptype,
                                                        const struct enforcer_str *fields, size_t fields_len,
                                                        bool *ret_changed,
                                                        struct enforcer_error *err) ENFORCER_CHECK;
/* Replaces a rule in its place. *ret_changed false: the old one is not there, or the new one already is. */
ENFORCER_API enum enforcer_status enforcer_batch_update(struct enforcer_batch *b, const char *ptype,
                                                        const struct enforcer_str *old_fields, size_t old_len,
                                                        const struct enforcer_str *new_fields, size_t new_len,
                                                        bool *ret_changed,
                                                        struct enforcer_error *err) ENFORCER_CHECK;
/* Removes the rules whose fields from `first` on equal `values` ("" fits anything). *ret_removed may be NULL. */
ENFORCER_API enum enforcer_status enforcer_batch_remove_filtered(struct enforcer_batch *b, const char *ptype,
                                                                 size_t first,
                                                                 const struct enforcer_str *values,
                                                                 size_t values_len, size_t *ret_removed,
                                                                 struct enforcer_error *err) ENFORCER_CHECK;
/* Removes every rule of the ptype; NULL: of all. */
ENFORCER_API enum enforcer_status enforcer_batch_clear(struct enforcer_batch *b, const char *ptype,
                                                       struct enforcer_error *err) ENFORCER_CHECK;
/* Adds the rules of a CSV text ("p, alice, data1, read"; # comments; quoting as in RFC 4180; a field may hold commas
 * inside parentheses). At the first bad line: its line and column in `err`, and the batch can only be aborted. */
ENFORCER_API enum enforcer_status enforcer_batch_csv(struct enforcer_batch *b, const char *text, size_t len,
                                                     struct enforcer_error *err) ENFORCER_CHECK;
/* RBAC in one word. deleteUser/deleteRole of casbin: every p rule with this subject, every link from the name
 * (_user), or from and to it (_role). `domain` may be NULL: in every domain. */
ENFORCER_API enum enforcer_status enforcer_batch_delete_user(struct enforcer_batch *b,
                                                             struct enforcer_str user, size_t *ret_removed,
                                                             struct enforcer_error *err) ENFORCER_CHECK;
ENFORCER_API enum enforcer_status enforcer_batch_delete_role(struct enforcer_batch *b,
                                                             struct enforcer_str role, size_t *ret_removed,
                                                             struct enforcer_error *err) ENFORCER_CHECK;
/* Links `user -> role` of section "g", in a domain where the model has domains (domain NULL: none). */
ENFORCER_API enum enforcer_status enforcer_batch_add_role(struct enforcer_batch *b, struct enforcer_str user,
                                                          struct enforcer_str role,
                                                          const struct enforcer_str *domain,
                                                          bool *ret_changed,
                                                          struct enforcer_error *err) ENFORCER_CHECK;
ENFORCER_API enum enforcer_status
enforcer_batch_remove_role(struct enforcer_batch *b, struct enforcer_str user, struct enforcer_str role,
                           const struct enforcer_str *domain, bool *ret_changed,
                           struct enforcer_error *err) ENFORCER_CHECK;

/* One-call changes: a batch with one entry. */
ENFORCER_API enum enforcer_status enforcer_add(struct enforcer *e, const char *ptype,
                                               const struct enforcer_str *fields, size_t fields_len,
                                               bool *ret_changed, struct enforcer_error *err) ENFORCER_CHECK;
ENFORCER_API enum enforcer_status enforcer_remove(struct enforcer *e, const char *ptype,
                                                  const struct enforcer_str *fields, size_t fields_len,
                                                  bool *ret_changed,
                                                  struct enforcer_error *err) ENFORCER_CHECK;
/* Replaces the whole policy by a CSV text, atomically: on an error the old policy stays. */
ENFORCER_API enum enforcer_status enforcer_load_csv(struct enforcer *e, const char *text, size_t len,
                                                    uint64_t *ret_revision,
                                                    struct enforcer_error *err) ENFORCER_CHECK;

/* -------------------------------------------------------------------------------------------------- looking around -- */

ENFORCER_API struct enforcer_str enforcer_rule_ptype(const struct enforcer_rule *rule);
ENFORCER_API size_t enforcer_rule_len(const struct enforcer_rule *rule);
/* Field `i` from 0, without the ptype; empty beyond the last. */
ENFORCER_API struct enforcer_str enforcer_rule_field(const struct enforcer_rule *rule, size_t i);
/* Writes the rule as one CSV line without its end ("p, alice, data1, read", quoted where needed) as snprintf does:
 * at most `cap` bytes with a NUL; returns the length without it. */
ENFORCER_API size_t enforcer_rule_print(const struct enforcer_rule *rule, char *out, size_t cap);

/* Visitors are called in policy order; returning false ends the walk. */
typedef bool (*enforcer_visit_rule_fn)(void *ctx, const struct enforcer_rule *rule);
typedef bool (*enforcer_visit_str_fn)(void *ctx, struct enforcer_str text);

/* Every rule of a ptype whose fields from `first` on equal `values` ("" fits anything); values_len 0: all. */
ENFORCER_API enum enforcer_status enforcer_rules(const struct enforcer_snapshot *s, const char *ptype,
                                                 size_t first, const struct enforcer_str *values,
                                                 size_t values_len, enforcer_visit_rule_fn visit, void *ctx,
                                                 struct enforcer_error *err) ENFORCER_CHECK;
ENFORCER_API bool enforcer_has(const struct enforcer_snapshot *s, const char *ptype,
                               const struct enforcer_str *fields, size_t fields_len);
/* Distinct values of one field, in order of first appearance (getAllSubjects: "p", 0). NOT_FOUND, NOMEM. */
ENFORCER_API enum enforcer_status enforcer_values(const struct enforcer_snapshot *s, const char *ptype,
                                                  size_t field, enforcer_visit_str_fn visit, void *ctx,
                                                  struct enforcer_error *err) ENFORCER_CHECK;
/* Direct roles of a name, direct members of a role. `ptype` NULL: "g". `domain` NULL: a model without domains. In the
 * TKE dialect an empty domain means `*`, here as in decisions. */
ENFORCER_API enum enforcer_status enforcer_roles_of(const struct enforcer_snapshot *s, const char *ptype,
                                                    struct enforcer_str name,
                                                    const struct enforcer_str *domain,
                                                    enforcer_visit_str_fn visit, void *ctx,
                                                    struct enforcer_error *err) ENFORCER_CHECK;
ENFORCER_API enum enforcer_status enforcer_members_of(const struct enforcer_snapshot *s, const char *ptype,
                                                      struct enforcer_str role,
                                                      const struct enforcer_str *domain,
                                                      enforcer_visit_str_fn visit, void *ctx,
                                                      struct enforcer_error *err) ENFORCER_CHECK;
/* Roles through roles of every role definition, nearest first; members through members. */
ENFORCER_API enum enforcer_status enforcer_implicit_roles(const struct enforcer_snapshot *s,
                                                          struct enforcer_str name,
                                                          const struct enforcer_str *domain,
                                                          enforcer_visit_str_fn visit, void *ctx,
                                                          struct enforcer_error *err) ENFORCER_CHECK;
ENFORCER_API enum enforcer_status enforcer_implicit_members(const struct enforcer_snapshot *s,
                                                            struct enforcer_str role,
                                                            const struct enforcer_str *domain,
                                                            enforcer_visit_str_fn visit, void *ctx,
                                                            struct enforcer_error *err) ENFORCER_CHECK;
/* Rules of section "p" whose subject is the user or one of its implicit roles; with a domain only those whose second
 * field is that domain, as casbin does (not in the TKE dialect, where p.dom is never consulted). */
ENFORCER_API enum enforcer_status enforcer_implicit_permissions(const struct enforcer_snapshot *s,
                                                                struct enforcer_str user,
                                                                const struct enforcer_str *domain,
                                                                enforcer_visit_rule_fn visit, void *ctx,
                                                                struct enforcer_error *err) ENFORCER_CHECK;
/* Who may: every subject of "p" and member of "g", roles left out, for whom enforce(user, values...) allows. */
ENFORCER_API enum enforcer_status enforcer_implicit_users_for(const struct enforcer_snapshot *s,
                                                              const struct enforcer_str *values,
                                                              size_t values_len, enforcer_visit_str_fn visit,
                                                              void *ctx,
                                                              struct enforcer_error *err) ENFORCER_CHECK;
/* Domains in which the name has a role or members; all domains (name NULL). */
ENFORCER_API enum enforcer_status enforcer_domains(const struct enforcer_snapshot *s,
                                                   const struct enforcer_str *name,
                                                   enforcer_visit_str_fn visit, void *ctx,
                                                   struct enforcer_error *err) ENFORCER_CHECK;

/* ------------------------------------------------------------------------------------------------------ functions -- */

/* The built-in matching functions by themselves: "keyMatch" ... "keyMatch5", "keyMatchCustom", "regexMatch",
 * "ipMatch", "globMatch". NOT_FOUND: no such function; EVAL: a pattern or address that is not one. */
ENFORCER_API enum enforcer_status enforcer_match(const char *function, struct enforcer_str value,
                                                 struct enforcer_str pattern, bool *ret,
                                                 struct enforcer_error *err) ENFORCER_CHECK;
/* Is this pattern of the TKE dialect well formed? INVALID: an empty segment ("/:"), a control character. *ret_suspicious
 * (may be NULL): well formed, but with characters that were regular-expression syntax in the old service
 * (.+?()[]{}|^$\) and are literal here. */
ENFORCER_API enum enforcer_status enforcer_tke_pattern_check(struct enforcer_str pattern,
                                                             bool *ret_suspicious,
                                                             struct enforcer_error *err) ENFORCER_CHECK;

#ifdef __cplusplus
}
#endif

#endif
