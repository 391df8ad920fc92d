#include "enforcer/fold.h"
#include "enforcer/pattern.h"
#include "enforcer/rule.h"

const char *enforcer_status_name(enum enforcer_status status) {
    switch (status) {
    case ENFORCER_OK: return "ok";
    case ENFORCER_NOMEM: return "nomem";
    case ENFORCER_LIMIT: return "limit";
    case ENFORCER_INVALID: return "invalid";
    case ENFORCER_NOT_FOUND: return "not_found";
    case ENFORCER_EVAL: break;
    }
    return "eval";
}

const char *enforcer_tke_model(void) {
    return "[request_definition]\n"
           "r = sub, dom, obj, act\n"
           "\n"
           "[policy_definition]\n"
           "p = sub, dom, obj, act, eft\n"
           "\n"
           "[role_definition]\n"
           "g = _, _, _\n"
           "\n"
           "[policy_effect]\n"
           "e = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n"
           "\n"
           "[matchers]\n"
           "m = g(r.sub, p.sub, r.dom) && keyMatchCustom(r.obj, p.obj) && keyMatchCustom(r.act, p.act)\n";
}

enum enforcer_status enforcer_match(const char *function, struct enforcer_str value,
                                    struct enforcer_str pattern, bool *ret, struct enforcer_error *err) {
    struct enf_mem mem;
    *ret = false;
    enum enf_fn fn = enf_fn_find(enforcer_cstr(function));
    if (fn == ENF_FN_NONE || fn > ENF_FN_MATCH_LAST)
        return enf_fail(err, ENFORCER_NOT_FOUND, 0, 0, "no matching function \"%s\"", function);
    enf_mem_init(&mem, NULL);
    struct enf_scratch scratch = enf_scratch_for(&mem, 100000);
    enum enforcer_status rc = enf_match_once(fn, value, pattern, &scratch, ret, err);
    enf_scratch_done(&scratch);
    return rc;
}

enum enforcer_status enforcer_tke_pattern_check(struct enforcer_str p, bool *ret_suspicious,
                                                struct enforcer_error *err) {
    bool suspicious = false, wide = false;
    for (size_t i = 0; i < p.len; i++) {
        unsigned char c = (unsigned char)p.ptr[i];
        if (c < 0x20 || c == 0x7f)
            return enf_fail(err, ENFORCER_INVALID, 0, (int)i + 1, "pattern with a control character");
        bool segment = c == '/' && i + 1 < p.len && p.ptr[i + 1] == ':';
        if (segment && (i + 2 == p.len || p.ptr[i + 2] == '/'))
            return enf_fail(err, ENFORCER_INVALID, 0, (int)i + 1,
                            "pattern \"%.*s\" with an empty segment /:", ENF_FMT(p));
        suspicious |= c != '\0' && strchr(".+?()[]{}|^$\\", c) != NULL;
        wide |= segment;
    }
    if (wide && p.len > ENF_STEPS_MAX)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "pattern with segments of more than %d bytes",
                        ENF_STEPS_MAX);
    if (ret_suspicious != NULL)
        *ret_suspicious = suspicious;
    return ENFORCER_OK;
}

/* Grows like snprintf: counts on where it may no longer write. */
struct printer {
    char *out;
    size_t cap, len;
};

static void print_char(struct printer *p, char c) {
    if (p->len + 1 < p->cap)
        p->out[p->len] = c;
    p->len++;
}

static bool needs_quotes(struct enforcer_str s) {
    if (s.len == 0)
        return false;
    if (s.ptr[0] == '#' || s.ptr[0] == ' ' || s.ptr[s.len - 1] == ' ')
        return true;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == ',' || s.ptr[i] == '"' || s.ptr[i] == '(' || s.ptr[i] == ')')
            return true;
    return false;
}

static void print_field(struct printer *p, struct enforcer_str s) {
    bool quoted = needs_quotes(s);
    if (quoted)
        print_char(p, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            print_char(p, '"');
        print_char(p, s.ptr[i]);
    }
    if (quoted)
        print_char(p, '"');
}

size_t enforcer_rule_print(const struct enforcer_rule *rule, char *out, size_t cap) {
    struct printer p = { out, cap, 0 };
    print_field(&p, enforcer_rule_ptype(rule));
    for (size_t i = 0; i < enforcer_rule_len(rule); i++) {
        print_char(&p, ',');
        print_char(&p, ' ');
        print_field(&p, enforcer_rule_field(rule, i));
    }
    if (cap > 0)
        out[p.len < cap ? p.len : cap - 1] = '\0';
    return p.len;
}
