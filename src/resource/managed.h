#pragma once
#include "tkeauth/resource.h"
struct managed_write {
    struct str manager, subresource, api_version, time;
};
static inline enum err_code managed_update(const struct field *fields, const json_t *old, json_t *object,
                                           const struct managed_write *by, struct err *err) {
    (void)fields;
    (void)old;
    (void)object;
    (void)by;
    (void)err;
    return ERR_OK;
}
