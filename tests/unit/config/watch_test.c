#include "unit/test.h"

#include "tkeauth/config.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char dir[64];
    struct cfg_watch *watch;
};

static int setup(void **state) {
    static struct fixture f;
    struct err err = { 0 };
    f = (struct fixture) { .dir = "/tmp/tke-auth-watch-XXXXXX" };
    *state = &f;
    return mkdtemp(f.dir) && cfg_watch_new(&f.watch, &err) == ERR_OK ? 0 : -1;
}

static const char *const leftovers[] = { "plain",    "other", "file", "..data",    "..data_tmp", "..1/file",
                                         "..2/file", "..1",   "..2",  "real/conf", "link",       "real" };

static const char *in(struct fixture *f, const char *name) {
    static char paths[4][128];
    static size_t next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", f->dir, name);
    return path;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    cfg_watch_free(f->watch);
    for (size_t i = 0; i < ARRAY_LEN(leftovers); i++)
        if (unlink(in(f, leftovers[i])) != 0)
            (void)rmdir(in(f, leftovers[i]));
    return rmdir(f->dir);
}

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void watch(struct fixture *f, const char *name) {
    struct err err = { 0 };
    assert_ok(cfg_watch_add(f->watch, in(f, name), &err));
}

/* inotify queues its event before the call that caused it returns: nothing has to be waited for. */
static bool is_readable(struct fixture *f) {
    struct pollfd p = { .fd = cfg_watch_fd(f->watch), .events = POLLIN };
    return poll(&p, 1, 0) == 1;
}

static void assert_noticed(struct fixture *f) {
    assert_true(is_readable(f));
    assert_true(cfg_watch_changed(f->watch));
    assert_false(is_readable(f));
    assert_false(cfg_watch_changed(f->watch));
}

static void writing_replacing_removing_and_making_a_file_is_noticed(void **state) {
    struct fixture *f = *state;
    struct err err = { 0 };
    put(in(f, "plain"), "1");
    watch(f, "plain");
    assert_false(is_readable(f));
    put(in(f, "plain"), "22");
    assert_noticed(f);
    assert_ok(file_write_atomic(in(f, "plain"), STR("33"), 0600, &err));
    assert_noticed(f);
    assert_int_equal(unlink(in(f, "plain")), 0);
    assert_noticed(f);
    put(in(f, "plain"), "4");
    assert_noticed(f);
}

static void a_file_that_is_not_there_yet_can_be_watched(void **state) {
    struct fixture *f = *state;
    watch(f, "plain");
    put(in(f, "plain"), "1");
    assert_noticed(f);
}

static void other_files_of_the_folder_are_no_change(void **state) {
    struct fixture *f = *state;
    put(in(f, "plain"), "1");
    watch(f, "plain");
    put(in(f, "other"), "1");
    assert_true(is_readable(f));
    assert_false(cfg_watch_changed(f->watch));
    assert_false(is_readable(f));
}

/* As kubelet updates a mounted Secret. */
static void the_swap_of_a_mounted_secret_is_noticed(void **state) {
    struct fixture *f = *state;
    assert_int_equal(mkdir(in(f, "..1"), 0700), 0);
    put(in(f, "..1/file"), "same");
    assert_int_equal(symlink("..1", in(f, "..data")), 0);
    assert_int_equal(symlink("..data/file", in(f, "file")), 0);
    watch(f, "file");
    for (int round = 0; round < 2; round++) {
        const char *next = round == 0 ? "..2" : "..1", *old = round == 0 ? "..1" : "..2";
        char file[32];
        (void)snprintf(file, sizeof file, "%s/file", next);
        assert_int_equal(mkdir(in(f, next), 0700), round == 0 ? 0 : -1);
        put(in(f, file), round == 0 ? "same" : "again");
        (void)cfg_watch_changed(f->watch); /* until the swap this is another file's business */
        assert_int_equal(symlink(next, in(f, "..data_tmp")), 0);
        assert_int_equal(rename(in(f, "..data_tmp"), in(f, "..data")), 0);
        assert_noticed(f);
        (void)snprintf(file, sizeof file, "%s/file", old);
        if (round == 0) {
            /* The old folder stays readable to who has it open; here it is kept for the way back. */
            put(in(f, file), "stale");
            (void)cfg_watch_changed(f->watch);
        }
    }
}

static void a_change_behind_a_link_to_another_folder_is_noticed(void **state) {
    struct fixture *f = *state;
    assert_int_equal(mkdir(in(f, "real"), 0700), 0);
    put(in(f, "real/conf"), "1");
    assert_int_equal(symlink("real/conf", in(f, "link")), 0);
    watch(f, "link");
    put(in(f, "real/conf"), "22");
    assert_noticed(f);
}

static void a_folder_that_does_not_exist_is_an_error(void **state) {
    struct fixture *f = *state;
    struct err err = { 0 };
    assert_int_equal(cfg_watch_add(f->watch, in(f, "none/plain"), &err), ERR_NOT_FOUND);
    cfg_watch_free(NULL);
}

int main(void) {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(writing_replacing_removing_and_making_a_file_is_noticed),
        T(a_file_that_is_not_there_yet_can_be_watched),
        T(other_files_of_the_folder_are_no_change),
        T(the_swap_of_a_mounted_secret_is_noticed),
        T(a_change_behind_a_link_to_another_folder_is_noticed),
        T(a_folder_that_does_not_exist_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
