/* JSON patch (RFC 6902). */
#include "kube/patch.h"

#include "kube/pointer.h"
#include "kube/value.h"

/* How much all operations together may look at or move about, in values: what takes longer is no honest
 * patch. */
enum { WORK_MAX = 32 * 1024 * 1024, SHIFTED_PER_WORK = 8, DETAIL_PATH_MAX = 120 };

enum op_name { OP_ADD, OP_REMOVE, OP_REPLACE, OP_MOVE, OP_COPY, OP_TEST };
static const struct {
    const char *name;
    bool has_value, has_from;
} ops[] = {
    [OP_ADD] = { "add", true, false },         [OP_REMOVE] = { "remove", false, false },
    [OP_REPLACE] = { "replace", true, false }, [OP_MOVE] = { "move", false, true },
    [OP_COPY] = { "copy", false, true },       [OP_TEST] = { "test", true, false },
};

struct operation {
    enum op_name name;
    struct pointer path, from;
    const json_t *value;
};

/* A patch being applied. */
struct run {
    json_t *doc;   /* as the operations so far have made it */
    size_t bytes;  /* of `doc`, as printed, roughly */
    size_t copied; /* bytes by `copy` */
    size_t work;
};

/* ---- reading operations ---- */
static enum err_code read_pointer(struct arena *a, const json_t *op, const char *member, struct pointer *ret,
                                  struct err *err) {
    if (!json_is_string(json_object_get(op, member)))
        return err_set(err, ERR_INVALID, "\"%s\" must be a string", member);
    enum err_code rc = pointer_parse(a, json_get_str(op, member), ret, err);
    return rc == ERR_OK ? rc : err_context(err, "%s", member);
}

static enum err_code read_name(const json_t *op, enum op_name *ret, struct err *err) {
    struct str name = json_get_str(op, "op");
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (str_eq(name, str_of(ops[i].name))) {
            *ret = (enum op_name)i;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID, "\"op\" must be add, remove, replace, move, copy or test");
}

static enum err_code read_operation(struct arena *a, const json_t *op, struct operation *ret,
                                    struct err *err) {
    enum err_code rc = read_name(op, &ret->name, err);
    if (rc == ERR_OK)
        rc = read_pointer(a, op, "path", &ret->path, err);
    if (rc == ERR_OK && ops[ret->name].has_from)
        rc = read_pointer(a, op, "from", &ret->from, err);
    if (rc != ERR_OK)
        return rc;
    ret->value = json_object_get(op, "value");
    if (ops[ret->name].has_value && ret->value == NULL)
        return err_set(err, ERR_INVALID, "\"value\" is missing");
    if (ret->name == OP_REMOVE && ret->path.len == 0)
        return err_set(err, ERR_INVALID, "the whole document cannot be removed");
    if (ret->name == OP_MOVE && pointer_is_inside(&ret->path, &ret->from))
        return err_set(err, ERR_INVALID, "a value cannot be moved into itself");
    return ERR_OK;
}

/* ---- what a value weighs ---- */
/* Adds the size of `v`; false: it is deeper than `levels`. */
static bool weigh(struct run *run, const json_t *v, size_t levels, size_t *bytes) {
    const char *key;
    size_t len, i;
    json_t *child;
    run->work++;
    if (json_is_string(v))
        *bytes += json_string_length(v) + 3;
    else
        *bytes += 6; /* a number, a word, or brackets, and a comma */
    if (!json_is_object(v) && !json_is_array(v))
        return true;
    if (levels == 0)
        return false;
    json_object_keylen_foreach(json_iterable(v), key, len, child) {
        *bytes += len + 3;
        if (!weigh(run, child, levels - 1, bytes))
            return false;
    }
    json_array_foreach(v, i, child) {
        if (!weigh(run, child, levels - 1, bytes))
            return false;
    }
    return true;
}

/* `at`: how deep in the document it is to stand. */
static enum err_code weigh_new(struct run *run, const json_t *v, size_t at, size_t *ret, struct err *err) {
    *ret = 0;
    if (!weigh(run, v, JSON_DEPTH_MAX - at, ret))
        return err_set(err, ERR_LIMIT, "the result would be more than %d levels deep", JSON_DEPTH_MAX);
    return ERR_OK;
}

static void forget_weight(struct run *run, const json_t *v) {
    size_t bytes = 0;
    (void)weigh(run, v, JSON_DEPTH_MAX, &bytes); /* what is in the document is not too deep */
    run->bytes -= bytes < run->bytes ? bytes : run->bytes;
}

static enum err_code check_weight(const struct run *run, struct err *err) {
    if (run->bytes > PATCH_RESULT_MAX)
        return err_set(err, ERR_LIMIT, "the result would be larger than %d bytes", PATCH_RESULT_MAX);
    if (run->work > WORK_MAX)
        return err_set(err, ERR_LIMIT, "the patch moves more about than is allowed");
    return ERR_OK;
}

/* ---- places ---- */
static const struct str *last_token(const struct pointer *p) { return &p->tokens[p->len - 1]; }

static enum err_code nowhere(struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "there is nothing at this path");
}

static enum err_code nowhere_from(struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "there is nothing at \"from\"");
}

/* What holds the place that `p`, not empty, leads to. */
static enum err_code find_parent(const struct run *run, const struct pointer *p, json_t **ret,
                                 struct err *err) {
    *ret = pointer_get(run->doc, p, p->len - 1);
    if (*ret == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is nothing the path could lead through");
    if (!json_is_object(*ret) && !json_is_array(*ret))
        return err_set(err, ERR_NOT_FOUND, "the path leads into what is neither an object nor a list");
    return ERR_OK;
}

static enum err_code insert_item(struct run *run, json_t *list, struct str token, json_t *value,
                                 struct err *err) {
    size_t index, size = json_array_size(list);
    if (str_eq(token, STR("-")))
        index = size;
    else if (!pointer_index(token, &index))
        return err_set(err, ERR_NOT_FOUND, "items of a list have numbers");
    if (index > size)
        return err_set(err, ERR_NOT_FOUND, "the list has only %zu items", size);
    run->work += (size - index) / SHIFTED_PER_WORK;
    if (json_array_insert_new(list, index, json_incref(value)) != 0)
        return err_set(err, ERR_NOMEM, "a list");
    return ERR_OK;
}

/* Puts a reference to `value`, `bytes` large, at `path`. */
static enum err_code put(struct run *run, const struct pointer *path, json_t *value, size_t bytes,
                         struct err *err) {
    json_t *parent;
    if (path->len == 0) {
        json_decref(run->doc);
        run->doc = json_incref(value);
        run->bytes = bytes;
        return ERR_OK;
    }
    enum err_code rc = find_parent(run, path, &parent, err);
    if (rc != ERR_OK)
        return rc;
    struct str name = *last_token(path);
    run->bytes += bytes;
    if (json_is_array(parent))
        return insert_item(run, parent, name, value, err);
    const json_t *old = json_object_getn(parent, name.ptr, name.len);
    if (old != NULL)
        forget_weight(run, old);
    else
        run->bytes += name.len + 3;
    if (json_object_setn_new(parent, name.ptr, name.len, json_incref(value)) != 0)
        return err_set(err, ERR_NOMEM, "an object");
    return ERR_OK;
}

/* Takes what `path`, not empty, leads to out of the document; the caller owns *ret. Its weight stays
 * counted. */
static enum err_code take(struct run *run, const struct pointer *path, json_t **ret, struct err *err) {
    json_t *parent;
    enum err_code rc = find_parent(run, path, &parent, err);
    if (rc != ERR_OK)
        return rc;
    json_t *found = pointer_get(run->doc, path, path->len);
    if (found == NULL)
        return nowhere(err);
    struct str name = *last_token(path);
    size_t index;
    json_incref(found);
    if (json_is_array(parent) && pointer_index(name, &index)) {
        run->work += (json_array_size(parent) - index) / SHIFTED_PER_WORK;
        (void)json_array_remove(parent, index);
    } else {
        run->bytes -= name.len + 3 < run->bytes ? name.len + 3 : run->bytes;
        (void)json_object_deln(parent, name.ptr, name.len);
    }
    *ret = found;
    return ERR_OK;
}

/* ---- operations ---- */
/* A copy of `value`, which may stand `at` levels deep, and its size. Caller owns *ret. */
static enum err_code copy_of(struct run *run, const json_t *value, size_t at, json_t **ret, size_t *ret_bytes,
                             struct err *err) {
    enum err_code rc = weigh_new(run, value, at, ret_bytes, err);
    if (rc != ERR_OK)
        return rc;
    *ret = json_deep_copy(value);
    return *ret != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "a value of a patch");
}

static enum err_code apply_add(struct run *run, const struct operation *op, struct err *err) {
    json_auto_t *value = NULL;
    size_t bytes;
    enum err_code rc = copy_of(run, op->value, op->path.len, &value, &bytes, err);
    return rc == ERR_OK ? put(run, &op->path, value, bytes, err) : rc;
}

static enum err_code apply_remove(struct run *run, const struct operation *op, struct err *err) {
    json_auto_t *old = NULL;
    enum err_code rc = take(run, &op->path, &old, err);
    if (rc == ERR_OK)
        forget_weight(run, old);
    return rc;
}

static enum err_code apply_replace(struct run *run, const struct operation *op, struct err *err) {
    json_t *parent;
    size_t index;
    if (pointer_get(run->doc, &op->path, op->path.len) == NULL)
        return nowhere(err);
    if (op->path.len == 0)
        return apply_add(run, op, err);
    enum err_code rc = find_parent(run, &op->path, &parent, err);
    if (rc != ERR_OK)
        return rc;
    if (!json_is_array(parent) || !pointer_index(*last_token(&op->path), &index))
        return apply_add(run, op, err);
    json_auto_t *value = NULL;
    size_t bytes;
    rc = copy_of(run, op->value, op->path.len, &value, &bytes, err);
    if (rc != ERR_OK)
        return rc;
    forget_weight(run, json_array_get(parent, index));
    run->bytes += bytes;
    return json_array_set(parent, index, value) == 0 ? ERR_OK : err_set(err, ERR_NOMEM, "a list");
}

static enum err_code apply_move(struct run *run, const struct operation *op, struct err *err) {
    json_t *found = pointer_get(run->doc, &op->from, op->from.len);
    if (found == NULL)
        return nowhere_from(err);
    if (op->from.len == 0) /* then the path is empty, too */
        return ERR_OK;
    size_t bytes = 0;
    enum err_code rc;
    /* It is not too deep where it is; looking at it costs something. */
    if (op->path.len > op->from.len) {
        rc = weigh_new(run, found, op->path.len, &bytes, err);
        if (rc != ERR_OK)
            return rc;
    }
    json_auto_t *value = NULL;
    rc = take(run, &op->from, &value, err);
    if (rc != ERR_OK)
        return rc;
    if (op->path.len == 0) {
        run->bytes = 0;
        (void)weigh(run, value, JSON_DEPTH_MAX, &run->bytes);
        return put(run, &op->path, value, run->bytes, err);
    }
    return put(run, &op->path, value, 0, err);
}

static enum err_code apply_copy(struct run *run, const struct operation *op, struct err *err) {
    const json_t *found = pointer_get(run->doc, &op->from, op->from.len);
    size_t bytes;
    if (found == NULL)
        return nowhere_from(err);
    enum err_code rc = weigh_new(run, found, op->path.len, &bytes, err);
    if (rc != ERR_OK)
        return rc;
    if (bytes > PATCH_COPIED_MAX - run->copied) /* before there is a copy */
        return err_set(err, ERR_LIMIT, "more than %d bytes would be copied", PATCH_COPIED_MAX);
    run->copied += bytes;
    json_auto_t *value = json_deep_copy(found);
    if (value == NULL)
        return err_set(err, ERR_NOMEM, "a copy");
    return put(run, &op->path, value, bytes, err);
}

static enum err_code apply_test(struct run *run, const struct operation *op, struct err *err) {
    const json_t *found = pointer_get(run->doc, &op->path, op->path.len);
    if (found == NULL)
        return nowhere(err);
    if (!value_same(found, op->value))
        return err_set(err, ERR_CONFLICT, "the value is another one");
    return ERR_OK;
}

static enum err_code apply(struct run *run, const struct operation *op, struct err *err) {
    static enum err_code (*const functions[])(struct run *, const struct operation *, struct err *) = {
        [OP_ADD] = apply_add,   [OP_REMOVE] = apply_remove, [OP_REPLACE] = apply_replace,
        [OP_MOVE] = apply_move, [OP_COPY] = apply_copy,     [OP_TEST] = apply_test,
    };
    enum err_code rc = functions[op->name](run, op, err);
    return rc == ERR_OK ? check_weight(run, err) : rc;
}

/* Which operation it was, in front of what went wrong. */
static enum err_code locate(const json_t *op, size_t i, struct err *err) {
    struct str name = str_sub(json_get_str(op, "op"), 0, 16);
    struct str path = json_get_str(op, "path");
    if (path.len > DETAIL_PATH_MAX)
        return err_context(err, "operation %zu (%.*s, \"%.*s...\")", i, STR_FMT(name),
                           STR_FMT(str_sub(path, 0, DETAIL_PATH_MAX)));
    return err_context(err, "operation %zu (%.*s, \"%.*s\")", i, STR_FMT(name), STR_FMT(path));
}

/* All operations are read before the first is applied: a malformed patch is refused as such, whatever the
 * document is. */
static enum err_code each_operation(struct arena *a, const json_t *patch, struct run *run, struct err *err) {
    for (size_t i = 0; i < json_array_size(patch); i++) {
        const json_t *item = json_array_get(patch, i);
        struct operation op = { .value = NULL };
        arena_reset(a);
        enum err_code rc = read_operation(a, item, &op, err);
        if (rc == ERR_OK && run != NULL)
            rc = apply(run, &op, err);
        if (rc != ERR_OK)
            return locate(item, i, err);
    }
    return ERR_OK;
}

enum err_code patch_json(const json_t *target, const json_t *patch, json_t **ret, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(PATCH_RESULT_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a JSON patch");
    if (!json_is_array(patch))
        return err_set(err, ERR_INVALID, "a JSON patch is a list of operations");
    if (json_array_size(patch) > PATCH_OPERATIONS_MAX)
        return err_set(err, ERR_LIMIT, "the allowed maximum operations in a JSON patch is %d, got %zu",
                       PATCH_OPERATIONS_MAX, json_array_size(patch));
    enum err_code rc = each_operation(a, patch, NULL, err);
    if (rc != ERR_OK)
        return rc;
    struct run run = { .doc = NULL };
    rc = weigh_new(&run, target, 0, &run.bytes, err);
    if (rc != ERR_OK)
        return rc;
    run.doc = json_deep_copy(target);
    if (run.doc == NULL)
        return err_set(err, ERR_NOMEM, "a document to patch");
    rc = each_operation(a, patch, &run, err);
    if (rc != ERR_OK)
        json_decref(run.doc);
    else
        *ret = run.doc;
    return rc;
}
