/* What the clients do: redeem codes, refresh, log in, ask for a permission. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char redirect[] = "http%3A%2F%2F127.0.0.1%3A5555%2Fcallback";
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"

void request_write(struct visitor *c, const char *method, const char *path, const char *headers,
                   const char *body) {
    int n = snprintf(c->request, sizeof c->request,
                     "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Length: %zu\r\n\r\n%s", method, path,
                     headers, strlen(body), body);
    must(n > 0 && (size_t)n < sizeof c->request, "a request over its limit");
    c->request_len = (size_t)n;
}

/* The text between `before` and `end`; false: it is not there. */
static bool extract(const char *text, const char *before, char end, char *out) {
    const char *from = strstr(text, before);
    const char *to = from != NULL ? strchr(from + strlen(before), end) : NULL;
    if (to == NULL)
        return false;
    from += strlen(before);
    must((size_t)(to - from) < TEXT_MAX, "a text over its limit");
    memcpy(out, from, (size_t)(to - from));
    out[to - from] = '\0';
    return true;
}

static void post_token(struct visitor *c, const struct scenario_args *a, const char *grant) {
    char body[BODY_MAX];
    (void)snprintf(body, sizeof body, "client_id=%s&client_secret=%s&%s", a->client_id, a->secret, grant);
    request_write(c, "POST", "/oidc/token", FORM, body);
}

static void redeem(struct visitor *c, const struct scenario_args *a, const char *code) {
    char grant[TEXT_MAX + 256];
    (void)snprintf(grant, sizeof grant, "grant_type=authorization_code&redirect_uri=%s&code=%s", redirect,
                   code);
    post_token(c, a, grant);
}

/* ---- codes made beforehand ---- */

static bool say_code(struct visitor *c, const struct scenario_args *a) {
    static const char *next; /* the clients share one thread */
    char code[TEXT_MAX];
    if (next == NULL) {
        next = a->codes;
        for (size_t i = 0; i < a->skip && next != NULL; i++) {
            next = strchr(next, '\n');
            next = next != NULL ? next + 1 : NULL;
        }
        must(next != NULL, "too few codes");
    }
    const char *end = strchr(next, '\n');
    if (end == NULL)
        return false;
    (void)snprintf(code, sizeof code, "%.*s", (int)(end - next), next);
    next = end + 1;
    redeem(c, a, code);
    return true;
}

static enum next take_tokens(struct visitor *c, const struct scenario_args *a, const struct answer *answer) {
    (void)c;
    (void)a;
    must(answer->status == 200 && strstr(answer->body, "\"id_token\"") != NULL, answer->body);
    return NEXT_DONE;
}

static bool say_refresh(struct visitor *c, const struct scenario_args *a) {
    char grant[TEXT_MAX + 64];
    if (c->token[0] == '\0')
        return say_code(c, a);
    (void)snprintf(grant, sizeof grant, "grant_type=refresh_token&refresh_token=%s", c->token);
    post_token(c, a, grant);
    return true;
}

static enum next take_refresh(struct visitor *c, const struct scenario_args *a, const struct answer *answer) {
    bool was_first = c->token[0] == '\0';
    must(take_tokens(c, a, answer) == NEXT_DONE &&
             extract(answer->body, "\"refresh_token\":\"", '"', c->token),
         answer->body);
    return was_first ? NEXT_END : NEXT_DONE;
}

/* ---- a person's login: authorization request, form, password, code ---- */

enum { LOGIN_ASK, LOGIN_FORM, LOGIN_SUBMIT, LOGIN_REDEEM };

static void ask(struct visitor *c, const struct scenario_args *a) {
    char path[TEXT_MAX];
    must(snprintf(path, sizeof path,
                  "/oidc/auth?response_type=code&client_id=%s&redirect_uri=%s"
                  "&scope=openid+profile+email+groups+offline_access&state=s&nonce=n&connector_id=%s",
                  a->client_id, redirect, a->connector) < TEXT_MAX,
         "path");
    request_write(c, "GET", path, "", "");
}

static void submit(struct visitor *c, const struct scenario_args *a, const char *headers) {
    char body[BODY_MAX], number[24] = "";
    if (a->users > 0)
        (void)snprintf(number, sizeof number, "%zu", c->number % a->users);
    must(snprintf(body, sizeof body, "ticket=%s&csrf=%s&login=%s%s&password=%s", c->token, c->csrf, a->user,
                  number, a->password) < BODY_MAX,
         "form");
    *strchr(c->path, '?') = '\0';
    request_write(c, "POST", c->path, headers, body);
}

static bool say_login(struct visitor *c, const struct scenario_args *a) {
    char headers[TEXT_MAX + 128];
    (void)snprintf(headers, sizeof headers, "Cookie: %s\r\n" FORM, c->cookie);
    switch (c->step) {
    case LOGIN_ASK: ask(c, a); break;
    case LOGIN_FORM: request_write(c, "GET", c->path, headers, ""); break;
    case LOGIN_SUBMIT: submit(c, a, headers); break;
    default: redeem(c, a, c->token);
    }
    return true;
}

static enum next take_login(struct visitor *c, const struct scenario_args *a, const struct answer *answer) {
    switch (c->step) {
    case LOGIN_ASK:
        must(answer->status == 303 && extract(answer->head, "Location: ", '\r', c->path), answer->head);
        must(extract(answer->head, "Set-Cookie: ", ';', c->cookie), "no cookie");
        if (c->path[0] != '/') { /* relative to /oidc/auth */
            must(strlen(c->path) + 7 < TEXT_MAX, "path");
            memmove(c->path + 6, c->path, strlen(c->path) + 1);
            memcpy(c->path, "/oidc/", 6);
        }
        break;
    case LOGIN_FORM:
        must(answer->status == 200 && extract(answer->body, "name=\"ticket\" value=\"", '"', c->token) &&
                 extract(answer->body, "name=\"csrf\" value=\"", '"', c->csrf),
             answer->body);
        break;
    case LOGIN_SUBMIT:
        must(answer->status == 303 && extract(answer->head, "code=", '&', c->token), answer->head);
        break;
    default:
        c->step = LOGIN_ASK;
        c->number += 97; /* another person than any other client's next */
        return take_tokens(c, a, answer);
    }
    c->step++;
    return NEXT_MORE;
}

/* ---- one permission ---- */

static bool say_authz(struct visitor *c, const struct scenario_args *a) {
    char headers[512];
    (void)snprintf(headers, sizeof headers, "Content-Type: application/json\r\nAuthorization: Bearer %s\r\n",
                   a->bearer);
    request_write(
        c, "POST", "/auth/authz", headers,
        "{\"apiVersion\":\"authorization.k8s.io/"
        "v1\",\"kind\":\"SubjectAccessReview\",\"spec\":{\"user\":\"ana\","
        "\"groups\":[\"developers\"],\"resourceAttributes\":{\"namespace\":\"default\",\"verb\":\"get\","
        "\"version\":\"v1\",\"resource\":\"pods\"}}}");
    return true;
}

static enum next take_authz(struct visitor *c, const struct scenario_args *a, const struct answer *answer) {
    (void)c;
    (void)a;
    must((answer->status == 200 || answer->status == 201) && strstr(answer->body, "\"allowed\"") != NULL,
         answer->body);
    return NEXT_DONE;
}

const struct scenario scenarios[] = { { "code", say_code, take_tokens },
                                      { "refresh", say_refresh, take_refresh },
                                      { "login", say_login, take_login },
                                      { "authz", say_authz, take_authz },
                                      { NULL, NULL, NULL } };
