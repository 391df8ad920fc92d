/* "--name value" and "--name=value" options, positional words, and the help that is printed from the same table. */
#pragma once
#include "tkeauth/base.h"

enum cli_option_type { CLI_STRING, CLI_LIST, CLI_FLAG };
enum { CLI_LIST_MAX = 64, CLI_WORDS_MAX = 64 };
struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t len;
};
struct cli_option {
    const char *name; /* without the dashes */
    enum cli_option_type type;
    void *target;      /* const char ** (with its default in place), struct cli_list *, bool * */
    const char *value; /* placeholder in the help: "FILE" */
    const char *help;
};
struct cli_words {
    const char *items[CLI_WORDS_MAX];
    size_t len;
};
struct cli_usage {
    const char *line;                 /* "tke-auth client add ID [options]" */
    const char *text;                 /* what it does, with an example */
    const struct cli_option *options; /* ends with name NULL */
};
/* -1: go on. Otherwise the exit status to return with: 0 after --help, 2 after a mistake (told on stderr, with what to do). */
int cli_parse(const struct cli_usage *usage, int argc, char **argv, size_t words_min, size_t words_max,
              struct cli_words *ret_words);
void cli_print_help(const struct cli_usage *usage);
/* "tke-auth: context: detail" on stderr; returns 1. */
int cli_fail(const struct err *err, const char *context);
/* Where the configuration is when --config is not given: $TKE_AUTH_CONFIG, or config/tke-auth.yaml, or /etc/tke-auth/tke-auth.yaml,
 * the first that exists. */
const char *cli_default_config(void);
