#include "http/params.h"

static void note_first(struct str *noted, const char *name) {
    if (noted->ptr == NULL)
        *noted = str_of(name);
}

enum err_code params_collect(struct arena *a, const struct http_param_spec *specs, struct str encoded,
                             struct param_set *ret, struct err *err) {
    struct param_set found = { .values = NULL };
    while (specs != NULL && specs[found.len].name != NULL)
        found.len++;
    if (found.len > 0 && (found.values = arena_array(a, found.len, sizeof *found.values)) == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the parameters");
    struct form form = { .fields = NULL };
    if (found.len > 0 && encoded.len > 0) {
        enum err_code rc = form_parse(a, encoded, &form, err);
        if (rc != ERR_OK)
            return rc;
    }
    for (size_t i = 0; i < found.len; i++) {
        struct str value = STR_NULL;
        size_t times = form_find(&form, str_of(specs[i].name), &value);
        found.values[i].name = str_of(specs[i].name);
        found.values[i].value = times > 0 && value.len > 0 ? value : STR_NULL;
        if (times > 1)
            note_first(&found.repeated, specs[i].name);
        if (found.values[i].value.ptr == NULL && (specs[i].flags & HTTP_PARAM_REQUIRED) != 0)
            note_first(&found.missing, specs[i].name);
        if (value.len > specs[i].max)
            note_first(&found.oversized, specs[i].name);
    }
    *ret = found;
    return ERR_OK;
}
