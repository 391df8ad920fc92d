/* One suite, every backend: what store.h promises. */
#include "conformance/store/env.h"

static int setup_memory(void **state) {
    *state = env_new("memory");
    return 0;
}
static int setup_sqlite(void **state) {
    *state = env_new("sqlite");
    return 0;
}
static int teardown(void **state) {
    env_free(*state);
    return 0;
}

enum { CASES_MAX = 256 };

static int run(const char *name, CMFixtureFunction setup) {
    const struct test_case *const parts[] = { object_cases,  key_cases,    tx_cases,   owned_cases,
                                              history_cases, listen_cases, code_cases, family_cases,
                                              upkeep_cases,  race_cases };
    static struct CMUnitTest tests[CASES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        for (const struct test_case *c = parts[i]; c->name != NULL; c++) {
            if (n == CASES_MAX)
                return 1;
            tests[n++] = (struct CMUnitTest) { c->name, c->run, setup, teardown, NULL };
        }
    return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}

int main(void) { return run("memory", setup_memory) + run("sqlite", setup_sqlite); }
