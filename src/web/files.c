#include "web/files.h"

#include <dirent.h>
#include <errno.h>

static const struct {
    const char *suffix, *type;
} types[] = {
    { ".css", "text/css; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".jpg", "image/jpeg" },
    { ".webp", "image/webp" },
    { ".ico", "image/x-icon" },
    { ".woff2", "font/woff2" },
    { ".txt", "text/plain; charset=utf-8" },
    { ".webmanifest", "application/manifest+json" },
};

static const char *type_of(struct str path) {
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_ends_with(path, str_of(types[i].suffix)))
            return types[i].type;
    return NULL;
}

const struct web_file *web_files_find(const struct web_files *files, struct str folder, struct str name) {
    for (size_t i = 0; i < files->len; i++) {
        struct str path = files->items[i].path;
        if (path.len == folder.len + name.len && str_starts_with(path, folder) &&
            str_eq(str_from(path, folder.len), name))
            return &files->items[i];
    }
    return NULL;
}

enum err_code web_files_put(struct arena *a, struct web_files *files, const struct web_file *file,
                            struct err *err) {
    struct web_file entry = *file;
    if (str_starts_with(entry.path, STR("static/"))) {
        /* A fixed key: the tag must be the same in every process, and nobody gains from a collision with himself. */
        static const uint64_t seed[2] = { 0x746b652d61757468, 0x737461746963 };
        entry.type = type_of(entry.path);
        if (entry.type == NULL)
            return err_set(err, ERR_INVALID, "%s: not a type of file that is served", entry.origin);
        char *etag = arena_printf(a, "\"%016llx\"",
                                  (unsigned long long)siphash13(seed, entry.data.ptr, entry.data.len));
        if (etag == NULL)
            return err_set(err, ERR_NOMEM, "%s", entry.origin);
        entry.etag = str_of(etag);
    }
    bool beside = str_starts_with(entry.path, STR("templates/messages/"));
    for (size_t i = 0; i < files->len && !beside; i++)
        if (str_eq(files->items[i].path, entry.path)) {
            files->items[i] = entry;
            return ERR_OK;
        }
    if (files->len == WEB_FILES_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %d files", entry.origin, WEB_FILES_MAX);
    files->items[files->len++] = entry;
    return ERR_OK;
}

enum err_code web_files_builtin(struct arena *a, struct web_files *ret, struct err *err) {
    ret->len = 0;
    for (size_t i = 0; i < web_embedded_len; i++) {
        const struct web_embedded *e = &web_embedded[i];
        const struct web_file file = { .path = str_of(e->path),
                                       .origin = e->path,
                                       .data = { (const char *)e->data, e->len } };
        enum err_code rc = web_files_put(a, ret, &file, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* ---- a theme folder ---- */

struct theme_folder {
    const char *folder; /* "static/" */
    const char *suffix; /* NULL: any that is served */
};

static bool name_is_plain(struct str name) {
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_is_alnum(name.ptr[i]) && memchr("._-", name.ptr[i], 3) == NULL)
            return false;
    return name.len > 0 && name.len <= WEB_NAME_MAX;
}

static enum err_code theme_file(struct arena *a, const char *dir, const struct theme_folder *folder,
                                const char *name, struct web_files *files, struct err *err) {
    const char *origin = arena_printf(a, "%s/%s%s", dir, folder->folder, name);
    const char *path = arena_printf(a, "%s%s", folder->folder, name);
    if (origin == NULL || path == NULL)
        return err_set(err, ERR_NOMEM, "theme folder %s", dir);
    if (!name_is_plain(str_of(name)))
        return err_set(err, ERR_INVALID, "%s: a file name of letters, digits, '.', '_' and '-' is expected",
                       origin);
    AUTO(strbuf_done) struct strbuf bytes = STRBUF(WEB_FILE_SIZE_MAX);
    enum err_code rc = file_read(origin, WEB_FILE_SIZE_MAX, &bytes, err);
    if (rc != ERR_OK)
        return rc;
    const struct web_file file = {
        .path = str_of(path), .origin = origin, .data = arena_str(a, strbuf_str(&bytes)), .themed = true
    };
    if (arena_failed(a))
        return err_set(err, ERR_LIMIT, "theme folder %s: more than %d bytes", dir, WEB_THEME_SIZE_MAX);
    return web_files_put(a, files, &file, err);
}

static void dir_close(DIR **d) {
    if (*d != NULL)
        (void)closedir(*d);
}

static enum err_code theme_scan(struct arena *a, const char *dir, const struct theme_folder *folder,
                                struct web_files *files, bool *found, struct err *err) {
    const char *path = arena_printf(a, "%s/%s", dir, folder->folder);
    if (path == NULL)
        return err_set(err, ERR_NOMEM, "theme folder %s", dir);
    AUTO(dir_close) DIR *d = opendir(path);
    if (d == NULL && (errno == ENOENT || errno == ENOTDIR))
        return ERR_OK;
    if (d == NULL)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
    *found = true;
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        struct str name = str_of(e->d_name);
        bool fits = folder->suffix == NULL || str_ends_with(name, str_of(folder->suffix));
        if (name.ptr[0] == '.' || str_ends_with(name, STR("~")) || !fits)
            continue;
        enum err_code rc = theme_file(a, dir, folder, e->d_name, files, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

enum err_code web_files_theme(struct arena *a, const char *dir, struct web_files *files, struct err *err) {
    static const struct theme_folder folders[] = {
        { "templates/", ".html" },
        { "templates/messages/", ".json" },
        { "static/", NULL },
    };
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        enum err_code rc = theme_scan(a, dir, &folders[i], files, &found, err);
        if (rc != ERR_OK)
            return rc;
    }
    return found ? ERR_OK
                 : err_set(err, ERR_NOT_FOUND, "theme folder %s: neither templates/ nor static/ in it", dir);
}
