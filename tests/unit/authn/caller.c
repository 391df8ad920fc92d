#include "caller.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static bool find_key(const void *ctx, struct arena *a, const unsigned char digest[32], int64_t now,
                     struct apikey_view *ret) {
    struct known_key *k = (struct known_key *)(uintptr_t)ctx;
    unsigned char known[SHA256_SIZE];
    (void)a;
    k->asked++;
    sha256(k->text, known);
    if (k->text.len == 0 || memcmp(known, digest, sizeof known) != 0 || now >= k->view.expires_at)
        return false;
    *ret = k->view;
    return true;
}

void caller_init(struct caller *c) {
    struct err err = { 0 };
    struct keyset_entry entry = { .created_at = 1, .not_before = 1 };
    clock_fixed_init(&c->clock, (int64_t)NOW_S * 1000);
    c->arena = arena_new(64 << 20);
    c->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_ok(log_new(&(struct log_options) { .level = LOG_LEVEL_DEBUG,
                                              .format = LOG_FORMAT_JSON,
                                              .fd = c->log_fd,
                                              .audit_fd = -1,
                                              .clock = &c->clock },
                      &c->log, &err));
    (void)memcpy(c->folder, "/tmp/authn-test-XXXXXX", sizeof "/tmp/authn-test-XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    assert_ok(signer_generate(SIGN_ES256, &entry.signer, &err));
    c->signer = entry.signer;
    assert_ok(keyset_new(&entry, 1, &c->keys, &err));
    c->judges = (struct token_judges) {
        .keys = c->keys, .issuer = STR(ISSUER), .find_key = find_key, .find_key_ctx = &c->key, .log = c->log
    };
    (void)caller_request(c, HEADERS());
}

static void remove_folder(const char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        (void)unlink(path);
    }
    if (dir != NULL)
        (void)closedir(dir);
    (void)rmdir(folder);
}

void caller_done(struct caller *c) {
    arena_free(c->arena);
    keyset_free(c->keys);
    log_free(c->log);
    (void)close(c->log_fd);
    remove_folder(c->folder);
}

int caller_setup(void **state) {
    struct caller *c = calloc(1, sizeof *c);
    assert_non_null(c);
    caller_init(c);
    *state = c;
    return 0;
}

int caller_teardown(void **state) {
    caller_done(*state);
    free(*state);
    return 0;
}

void caller_header(struct caller *c, const char *name, const char *value) {
    assert_true(c->exchange.header_count < ARRAY_LEN(c->exchange.headers));
    c->exchange.headers[c->exchange.header_count++] = (struct header) { arena_str(c->arena, str_of(name)),
                                                                        arena_str(c->arena, str_of(value)) };
}

struct http_request *caller_request(struct caller *c, const char *const *headers) {
    c->exchange.header_count = 0;
    c->exchange.req = (struct http_request) { .method = HTTP_GET,
                                              .clock = &c->clock,
                                              .arena = c->arena,
                                              .log = c->log,
                                              .request_id = "req-1",
                                              .is_tls = true,
                                              .connection = &c->exchange };
    for (; *headers != NULL; headers++) {
        const char *colon = strchr(*headers, ':');
        assert_non_null(colon);
        char name[256] = { 0 };
        (void)memcpy(name, *headers, (size_t)(colon - *headers));
        caller_header(c, name, colon[1] == ' ' ? colon + 2 : colon + 1);
    }
    return &c->exchange.req;
}

const char *caller_path(struct caller *c, const char *name) {
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", c->folder, name);
    return path;
}

void caller_write(struct caller *c, const char *name, const char *text) {
    struct err err = { 0 };
    assert_ok(file_write_atomic(caller_path(c, name), str_of(text), 0600, &err));
}

struct str caller_sign(struct caller *c, const char *typ, const char *claims) {
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf token = STRBUF(1 << 20);
    assert_ok(signer_sign(c->signer, typ, str_of(claims), &token, &err));
    return arena_str(c->arena, strbuf_str(&token));
}

struct str caller_id_token(struct caller *c, const char *more) {
    const char *claims = arena_printf(c->arena,
                                      "{\"iss\":\"" ISSUER "\",\"aud\":\"console\",\"exp\":%d,\"iat\":%d%s}",
                                      NOW_S + 600, NOW_S - 10, more);
    return caller_sign(c, "JWT", claims);
}

const char *caller_text(struct caller *c, const struct principal *p) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(sizeof c->text - 1);
    strbuf_addf(&out, "%.*s|%.*s|", STR_FMT(p->name), STR_FMT(p->uid));
    for (size_t i = 0; i < p->group_count; i++)
        strbuf_addf(&out, "%s%.*s", i != 0 ? "," : "", STR_FMT(p->groups[i]));
    strbuf_addc(&out, '|');
    for (size_t i = 0; i < p->extra_count; i++) {
        strbuf_addf(&out, "%s%.*s=", i != 0 ? ";" : "", STR_FMT(p->extra[i].key));
        for (size_t j = 0; j < p->extra[i].value_count; j++)
            strbuf_addf(&out, "%s%.*s", j != 0 ? "," : "", STR_FMT(p->extra[i].values[j]));
    }
    strbuf_addf(&out, "|%.*s", STR_FMT(p->tenant));
    assert_false(out.failed);
    (void)memcpy(c->text, out.ptr, out.len + 1);
    return c->text;
}

char *caller_log(struct caller *c) {
    struct strbuf text = STRBUF(1 << 20);
    char bytes[4096];
    off_t at = 0;
    for (ssize_t n; (n = pread(c->log_fd, bytes, sizeof bytes, at)) > 0; at += n)
        strbuf_add(&text, (struct str) { bytes, (size_t)n });
    strbuf_addc(&text, '\n');
    return strbuf_take(&text);
}
