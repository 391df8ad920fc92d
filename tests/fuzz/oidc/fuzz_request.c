/* Authorization requests from anybody: an answer never leaves for an address that is not the client's, an accepted request keeps
 * every rule, and what is sealed is read back the same. */
#include "http/exchange.h"
#include "http/params.h"
#include "oidc/redirect_uri.h"
#include "oidc/request.h"
#include "oidc/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str uris[] = { { "http://127.0.0.1/cb", 19 }, { "https://app.example/cb?x=1", 26 } };
static struct str trusted[] = { { "cli", 3 } };
static const struct client clients[] = {
    { .id = { "cli", 3 }, .is_public = true, .redirect_uris = { uris, 2 } },
    { .id = { "web", 3 }, .has_secret = true, .redirect_uris = { uris, 2 }, .trusted_peers = { trusted, 1 } },
};

static void check(const struct oidc_provider *p, const struct request_result *r) {
    if (r->verdict == REQUEST_PAGE_ERROR)
        return;
    if (r->client == NULL || !redirect_uri_allowed(r->client, r->auth.redirect_uri) ||
        r->auth.state.len > 2048)
        abort();
    if (r->verdict == REQUEST_REDIRECT_ERROR) {
        if (r->error.code == NULL)
            abort();
        return;
    }
    if (!scope_has(&r->auth.scopes, "openid") || (r->client->is_public && r->auth.code_challenge.ptr == NULL))
        abort();
    for (size_t i = 0; i < r->auth.scopes.len; i++)
        if (!scope_is_trusted(p, r->client, r->auth.scopes.items[i]))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct random random;
    static struct clock clock;
    AUTO_FREE(arena_free) struct arena *a = arena_new(4 << 20);
    struct param_set found;
    struct err err = { 0 };
    random_fixed_init(&random, 1);
    clock_fixed_init(&clock, 1700000000000);
    const struct oidc_provider p = {
        .clients = clients, .client_count = 2, .clock = &clock, .random = &random
    };
    if (a == NULL ||
        params_collect(a, request_params, (struct str) { (const char *)data, size }, &found, &err) != ERR_OK)
        return 0;
    const struct http_request req = { .method = HTTP_GET,
                                      .arena = a,
                                      .clock = &clock,
                                      .params = found.values,
                                      .param_count = found.len,
                                      .repeated_param = found.repeated,
                                      .oversized_param = found.oversized };
    const struct request_result r = request_parse(&p, &req, STR_NULL);
    check(&p, &r);
    AUTO(strbuf_done) struct strbuf json = STRBUF(1 << 20);
    struct auth_request again;
    if (r.verdict != REQUEST_OK || auth_request_encode(&r.auth, &json, &err) != ERR_OK)
        return 0;
    if (auth_request_decode(a, strbuf_str(&json), &again, &err) != ERR_OK ||
        !str_eq(again.redirect_uri, r.auth.redirect_uri) || !str_eq(again.state, r.auth.state) ||
        !str_eq(again.code_challenge, r.auth.code_challenge))
        abort();
    return 0;
}
