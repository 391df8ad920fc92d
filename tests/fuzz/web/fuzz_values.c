/* Any value in the login page: the page stays the same HTML around it, valid UTF-8, without control characters. */
#include "tkeauth/web.h"

static size_t count(struct str s, char c) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.ptr[i] == c;
    return n;
}

static void check(struct str html, size_t *tags, size_t *quotes) {
    if (!str_is_utf8(html) || memchr(html.ptr, '\0', html.len) != NULL)
        abort();
    *tags = count(html, '<');
    *quotes = count(html, '"');
}

static bool login(const struct web *w, struct str text, struct str link, size_t *tags, size_t *quotes) {
    const struct web_value values[] = {
        { .name = "action", .text = link },
        { .name = "login", .text = text },
        { .name = "prompt", .text = text },
        { .name = "tenant", .text = text },
        { .name = "client", .text = text },
        { .name = "retry_after", .text = text },
        { .name = "ticket", .text = text },
        { .name = "csrf", .text = text },
        { .name = "back", .text = link },
        { .name = "error_throttled", .flag = true },
        { .name = NULL },
    };
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf out = STRBUF(16 << 20);
    enum err_code rc = web_render(w, "login", "en", values, &out, &err);
    if (rc == ERR_OK)
        check(strbuf_str(&out), tags, quotes);
    return rc == ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct web *w;
    static size_t tags, quotes;
    struct err err = { 0 };
    if (w == NULL) {
        if (web_new(&(struct web_options) { .base_path = "/oidc" }, &w, &err) != ERR_OK ||
            !login(w, STR("x"), STR("/x"), &tags, &quotes))
            abort();
    }
    struct str text = { (const char *)data, size };
    size_t got_tags = 0, got_quotes = 0;
    if (size > 0 &&
        (!login(w, text, STR("/x"), &got_tags, &got_quotes) || got_tags != tags || got_quotes != quotes))
        abort();
    if (size > 0 && login(w, STR("x"), text, &got_tags, &got_quotes) &&
        (got_tags != tags || got_quotes != quotes))
        abort();
    return 0;
}
