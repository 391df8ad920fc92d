/* tke-auth ldap search */
#include "cli/admin.h"
#include "cli/commands.h"
#include "tkeauth/connector.h"

#include <stdio.h>

int cli_ldap(int argc, char **argv) {
    const char *config = cli_default_config(), *tenant = NULL, *user = NULL;
    struct cli_words words;
    const struct cli_option options[] = {
        { "config", CLI_STRING, &config, "FILE", "the configuration of the daemon" },
        { "tenant", CLI_STRING, &tenant, "ID", "the tenant (connector) whose directory to ask" },
        { "user", CLI_STRING, &user, "NAME", "the login name to look for" },
        { .name = NULL }
    };
    const struct cli_usage usage = { "tke-auth ldap search --tenant ID --user NAME [--config FILE]",
                                     "Shows what the connector finds for a login name, without a password: "
                                     "the filters it sends, the entry, the id and the\n"
                                     "claims it takes, the groups, and every result code. Example:\n\n"
                                     "    tke-auth ldap search --tenant default --user ldapadmin",
                                     options };
    int status = cli_parse(&usage, argc, argv, 1, 1, &words);
    if (status >= 0)
        return status;
    if (!str_eq(str_of(words.items[0]), STR("search")) || tenant == NULL || user == NULL) {
        (void)fprintf(stderr, "Usage: %s\n", usage.line);
        return 2;
    }
    struct admin admin;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf report = STRBUF(4 * 1024 * 1024);
    if (!admin_open(config, true, &admin))
        return 1;
    enum err_code rc = server_admin_ldap_search(admin.server, admin.arena, str_of(tenant), str_of(user),
                                                &report, &err);
    (void)fputs(strbuf_c(&report), stdout);
    admin_close(&admin);
    return rc == ERR_OK ? 0 : cli_fail(&err, "ldap search");
}
