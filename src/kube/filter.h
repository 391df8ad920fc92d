/* Which objects of a kind a list, a watch or a collective deletion is about: what the caller may see, and what they ask for. Owns what it
 * needs, so that it outlives the request. */
#pragma once
#include "kube/print.h"
#include "kube/selector.h"

struct filter {
    struct arena *arena; /* owned */
    const struct kind *kind;
    struct scope scope; /* strings in the arena */
    struct str namespace;
    struct selector labels, fields;
    struct str keyword;
    bool with_policies;    /* "policy=true": objects are shown with their policies (contract 2.1) */
    struct str limit;      /* pseudo label of virtual kinds */
    struct str exact_name; /* metadata.name= */
    struct str key;        /* index key to look under; STR_NULL: all of the kind */
    bool sees_all_of_key;  /* whatever has the key matches: bodies need not be parsed */
};
/* 400 for a selector that cannot be read or asks for what the kind does not have. */
MUST_CHECK enum err_code filter_read(struct kube_request *kr, struct filter *ret, struct err *err);
void filter_done(struct filter *f);
bool filter_matches(const struct filter *f, const json_t *object);
/* The required value of a field, if the selector has one. */
bool filter_requires(const struct filter *f, const char *path, struct str *ret);
