/* Objects and lists in the form a client asked for. What they need is copied out of the request, since streams outlive it. */
#pragma once
#include "kube/request.h"

/* How to show objects of one kind: what stays the same for a whole list or watch. */
struct printer {
    const struct kind *kind;
    enum kube_form form;
    enum table_include include;
    const struct clock *clock;
};
struct printer printer_of(const struct kube_request *kr);
/* Whether objects have to be parsed to be shown; otherwise a stored body is passed on as it is. */
bool printer_parses(const struct printer *p);
/* One object by itself; in a Table its row alone. `object`: the parsed body, or NULL (then it is parsed here when need be). */
MUST_CHECK enum err_code printer_object(const struct printer *p, struct str body, const json_t *object,
                                        int64_t revision, struct strbuf *out, struct err *err);
/* A Table with one row, or the object: the answer to get, create, update ... */
MUST_CHECK enum err_code printer_single(const struct printer *p, struct str body, int64_t revision,
                                        struct strbuf *out, struct err *err);
/* {"kind":"PolicyList",...,"metadata":{...},"items":[ ... ]}: what stands in front of the first object and behind the last one. `token`: of
 * metadata.continue; STR_NULL: there is no more. `remaining`: 0: not told. */
void printer_list_begin(const struct printer *p, int64_t revision, struct str token, struct strbuf *out);
void printer_list_end(const struct printer *p, struct strbuf *out);
/* Changes `object` as its readers see it, beyond what is stored (an API key whose time is over). */
void printer_decorate(const struct printer *p, json_t *object);
/* Answers with an object. */
MUST_CHECK enum err_code print_answer(struct kube_request *kr, unsigned status, const json_t *object,
                                      int64_t revision, struct err *err);
