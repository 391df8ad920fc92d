/* A configuration that is taken opens; one that is refused has at least one problem. */
#include <assert.h>
#include "tkeauth/connector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str in = { (const char *)data, size };
    const struct connector_env env = { .clock = clock_system(), .random = random_system() };
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 << 20);
    AUTO(cfg_problems_done) struct cfg_problems problems = { 0 };
    AUTO_FREE(connector_close) struct connector *c = NULL;
    const struct cfg_node *node = NULL;
    struct err err = { 0 };
    /* Files are not for a fuzzer to name. */
    if (a == NULL || str_contains(in, STR("rootCA")) || str_contains(in, STR("client")) ||
        str_contains(in, STR("File")) || cfg_problems_init(&problems, &err) != ERR_OK)
        return 0;
    if (cfg_parse(a, in, "fuzz", &node, &problems, &err) != ERR_OK)
        return 0;
    enum err_code rc = connector_open(connector_type_find(STR("ldap")), "t", NULL, node, a, &env, &problems,
                                      &c, &err);
    assert(rc == ERR_OK ? c != NULL : c == NULL);
    assert(rc != ERR_INVALID || problems.len > 0);
    return 0;
}
