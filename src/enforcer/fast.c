#include "enforcer/decide.h"
#include "enforcer/fold.h"

/* The compiled way: candidates come from the index, the clauses that are left are asked one by one, without the
 * evaluator for the common shapes. */

enum { FOLD_ROOM = 384, SEEN = 64 };

struct fast {
    const struct enf_question *q;
    const struct enf_matcher *m;
    const struct enf_section *section;
    struct enf_scratch *scratch; /* of the whole question: folded values, walks */
    struct enf_scratch per_rule; /* emptied after every rule */
    struct enf_verdict *v;
    struct enforcer_error *err;
    enum enforcer_status status; /* what ends everything: NOMEM */
    struct enf_eval eval;
    struct enforcer_str folded[ENF_CLAUSES_MAX]; /* per clause: the value its pattern is matched with */
    /* The key being looked up; [0] is the role if there is one. */
    struct enforcer_str values[ENF_KEY_FIELDS_MAX];
    uint64_t hashes[ENF_KEY_FIELDS_MAX];
    struct enf_entry *seen[SEEN]; /* several paths lead to a role: its bucket is asked once */
    /* Roles met whose rules are still to be looked up, together. */
    struct {
        struct enforcer_str role;
        uint64_t hash;
        const struct enf_atom *atom;
    } waiting[ENF_HAMT_MANY];
    size_t waiting_len;
    uint64_t tag; /* of the value that the first check matches */
    char room[2][FOLD_ROOM];
};

static struct enforcer_str request_text(const struct enf_question *q, size_t field) {
    return q->request->values[field].u.string;
}

bool enf_question_compiled(const struct enf_question *q) {
    const struct enf_matcher *m = q->matcher;
    if (m->clauses_len == 0 || !m->indexed || (q->model->options.flags & ENFORCER_INTERPRET) ||
        &q->model->policies[m->p] != q->policy || &q->model->requests[m->r] != q->fields)
        return false;
    for (size_t i = 0; i < m->clauses_len; i++) {
        const struct enf_clause *c = &m->clauses[i];
        if (c->kind != ENF_CLAUSE_OTHER && q->request->values[c->r].kind != ENFORCER_STRING)
            return false;
        if (c->has_domain && q->request->values[c->d].kind != ENFORCER_STRING)
            return false;
    }
    return true;
}

/* Values of patterns that compare in lower case are folded once per request. */
static enum enforcer_status prepare(struct fast *f) {
    size_t rooms = 0;
    for (size_t i = 0; i < f->m->clauses_len; i++) {
        const struct enf_clause *c = &f->m->clauses[i];
        if (c->kind != ENF_CLAUSE_MATCH)
            continue;
        struct enforcer_str value = request_text(f->q, c->r);
        if (!enf_fn_folds(c->fn)) {
            f->folded[i] = value;
            continue;
        }
        char *out = rooms < ARRAY_LEN(f->room) && enf_fold_room(value.len) <= FOLD_ROOM
                        ? f->room[rooms++]
                        : enf_zone_alloc(&f->scratch->zone, enf_fold_room(value.len));
        if (out == NULL)
            return enf_nomem(f->err);
        f->folded[i] = enf_str(out, enf_fold(value, out));
    }
    f->tag = f->m->tagged ? enf_value_tag(f->folded[f->m->check[0]]) : 0;
    const struct enf_policy *p = f->q->policy;
    for (size_t k = 0; k < p->key_len; k++) {
        f->values[k] = request_text(f->q, f->m->key_r[k]);
        f->hashes[k] = enf_hash(&f->q->snapshot->owner->pool, f->values[k]);
    }
    return ENFORCER_OK;
}

static bool ask_role(struct fast *f, const struct enf_clause *c, const struct enforcer_rule *r, bool *ret) {
    const struct enf_atom *role = enf_rule_atom(r, c->p);
    struct enforcer_str domain = c->has_domain ? request_text(f->q, c->d) : enf_str("", 0);
    f->status = enf_eval_role(&f->eval, &f->q->model->groupings[c->grouping], c->r == f->m->program->subject,
                              request_text(f->q, c->r), role != NULL ? enf_atom_str(role) : enf_str("", 0),
                              c->has_domain ? &domain : NULL, ret);
    return f->status == ENFORCER_OK;
}

/* One clause the evaluator has to answer. The last one's value is the matcher's. */
static enum enforcer_status ask_other(struct fast *f, const struct enf_clause *c,
                                      const struct enforcer_rule *r, bool last, bool *ret) {
    struct enforcer_value value;
    f->eval.rule = r;
    enum enforcer_status rc = enf_eval(&f->eval, c->expr, &value);
    if (rc != ENFORCER_OK)
        return rc;
    *ret = enf_truthy(&value);
    return last || !*ret ? enf_eval_verdict(&value, ret, f->err) : ENFORCER_OK;
}

static enum enforcer_status ask(struct fast *f, size_t at, const struct enforcer_rule *r, bool *ret) {
    const struct enf_clause *c = &f->m->clauses[at];
    const struct enf_atom *a = enf_rule_atom(r, c->p);
    switch ((enum enf_clause_kind)c->kind) {
    case ENF_CLAUSE_EQUAL:
        *ret = a != NULL && enf_str_eq(enf_atom_str(a), request_text(f->q, c->r));
        return ENFORCER_OK;
    case ENF_CLAUSE_ROLE: (void)ask_role(f, c, r, ret); return f->status;
    case ENF_CLAUSE_MATCH:
        if (a == NULL) /* a field the rule does not have is "" to a function */
            return enf_match_once(c->fn, request_text(f->q, c->r), enf_str("", 0), &f->per_rule, ret, f->err);
        return enf_pattern_match(a->compiled[c->slot], f->folded[at], &f->per_rule, ret, f->err);
    case ENF_CLAUSE_OTHER: break;
    }
    return ask_other(f, c, r, at + 1 == f->m->clauses_len, ret);
}

/* False: nothing more to do. */
static bool ask_rule(struct fast *f, const struct enforcer_rule *r) {
    bool yes = true;
    enum enforcer_status rc = ENFORCER_OK;
    for (size_t i = 0; i < f->m->check_len && yes && rc == ENFORCER_OK; i++)
        rc = ask(f, f->m->check[i], r, &yes);
    if (rc == ENFORCER_NOMEM) {
        f->status = rc;
        return false;
    }
    if (rc != ENFORCER_OK)
        enf_verdict_error(f->v, f->q->snapshot, r, rc, f->err);
    else if (yes)
        enf_verdict_match(f->v, f->q->snapshot, r);
    f->status = ENFORCER_OK;
    enf_zone_reset(&f->per_rule.zone);
    return true;
}

static bool ask_bucket(struct fast *f, const struct enf_bucket *b) {
    struct enf_cursor c;
    enf_cursor_init(&c, b->rules);
    size_t tags = f->m->tagged ? b->tags_len : 0; /* all of a list that is one run, or none */
    for (;;) {
        size_t n = 0;
        void *const *run = enf_cursor_run(&c, &n);
        if (n == 0)
            return true;
        for (size_t i = 0; i < n; i++) {
            if (i < tags && enf_tag_excludes(b->tags[i], f->tag))
                continue;
            if (enf_verdict_past(f->v, run[i]))
                return true;
            if (!ask_rule(f, run[i]))
                return false;
        }
    }
}

/* Asks memory for a bucket's rules, and for the field that is looked at first. */
static void fetch_rules(const struct fast *f, const struct enf_bucket *b, bool fields) {
    struct enf_cursor c;
    size_t n = 0;
    enf_cursor_init(&c, b->rules);
    void *const *run = enf_cursor_run(&c, &n);
    size_t p = f->m->check_len > 0 ? f->m->clauses[f->m->check[0]].p : 0;
    size_t tags = f->m->tagged ? b->tags_len : 0;
    for (size_t i = 0; i < n; i++) {
        if (i < tags && enf_tag_excludes(b->tags[i], f->tag))
            continue;
        const struct enforcer_rule *r = run[i];
        __builtin_prefetch(fields ? (const void *)enf_rule_atom(r, p) : (const void *)r);
    }
}

/* The rules of the roles waiting. False: nothing more to do. */
static bool ask_waiting(struct fast *f) {
    const struct enf_policy *p = f->q->policy;
    struct enf_bucket_key keys[ENF_HAMT_MANY];
    const void *key_list[ENF_HAMT_MANY];
    uint64_t hashes[ENF_HAMT_MANY];
    struct enf_entry *found[ENF_HAMT_MANY];
    struct enforcer_str values[ENF_HAMT_MANY][ENF_KEY_FIELDS_MAX];
    const struct enf_atom *atoms[ENF_HAMT_MANY][ENF_KEY_FIELDS_MAX] = { { NULL } };
    size_t len = f->waiting_len, buckets = 0;
    if (len == 0)
        return true;
    f->waiting_len = 0;
    for (size_t i = 0; i < len; i++) {
        values[i][0] = f->waiting[i].role;
        atoms[i][0] = f->waiting[i].atom;
        hashes[i] = enf_bucket_hash(0, f->waiting[i].hash);
        for (size_t k = 1; k < p->key_len; k++) {
            values[i][k] = f->values[k];
            hashes[i] = enf_bucket_hash(hashes[i], f->hashes[k]);
        }
        keys[i] = (struct enf_bucket_key) { p->key_len, values[i], atoms[i] };
        key_list[i] = &keys[i];
    }
    enf_hamt_find_many(&f->section->index, &f->q->snapshot->owner->tables.bucket_ops, len, hashes, key_list,
                       found);
    for (size_t i = 0; i < len; i++) {
        if (found[i] == NULL)
            continue;
        struct enf_entry **seen = &f->seen[((uintptr_t)found[i] >> 4) % SEEN];
        if (*seen != found[i]) {
            found[buckets++] = *seen = found[i];
            __builtin_prefetch(((const struct enf_bucket *)found[i])->rules);
            __builtin_prefetch(((const struct enf_bucket *)found[i])->tags);
        }
    }
    for (int fields = 0; fields < 2; fields++)
        for (size_t i = 0; i < buckets; i++)
            fetch_rules(f, (const struct enf_bucket *)found[i], fields == 1);
    for (size_t i = 0; i < buckets; i++)
        if (!ask_bucket(f, (const struct enf_bucket *)found[i]))
            return false;
    return true;
}

/* A role (or the plain key) whose rules are candidates: visitor of enf_roles_each. */
static bool ask_key(void *ctx, struct enforcer_str role, uint64_t hash, const struct enf_atom *atom) {
    struct fast *f = ctx;
    f->waiting[f->waiting_len].role = role;
    f->waiting[f->waiting_len].hash = hash;
    f->waiting[f->waiting_len].atom = atom;
    return ++f->waiting_len < ENF_HAMT_MANY || ask_waiting(f);
}

static enum enforcer_status ask_roles(struct fast *f) {
    const struct enf_clause *c = &f->m->clauses[f->m->role_clause];
    const struct enf_grouping *g = &f->q->model->groupings[c->grouping];
    struct enforcer_str domain = c->has_domain ? request_text(f->q, c->d) : enf_str("", 0);
    bool others = c->r == f->m->program->subject, stopped = false;
    for (size_t i = 0; i < 1 + (others ? f->q->request->subjects_len : 0); i++) {
        struct enf_subject subject = { f->values[0], f->hashes[0] };
        if (i > 0) {
            subject.name = f->q->request->subjects[i - 1];
            subject.hash = enf_hash(&f->q->snapshot->owner->pool, subject.name);
        }
        enum enforcer_status rc = enf_roles_each(f->q->snapshot, g, &subject, c->has_domain ? &domain : NULL,
                                                 ask_key, f, f->scratch, &stopped, f->err);
        if (rc != ENFORCER_OK || stopped)
            return rc != ENFORCER_OK ? rc : f->status;
        /* What waits may be named by memory of this walk. */
        if (!ask_waiting(f))
            return f->status;
    }
    return ENFORCER_OK;
}

enum enforcer_status enf_decide_compiled(const struct enf_question *q, struct enf_scratch *scratch,
                                         struct enf_verdict *v, struct enforcer_error *err) {
    struct fast f;
    f.q = q;
    f.m = q->matcher;
    f.section = &q->snapshot->sections[q->section];
    f.scratch = scratch;
    f.per_rule = enf_scratch_for(scratch->mem, scratch->regex_steps);
    f.v = v;
    f.err = err;
    f.status = ENFORCER_OK;
    f.waiting_len = 0;
    f.eval = (struct enf_eval) { .snapshot = q->snapshot,
                                 .model = q->model,
                                 .request = q->request,
                                 .scratch = &f.per_rule,
                                 .err = err,
                                 .program = q->matcher->program };
    memset(f.seen, 0, sizeof f.seen);
    enum enforcer_status rc = prepare(&f);
    if (rc == ENFORCER_OK && q->policy->key_role)
        rc = ask_roles(&f);
    else if (rc == ENFORCER_OK)
        rc = ask_key(&f, f.values[0], f.hashes[0], NULL) && ask_waiting(&f) ? ENFORCER_OK : f.status;
    enf_scratch_done(&f.per_rule);
    return rc;
}
