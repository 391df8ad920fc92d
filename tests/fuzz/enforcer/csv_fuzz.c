/* A policy of any bytes under a model with patterns, eval and two role definitions. What loads is printed, loaded again,
 * and must be the same policy; removing every rule must leave nothing. */
#undef NDEBUG /* the properties are the point */
#include <assert.h>

#include "enforcer/enforcer.h"
#include "tkeauth/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char model[] =
    "[request_definition]\nr = sub, dom, obj\n[policy_definition]\np = sub, dom, obj, eft\np2 = rule\n"
    "[role_definition]\ng = _, _, _\ng2 = _, _\n[policy_effect]\ne = some(where (p.eft == allow)) && "
    "!some(where (p.eft == deny))\n[matchers]\n"
    "m = g(r.sub, p.sub, r.dom) && keyMatch2(r.obj, p.obj)\nm2 = eval(p2.rule) && p2.rule != 'x'\n";

static bool print(void *ctx, const struct enforcer_rule *rule) {
    char line[4096];
    size_t n = enforcer_rule_print(rule, line, sizeof line);
    if (n < sizeof line)
        strbuf_add(ctx, (struct str) { line, n });
    else
        ((struct strbuf *)ctx)->failed = true;
    strbuf_addc(ctx, '\n');
    return true;
}

static void export(struct enforcer *e, struct strbuf *out) {
    static const char *const ptypes[] = { "p", "p2", "g", "g2" };
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    for (size_t i = 0; i < ARRAY_LEN(ptypes); i++)
        if (enforcer_rules(s, ptypes[i], 0, NULL, 0, print, out, NULL) != ENFORCER_OK)
            abort();
    enforcer_release(e, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct enforcer_options options = { .hash_key = { 1, 1 } };
    struct enforcer_error err = { 0 };
    struct enforcer *e = enforcer_new(model, strlen(model), &options, &err);
    assert(e != NULL);
    if (enforcer_load_csv(e, (const char *)data, size, NULL, &err) != ENFORCER_OK) {
        assert(err.text[0] != '\0' && err.line > 0 && err.column > 0);
        enforcer_free(e);
        return 0;
    }
    AUTO(strbuf_done) struct strbuf first = STRBUF(1 << 22), second = STRBUF(1 << 22);
    export(e, &first);
    if (!first.failed) {
        assert(enforcer_load_csv(e, strbuf_c(&first), first.len, NULL, &err) == ENFORCER_OK);
        export(e, &second);
        assert(str_eq(strbuf_str(&first), strbuf_str(&second)));
    }
    struct enforcer_result result;
    struct enforcer_str values[3] = { { "alice", 5 }, { "d1", 2 }, { "/a/1", 4 } };
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    if (enforcer_enforce_strings(s, values, 3, &result, &err) != ENFORCER_OK)
        assert(result.outcome == ENFORCER_NO_MATCH);
    enforcer_release(e, s);
    enforcer_free(e);
    return 0;
}
