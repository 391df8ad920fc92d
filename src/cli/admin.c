#include "cli/admin.h"

#include <stdio.h>

bool admin_open(const char *config_path, bool read_only, struct admin *ret) {
    struct err err = { 0 };
    *ret = (struct admin) { .arena = arena_new(64 * 1024 * 1024) };
    if (ret->arena == NULL) {
        (void)fputs("tke-auth: out of memory\n", stderr);
        return false;
    }
    if (server_admin_open(ret->arena, config_path, read_only, &ret->server, &err) != ERR_OK) {
        (void)cli_fail(&err, config_path);
        admin_close(ret);
        return false;
    }
    ret->config = server_admin_config(ret->server);
    ret->store = server_admin_store(ret->server);
    return true;
}

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
