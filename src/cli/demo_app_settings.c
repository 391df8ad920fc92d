#include "cli/demo_app.h"

static bool is_loopback(struct str host) {
    return str_eq(host, STR("127.0.0.1")) || str_eq(host, STR("localhost")) || str_eq(host, STR("[::1]")) ||
           str_eq(host, STR("::1"));
}

static enum err_code take_issuer(const char *issuer, struct demo_settings *s, struct err *err) {
    struct url url;
    if (issuer == NULL)
        return err_set(err, ERR_INVALID, "--issuer is missing: the URL that tke-auth prints as issuer");
    s->issuer = arena_str(s->arena, str_of(issuer));
    if (url_parse(s->issuer, &url, err) != ERR_OK)
        return err_context(err, "--issuer");
    bool http = str_eq_nocase(url.scheme, STR("http"));
    s->allow_http = http && is_loopback(url.host);
    if ((!http && !str_eq_nocase(url.scheme, STR("https"))) || (http && !s->allow_http) ||
        url.host.len == 0 || url.has_query || url.has_fragment || str_ends_with(s->issuer, STR("/")))
        return err_set(err, ERR_INVALID,
                       "--issuer %s: https://HOST/PATH is expected, without a '/' at its end", issuer);
    return ERR_OK;
}

static enum err_code take_listen(const char *listen, struct demo_settings *s, struct err *err) {
    struct str text = str_of(listen);
    size_t colon = str_rfind(text, ':');
    struct str host = str_sub(text, 0, colon);
    uint64_t port = 0;
    if (parse_u64(str_from(text, colon + 1), 0, 65535, &port, err) != ERR_OK || colon == text.len)
        return err_set(err, ERR_INVALID, "--listen %s: ADDRESS:PORT is expected, like 127.0.0.1:9555",
                       listen);
    /* Tokens are shown on its pages, in the clear: nobody else may reach them. */
    if (!is_loopback(host))
        return err_set(err, ERR_INVALID, "--listen %s: the demo listens on 127.0.0.1 or [::1] only", listen);
    s->address = str_eq(host, STR("[::1]")) ? "::1" : "127.0.0.1";
    s->port = (unsigned)port;
    return ERR_OK;
}

static enum err_code take_redirect_uri(const char *uri, struct demo_settings *s, struct err *err) {
    struct url url;
    if (uri == NULL)
        return ERR_OK;
    s->redirect_uri = arena_str(s->arena, str_of(uri));
    if (url_parse(s->redirect_uri, &url, err) != ERR_OK)
        return err_context(err, "--redirect-uri");
    if (!str_eq(url.path, STR("/callback")) || url.has_query || url.has_fragment)
        return err_set(err, ERR_INVALID,
                       "--redirect-uri %s: it must end in /callback, where the demo listens", uri);
    s->home_uri = str_sub(s->redirect_uri, 0, s->redirect_uri.len - 8);
    return ERR_OK;
}

enum err_code demo_settings_init(const struct demo_options *options, struct demo_settings *ret,
                                 struct err *err) {
    AUTO(demo_settings_done) struct demo_settings s = { .arena = arena_new(64 * 1024) };
    if (s.arena == NULL)
        return err_set(err, ERR_NOMEM, "demo app");
    enum err_code rc = take_issuer(options->issuer, &s, err);
    if (rc != ERR_OK || (rc = take_listen(options->listen, &s, err)) != ERR_OK ||
        (rc = take_redirect_uri(options->redirect_uri, &s, err)) != ERR_OK)
        return rc;
    if (options->client_id == NULL || options->client_id[0] == '\0')
        return err_set(err, ERR_INVALID, "--client-id is missing: a client that tke-auth knows");
    if (options->client_secret_file != NULL &&
        (rc = file_read_secret(options->client_secret_file, 1024, true, &s.client_secret, err)) != ERR_OK)
        return err_context(err, "--client-secret-file");
    s.client_id = arena_str(s.arena, str_of(options->client_id));
    s.scope = arena_str(s.arena, str_of(options->scope));
    s.ca_file = options->ca;
    if (arena_failed(s.arena))
        return err_set(err, ERR_NOMEM, "demo app");
    *ret = s;
    s = (struct demo_settings) { .arena = NULL };
    return ERR_OK;
}

enum err_code demo_settings_listening(struct demo_settings *s, unsigned port, struct err *err) {
    s->port = port;
    if (s->redirect_uri.len == 0) {
        bool v6 = strchr(s->address, ':') != NULL;
        s->home_uri = str_of(
            arena_printf(s->arena, "http://%s%s%s:%u/", v6 ? "[" : "", s->address, v6 ? "]" : "", port));
        s->redirect_uri = str_of(arena_printf(s->arena, "%.*scallback", STR_FMT(s->home_uri)));
    }
    return arena_failed(s->arena) ? err_set(err, ERR_NOMEM, "demo app") : ERR_OK;
}

void demo_settings_done(struct demo_settings *s) {
    secret_done(&s->client_secret);
    arena_free(s->arena);
    s->arena = NULL;
}
