#include "server/tls_files.h"

#include <unistd.h>

#include "unit/test.h"

static char folder[] = "/tmp/tls-files-test-XXXXXX";

static const char *path_of(const char *name) {
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *const names[] = { "crt", "key", "clients", "proxies", "empty" };
static const char *const texts[] = { "a certificate\n", "a key\n", "CA of clients", "CA of proxies\n", "" };

static int setup(void **state) {
    struct err err;
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (file_write_atomic(path_of(names[i]), str_of(texts[i]), 0600, &err) != ERR_OK)
            return -1;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unlink(path_of(names[i]));
    return rmdir(folder);
}

static void the_listener_asks_for_certificates_of_both_cas(void **state) {
    (void)state;
    static const struct {
        const char *clients, *proxies, *want; /* NULL: clients are not asked */
    } cases[] = {
        { NULL, NULL, NULL },
        { "clients", NULL, "CA of clients\n" },
        { NULL, "proxies", "CA of proxies\n\n" },
        { "clients", "proxies",
          "CA of clients\nCA of proxies\n\n" }, /* the first has no line end of its own */
        { "empty", NULL, "\n" },                /* asked for, so it is told to be no CA */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct config c = {
            .issuer = "https://auth.example/oidc",
            .secure_serving = { .tls_cert_file = path_of("crt"), .tls_private_key_file = path_of("key") },
            .authentication = { .client_ca_file = cases[i].clients ? path_of(cases[i].clients) : NULL,
                                .requestheader.client_ca_file = cases[i].proxies ? path_of(cases[i].proxies)
                                                                                 : NULL },
        };
        struct tls_files files;
        struct http_tls tls;
        AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 16);
        AUTO(tls_material_done) struct tls_material m = { 0 };
        assert_ok(tls_files_find(a, &c, 0, &files, &err));
        assert_ok(tls_material_load(&files, &m, &tls, &err));
        assert_str(tls.certificate_pem, "a certificate\n");
        assert_str(tls.client_ca_pem, cases[i].want);
        assert_int_equal(tls.client_ca_pem.ptr == NULL, cases[i].want == NULL);
    }
}

static void a_ca_file_that_is_not_there_is_an_error(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct err err = { 0 };
        struct http_tls tls;
        const struct tls_files files = { .certificate = path_of("crt"),
                                         .key = path_of("key"),
                                         .client_ca = path_of(i == 0 ? "none" : "clients"),
                                         .front_proxy_ca = path_of(i == 1 ? "none" : "proxies") };
        AUTO(tls_material_done) struct tls_material m = { 0 };
        assert_int_equal(tls_material_load(&files, &m, &tls, &err), ERR_NOT_FOUND);
        assert_non_null(strstr(err.detail, "/none"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_listener_asks_for_certificates_of_both_cas),
        cmocka_unit_test(a_ca_file_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
