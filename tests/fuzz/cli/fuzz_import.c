/* Dumps from anywhere: whatever is taken, taking it once more finds it the same and writes nothing, and the report is lines of text. */
#include "cli/import/import.h"

#include <assert.h>

static struct store *open_store(void) {
    const struct store_options memory = { .type = "memory" };
    struct store *s = NULL;
    struct err err = { 0 };
    assert(store_open(&memory, &s, &err) == ERR_OK);
    return s;
}

/* False: the text is no dump. */
static bool run(const struct import_options *o, const struct resource_env *env, struct str text,
                size_t counts[IMPORT_OUTCOMES]) {
    struct import m;
    struct err err = { 0 };
    assert(import_init(&m, o, env, &err) == ERR_OK);
    enum err_code rc = import_read_text(&m, text, &err);
    if (rc == ERR_OK) {
        rc = import_apply(&m, &err);
        assert(rc == ERR_OK);
        import_report_summary(&m);
        memcpy(counts, m.counts, sizeof m.counts);
    }
    import_done(&m);
    return rc == ERR_OK;
}

static int64_t revision_of(struct store *s) {
    int64_t revision = 0;
    struct err err = { 0 };
    assert(store_revision(s, &revision, &err) == ERR_OK);
    return revision;
}

static void check_report(const char *report, size_t size) {
    for (size_t i = 0; i < size; i++)
        assert(report[i] == '\n' || ((unsigned char)report[i] >= 0x20 && report[i] != 0x7f));
    assert(size == 0 || report[size - 1] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_FREE(keyring_free) struct keyring *keyring = NULL;
    AUTO_FREE(store_close) struct store *store = NULL;
    const unsigned char key[KEYRING_KEY_SIZE] = { 1 };
    const struct str text = { (const char *)data, size };
    size_t first[IMPORT_OUTCOMES] = { 0 }, second[IMPORT_OUTCOMES] = { 0 };
    struct clock clock;
    struct err err = { 0 };
    char *report = NULL;
    /* A file of the machine must not decide what the target does. */
    if (size > 65536 || str_contains(text, STR("rootCA")) || str_contains(text, STR("\\")))
        return 0;
    clock_fixed_init(&clock, 1735689600000);
    assert(keyring_from_key(key, &keyring, &err) == ERR_OK);
    store = open_store();
    const struct resource_env env = { .store = store,
                                      .keyring = keyring,
                                      .clock = &clock,
                                      .random = random_system(),
                                      .keep_keys_on_password_change = true };
    size_t report_size = 0;
    const struct import_options o = { .tenant = "default", .report = open_memstream(&report, &report_size) };
    assert(o.report != NULL);
    if (run(&o, &env, text, first)) {
        int64_t revision = revision_of(store);
        clock_advance(&clock, 3600 * 1000);
        assert(run(&o, &env, text, second));
        assert(second[IMPORT_CREATED] == 0 && second[IMPORT_CHANGED] == 0 && revision_of(store) == revision);
        assert(second[IMPORT_NOT_TAKEN] == first[IMPORT_NOT_TAKEN]);
    }
    (void)fclose(o.report);
    check_report(report, report_size);
    free(report);
    return 0;
}
