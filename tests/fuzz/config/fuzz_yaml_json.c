/* YAML from outside: what is taken is JSON, says the same when it is printed and read again, and is no larger than it may be. */
#include "tkeauth/config.h"

#include <assert.h>

enum { TEXT_MAX = 64 * 1024 };

static int depth_of(const json_t *v) {
    int deepest = 0;
    const char *key;
    size_t i;
    const json_t *item;
    if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, key, item) {
            int d = depth_of(item);
            deepest = d > deepest ? d : deepest;
        }
    } else if (json_is_array(v)) {
        json_array_foreach((json_t *)(uintptr_t)v, i, item) {
            int d = depth_of(item);
            deepest = d > deepest ? d : deepest;
        }
    } else
        return 0;
    return deepest + 1;
}

/* What YAML and JSON read in the same way: to YAML, other line breaks are line breaks, and DEL is nothing at all. */
static bool is_plain(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = { 0 };
    json_t *value = NULL, *again = NULL;
    if (size < 1 || size > TEXT_MAX)
        return 0;
    bool many = data[0] & 1;
    enum err_code rc = cfg_yaml_to_json((struct str) { (const char *)data + 1, size - 1 }, TEXT_MAX, many,
                                        &value, &err);
    assert((rc == ERR_OK) == (value != NULL));
    if (rc != ERR_OK) {
        assert(err.code == rc && err.detail[0] != '\0');
        return 0;
    }
    assert(depth_of(value) <= CFG_DEPTH_MAX + (many ? 1 : 0));
    char *printed = json_print(value);
    assert(printed != NULL);
    assert(json_parse(str_of(printed), &again, &err) == ERR_OK && json_equal(value, again));
    json_decref(again);
    again = NULL;
    /* May fail: to YAML a key is at most 1024 characters long. */
    if (is_plain(printed) && cfg_yaml_to_json(str_of(printed), TEXT_MAX, false, &again, &err) == ERR_OK)
        assert(json_equal(value, again));
    json_decref(again);
    json_decref(value);
    free(printed);
    return 0;
}
