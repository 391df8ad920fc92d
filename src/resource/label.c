/* The syntax of labels, in Kubernetes' words. */
#include "tkeauth/resource.h"

enum { LABEL_PREFIX_MAX = 253, LABEL_NAME_MAX = 63, LABEL_VALUE_MAX = 63 };

static bool is_name_byte(char c) { return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.'; }

/* Letters, digits, '-', '_' and '.', with a letter or digit at both ends. */
static bool is_name(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!is_name_byte(s.ptr[i]))
            return false;
    return s.len > 0 && ascii_is_alnum(s.ptr[0]) && ascii_is_alnum(s.ptr[s.len - 1]);
}

static const char *prefix_problem(struct str prefix) {
    if (prefix.len == 0)
        return "prefix part must be non-empty";
    if (prefix.len > LABEL_PREFIX_MAX)
        return "prefix part must be no more than 253 bytes";
    if (name_problem(prefix, false) != NULL)
        return "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
               "characters, '-' or '.', "
               "and must start and end with an alphanumeric character (e.g. 'example.com')";
    return NULL;
}

const char *label_key_problem(struct str key) {
    struct str prefix, name;
    if (str_cut(key, '/', &prefix, &name)) {
        const char *problem = prefix_problem(prefix);
        if (problem != NULL)
            return problem;
    } else
        name = key;
    if (str_find(name, '/') < name.len)
        return "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start "
               "and end with an "
               "alphanumeric character, with an optional DNS subdomain prefix and '/' (e.g. "
               "'example.com/MyName')";
    if (name.len == 0)
        return "name part must be non-empty";
    if (name.len > LABEL_NAME_MAX)
        return "name part must be no more than 63 bytes";
    if (!is_name(name))
        return "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
               "with an "
               "alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc')";
    return NULL;
}

const char *label_value_problem(struct str value) {
    if (value.len > LABEL_VALUE_MAX)
        return "must be no more than 63 bytes";
    if (value.len > 0 && !is_name(value))
        return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
               "'.', and must "
               "start and end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345')";
    return NULL;
}
