/* Lines of a head, "Name: value", as a front proxy or somebody who impersonates may send them: what comes out is text, and well formed. */
#include <assert.h>
#include <stdint.h>

#include "authn/front_proxy.h"
#include "authn/impersonation.h"
#include "authn/principal.h"

enum { LINES_MAX = 100 /* what http/ lets through */ };

static void check(const struct principal *p) {
    assert(principal_is_text(p->name) && p->group_count != 0);
    size_t authenticated = 0;
    for (size_t i = 0; i < p->group_count; i++) {
        assert(principal_is_text(p->groups[i]));
        authenticated += str_eq(p->groups[i], STR("system:authenticated"));
    }
    assert(authenticated == 1 && str_eq(p->groups[p->group_count - 1], STR("system:authenticated")));
    for (size_t i = 0; i < p->extra_count; i++) {
        struct str key = p->extra[i].key;
        assert(principal_is_text(key) && p->extra[i].value_count != 0);
        for (size_t j = 0; j < key.len; j++)
            assert(key.ptr[j] < 'A' || key.ptr[j] > 'Z');
        for (size_t j = 0; j < i; j++)
            assert(!str_eq(p->extra[j].key, key));
        if (str_eq(key, STR("tenantid")))
            assert(str_eq(p->tenant, p->extra[i].values[0]));
    }
}

/* As http/ checks names (RFC 9110 5.6.2); values have no line ends and no NUL. */
static bool is_header_name(struct str name) {
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_is_alnum(name.ptr[i]) &&
            (name.ptr[i] == 0 || memchr("!#$%&'*+-.^_`|~", name.ptr[i], 15) == NULL))
            return false;
    return name.len != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct str user[] = { STR("X-Remote-User"), STR("X-User") },
                            group[] = { STR("X-Remote-Group") },
                            extra[] = { STR("X-Remote-Extra-"), STR("X-") };
    static const struct front_proxy_headers names = {
        user, group, extra, ARRAY_LEN(user), ARRAY_LEN(group), ARRAY_LEN(extra)
    };
    struct header_line lines[LINES_MAX];
    struct header_list list = { lines, 0 };
    struct str rest = { (const char *)data, size }, line;
    while (list.len < LINES_MAX && str_next(&rest, '\n', &line)) {
        struct header_line *l = &lines[list.len];
        if (str_cut(line, ':', &l->name, &l->value) && is_header_name(l->name)) {
            l->value = str_trim(l->value);
            list.len++;
        }
    }
    AUTO_FREE(arena_free) struct arena *a = arena_new(16 << 20);
    struct err err = { 0 };
    struct principal p;
    bool found = false;
    enum err_code rc = front_proxy_read(&names, &list, a, &found, &p, &err);
    assert(rc == ERR_OK || (rc == ERR_UNAUTHENTICATED || rc == ERR_NOMEM));
    if (rc == ERR_OK && found)
        check(&p);
    rc = impersonation_read(&list, a, &found, &p, &err);
    assert(rc == ERR_OK || (!found && (rc == ERR_INVALID || rc == ERR_NOMEM)));
    if (rc == ERR_OK && found)
        check(&p);
    return 0;
}
