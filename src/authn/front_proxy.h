/* What the headers of a front proxy say. The caller makes sure that they are the front proxy's. */
#pragma once
#include "authn/header_list.h"

struct front_proxy_headers {
    const struct str *username, *group, *extra_prefix; /* case does not count */
    size_t username_count, group_count, extra_prefix_count;
};
/* `*ret_found`: there was a user; else *ret is left alone. ERR_UNAUTHENTICATED: headers that name two users, or no text. */
MUST_CHECK enum err_code front_proxy_read(const struct front_proxy_headers *names,
                                          const struct header_list *h, struct arena *a, bool *ret_found,
                                          struct principal *ret, struct err *err);
