/* One entry of a list of default data brought into the store. */
#pragma once
#include "controller/lists.h"

enum apply_outcome {
    APPLY_SAME, /* nothing to write */
    APPLY_CREATED,
    APPLY_UPDATED,
    APPLY_LEFT_OUT, /* the entry cannot be brought in; `why` tells */
};
struct apply {
    const struct resource_env *env;
    const struct kind *kind;
    const struct list_entry *entry;
    struct str tenant;      /* empty: the platform */
    const json_t *by_title; /* display name -> name, of the tenant's objects of type default */
};
struct apply_result {
    enum apply_outcome outcome;
    struct strbuf name;  /* of the object */
    struct strbuf why;   /* of LEFT_OUT */
    struct strbuf notes; /* what was ignored in the entry; empty: nothing */
};
#define APPLY_RESULT                                                                                         \
    ((struct apply_result) {                                                                                 \
        .name = STRBUF(RESOURCE_NAME_MAX + 64), .why = STRBUF(2048), .notes = STRBUF(2048) })
void apply_result_done(struct apply_result *r);
/* Any error: the store did not work; to be tried again. */
MUST_CHECK enum err_code apply_entry(const struct apply *in, struct apply_result *ret, struct err *err);
/* What apply.by_title needs; the caller owns *ret. */
MUST_CHECK enum err_code apply_titles(const struct resource_env *env, const struct kind *k, struct str tenant,
                                      json_t **ret, struct err *err);
