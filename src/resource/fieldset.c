#include "resource/fieldset.h"

static const struct fieldset leaf = { .self = true };

const struct fieldset *fieldset_leaf(void) { return &leaf; }

bool fieldset_is_empty(const struct fieldset *s) { return s == NULL; }

int element_cmp(const struct field_element *x, const struct field_element *y) {
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->type == ELEMENT_INDEX &&
        x->text.len != y->text.len) /* no leading zeros: the longer is the larger */
        return x->text.len < y->text.len ? -1 : 1;
    return str_cmp(x->text, y->text);
}

/* ---- making sets ---- */
const struct fieldset *fieldset_make(struct arena *a, bool self, struct fieldset_child *children,
                                     size_t len) {
    size_t kept = 0;
    for (size_t i = 0; i < len; i++)
        if (children[i].set != NULL)
            children[kept++] = children[i];
    if (kept == 0)
        return self ? &leaf : NULL;
    struct fieldset *s = arena_alloc(a, sizeof *s);
    if (s != NULL)
        *s = (struct fieldset) { .self = self, .len = kept, .children = children };
    return s;
}

enum set_op { UNION, DIFFERENCE, INTERSECTION };

static const struct fieldset *combine(struct arena *a, enum set_op op, const struct fieldset *x,
                                      const struct fieldset *y);

/* Both children lists are sorted, so one walk through them does it. */
static const struct fieldset *combine_children(struct arena *a, enum set_op op, bool self,
                                               const struct fieldset *x, const struct fieldset *y) {
    struct fieldset_child *out = arena_array(a, x->len + (op == UNION ? y->len : 0) + 1, sizeof *out);
    size_t len = 0;
    if (out == NULL)
        return NULL;
    for (size_t i = 0, j = 0; i < x->len || j < y->len;) {
        int order = i == x->len   ? 1
                    : j == y->len ? -1
                                  : element_cmp(&x->children[i].element, &y->children[j].element);
        const struct fieldset *left = order <= 0 ? x->children[i].set : NULL;
        const struct fieldset *right = order >= 0 ? y->children[j].set : NULL;
        if (left != NULL || op == UNION) {
            out[len].element = left != NULL ? x->children[i].element : y->children[j].element;
            out[len++].set = combine(a, op, left, right);
        }
        i += order <= 0;
        j += order >= 0;
    }
    return fieldset_make(a, self, out, len);
}

static const struct fieldset *combine(struct arena *a, enum set_op op, const struct fieldset *x,
                                      const struct fieldset *y) {
    if (x == NULL)
        return op == UNION ? y : NULL;
    if (y == NULL)
        return op == INTERSECTION ? NULL : x;
    switch (op) {
    case UNION: return combine_children(a, op, x->self || y->self, x, y);
    case DIFFERENCE: return combine_children(a, op, x->self && !y->self, x, y);
    case INTERSECTION: return combine_children(a, op, x->self && y->self, x, y);
    }
    return NULL;
}

const struct fieldset *fieldset_union(struct arena *a, const struct fieldset *x, const struct fieldset *y) {
    return combine(a, UNION, x, y);
}

const struct fieldset *fieldset_difference(struct arena *a, const struct fieldset *x,
                                           const struct fieldset *y) {
    return combine(a, DIFFERENCE, x, y);
}

const struct fieldset *fieldset_intersection(struct arena *a, const struct fieldset *x,
                                             const struct fieldset *y) {
    return combine(a, INTERSECTION, x, y);
}

/* ---- looking at sets ---- */
bool fieldset_equal(const struct fieldset *x, const struct fieldset *y) {
    if (x == NULL || y == NULL || x == y)
        return x == y;
    if (x->self != y->self || x->len != y->len)
        return false;
    for (size_t i = 0; i < x->len; i++)
        if (element_cmp(&x->children[i].element, &y->children[i].element) != 0 ||
            !fieldset_equal(x->children[i].set, y->children[i].set))
            return false;
    return true;
}

size_t fieldset_size(const struct fieldset *s) {
    size_t n = s != NULL && s->self;
    for (size_t i = 0; s != NULL && i < s->len; i++)
        n += fieldset_size(s->children[i].set);
    return n;
}

const struct fieldset *fieldset_below(const struct fieldset *s, const struct field_element *element) {
    size_t from = 0, to = s != NULL ? s->len : 0;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = element_cmp(element, &s->children[middle].element);
        if (order == 0)
            return s->children[middle].set;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

bool fieldset_has(const struct fieldset *s, const struct field_element *path, size_t len) {
    for (size_t i = 0; i < len && s != NULL; i++)
        s = fieldset_below(s, &path[i]);
    return s != NULL && s->self;
}
