/* Folders are watched, not files: a mounted Secret is a chain of symlinks (file -> ..data/file -> ..2026_01/file) of which
 * kubelet renames the middle one, and editors replace files. Whether a file really changed is read off its target. */
#include "tkeauth/config.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CFG_WATCH_MAX = 1024 };

struct watched {
    char *path;
    struct stat last; /* st_nlink 0: there was none */
};
struct cfg_watch {
    int fd;
    struct watched *items;
    size_t len;
};

static struct stat look(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0)
        memset(&st, 0, sizeof st);
    return st;
}

static bool is_same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           (a->st_nlink == 0) == (b->st_nlink == 0);
}

enum err_code cfg_watch_new(struct cfg_watch **ret, struct err *err) {
    struct cfg_watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(err, ERR_NOMEM, "a file watch");
    w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->fd < 0) {
        free(w);
        return err_set(err, ERR_UNAVAILABLE, "inotify: %s", strerror(errno));
    }
    *ret = w;
    return ERR_OK;
}

void cfg_watch_free(struct cfg_watch *w) {
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->len; i++)
        free(w->items[i].path);
    free(w->items);
    (void)close(w->fd);
    free(w);
}

int cfg_watch_fd(const struct cfg_watch *w) { return w->fd; }

static bool watch_folder_of(struct cfg_watch *w, const char *path) {
    char *copy = str_dup_c(path);
    bool ok = copy != NULL &&
              inotify_add_watch(w->fd, dirname(copy),
                                IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE |
                                    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) >= 0;
    free(copy);
    return ok;
}

/* The folder of the name, and the folder that the name leads to now. The same folder twice is one watch. */
static bool watch_path(struct cfg_watch *w, const char *path) {
    char target[PATH_MAX];
    bool ok = watch_folder_of(w, path);
    if (realpath(path, target) != NULL)
        (void)watch_folder_of(w, target);
    return ok;
}

enum err_code cfg_watch_add(struct cfg_watch *w, const char *path, struct err *err) {
    if (w->len >= CFG_WATCH_MAX)
        return err_set(err, ERR_LIMIT, "more than %d files to watch", CFG_WATCH_MAX);
    if (!watch_path(w, path))
        return err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
                       "watching %s: %s", path, strerror(errno));
    struct watched *grown = reallocarray(w->items, w->len + 1, sizeof *grown);
    char *copy = str_dup_c(path);
    if (grown != NULL)
        w->items = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return err_set(err, ERR_NOMEM, "watching %s", path);
    }
    w->items[w->len++] = (struct watched) { copy, look(path) };
    return ERR_OK;
}

bool cfg_watch_changed(struct cfg_watch *w) {
    _Alignas(struct inotify_event) char events[4096];
    bool changed = false;
    while (read(w->fd, events, sizeof events) > 0 || errno == EINTR)
        errno = 0; /* what happened does not matter: everything is looked at */
    for (size_t i = 0; i < w->len; i++) {
        /* Watches go with their folder: a new folder of the same name needs new ones. */
        (void)watch_path(w, w->items[i].path);
        struct stat now = look(w->items[i].path);
        changed = changed || !is_same_file(&w->items[i].last, &now);
        w->items[i].last = now;
    }
    return changed;
}
