#include <enforcer/enforcer.h>
#include <stdio.h>
#include <string.h>

static const char model[] = "[request_definition]\n"
                            "r = sub, obj, act\n"
                            "[policy_definition]\n"
                            "p = sub, obj, act\n"
                            "[role_definition]\n"
                            "g = _, _\n"
                            "[policy_effect]\n"
                            "e = some(where (p.eft == allow))\n"
                            "[matchers]\n"
                            "m = g(r.sub, p.sub) && keyMatch2(r.obj, p.obj) && r.act == p.act\n";
static const char policy[] = "p, editor, /articles/:id, write\n"
                             "g, alice, editor\n";

int main(void) {
    struct enforcer_error err;
    struct enforcer *e = enforcer_new(model, strlen(model), NULL, &err);
    if (e == NULL || enforcer_load_csv(e, policy, strlen(policy), NULL, &err) != ENFORCER_OK) {
        fprintf(stderr, "%d:%d: %s\n", err.line, err.column, err.text);
        enforcer_free(e);
        return 1;
    }

    const struct enforcer_snapshot *s = enforcer_acquire(
        e); /* one version of the policy, for any number of questions */
    struct enforcer_value values[] = { enforcer_string("alice"), enforcer_string("/articles/7"),
                                       enforcer_string("write") };
    struct enforcer_request request = { .values = values, .values_len = 3 };
    struct enforcer_result result;
    if (enforcer_enforce(s, &request, &result, &err) == ENFORCER_OK && result.outcome == ENFORCER_ALLOW) {
        char rule[128];
        enforcer_rule_print(result.rule, rule, sizeof rule);
        printf("allowed by: %s\n", rule);
    }
    enforcer_release(e, s);

    struct enforcer_str link[] = { enforcer_cstr("bob"), enforcer_cstr("editor") };
    bool added = false;
    if (enforcer_add(e, "g", link, 2, &added, &err) == ENFORCER_OK) /* the next snapshot */
        printf("bob is an editor now: %s\n", added ? "yes" : "he was before");
    enforcer_free(e);
    return 0;
}
