/* A file of tokens: what stands there without quotation marks is found, and nothing else is said about it. */
#include <assert.h>
#include <stdint.h>

#include "authn/token_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct random repeatable;
    struct err err = { 0 };
    struct str rest = { (const char *)data, size }, line;
    AUTO_FREE(token_file_free) struct token_file *f = NULL;
    random_fixed_init(&repeatable, 1);
    if (token_file_parse(rest, "f", &repeatable, &f, &err) != ERR_OK) {
        assert(f == NULL && strncmp(err.detail, "f:", 2) == 0);
        return 0;
    }
    size_t lines = 0;
    while (str_next(&rest, '\n', &line)) {
        struct str trimmed = str_trim(line), token, user, others;
        if (trimmed.len == 0 || trimmed.ptr[0] == '#')
            continue;
        lines++;
        if (str_find(line, '"') != line.len)
            continue;
        (void)str_cut(trimmed, ',', &token, &others);
        (void)str_cut(others, ',', &user, &others);
        const struct token_entry *e = token_file_find(f, token);
        assert(e != NULL && str_eq(e->user, user));
    }
    assert(token_file_count(f) == lines && token_file_find(f, STR("not there")) == NULL);
    return 0;
}
