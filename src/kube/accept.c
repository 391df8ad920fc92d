#include "kube/accept.h"

enum { Q_MAX = 1000 }; /* a quality of 1, in thousandths: RFC 9110 12.4.2 allows three digits */

/* A media type or range; slices of what it was read from. */
struct media {
    struct str type, subtype;
    struct str group, version, as; /* the parameters g, v and as */
    int q;
};

static bool is_token(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && memchr("!#$%&'*+-.^_`|~@", s.ptr[i], 16) == NULL)
            return false; /* '@' is none, but in the name that kubectl has for OpenAPI's protobuf */
    return s.len > 0;
}

/* "1", "0.5", "0.125"; -1 when it is none. */
static int quality(struct str s) {
    int q = 0, digit = Q_MAX;
    if (s.len == 0 || s.len > 5 || (s.ptr[0] != '0' && s.ptr[0] != '1') || (s.len > 1 && s.ptr[1] != '.'))
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        if (i == 1)
            continue;
        if (!ascii_is_digit(s.ptr[i]))
            return -1;
        q += (s.ptr[i] - '0') * digit;
        digit /= 10;
    }
    return q <= Q_MAX ? q : -1;
}

static struct str unquoted(struct str s) {
    bool quoted = s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"';
    return quoted ? str_sub(s, 1, s.len - 2) : s;
}

static bool media_parse(struct str in, struct media *ret) {
    struct str name, rest, parameter, key, value;
    *ret = (struct media) { .q = Q_MAX };
    bool more = str_cut(in, ';', &name, &rest);
    if (!str_cut(str_trim(name), '/', &ret->type, &ret->subtype) || !is_token(ret->type) ||
        !is_token(ret->subtype))
        return false;
    while (more) {
        more = str_cut(rest, ';', &parameter, &rest);
        (void)str_cut(str_trim(parameter), '=', &key, &value);
        value = unquoted(value);
        if (str_eq_nocase(key, STR("q"))) {
            ret->q = quality(value);
            if (ret->q < 0)
                return false;
        } else if (str_eq_nocase(key, STR("g")))
            ret->group = value;
        else if (str_eq_nocase(key, STR("v")))
            ret->version = value;
        else if (str_eq_nocase(key, STR("as")))
            ret->as = value;
    }
    return true;
}

static bool is_any(struct str s) { return str_eq(s, STR("*")); }

/* How precisely `range` means `offer`; 0: not at all. */
static int precision(const struct media *range, const struct media *offer) {
    if (is_any(range->type) && is_any(range->subtype))
        return 1;
    if (!str_eq_nocase(range->type, offer->type))
        return 0;
    if (is_any(range->subtype))
        return 2;
    if (!str_eq_nocase(range->subtype, offer->subtype))
        return 0;
    if (range->group.len == 0 && range->version.len == 0 && range->as.len == 0)
        return 3;
    bool same = str_eq(range->group, offer->group) && str_eq(range->version, offer->version) &&
                str_eq(range->as, offer->as);
    return same ? 4 : 0;
}

struct ranges {
    struct media items[ACCEPT_RANGES_MAX];
    size_t len;
};

static void ranges_parse(struct str header, struct ranges *ret) {
    struct str item;
    ret->len = 0;
    for (bool more = true; more && ret->len < ACCEPT_RANGES_MAX;) {
        more = str_cut(header, ',', &item, &header);
        if (media_parse(item, &ret->items[ret->len]))
            ret->len++;
    }
}

/* The range that says most about the offer; of equals the first. NULL: it is not acceptable. */
static const struct media *best_range(const struct ranges *ranges, const struct media *offer) {
    const struct media *best = NULL;
    int best_precision = 0;
    for (size_t i = 0; i < ranges->len; i++) {
        int p = precision(&ranges->items[i], offer);
        if (p > best_precision) {
            best = &ranges->items[i];
            best_precision = p;
        }
    }
    return best != NULL && best->q > 0 ? best : NULL;
}

int accept_choose(struct str header, const struct str *offers, size_t len) {
    struct ranges ranges;
    const struct media *chosen = NULL;
    int index = ACCEPT_NONE;
    if (str_trim(header).len == 0)
        return 0;
    ranges_parse(header, &ranges);
    for (size_t i = 0; i < len; i++) {
        struct media offer;
        const struct media *range = media_parse(offers[i], &offer) ? best_range(&ranges, &offer) : NULL;
        if (range == NULL ||
            (chosen != NULL && (range->q < chosen->q || (range->q == chosen->q && range >= chosen))))
            continue;
        chosen = range;
        index = (int)i;
    }
    return index;
}
