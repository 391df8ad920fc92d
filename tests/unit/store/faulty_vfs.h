/* A layer under SQLite that fails on demand as a disk does, and can hold a sync at a gate. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct faulty_vfs {
    _Atomic int fail_write, fail_sync, fail_open; /* the SQLite code to fail with, 0: work */
    _Atomic uint64_t log_syncs;                   /* of write-ahead logs, completed */
    pthread_mutex_t mutex;                        /* guards the gate */
    pthread_cond_t moved;
    bool closed; /* syncs of the log wait */
    unsigned waiting;
};
/* The one layer there is, registered as the default. */
struct faulty_vfs *faulty_vfs_install(void);
void faulty_vfs_close_gate(struct faulty_vfs *v);
void faulty_vfs_await_sync(struct faulty_vfs *v); /* until one waits at the gate */
void faulty_vfs_open_gate(struct faulty_vfs *v);
