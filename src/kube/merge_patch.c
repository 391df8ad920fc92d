/* JSON merge patch (RFC 7386). */
#include "kube/patch.h"

#include "kube/value.h"

/* The member, an object in any case. NULL: out of memory. */
static json_t *object_member(json_t *object, const char *key, size_t len) {
    json_t *child = json_object_getn(object, key, len);
    if (json_is_object(child))
        return child;
    return json_object_setn_new(object, key, len, json_object()) == 0 ? json_object_getn(object, key, len)
                                                                      : NULL;
}

/* False: out of memory. */
static bool merge(json_t *object, const json_t *patch) {
    const char *key;
    size_t len;
    json_t *value;
    json_object_keylen_foreach(json_iterable(patch), key, len, value) {
        if (json_is_null(value)) {
            (void)json_object_deln(object, key, len);
        } else if (json_is_object(value)) {
            json_t *child = object_member(object, key, len);
            if (child == NULL || !merge(child, value))
                return false;
        } else if (json_object_setn_new(object, key, len, json_deep_copy(value)) != 0)
            return false;
    }
    return true;
}

enum err_code patch_merge(const json_t *target, const json_t *patch, json_t **ret, struct err *err) {
    if (!value_depth_within(target, JSON_DEPTH_MAX) || !value_depth_within(patch, JSON_DEPTH_MAX))
        return err_set(err, ERR_LIMIT, "a merge patch of more than %d levels", JSON_DEPTH_MAX);
    if (!json_is_object(patch)) {
        json_t *copy = json_deep_copy(patch);
        if (copy == NULL)
            return err_set(err, ERR_NOMEM, "a merge patch");
        *ret = copy;
        return ERR_OK;
    }
    json_auto_t *out = json_is_object(target) ? json_deep_copy(target) : json_object();
    if (out == NULL || !merge(out, patch))
        return err_set(err, ERR_NOMEM, "a merge patch");
    *ret = STEAL(out);
    return ERR_OK;
}
