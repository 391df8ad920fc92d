/* A file that is taken gives decisions; the pattern matcher agrees with a plain backtracking one on short texts. */
#include <stdlib.h>

#include "authz/abac.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool matches_slowly(struct str p, struct str v) {
    if (p.len == 0)
        return v.len == 0;
    if (p.ptr[0] == '*')
        return matches_slowly(str_from(p, 1), v) || (v.len != 0 && matches_slowly(p, str_from(v, 1)));
    return v.len != 0 && p.ptr[0] == v.ptr[0] && matches_slowly(str_from(p, 1), str_from(v, 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err;
    struct str text = { (const char *)data, size }, pattern, value;
    (void)str_cut(text, '\n', &pattern, &value);
    if (pattern.len <= 8 && value.len <= 12 &&
        abac_pattern_match(pattern, value) != matches_slowly(pattern, value))
        abort();
    AUTO_FREE(abac_free) struct abac *abac = NULL;
    if (abac_parse(text, &abac, &err) != ERR_OK)
        return 0;
    const struct str groups[] = { STR("dev") };
    const struct authz_user user = { .name = STR("alice"), .groups = groups, .group_count = 1 };
    const struct authz_attributes at = { .verb = STR("get"), .resource = STR("pods"), .is_resource = true };
    if (abac_decide(abac, &user, &at) == AUTHZ_DENIED) /* nothing in the file denies */
        abort();
    return 0;
}
