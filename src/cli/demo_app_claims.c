/* Claims, made readable. */
#include "cli/demo_app.h"

/* Whom it is about first, then what the token is good for. */
static const char *const order[] = { "name",   "preferred_username",
                                     "email",  "email_verified",
                                     "groups", "federated_claims",
                                     "sub",    "iss",
                                     "aud",    "azp",
                                     "iat",    "nbf",
                                     "exp",    "auth_time",
                                     "nonce",  "at_hash",
                                     "c_hash", "sid",
                                     "jti" };

static bool is_time(const char *name) {
    return strcmp(name, "exp") == 0 || strcmp(name, "iat") == 0 || strcmp(name, "nbf") == 0 ||
           strcmp(name, "auth_time") == 0 || strcmp(name, "updated_at") == 0;
}

/* "2026-01-02 03:04:05 UTC" */
static struct str utc(struct arena *a, int64_t seconds) {
    char text[TIME_RFC3339_SIZE];
    (void)time_rfc3339(seconds, text);
    struct str s = str_of(text);
    return str_of(arena_printf(a, "%.*s %.*s UTC", STR_FMT(str_sub(s, 0, 10)), STR_FMT(str_sub(s, 11, 8))));
}

static struct str scalar(struct arena *a, const char *name, const json_t *value) {
    if (json_is_string(value))
        return arena_str(a, (struct str) { json_string_value(value), json_string_length(value) });
    if (json_is_integer(value) && is_time(name))
        return utc(a, json_integer_value(value));
    char *printed = json_print(value);
    struct str text = arena_str(a, str_of(printed));
    free(printed);
    return text;
}

static const struct web_list *list_of(struct arena *a, const struct str *texts, size_t len) {
    struct web_list *list = arena_alloc(a, sizeof *list);
    const struct web_value **rows = arena_array(a, len, sizeof(struct web_value *));
    for (size_t i = 0; rows != NULL && i < len; i++) {
        struct web_value *row = arena_array(a, 2, sizeof *row);
        if (row == NULL)
            return NULL;
        row[0] = (struct web_value) { .name = "text", .text = texts[i] };
        rows[i] = row;
    }
    if (list == NULL || rows == NULL)
        return NULL;
    *list = (struct web_list) { rows, len };
    return list;
}

/* The elements of an array, or "key: value" of an object. NULL for anything else, and when it is empty. */
static const struct web_list *items_of(struct arena *a, json_t *value) {
    size_t len = json_is_array(value) ? json_array_size(value) : json_object_size(value), i = 0;
    struct str *texts = len ? arena_array(a, len, sizeof *texts) : NULL;
    const char *key;
    json_t *element;
    if (texts == NULL)
        return NULL;
    if (json_is_array(value))
        for (; i < len; i++)
            texts[i] = scalar(a, "", json_array_get(value, i));
    else
        json_object_foreach(value, key, element)
            texts[i++] = str_of(arena_printf(a, "%s: %.*s", key, STR_FMT(scalar(a, key, element))));
    return list_of(a, texts, len);
}

static const struct web_value *claim_row(struct arena *a, const struct web *w, const char *language,
                                         const char *name, json_t *value) {
    struct web_value *row = arena_array(a, 5, sizeof *row);
    char *key = arena_printf(a, "demo_claim_%s", name);
    if (row == NULL || key == NULL)
        return NULL;
    const char *meaning = web_message(w, language, key);
    bool many = json_is_array(value) || json_is_object(value);
    const struct web_list *items = many ? items_of(a, value) : NULL;
    struct str text = many ? str_of(web_message(w, language, "demo_none")) : scalar(a, name, value);
    row[0] = (struct web_value) { .name = "name", .text = arena_str(a, str_of(name)) };
    row[1] = (struct web_value) { .name = "meaning", .text = meaning == key ? STR_NULL : str_of(meaning) };
    row[2] = (struct web_value) { .name = "text", .text = items ? STR_NULL : text };
    row[3] = (struct web_value) { .name = "items", .list = items };
    return row;
}

static bool is_ordered(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (strcmp(order[i], name) == 0)
            return true;
    return false;
}

const struct web_list *demo_claim_rows(struct arena *a, const struct web *w, const char *language,
                                       json_t *claims) {
    struct web_list *list = arena_alloc(a, sizeof *list);
    const struct web_value **rows = arena_array(a, json_object_size(claims) + 1, sizeof(struct web_value *));
    size_t len = 0;
    const char *name;
    json_t *value;
    if (list == NULL || rows == NULL)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if ((value = json_object_get(claims, order[i])) != NULL)
            rows[len++] = claim_row(a, w, language, order[i], value);
    json_object_foreach(claims, name, value) {
        if (!is_ordered(name))
            rows[len++] = claim_row(a, w, language, name, value);
    }
    *list = (struct web_list) { rows, len };
    return arena_failed(a) ? NULL : list;
}

/* One unit of the countdown: an integer custom property that steps from `from` to 0, `step_s` seconds a step. */
static void unit(struct strbuf *out, const char *name, int64_t steps, int64_t step_s, int64_t elapsed_s,
                 bool repeat, int64_t now) {
    strbuf_addf(out, "@property --%s { syntax: \"<integer>\"; inherits: true; initial-value: 0; }\n", name);
    strbuf_addf(out, "@keyframes %s { from { --%s: %lld; } to { --%s: -1; } }\n", name, name,
                (long long)steps - 1, name);
    strbuf_addf(out, ".countdown { --%s: %lld; --run-%s: %s %llds steps(%lld) -%llds %s both; }\n", name,
                (long long)now, name, name, (long long)(steps * step_s), (long long)steps,
                (long long)elapsed_s, repeat ? "infinite" : "1");
}

void demo_countdown_css(int64_t left_s, int64_t total_s, struct strbuf *out) {
    enum { DAY_S = 86400 };
    left_s = left_s < 0 ? 0 : left_s > 99 * 3600 ? 99 * 3600 : left_s;
    total_s = total_s < 1 ? 1 : total_s > 365 * (int64_t)DAY_S ? 365 * (int64_t)DAY_S : total_s;
    int64_t hours = left_s / 3600, minutes = left_s / 60 % 60, seconds = left_s % 60;
    int64_t into_minute = 59 - seconds, into_hour = (59 - minutes) * 60 + into_minute;
    unit(out, "seconds", 60, 1, into_minute, true, seconds);
    unit(out, "minutes", 60, 60, into_hour, true, minutes);
    unit(out, "hours", hours + 1, 3600, into_hour, false, hours);
    strbuf_addf(
        out,
        "@keyframes gone { to { visibility: hidden; } }\n@keyframes shown { to { visibility: visible; } }\n"
        "@keyframes shrink { to { transform: scaleX(0); } }\n"
        ".countdown { animation: var(--run-seconds), var(--run-minutes), var(--run-hours), gone 1ms %llds "
        "both; }\n"
        ".countdown::before { counter-reset: h var(--hours) m var(--minutes) s var(--seconds);\n"
        "  content: counter(h, decimal-leading-zero) \":\" counter(m, decimal-leading-zero) \":\" counter(s, "
        "decimal-leading-zero); }\n"
        ".countdown-over { visibility: hidden; animation: shown 1ms %llds both; }\n"
        ".countdown-bar { transform: scaleX(%.4f); animation: shrink %llds linear both; }\n",
        (long long)left_s, (long long)left_s,
        (double)left_s / (double)total_s > 1 ? 1.0 : (double)left_s / (double)total_s, (long long)left_s);
}
