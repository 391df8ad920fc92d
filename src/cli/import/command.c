/* tke-auth import */
#include "cli/import/import.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/admin.h"
#include "cli/commands.h"

static const char *variable(const char *name) { return getenv(name); }

static enum err_code read_all(struct import *m, const struct cli_words *files, struct err *err) {
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < files->len; i++)
        rc = import_read_file(m, files->items[i], err);
    return rc;
}

static int run(struct admin *admin, const struct import_options *o, const struct cli_words *files) {
    struct resource_env env = *admin->env;
    struct import m;
    struct err err = { 0 };
    /* The keys of a dump are told of one by one: a password taken over does not end them. */
    env.keep_keys_on_password_change = true;
    if (import_init(&m, o, &env, &err) != ERR_OK)
        return cli_fail(&err, "import");
    int status = 1;
    if (read_all(&m, files, &err) != ERR_OK)
        (void)fprintf(stderr, "tke-auth: import: %s; nothing was written\n", err.detail);
    else if (import_apply(&m, &err) != ERR_OK)
        (void)fprintf(stderr, "tke-auth: import: stopped at %s; run it again to go on from there\n",
                      err.detail);
    else {
        import_report_summary(&m);
        status = import_status(&m);
    }
    import_done(&m);
    return status;
}

int cli_import(int argc, char **argv) {
    const char *config = cli_default_config();
    struct import_options o = { .tenant = "default", .variable = variable, .report = stdout };
    struct cli_list root_cas = { .len = 0 };
    struct cli_words files;
    const struct cli_option options[] = {
        { "dry-run", CLI_FLAG, &o.dry_run, NULL, "tell what would be done, and do nothing" },
        { "overwrite", CLI_FLAG, &o.overwrite, NULL,
          "objects that are here already, but say something else, become what the files say" },
        { "tenant", CLI_STRING, &o.tenant, "ID", "the tenant of dex's staticPasswords" },
        { "root-ca", CLI_LIST, &root_cas, "[TENANT=]FILE",
          "certificates in place of the file that a directory's rootCA names; repeat for several tenants" },
        { "config", CLI_STRING, &config, "FILE", "the configuration of the daemon" },
        { .name = NULL },
    };
    const struct cli_usage usage = {
        "tke-auth import FILE... [options]",
        "Takes over what TKEStack or dex have, with passwords, API keys and clients that go on working. A "
        "FILE is what\n"
        "kubectl get prints of auth.tkestack.io/v1 objects (-o yaml or -o json), or a configuration of dex, "
        "of which\n"
        "staticClients, staticPasswords and LDAP connectors are taken; - is standard input. One line an "
        "object tells what\n"
        "became of it. What is here already and the same is left alone, so it can be run again. Exit status "
        "0: everything\n"
        "was taken or is here; 1: not all, the others were. Examples:\n\n"
        "    kubectl get "
        "identityproviders,apisigningkeys,categories,localidentities,localgroups,policies,roles,\\\n"
        "        projectpolicybindings,custompolicybindings,apikeys,clients.auth.tkestack.io -A -o yaml "
        ">dump.yaml\n"
        "    tke-auth import --dry-run dump.yaml\n"
        "    tke-auth import dump.yaml\n"
        "    tke-auth import --tenant local dex.yaml",
        options,
    };
    struct admin admin;
    int status = cli_parse(&usage, argc, argv, 1, CLI_WORDS_MAX, &files);
    if (status >= 0)
        return status;
    if (!(o.dry_run ? admin_open_copy(config, &admin) : admin_open(config, false, &admin)))
        return 1;
    if (!o.dry_run && str_eq(str_of(admin.config->storage.type), STR("memory"))) {
        (void)fprintf(stderr, "tke-auth: import: storage.type is memory: nothing would be kept\n");
        admin_close(&admin);
        return 1;
    }
    o.config = admin.config;
    o.root_cas = root_cas.items;
    o.root_ca_count = root_cas.len;
    o.progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO) ? stderr : NULL;
    status = run(&admin, &o, &files);
    admin_close(&admin);
    return status;
}
