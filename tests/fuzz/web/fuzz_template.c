/* Any template: compiles or is refused with a line; what compiles renders values that cannot add a tag to the page. */
#include "web/template.h"

static const struct template_names globals[] = { { .name = { "title", 5 } } };

static bool partial(const void *ctx, struct str name, struct str *ret_source, const char **ret_origin) {
    *ret_source = *(const struct str *)ctx; /* the template itself: recursion is bounded */
    *ret_origin = "partial";
    return str_eq(name, STR("self"));
}

static bool asset(const void *ctx, struct str name, struct str *ret_url) {
    (void)ctx;
    *ret_url = STR("/s.css");
    return str_eq(name, STR("s.css"));
}

static size_t count(struct str s, char c) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.ptr[i] == c;
    return n;
}

/* Renders with every declared text set to `text`; lists stay empty. -1: refused. */
static int render(const struct template *t, const struct messages *m, struct str text, size_t *ret_tags,
                  size_t *ret_quotes) {
    struct web_value values[TEMPLATE_DECLARED_MAX + 1] = { 0 };
    char names[TEMPLATE_DECLARED_MAX][TEMPLATE_NAME_MAX + 1];
    size_t len = 0;
    for (const struct template_names *n = template_declared(t); n != NULL && len < TEMPLATE_DECLARED_MAX;
         n = n->next)
        if (!n->is_list) {
            (void)snprintf(names[len], sizeof names[len], "%.*s", STR_FMT(n->name));
            values[len].name = names[len];
            values[len++].text = text;
        }
    const struct web_value title[] = { { .name = "title", .text = text }, { .name = NULL } };
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf out = STRBUF(4 << 20);
    if (template_render(t, m, 0, title, values, &out, &err) != ERR_OK)
        return -1;
    *ret_tags = count(strbuf_str(&out), '<');
    *ret_quotes = count(strbuf_str(&out), '"');
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(8 << 20);
    if (a == NULL)
        return 0;
    const struct messages_source catalogue = { "en", STR("en"),
                                               STR("{\"m\":\"<M>\",\"mt\":\"by {title}\"}") };
    const struct messages *m = NULL;
    if (messages_new(a, &catalogue, 1, &m, &err) != ERR_OK)
        abort();
    const struct str source = arena_str(a, (struct str) { (const char *)data, size });
    const struct template_host host = {
        .messages = m, .globals = globals, .ctx = &source, .partial = partial, .asset = asset
    };
    const struct template *t = NULL;
    if (template_compile(a, &host, "page", source, NULL, &t, &err) != ERR_OK) {
        if (strchr(err.detail, ':') == NULL)
            abort();
        return 0;
    }
    size_t tags = 0, quotes = 0, hostile_tags = 0, hostile_quotes = 0;
    if (render(t, m, STR("x"), &tags, &quotes) == 0 &&
        render(t, m, STR("/\"><script>alert('1')</script>{{title}}"), &hostile_tags, &hostile_quotes) == 0 &&
        (tags != hostile_tags || quotes != hostile_quotes))
        abort();
    if (render(t, m, STR("javascript:alert(1)"), &hostile_tags, &hostile_quotes) == 0 &&
        (tags != hostile_tags || quotes != hostile_quotes))
        abort();
    return 0;
}
