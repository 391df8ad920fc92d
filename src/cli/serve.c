#include "cli/commands.h"
#include "cli/options.h"
#include "tkeauth/httpc.h"
#include "tkeauth/server.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Keys and passwords pass through this process: it leaves no core and lets no other process of its user read its memory (but for a
 * sanitized build, whose leak check at exit does exactly that). */
static void harden_process(void) {
    const struct rlimit none = { 0, 0 };
#ifndef __SANITIZE_ADDRESS__
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ,
                 SIG_IGN); /* a file over its limit is a full disk: an error of that write, not the end */
}

int cli_serve(int argc, char **argv) {
    const char *config = cli_default_config();
    bool print_ready = false;
    const struct cli_option options[] = {
        { "config", CLI_STRING, &config, "FILE", "the configuration" },
        { "print-ready", CLI_FLAG, &print_ready, NULL,
          "print one line \"ready issuer=URL ca=FILE admin=NAME\" when it answers" },
        { .name = NULL },
    };
    const struct cli_usage usage = {
        "tke-auth serve [--config FILE]",
        "Runs the daemon until SIGTERM or SIGINT. SIGHUP, and any change of the configuration or certificate "
        "files, reloads: a bad\n"
        "file is refused and named in the log, and the last good one stays in force.\n\n"
        "A first start makes what is missing: the database, the key-encryption key, a local certificate "
        "authority, and, when there\n"
        "is a local tenant without users, an administrator \"admin\" whose password lies in "
        "STATE/initial-admin-password until you\n"
        "remove that file.",
        options,
    };
    int status = cli_parse(&usage, argc, argv, 0, 0, NULL);
    if (status >= 0)
        return status;
    struct server *server = NULL;
    struct err err = { 0 };
    harden_process();
    if (httpc_global_init(&err) != ERR_OK)
        return cli_fail(&err, "start");
    const struct server_options server_options = { .config_path = config, .print_ready = print_ready };
    if (server_start(&server_options, &server, &err) != ERR_OK)
        return cli_fail(&err, "cannot start");
    server_run(server);
    server_stop(server);
    return 0;
}
