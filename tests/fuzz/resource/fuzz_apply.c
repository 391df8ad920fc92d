/* A live object and a configuration, one a line, or of what the bytes choose. Whatever they are: the object
 * that comes out has every field it is said to own, a second apply of the same changes nothing, and both
 * inputs stay as they are. */
#include "../../unit/resource/tables.h"
#include "../kube/two.h"
#include "choose.h"

#include "resource/apply.h"

static void check_entries(const json_t *object) {
    struct managed_list l;
    struct arena *a = arena_new(MANAGED_ARENA_MAX);
    assert(a != NULL);
    const struct fieldset *all = fields_all(a, &tables, object);
    if (managed_read(a, object, &l))
        for (size_t i = 0; i < l.len; i++)
            assert(fieldset_difference(a, l.items[i].set, all) == NULL);
    arena_free(a);
}

static void check_update(const struct apply_request *r, const json_t *object) {
    struct err err = { 0 };
    json_auto_t *managed = NULL;
    enum err_code rc = managed_update(&tables, r->live, object, &r->by, &managed, &err);
    assert(rc == ERR_OK && json_array_size(managed) <= MANAGED_ENTRIES_MAX + 1);
}

static void check(struct arena *a, struct apply_request *r) {
    struct err err = { 0 };
    struct apply_result first, again;
    enum err_code rc = apply_configuration(a, r, &first, &err);
    if (rc == ERR_CONFLICT) {
        assert(!r->force && first.conflict_count > 0 && first.message.len > 0);
        r->force = true;
        rc = apply_configuration(a, r, &first, &err);
    }
    if (rc != ERR_OK) {
        assert(rc == ERR_INVALID || rc == ERR_LIMIT);
        return;
    }
    check_update(r, first.object);
    check_entries(first.object);
    r->live = first.object;
    r->force = false;
    r->by.now_s++;
    assert(apply_configuration(a, r, &again, &err) == ERR_OK);
    assert(json_equal(first.object, again.object));
    json_decref(again.object);
    json_decref(first.object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(two_done) struct two in;
    if (size > 0 && data[0] == '!') {
        struct bytes b = { data + 1, size - 1 };
        in.first = choose_object(&b, 5);
        in.second = choose_object(&b, 5);
    } else if (!two_read(data, size, &in))
        return 0;
    json_auto_t *live = json_deep_copy(in.first), *applied = json_deep_copy(in.second);
    struct arena *a = arena_new(MANAGED_ARENA_MAX);
    struct apply_request r = {
        .tables = &tables,
        .live = json_is_object(in.first) ? in.first : NULL,
        .applied = in.second,
        .by = { .manager = STR("a"), .api_version = STR("auth.tkestack.io/v1"), .now_s = 1700000000 },
    };
    assert(a != NULL);
    check(a, &r);
    arena_free(a);
    assert(json_equal(live, in.first));
    assert(json_equal(applied, in.second));
    return 0;
}
