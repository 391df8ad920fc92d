/* Logins per second: the connector, raw libldap on kept connections, raw libldap with a connection per login; in interleaved
 * rounds, so that what else the machine does hits all of them. */
#include <ldap.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include "tkeauth/connector.h"

enum { THREADS = 4, USERS = 2000, ROUNDS = 7, SLICE_MS = 700 };

#define BASE "ou=People,dc=example,dc=org"
#define ADMIN "cn=admin,dc=example,dc=org"

struct target {
    const char *url;
    struct connector *c;
};
/* One login of user `i`; false: it failed. `kept`: the thread's two connections. */
typedef bool login_fn(const struct target *t, LDAP *kept[2], int i);

static bool raw_bind(LDAP *ld, const char *dn, const char *password) {
    struct berval secret = { .bv_val = (char *)(uintptr_t)password, .bv_len = strlen(password) };
    return ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL) == LDAP_SUCCESS;
}

static LDAP *raw_open(const char *url, bool service) {
    LDAP *ld = NULL;
    const int version = LDAP_VERSION3;
    if (ldap_initialize(&ld, url) != LDAP_SUCCESS)
        return NULL;
    (void)ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    if (service && !raw_bind(ld, ADMIN, "admin")) {
        (void)ldap_unbind_ext(ld, NULL, NULL);
        return NULL;
    }
    return ld;
}

static bool raw_search_and_bind(LDAP *service, LDAP *user, int i) {
    char filter[64], password[16];
    char uid[] = "uid", mail[] = "mail";
    char *attrs[] = { uid, mail, NULL };
    LDAPMessage *found = NULL;
    (void)snprintf(filter, sizeof filter, "(uid=user%d)", i);
    (void)snprintf(password, sizeof password, "pw%d", i);
    int rc = ldap_search_ext_s(service, BASE, LDAP_SCOPE_SUBTREE, filter, attrs, 0, NULL, NULL, NULL, 2,
                               &found);
    LDAPMessage *entry = rc == LDAP_SUCCESS ? ldap_first_entry(service, found) : NULL;
    char *dn = entry != NULL ? ldap_get_dn(service, entry) : NULL;
    struct berval **values = entry != NULL ? ldap_get_values_len(service, entry, "mail") : NULL;
    bool ok = dn != NULL && values != NULL && raw_bind(user, dn, password);
    ldap_value_free_len(values);
    ldap_memfree(dn);
    (void)ldap_msgfree(found);
    return ok;
}

static bool raw_kept(const struct target *t, LDAP *kept[2], int i) {
    (void)t;
    return raw_search_and_bind(kept[0], kept[1], i);
}

static bool raw_connection_each(const struct target *t, LDAP *kept[2], int i) {
    (void)kept;
    LDAP *ld = raw_open(t->url, true);
    bool ok = ld != NULL && raw_search_and_bind(ld, ld, i);
    if (ld != NULL)
        (void)ldap_unbind_ext(ld, NULL, NULL);
    return ok;
}

static bool by_connector(const struct target *t, LDAP *kept[2], int i) {
    (void)kept;
    char name[16], password[16];
    (void)snprintf(name, sizeof name, "user%d", i);
    (void)snprintf(password, sizeof password, "pw%d", i);
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    const struct login login = { .username = str_of(name),
                                 .password = str_of(password),
                                 .deadline_mono_ms = clock_mono_ms(clock_system()) + 30000 };
    enum login_outcome outcome = LOGIN_BLOCKED;
    struct identity identity;
    struct err err = { 0 };
    return connector_login(t->c, a, &login, &outcome, &identity, &err) == ERR_OK && outcome == LOGIN_OK &&
           str_eq(identity.user_id, str_of(name));
}

/* ---- rounds ---- */

struct run {
    login_fn *login;
    const struct target *target;
    bool keeps;
    _Atomic bool stop, go;
    _Atomic int64_t done, failed;
    _Atomic int ready, next;
};

static void *work(void *arg) {
    struct run *r = arg;
    LDAP *kept[2] = { 0 };
    if (r->keeps) {
        kept[0] = raw_open(r->target->url, true);
        kept[1] = raw_open(r->target->url, false);
    }
    atomic_fetch_add(&r->ready, 1);
    while (!atomic_load(&r->go))
        (void)sched_yield();
    while (!atomic_load(&r->stop)) {
        bool ok = r->login(r->target, kept, atomic_fetch_add(&r->next, 1) % USERS);
        atomic_fetch_add(ok ? &r->done : &r->failed, 1);
    }
    for (size_t i = 0; i < 2; i++)
        if (kept[i] != NULL)
            (void)ldap_unbind_ext(kept[i], NULL, NULL);
    return NULL;
}

/* Logins per second; 0 when one failed. */
static double measure(login_fn *login, const struct target *t) {
    struct run r = { .login = login, .target = t, .keeps = login == raw_kept };
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, &r) != 0)
            abort();
    while (atomic_load(&r.ready) < THREADS)
        (void)sched_yield();
    int64_t start = clock_mono_ms(clock_system());
    atomic_store(&r.go, true);
    const struct timespec slice = { .tv_nsec = SLICE_MS * 1000000L };
    (void)nanosleep(&slice, NULL);
    int64_t done = atomic_load(&r.done), ms = clock_mono_ms(clock_system()) - start;
    atomic_store(&r.stop, true);
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    if (atomic_load(&r.failed) > 0)
        (void)fprintf(stderr, "%s: %lld logins failed\n", t->url, (long long)r.failed);
    return atomic_load(&r.failed) > 0 ? 0 : (double)done * 1000 / (double)ms;
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(const double *values, size_t n) {
    double sorted[ROUNDS];
    memcpy(sorted, values, n * sizeof *values);
    qsort(sorted, n, sizeof *sorted, compare);
    return sorted[n / 2];
}

/* ---- the table ---- */

struct series {
    const char *name, *reference;
    double goal;
    size_t rounds;
    double value[ROUNDS], other[ROUNDS], ratio[ROUNDS];
};

static void add_round(struct series *s, double value, double other) {
    s->value[s->rounds] = value;
    s->other[s->rounds] = other;
    s->ratio[s->rounds++] = other > 0 ? value / other : 0;
}

static bool report(FILE *json, const struct series *s, bool first) {
    double value = median(s->value, s->rounds), other = median(s->other, s->rounds),
           ratio = median(s->ratio, s->rounds);
    bool met = ratio >= s->goal;
    (void)printf("%-28s %9.0f/s   %-36s %9.0f/s   ratio %6.2f   goal %5.2f   %s\n", s->name, value,
                 s->reference, other, ratio, s->goal, met ? "met" : "MISSED");
    (void)fprintf(json,
                  "%s{\"name\":\"%s\",\"value\":%.1f,\"unit\":\"logins/s\",\"reference\":\"%s\","
                  "\"reference_value\":%.1f,\"ratio\":%.3f,\"goal\":%.2f,\"met\":%s}",
                  first ? "[\n" : ",\n", s->name, value, s->reference, other, ratio, s->goal,
                  met ? "true" : "false");
    return met;
}

static struct connector *open_connector(struct arena *a, const struct connector_env *env, const char *host,
                                        const char *tls) {
    char yaml[1024];
    struct err err = { 0 };
    AUTO(cfg_problems_done) struct cfg_problems problems = { 0 };
    const struct cfg_node *node = NULL;
    struct connector *c = NULL;
    (void)snprintf(yaml, sizeof yaml,
                   "host: '%s'\n%s\nbindDN: '" ADMIN "'\nbindPW: admin\n"
                   "userSearch: {baseDN: '" BASE "', username: uid}\n",
                   host, tls);
    if (cfg_problems_init(&problems, &err) != ERR_OK ||
        cfg_parse(a, str_of(yaml), "bench", &node, &problems, &err) != ERR_OK ||
        connector_open(connector_type_find(STR("ldap")), "bench", NULL, node, a, env, &problems, &c, &err) !=
            ERR_OK) {
        (void)fprintf(stderr, "%s\n", err.detail);
        exit(1);
    }
    return c;
}

/* libldap checks the machine's own name where the URL says localhost: ldap.sh puts that into the certificate, too. Should it
 * not match all the same, the reference runs without a check. */
static bool raw_checks_certificates(const char *url, const char *ca) {
    const int never = LDAP_OPT_X_TLS_NEVER;
    (void)ldap_set_option(NULL, LDAP_OPT_X_TLS_CACERTFILE, ca);
    LDAP *ld = raw_open(url, true);
    if (ld == NULL) {
        (void)ldap_set_option(NULL, LDAP_OPT_X_TLS_REQUIRE_CERT, &never);
        return false;
    }
    (void)ldap_unbind_ext(ld, NULL, NULL);
    return true;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        (void)fprintf(stderr, "usage: ldap_bench PLAIN LDAPS CA RESULT.json\n");
        return 2;
    }
    char url[2][128], tls[512];
    (void)signal(SIGPIPE, SIG_IGN); /* raw libldap writes to sockets as to files */
    (void)snprintf(url[0], sizeof url[0], "ldap://%s", argv[1]);
    (void)snprintf(url[1], sizeof url[1], "ldaps://%s", argv[2]);
    (void)snprintf(tls, sizeof tls, "rootCA: %s", argv[3]);
    if (!raw_checks_certificates(url[1], argv[3]))
        (void)fprintf(stderr, "note: raw libldap runs without checking the certificate\n");
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    const struct connector_env env = { .clock = clock_system(), .random = random_system() };
    AUTO_FREE(connector_close)
    struct connector *plain_c = open_connector(a, &env, argv[1], "insecureNoSSL: true");
    AUTO_FREE(connector_close) struct connector *tls_c = open_connector(a, &env, argv[2], tls);
    const struct target plain = { url[0], plain_c }, secure = { url[1], tls_c };
    struct series s[] = {
        { .name = "LDAP login, plain", .reference = "raw search+bind, kept connections", .goal = 0.8 },
        { .name = "LDAP login, LDAPS", .reference = "raw search+bind, kept connections", .goal = 0.8 },
        { .name = "LDAP login, LDAPS", .reference = "raw, one connection per login", .goal = 20 },
    };
    for (int i = 0; i < ROUNDS; i++) {
        double raw_plain = measure(raw_kept, &plain), our_plain = measure(by_connector, &plain);
        double raw_tls = measure(raw_kept, &secure), our_tls = measure(by_connector, &secure);
        double each = measure(raw_connection_each, &secure);
        add_round(&s[0], our_plain, raw_plain);
        add_round(&s[1], our_tls, raw_tls);
        add_round(&s[2], our_tls, each);
    }
    FILE *json = fopen(argv[4], "we");
    if (json == NULL)
        return 1;
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        (void)report(json, &s[i], i == 0);
    (void)fprintf(json, "\n]\n");
    return fclose(json) == 0 ? 0 : 1;
}
