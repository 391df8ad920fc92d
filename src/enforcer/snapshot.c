#include "enforcer/snapshot.h"
#include <unistd.h>

static size_t snapshot_size(size_t sections) {
    return sizeof(struct enforcer_snapshot) + sections * sizeof(struct enf_section);
}

static void drop_sections(struct enforcer *e, struct enf_section *sections) {
    for (size_t i = 0; i < enf_sections(&e->model); i++)
        enf_section_done(&e->tables, &sections[i], i >= e->model.policies_len);
}

static void snapshot_free(struct enforcer *e, struct enforcer_snapshot *s) {
    drop_sections(e, s->sections);
    enf_release(&e->mem, s, snapshot_size(s->sections_len));
}

const struct enforcer_snapshot *enf_current(const struct enforcer *e) {
    uint64_t word = atomic_load_explicit(&e->newest, memory_order_acquire);
    return atomic_load_explicit(&e->slots[word >> ENF_SLOT_SHIFT], memory_order_relaxed);
}

const struct enforcer_snapshot *enforcer_acquire(struct enforcer *e) {
    uint64_t word = atomic_fetch_add_explicit(&e->newest, 1, memory_order_acquire);
    return atomic_load_explicit(&e->slots[word >> ENF_SLOT_SHIFT], memory_order_relaxed);
}

void enforcer_release(struct enforcer *e, const struct enforcer_snapshot *snapshot) {
    /* The count is the one part of a snapshot that changes; nobody else may write through it. */
    struct enforcer_snapshot *s = atomic_load_explicit(&e->slots[snapshot->slot], memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&s->readers, 1, memory_order_acq_rel) == 1)
        atomic_store_explicit(&e->left_over, true, memory_order_release);
}

void enf_collect_locked(struct enforcer *e) {
    if (!atomic_exchange_explicit(&e->left_over, false, memory_order_acquire))
        return;
    for (size_t i = 0; i < ENF_SLOTS; i++) {
        struct enforcer_snapshot *s = atomic_load_explicit(&e->slots[i], memory_order_relaxed);
        if (s == NULL || atomic_load_explicit(&s->readers, memory_order_acquire) != 0)
            continue;
        atomic_store_explicit(&e->slots[i], NULL, memory_order_relaxed);
        snapshot_free(e, s);
    }
}

void enforcer_collect(struct enforcer *e) {
    if (!atomic_load_explicit(&e->left_over, memory_order_relaxed))
        return;
    pthread_mutex_lock(&e->writer);
    enf_collect_locked(e);
    pthread_mutex_unlock(&e->writer);
}

static uint32_t free_slot(struct enforcer *e) {
    for (uint32_t i = 0; i < ENF_SLOTS; i++)
        if (atomic_load_explicit(&e->slots[i], memory_order_relaxed) == NULL)
            return i;
    return ENF_SLOTS;
}

enum enforcer_status enf_publish(struct enforcer *e, struct enf_section *sections, size_t policy_rules,
                                 size_t grouping_rules, uint64_t *ret_revision, struct enforcer_error *err) {
    enf_collect_locked(e);
    size_t n = enf_sections(&e->model);
    uint32_t slot = free_slot(e);
    struct enforcer_snapshot *s = slot < ENF_SLOTS ? enf_alloc(&e->mem, snapshot_size(n)) : NULL;
    if (s == NULL) {
        drop_sections(e, sections);
        return slot < ENF_SLOTS
                   ? enf_nomem(err)
                   : enf_fail(err, ENFORCER_LIMIT, 0, 0, "%d snapshots are still in use", ENF_SLOTS);
    }
    const struct enforcer_snapshot *before = enf_current(e);
    s->owner = e;
    s->revision = before != NULL ? before->revision + 1 : 0;
    s->policy_rules = policy_rules;
    s->grouping_rules = grouping_rules;
    s->slot = slot;
    s->sections_len = (uint32_t)n;
    memcpy(s->sections, sections, n * sizeof *sections);
    atomic_init(&s->readers, ENF_PUBLISHED);
    atomic_store_explicit(&e->slots[slot], s, memory_order_relaxed);
    uint64_t old = atomic_exchange_explicit(&e->newest, (uint64_t)slot << ENF_SLOT_SHIFT,
                                            memory_order_acq_rel);
    if (before != NULL) {
        struct enforcer_snapshot *was = atomic_load_explicit(&e->slots[old >> ENF_SLOT_SHIFT],
                                                             memory_order_relaxed);
        int64_t acquired = (int64_t)(old & ((UINT64_C(1) << ENF_SLOT_SHIFT) - 1));
        int64_t add = acquired - ENF_PUBLISHED;
        if (atomic_fetch_add_explicit(&was->readers, add, memory_order_acq_rel) + add == 0) {
            atomic_store_explicit(&e->slots[was->slot], NULL, memory_order_relaxed);
            snapshot_free(e, was);
        }
    }
    if (ret_revision != NULL)
        *ret_revision = s->revision;
    return ENFORCER_OK;
}

/* ---------------------------------------------------------------------------------------------------- lifetime -- */

static enum enforcer_status compile_eval(void *ctx, struct enforcer_str text, struct enf_program **ret,
                                         struct enforcer_error *err) {
    struct enf_parse parse = { .model = ctx, .source = { .text = text }, .in_eval = true, .counted = true };
    return enf_parse_program(&parse, ret, err);
}

static void draw_hash_key(struct enforcer *e) {
    const uint64_t *given = e->model.options.hash_key;
    memcpy(e->pool.hash_key, given, sizeof e->pool.hash_key);
    /* Without entropy the address still differs between processes; an attacker then needs to know it. */
    if (given[0] == 0 && given[1] == 0 && getentropy(e->pool.hash_key, sizeof e->pool.hash_key) != 0)
        e->pool.hash_key[0] = (uint64_t)(uintptr_t)e;
}

static enum enforcer_status set_up(struct enforcer *e, struct enforcer_str model,
                                   const struct enforcer_options *options, struct enforcer_error *err) {
    enum enforcer_status rc = enf_model_parse(&e->model, &e->mem, model, options, err);
    if (rc != ENFORCER_OK)
        return rc;
    e->pool = (struct enf_pool) { .mem = &e->mem,
                                  .uses = e->model.uses,
                                  .compile_eval = compile_eval,
                                  .free_program = enf_program_free,
                                  .eval_ctx = &e->model };
    draw_hash_key(e);
    enf_tables_init(&e->tables, &e->pool, &e->model);
    rc = enf_atom_get(&e->pool, enforcer_cstr("casbin::default"), 0, &e->tables.default_domain, err);
    if (rc != ENFORCER_OK)
        return rc;
    if (pthread_mutex_init(&e->writer, NULL) != 0)
        return enf_nomem(err);
    e->writer_ready = true;
    struct enf_section empty[2 * ENF_DEFINITIONS_MAX] = { { .all = NULL } };
    return enf_publish(e, empty, 0, 0, NULL, err);
}

struct enforcer *enforcer_new(const char *model, size_t model_len, const struct enforcer_options *options,
                              struct enforcer_error *err) {
    struct enf_mem mem;
    enf_mem_init(&mem, options != NULL ? options->allocator : NULL);
    size_t size = (sizeof(struct enforcer) + 63) & ~(size_t)63;
    /* Room to align by hand: the allocator's blocks are aligned for ordinary types only. */
    char *block = enf_alloc(&mem, size + 64);
    if (block == NULL) {
        (void)enf_nomem(err);
        return NULL;
    }
    struct enforcer *e = (struct enforcer *)(void *)(block + 64 - (uintptr_t)block % 64);
    ((uint8_t *)e)[-1] = (uint8_t)(64 - (uintptr_t)block % 64);
    enf_mem_init(&e->mem, options != NULL ? options->allocator : NULL);
    atomic_store(&e->mem.bytes, atomic_load(&mem.bytes));
    if (set_up(e, enf_str(model, model_len), options, err) != ENFORCER_OK) {
        enforcer_free(e);
        return NULL;
    }
    return e;
}

void enforcer_free(struct enforcer *e) {
    if (e == NULL)
        return;
    for (size_t i = 0; i < ENF_SLOTS; i++) {
        struct enforcer_snapshot *s = atomic_load_explicit(&e->slots[i], memory_order_acquire);
        if (s != NULL)
            snapshot_free(e, s);
    }
    if (e->pool.mem != NULL) {
        enf_atom_unref(&e->pool, e->tables.default_domain);
        enf_pool_done(&e->pool);
    }
    enf_model_done(&e->model);
    if (e->writer_ready)
        pthread_mutex_destroy(&e->writer);
    const struct enforcer_allocator allocator = e->mem.allocator;
    allocator.release(allocator.ctx, (char *)e - ((uint8_t *)e)[-1]);
}

uint64_t enforcer_revision(const struct enforcer_snapshot *s) { return s->revision; }

void enforcer_stats(struct enforcer *e, const struct enforcer_snapshot *s, struct enforcer_stats *ret) {
    const struct enf_matcher *m = enf_matcher_find(&e->model, 1);
    *ret = (struct enforcer_stats) {
        .policy_rules = s->policy_rules,
        .grouping_rules = s->grouping_rules,
        .bytes = atomic_load_explicit(&e->mem.bytes, memory_order_relaxed),
        .compiled = m != NULL && m->indexed && !(e->model.options.flags & ENFORCER_INTERPRET),
    };
    for (size_t i = 0; i < ENF_SLOTS; i++)
        ret->snapshots += atomic_load_explicit(&e->slots[i], memory_order_relaxed) != NULL;
}
