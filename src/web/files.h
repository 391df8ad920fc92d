/* The files pages are made of: those in the binary, and a theme folder's laid over them. */
#pragma once
#include "tkeauth/base.h"

/* Made at build time by cmake/Embed.cmake; sorted by path. */
struct web_embedded {
    const char *path; /* "templates/login.html" */
    const unsigned char *data;
    size_t len;
};
extern const struct web_embedded web_embedded[];
extern const size_t web_embedded_len;

enum {
    WEB_FILES_MAX = 128,
    WEB_FILE_SIZE_MAX = 1024 * 1024,
    WEB_THEME_SIZE_MAX = 8 * 1024 * 1024,
    WEB_NAME_MAX = 64,
};
struct web_file {
    struct str path;    /* "static/style.css" */
    const char *origin; /* for error texts: the path, or the theme's file */
    struct str data;
    const char *type; /* of static files, else NULL */
    struct str etag;  /* quoted */
    bool themed;
};
struct web_files {
    struct web_file items[WEB_FILES_MAX];
    size_t len;
};
/* The built-in files, in `a`. */
MUST_CHECK enum err_code web_files_builtin(struct arena *a, struct web_files *ret, struct err *err);
/* Lays templates/NAME.html, templates/messages/LANG.json and static/NAME of `dir` over them. Message catalogues do not replace
 * the built-in ones but stand beside them. Names beginning with '.' and ending with '~' are skipped. ERR_NOT_FOUND: no such
 * folder, or none of these in it; ERR_INVALID: a name or type that cannot be served; ERR_LIMIT. */
MUST_CHECK enum err_code web_files_theme(struct arena *a, const char *dir, struct web_files *files,
                                         struct err *err);
/* Replaces or adds one. `path` and `origin` must live as long as `a`; `data` is not copied. */
MUST_CHECK enum err_code web_files_put(struct arena *a, struct web_files *files, const struct web_file *file,
                                       struct err *err);
/* NULL: there is none. */
const struct web_file *web_files_find(const struct web_files *files, struct str folder, struct str name);
