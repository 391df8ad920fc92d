/* The persistent table by itself: hashes that collide on purpose, versions that must not change, memory that runs out. */
#include "enforcer/hamt.h"
#include "unit/enforcer/helper.h"

enum { KEYS = 64, VERSIONS = 8 };

struct item {
    struct enf_entry entry;
    int key;
};

static size_t calls_, fail_at_;

static void *reallocate(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    return fail_at_ != 0 && ++calls_ == fail_at_ ? NULL : realloc(ptr, size ? size : 1);
}

static void release(void *ctx, void *ptr) {
    (void)ctx;
    free(ptr);
}

static bool item_equal(const struct enf_entry *entry, const void *key) {
    return ((const struct item *)entry)->key == *(const int *)key;
}
static void item_free(struct enf_mem *m, struct enf_entry *entry, void *ctx) {
    (void)ctx;
    enf_release(m, entry, sizeof(struct item));
}
static const struct enf_hamt_ops ops = { item_equal, item_free, NULL };

/* Few distinct chunks, far apart: long common prefixes, and some keys with the very same hash. */
static uint64_t hash_of(int key) {
    uint64_t h = 0;
    for (int level = 0; level < 13; level++)
        h |= (uint64_t)(key >> (level % 3) & 1) << (level * 5);
    return key % 7 == 0 ? 5 : h;
}

struct edit {
    struct enf_mem *mem;
    int key;
    bool add;
};

static bool edit_item(void *ctx, struct enf_entry *old, bool own, struct enf_entry **ret) {
    struct edit *x = ctx;
    (void)own;
    *ret = NULL;
    if (!x->add)
        return true;
    if (old != NULL) {
        *ret = old;
        return true;
    }
    struct item *fresh = enf_alloc(x->mem, sizeof *fresh);
    if (fresh == NULL)
        return false;
    *fresh = (struct item) { { 1, 0, hash_of(x->key) }, x->key };
    *ret = &fresh->entry;
    return true;
}

static void check(const struct enf_hamt *h, uint64_t wanted) {
    size_t n = 0;
    for (int k = 0; k < KEYS; k += 4) {
        int keys[4] = { k, k + 1, k + 2, k + 3 };
        const void *list[4] = { &keys[0], &keys[1], &keys[2], &keys[3] };
        uint64_t hashes[4] = { hash_of(k), hash_of(k + 1), hash_of(k + 2), hash_of(k + 3) };
        struct enf_entry *many[4];
        enf_hamt_find_many(h, &ops, 4, hashes, list, many);
        for (int i = 0; i < 4; i++) {
            struct enf_entry *one = enf_hamt_find(h, &ops, hashes[i], &keys[i]);
            assert_ptr_equal(one, many[i]);
            assert_int_equal(one != NULL, wanted >> keys[i] & 1);
            n += one != NULL;
        }
    }
    assert_int_equal(h->len, n);
}

static uint32_t draw(uint32_t *state, uint32_t below) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 10) % below;
}

/* Random edits; now and then the table is kept as a version that later edits must not touch. A failed edit ends the
 * run: the table is let go, as a batch is, and the kept versions must still be whole. */
static void run(uint32_t seed, size_t fail_at) {
    struct enforcer_allocator hook = { reallocate, release, NULL };
    struct enf_mem mem;
    struct enf_hamt now = { 0 }, kept[VERSIONS] = { { 0 } };
    uint64_t has = 0, had[VERSIONS] = { 0 };
    enf_mem_init(&mem, &hook);
    calls_ = 0;
    fail_at_ = fail_at;
    for (int step = 0; step < 400; step++) {
        struct edit x = { &mem, (int)draw(&seed, KEYS), draw(&seed, 5) < 3 };
        if (!enf_hamt_edit(&mem, &now, &ops, hash_of(x.key), &x.key, edit_item, &x))
            break;
        has = x.add ? has | (uint64_t)1 << x.key : has & ~((uint64_t)1 << x.key);
        if (fail_at == 0)
            check(&now, has);
        if (draw(&seed, 20) == 0) {
            size_t v = draw(&seed, VERSIONS);
            enf_hamt_done(&mem, &kept[v], &ops);
            kept[v] = now;
            had[v] = has;
            enf_hamt_ref(&now);
        }
    }
    fail_at_ = 0;
    enf_hamt_done(&mem, &now, &ops);
    for (size_t v = 0; v < VERSIONS; v++) {
        check(&kept[v], had[v]);
        enf_hamt_done(&mem, &kept[v], &ops);
    }
    assert_int_equal(mem.bytes, 0);
}

static void versions_never_change(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++)
        run(seed, 0);
}

static void a_failed_edit_leaves_the_versions_whole(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 300; seed++)
        run(seed, 100 + seed % 157 * 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_never_change),
        cmocka_unit_test(a_failed_edit_leaves_the_versions_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
