#include "unit/store/faulty_vfs.h"

#include <sqlite3.h>
#include <string.h>

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    bool is_log;
};
static sqlite3_file *real_of(sqlite3_file *f) { return ((struct file *)f)->real; }

static struct faulty_vfs control = { .mutex = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };
static sqlite3_vfs layer;

static int f_close(sqlite3_file *f) { return real_of(f)->pMethods->xClose(real_of(f)); }
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
    int fail = control.fail_write;
    return fail != 0 ? fail : real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 size) {
    return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static void wait_at_gate(void) {
    (void)pthread_mutex_lock(&control.mutex);
    control.waiting++;
    (void)pthread_cond_broadcast(&control.moved);
    while (control.closed)
        (void)pthread_cond_wait(&control.moved, &control.mutex);
    control.waiting--;
    (void)pthread_mutex_unlock(&control.mutex);
}

static int f_sync(sqlite3_file *f, int flags) {
    bool is_log = ((struct file *)f)->is_log;
    if (is_log)
        wait_at_gate();
    int fail = control.fail_sync;
    if (fail != 0)
        return fail;
    int rc = real_of(f)->pMethods->xSync(real_of(f), flags);
    control.log_syncs += is_log;
    return rc;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *ret) {
    return real_of(f)->pMethods->xFileSize(real_of(f), ret);
}
static int f_lock(sqlite3_file *f, int level) { return real_of(f)->pMethods->xLock(real_of(f), level); }
static int f_unlock(sqlite3_file *f, int level) { return real_of(f)->pMethods->xUnlock(real_of(f), level); }
static int f_reserved(sqlite3_file *f, int *ret) {
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}
static int f_control(sqlite3_file *f, int op, void *arg) {
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}
static int f_sector(sqlite3_file *f) { return real_of(f)->pMethods->xSectorSize(real_of(f)); }
static int f_device(sqlite3_file *f) { return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f)); }
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret) {
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, ret);
}
static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}
static void f_shm_barrier(sqlite3_file *f) { real_of(f)->pMethods->xShmBarrier(real_of(f)); }
static int f_shm_unmap(sqlite3_file *f, int remove) {
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_device,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *ret_flags) {
    sqlite3_vfs *real = v->pAppData;
    struct file *f = (struct file *)file;
    int fail = control.fail_open;
    f->base.pMethods = NULL;
    if (fail != 0)
        return fail;
    f->real = (sqlite3_file *)(f + 1);
    f->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    int rc = real->xOpen(real, name, f->real, flags, ret_flags);
    if (rc == SQLITE_OK)
        f->base.pMethods = &methods;
    return rc;
}

struct faulty_vfs *faulty_vfs_install(void) {
    if (layer.pAppData == NULL) {
        sqlite3_vfs *real = sqlite3_vfs_find(NULL);
        layer = *real;
        layer.pNext = NULL;
        layer.zName = "faulty";
        layer.szOsFile = (int)sizeof(struct file) + real->szOsFile;
        layer.pAppData = real;
        layer.xOpen = v_open;
        (void)sqlite3_vfs_register(&layer, 1);
    }
    control.fail_write = control.fail_sync = control.fail_open = 0;
    return &control;
}

static void set_gate(struct faulty_vfs *v, bool closed) {
    (void)pthread_mutex_lock(&v->mutex);
    v->closed = closed;
    (void)pthread_cond_broadcast(&v->moved);
    (void)pthread_mutex_unlock(&v->mutex);
}
void faulty_vfs_close_gate(struct faulty_vfs *v) { set_gate(v, true); }
void faulty_vfs_open_gate(struct faulty_vfs *v) { set_gate(v, false); }

void faulty_vfs_await_sync(struct faulty_vfs *v) {
    (void)pthread_mutex_lock(&v->mutex);
    while (v->waiting == 0)
        (void)pthread_cond_wait(&v->moved, &v->mutex);
    (void)pthread_mutex_unlock(&v->mutex);
}
