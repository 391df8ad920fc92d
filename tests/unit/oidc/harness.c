#include "unit/oidc/harness.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "http/message.h"
#include "http/params.h"

static const char tenant_yaml[] = "users:\n"
                                  "  - {username: ana, password: pw-ana, id: u1, name: Ana B, "
                                  "email: ana@example.org, groups: [dev, ops]}\n"
                                  "  - {username: bo, password: pw-bo, id: u2, blocked: true}\n"
                                  "  - {username: cy, password: pw-cy, id: u3}\n";

static struct str list_items[][2] = {
    { { WORLD_CALLBACK, sizeof WORLD_CALLBACK - 1 }, { "https://web.example/cb?x=1", 26 } },
    { { "http://127.0.0.1:8000/cb", 24 }, { "com.example.app:/cb", 19 } },
    { { "https://peer.example/cb", 23 }, { NULL, 0 } },
    { { "web", 3 }, { NULL, 0 } },
    { { "password", 8 }, { "refresh_token", 13 } },
    { { "https://web.example/bye", 23 }, { NULL, 0 } },
};
#define LIST(row, count) ((struct str_list) { list_items[row], (count) })

static void make_clients(struct world *w) {
    struct client cli = { .id = STR("cli"), .name = STR("Command line"), .is_public = true };
    struct client form = { .id = STR("form"), .has_secret = true, .grant_types = LIST(4, 2) };
    struct client peer = { .id = STR("peer"), .has_secret = true };
    struct client web = { .id = STR("web"), .name = STR("Web <shop>"), .has_secret = true };
    cli.redirect_uris = LIST(1, 2);
    form.redirect_uris = LIST(2, 1);
    peer.redirect_uris = LIST(2, 1);
    peer.trusted_peers = LIST(3, 1);
    web.redirect_uris = LIST(0, 2);
    web.post_logout_redirect_uris = LIST(5, 1);
    sha256(STR("s3cret"), form.secret_sha256);
    sha256(STR("s3cret"), peer.secret_sha256);
    sha256(STR("s3cret"), web.secret_sha256);
    w->clients[0] = cli;
    w->clients[1] = form;
    w->clients[2] = peer;
    w->clients[3] = web;
    w->p.clients = w->clients;
    w->p.client_count = 4;
}

/* Signers cost time to make (RSA), so a process makes them once. */
static struct str key_der(enum sign_alg alg) {
    static struct strbuf ders[3];
    AUTO_FREE(signer_free) struct signer *s = NULL;
    struct err err;
    if (ders[alg].len == 0) {
        ders[alg] = STRBUF(65536);
        assert_ok(signer_generate(alg, &s, &err));
        assert_ok(signer_export_der(s, &ders[alg], &err));
    }
    return strbuf_str(&ders[alg]);
}

static void make_keys(struct world *w) {
    struct keyset_entry entries[3];
    struct keyset *keys = NULL;
    struct err err;
    for (int alg = 0; alg < 3; alg++) {
        entries[alg] = (struct keyset_entry) { .created_at = 1, .not_before = 1 };
        assert_ok(
            signer_from_der((enum sign_alg)alg, key_der((enum sign_alg)alg), &entries[alg].signer, &err));
    }
    assert_ok(keyset_new(entries, 3, &keys, &err));
    w->p.keys = keys;
}

static void make_services(struct world *w) {
    static const unsigned char key[KEYRING_KEY_SIZE] = { 7 };
    struct keyring *keyring = NULL;
    struct web *web = NULL;
    struct err err;
    w->log_fd = memfd_create("log", MFD_CLOEXEC);
    w->metrics = metrics_new();
    const struct log_options log = { LOG_LEVEL_DEBUG, LOG_FORMAT_JSON, w->log_fd, -1, &w->clock };
    const struct store_options store = { .type = "memory", .clock = &w->clock };
    const struct throttle_options throttle = { .max_failures = 3,
                                               .window_s = 300,
                                               .max_delay_s = 60,
                                               .entries_max = 1000,
                                               .clock = &w->clock,
                                               .random = &w->random };
    const struct web_options options = { .base_path = "/oidc" };
    assert_ok(log_new(&log, &w->p.log, &err));
    assert_ok(store_open(&store, &w->p.store, &err));
    assert_ok(throttle_new(&throttle, &w->p.throttle, &err));
    assert_ok(keyring_from_key(key, &keyring, &err));
    assert_ok(web_new(&options, &web, &err));
    w->p.keyring = keyring;
    w->p.web = web;
    w->p.metrics = w->metrics;
}

int world_setup(void **state) {
    static const struct route *const tables[] = { oidc_routes, NULL };
    struct err err;
    struct world *w = calloc(1, sizeof *w);
    w->p = (struct oidc_provider) { .issuer = STR("https://id.example/oidc"),
                                    .base_path = STR("/oidc"),
                                    .clock = &w->clock,
                                    .random = &w->random,
                                    .id_token_ttl_s = 900,
                                    .access_token_ttl_s = 600,
                                    .code_ttl_s = 60,
                                    .auth_request_ttl_s = 600,
                                    .login_deadline_ms = 5000,
                                    .refresh_grace_s = 30,
                                    .refresh_absolute_s = 86400,
                                    .refresh_idle_s = 3600,
                                    .groups_bytes_max = 2400,
                                    .rotation = { 86400, 400, 1000, 300 },
                                    .secure_cookies = true };
    clock_fixed_init(&w->clock, (int64_t)WORLD_NOW_S * 1000);
    random_fixed_init(&w->random, 1);
    w->arena = arena_new(64 << 20);
    w->ip = "192.0.2.7";
    make_services(w);
    make_keys(w);
    make_clients(w);
    w->env = (struct connector_env) {
        .store = w->p.store, .clock = &w->clock, .random = &w->random, .log = w->p.log, .metrics = w->metrics
    };
    w->p.connectors = w->connectors;
    world_tenant(w, "acme", tenant_yaml);
    assert_ok(router_new(tables, &w->router, &err));
    *state = w;
    return 0;
}

static void end_call(struct world *w) {
    if (w->exchange != NULL)
        arena_free(w->exchange->req.arena);
    free(w->exchange);
    w->exchange = NULL;
    w->answer = NULL;
}

int world_teardown(void **state) {
    struct world *w = *state;
    end_call(w);
    for (size_t i = 0; i < w->p.connector_count; i++)
        connector_close(w->connectors[i]);
    router_free(w->router);
    keyset_free((struct keyset *)(uintptr_t)w->p.keys);
    keyring_free((struct keyring *)(uintptr_t)w->p.keyring);
    web_free((struct web *)(uintptr_t)w->p.web);
    throttle_free(w->p.throttle);
    store_close(w->p.store);
    log_free(w->p.log);
    metrics_free(w->metrics);
    arena_free(w->arena);
    (void)close(w->log_fd);
    free(w);
    return 0;
}

void world_tenant(struct world *w, const char *id, const char *yaml) {
    const struct cfg_node *node = NULL;
    struct cfg_problems problems;
    struct connector *c = NULL;
    struct err err;
    assert_ok(cfg_problems_init(&problems, &err));
    assert_ok(cfg_parse(w->arena, str_of(yaml), "test.yaml", &node, &problems, &err));
    assert_ok(connector_open(connector_type_find(STR("mock")), id, NULL, node, w->arena, &w->env, &problems,
                             &c, &err));
    cfg_problems_done(&problems);
    for (size_t i = 0; i < w->p.connector_count; i++)
        if (str_eq(str_of(w->connectors[i]->id), str_of(id))) {
            connector_close(w->connectors[i]);
            w->connectors[i] = c;
            return;
        }
    w->connectors[w->p.connector_count++] = c;
}

struct client *world_client(struct world *w, const char *id) {
    for (size_t i = 0; i < w->p.client_count; i++)
        if (str_eq(w->clients[i].id, str_of(id)))
            return &w->clients[i];
    fail_msg("no client %s", id);
    return NULL;
}

/* ---- a call ---- */

static void add_header(struct exchange *ex, const char *name, const char *value) {
    if (value != NULL && value[0] != '\0')
        ex->headers[ex->header_count++] = (struct header) { str_of(name), str_of(value) };
}

static void refuse(struct world *w, enum err_code code, unsigned status) {
    struct exchange *ex = w->exchange;
    response_init(&ex->res, &ex->req);
    http_status(&ex->res, status);
    ex->req.route->on_error(&w->p, &ex->req, code, status, &ex->res);
}

static void run_handler(struct world *w) {
    struct exchange *ex = w->exchange;
    struct err err = { 0 };
    enum err_code rc = ERR_OK;
    ex->req.run = ex->req.route->run;
    for (int turn = 0; turn < 2; turn++) {
        response_init(&ex->res, &ex->req);
        rc = ex->req.route->handle(&w->p, &ex->req, &ex->res, &err);
        if (!ex->res.moves)
            break;
        ex->req.run = ex->res.move_to;
    }
    assert_false(ex->res.moves);
    assert_false(ex->res.failed);
    if (rc != ERR_OK)
        refuse(w, rc, status_of_err(rc));
}

static void keep_cookie(struct world *w) {
    const char *set = world_header(w, "Set-Cookie");
    const char *end = strchr(set, ';');
    if (end != NULL)
        (void)snprintf(w->cookie, sizeof w->cookie, "%.*s", (int)(end - set), set);
}

unsigned world_call(struct world *w, enum http_method method, const char *path, const char *form) {
    struct param_set found;
    struct err err;
    unsigned allowed = 0;
    struct exchange *ex = calloc(1, sizeof *ex); /* before the old answer goes: arguments may be of it */
    struct arena *a = arena_new(16 << 20);
    struct str text = arena_str(a, str_of(form)), way = arena_str(a, str_of(path));
    end_call(w);
    w->exchange = ex;
    w->answer = &ex->res;
    ex->req = (struct http_request) { .method = method,
                                      .path = way,
                                      .request_id = "req-1",
                                      .client_ip = str_of(w->ip),
                                      .arena = a,
                                      .clock = &w->clock,
                                      .log = w->p.log,
                                      .app = &w->p,
                                      .connection = ex };
    if (method == HTTP_POST)
        ex->req.body = text;
    else
        ex->req.query = text;
    add_header(ex, "Authorization", w->authorization);
    add_header(ex, "Cookie", w->cookie);
    add_header(ex, "Accept-Language", w->accept_language);
    add_header(ex, "Host", w->host);
    if (!router_find(w->router, way, method, &ex->match, &allowed))
        return allowed != 0 ? 405 : 404;
    ex->req.route = ex->match.entry->route;
    assert_ok(params_collect(a, ex->req.route->params, text, &found, &err));
    ex->req.params = found.values;
    ex->req.param_count = found.len;
    ex->req.repeated_param = found.repeated;
    ex->req.oversized_param = found.oversized;
    bool bad = found.repeated.ptr != NULL || found.missing.ptr != NULL || found.oversized.ptr != NULL;
    if (bad && !ex->req.route->own_param_errors)
        refuse(w, ERR_INVALID, 400);
    else
        run_handler(w);
    if (ex->req.route->no_store) {
        response_default_header(&ex->res, "Cache-Control", STR("no-store"));
        response_default_header(&ex->res, "Pragma", STR("no-cache"));
    }
    keep_cookie(w);
    return ex->res.status;
}

/* ---- looking at the answer ---- */

const char *world_header(const struct world *w, const char *name) {
    for (size_t i = 0; i < w->answer->header_count; i++)
        if (str_eq_nocase(str_of(w->answer->headers[i].name), str_of(name)))
            return w->answer->headers[i].value.ptr;
    return "";
}

const char *world_body(const struct world *w) { return arena_strdup(w->arena, w->answer->body); }

bool world_page_says(const struct world *w, const char *text) {
    return str_contains(w->answer->body, str_of(text));
}

const char *world_json(struct world *w, const char *name) {
    json_auto_t *json = NULL;
    struct err err;
    if (json_parse(w->answer->body, &json, &err) != ERR_OK)
        return "";
    const json_t *value = json_object_get(json, name);
    if (json_is_string(value))
        return arena_strdup(w->arena, str_of(json_string_value(value)));
    char *text = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *kept = text == NULL ? "" : arena_strdup(w->arena, str_of(text));
    free(text);
    return kept;
}

const char *world_redirect(struct world *w, const char *name) {
    struct str location = str_of(world_header(w, "Location")), before, query, value = STR_NULL;
    struct form form;
    struct err err;
    if (!str_cut(location, '?', &before, &query))
        return "";
    assert_ok(form_parse(w->arena, query, &form, &err));
    size_t times = form_find(&form, str_of(name), &value);
    assert_true(times <= 1);
    return times == 0 ? "" : arena_strdup(w->arena, value);
}

const char *world_field(struct world *w, const char *name) {
    const char *page = world_body(w);
    const char *at = strstr(page, world_text(w, "name=\"%s\"", name));
    const char *value = at == NULL ? NULL : strstr(at, "value=\"");
    if (value == NULL)
        fail_msg("no field %s in %s", name, page);
    value += sizeof "value=\"" - 1;
    return arena_strdup(w->arena, (struct str) { value, strcspn(value, "\"") });
}

char *world_log(struct world *w) {
    off_t size = lseek(w->log_fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    assert_true(pread(w->log_fd, text, (size_t)size, 0) == size);
    return text;
}

const char *world_text(struct world *w, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *made = NULL;
    assert_true(vasprintf(&made, fmt, ap) >= 0);
    va_end(ap);
    const char *kept = arena_strdup(w->arena, str_of(made));
    free(made);
    return kept;
}

const char *world_pair(struct world *w, const char *name, const char *value) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(1 << 20);
    strbuf_addc(&text, '&');
    percent_add(&text, str_of(name));
    strbuf_addc(&text, '=');
    percent_add(&text, str_of(value));
    return arena_strdup(w->arena, strbuf_str(&text));
}

/* ---- whole steps ---- */

const char *world_request(struct world *w, const char *more) {
    return world_text(w,
                      "client_id=web&response_type=code&scope=openid%%20profile%%20email%%20groups"
                      "&state=st%%26ate&nonce=n-1&code_challenge=" WORLD_CHALLENGE
                      "&code_challenge_method=S256&redirect_uri=https://web.example/callback%s",
                      more);
}

struct world_form world_open_form(struct world *w, const char *request, const char *tenant) {
    struct world_form f = { .path = world_text(w, "/oidc/auth/%s/login", tenant) };
    assert_status(w, world_get(w, world_text(w, "/oidc/auth/%s", tenant), request), 303);
    f.ticket = world_redirect(w, "ticket");
    assert_status(w, world_get(w, f.path, world_pair(w, "ticket", f.ticket) + 1), 200);
    f.csrf = world_field(w, "csrf");
    return f;
}

unsigned world_login(struct world *w, const struct world_form *f, const char *user, const char *password) {
    return world_post(w, f->path,
                      world_text(w, "ticket=%s%s%s%s", f->ticket, world_pair(w, "csrf", f->csrf),
                                 world_pair(w, "login", user), world_pair(w, "password", password)));
}

const char *world_code(struct world *w, const char *request) {
    struct world_form f = world_open_form(w, request, "acme");
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 303);
    return world_redirect(w, "code");
}

unsigned world_redeem(struct world *w, const char *code) {
    w->authorization = WORLD_WEB_BASIC;
    unsigned status = world_post(
        w, "/oidc/token",
        world_text(w,
                   "grant_type=authorization_code&code=%s&redirect_uri=" WORLD_CALLBACK
                   "&code_verifier=" WORLD_VERIFIER,
                   code));
    w->authorization = NULL;
    return status;
}

unsigned world_refresh(struct world *w, const char *token) {
    w->authorization = WORLD_WEB_BASIC;
    unsigned status = world_post(w, "/oidc/token",
                                 world_text(w, "grant_type=refresh_token&refresh_token=%s", token));
    w->authorization = NULL;
    return status;
}

struct world_tokens world_tokens(struct world *w, const char *scope) {
    const char *request = world_text(w,
                                     "client_id=web&response_type=code&nonce=n-1"
                                     "&code_challenge=" WORLD_CHALLENGE
                                     "&code_challenge_method=S256&redirect_uri=" WORLD_CALLBACK "%s",
                                     world_pair(w, "scope", scope));
    assert_status(w, world_redeem(w, world_code(w, request)), 200);
    return (struct world_tokens) { world_json(w, "access_token"), world_json(w, "id_token"),
                                   world_json(w, "refresh_token") };
}

static void free_json(void *json) { json_decref(json); }

const json_t *world_claims(struct world *w, const char *token, const char *typ) {
    const struct jwt_rules rules = { .typ = typ, .issuer = w->p.issuer, .now = clock_now_s(&w->clock) };
    struct jwt jwt;
    struct err err;
    assert_ok(keyset_verify(w->p.keys, str_of(token), &rules, &jwt, &err));
    assert_true(arena_defer(w->arena, free_json, jwt.payload));
    return jwt.payload;
}
