/* A matcher of any bytes over a small policy: it does not parse, or it decides the same whether it runs compiled into
 * the model or by itself; an error is never an allow. */
#undef NDEBUG /* the properties are the point */
#include <assert.h>

#include "enforcer/enforcer.h"
#include "tkeauth/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char head[] =
    "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[role_definition]\n"
    "g = _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = ";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char csv[] = "p, alice, /a/*, read\np, admin, 7, .*\ng, alice, admin\n";
    struct enforcer_options options = { .hash_key = { 1, 1 }, .regex_steps = 1000 };
    struct enforcer_error err = { 0 };
    if (size > 2000 || memchr(data, '\n', size) != NULL)
        return 0;
    AUTO(strbuf_done) struct strbuf model = STRBUF(1 << 14);
    strbuf_adds(&model, head);
    strbuf_add(&model, (struct str) { (const char *)data, size });
    struct enforcer *e = enforcer_new(strbuf_c(&model), model.len, &options, &err);
    if (e == NULL)
        return 0;
    assert(enforcer_load_csv(e, csv, strlen(csv), NULL, &err) == ENFORCER_OK);
    struct enforcer_member member = { { "Age", 3 }, { .kind = ENFORCER_NUMBER, .u.number = 7 } };
    struct enforcer_value values[3] = { { .kind = ENFORCER_STRING, .u.string = { "alice", 5 } },
                                        { .kind = ENFORCER_MAP, .u.map = { &member, 1 } },
                                        { .kind = ENFORCER_STRING, .u.string = { "/a/b", 4 } } };
    struct enforcer_request r = { .values = values, .values_len = 3 };
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    for (int i = 0; i < 2; i++) {
        struct enforcer_result a, b;
        enum enforcer_status x = enforcer_enforce(s, &r, &a, &err);
        enum enforcer_status y = enforcer_enforce_matcher(s, (const char *)data, size, &r, &b, &err);
        if (x != ENFORCER_OK)
            assert(a.outcome == ENFORCER_NO_MATCH);
        /* The model file ends a matcher at a comment or a backslash; by itself it goes on. */
        if (memchr(data, '#', size) == NULL && memchr(data, ';', size) == NULL &&
            memchr(data, '\\', size) == NULL && memchr(data, '\r', size) == NULL)
            assert(x == y && a.outcome == b.outcome && a.rule == b.rule);
        values[1] = values[2]; /* now all strings: the compiled way */
    }
    enforcer_release(e, s);
    enforcer_free(e);
    return 0;
}
