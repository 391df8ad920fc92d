/* pattern owns what a matching function makes of a rule's field: exact, prefix, suffix, contains, pieces or steps
 * (all linear in the value), a glob, a network, or PCRE2 with limits where nothing else says the same. */
#pragma once
#include "enforcer/scratch.h"

enum enf_fn {
    ENF_FN_NONE,
    ENF_KEY_MATCH,
    ENF_KEY_MATCH2,
    ENF_KEY_MATCH3,
    ENF_KEY_MATCH4,
    ENF_KEY_MATCH5,
    ENF_KEY_MATCH_CUSTOM,
    ENF_REGEX_MATCH,
    ENF_IP_MATCH,
    ENF_GLOB_MATCH,
    ENF_FN_MATCH_LAST = ENF_GLOB_MATCH, /* the ones above take (value, pattern) and say yes or no */
    ENF_KEY_GET,
    ENF_KEY_GET2,
    ENF_KEY_GET3,
};

enum enf_pattern_kind {
    ENF_PATTERN_EXACT,
    ENF_PATTERN_PREFIX,   /* a* */
    ENF_PATTERN_SUFFIX,   /* *a */
    ENF_PATTERN_CONTAINS, /* *a* */
    ENF_PATTERN_ENDS,     /* a*b */
    ENF_PATTERN_ANY,      /* * */
    ENF_PATTERN_PIECES,   /* a*b*c...: texts between stars */
    ENF_PATTERN_STEPS,    /* anything of single bytes, any, segments and stars */
    ENF_PATTERN_REGEX,
    ENF_PATTERN_GLOB,
    ENF_PATTERN_NET,
    ENF_PATTERN_BAD, /* not a pattern: using it is an error */
};

/* Which characters a `*` (a dot of the regular expressions behind it) does not cross. */
enum enf_newlines { ENF_CROSS_ALL, ENF_STOP_LF, ENF_STOP_CRLF };

struct enf_pattern {
    uint8_t kind;     /* enum enf_pattern_kind */
    uint8_t newlines; /* enum enf_newlines */
    uint8_t fn;       /* enum enf_fn */
    bool strip_query; /* keyMatch5: the value counts up to its first '?' */
    bool counted;
    bool tokens_differ; /* keyMatch4: names and groups do not pair up; an error once it matches */
    uint32_t size;      /* of this block */
    const char *a, *b;  /* into this block, or into the text it was compiled from */
    uint32_t a_len, b_len;
    void *extra; /* struct enf_regex, struct enf_glob, struct enf_net, or the steps */
};

/* True for functions whose patterns compare in lower case: match with a folded value. */
static inline bool enf_fn_folds(enum enf_fn fn) { return fn == ENF_KEY_MATCH_CUSTOM; }
/* Can matching fail with an error, for some pattern or value? */
bool enf_fn_fallible(enum enf_fn fn);
/* ENF_FN_NONE: no built-in of this name. */
enum enf_fn enf_fn_find(struct enforcer_str name);
const char *enf_fn_name(enum enf_fn fn);

/* `text` must live as long as the pattern. A text that is no pattern still compiles, to ENF_PATTERN_BAD, whose error
 * enf_pattern_match reports: NOMEM is the only failure. `counted`: kept by the enforcer, else of one call. */
enum enforcer_status enf_pattern_compile(struct enf_mem *m, bool counted, enum enf_fn fn,
                                         struct enforcer_str text, struct enf_pattern **ret,
                                         struct enforcer_error *err) MUST_CHECK;
void enf_pattern_free(struct enf_mem *m, struct enf_pattern *p);
/* `value` folded if enf_fn_folds. EVAL: bad pattern, bad address, or over the step limit; then *ret is false. */
enum enforcer_status enf_pattern_match(const struct enf_pattern *p, struct enforcer_str value,
                                       struct enf_scratch *s, bool *ret, struct enforcer_error *err)
    MUST_CHECK;
/* The bytes that every matching value starts with, as one word: their number (at most 7), then the bytes. Lists keep it
 * beside their rules, so that most of them are ruled out without being touched. */
uint64_t enf_pattern_tag(const struct enf_pattern *p);
uint64_t enf_value_tag(struct enforcer_str value);
static inline bool enf_tag_excludes(uint64_t pattern, uint64_t value) {
    uint64_t n = pattern & 0xff;
    return n > (value & 0xff) || ((pattern ^ value) >> 8 & ((UINT64_C(1) << 8 * n) - 1)) != 0;
}

/* Both at once, folding as needed: for patterns that are not known before. */
enum enforcer_status enf_match_once(enum enf_fn fn, struct enforcer_str value, struct enforcer_str text,
                                    struct enf_scratch *s, bool *ret, struct enforcer_error *err) MUST_CHECK;

/* The parts a pattern is made of, before it is known which kind suffices. */
enum enf_step_op { ENF_STEP_BYTE, ENF_STEP_ANY, ENF_STEP_SEGMENT, ENF_STEP_STAR, ENF_STEP_STAR_ALL };
struct enf_step {
    uint8_t op, byte;
};
enum { ENF_STEPS_MAX = 4096 };

/* rewrite.c: the patterns of the keyMatch family as steps, or as the regular expression they stand for.
 * `out` has room for steps_max; *ret_len SIZE_MAX means that steps cannot say it and `regex` is it. */
struct enf_rewrite {
    enum enf_fn fn;
    struct enforcer_str text;
    struct enf_step *steps; /* room for 2 * text.len + 16 */
    size_t steps_len;
    bool needs_regex;
    bool tokens_differ, tokens_repeat;
    char *regex; /* zone memory */
    size_t regex_len;
};
enum enforcer_status enf_rewrite(struct enf_rewrite *w, struct enf_zone *z, struct enforcer_error *err)
    MUST_CHECK;
