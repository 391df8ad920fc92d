#include "unit/test.h"

#include "tkeauth/crypto.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct random fixed;
static char folder[64];

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/keyring_test.XXXXXX");
    random_fixed_init(&fixed, 7);
    return mkdtemp(folder) == NULL;
}

static unsigned files_in_folder(bool remove) {
    unsigned n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        n++;
        if (remove)
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    }
    (void)closedir(dir);
    return n;
}

static int remove_folder(void **state) {
    (void)state;
    (void)files_in_folder(true);
    return rmdir(folder);
}

static const char *path_of(const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const char *text, mode_t mode) {
    const char *path = path_of(name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
    return path;
}

static struct keyring *ring_of(unsigned char fill) {
    unsigned char key[KEYRING_KEY_SIZE];
    struct keyring *k = NULL;
    struct err err;
    memset(key, fill, sizeof key);
    assert_ok(keyring_from_key(key, &k, &err));
    return k;
}

static void a_sealed_text_opens_again(void **state) {
    (void)state;
    AUTO_FREE(keyring_free) struct keyring *k = ring_of(1);
    struct err err;
    static const struct str texts[] = { { NULL, 0 }, { "x", 1 }, { "with a \0 inside", 15 } };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO(strbuf_done) struct strbuf sealed = STRBUF(200), plain = STRBUF(200);
        strbuf_add(&plain, STR("before "));
        assert_ok(seal(k, &fixed, "auth-request", texts[i], &sealed, &err));
        assert_int_equal(sealed.len, texts[i].len + SEAL_OVERHEAD);
        assert_ok(unseal(k, "auth-request", strbuf_str(&sealed), &plain, &err));
        assert_true(str_eq(str_from(strbuf_str(&plain), 7), texts[i]));
    }
}

static void the_same_text_never_seals_to_the_same_blob(void **state) {
    (void)state;
    AUTO_FREE(keyring_free) struct keyring *k = ring_of(1);
    AUTO(strbuf_done) struct strbuf a = STRBUF(200), b = STRBUF(200);
    struct err err;
    assert_ok(seal(k, &fixed, "p", STR("same"), &a, &err));
    assert_ok(seal(k, &fixed, "p", STR("same"), &b, &err));
    assert_false(str_eq(str_from(strbuf_str(&a), 5 + 24), str_from(strbuf_str(&b), 5 + 24)));
}

static void a_blob_opens_for_its_purpose_only(void **state) {
    (void)state;
    AUTO_FREE(keyring_free) struct keyring *k = ring_of(1);
    AUTO(strbuf_done) struct strbuf sealed = STRBUF(200), plain = STRBUF(200);
    struct err err;
    assert_ok(seal(k, &fixed, "session", STR("text"), &sealed, &err));
    assert_int_equal(unseal(k, "signing-key", strbuf_str(&sealed), &plain, &err), ERR_INVALID);
    assert_int_equal(unseal(k, "sessio", strbuf_str(&sealed), &plain, &err), ERR_INVALID);
    assert_int_equal(unseal(k, "", strbuf_str(&sealed), &plain, &err), ERR_INVALID);
    assert_int_equal(plain.len, 0);
}

static void a_blob_changed_anywhere_is_refused(void **state) {
    (void)state;
    AUTO_FREE(keyring_free) struct keyring *k = ring_of(1);
    AUTO(strbuf_done) struct strbuf sealed = STRBUF(200), plain = STRBUF(200);
    struct err err;
    assert_ok(seal(k, &fixed, "p", STR("some text"), &sealed, &err));
    for (size_t bit = 0; bit < sealed.len * 8; bit++) {
        sealed.ptr[bit / 8] = (char)(sealed.ptr[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(unseal(k, "p", strbuf_str(&sealed), &plain, &err), ERR_INVALID);
        sealed.ptr[bit / 8] = (char)(sealed.ptr[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t len = 0; len < sealed.len; len++)
        assert_int_equal(unseal(k, "p", str_sub(strbuf_str(&sealed), 0, len), &plain, &err), ERR_INVALID);
    assert_int_equal(plain.len, 0);
}

static void an_oversized_purpose_is_refused(void **state) {
    (void)state;
    AUTO_FREE(keyring_free) struct keyring *k = ring_of(1);
    AUTO(strbuf_done) struct strbuf sealed = STRBUF(200);
    char purpose[KEYRING_PURPOSE_MAX + 1];
    struct err err;
    memset(purpose, 'p', sizeof purpose);
    purpose[KEYRING_PURPOSE_MAX] = '\0';
    assert_int_equal(seal(k, &fixed, purpose, STR("x"), &sealed, &err), ERR_INVALID);
    purpose[KEYRING_PURPOSE_MAX - 1] = '\0';
    assert_ok(seal(k, &fixed, purpose, STR("x"), &sealed, &err));
}

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY_B "__________________________________________8"

static void the_first_key_seals_and_all_keys_open(void **state) {
    (void)state;
    AUTO_FREE(keyring_free) struct keyring *old = NULL;
    AUTO_FREE(keyring_free) struct keyring *rotated = NULL;
    AUTO(strbuf_done) struct strbuf by_old = STRBUF(200), by_new = STRBUF(200), plain = STRBUF(200);
    struct err err;
    assert_ok(keyring_load(write_file("a", "# made by hand\n\n" KEY_A "\n", 0600), &old, &err));
    assert_ok(keyring_load(write_file("ba", KEY_B "\r\n" KEY_A, 0600), &rotated, &err));
    assert_ok(seal(old, &fixed, "p", STR("old"), &by_old, &err));
    assert_ok(seal(rotated, &fixed, "p", STR("new"), &by_new, &err));
    assert_ok(unseal(rotated, "p", strbuf_str(&by_old), &plain, &err));
    assert_str(strbuf_str(&plain), "old");
    assert_int_equal(unseal(old, "p", strbuf_str(&by_new), &plain, &err), ERR_INVALID);

    unsigned char from_old[32], from_new[32], again[32];
    assert_ok(keyring_derive(old, "csrf", from_old, &err));
    assert_ok(keyring_derive(rotated, "csrf", from_new, &err));
    assert_memory_not_equal(from_old, from_new, 32);
    assert_ok(keyring_derive(old, "other", from_new, &err));
    assert_memory_not_equal(from_old, from_new, 32);
    assert_ok(keyring_derive(old, "csrf", again, &err));
    assert_memory_equal(from_old, again, 32);
}

static void a_bad_key_file_is_refused_with_its_line(void **state) {
    (void)state;
    struct keyring *k = NULL;
    struct err err;
    assert_int_equal(keyring_load(path_of("missing"), &k, &err), ERR_NOT_FOUND);
    assert_int_equal(keyring_load(write_file("bad", KEY_A "\nshort\n", 0600), &k, &err), ERR_INVALID);
    assert_non_null(strstr(err.detail, "line 2"));
    assert_null(strstr(err.detail, "short")); /* it may be part of a key */
    assert_int_equal(keyring_load(write_file("bad", "# nothing\n", 0600), &k, &err), ERR_INVALID);
    assert_int_equal(keyring_load(write_file("bad", KEY_A "\n", 0640), &k, &err), ERR_FORBIDDEN);
    AUTO(strbuf_done) struct strbuf many = STRBUF(4096);
    for (int i = 0; i <= KEYRING_KEYS_MAX; i++)
        strbuf_add(&many, STR(KEY_A "\n"));
    assert_int_equal(keyring_load(write_file("bad", strbuf_c(&many), 0600), &k, &err), ERR_LIMIT);
    assert_null(k);
}

static void a_missing_file_is_made_once_and_private(void **state) {
    (void)state;
    AUTO_FREE(keyring_free) struct keyring *first = NULL;
    AUTO_FREE(keyring_free) struct keyring *second = NULL;
    AUTO(strbuf_done) struct strbuf sealed = STRBUF(200), plain = STRBUF(200);
    struct err err;
    struct stat st;
    assert_ok(keyring_load_or_create(path_of("new"), &fixed, &first, &err));
    assert_int_equal(stat(path_of("new"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_ok(keyring_load_or_create(path_of("new"), &fixed, &second, &err));
    assert_ok(seal(first, &fixed, "p", STR("text"), &sealed, &err));
    assert_ok(unseal(second, "p", strbuf_str(&sealed), &plain, &err));
    assert_int_equal(keyring_load_or_create("/nonexistent/folder/key", &fixed, &first, &err),
                     ERR_UNAVAILABLE);
}

/* What a process that starts at the same moment as others ends up with, as 32 bytes through a pipe. */
static void start_process(int go, int report) {
    struct keyring *k = NULL;
    struct err err;
    unsigned char derived[32];
    char c;
    if (read(go, &c, 1) != 0)
        _exit(2);
    if (keyring_load_or_create(path_of("race"), random_system(), &k, &err) != ERR_OK)
        _exit(3);
    if (keyring_derive(k, "race", derived, &err) != ERR_OK || write(report, derived, 32) != 32)
        _exit(4);
    keyring_free(k);
    _exit(0);
}

static void processes_that_start_at_once_end_with_one_key(void **state) {
    (void)state;
    enum { PROCESSES = 8 };
    int go[2], report[2];
    (void)files_in_folder(true);
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            (void)close(go[1]);
            start_process(go[0], report[1]);
        }
    (void)close(go[1]); /* the starting gun: everybody's read ends */
    unsigned char first[32], other[32];
    assert_int_equal(read(report[0], first, 32), 32);
    for (int i = 1; i < PROCESSES; i++) {
        assert_int_equal(read(report[0], other, 32), 32);
        assert_memory_equal(first, other, 32);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    (void)close(go[0]);
    (void)close(report[0]);
    (void)close(report[1]);
    assert_int_equal(files_in_folder(false), 1); /* and no temporary file stays behind */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_text_opens_again),
        cmocka_unit_test(the_same_text_never_seals_to_the_same_blob),
        cmocka_unit_test(a_blob_opens_for_its_purpose_only),
        cmocka_unit_test(a_blob_changed_anywhere_is_refused),
        cmocka_unit_test(an_oversized_purpose_is_refused),
        cmocka_unit_test(the_first_key_seals_and_all_keys_open),
        cmocka_unit_test(a_bad_key_file_is_refused_with_its_line),
        cmocka_unit_test(a_missing_file_is_made_once_and_private),
        cmocka_unit_test(processes_that_start_at_once_end_with_one_key),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
