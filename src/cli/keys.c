/* tke-auth keys list|replace */
#include "cli/admin.h"
#include "cli/commands.h"

#include <stdio.h>

static void print_time(const char *label, int64_t t) {
    char text[TIME_RFC3339_SIZE];
    (void)printf("\t%s %s", label, t == 0 ? "-" : time_rfc3339(t, text));
}

static enum err_code list(const struct admin *admin, struct err *err) {
    struct signing_key *keys = NULL;
    size_t len = 0;
    enum err_code rc = server_admin_keys(admin->server, admin->arena, &keys, &len, err);
    for (size_t i = 0; rc == ERR_OK && i < len; i++) {
        (void)printf("%.*s\t%s", STR_FMT(keys[i].kid), sign_alg_name(keys[i].alg));
        print_time("signs from", keys[i].not_before);
        print_time("until", keys[i].retired_at);
        print_time("published until", keys[i].remove_at);
        (void)printf("\n");
    }
    return rc;
}

int cli_keys(int argc, char **argv) {
    const char *config = cli_default_config();
    struct cli_words words;
    const struct cli_option options[] = {
        { "config", CLI_STRING, &config, "FILE", "the configuration of the daemon" }, { .name = NULL }
    };
    const struct cli_usage usage = {
        "tke-auth keys list|replace [--config FILE]",
        "list     the signing keys and when each signs and is published\n"
        "replace  emergency (a key has leaked): remove every key now and sign with new ones. Tokens already "
        "issued are refused as soon\n"
        "         as their verifiers fetch /keys again, at the latest after its max-age; users with a "
        "refresh token go on, the others\n"
        "         log in again. The scheduled rotation needs no command.",
        options,
    };
    int status = cli_parse(&usage, argc, argv, 1, 1, &words);
    if (status >= 0)
        return status;
    struct admin admin;
    struct err err = { 0 };
    bool replace = str_eq(str_of(words.items[0]), STR("replace"));
    if (!replace && !str_eq(str_of(words.items[0]), STR("list"))) {
        (void)fprintf(stderr, "Usage: %s\n", usage.line);
        return 2;
    }
    if (!admin_open(config, !replace, &admin))
        return 1;
    enum err_code rc = replace ? server_admin_replace_keys(admin.server, &err) : list(&admin, &err);
    admin_close(&admin);
    if (rc != ERR_OK)
        return cli_fail(&err, "keys");
    if (replace)
        (void)printf("signing keys replaced; a running daemon uses the new ones within seconds\n");
    return 0;
}
