#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void must(bool fine, const char *what) {
    if (fine)
        return;
    (void)fprintf(stderr, "bench_oidc: %s\n", what);
    exit(1);
}

int64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Keeps a core from halting, which on a virtual machine costs more than waking up. Run it SCHED_IDLE. */
static int spin_main(int argc, char **argv) {
    (void)argv;
    while (argc > 0)
        __asm__ volatile("" : "+r"(argc));
    return 0;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = { { "seed", seed_main },
                     { "raw", raw_main },
                     { "ldap", ldap_main },
                     { "load", load_main },
                     { "spin", spin_main } };
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    (void)fprintf(stderr, "usage: bench_oidc seed|raw|ldap|load|spin ...; run.py shows how\n");
    return 2;
}
