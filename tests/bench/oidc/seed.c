/* Codes as the login page leaves them, put into the database through the daemon's own code. */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "oidc/code.h"

enum { THREADS = 64 };

struct seeding {
    struct oidc_provider provider;
    const char *client_id, *user;
    long count;
    _Atomic long next;
    char **texts;
};

static void *seed_some(void *arg) {
    struct seeding *s = arg;
    struct str scopes[] = { STR("openid"), STR("profile"), STR("email"), STR("groups"),
                            STR("offline_access") };
    struct str groups[] = { STR("developers"), STR("operators") };
    const struct auth_request auth = { .client_id = str_of(s->client_id),
                                       .redirect_uri = STR("http://127.0.0.1:5555/callback"),
                                       .redirect_uri_given = true,
                                       .nonce = STR("a-nonce-of-some-length"),
                                       .scopes = { scopes, ARRAY_LEN(scopes) },
                                       .offline_access = true };
    const struct identity identity = { .connector_id = STR("local"),
                                       .user_id = str_of(s->user),
                                       .username = str_of(s->user),
                                       .name = STR("Ana Example"),
                                       .preferred_username = str_of(s->user),
                                       .email = STR("ana@example.com"),
                                       .email_verified = true,
                                       .groups = { groups, ARRAY_LEN(groups) } };
    for (long i; (i = atomic_fetch_add(&s->next, 1)) < s->count;) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
        AUTO(strbuf_done) struct strbuf text = STRBUF(256);
        struct err err = { 0 };
        if (code_issue(&s->provider, a, &auth, &identity, &text, &err) != ERR_OK)
            must(false, err.detail);
        s->texts[i] = strbuf_take(&text);
    }
    return NULL;
}

/* seed DATABASE CLIENT_ID USER COUNT */
int seed_main(int argc, char **argv) {
    must(argc == 5, "usage: seed DATABASE CLIENT_ID USER COUNT");
    struct err err = { 0 };
    const struct store_options options = { .type = "sqlite", .path = argv[1], .clock = clock_system() };
    struct seeding s = {
        .provider = { .clock = clock_system(), .random = random_system(), .code_ttl_s = 3600 },
        .client_id = argv[2],
        .user = argv[3],
        .count = strtol(argv[4], NULL, 10)
    };
    pthread_t threads[THREADS];
    s.texts = calloc((size_t)s.count, sizeof *s.texts);
    must(s.texts != NULL, "memory");
    if (store_open(&options, &s.provider.store, &err) != ERR_OK)
        must(false, err.detail);
    for (size_t i = 0; i < THREADS; i++)
        must(pthread_create(&threads[i], NULL, seed_some, &s) == 0, "thread");
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    for (long i = 0; i < s.count; i++) {
        (void)puts(s.texts[i]);
        free(s.texts[i]);
    }
    free(s.texts);
    store_close(s.provider.store);
    return 0;
}
