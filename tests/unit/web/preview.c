/* Writes every page, in every language and state, to a folder, to be looked at: web_preview FOLDER [THEME]. */
#include "tkeauth/web.h"

#include <stdio.h>
#include <sys/stat.h>

#define TEXT(n, t)                                                                                           \
    { .name = (n), .text = STR(t) }
#define FLAG(n)                                                                                              \
    { .name = (n), .flag = true }
#define END                                                                                                  \
    { .name = NULL }

static const struct web_value tenant_default[] = { TEXT("name", "default"),
                                                   TEXT("href", "auth/default/login"), END };
static const struct web_value tenant_ldap[] = { TEXT("name", "研发中心 LDAP"),
                                                TEXT("href", "auth/ldap/login"), END };
static const struct web_value tenant_long[] = {
    TEXT("name", "production-platform-engineering-asia-pacific-southeast-1"), TEXT("href", "auth/x/login"),
    END
};
static const struct web_value *const tenants[] = { tenant_default, tenant_ldap, tenant_long };
static const struct web_list tenant_list = { tenants, ARRAY_LEN(tenants) };

#define LOGIN TEXT("action", "login"), TEXT("ticket", "t"), TEXT("csrf", "c")
static const struct web_value login_plain[] = { LOGIN, END };
static const struct web_value login_client[] = { LOGIN,
                                                 TEXT("client", "Kubernetes Console"),
                                                 TEXT("tenant", "default"),
                                                 TEXT("back", "auth"),
                                                 TEXT("prompt", "Employee number"),
                                                 END };
static const struct web_value login_credentials[] = { LOGIN,
                                                      TEXT("client", "Kubernetes Console"),
                                                      TEXT("login", "ldapadmin"),
                                                      TEXT("tenant", "default"),
                                                      TEXT("back", "auth"),
                                                      FLAG("error_credentials"),
                                                      END };
static const struct web_value login_throttled[] = { LOGIN, TEXT("login", "ldapadmin"),
                                                    FLAG("error_throttled"), TEXT("retry_after", "30"), END };
static const struct web_value login_unavailable[] = { LOGIN, TEXT("login", "ldapadmin"),
                                                      FLAG("error_unavailable"), END };
static const struct web_value login_blocked[] = { LOGIN, TEXT("login", "ldapadmin"), FLAG("error_blocked"),
                                                  END };
static const struct web_value tenants_page[] = { { .name = "choices", .list = &tenant_list },
                                                 TEXT("client", "Kubernetes Console"),
                                                 END };
static const struct web_value logout_page[] = {
    TEXT("action", "logout"), TEXT("client", "Kubernetes Console"),
    TEXT("csrf", "c"),        TEXT("ticket", "t"),
    TEXT("cancel", "/"),      END
};
static const struct web_value logged_out_page[] = { TEXT("client", "Kubernetes Console"),
                                                    TEXT("return_href", "/"), END };

static const struct web_value group_a[] = { TEXT("text", "platform-admins"), END };
static const struct web_value group_b[] = { TEXT("text", "研发"), END };
static const struct web_value *const group_rows[] = { group_a, group_b };
static const struct web_list groups = { group_rows, 2 };
static const struct web_value claim_name[] = { TEXT("name", "name"), TEXT("meaning", "The person's name"),
                                               TEXT("text", "ldapadmin"), END };
static const struct web_value claim_groups[] = { TEXT("name", "groups"),
                                                 TEXT("meaning", "Groups, for policies and RBAC"),
                                                 { .name = "items", .list = &groups },
                                                 END };
static const struct web_value claim_sub[] = { TEXT("name", "sub"), TEXT("meaning", "Subject: never changes"),
                                              TEXT("text", "CgtjbjEyMzQ1Njc4OTAxMjM0NTY3ODkwEgdkZWZhdWx0"),
                                              END };
static const struct web_value claim_exp[] = { TEXT("name", "exp"), TEXT("meaning", "Expires at"),
                                              TEXT("text", "2026-01-02 03:04:05 UTC"), END };
static const struct web_value *const claim_rows[] = { claim_name, claim_groups, claim_sub, claim_exp };
static const struct web_list claims = { claim_rows, ARRAY_LEN(claim_rows) };
static const struct web_value demo_start[] = { TEXT("issuer", "https://localhost:8443/oidc"),
                                               TEXT("client_id", "demo"), END };
static const struct web_value demo_claims[] = { TEXT("name", "ldapadmin"),
                                                TEXT("notice", "You are signed in."),
                                                TEXT("issuer", "https://localhost:8443/oidc"),
                                                TEXT("key", "x1C5sJ0qv3cJm0yq2sUuXo2Wb3i8l6ZQm0mS7c4d1aE"),
                                                TEXT("algorithm", "RS256"),
                                                FLAG("can_refresh"),
                                                TEXT("countdown", "countdown.css"),
                                                { .name = "claims", .list = &claims },
                                                { .name = "userinfo", .list = &claims },
                                                TEXT("token_header", "eyJhbGciOiJSUzI1NiJ9"),
                                                TEXT("token_payload",
                                                     "eyJpc3MiOiJodHRwczovL2xvY2FsaG9zdDo4NDQzL29pZGMifQ"),
                                                TEXT("token_signature", "c2lnbmF0dXJl"),
                                                END };
static const struct web_value demo_error[] = {
    TEXT("heading", "The provider cannot be reached"), TEXT("message", "Is tke-auth running?"),
    TEXT("detail", "https://localhost:8443/oidc/.well-known/openid-configuration: connection refused"), END
};

static const struct {
    const char *file, *page;
    const struct web_value *values;
} previews[] = {
    { "login", "login", login_plain },
    { "login-client", "login", login_client },
    { "login-credentials", "login", login_credentials },
    { "login-throttled", "login", login_throttled },
    { "login-unavailable", "login", login_unavailable },
    { "login-blocked", "login", login_blocked },
    { "tenants", "tenants", tenants_page },
    { "logout", "logout_confirm", logout_page },
    { "logged-out", "logged_out", logged_out_page },
    { "demo-start", "demo_start", demo_start },
    { "demo-claims", "demo_claims", demo_claims },
    { "demo-error", "demo_error", demo_error },
};

static enum err_code write_page(const struct web *w, const char *dir, const char *file, const char *page,
                                const char *language, const struct web_value *values, struct err *err) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.%s.html", dir, file, language);
    AUTO(strbuf_done) struct strbuf out = STRBUF(256 * 1024);
    enum err_code rc = web_render(w, page, language, values, &out, err);
    return rc == ERR_OK ? file_write_atomic(path, strbuf_str(&out), 0644, err) : rc;
}

static enum err_code write_errors(const struct web *w, const char *dir, const char *language,
                                  struct err *err) {
    const struct web_value values[] = {
        { .name = "heading", .text = str_of(web_message(w, language, "error_redirect_uri_heading")) },
        { .name = "message", .text = str_of(web_message(w, language, "error_redirect_uri_text")) },
        { .name = "next", .text = str_of(web_message(w, language, "error_redirect_uri_next")) },
        TEXT("request_id", "01JD3Q6W9K2M4N8P0R5T7V"),
        END,
    };
    return write_page(w, dir, "error", "error", language, values, err);
}

static enum err_code write_statics(const struct web *w, const char *dir, struct err *err) {
    static const char *const names[] = { "style.css", "theme.css", "login.js", "favicon.svg", "logo.svg" };
    char path[512];
    (void)snprintf(path, sizeof path, "%s/static", dir);
    (void)mkdir(path, 0755);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str body, etag;
        const char *type;
        enum err_code rc = web_static(w, str_of(names[i]), &body, &type, &etag, err);
        (void)snprintf(path, sizeof path, "%s/static/%s", dir, names[i]);
        if (rc != ERR_OK || (rc = file_write_atomic(path, body, 0644, err)) != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static enum err_code preview(const char *dir, const char *theme, struct err *err) {
    const struct web_options options = { .base_path = dir,
                                         .dir = theme,
                                         .title = theme == NULL ? "TKEStack" : NULL };
    AUTO_FREE(web_free) struct web *w = NULL;
    enum err_code rc = web_new(&options, &w, err);
    if (rc != ERR_OK || (rc = write_statics(w, dir, err)) != ERR_OK)
        return rc;
    static const char *const languages[] = { "en", "zh" };
    for (size_t l = 0; l < ARRAY_LEN(languages); l++) {
        for (size_t i = 0; i < ARRAY_LEN(previews); i++) {
            rc = write_page(w, dir, previews[i].file, previews[i].page, languages[l], previews[i].values,
                            err);
            if (rc != ERR_OK)
                return rc;
        }
        if ((rc = write_errors(w, dir, languages[l], err)) != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

int main(int argc, char **argv) {
    struct err err = { 0 };
    if (argc < 2 || argv[1][0] != '/') {
        (void)fprintf(stderr, "usage: web_preview ABSOLUTE_FOLDER [THEME_FOLDER]\n");
        return 2;
    }
    if (preview(argv[1], argc > 2 ? argv[2] : NULL, &err) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", err.detail);
        return 1;
    }
    return 0;
}
