#include "cli/admin.h"

#include <stdio.h>

enum way { FOR_READING, FOR_WRITING, A_COPY };

static bool open_in(enum way way, const char *config_path, struct admin *ret) {
    struct err err = { 0 };
    *ret = (struct admin) { .arena = arena_new((size_t)64 * 1024 * 1024) };
    if (ret->arena == NULL) {
        (void)fputs("tke-auth: out of memory\n", stderr);
        return false;
    }
    enum err_code rc = way == A_COPY ? server_admin_open_copy(ret->arena, config_path, &ret->server, &err)
                                     : server_admin_open(ret->arena, config_path, way == FOR_READING,
                                                         &ret->server, &err);
    if (rc != ERR_OK) {
        (void)cli_fail(&err, config_path);
        admin_close(ret);
        return false;
    }
    ret->config = server_admin_config(ret->server);
    ret->store = server_admin_store(ret->server);
    ret->env = server_admin_env(ret->server);
    return true;
}

bool admin_open(const char *config_path, bool read_only, struct admin *ret) {
    return open_in(read_only ? FOR_READING : FOR_WRITING, config_path, ret);
}

bool admin_open_copy(const char *config_path, struct admin *ret) { return open_in(A_COPY, config_path, ret); }

void admin_close(struct admin *a) {
    server_admin_close(a->server);
    arena_free(a->arena);
    *a = (struct admin) { 0 };
}

void admin_random_text(size_t bytes, struct strbuf *out) {
    unsigned char raw[64];
    if (bytes > sizeof raw)
        bytes = sizeof raw;
    random_bytes(random_system(), raw, bytes);
    base64url_add(out, raw, bytes);
    secret_wipe(raw, sizeof raw);
}
