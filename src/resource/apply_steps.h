/* The steps of server-side apply that work on JSON values. `a` is for what they need on the way. */
#pragma once
#include "resource/field_walk.h"

/* A copy of the configuration, with each field under its proper name and without those that only the server
 * sets. Caller owns *ret. ERR_INVALID with a detail that says where something is wrong. */
MUST_CHECK enum err_code apply_clean(struct arena *a, const struct field_tables *t, const json_t *applied,
                                     json_t **ret, struct err *err);
/* Puts the clean configuration into `object`. `creating`: identity included. ERR_NOMEM. */
MUST_CHECK enum err_code apply_merge(struct arena *a, const struct field_tables *t, json_t *object,
                                     const json_t *applied, bool creating, struct err *err);
/* Takes out of `object` what is in `last` and not in `keep`, and what is left empty and not in `keep` for
 * that. */
MUST_CHECK enum err_code apply_prune(struct arena *a, const struct field_tables *t, json_t *object,
                                     const struct fieldset *last, const struct fieldset *keep,
                                     struct err *err);
