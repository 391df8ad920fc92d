/* The singular of an English plural, by suffixes (contract 4.7). Policies were written against the results of one particular library,
 * the odd ones ("prometheuse") included: the table is a fact, not grammar, and must not be improved. */
#include "tkeauth/authz.h"

static const struct str unchanged[] = {
    STR("equipment"), STR("information"), STR("rice"),  STR("money"), STR("species"),
    STR("series"),    STR("fish"),        STR("sheep"), STR("jeans"), STR("police"),
};

enum rule_kind {
    SUFFIX,
    WHOLE_WORD,
    AFTER_CONSONANT, /* the letter before the suffix must be a consonant */
    AFTER_LETTER,
};

struct rule {
    struct str plural, singular;
    enum rule_kind kind;
};

/* The first rule that fits the end of the word wins. */
static const struct rule rules[] = {
    { STR("zombies"), STR("zombie"), SUFFIX },
    { STR("moves"), STR("move"), SUFFIX },
    { STR("sexes"), STR("sex"), SUFFIX },
    { STR("children"), STR("child"), SUFFIX },
    { STR("men"), STR("man"), SUFFIX },
    { STR("people"), STR("person"), SUFFIX },
    { STR("databases"), STR("database"), SUFFIX },
    { STR("quizzes"), STR("quiz"), WHOLE_WORD },
    { STR("matrices"), STR("matrix"), SUFFIX },
    { STR("indices"), STR("index"), SUFFIX },
    { STR("vertices"), STR("vertex"), SUFFIX },
    { STR("oxen"), STR("ox"), WHOLE_WORD },
    { STR("aliases"), STR("alias"), SUFFIX },
    { STR("statuses"), STR("status"), SUFFIX },
    { STR("viri"), STR("virus"), SUFFIX },
    { STR("octopi"), STR("octopus"), SUFFIX },
    { STR("testes"), STR("testis"), SUFFIX },
    { STR("axes"), STR("axis"), SUFFIX },
    { STR("crises"), STR("crisis"), SUFFIX },
    { STR("shoes"), STR("shoe"), SUFFIX },
    { STR("oes"), STR("o"), SUFFIX },
    { STR("buses"), STR("bus"), SUFFIX },
    { STR("lice"), STR("louse"), SUFFIX },
    { STR("mice"), STR("mouse"), SUFFIX },
    { STR("shes"), STR("sh"), SUFFIX },
    { STR("sses"), STR("ss"), SUFFIX },
    { STR("ches"), STR("ch"), SUFFIX },
    { STR("xes"), STR("x"), SUFFIX },
    { STR("movies"), STR("movie"), SUFFIX },
    { STR("series"), STR("series"), SUFFIX },
    { STR("ies"), STR("y"), AFTER_CONSONANT },
    { STR("quies"), STR("quy"), SUFFIX },
    { STR("rves"), STR("rf"), SUFFIX },
    { STR("lves"), STR("lf"), SUFFIX },
    { STR("tives"), STR("tive"), SUFFIX },
    { STR("hives"), STR("hive"), SUFFIX },
    { STR("ves"), STR("fe"), AFTER_LETTER },
    { STR("theses"), STR("thesis"), SUFFIX },
    { STR("synopses"), STR("synopsis"), SUFFIX },
    { STR("prognoses"), STR("prognosis"), SUFFIX },
    { STR("parentheses"), STR("parenthesis"), SUFFIX },
    { STR("diagnoses"), STR("diagnosis"), SUFFIX },
    { STR("bases"), STR("basis"), SUFFIX },
    { STR("analyses"), STR("analysis"), SUFFIX },
    { STR("ia"), STR("ium"), SUFFIX },
    { STR("ta"), STR("tum"), SUFFIX },
    { STR("news"), STR("news"), SUFFIX },
    { STR("s"), STR(""), SUFFIX },
};

static bool is_consonant(char c) { return ascii_is_alpha(c) && memchr("aeiouy", ascii_lower(c), 6) == NULL; }

static bool fits(const struct rule *r, struct str word) {
    size_t n = r->plural.len;
    if (word.len < n || ascii_lower(word.ptr[word.len - 1]) != r->plural.ptr[n - 1] ||
        !str_eq_nocase(str_from(word, word.len - n), r->plural))
        return false;
    switch (r->kind) {
    case SUFFIX: return true;
    case WHOLE_WORD: return word.len == n;
    case AFTER_CONSONANT: return word.len > n && is_consonant(word.ptr[word.len - n - 1]);
    case AFTER_LETTER: return word.len > n && ascii_is_alpha(word.ptr[word.len - n - 1]);
    }
    return false;
}

struct str authz_singular(struct arena *a, struct str word) {
    for (size_t i = 0; i < ARRAY_LEN(unchanged); i++)
        if (str_eq_nocase(word, unchanged[i]))
            return word;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct rule *r = &rules[i];
        if (!fits(r, word))
            continue;
        struct str stem = str_sub(word, 0, word.len - r->plural.len);
        if (r->singular.len == 0)
            return stem;
        char *p = arena_alloc(a, stem.len + r->singular.len + 1);
        if (p == NULL)
            return STR_NULL;
        if (stem.len)
            memcpy(p, stem.ptr, stem.len);
        memcpy(p + stem.len, r->singular.ptr, r->singular.len);
        return (struct str) { p, stem.len + r->singular.len };
    }
    return word;
}
