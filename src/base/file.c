#include "tkeauth/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
}

static enum err_code open_to_read(const char *path, int *ret_fd, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "%s: %s", path,
                       strerror(errno));
    *ret_fd = fd;
    return ERR_OK;
}

static enum err_code read_all(int fd, const char *path, size_t max, struct strbuf *out, struct err *err) {
    size_t total = 0;
    char block[4096];
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
        if (n == 0)
            break;
        total += (size_t)n;
        if (total > max)
            return err_set(err, ERR_LIMIT, "%s: over %zu bytes", path, max);
        strbuf_add(out, (struct str) { block, (size_t)n });
    }
    secret_wipe(block, sizeof block);
    return strbuf_check(out, err);
}

enum err_code file_read(const char *path, size_t max, struct strbuf *out, struct err *err) {
    AUTO(close_fd) int fd = -1;
    enum err_code rc = open_to_read(path, &fd, err);
    return rc == ERR_OK ? read_all(fd, path, max, out, err) : rc;
}

enum err_code file_read_secret(const char *path, size_t max, bool private_only, struct secret *ret,
                               struct err *err) {
    AUTO(close_fd) int fd = -1;
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(max + 4096);
    enum err_code rc = open_to_read(path, &fd, err);
    if (rc != ERR_OK)
        return rc;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (private_only && (st.st_mode & 077) != 0)
        return err_set(err, ERR_FORBIDDEN, "%s: others may read this secret; run: chmod 600 %s", path, path);
    rc = read_all(fd, path, max, &text, err);
    if (rc != ERR_OK)
        return rc;
    struct str bytes = strbuf_str(&text);
    if (str_ends_with(bytes, STR("\n")))
        bytes.len--;
    return secret_copy(bytes, ret, err);
}

static bool write_all(int fd, struct str data) {
    while (data.len > 0) {
        ssize_t n = write(fd, data.ptr, data.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data = str_from(data, (size_t)n);
    }
    return true;
}

/* The rename itself is durable only once the folder is synced. */
static void sync_folder_of(const char *path) {
    char *copy = str_dup_c(path);
    if (copy == NULL)
        return;
    AUTO(close_fd) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)fsync(fd);
    free(copy);
}

enum err_code file_write_atomic(const char *path, struct str data, unsigned mode, struct err *err) {
    AUTO(strbuf_done) struct strbuf temporary = STRBUF(4096);
    strbuf_addf(&temporary, "%s.XXXXXX", path);
    enum err_code rc = strbuf_check(&temporary, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(close_fd) int fd = mkostemp(temporary.ptr, O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", temporary.ptr, strerror(errno));
    if (!write_all(fd, data) || fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0 ||
        rename(temporary.ptr, path) != 0) {
        rc = err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
        (void)unlink(temporary.ptr);
        return rc;
    }
    sync_folder_of(path);
    return ERR_OK;
}
