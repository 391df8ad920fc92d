/* Server-side apply of a configuration that a client sent. */
#include "resource/apply.h"
#include "resource/write.h"

static enum err_code refuse_conflicts(const struct apply_result *result, struct refusal *r) {
    for (size_t i = 0; i < result->conflict_count; i++) {
        const struct apply_conflict *c = &result->conflicts[i];
        const char *field = arena_strdup(r->arena, c->path);
        refuse_field(r, "FieldManagerConflict", field != NULL ? field : "", "conflict with %.*s",
                     STR_FMT(str_sub(c->manager, 0, 300)));
    }
    return refuse(r, 409, "Conflict", "%.*s", STR_FMT(str_sub(result->message, 0, 8000)));
}

enum err_code resource_apply(const struct resource_env *env, const struct kind *k, struct arena *a,
                             const json_t *live, const json_t *applied, bool force,
                             const struct resource_options *options, json_t **ret, struct refusal *r,
                             struct err *err) {
    const struct field_tables tables = { resource_metadata_fields, k->fields };
    struct apply_result result = { 0 };
    json_t *decoded = NULL;
    enum err_code rc = decode_given(k, applied, options, &decoded, r, err);
    if (rc == ERR_OK)
        rc = refusal_check(r, k, object_name(applied), err);
    if (rc == ERR_OK) {
        const struct apply_request request = { .tables = &tables,
                                               .live = live,
                                               .applied = decoded,
                                               .by = { .manager = options->manager,
                                                       .subresource = options->subresource,
                                                       .api_version = STR(RESOURCE_API_VERSION),
                                                       .now_s = clock_now_s(env->clock) },
                                               .force = force };
        rc = apply_configuration(a, &request, &result, err);
        if (rc == ERR_CONFLICT)
            rc = refuse_conflicts(&result, r);
        else if (rc == ERR_INVALID)
            rc = refuse(r, 400, "BadRequest", "the configuration cannot be applied: %s", err->detail);
        else if (rc == ERR_LIMIT)
            rc = refuse(r, 413, "RequestEntityTooLarge", "%s", err->detail);
    }
    json_decref(decoded);
    if (rc == ERR_OK)
        *ret = result.object;
    return rc;
}
