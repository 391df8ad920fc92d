#include "cli/admin.h"
#include "cli/commands.h"

#include <stdio.h>

int cli_backup(int argc, char **argv) {
    const char *config = cli_default_config();
    struct cli_words words;
    const struct cli_option options[] = {
        { "config", CLI_STRING, &config, "FILE", "the configuration of the daemon" }, { .name = NULL }
    };
    const struct cli_usage usage = { "tke-auth backup FILE [--config FILE]",
                                     "Copies the database to FILE while the daemon runs. Keep the "
                                     "key-encryption key (storage.keyFile) as well, somewhere\n"
                                     "else: without it the signing keys in the copy cannot be read.",
                                     options };
    int status = cli_parse(&usage, argc, argv, 1, 1, &words);
    if (status >= 0)
        return status;
    struct admin admin;
    struct err err = { 0 };
    if (!admin_open(config, false, &admin))
        return 1;
    enum err_code rc = store_backup(admin.store, words.items[0], &err);
    admin_close(&admin);
    if (rc != ERR_OK)
        return cli_fail(&err, "backup");
    (void)printf("database copied to %s; keep %s as well\n", words.items[0], "the key-encryption key");
    return 0;
}
