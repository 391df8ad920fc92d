/* A configuration that is taken, printed and read again, prints the same; what is not taken names a problem. */
#include "tkeauth/config.h"

#include <assert.h>

static enum err_code read_text(struct arena *a, struct str text, struct config *c,
                               struct cfg_problems *problems) {
    struct err err = { 0 };
    const struct cfg_node *root = NULL;
    enum err_code rc = cfg_parse(a, text, "fuzz", &root, problems, &err);
    if (rc == ERR_OK)
        rc = cfg_decode(a, root, config_fields, c, sizeof *c, problems, &err);
    assert(rc == ERR_OK || rc == ERR_LIMIT || rc == ERR_NOMEM || problems->len > 0);
    return rc;
}

/* A file or variable of the machine must not decide what the target does. */
static bool names_a_secret_elsewhere(struct str text) {
    return str_contains(text, STR("File")) || str_contains(text, STR("_file")) ||
           str_contains(text, STR("Env")) || str_contains(text, STR("_env")) || str_contains(text, STR("\\"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = { 0 };
    struct str text = { (const char *)data, size };
    struct arena *a = arena_new(64 * 1024 * 1024);
    struct cfg_problems problems;
    struct config first, second;
    struct strbuf once = STRBUF(CFG_FILE_MAX), twice = STRBUF(CFG_FILE_MAX);
    if (size > 65536 || names_a_secret_elsewhere(text) || cfg_problems_init(&problems, &err) != ERR_OK) {
        arena_free(a);
        return 0;
    }
    if (a != NULL && read_text(a, text, &first, &problems) == ERR_OK) {
        cfg_print(config_fields, &first, 0, &once);
        assert(read_text(a, strbuf_str(&once), &second, &problems) == ERR_OK);
        cfg_print(config_fields, &second, 0, &twice);
        assert(str_eq(strbuf_str(&once), strbuf_str(&twice)));
    }
    strbuf_clear(&once);
    cfg_problems_print(&problems, &once);
    strbuf_done(&once);
    strbuf_done(&twice);
    cfg_problems_done(&problems);
    arena_free(a);
    return 0;
}
