#include "web/messages.h"

struct messages {
    struct str keys[MESSAGES_KEYS_MAX];
    size_t key_count;
    char *languages[MESSAGES_LANGUAGES_MAX];
    struct str *texts[MESSAGES_LANGUAGES_MAX]; /* by key; ptr NULL: English stands in */
    size_t language_count;
};

static bool is_name(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '_')
            return false;
    return s.len > 0;
}

bool messages_next(struct str *rest, struct str *ret_literal, struct str *ret_name) {
    if (rest->len == 0)
        return false;
    size_t open = str_find(*rest, '{');
    *ret_literal = str_sub(*rest, 0, open);
    struct str behind = str_from(*rest, open + 1);
    size_t close = str_find(behind, '}');
    *ret_name = open < rest->len ? str_sub(behind, 0, close) : STR_NULL;
    *rest = str_from(behind, close + 1);
    return true;
}

/* Every brace belongs to a {name}. */
static bool text_is_well_formed(struct str text) {
    if (!str_is_utf8(text) || text.len > MESSAGE_LEN_MAX || str_has_control(text))
        return false;
    bool open = false;
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '{') {
            if (open)
                return false;
            open = true;
            from = i + 1;
        } else if (text.ptr[i] == '}') {
            if (!open || !is_name(str_sub(text, from, i - from)))
                return false;
            open = false;
        }
    }
    return !open;
}

bool messages_find(const struct messages *m, struct str key, size_t *ret_key) {
    for (size_t i = 0; i < m->key_count; i++)
        if (str_eq(m->keys[i], key)) {
            *ret_key = i;
            return true;
        }
    return false;
}

static bool language_find(const struct messages *m, struct str name, size_t *ret) {
    for (size_t i = 0; i < m->language_count; i++)
        if (str_eq_nocase(str_of(m->languages[i]), name)) {
            *ret = i;
            return true;
        }
    return false;
}

static enum err_code language_add(struct arena *a, struct messages *m, const struct messages_source *source,
                                  size_t *ret, struct err *err) {
    if (language_find(m, source->language, ret))
        return ERR_OK;
    if (m->language_count == MESSAGES_LANGUAGES_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %d languages", source->origin, MESSAGES_LANGUAGES_MAX);
    char *name = arena_strdup(a, source->language);
    struct str *texts = arena_array(a, MESSAGES_KEYS_MAX, sizeof *texts);
    if (name == NULL || texts == NULL)
        return err_set(err, ERR_NOMEM, "message catalogue");
    *ret = m->language_count++;
    m->languages[*ret] = name;
    m->texts[*ret] = texts;
    return ERR_OK;
}

static enum err_code key_add(struct arena *a, struct messages *m, const struct messages_source *source,
                             size_t language, struct str key, size_t *ret, struct err *err) {
    if (messages_find(m, key, ret))
        return ERR_OK;
    if (language != 0)
        return err_set(err, ERR_INVALID, "%s: key \"%.*s\" is not in the English catalogue", source->origin,
                       STR_FMT(key));
    if (!is_name(key))
        return err_set(err, ERR_INVALID, "%s: key \"%.*s\": letters, digits and _ only", source->origin,
                       STR_FMT(key));
    if (m->key_count == MESSAGES_KEYS_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %d messages", source->origin, MESSAGES_KEYS_MAX);
    *ret = m->key_count++;
    m->keys[*ret] = arena_str(a, key);
    return ERR_OK;
}

static enum err_code source_add(struct arena *a, struct messages *m, const struct messages_source *source,
                                struct err *err) {
    if (source->json.len > MESSAGES_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "%s: over %d bytes", source->origin, MESSAGES_SIZE_MAX);
    json_auto_t *root = NULL;
    if (json_parse(source->json, &root, err) != ERR_OK)
        return err_context(err, "%s", source->origin);
    if (!json_is_object(root))
        return err_set(err, ERR_INVALID, "%s: one JSON object of texts is expected", source->origin);
    size_t language = 0;
    enum err_code rc = language_add(a, m, source, &language, err);
    if (rc != ERR_OK)
        return rc;
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value) {
        struct str text = { json_string_value(value), json_string_length(value) };
        if (text.ptr == NULL || !text_is_well_formed(text))
            return err_set(err, ERR_INVALID,
                           "%s: \"%s\": a text of one line, braces only around value names, is expected",
                           source->origin, name);
        size_t key = 0;
        if ((rc = key_add(a, m, source, language, str_of(name), &key, err)) != ERR_OK)
            return rc;
        m->texts[language][key] = arena_str(a, text);
    }
    return ERR_OK;
}

enum err_code messages_new(struct arena *a, const struct messages_source *sources, size_t len,
                           const struct messages **ret, struct err *err) {
    struct messages *m = arena_alloc(a, sizeof *m);
    if (m == NULL)
        return err_set(err, ERR_NOMEM, "message catalogues");
    /* English first: it says which keys there are. */
    for (int english = 1; english >= 0; english--)
        for (size_t i = 0; i < len; i++) {
            if (str_eq(sources[i].language, STR("en")) != (english == 1))
                continue;
            enum err_code rc = source_add(a, m, &sources[i], err);
            if (rc != ERR_OK)
                return rc;
        }
    if (m->language_count == 0 || strcmp(m->languages[0], "en") != 0)
        return err_set(err, ERR_INVALID, "there is no English message catalogue");
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "message catalogues");
    *ret = m;
    return ERR_OK;
}

size_t messages_language_count(const struct messages *m) { return m->language_count; }
const char *messages_language(const struct messages *m, size_t language) { return m->languages[language]; }

size_t messages_language_find(const struct messages *m, struct str name) {
    size_t i = 0;
    return language_find(m, name, &i) ? i : 0;
}

struct str messages_text(const struct messages *m, size_t language, size_t key) {
    struct str text = m->texts[language][key];
    return text.ptr != NULL ? text : m->texts[0][key];
}

/* ---- which language ---- */

enum { ACCEPT_LANGUAGE_MAX = 1024, ACCEPT_RANGES_MAX = 32 };

static bool tag_lookup(const struct messages *m, struct str tag, size_t *ret) {
    while (tag.len > 0) {
        if (language_find(m, tag, ret))
            return true;
        size_t dash = str_rfind(tag, '-');
        tag = dash < tag.len ? str_sub(tag, 0, dash) : STR_NULL;
    }
    return false;
}

/* "0.8" -> 800; RFC 9110 12.4.2: at most three decimals. */
static bool quality_parse(struct str s, unsigned *ret) {
    if (s.len == 0 || s.len > 5 || (s.ptr[0] != '0' && s.ptr[0] != '1') || (s.len > 1 && s.ptr[1] != '.'))
        return false;
    unsigned thousandths = s.ptr[0] == '1' ? 1000 : 0, unit = 100;
    for (size_t i = 2; i < s.len; i++, unit /= 10) {
        if (!ascii_is_digit(s.ptr[i]))
            return false;
        thousandths += unit * (unsigned)(s.ptr[i] - '0');
    }
    *ret = thousandths;
    return thousandths <= 1000;
}

/* "zh-CN;q=0.9" -> tag and weight. */
static bool range_parse(struct str item, struct str *ret_tag, unsigned *ret_quality) {
    struct str weight;
    bool weighted = str_cut(item, ';', ret_tag, &weight);
    *ret_tag = str_trim(*ret_tag);
    *ret_quality = 1000;
    if (!weighted)
        return true;
    weight = str_trim(weight);
    return str_starts_with_nocase(weight, STR("q=")) && quality_parse(str_from(weight, 2), ret_quality);
}

size_t messages_negotiate(const struct messages *m, struct str ui_locales, struct str accept_language) {
    size_t language = 0;
    struct str token;
    ui_locales = str_sub(ui_locales, 0, ACCEPT_LANGUAGE_MAX);
    while (str_next(&ui_locales, ' ', &token))
        if (tag_lookup(m, token, &language))
            return language;

    size_t best = 0;
    unsigned best_quality = 0;
    accept_language = str_sub(accept_language, 0, ACCEPT_LANGUAGE_MAX);
    for (int i = 0; i < ACCEPT_RANGES_MAX && str_next(&accept_language, ',', &token); i++) {
        struct str tag;
        unsigned quality;
        if (!range_parse(token, &tag, &quality) || quality <= best_quality)
            continue;
        if (str_eq(tag, STR("*")))
            language = 0;
        else if (!tag_lookup(m, tag, &language))
            continue;
        best = language;
        best_quality = quality;
    }
    return best;
}
