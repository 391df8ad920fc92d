#include "enforcer/regex.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>

struct enf_regex {
    pcre2_code *code;
    size_t counted; /* bytes added to the statistics */
    unsigned groups;
};

static void *regex_malloc(size_t size, void *mem) { return enf_scratch_alloc(mem, size); }
static void regex_free(void *p, void *mem) {
    if (p != NULL)
        enf_scratch_free(mem, p);
}

static pcre2_compile_context *compile_context(pcre2_general_context *general) {
    pcre2_compile_context *c = pcre2_compile_context_create(general);
    if (c == NULL)
        return NULL;
    (void)pcre2_set_newline(c, PCRE2_NEWLINE_ANYCRLF);
    (void)pcre2_set_parens_nest_limit(c, 50);
    return c;
}

static void adjust_count(struct enf_mem *m, size_t add, size_t sub) {
    size_t bytes = atomic_load_explicit(&m->bytes, memory_order_relaxed);
    atomic_store_explicit(&m->bytes, bytes + add - sub, memory_order_relaxed);
}

static enum enforcer_status regex_code(struct enf_mem *m, struct enforcer_str pattern, pcre2_code **ret,
                                       struct enforcer_error *err) {
    pcre2_general_context *general = pcre2_general_context_create(regex_malloc, regex_free, m);
    if (general == NULL)
        return enf_nomem(err);
    pcre2_compile_context *context = compile_context(general);
    int code = PCRE2_ERROR_NOMEMORY;
    PCRE2_SIZE at = 0;
    const uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
                             PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    *ret = NULL;
    if (context != NULL)
        *ret = pcre2_compile((PCRE2_SPTR)(pattern.len ? pattern.ptr : ""), pattern.len, options, &code, &at,
                             context);
    pcre2_compile_context_free(context);
    pcre2_general_context_free(general);
    if (*ret != NULL)
        return ENFORCER_OK;
    if (code == PCRE2_ERROR_HEAP_FAILED || code == PCRE2_ERROR_NOMEMORY)
        return enf_nomem(err);
    PCRE2_UCHAR text[120] = "";
    (void)pcre2_get_error_message(code, text, sizeof text);
    return enf_fail(err, ENFORCER_INVALID, 0, (int)at + 1, "regular expression \"%.*s\": %s",
                    ENF_FMT(pattern), (const char *)text);
}

enum enforcer_status enf_regex_compile(struct enf_mem *m, bool counted, struct enforcer_str pattern,
                                       struct enf_regex **ret, struct enforcer_error *err) {
    /* "(*LIMIT...)" and friends are PCRE2's own, and no JavaScript. */
    if (pattern.len >= 2 && pattern.ptr[0] == '(' && pattern.ptr[1] == '*')
        return enf_fail(err, ENFORCER_INVALID, 0, 2, "regular expression \"%.*s\": nothing to repeat",
                        ENF_FMT(pattern));
    pcre2_code *code = NULL;
    enum enforcer_status rc = regex_code(m, pattern, &code, err);
    if (rc != ENFORCER_OK)
        return rc;
    struct enf_regex *r = enf_scratch_alloc(m, sizeof *r);
    if (r == NULL) {
        pcre2_code_free(code);
        return enf_nomem(err);
    }
    size_t size = 0;
    uint32_t groups = 0;
    (void)pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size);
    (void)pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    *r = (struct enf_regex) { .code = code, .counted = counted ? size + sizeof *r : 0, .groups = groups };
    if (counted)
        adjust_count(m, r->counted, 0);
    *ret = r;
    return ENFORCER_OK;
}

void enf_regex_free(struct enf_mem *m, struct enf_regex *r) {
    if (r == NULL)
        return;
    pcre2_code_free(r->code);
    if (r->counted > 0)
        adjust_count(m, 0, r->counted);
    enf_scratch_free(m, r);
}

unsigned enf_regex_groups(const struct enf_regex *r) { return r->groups; }

enum { GROUPS_MAX = 32 };

static enum enforcer_status scratch_ready(struct enf_scratch *s, struct enforcer_error *err) {
    if (s->match_data != NULL)
        return ENFORCER_OK;
    pcre2_general_context *general = pcre2_general_context_create(regex_malloc, regex_free, s->mem);
    if (general == NULL)
        return enf_nomem(err);
    pcre2_match_context *context = pcre2_match_context_create(general);
    pcre2_match_data *data = pcre2_match_data_create(GROUPS_MAX + 1, general);
    pcre2_general_context_free(general);
    if (context == NULL || data == NULL) {
        pcre2_match_context_free(context);
        pcre2_match_data_free(data);
        return enf_nomem(err);
    }
    (void)pcre2_set_match_limit(context, s->regex_steps);
    (void)pcre2_set_depth_limit(context, 10000);
    (void)pcre2_set_heap_limit(context, 4096); /* KiB */
    s->match_data = data;
    s->match_context = context;
    return ENFORCER_OK;
}

enum enforcer_status enf_regex_match(const struct enf_regex *r, struct enforcer_str value,
                                     struct enf_scratch *s, bool *ret, struct enforcer_str *groups,
                                     size_t groups_len, struct enforcer_error *err) {
    *ret = false;
    enum enforcer_status rc = scratch_ready(s, err);
    if (rc != ENFORCER_OK)
        return rc;
    s->steps += value.len + 1;
    int n = pcre2_match(r->code, (PCRE2_SPTR)(value.len ? value.ptr : ""), value.len, 0, 0, s->match_data,
                        s->match_context);
    if (n == PCRE2_ERROR_NOMATCH)
        return ENFORCER_OK;
    if (n == PCRE2_ERROR_NOMEMORY)
        return enf_nomem(err);
    if (n < 0)
        return enf_fail(err, ENFORCER_EVAL, 0, 0, "a regular expression needs more than %u steps",
                        s->regex_steps);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->match_data);
    for (size_t i = 0; i < groups_len; i++) {
        groups[i] = (struct enforcer_str) { NULL, 0 };
        if (i < GROUPS_MAX && i + 1 < (size_t)n && at[2 * i + 2] != PCRE2_UNSET)
            groups[i] = enf_str(value.ptr + at[2 * i + 2], at[2 * i + 3] - at[2 * i + 2]);
    }
    *ret = true;
    return ENFORCER_OK;
}

void enf_scratch_done(struct enf_scratch *s) {
    if (s->match_data != NULL) {
        pcre2_match_data_free(s->match_data);
        pcre2_match_context_free(s->match_context);
    }
    enf_zone_done(&s->zone);
}
