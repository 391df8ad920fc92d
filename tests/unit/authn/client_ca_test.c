#include "caller.h"

#include <pthread.h>
#include <stdlib.h>

#include "authn/certificate.h"

static const struct certificate_spec ca_spec = { .purpose = FOR_SIGNING,
                                                 .until_s = NOW_S + 86400,
                                                 .subject = { CN("a CA") } };

static struct client_ca *load(struct caller *c, const char *name) {
    struct client_ca *ca = NULL;
    struct err err = { 0 };
    assert_ok(client_ca_load(caller_path(c, name), &ca, &err));
    return ca;
}

/* ---- files ---- */

static void a_bad_file_is_told_with_its_line(void **state) {
    struct caller *c = *state;
    AUTO(certificate_done) struct certificate ca = { 0 };
    certificate_make(&ca, &ca_spec);
    AUTO(strbuf_done) struct strbuf good = STRBUF(65536);
    struct err err = { 0 };
    certificate_append(&ca, caller_path(c, "good"));
    assert_ok(file_read(caller_path(c, "good"), 65536, &good, &err));
    int lines = 0;
    for (size_t i = 0; i < good.len; i++)
        lines += good.ptr[i] == '\n';
    static const struct {
        const char *before, *after; /* of a good certificate; NULL: without one */
        const char *want;
        int line; /* of `after`, counted from the end of the good one; 0: line 1 */
    } cases[] = {
        { "", NULL, "is empty", 0 },
        { "\n", NULL, "no certificate (PEM) in it", 0 },
        { "not a certificate\n", NULL, "no certificate (PEM) in it", 0 },
        { "", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
          "a certificate that cannot be read", 1 },
        { "", "\n# the old one\n-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n",
          "a broken PEM block", 3 },
        { "", "-----BEGIN CERTIFICATE-----\nMIIB\n", "a broken PEM block", 1 },
        { "", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
          "a block that is no certificate", 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf text = STRBUF(65536);
        struct client_ca *loaded = NULL;
        strbuf_adds(&text, cases[i].before);
        if (cases[i].after != NULL)
            strbuf_addf(&text, "%s%s", strbuf_c(&good), cases[i].after);
        caller_write(c, "bad", strbuf_c(&text));
        const char *path = caller_path(c, "bad");
        const char *want = arena_printf(c->arena, "%s:%d: %s", path,
                                        cases[i].line ? lines + cases[i].line : 1, cases[i].want);
        assert_int_equal(client_ca_load(path, &loaded, &err), ERR_INVALID);
        assert_string_equal(err.detail, want);
        assert_null(loaded);
    }
    struct client_ca *none = NULL;
    assert_int_equal(client_ca_load(caller_path(c, "none"), &none, &err), ERR_NOT_FOUND);
}

static void text_between_certificates_is_taken_and_all_of_them_count(void **state) {
    struct caller *c = *state;
    AUTO(certificate_done) struct certificate one = { 0 }, two = { 0 }, a = { 0 }, b = { 0 };
    certificate_make(&one, &ca_spec);
    certificate_make(&two,
                     &(struct certificate_spec) { .purpose = FOR_SIGNING, .subject = { CN("another CA") } });
    certificate_make(&a, &(struct certificate_spec) { .issuer = &one, .subject = { CN("a") } });
    certificate_make(&b, &(struct certificate_spec) { .issuer = &two, .subject = { CN("b") } });
    caller_write(c, "ca", "subject=CN = a CA\n");
    certificate_append(&one, caller_path(c, "ca"));
    certificate_append(&two, caller_path(c, "ca"));
    AUTO_FREE(client_ca_free) struct client_ca *ca = load(c, "ca");
    assert_int_equal(client_ca_judge(ca, a.der, NOW_S), CLIENT_CA_ISSUED);
    assert_int_equal(client_ca_judge(ca, b.der, NOW_S), CLIENT_CA_ISSUED);
}

/* ---- judging ---- */

static void a_certificate_is_of_the_ca_that_signed_it(void **state) {
    struct caller *c = *state;
    AUTO(certificate_done) struct certificate ours = { 0 }, twin = { 0 }, leaf = { 0 }, forged = { 0 };
    certificate_make(&ours, &ca_spec);
    certificate_make(&twin, &ca_spec); /* the same name, another key */
    certificate_append(&ours, caller_path(c, "ca"));
    AUTO_FREE(client_ca_free) struct client_ca *ca = load(c, "ca");
    certificate_make(&leaf, &(struct certificate_spec) { .issuer = &ours, .subject = { CN("a") } });
    certificate_make(&forged, &(struct certificate_spec) { .issuer = &twin, .subject = { CN("a") } });
    assert_int_equal(client_ca_judge(ca, leaf.der, NOW_S), CLIENT_CA_ISSUED);
    assert_int_equal(client_ca_judge(ca, forged.der, NOW_S), CLIENT_CA_OTHER);
    assert_int_equal(client_ca_judge(ca, STR("no certificate"), NOW_S), CLIENT_CA_OTHER);
    assert_int_equal(client_ca_judge(ca, STR_NULL, NOW_S), CLIENT_CA_OTHER);
    AUTO(strbuf_done) struct strbuf longer = STRBUF(65536);
    strbuf_add(&longer, leaf.der);
    strbuf_addc(&longer, 'x');
    assert_int_equal(client_ca_judge(ca, strbuf_str(&longer), NOW_S), CLIENT_CA_OTHER);
}

static void purpose_and_time_are_checked(void **state) {
    struct caller *c = *state;
    AUTO(certificate_done) struct certificate issuer = { 0 };
    certificate_make(&issuer, &ca_spec);
    certificate_append(&issuer, caller_path(c, "ca"));
    AUTO_FREE(client_ca_free) struct client_ca *ca = load(c, "ca");
    static const struct {
        enum certificate_purpose purpose;
        int64_t from_s, until_s;
        enum client_ca_verdict want;
    } cases[] = {
        { FOR_CLIENTS, 0, 0, CLIENT_CA_ISSUED },          { FOR_ANYTHING, 0, 0, CLIENT_CA_ISSUED },
        { FOR_SERVERS, 0, 0, CLIENT_CA_REFUSED },         { FOR_CLIENTS, NOW_S, 0, CLIENT_CA_ISSUED },
        { FOR_CLIENTS, NOW_S + 1, 0, CLIENT_CA_REFUSED }, { FOR_CLIENTS, 0, NOW_S + 1, CLIENT_CA_ISSUED },
        { FOR_CLIENTS, 0, NOW_S, CLIENT_CA_REFUSED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(certificate_done) struct certificate leaf = { 0 };
        certificate_make(&leaf, &(struct certificate_spec) { .issuer = &issuer,
                                                             .purpose = cases[i].purpose,
                                                             .from_s = cases[i].from_s,
                                                             .until_s = cases[i].until_s,
                                                             .subject = { CN("a") } });
        if (client_ca_judge(ca, leaf.der, NOW_S) != cases[i].want)
            fail_msg("case %zu", i);
    }
}

static void an_intermediate_ca_must_stand_in_the_file(void **state) {
    struct caller *c = *state;
    AUTO(certificate_done) struct certificate root = { 0 }, between = { 0 }, leaf = { 0 };
    certificate_make(&root, &ca_spec);
    certificate_make(&between, &(struct certificate_spec) {
                                   .issuer = &root, .purpose = FOR_SIGNING, .subject = { CN("between") } });
    certificate_make(&leaf, &(struct certificate_spec) { .issuer = &between, .subject = { CN("a") } });
    certificate_append(&root, caller_path(c, "root"));
    certificate_append(&between, caller_path(c, "between"));
    certificate_append(&root, caller_path(c, "both"));
    certificate_append(&between, caller_path(c, "both"));
    static const struct {
        const char *file;
        enum client_ca_verdict want;
    } cases[] = { { "root", CLIENT_CA_OTHER },
                  { "between", CLIENT_CA_ISSUED },
                  { "both", CLIENT_CA_ISSUED } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE(client_ca_free) struct client_ca *ca = load(c, cases[i].file);
        assert_int_equal(client_ca_judge(ca, leaf.der, NOW_S), cases[i].want);
    }
}

/* ---- remembering ---- */

static struct certificate_identity named(const char *name, const struct str *group, int64_t from,
                                         int64_t until) {
    return (struct certificate_identity) { .is_client = true,
                                           .name = str_of(name),
                                           .groups = group,
                                           .group_count = 1,
                                           .from = from,
                                           .until = until };
}

static void what_is_remembered_ends_when_it_says(void **state) {
    struct caller *c = *state;
    AUTO_FREE(certificate_cache_free) struct certificate_cache *cache = NULL;
    const struct str group = STR("ops");
    struct certificate_identity id = named("ann", &group, 100, 200), got;
    struct err err = { 0 };
    assert_ok(certificate_cache_new(random_system(), &cache, &err));
    assert_false(certificate_cache_find(cache, c->arena, STR("der"), 150, &got));
    certificate_cache_put(cache, STR("der"), 150, &id);
    static const struct {
        int64_t now;
        bool found;
    } times[] = { { 99, false }, { 100, true }, { 199, true }, { 200, false } };
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        assert_int_equal(certificate_cache_find(cache, c->arena, STR("der"), times[i].now, &got),
                         times[i].found);
    assert_true(certificate_cache_find(cache, c->arena, STR("der"), 150, &got));
    assert_str(got.name, "ann");
    assert_str(got.groups[0], "ops");
    assert_ptr_not_equal(got.name.ptr, id.name.ptr);
    assert_false(certificate_cache_find(cache, c->arena, STR("dea"), 150, &got));
    /* What holds for no time is not kept. */
    id.until = 0;
    certificate_cache_put(cache, STR("other"), 150, &id);
    assert_false(certificate_cache_find(cache, c->arena, STR("other"), 150, &got));
}

static void newer_certificates_take_the_place_of_others(void **state) {
    struct caller *c = *state;
    AUTO_FREE(certificate_cache_free) struct certificate_cache *cache = NULL;
    const struct str group = STR("ops");
    struct certificate_identity got;
    struct err err = { 0 };
    unsigned found = 0;
    assert_ok(certificate_cache_new(random_system(), &cache, &err));
    for (unsigned i = 0; i < 5000; i++) {
        char der[32];
        (void)snprintf(der, sizeof der, "certificate %u", i);
        const struct certificate_identity id = named(der, &group, 0, 1000);
        certificate_cache_put(cache, str_of(der), 1, &id);
        assert_true(certificate_cache_find(cache, c->arena, str_of(der), 1, &got)); /* the newest always */
    }
    for (unsigned i = 0; i < 5000; i++) {
        char der[32];
        (void)snprintf(der, sizeof der, "certificate %u", i);
        if (certificate_cache_find(cache, c->arena, str_of(der), 1, &got)) {
            found++;
            assert_str(got.name, der);
        }
    }
    assert_in_range(found, 500, 1024); /* bounded, and not wasted */
}

struct racer {
    struct certificate_cache *cache;
    unsigned seed;
};

static void *race(void *arg) {
    struct racer *r = arg;
    struct arena *a = arena_new(64 << 20);
    const struct str group = STR("ops");
    for (unsigned i = 0; i < 3000; i++) {
        char der[32];
        struct certificate_identity got;
        r->seed = r->seed * 1103515245 + 12345;
        (void)snprintf(der, sizeof der, "certificate %u", (r->seed >> 16) % 1500);
        if (certificate_cache_find(r->cache, a, str_of(der), 1, &got)) {
            if (!str_eq(got.name, str_of(der)) || !str_eq(got.groups[0], group))
                abort();
        } else {
            const struct certificate_identity id = named(der, &group, 0, 1000);
            certificate_cache_put(r->cache, str_of(der), 1, &id);
        }
    }
    arena_free(a);
    return NULL;
}

static void many_threads_never_mix_up_certificates(void **state) {
    (void)state;
    AUTO_FREE(certificate_cache_free) struct certificate_cache *cache = NULL;
    struct err err = { 0 };
    pthread_t threads[8];
    struct racer racers[ARRAY_LEN(threads)];
    assert_ok(certificate_cache_new(random_system(), &cache, &err));
    for (unsigned i = 0; i < ARRAY_LEN(threads); i++) {
        racers[i] = (struct racer) { cache, i * 7919 + 1 };
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, caller_setup, caller_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_bad_file_is_told_with_its_line),
        TEST(text_between_certificates_is_taken_and_all_of_them_count),
        TEST(a_certificate_is_of_the_ca_that_signed_it),
        TEST(purpose_and_time_are_checked),
        TEST(an_intermediate_ca_must_stand_in_the_file),
        TEST(what_is_remembered_ends_when_it_says),
        TEST(newer_certificates_take_the_place_of_others),
        cmocka_unit_test(many_threads_never_mix_up_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
