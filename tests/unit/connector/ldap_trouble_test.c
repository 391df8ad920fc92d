/* The LDAP connector and servers that are down, slow, silent, half-answering, lying, or not who they should be. */
#include "unit/connector/rig.h"
#include "unit/connector/fake_ldap.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

static struct slapd directory;

static int start(void **state) {
    (void)state;
    slapd_start(&directory, (const char *const[]) { NULL });
    return 0;
}

static int stop(void **state) {
    (void)state;
    slapd_stop(&directory);
    return 0;
}

#define REST                                                                                                 \
    "bindDN: 'cn=admin,dc=example,dc=org'\n"                                                                 \
    "userSearch: {baseDN: 'ou=People,ou=Query,dc=example,dc=org', username: cn, nameAttr: cn, idAttr: DN}\n"

static void open_at(struct rig *r, const char *host, const char *more) {
    char yaml[2048];
    (void)snprintf(yaml, sizeof yaml, "host: '%s'\nbindPW: admin\n%s\n" REST, host, more);
    rig_open(r, "ldap", yaml);
}

static const char *plain_at_localhost(void) {
    static char text[64];
    struct str port = str_from(str_of(directory.ldap), str_find(str_of(directory.ldap), ':'));
    (void)snprintf(text, sizeof text, "localhost%.*s", STR_FMT(port));
    return text;
}

static const char *ca_lines(const char *file, const char *more) {
    static char text[512];
    (void)snprintf(text, sizeof text, "rootCA: %s\n%s", file, more);
    return text;
}

/* ---- certificates ---- */

static void fails_over_tls(const char *host, const char *lines, const char *says) {
    AUTO(rig_close) struct rig r = { 0 };
    open_at(&r, host, lines);
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, says);
}

static void an_unknown_ca_is_refused(void **state) {
    (void)state;
    fails_over_tls(directory.ldaps, ca_lines(directory.other_ca, ""), "server's certificate");
    fails_over_tls(plain_at_localhost(), ca_lines(directory.other_ca, "startTLS: true"),
                   "server's certificate");
    fails_over_tls(directory.ldaps, "", "server's certificate"); /* the system's */
}

static void another_name_in_the_certificate_is_refused(void **state) {
    (void)state;
    char host[64];
    struct str port = str_from(str_of(directory.ldaps), str_find(str_of(directory.ldaps), ':'));
    (void)snprintf(host, sizeof host, "127.0.0.1%.*s", STR_FMT(port));
    fails_over_tls(host, ca_lines(directory.ca, ""), "IP address mismatch");
    fails_over_tls(directory.ldap, ca_lines(directory.ca, "startTLS: true"), "IP address mismatch");
}

static void an_expired_certificate_and_one_for_another_host_are_refused(void **state) {
    (void)state;
    struct slapd expired, other;
    slapd_start(&expired, (const char *const[]) { "--expired", NULL });
    fails_over_tls(expired.ldaps, ca_lines(expired.ca, ""), "expired");
    slapd_stop(&expired);
    slapd_start(&other, (const char *const[]) { "--san", "DNS:elsewhere.example,DNS:*.localhost", NULL });
    fails_over_tls(other.ldaps, ca_lines(other.ca, ""), "hostname mismatch");
    slapd_stop(&other);
}

static void an_address_in_the_certificate_is_enough_for_an_address(void **state) {
    (void)state;
    struct slapd s;
    AUTO(rig_close) struct rig r = { 0 };
    char host[64];
    slapd_start(&s, (const char *const[]) { "--san", "IP:127.0.0.1", NULL });
    struct str port = str_from(str_of(s.ldaps), str_find(str_of(s.ldaps), ':'));
    (void)snprintf(host, sizeof host, "127.0.0.1%.*s", STR_FMT(port));
    open_at(&r, host, ca_lines(s.ca, ""));
    assert_non_null(rig_ok(&r, "jane", "foo"));
    slapd_stop(&s);
}

static void a_client_certificate_is_shown_where_it_is_demanded(void **state) {
    (void)state;
    struct slapd s;
    char lines[512];
    AUTO(rig_close) struct rig r = { 0 };
    slapd_start(&s, (const char *const[]) { "--client-cert", NULL });
    open_at(&r, s.ldaps, ca_lines(s.ca, ""));
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "");
    rig_close(&r);
    (void)snprintf(lines, sizeof lines, "rootCA: %s\nclientCert: %s\nclientKey: %s", s.ca, s.client_cert,
                   s.client_key);
    open_at(&r, s.ldaps, lines);
    assert_non_null(rig_ok(&r, "jane", "foo"));
    slapd_stop(&s);
}

static void a_plain_port_asked_for_tls_is_given_up_on(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { .budget_ms = 400 };
    enum login_outcome outcome;
    struct identity unused;
    open_at(&r, plain_at_localhost(), ca_lines(directory.ca, ""));
    assert_int_not_equal(rig_login(&r, STR("jane"), STR("foo"), &outcome, &unused), ERR_OK);
    rig_close(&r);
    r.budget_ms = 400;
    open_at(&r, directory.ldaps, "insecureNoSSL: true");
    assert_int_not_equal(rig_login(&r, STR("jane"), STR("foo"), &outcome, &unused), ERR_OK);
}

/* ---- the searching account ---- */

static void a_refused_service_bind_is_an_outage_and_names_the_result(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    char yaml[1024];
    (void)snprintf(yaml, sizeof yaml, "host: '%s'\ninsecureNoSSL: true\nbindPW: wrong\n" REST,
                   directory.ldap);
    rig_open(&r, "ldap", yaml);
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "the bind of bindDN was refused: result 49");
    assert_int_not_equal(connector_health(r.c, &r.err), ERR_OK);
}

/* ---- servers that misbehave ---- */

static void open_fake(struct rig *r, const struct fake *f, const char *more) {
    char host[32];
    (void)snprintf(host, sizeof host, "127.0.0.1:%d", f->port);
    char yaml[2048];
    (void)snprintf(
        yaml, sizeof yaml,
        "host: '%s'\nbindPW: admin\nbindDN: 'cn=admin,dc=example,dc=org'\n%s\n"
        "userSearch: {baseDN: 'dc=example,dc=org', username: uid}\n"
        "groupSearch: {baseDN: 'dc=example,dc=org', nameAttr: cn, userAttr: DN, groupAttr: member}\n",
        host, more);
    rig_open(r, "ldap", yaml);
}

static void a_server_that_misbehaves_is_given_up_on_in_time(void **state) {
    (void)state;
    static const struct {
        enum fake_mode mode;
        const char *lines;
        enum err_code code;
        const char *says;
    } cases[] = {
        { FAKE_SILENT, "insecureNoSSL: true", ERR_TIMEOUT, "bind: no answer in time" },
        { FAKE_SILENT, "insecureSkipVerify: true", ERR_TIMEOUT, "TLS handshake: no answer in time" },
        { FAKE_SILENT, "startTLS: true\ninsecureSkipVerify: true", ERR_TIMEOUT,
          "StartTLS: no answer in time" },
        { FAKE_STARTTLS_SILENT, "startTLS: true\ninsecureSkipVerify: true", ERR_TIMEOUT,
          "TLS handshake: no answer in time" },
        { FAKE_STARTTLS_INJECTS, "startTLS: true\ninsecureSkipVerify: true", ERR_UNAVAILABLE,
          "sent data before the handshake" },
        { FAKE_STARTTLS_REFUSES, "startTLS: true\ninsecureSkipVerify: true", ERR_UNAVAILABLE,
          "StartTLS refused: result 52" },
        { FAKE_CLOSES, "insecureNoSSL: true", ERR_UNAVAILABLE, "" },
        { FAKE_CLOSES, "insecureSkipVerify: true", ERR_UNAVAILABLE, "TLS handshake" },
        { FAKE_RUBBISH, "insecureNoSSL: true", ERR_UNAVAILABLE, "" },
        { FAKE_RUBBISH, "insecureSkipVerify: true", ERR_UNAVAILABLE, "TLS handshake" },
        { FAKE_HALF, "insecureNoSSL: true", ERR_TIMEOUT, "bind: no answer in time" },
        { FAKE_DRIP, "insecureNoSSL: true", ERR_TIMEOUT, "bind: no answer in time" },
        { FAKE_HUGE, "insecureNoSSL: true", ERR_UNAVAILABLE, "" },
        { FAKE_WRONG_ID, "insecureNoSSL: true", ERR_TIMEOUT, "bind: no answer in time" },
        { FAKE_REFUSES_BIND, "insecureNoSSL: true", ERR_UNAVAILABLE, "result 49" },
        { FAKE_UNKNOWN_BIND, "insecureNoSSL: true", ERR_UNAVAILABLE, "user bind: result 80" },
        { FAKE_ENDLESS_ENTRIES, "insecureNoSSL: true", ERR_UNAVAILABLE, "several entries" },
        { FAKE_SILENT_USER_BIND, "insecureNoSSL: true", ERR_TIMEOUT, "bind: no answer in time" },
        { FAKE_REFERRAL, "insecureNoSSL: true", ERR_UNAVAILABLE, "global catalog" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake f;
        /* Who answers has all the time there is: only the silent ones run against the limit. */
        AUTO(rig_close) struct rig r = { .budget_ms = cases[i].code == ERR_TIMEOUT ? 250 : 20000 };
        fake_start(&f, cases[i].mode);
        open_fake(&r, &f, cases[i].lines);
        enum login_outcome outcome;
        struct identity unused;
        enum err_code rc = rig_login(&r, STR("jane"), STR("foo"), &outcome, &unused);
        if (rc != cases[i].code || !str_contains(str_of(r.err.detail), str_of(cases[i].says)))
            fail_msg("case %zu: %s \"%s\"", i, err_code_name(rc), r.err.detail);
        fake_stop(&f);
    }
}

static void a_sane_fake_logs_in(void **state) {
    (void)state; /* what the cases above are compared with */
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    fake_start(&f, FAKE_SANE);
    open_fake(&r, &f, "insecureNoSSL: true");
    const struct identity *id = rig_ok(&r, "jane", "foo");
    assert_str(id->user_id, "jane");
    assert_groups(id, GROUPS("group"));
    assert_int_equal(connector_health(r.c, &r.err), ERR_OK);
    rig_close(&r);
    fake_stop(&f);
}

static void pages_without_end_end_with_the_deadline(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { .budget_ms = 300 };
    enum login_outcome outcome;
    struct identity unused;
    fake_start(&f, FAKE_ENDLESS_PAGES);
    open_fake(&r, &f, "insecureNoSSL: true");
    enum err_code rc = rig_login(&r, STR("jane"), STR("foo"), &outcome, &unused);
    if (rc != ERR_TIMEOUT)
        fail_msg("%s: %s", err_code_name(rc), r.err.detail);
    assert_true(f.searches > 2);
    rig_close(&r);
    fake_stop(&f);
}

static void open_ranges(struct rig *r, const struct fake *f) {
    char yaml[1024];
    (void)snprintf(yaml, sizeof yaml,
                   "host: '127.0.0.1:%d'\ninsecureNoSSL: true\n"
                   "userSearch: {baseDN: 'dc=example,dc=org', username: uid}\n"
                   "groupSearch: {baseDN: 'dc=example,dc=org', nameAttr: cn, userAttr: memberOf, "
                   "groupAttr: distinguishedName}\n",
                   f->port);
    rig_open(r, "ldap", yaml);
}

static void a_list_in_pieces_is_put_together_or_not_used(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    enum login_outcome outcome;
    struct identity id;
    fake_start(&f, FAKE_RANGES);
    open_ranges(&r, &f);
    assert_int_equal(rig_login(&r, STR("jane"), STR("foo"), &outcome, &id), ERR_OK);
    assert_groups(&id, GROUPS("group"));
    assert_int_equal(f.complete, 1);
    rig_close(&r);
    fake_stop(&f);
    fake_start(&f, FAKE_RANGES_STOP);
    open_ranges(&r, &f);
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "the values of memberOf from 2 on are missing");
    rig_close(&r);
    fake_stop(&f);
}

static void nobody_listening_is_an_outage(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    fake_start(&f, FAKE_SANE);
    fake_stop(&f);
    open_fake(&r, &f, "insecureNoSSL: true");
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "Connection refused");
}

static void an_unknown_host_is_an_outage(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { .budget_ms = 500 };
    enum login_outcome outcome;
    struct identity unused;
    open_at(&r, "no-such-host.invalid", "insecureNoSSL: true");
    enum err_code rc = rig_login(&r, STR("jane"), STR("foo"), &outcome, &unused);
    assert_true(rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT);
}

/* ---- kept connections ---- */

static void connections_are_kept(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    fake_start(&f, FAKE_SANE);
    open_fake(&r, &f, "insecureNoSSL: true");
    for (int i = 0; i < 20; i++)
        assert_non_null(rig_ok(&r, "jane", "foo"));
    assert_int_equal(f.connections, 2); /* one that searches, one that binds */
    rig_close(&r);
    fake_stop(&f);
}

static void a_connection_the_server_forgot_is_replaced_unnoticed(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    fake_start(&f, FAKE_FORGETS);
    open_fake(&r, &f, "insecureNoSSL: true");
    assert_non_null(rig_ok(&r, "jane", "foo"));
    assert_true(f.connections >= 3);
    rig_close(&r);
    fake_stop(&f);
}

static void a_late_connection_is_not_used_again(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { .budget_ms = 200 };
    enum login_outcome outcome;
    struct identity unused;
    fake_start(&f, FAKE_SANE);
    open_fake(&r, &f, "insecureNoSSL: true");
    assert_non_null(rig_ok(&r, "jane", "foo"));
    atomic_store(&f.mode, FAKE_SILENT);
    assert_int_equal(rig_login(&r, STR("jane"), STR("foo"), &outcome, &unused), ERR_TIMEOUT);
    atomic_store(&f.mode, FAKE_SANE);
    r.budget_ms = 20000;
    int before = f.connections;
    assert_non_null(rig_ok(&r, "jane", "foo"));
    assert_int_equal(f.connections, before + 1);
    rig_close(&r);
    fake_stop(&f);
}

/* A clock the test moves on top of the real one. */
static _Atomic int64_t skew_ms;
static int64_t skewed_now(const struct clock *c) {
    (void)c;
    return clock_now_ms(clock_system());
}
static int64_t skewed_mono(const struct clock *c) {
    (void)c;
    return clock_mono_ms(clock_system()) + skew_ms;
}
static const struct clock skewed = { .now_ms = skewed_now, .mono_ms = skewed_mono };

static void open_fake_skewed(struct rig *r, const struct fake *f, const char *more) {
    r->env.clock = &skewed;
    open_fake(r, f, more);
}

static void an_idle_connection_is_not_trusted_for_ever(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    fake_start(&f, FAKE_SANE);
    open_fake_skewed(&r, &f, "insecureNoSSL: true\nidleTimeout: 30s");
    assert_non_null(rig_ok(&r, "jane", "foo"));
    skew_ms += 31000;
    assert_non_null(rig_ok(&r, "jane", "foo"));
    assert_int_equal(f.connections, 4);
    rig_close(&r);
    fake_stop(&f);
}

static void a_failing_server_is_left_alone_for_a_growing_while(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    fake_start(&f, FAKE_CLOSES);
    open_fake_skewed(&r, &f, "insecureNoSSL: true");
    for (int i = 0; i < 3; i++)
        rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "");
    assert_int_equal(f.connections, 3);
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "left alone");
    assert_int_equal(f.connections, 3);
    assert_int_equal(connector_health(r.c, &r.err), ERR_UNAVAILABLE);
    skew_ms += 600; /* half a second is over: one try */
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "");
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "left alone");
    assert_int_equal(f.connections, 4);
    skew_ms += 600; /* now a whole one */
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "left alone");
    atomic_store(&f.mode, FAKE_SANE);
    skew_ms += 600;
    assert_non_null(rig_ok(&r, "jane", "foo"));
    assert_int_equal(connector_health(r.c, &r.err), ERR_OK);
    rig_close(&r);
    fake_stop(&f);
}

static void the_next_server_takes_over_and_the_first_is_returned_to(void **state) {
    (void)state;
    struct fake first, second;
    char lines[128];
    AUTO(rig_close) struct rig r = { 0 };
    fake_start(&first, FAKE_CLOSES);
    fake_start(&second, FAKE_SANE);
    (void)snprintf(lines, sizeof lines, "insecureNoSSL: true\nhosts: ['127.0.0.1:%d']", second.port);
    open_fake_skewed(&r, &first, lines);
    assert_non_null(rig_ok(&r, "jane", "foo"));
    assert_non_null(rig_ok(&r, "jane", "foo"));
    assert_int_equal(first.connections, 1);
    int searches = second.searches;
    assert_true(searches > 0);
    atomic_store(&first.mode, FAKE_SANE);
    skew_ms += 1000;
    assert_non_null(rig_ok(&r, "jane", "foo"));
    assert_true(first.searches > 0);
    assert_int_equal(second.searches, searches);
    rig_close(&r);
    fake_stop(&first);
    fake_stop(&second);
}

static void a_restarted_slapd_is_found_again(void **state) {
    (void)state;
    struct slapd s;
    AUTO(rig_close) struct rig r = { 0 };
    slapd_start(&s, (const char *const[]) { NULL });
    open_at(&r, s.ldap, "insecureNoSSL: true");
    assert_non_null(rig_ok(&r, "jane", "foo"));
    slapd_command(&s, "restart");
    assert_non_null(rig_ok(&r, "jane", "foo"));
    slapd_command(&s, "kill");
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "");
    slapd_command(&s, "restart");
    assert_non_null(rig_ok(&r, "jane", "foo"));
    slapd_stop(&s);
}

/* ---- how many at a time ---- */

struct impatient {
    struct rig *r;
    int64_t budget_ms;
    enum err_code rc;
    struct err err;
};

static void *one_login(void *arg) {
    struct impatient *i = arg;
    struct arena *a = arena_new(1 << 20);
    const struct login login = { .username = STR("jane"),
                                 .password = STR("foo"),
                                 .deadline_mono_ms = clock_mono_ms(i->r->env.clock) + i->budget_ms };
    enum login_outcome outcome;
    struct identity identity;
    i->rc = connector_login(i->r->c, a, &login, &outcome, &identity, &i->err);
    arena_free(a);
    return NULL;
}

static void no_more_than_pool_size_are_under_way(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    pthread_t threads[2];
    struct impatient inside[2], late = { .r = &r, .budget_ms = 50 };
    fake_start(&f, FAKE_SILENT);
    open_fake(&r, &f, "insecureNoSSL: true\npoolSize: 2");
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        inside[i] = (struct impatient) { .r = &r, .budget_ms = 800 };
        assert_int_equal(pthread_create(&threads[i], NULL, one_login, &inside[i]), 0);
    }
    while (f.connections < 2)
        (void)sched_yield();
    (void)one_login(&late);
    assert_int_equal(late.rc, ERR_UNAVAILABLE);
    assert_non_null(strstr(late.err.detail, "poolSize (2)"));
    assert_int_equal(f.connections, 2);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(inside[i].rc, ERR_TIMEOUT);
    }
    rig_close(&r);
    fake_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_ca_is_refused),
        cmocka_unit_test(another_name_in_the_certificate_is_refused),
        cmocka_unit_test(an_expired_certificate_and_one_for_another_host_are_refused),
        cmocka_unit_test(an_address_in_the_certificate_is_enough_for_an_address),
        cmocka_unit_test(a_client_certificate_is_shown_where_it_is_demanded),
        cmocka_unit_test(a_plain_port_asked_for_tls_is_given_up_on),
        cmocka_unit_test(a_refused_service_bind_is_an_outage_and_names_the_result),
        cmocka_unit_test(a_server_that_misbehaves_is_given_up_on_in_time),
        cmocka_unit_test(a_sane_fake_logs_in),
        cmocka_unit_test(pages_without_end_end_with_the_deadline),
        cmocka_unit_test(a_list_in_pieces_is_put_together_or_not_used),
        cmocka_unit_test(nobody_listening_is_an_outage),
        cmocka_unit_test(an_unknown_host_is_an_outage),
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(a_connection_the_server_forgot_is_replaced_unnoticed),
        cmocka_unit_test(a_late_connection_is_not_used_again),
        cmocka_unit_test(an_idle_connection_is_not_trusted_for_ever),
        cmocka_unit_test(a_failing_server_is_left_alone_for_a_growing_while),
        cmocka_unit_test(the_next_server_takes_over_and_the_first_is_returned_to),
        cmocka_unit_test(a_restarted_slapd_is_found_again),
        cmocka_unit_test(no_more_than_pool_size_are_under_way),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
