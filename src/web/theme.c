#include "web/theme.h"

#include "web/html.h"

#define DEFAULT_TITLE "tke-auth"
#define DEFAULT_ACCENT "#2f5fe0"

struct settings {
    struct str title, logo_url, accent;
};

/* theme.json: {"title": "...", "logo_url": "...", "accent": "#..."}; absent is fine. */
static enum err_code settings_read(struct arena *a, const char *dir, struct settings *s, struct err *err) {
    const char *path = arena_printf(a, "%s/theme.json", dir);
    if (path == NULL)
        return err_set(err, ERR_NOMEM, "theme");
    AUTO(strbuf_done) struct strbuf text = STRBUF(16 * 1024);
    enum err_code rc = file_read(path, 16 * 1024, &text, err);
    if (rc != ERR_OK)
        return rc == ERR_NOT_FOUND ? ERR_OK : rc;
    json_auto_t *root = NULL;
    if (json_parse(strbuf_str(&text), &root, err) != ERR_OK)
        return err_context(err, "%s", path);
    const struct {
        const char *key;
        struct str *value;
    } keys[] = { { "title", &s->title }, { "logo_url", &s->logo_url }, { "accent", &s->accent } };
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        size_t i = 0;
        while (i < ARRAY_LEN(keys) && strcmp(keys[i].key, key) != 0)
            i++;
        if (i == ARRAY_LEN(keys) || !json_is_string(value))
            return err_set(err, ERR_INVALID, "%s: \"%s\": the texts title, logo_url and accent are expected",
                           path, key);
        *keys[i].value = arena_str(a, (struct str) { json_string_value(value), json_string_length(value) });
    }
    return json_is_object(root) ? ERR_OK : err_set(err, ERR_INVALID, "%s: a JSON object is expected", path);
}

/* "https://host:port" of an absolute logo URL, empty for one of ours. Nothing that could end a CSP directive gets through. */
static enum err_code logo_origin(struct str logo, struct str *ret, struct err *err) {
    *ret = STR_NULL;
    if (logo.len == 0 || (!str_starts_with_nocase(logo, STR("https:")) && html_url_is_safe(logo) &&
                          !str_starts_with_nocase(logo, STR("http:"))))
        return ERR_OK;
    struct url url;
    if (logo.len > THEME_URL_MAX || url_parse(logo, &url, err) != ERR_OK ||
        !str_eq_nocase(url.scheme, STR("https")) || url.host.len == 0 || url.has_userinfo)
        return err_set(err, ERR_INVALID, "logo URL \"%.*s\": a path or https://host/... is expected",
                       STR_FMT(str_sub(logo, 0, 128)));
    for (size_t i = 0; i < url.host.len; i++)
        if (!ascii_is_alnum(url.host.ptr[i]) && url.host.ptr[i] != '.' && url.host.ptr[i] != '-')
            return err_set(err, ERR_INVALID,
                           "logo URL: a host name of letters, digits, '.' and '-' is expected");
    const char *end = url.port.len > 0 ? url.port.ptr + url.port.len : url.host.ptr + url.host.len;
    *ret = (struct str) { logo.ptr, (size_t)(end - logo.ptr) };
    return ERR_OK;
}

static bool base_is_plain(struct str base) {
    for (size_t i = 0; i < base.len; i++)
        if (!ascii_is_alnum(base.ptr[i]) && memchr("/._~-", base.ptr[i], 5) == NULL)
            return false;
    return base.len == 0 ||
           (base.ptr[0] == '/' && base.ptr[base.len - 1] != '/' && !str_starts_with(base, STR("//")));
}

enum err_code theme_load(struct arena *a, const struct web_options *options, struct theme *ret,
                         struct err *err) {
    struct settings s = { STR(DEFAULT_TITLE), STR_NULL, STR(DEFAULT_ACCENT) };
    enum err_code rc = ERR_OK;
    if (options->dir != NULL && (rc = settings_read(a, options->dir, &s, err)) != ERR_OK)
        return rc;
    if (options->title != NULL)
        s.title = arena_str(a, str_of(options->title));
    if (options->logo_url != NULL)
        s.logo_url = arena_str(a, str_of(options->logo_url));
    if (options->accent != NULL)
        s.accent = str_of(options->accent);
    ret->title = s.title;
    ret->logo_url = s.logo_url;
    ret->base = arena_str(a, str_of(options->base_path));
    if (s.title.len == 0 || s.title.len > THEME_TITLE_MAX || !str_is_utf8(s.title) ||
        str_has_control(s.title))
        return err_set(err, ERR_INVALID, "title: 1 to %d bytes of text are expected", THEME_TITLE_MAX);
    if (!base_is_plain(ret->base))
        return err_set(err, ERR_INVALID, "base path \"%.*s\": \"\" or \"/path\" is expected",
                       STR_FMT(ret->base));
    struct str origin;
    if ((rc = colour_parse(s.accent, &ret->accent, err)) != ERR_OK ||
        (rc = logo_origin(s.logo_url, &origin, err)) != ERR_OK)
        return rc;
    ret->csp = arena_printf(
        a,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'%s%.*s; font-src "
        "'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' https: http:",
        origin.len ? " " : "", STR_FMT(origin));
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "theme") : ERR_OK;
}
