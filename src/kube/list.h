/* GET of a collection. */
#pragma once
#include "kube/filter.h"

MUST_CHECK enum err_code list_objects(struct kube_request *kr, struct err *err);
/* Calls `each` for every object the filter lets through, page by page, as of one revision. `object` is parsed when the filter or the caller
 * (`want_parsed`) needs it, else NULL. `*ret_revision`: of the list. For whoever needs all of them: watches, collective deletions. */
struct listing {
    const struct filter *filter;
    bool want_parsed;
    enum err_code (*each)(void *ctx, const struct store_object *o, const json_t *object, struct err *err);
    void *ctx;
    int64_t revision;     /* 0: the present; filled in by the first page */
    struct strbuf *after; /* name of the last object seen; NULL-terminated buffer of the caller */
    bool more;            /* there may be others behind */
};
/* The next at most `limit` objects that match: fewer when they are large, or hardly any matches of those looked at. */
MUST_CHECK enum err_code listing_page(struct store *s, struct listing *l, size_t limit, struct err *err);
