/* Rules of an operator's file of casbin CSV: kept in the store as what one owner owns, so that they are one with those of the objects. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/store.h"

/* What the file was like when it was last looked at. Starts as { 0 }. */
struct policy_file {
    bool looked;
    char *path; /* owned */
    uint64_t device, inode, size;
    int64_t modified_s, modified_ns, changed_s, changed_ns;
};
/* Brings the store to what the file says, when the file is another one than before; `path` NULL: there are none. A file that cannot be used leaves
 * the last good rules in force, and is not tried again until it changes; what the store could not take for now is tried again. `model`: of the rules (NULL: the built-in one). `*ret_changed`
 * (may be NULL): how many rules came or went. */
MUST_CHECK enum err_code policy_file_sync(struct policy_file *f, const char *path, const char *model,
                                          struct store *s, const struct random *random, size_t *ret_changed,
                                          struct err *err);
void policy_file_done(struct policy_file *f);
