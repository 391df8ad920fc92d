#include "cli/options.h"

#include <stdio.h>
#include <unistd.h>

void cli_print_help(const struct cli_usage *usage) {
    (void)printf("Usage: %s\n\n%s\n", usage->line, usage->text);
    if (usage->options[0].name != NULL)
        (void)printf("\nOptions:\n");
    for (const struct cli_option *o = usage->options; o->name != NULL; o++) {
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s%s", o->name, o->value ? " " : "",
                       o->value ? o->value : "", o->type == CLI_LIST ? " ..." : "");
        (void)printf("  %-30s %s", left, o->help);
        if (o->type == CLI_STRING && *(const char **)o->target != NULL)
            (void)printf(" (default: %s)", *(const char **)o->target);
        (void)printf("\n");
    }
}

int cli_fail(const struct err *err, const char *context) {
    (void)fprintf(stderr, "tke-auth: %s: %s\n", context, err->detail);
    return 1;
}

static int mistake(const struct cli_usage *usage, const char *problem, struct str what) {
    (void)fprintf(stderr, "tke-auth: %s%.*s\nUsage: %s\nTry --help for all options.\n", problem,
                  STR_FMT(what), usage->line);
    return 2;
}

static const struct cli_option *find_option(const struct cli_usage *usage, struct str name) {
    for (const struct cli_option *o = usage->options; o->name != NULL; o++)
        if (str_eq(name, str_of(o->name)))
            return o;
    return NULL;
}

static bool set_option(const struct cli_option *o, const char *value) {
    struct cli_list *list = o->target;
    switch (o->type) {
    case CLI_FLAG: *(bool *)o->target = true; return true;
    case CLI_STRING: *(const char **)o->target = value; return true;
    case CLI_LIST:
    default:
        if (list->len == CLI_LIST_MAX)
            return false;
        list->items[list->len++] = value;
        return true;
    }
}

static bool is_help(struct str word) { return str_eq(word, STR("--help")) || str_eq(word, STR("-h")); }

int cli_parse(const struct cli_usage *usage, int argc, char **argv, size_t words_min, size_t words_max,
              struct cli_words *ret_words) {
    struct cli_words words = { .len = 0 };
    for (int i = 1; i < argc; i++) {
        struct str word = str_of(argv[i]);
        if (is_help(word)) {
            cli_print_help(usage);
            return 0;
        }
        if (!str_starts_with(word, STR("--"))) {
            if (words.len == words_max || words.len == CLI_WORDS_MAX)
                return mistake(usage, "one word too many: ", word);
            words.items[words.len++] = argv[i];
            continue;
        }
        struct str name, inline_value;
        bool has_inline = str_cut(str_from(word, 2), '=', &name, &inline_value);
        const struct cli_option *o = find_option(usage, name);
        if (o == NULL)
            return mistake(usage, "unknown option ", word);
        if (o->type == CLI_FLAG && has_inline)
            return mistake(usage, "this option takes no value: ", word);
        bool next = o->type != CLI_FLAG && !has_inline;
        if (next && i + 1 == argc)
            return mistake(usage, "this option wants a value: ", word);
        if (!set_option(o, next ? argv[++i] : inline_value.ptr))
            return mistake(usage, "given too often: ", word);
    }
    if (words.len < words_min)
        return mistake(usage, "something is missing", STR_NULL);
    if (ret_words != NULL)
        *ret_words = words;
    return -1;
}

const char *cli_default_config(void) {
    static const char *const places[] = { "config/tke-auth.yaml", "/etc/tke-auth/tke-auth.yaml" };
    const char *from_env = getenv("TKE_AUTH_CONFIG");
    if (from_env != NULL && from_env[0] != '\0')
        return from_env;
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    return places[1];
}
