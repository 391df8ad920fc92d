#include "authn/principal.h"

#include <time.h>

const char *principal_source_name(enum principal_source source) {
    switch (source) {
    case PRINCIPAL_FRONT_PROXY: return "front_proxy";
    case PRINCIPAL_CERTIFICATE: return "certificate";
    case PRINCIPAL_TOKEN_FILE: return "token_file";
    case PRINCIPAL_ID_TOKEN: return "id_token";
    case PRINCIPAL_API_KEY: return "api_key";
    }
    return "unknown";
}

bool principal_is_text(struct str s) { return s.len != 0 && str_is_utf8(s) && !str_has_control(s); }

/* ---- extras ---- */

/* Lists grow when their length is a power of two, so their size need not be kept. */
static bool is_full(size_t len) { return (len & (len - 1)) == 0; }
static size_t next_size(size_t len) { return len == 0 ? 1 : 2 * len; }

static struct principal_extra *find_or_add(struct arena *a, struct extra_list *list, struct str key) {
    for (size_t i = 0; i < list->len; i++)
        if (str_eq(list->items[i].key, key))
            return &list->items[i];
    if (is_full(list->len)) {
        struct principal_extra *grown = arena_array(a, next_size(list->len), sizeof *grown);
        if (grown == NULL)
            return NULL;
        for (size_t i = 0; i < list->len; i++)
            grown[i] = list->items[i];
        list->items = grown;
    }
    struct principal_extra *added = &list->items[list->len++];
    *added = (struct principal_extra) { .key = arena_str(a, key) };
    return added;
}

void extra_add(struct arena *a, struct extra_list *list, struct str key, struct str value) {
    struct principal_extra *extra = find_or_add(a, list, key);
    if (extra == NULL)
        return;
    struct str *values = is_full(extra->value_count)
                             ? arena_array(a, next_size(extra->value_count), sizeof *values)
                             : NULL;
    if (values == NULL && is_full(extra->value_count))
        return;
    if (values != NULL) {
        for (size_t i = 0; i < extra->value_count; i++)
            values[i] = extra->values[i];
        extra->values = values;
    }
    /* The array is the list's own; const is for those who only read principals. */
    union {
        const struct str *in;
        struct str *out;
    } own = { .in = extra->values };
    own.out[extra->value_count++] = arena_str(a, value);
}

void extra_add_time(struct arena *a, struct extra_list *list, struct str key, int64_t seconds) {
    time_t t = (time_t)seconds;
    struct tm tm;
    char text[64];
    if (seconds != 0 && gmtime_r(&t, &tm) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S +0000 UTC", &tm) != 0)
        extra_add(a, list, key, str_of(text));
}

/* ---- the whole ---- */

static struct str first_value(const struct extra_list *list, struct str key) {
    for (size_t i = 0; i < list->len; i++)
        if (str_eq(list->items[i].key, key))
            return list->items[i].values[0];
    return STR_NULL;
}

enum err_code principal_make(struct arena *a, const struct principal_draft *draft, struct principal *ret,
                             struct err *err) {
    const struct str authenticated = STR("system:authenticated");
    struct str *groups = arena_array(a, draft->group_count + 1, sizeof *groups);
    size_t count = 0;
    for (size_t i = 0; groups != NULL && i < draft->group_count; i++)
        if (!str_eq(draft->groups[i], authenticated))
            groups[count++] = arena_str(a, draft->groups[i]);
    if (groups != NULL)
        groups[count++] = authenticated;
    struct principal p = {
        .source = draft->source,
        .name = arena_str(a, draft->name),
        .uid = arena_str(a, draft->uid),
        .groups = groups,
        .group_count = count,
        .extra = draft->extra.items,
        .extra_count = draft->extra.len,
        .expires_at = draft->expires_at,
        .issued_at = draft->issued_at,
    };
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "a principal");
    p.tenant = first_value(&draft->extra, STR("tenantid"));
    *ret = p;
    return ERR_OK;
}
