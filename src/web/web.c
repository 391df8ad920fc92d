#include "tkeauth/web.h"

#include "web/files.h"
#include "web/html.h"
#include "web/template.h"
#include "web/theme.h"

struct page {
    struct str name;
    const struct template *template;
};
struct web {
    struct arena *arena;
    struct web_files files;
    struct web_files builtin; /* as compiled first: they declare what a theme's pages may use */
    const struct messages *messages;
    struct theme theme;
    struct str logo; /* URL, for pages */
    bool own_logo;   /* not the built-in one */
    struct page pages[WEB_FILES_MAX];
    size_t page_count;
};

/* Partials are templates that pages put in; they are no pages themselves. */
static const char partial_prefix = '_';

static const struct template_names global_names[] = {
    { .name = { "lang", 4 }, .next = &global_names[1] },
    { .name = { "title", 5 }, .next = &global_names[2] },
    { .name = { "logo", 4 }, .next = &global_names[3] },
    { .name = { "own_logo", 8 }, .next = &global_names[4] },
    { .name = { "base", 4 } },
};

static bool host_partial(const void *ctx, struct str name, struct str *ret_source, const char **ret_origin) {
    const struct web_files *files = ctx;
    char path[WEB_NAME_MAX + 16];
    if (name.len > WEB_NAME_MAX)
        return false;
    (void)snprintf(path, sizeof path, "%c%.*s.html", partial_prefix, STR_FMT(name));
    const struct web_file *f = web_files_find(files, STR("templates/"), str_of(path));
    if (f == NULL)
        return false;
    *ret_source = f->data;
    *ret_origin = f->origin;
    return true;
}

struct host_ctx {
    struct arena *arena;
    const struct web_files *files;
    struct str base;
};

static bool find_partial(const void *ctx, struct str name, struct str *ret_source, const char **ret_origin) {
    const struct host_ctx *h = ctx;
    return host_partial(h->files, name, ret_source, ret_origin);
}

/* The tag in the URL lets a browser keep the file for good: another content has another URL. */
static bool find_asset(const void *ctx, struct str name, struct str *ret_url) {
    const struct host_ctx *h = ctx;
    const struct web_file *f = web_files_find(h->files, STR("static/"), name);
    if (f == NULL)
        return false;
    char *url = arena_printf(h->arena, "%.*s/static/%.*s?v=%.*s", STR_FMT(h->base), STR_FMT(name),
                             STR_FMT(str_sub(f->etag, 1, WEB_TAG_LEN)));
    *ret_url = str_of(url);
    return url != NULL;
}

static const struct page *page_find(const struct web *w, struct str name) {
    for (size_t i = 0; i < w->page_count; i++)
        if (str_eq(w->pages[i].name, name))
            return &w->pages[i];
    return NULL;
}

/* Compiles every page of `files`; a page there is already gets the new text under its old declaration. */
static enum err_code compile_pages(struct web *w, const struct web_files *files, struct err *err) {
    struct host_ctx ctx = { .arena = w->arena, .files = files, .base = w->theme.base };
    const struct template_host host = { .messages = w->messages,
                                        .globals = global_names,
                                        .ctx = &ctx,
                                        .partial = find_partial,
                                        .asset = find_asset };
    for (size_t i = 0; i < files->len; i++) {
        const struct web_file *f = &files->items[i];
        if (!str_starts_with(f->path, STR("templates/")) || !str_ends_with(f->path, STR(".html")))
            continue;
        struct str name = str_sub(f->path, 10, f->path.len - 15);
        if (name.len == 0 || name.ptr[0] == partial_prefix)
            continue;
        const struct page *known = page_find(w, name);
        struct page *page = known != NULL ? &w->pages[known - w->pages] : &w->pages[w->page_count];
        const struct template_names *declared = known != NULL ? template_declared(known->template) : NULL;
        enum err_code rc = template_compile(w->arena, &host, f->origin, f->data, declared, &page->template,
                                            err);
        if (rc != ERR_OK)
            return rc;
        page->name = name;
        w->page_count += known == NULL;
    }
    return ERR_OK;
}

static enum err_code load_messages(struct web *w, struct err *err) {
    struct messages_source sources[WEB_FILES_MAX];
    size_t len = 0;
    for (size_t i = 0; i < w->files.len; i++) {
        const struct web_file *f = &w->files.items[i];
        if (!str_starts_with(f->path, STR("templates/messages/")))
            continue;
        sources[len++] = (struct messages_source) { .origin = f->origin,
                                                    .json = f->data,
                                                    .language = str_sub(f->path, 19, f->path.len - 24) };
    }
    return messages_new(w->arena, sources, len, &w->messages, err);
}

static enum err_code add_theme_css(struct web *w, struct err *err) {
    AUTO(strbuf_done) struct strbuf css = STRBUF(4096);
    colour_theme_css(w->theme.accent, &css);
    const struct web_file file = { .path = STR("static/theme.css"),
                                   .origin = "theme.css",
                                   .data = arena_str(w->arena, strbuf_str(&css)) };
    enum err_code rc = strbuf_check(&css, err);
    return rc == ERR_OK ? web_files_put(w->arena, &w->files, &file, err) : rc;
}

static enum err_code load(struct web *w, const struct web_options *options, struct err *err) {
    enum err_code rc = theme_load(w->arena, options, &w->theme, err);
    if (rc != ERR_OK || (rc = web_files_builtin(w->arena, &w->files, err)) != ERR_OK ||
        (rc = add_theme_css(w, err)) != ERR_OK)
        return rc;
    w->builtin = w->files;
    if (options->dir != NULL && (rc = web_files_theme(w->arena, options->dir, &w->files, err)) != ERR_OK)
        return rc;
    if ((rc = load_messages(w, err)) != ERR_OK || (rc = compile_pages(w, &w->builtin, err)) != ERR_OK)
        return rc;
    if (options->dir != NULL && (rc = compile_pages(w, &w->files, err)) != ERR_OK)
        return rc;
    const struct host_ctx ctx = { .arena = w->arena, .files = &w->files, .base = w->theme.base };
    const struct web_file *logo = web_files_find(&w->files, STR("static/"), STR("logo.svg"));
    w->own_logo = w->theme.logo_url.len > 0 || (logo != NULL && logo->themed);
    w->logo = w->theme.logo_url;
    if (w->logo.len == 0 && !find_asset(&ctx, STR("logo.svg"), &w->logo))
        return err_set(err, ERR_INTERNAL, "no static/logo.svg");
    return arena_failed(w->arena) ? err_set(err, ERR_NOMEM, "pages") : ERR_OK;
}

enum err_code web_new(const struct web_options *options, struct web **ret, struct err *err) {
    AUTO_FREE(web_free) struct web *w = calloc(1, sizeof *w);
    if (w == NULL || (w->arena = arena_new(WEB_THEME_SIZE_MAX)) == NULL)
        return err_set(err, ERR_NOMEM, "pages");
    enum err_code rc = load(w, options, err);
    if (rc != ERR_OK)
        return rc;
    *ret = STEAL(w);
    return ERR_OK;
}

void web_free(struct web *w) {
    if (w == NULL)
        return;
    arena_free(w->arena);
    free(w);
}

const char *web_language(const struct web *w, struct str ui_locales, struct str accept_language) {
    return messages_language(w->messages, messages_negotiate(w->messages, ui_locales, accept_language));
}

const char *web_message(const struct web *w, const char *language, const char *key) {
    size_t index = 0;
    if (!messages_find(w->messages, str_of(key), &index))
        return key;
    return messages_text(w->messages, messages_language_find(w->messages, str_of(language)), index).ptr;
}

enum err_code web_render(const struct web *w, const char *page, const char *language,
                         const struct web_value *values, struct strbuf *out, struct err *err) {
    const struct page *p = page_find(w, str_of(page));
    if (p == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no page \"%s\"", page);
    size_t index = messages_language_find(w->messages, str_of(language));
    const struct web_value globals[] = {
        { .name = "lang",
          .text = str_of(web_message(w, messages_language(w->messages, index), "language_tag")) },
        { .name = "title", .text = w->theme.title },
        { .name = "logo", .text = w->logo },
        { .name = "own_logo", .flag = w->own_logo },
        { .name = "base", .text = w->theme.base },
        { .name = NULL },
    };
    return template_render(p->template, w->messages, index, globals, values, out, err);
}

enum err_code web_static(const struct web *w, struct str path, struct str *ret_body, const char **ret_type,
                         struct str *ret_etag, struct err *err) {
    /* Only names that were read at the start exist, so no path can lead out of the folder. */
    const struct web_file *f = web_files_find(&w->files, STR("static/"), path);
    if (f == NULL)
        return err_set(err, ERR_NOT_FOUND, "no such static file");
    *ret_body = f->data;
    *ret_type = f->type;
    *ret_etag = f->etag;
    return ERR_OK;
}

const char *web_csp(const struct web *w) { return w->theme.csp; }
