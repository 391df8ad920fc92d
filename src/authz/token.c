#include "authz/token.h"

static bool is_audience(const json_t *aud, struct str wanted) {
    if (json_is_string(aud))
        return str_eq((struct str) { json_string_value(aud), json_string_length(aud) }, wanted);
    for (size_t i = 0; i < json_array_size(aud); i++)
        if (json_is_string(json_array_get(aud, i)) && is_audience(json_array_get(aud, i), wanted))
            return true;
    return false;
}

size_t token_audiences(struct arena *a, const json_t *claims, const struct str *wanted, size_t wanted_count,
                       const struct str **ret) {
    const json_t *aud = json_object_get(claims, "aud");
    struct str *found = arena_array(a, wanted_count + 1, sizeof *found);
    size_t len = 0;
    for (size_t i = 0; found != NULL && i < wanted_count; i++)
        if (is_audience(aud, wanted[i]))
            found[len++] = wanted[i];
    *ret = found;
    return len;
}
