/* The memory backend's sorted map, beside the same keys in a sorted array. */
#include "store/memory/ordered.h"
#include "unit/test.h"

#include <stdlib.h>

static struct ordered_key key_of(const char *a, const char *b, const char *c) {
    return (struct ordered_key) { { str_of(a), str_of(b), str_of(c) } };
}

static struct ordered_node *add(struct ordered *o, struct ordered_key key, void *value) {
    struct ordered_node *n = ordered_node_new(o, &key, value);
    assert_non_null(n);
    ordered_link(o, n);
    return n;
}

static void keys_are_compared_part_by_part(void **state) {
    (void)state;
    AUTO(ordered_done) struct ordered o = { .draws = 0 };
    static const char *const in_order[][3] = {
        { NULL, NULL, NULL }, { NULL, "z", NULL }, { "a", NULL, "z" }, { "a", "b", NULL },
        { "a", "b", "a" },    { "a", "b", "aa" },  { "a", "ba", "a" }, { "ab", NULL, NULL },
        { "ab", "a", NULL },  { "b", "a", "a" },
    };
    for (size_t i = 0; i < ARRAY_LEN(in_order); i++) { /* in another order: 3 is coprime to 10 */
        const char *const *k = in_order[i * 3 % ARRAY_LEN(in_order)];
        (void)add(&o, key_of(k[0], k[1], k[2]), NULL);
    }
    const struct ordered_node *n = o.head[0];
    for (size_t i = 0; i < ARRAY_LEN(in_order); i++, n = n->next[0]) {
        struct ordered_key want = key_of(in_order[i][0], in_order[i][1], in_order[i][2]);
        assert_non_null(n);
        for (size_t part = 0; part < ORDERED_PARTS; part++)
            assert_true(str_eq(n->key.parts[part], want.parts[part]));
        assert_ptr_equal(ordered_find(&o, &want), n);
    }
    assert_null(n);
    struct ordered_key between = key_of("a", "b", "ab"), last = key_of("c", NULL, NULL);
    assert_null(ordered_find(&o, &between));
    assert_ptr_equal(ordered_from(&o, &between),
                     ordered_find(&o, &(struct ordered_key) { { STR("a"), STR("ba"), STR("a") } }));
    assert_null(ordered_from(&o, &last));
}

enum { NUMBERS = 500, STEPS = 20000 };

static void it_holds_what_was_linked_and_not_unlinked(void **state) {
    (void)state;
    struct random random;
    random_fixed_init(&random, 20260305);
    struct ordered o = { .free_value = free };
    struct ordered_node *nodes[NUMBERS] = { NULL }, *unlinked[NUMBERS] = { NULL };
    for (int step = 0; step < STEPS; step++) {
        uint32_t draw = 0;
        random_bytes(&random, &draw, sizeof draw);
        size_t i = draw % NUMBERS;
        char text[16];
        (void)snprintf(text, sizeof text, "%08zu", i);
        struct ordered_key key = key_of("kind", text, NULL);
        assert_ptr_equal(ordered_find(&o, &key), nodes[i]);
        if (nodes[i] != NULL) {
            ordered_unlink(&o, nodes[i]);
            unlinked[i] = STEAL(nodes[i]);
        } else if (unlinked[i] != NULL) { /* taken back */
            ordered_link(&o, unlinked[i]);
            nodes[i] = STEAL(unlinked[i]);
        } else {
            nodes[i] = add(&o, key, malloc(1));
        }
    }
    const struct ordered_node *n = o.head[0];
    for (size_t i = 0; i < NUMBERS; i++) {
        if (unlinked[i] != NULL)
            ordered_node_free(&o, unlinked[i]);
        if (nodes[i] == NULL)
            continue;
        assert_ptr_equal(n, nodes[i]);
        n = n->next[0];
    }
    assert_null(n);
    ordered_done(&o); /* with the values */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_compared_part_by_part),
        cmocka_unit_test(it_holds_what_was_linked_and_not_unlinked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
