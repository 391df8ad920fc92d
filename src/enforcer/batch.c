#include "enforcer/batch.h"

enum enforcer_status enforcer_batch_begin(struct enforcer *e, struct enforcer_batch **ret,
                                          struct enforcer_error *err) {
    pthread_mutex_lock(&e->writer);
    struct enforcer_batch *b = enf_alloc(&e->mem, sizeof *b);
    if (b == NULL) {
        pthread_mutex_unlock(&e->writer);
        return enf_nomem(err);
    }
    const struct enforcer_snapshot *now = enf_current(e);
    b->owner = e;
    b->policy_rules = now->policy_rules;
    b->grouping_rules = now->grouping_rules;
    for (size_t i = 0; i < now->sections_len; i++) {
        b->sections[i] = now->sections[i];
        enf_section_ref(&b->sections[i]);
    }
    *ret = b;
    return ENFORCER_OK;
}

static void batch_end(struct enforcer_batch *b) {
    struct enforcer *e = b->owner;
    enf_dirty_done(&e->pool, &b->dirty);
    enf_release(&e->mem, b, sizeof *b);
    enf_collect_locked(e);
    pthread_mutex_unlock(&e->writer);
}

void enforcer_batch_abort(struct enforcer_batch *b) {
    if (b == NULL)
        return;
    struct enforcer *e = b->owner;
    for (size_t i = 0; i < enf_sections(&e->model); i++)
        enf_section_done(&e->tables, &b->sections[i], i >= e->model.policies_len);
    batch_end(b);
}

enum enforcer_status enforcer_batch_commit(struct enforcer_batch *b, uint64_t *ret_revision,
                                           struct enforcer_error *err) {
    struct enforcer *e = b->owner;
    enum enforcer_status rc = b->failed;
    if (rc == ENFORCER_OK && b->dirty.len > 0 &&
        !enf_closures_update(&e->tables, &b->sections[e->model.policies_len], &b->dirty))
        rc = ENFORCER_NOMEM;
    if (rc != ENFORCER_OK || !b->changed) {
        if (rc == ENFORCER_NOMEM)
            (void)enf_nomem(err);
        else if (rc != ENFORCER_OK)
            (void)enf_fail(err, rc, 0, 0, "the batch failed before");
        else if (ret_revision != NULL)
            *ret_revision = enf_current(e)->revision;
        enforcer_batch_abort(b);
        return rc;
    }
    rc = enf_publish(e, b->sections, b->policy_rules, b->grouping_rules, ret_revision, err);
    batch_end(b);
    return rc;
}

enum enforcer_status enf_batch_section(const struct enforcer_batch *b, struct enforcer_str ptype,
                                       uint16_t *ret, struct enforcer_error *err) {
    int section = enf_section_find(&b->owner->model, ptype);
    if (section < 0)
        return enf_fail(err, ENFORCER_NOT_FOUND, 0, 0, "the model has no definition \"%.*s\"",
                        ENF_FMT(ptype));
    *ret = (uint16_t)section;
    return ENFORCER_OK;
}

/* ------------------------------------------------------------------------------------------------- making rules -- */

static enum enforcer_status check_tke(const struct enf_policy *p, const struct enforcer_str *fields,
                                      size_t len, struct enforcer_error *err) {
    if (len != p->fields.len)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "%s has %zu fields, the rule %zu", p->fields.name,
                        p->fields.len, len);
    if (p->eft < 0)
        return ENFORCER_OK;
    struct enforcer_str eft = fields[p->eft];
    if (!enf_str_is(eft, "allow") && !enf_str_is(eft, "deny"))
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "effect \"%.*s\" is neither allow nor deny",
                        ENF_FMT(eft));
    return ENFORCER_OK;
}

static enum enforcer_status check_fields(const struct enforcer_batch *b, uint16_t section,
                                         const struct enforcer_str *fields, size_t len,
                                         struct enforcer_error *err) {
    const struct enf_model *m = &b->owner->model;
    bool policy = section < m->policies_len;
    size_t least = policy ? 1 : m->groupings[section - m->policies_len].arity;
    if (len < least || len > ENF_FIELDS_MAX)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "a rule of %zu fields, %zu needed", len, least);
    for (size_t i = 0; i < len; i++)
        if (fields[i].len > m->options.field_max)
            return enf_fail(err, ENFORCER_LIMIT, 0, 0, "a field of %zu bytes", fields[i].len);
    if (b->policy_rules + b->grouping_rules >= m->options.rules_max)
        return enf_fail(err, ENFORCER_LIMIT, 0, 0, "more than %zu rules", m->options.rules_max);
    if (policy && m->tke)
        return check_tke(&m->policies[section], fields, len, err);
    if (!policy && m->tke && len != 3)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "a link has 3 fields, the rule %zu", len);
    return ENFORCER_OK;
}

/* Optional sign, digits. */
static enum enforcer_status parse_priority(struct enforcer_str text, int64_t *ret,
                                           struct enforcer_error *err) {
    bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t i = negative;
    int64_t n = 0;
    for (; i < text.len && i < 18 && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        n = n * 10 + (text.ptr[i] - '0');
    if (i < text.len || i == negative)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "priority \"%.*s\" is not a whole number",
                        ENF_FMT(text));
    *ret = negative ? -n : n;
    return ENFORCER_OK;
}

static enum enforcer_status rule_attributes(const struct enf_model *m, struct enforcer_rule *r,
                                            struct enforcer_error *err) {
    if (r->section >= m->policies_len) {
        r->ptype = m->groupings[r->section - m->policies_len].name;
        return ENFORCER_OK;
    }
    const struct enf_policy *p = &m->policies[r->section];
    r->ptype = p->fields.name;
    const struct enf_atom *eft = p->eft >= 0 ? enf_rule_atom(r, (size_t)p->eft) : NULL;
    /* Without an effect a rule allows. */
    if (eft != NULL && eft->len > 0 && !enf_str_is(enf_atom_str(eft), "allow"))
        r->entry.tag = enf_str_is(enf_atom_str(eft), "deny") ? 1 : 2;
    const struct enf_atom *priority = p->priority >= 0 ? enf_rule_atom(r, (size_t)p->priority) : NULL;
    return priority != NULL ? parse_priority(enf_atom_str(priority), &r->priority, err) : ENFORCER_OK;
}

static enum enforcer_status make_rule(struct enforcer *e, const struct enf_rule_key *key, uint64_t hash,
                                      struct enforcer_rule **ret, struct enforcer_error *err) {
    const struct enf_model *m = &e->model;
    struct enforcer_rule *r = enf_alloc(&e->mem, sizeof *r + key->len * sizeof(struct enf_atom *));
    if (r == NULL)
        return enf_nomem(err);
    r->entry = (struct enf_entry) { 1, 0, hash };
    r->section = key->section;
    r->len = (uint16_t)key->len;
    enum enforcer_status rc = ENFORCER_OK;
    for (size_t i = 0; i < key->len && rc == ENFORCER_OK; i++) {
        const struct enf_policy *p = key->section < m->policies_len ? &m->policies[key->section] : NULL;
        uint16_t use = p != NULL && i < p->fields.len ? p->uses[i] : 0;
        rc = enf_atom_get(&e->pool, key->fields[i], use, &r->fields[i], err);
        e->bad_field = rc == ENFORCER_OK ? SIZE_MAX : i;
    }
    if (rc == ENFORCER_OK)
        rc = rule_attributes(m, r, err);
    if (rc != ENFORCER_OK) {
        enf_rule_unref(&e->pool, r);
        return rc;
    }
    *ret = r;
    return ENFORCER_OK;
}

/* ------------------------------------------------------------------------------------------------------ editing -- */

struct set_edit {
    struct enforcer *e;
    const struct enf_rule_key *key;
    uint64_t hash;
    struct enforcer_error *err;
    struct enforcer_rule *rule; /* added, or removed (counted for the caller) */
    enum enforcer_status status;
};

static bool edit_add(void *ctx, struct enf_entry *old, bool own, struct enf_entry **ret) {
    struct set_edit *x = ctx;
    (void)own;
    *ret = old;
    if (old != NULL)
        return true;
    x->status = make_rule(x->e, x->key, x->hash, &x->rule, x->err);
    if (x->status != ENFORCER_OK)
        return x->status != ENFORCER_NOMEM; /* a bad rule is simply not added */
    enf_rule_ref(x->rule);
    *ret = &x->rule->entry;
    return true;
}

static bool edit_remove(void *ctx, struct enf_entry *old, bool own, struct enf_entry **ret) {
    struct set_edit *x = ctx;
    (void)own;
    *ret = NULL;
    if (old != NULL) {
        x->rule = (struct enforcer_rule *)old;
        enf_rule_ref(x->rule);
    }
    return true;
}

static enum enforcer_status batch_failed(struct enforcer_batch *b, struct enforcer_error *err) {
    b->failed = ENFORCER_NOMEM;
    return enf_nomem(err);
}

static enum enforcer_status usable(const struct enforcer_batch *b, struct enforcer_error *err) {
    if (b->failed == ENFORCER_OK)
        return ENFORCER_OK;
    return enf_fail(err, b->failed, 0, 0, "the batch failed before");
}

static void count_rule(struct enforcer_batch *b, uint16_t section, size_t by) {
    *(section < b->owner->model.policies_len ? &b->policy_rules : &b->grouping_rules) += by;
    b->changed = true;
}

static bool edit_set(struct enforcer_batch *b, struct set_edit *x, enf_hamt_edit_fn fn) {
    struct enforcer *e = b->owner;
    return enf_hamt_edit(&e->mem, &b->sections[x->key->section].rules, &e->tables.rule_ops, x->hash, x->key,
                         fn, x);
}

/* `seq` 0: the next one. */
static enum enforcer_status add_at(struct enforcer_batch *b, const struct enf_rule_key *key, uint64_t seq,
                                   bool *ret_changed, struct enforcer_error *err) {
    struct enforcer *e = b->owner;
    struct set_edit x = { .e = e, .key = key, .hash = enf_rule_hash(&e->pool, key), .err = err };
    *ret_changed = false;
    bool ok = edit_set(b, &x, edit_add);
    if (ok && (x.status != ENFORCER_OK || x.rule == NULL))
        return x.status;
    if (ok) {
        x.rule->seq = seq != 0 ? seq : ++e->next_seq;
        ok = enf_section_add(&e->tables, &b->sections[key->section], x.rule, &b->dirty);
    }
    enf_rule_unref(&e->pool, x.rule);
    if (!ok)
        return batch_failed(b, err);
    count_rule(b, key->section, 1);
    *ret_changed = true;
    return ENFORCER_OK;
}

enum enforcer_status enf_batch_add(struct enforcer_batch *b, uint16_t section,
                                   const struct enforcer_str *fields, size_t len, bool *ret_changed,
                                   struct enforcer_error *err) {
    struct enf_rule_key key = { section, fields, len };
    bool ignored = false;
    b->owner->bad_field = SIZE_MAX;
    enum enforcer_status rc = usable(b, err);
    if (rc == ENFORCER_OK)
        rc = check_fields(b, section, fields, len, err);
    return rc != ENFORCER_OK ? rc : add_at(b, &key, 0, ret_changed != NULL ? ret_changed : &ignored, err);
}

enum enforcer_status enforcer_batch_add(struct enforcer_batch *b, const char *ptype,
                                        const struct enforcer_str *fields, size_t fields_len,
                                        bool *ret_changed, struct enforcer_error *err) {
    uint16_t section = 0;
    enum enforcer_status rc = enf_batch_section(b, enforcer_cstr(ptype), &section, err);
    return rc != ENFORCER_OK ? rc : enf_batch_add(b, section, fields, fields_len, ret_changed, err);
}

/* *ret_seq: where the rule stood, 0 if there was none. */
static enum enforcer_status remove_at(struct enforcer_batch *b, const struct enf_rule_key *key,
                                      uint64_t *ret_seq, struct enforcer_error *err) {
    struct enforcer *e = b->owner;
    struct set_edit x = { .e = e, .key = key, .hash = enf_rule_hash(&e->pool, key), .err = err };
    *ret_seq = 0;
    bool ok = edit_set(b, &x, edit_remove);
    if (ok && x.rule == NULL)
        return ENFORCER_OK;
    if (ok) {
        *ret_seq = x.rule->seq;
        ok = enf_section_remove(&e->tables, &b->sections[key->section], x.rule, &b->dirty);
    }
    enf_rule_unref(&e->pool, x.rule);
    if (!ok)
        return batch_failed(b, err);
    count_rule(b, key->section, (size_t)-1);
    return ENFORCER_OK;
}

enum enforcer_status enforcer_batch_remove(struct enforcer_batch *b, const char *ptype,
                                           const struct enforcer_str *fields, size_t fields_len,
                                           bool *ret_changed, struct enforcer_error *err) {
    struct enf_rule_key key = { 0, fields, fields_len };
    uint64_t seq = 0;
    enum enforcer_status rc = usable(b, err);
    if (rc == ENFORCER_OK)
        rc = enf_batch_section(b, enforcer_cstr(ptype), &key.section, err);
    if (rc == ENFORCER_OK)
        rc = remove_at(b, &key, &seq, err);
    if (ret_changed != NULL)
        *ret_changed = rc == ENFORCER_OK && seq != 0;
    return rc;
}

static bool batch_has(const struct enforcer_batch *b, const struct enf_rule_key *key) {
    return enf_hamt_find(&b->sections[key->section].rules, &b->owner->tables.rule_ops,
                         enf_rule_hash(&b->owner->pool, key), key) != NULL;
}

enum enforcer_status enforcer_batch_update(struct enforcer_batch *b, const char *ptype,
                                           const struct enforcer_str *old_fields, size_t old_len,
                                           const struct enforcer_str *new_fields, size_t new_len,
                                           bool *ret_changed, struct enforcer_error *err) {
    bool ignored = false;
    struct enf_rule_key was = { 0, old_fields, old_len }, now = { 0, new_fields, new_len };
    b->owner->bad_field = SIZE_MAX;
    ret_changed = ret_changed != NULL ? ret_changed : &ignored;
    *ret_changed = false;
    enum enforcer_status rc = usable(b, err);
    if (rc == ENFORCER_OK)
        rc = enf_batch_section(b, enforcer_cstr(ptype), &was.section, err);
    now.section = was.section;
    if (rc == ENFORCER_OK)
        rc = check_fields(b, now.section, new_fields, new_len, err);
    if (rc != ENFORCER_OK || !batch_has(b, &was) || batch_has(b, &now))
        return rc;
    /* The new rule is made first, so that a bad one leaves the old one in place. */
    struct enforcer_rule *probe = NULL;
    rc = make_rule(b->owner, &now, 0, &probe, err);
    if (rc != ENFORCER_OK)
        return rc;
    enf_rule_unref(&b->owner->pool, probe);
    uint64_t seq = 0;
    rc = remove_at(b, &was, &seq, err);
    return rc != ENFORCER_OK ? rc : add_at(b, &now, seq, ret_changed, err);
}

static bool fits(const struct enforcer_rule *r, size_t first, const struct enforcer_str *values, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (values[i].len > 0 && !enf_str_eq(enforcer_rule_field(r, first + i), values[i]))
            return false;
    return true;
}

static enum enforcer_status remove_rule(struct enforcer_batch *b, const struct enforcer_rule *r,
                                        struct enforcer_error *err) {
    struct enforcer_str fields[ENF_FIELDS_MAX];
    for (uint16_t i = 0; i < r->len; i++)
        fields[i] = enf_atom_str(r->fields[i]);
    struct enf_rule_key key = { r->section, fields, r->len };
    uint64_t seq = 0;
    return remove_at(b, &key, &seq, err);
}

/* Removes what fits from a list that is held meanwhile: edits copy what they share with it. */
static enum enforcer_status remove_from(struct enforcer_batch *b, struct enf_list *list, size_t first,
                                        const struct enforcer_str *values, size_t len, size_t *removed,
                                        struct enforcer_error *err) {
    enum enforcer_status rc = ENFORCER_OK;
    struct enf_cursor c;
    enf_list_ref(list);
    enf_cursor_init(&c, list);
    for (const struct enforcer_rule *r; rc == ENFORCER_OK && (r = enf_cursor_next(&c)) != NULL;) {
        if (!fits(r, first, values, len))
            continue;
        rc = remove_rule(b, r, err);
        *removed += rc == ENFORCER_OK;
    }
    enf_list_unref(&b->owner->pool, list);
    return rc;
}

/* The list in which every fitting rule is: a bucket, if the filter names the index's only field. */
static struct enf_list *narrowest(const struct enforcer_batch *b, uint16_t section, size_t first,
                                  const struct enforcer_str *values, size_t len) {
    const struct enforcer *e = b->owner;
    const struct enf_section *s = &b->sections[section];
    const struct enf_policy *p = section < e->model.policies_len ? &e->model.policies[section] : NULL;
    if (p == NULL || p->key_len != 1 || p->key[0] < first || p->key[0] >= first + len ||
        values[p->key[0] - first].len == 0)
        return s->all;
    struct enforcer_str value = values[p->key[0] - first];
    const struct enf_atom *none = NULL;
    struct enf_bucket_key key = { 1, &value, &none };
    const struct enf_bucket *bucket = enf_bucket_find(&e->tables, s,
                                                      enf_bucket_hash(0, enf_hash(&e->pool, value)), &key);
    return bucket != NULL ? bucket->rules : NULL;
}

struct collector {
    struct enforcer_batch *b;
    size_t field, first, len; /* node's name is field 0 (out) or 1 (in) */
    const struct enforcer_str *values;
    size_t *removed;
    struct enforcer_error *err;
    enum enforcer_status status;
};

static bool remove_links_in(void *ctx, struct enf_entry *entry) {
    struct collector *x = ctx;
    const struct enforcer *e = x->b->owner;
    struct enf_section *s = &x->b->sections[e->model.policies_len];
    const struct enf_atom *domain = ((const struct enf_domain *)entry)->name;
    struct enforcer_str name = x->values[x->field - x->first];
    struct enf_node_key key = { .domain_atom = domain, .name = name };
    const struct enf_node *n = enf_node_find(&e->tables, s,
                                             enf_node_hash(domain->hash, enf_hash(&e->pool, name)), &key);
    if (n == NULL)
        return true;
    struct enf_list *lists[2] = { x->field == 0 ? n->out : n->in_leaf, x->field == 0 ? NULL : n->in_inner };
    enf_list_ref(lists[1]); /* the node goes with its last link */
    x->status = remove_from(x->b, lists[0], x->first, x->values, x->len, x->removed, x->err);
    if (x->status == ENFORCER_OK)
        x->status = remove_from(x->b, lists[1], x->first, x->values, x->len, x->removed, x->err);
    enf_list_unref(&x->b->owner->pool, lists[1]);
    return x->status == ENFORCER_OK;
}

/* Links of the first role definition by one of their names: through the nodes, domain by domain. */
static enum enforcer_status remove_links(struct enforcer_batch *b, size_t first,
                                         const struct enforcer_str *values, size_t len, size_t *removed,
                                         struct enforcer_error *err) {
    size_t field = first == 0 && values[0].len > 0 ? 0 : 1;
    struct collector x = { b, field, first, len, values, removed, err, ENFORCER_OK };
    struct enf_hamt domains = b->sections[b->owner->model.policies_len].domains;
    enf_hamt_ref(&domains); /* edits change the batch's own root */
    (void)enf_hamt_each(&domains, remove_links_in, &x);
    enf_hamt_done(&b->owner->mem, &domains, &b->owner->tables.domain_ops);
    return x.status;
}

enum enforcer_status enforcer_batch_remove_filtered(struct enforcer_batch *b, const char *ptype, size_t first,
                                                    const struct enforcer_str *values, size_t values_len,
                                                    size_t *ret_removed, struct enforcer_error *err) {
    size_t removed = 0;
    uint16_t section = 0;
    enum enforcer_status rc = usable(b, err);
    if (rc == ENFORCER_OK)
        rc = enf_batch_section(b, enforcer_cstr(ptype), &section, err);
    if (rc != ENFORCER_OK || values_len == 0)
        return rc;
    bool by_name = section == b->owner->model.policies_len &&
                   ((first == 0 && (values[0].len > 0 || (values_len > 1 && values[1].len > 0))) ||
                    (first == 1 && values[0].len > 0));
    rc = by_name ? remove_links(b, first, values, values_len, &removed, err)
                 : remove_from(b, narrowest(b, section, first, values, values_len), first, values, values_len,
                               &removed, err);
    if (ret_removed != NULL)
        *ret_removed = removed;
    return rc;
}

enum enforcer_status enforcer_batch_clear(struct enforcer_batch *b, const char *ptype,
                                          struct enforcer_error *err) {
    struct enforcer *e = b->owner;
    uint16_t only = 0;
    enum enforcer_status rc = usable(b, err);
    if (rc == ENFORCER_OK && ptype != NULL)
        rc = enf_batch_section(b, enforcer_cstr(ptype), &only, err);
    if (rc != ENFORCER_OK)
        return rc;
    for (size_t i = 0; i < enf_sections(&e->model); i++) {
        if (ptype != NULL && i != only)
            continue;
        bool grouping = i >= e->model.policies_len;
        size_t n = b->sections[i].rules.len;
        *(grouping ? &b->grouping_rules : &b->policy_rules) -= n;
        b->changed |= n > 0;
        enf_section_done(&e->tables, &b->sections[i], grouping);
    }
    return ENFORCER_OK;
}

/* ------------------------------------------------------------------------------------------------------- roles -- */

static enum enforcer_status delete_name(struct enforcer_batch *b, struct enforcer_str name, bool as_role,
                                        size_t *ret_removed, struct enforcer_error *err) {
    const struct enf_model *m = &b->owner->model;
    size_t total = 0, n = 0;
    enum enforcer_status rc = ENFORCER_OK;
    if (name.len == 0)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "a name must not be empty");
    if (m->groupings_len > 0) {
        rc = enforcer_batch_remove_filtered(b, m->groupings[0].name, 0, &name, 1, &n, err);
        total += n;
        n = 0;
        if (rc == ENFORCER_OK && as_role)
            rc = enforcer_batch_remove_filtered(b, m->groupings[0].name, 1, &name, 1, &n, err);
        total += n;
        n = 0;
    }
    if (rc == ENFORCER_OK && m->policies[0].sub >= 0)
        rc = enforcer_batch_remove_filtered(b, m->policies[0].fields.name, (size_t)m->policies[0].sub, &name,
                                            1, &n, err);
    if (ret_removed != NULL)
        *ret_removed = total + n;
    return rc;
}

enum enforcer_status enforcer_batch_delete_user(struct enforcer_batch *b, struct enforcer_str user,
                                                size_t *ret_removed, struct enforcer_error *err) {
    return delete_name(b, user, false, ret_removed, err);
}

enum enforcer_status enforcer_batch_delete_role(struct enforcer_batch *b, struct enforcer_str role,
                                                size_t *ret_removed, struct enforcer_error *err) {
    return delete_name(b, role, true, ret_removed, err);
}

enum enforcer_status enforcer_batch_add_role(struct enforcer_batch *b, struct enforcer_str user,
                                             struct enforcer_str role, const struct enforcer_str *domain,
                                             bool *ret_changed, struct enforcer_error *err) {
    struct enforcer_str fields[3] = { user, role, domain != NULL ? *domain : enf_str("", 0) };
    return enforcer_batch_add(b, "g", fields, domain != NULL ? 3 : 2, ret_changed, err);
}

enum enforcer_status enforcer_batch_remove_role(struct enforcer_batch *b, struct enforcer_str user,
                                                struct enforcer_str role, const struct enforcer_str *domain,
                                                bool *ret_changed, struct enforcer_error *err) {
    struct enforcer_str fields[3] = { user, role, domain != NULL ? *domain : enf_str("", 0) };
    return enforcer_batch_remove(b, "g", fields, domain != NULL ? 3 : 2, ret_changed, err);
}

/* ---------------------------------------------------------------------------------------------------- one call -- */

static enum enforcer_status one_change(struct enforcer *e, const char *ptype,
                                       const struct enforcer_str *fields, size_t len, bool add,
                                       bool *ret_changed, struct enforcer_error *err) {
    struct enforcer_batch *b = NULL;
    enum enforcer_status rc = enforcer_batch_begin(e, &b, err);
    if (rc != ENFORCER_OK)
        return rc;
    rc = add ? enforcer_batch_add(b, ptype, fields, len, ret_changed, err)
             : enforcer_batch_remove(b, ptype, fields, len, ret_changed, err);
    if (rc == ENFORCER_OK)
        return enforcer_batch_commit(b, NULL, err);
    enforcer_batch_abort(b);
    return rc;
}

enum enforcer_status enforcer_add(struct enforcer *e, const char *ptype, const struct enforcer_str *fields,
                                  size_t fields_len, bool *ret_changed, struct enforcer_error *err) {
    return one_change(e, ptype, fields, fields_len, true, ret_changed, err);
}

enum enforcer_status enforcer_remove(struct enforcer *e, const char *ptype, const struct enforcer_str *fields,
                                     size_t fields_len, bool *ret_changed, struct enforcer_error *err) {
    return one_change(e, ptype, fields, fields_len, false, ret_changed, err);
}

enum enforcer_status enforcer_load_csv(struct enforcer *e, const char *text, size_t len,
                                       uint64_t *ret_revision, struct enforcer_error *err) {
    struct enforcer_batch *b = NULL;
    enum enforcer_status rc = enforcer_batch_begin(e, &b, err);
    if (rc != ENFORCER_OK)
        return rc;
    rc = enforcer_batch_clear(b, NULL, err);
    if (rc == ENFORCER_OK)
        rc = enforcer_batch_csv(b, text, len, err);
    if (rc == ENFORCER_OK)
        return enforcer_batch_commit(b, ret_revision, err);
    enforcer_batch_abort(b);
    return rc;
}
