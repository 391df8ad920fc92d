/* The limits: what the signatures of an answer, a password hash, and a directory's search and bind take by themselves. */
#include "bench.h"

#include <ldap.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tkeauth/crypto.h"

static int64_t cpu_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void sign_for(const char *name, EVP_PKEY *key, const char *digest, int64_t slice_us) {
    unsigned char input[700] = { 1 }, out[1024]; /* about the signed part of an ID token */
    EVP_MD_CTX *template = EVP_MD_CTX_new();
    must(key != NULL && EVP_DigestSignInit_ex(template, NULL, digest, NULL, NULL, key, NULL) == 1, "key");
    int64_t begun = now_us(), cpu = cpu_us(), n = 0;
    while (now_us() - begun < slice_us) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        size_t len = sizeof out;
        must(EVP_MD_CTX_copy_ex(ctx, template) == 1 &&
                 EVP_DigestSign(ctx, out, &len, input, sizeof input) == 1,
             "signature");
        EVP_MD_CTX_free(ctx);
        n++;
    }
    (void)printf("\"%s\":{\"wall_us\":%.3f,\"cpu_us\":%.3f},", name, (double)(now_us() - begun) / (double)n,
                 (double)(cpu_us() - cpu) / (double)n);
    EVP_MD_CTX_free(template);
    EVP_PKEY_free(key);
}

static void hash_for(const char *password, const char *hash, int64_t slice_us) {
    int64_t begun = now_us(), cpu = cpu_us(), n = 0;
    while (now_us() - begun < slice_us) {
        enum password_outcome outcome = PASSWORD_MISMATCH;
        struct err err;
        must(password_verify(str_of(password), str_of(hash), &outcome, &err) == ERR_OK &&
                 outcome != PASSWORD_MISMATCH,
             "password");
        n++;
    }
    (void)printf("\"hash\":{\"wall_us\":%.3f,\"cpu_us\":%.3f}}\n", (double)(now_us() - begun) / (double)n,
                 (double)(cpu_us() - cpu) / (double)n);
}

/* raw MS PASSWORD HASH */
int raw_main(int argc, char **argv) {
    must(argc == 4, "usage: raw MS PASSWORD HASH");
    int64_t slice_us = strtol(argv[1], NULL, 10) * 1000;
    (void)printf("{");
    sign_for("ES256", EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), "SHA256", slice_us);
    sign_for("RS256", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), "SHA256", slice_us);
    hash_for(argv[2], argv[3], slice_us);
    return 0;
}

/* ---- directory ---- */

struct directory {
    const char *url, *admin_dn, *admin_pw, *base;
    int users;
    int64_t until_us;
    _Atomic int next;
    _Atomic long done;
};

static bool bind_as(LDAP *ld, const char *dn, const char *password) {
    struct berval secret = { .bv_val = (char *)(uintptr_t)password, .bv_len = strlen(password) };
    return ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL) == LDAP_SUCCESS;
}

static LDAP *connect_to(const char *url) {
    LDAP *ld = NULL;
    const int version = LDAP_VERSION3;
    must(ldap_initialize(&ld, url) == LDAP_SUCCESS, "the directory");
    (void)ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    return ld;
}

static void *search_and_bind(void *arg) {
    struct directory *d = arg;
    LDAP *service = connect_to(d->url), *user = connect_to(d->url);
    must(bind_as(service, d->admin_dn, d->admin_pw), "bind of the service account");
    while (now_us() < d->until_us) {
        int i = atomic_fetch_add(&d->next, 1) % d->users;
        char filter[64], uid[] = "uid", mail[] = "mail", cn[] = "cn";
        char *attributes[] = { uid, mail, cn, NULL };
        LDAPMessage *found = NULL;
        (void)snprintf(filter, sizeof filter, "(uid=user%d)", i);
        must(ldap_search_ext_s(service, d->base, LDAP_SCOPE_SUBTREE, filter, attributes, 0, NULL, NULL, NULL,
                               2, &found) == LDAP_SUCCESS,
             "search");
        char *dn = ldap_get_dn(service, ldap_first_entry(service, found));
        must(dn != NULL && bind_as(user, dn, "pw"), "bind of a user");
        ldap_memfree(dn);
        (void)ldap_msgfree(found);
        atomic_fetch_add(&d->done, 1);
    }
    (void)ldap_unbind_ext(service, NULL, NULL);
    (void)ldap_unbind_ext(user, NULL, NULL);
    return NULL;
}

/* ldap URL ADMIN_DN ADMIN_PW BASE USERS THREADS MS */
int ldap_main(int argc, char **argv) {
    enum { THREADS_MAX = 32 };
    must(argc == 8, "usage: ldap URL ADMIN_DN ADMIN_PW BASE USERS THREADS MS");
    pthread_t threads[THREADS_MAX];
    size_t len = (size_t)strtoul(argv[6], NULL, 10);
    must(len > 0 && len <= THREADS_MAX, "threads");
    int64_t begun = now_us();
    struct directory d = { .url = argv[1],
                           .admin_dn = argv[2],
                           .admin_pw = argv[3],
                           .base = argv[4],
                           .users = (int)strtol(argv[5], NULL, 10),
                           .until_us = begun + strtol(argv[7], NULL, 10) * 1000 };
    for (size_t i = 0; i < len; i++)
        must(pthread_create(&threads[i], NULL, search_and_bind, &d) == 0, "thread");
    for (size_t i = 0; i < len; i++)
        (void)pthread_join(threads[i], NULL);
    (void)printf("{\"per_s\":%.1f}\n", (double)d.done * 1e6 / (double)(now_us() - begun));
    return 0;
}
