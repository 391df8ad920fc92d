/* check-config and print-config. */
#include "cli/commands.h"
#include "cli/options.h"
#include "tkeauth/config.h"
#include "tkeauth/server.h"

#include <stdio.h>

enum { CONFIG_MEMORY_MAX = 64 * 1024 * 1024, CONFIG_TEXT_MAX = 4 * 1024 * 1024 };

int cli_check_config(int argc, char **argv) {
    const char *path = cli_default_config();
    const struct cli_option options[] = { { "config", CLI_STRING, &path, "FILE", "the configuration" },
                                          { .name = NULL } };
    const struct cli_usage usage = { "tke-auth check-config [--config FILE]",
                                     "Reads the configuration as `serve` would, connectors and ldap.json "
                                     "included, contacts nobody, and prints every\n"
                                     "problem with its file, line and key. Exit status 0: it can be used.",
                                     options };
    int status = cli_parse(&usage, argc, argv, 0, 0, NULL);
    if (status >= 0)
        return status;
    struct err err = { 0 };
    if (server_check_config(path, &err) != ERR_OK)
        return cli_fail(&err, path);
    (void)printf("%s: ok\n", path);
    return 0;
}

int cli_print_config(int argc, char **argv) {
    const char *path = cli_default_config();
    const struct cli_option options[] = { { "config", CLI_STRING, &path, "FILE", "the configuration" },
                                          { .name = NULL } };
    const struct cli_usage usage = { "tke-auth print-config [--config FILE]",
                                     "Prints the effective configuration as YAML: defaults filled in, every "
                                     "key documented, secrets shown as ***.",
                                     options };
    int status = cli_parse(&usage, argc, argv, 0, 0, NULL);
    if (status >= 0)
        return status;
    struct cfg_problems problems;
    struct err err = { 0 };
    const struct config *c = NULL;
    AUTO(strbuf_done) struct strbuf text = STRBUF(CONFIG_TEXT_MAX);
    AUTO_FREE(arena_free) struct arena *a = arena_new(CONFIG_MEMORY_MAX);
    if (a == NULL || cfg_problems_init(&problems, &err) != ERR_OK)
        return cli_fail(&err, "out of memory");
    enum err_code rc = config_load(a, path, &c, &problems, &err);
    cfg_problems_print(&problems, &text);
    (void)fputs(strbuf_c(&text), stderr);
    cfg_problems_done(&problems);
    if (rc != ERR_OK)
        return cli_fail(&err, path);
    strbuf_clear(&text);
    cfg_print(config_fields, c, 0, &text);
    (void)fputs(strbuf_c(&text), stdout);
    return 0;
}
