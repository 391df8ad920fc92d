/* What a theme says besides its files: theme.json of its folder, under what the configuration says. */
#pragma once
#include "tkeauth/web.h"
#include "web/colour.h"

enum { THEME_TITLE_MAX = 80, THEME_URL_MAX = 512 };
struct theme {
    struct str title, logo_url; /* logo_url STR_NULL: the built-in (or replaced) static/logo.svg */
    struct str base;            /* "/oidc" or "" */
    struct colour accent;
    const char *csp; /* of pages */
};
/* ERR_INVALID: a value that is not what it must be. The result lives in `a`. */
MUST_CHECK enum err_code theme_load(struct arena *a, const struct web_options *options, struct theme *ret,
                                    struct err *err);
