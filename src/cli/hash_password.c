#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "tkeauth/crypto.h"

#include <stdio.h>

int cli_hash_password(int argc, char **argv) {
    const struct cli_option options[] = { { .name = NULL } };
    const struct cli_usage usage = {
        "tke-auth hash-password",
        "Reads a password from the terminal, or one line from standard input, and prints its argon2id hash "
        "for\n"
        "`staticPasswords[].hash`. Example:\n\n    printf '%s\\n' \"$PASSWORD\" | tke-auth hash-password",
        options
    };
    int status = cli_parse(&usage, argc, argv, 0, 0, NULL);
    if (status >= 0)
        return status;
    struct err err = { 0 };
    AUTO(secret_done) struct secret password = { 0 };
    AUTO(strbuf_done) struct strbuf hash = STRBUF(PASSWORD_HASH_MAX);
    enum err_code rc = terminal_read_secret("Password", &password, &err);
    if (rc == ERR_OK)
        rc = password_hash(secret_expose(&password), &hash, &err);
    if (rc != ERR_OK)
        return cli_fail(&err, "hash-password");
    (void)printf("%s\n", strbuf_c(&hash));
    return 0;
}
