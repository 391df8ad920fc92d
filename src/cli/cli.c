#include "cli/commands.h"

#include <stdio.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};
static const struct command commands[] = {
    { "serve", cli_serve, "run the daemon" },
    { "check-config", cli_check_config, "read a configuration and tell everything that is wrong with it" },
    { "print-config", cli_print_config,
      "print the effective configuration, every key documented, secrets hidden" },
    { "hash-password", cli_hash_password, "hash a password for staticPasswords" },
    { "client", cli_client, "add, list or remove OAuth clients" },
    { "user", cli_user, "add, list, lock, unlock or remove local users, set their passwords" },
    { "keys", cli_keys, "list the signing keys, or replace them in an emergency" },
    { "ldap", cli_ldap, "show what the directory answers for a user, step by step" },
    { "can", cli_can, "may this user do that, and why" },
    { "import", cli_import, "take over what TKEStack or dex have: users, policies, keys, clients" },
    { "backup", cli_backup, "copy the database while the daemon runs" },
    { "demo-app", cli_demo_app, "a small relying party: log in, look at the tokens, log out" },
    { "version", cli_version, "print the version" },
};

static void print_overview(FILE *out) {
    (void)fputs("tke-auth - identity provider and authorizer for a Kubernetes platform\n\n"
                "Usage: tke-auth COMMAND [options]\n\nCommands:\n",
                out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        (void)fprintf(out, "  %-14s %s\n", commands[i].name, commands[i].help);
    (void)fputs("\nA first start:   tke-auth serve --config config/tke-auth.yaml\n"
                "More on one:     tke-auth COMMAND --help\n",
                out);
}

static const struct command *find_command(struct str name) {
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_eq(name, str_of(commands[i].name)))
            return &commands[i];
    return NULL;
}

int cli_version(int argc, char **argv) {
    (void)argc;
    (void)argv;
    (void)printf("tke-auth %s\n", TKEAUTH_VERSION);
    return 0;
}

int cli_main(int argc, char **argv) {
    struct str name = argc > 1 ? str_of(argv[1]) : STR_NULL;
    static char help_option[] = "--help";
    if (argc > 2 && str_eq(name, STR("help"))) {
        char *as_option[] = { argv[2], help_option, NULL };
        const struct command *c = find_command(str_of(argv[2]));
        return c ? c->run(2, as_option) : (print_overview(stderr), 2);
    }
    if (argc < 2 || str_eq(name, STR("help")) || str_eq(name, STR("--help")) || str_eq(name, STR("-h"))) {
        print_overview(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (str_eq(name, STR("--version")))
        return cli_version(0, NULL);
    const struct command *c = find_command(name);
    if (c == NULL) {
        (void)fprintf(stderr, "tke-auth: there is no command \"%s\"\n\n", argv[1]);
        print_overview(stderr);
        return 2;
    }
    return c->run(argc - 1, argv + 1);
}
