/* What must hold for the nouns that people write. */
#include "tkeauth/model.h"

enum { ID_MAX = 253, EMAIL_MAX = 254, EMAIL_LOCAL_MAX = 64, LABEL_MAX = 63 };

/* Client ids travel in scopes (audience:server:client_id:X): the characters of RFC 6749 3.3. */
static bool is_client_id(struct str s) {
    if (s.len == 0 || s.len > CLIENT_ID_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static bool is_label(struct str s, size_t min, size_t max) {
    return s.len >= min && s.len <= max && str_is_utf8(s) && !str_has_control(s);
}

static enum err_code check_lists(const struct client *c, struct err *err) {
    const struct {
        const char *name;
        const struct str_list *list;
    } lists[] = {
        { "redirect URIs", &c->redirect_uris },
        { "post logout redirect URIs", &c->post_logout_redirect_uris },
        { "trusted peers", &c->trusted_peers },
        { "allowed connectors", &c->allowed_connectors },
        { "grant types", &c->grant_types },
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (lists[i].list->len > CLIENT_LIST_MAX)
            return err_set(err, ERR_INVALID, "more than %d %s", CLIENT_LIST_MAX, lists[i].name);
    for (size_t i = 0; i < c->trusted_peers.len; i++)
        if (!is_client_id(c->trusted_peers.items[i]))
            return err_set(err, ERR_INVALID, "trusted peer %zu is not a client id", i + 1);
    for (size_t i = 0; i < c->allowed_connectors.len; i++)
        if (!is_label(c->allowed_connectors.items[i], 1, ID_MAX))
            return err_set(err, ERR_INVALID, "allowed connector %zu is not a connector id", i + 1);
    return ERR_OK;
}

static enum err_code check_grant_types(const struct str_list *types, struct err *err) {
    static const struct str known[] = { { "authorization_code", 18 },
                                        { "refresh_token", 13 },
                                        { "password", 8 } };
    for (size_t i = 0; i < types->len; i++) {
        size_t k = 0;
        while (k < ARRAY_LEN(known) && !str_eq(types->items[i], known[k]))
            k++;
        if (k == ARRAY_LEN(known))
            return err_set(err, ERR_INVALID,
                           "grant type %zu is not one of authorization_code, refresh_token, password", i + 1);
    }
    return ERR_OK;
}

static enum err_code check_uris(const struct str_list *uris, bool plain_http_ok, struct err *err) {
    for (size_t i = 0; i < uris->len; i++)
        if (url_check_redirect(uris->items[i], plain_http_ok, err) != ERR_OK)
            return err_context(err, "redirect URI %zu", i + 1);
    return ERR_OK;
}

static enum err_code check_logo(struct str logo, struct err *err) {
    struct url url;
    if (logo.len == 0)
        return ERR_OK;
    if (logo.len > REDIRECT_URI_MAX || url_parse(logo, &url, err) != ERR_OK ||
        !(str_eq_nocase(url.scheme, STR("https")) || str_eq_nocase(url.scheme, STR("http"))))
        return err_set(err, ERR_INVALID, "the logo is not an http or https URL");
    return ERR_OK;
}

static bool ttl_is_sane(int64_t ttl_s) { return ttl_s >= 0 && ttl_s <= CLIENT_TTL_MAX_S; }

enum err_code client_check(const struct client *c, struct err *err) {
    if (!is_client_id(c->id))
        return err_set(err, ERR_INVALID,
                       "a client id has 1 to %d printable characters without blanks and quotes",
                       CLIENT_ID_MAX);
    if (!is_label(c->name, 0, CLIENT_NAME_MAX))
        return err_set(err, ERR_INVALID, "a client's name has up to %d bytes of text", CLIENT_NAME_MAX);
    if (!c->is_public && !c->has_secret)
        return err_set(err, ERR_INVALID, "a client that is not public needs a secret");
    if (!ttl_is_sane(c->id_token_ttl_s) || !ttl_is_sane(c->access_token_ttl_s))
        return err_set(err, ERR_INVALID, "a token lives up to %d days", CLIENT_TTL_MAX_S / (24 * 3600));
    enum err_code rc = check_lists(c, err);
    if (rc == ERR_OK)
        rc = check_grant_types(&c->grant_types, err);
    if (rc == ERR_OK)
        rc = check_logo(c->logo_url, err);
    if (rc == ERR_OK)
        rc = check_uris(&c->redirect_uris, !c->is_public, err);
    if (rc == ERR_OK)
        rc = check_uris(&c->post_logout_redirect_uris, !c->is_public, err);
    if (rc != ERR_OK)
        return rc;
    bool by_code = c->grant_types.len == 0 || str_list_contains(&c->grant_types, STR("authorization_code"));
    if (by_code && !c->is_public && c->redirect_uris.len == 0)
        return err_set(err, ERR_INVALID, "a client of the authorization code grant needs redirect URIs");
    return ERR_OK;
}

/* ---- local users ---- */
static bool is_name_char(char c) { return (c >= 'a' && c <= 'z') || ascii_is_digit(c); }

static bool is_username(struct str s) {
    if (s.len < 3 || s.len > 32 || !is_name_char(s.ptr[0]) || !is_name_char(s.ptr[s.len - 1]))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_name_char(s.ptr[i]) && s.ptr[i] != '-')
            return false;
    return true;
}

static bool is_email_local(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && memchr("._%+-", s.ptr[i], 5) == NULL)
            return false;
    return s.len > 0 && s.len <= EMAIL_LOCAL_MAX;
}

static bool is_domain_label(struct str s) {
    if (s.len == 0 || s.len > LABEL_MAX || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '-')
            return false;
    return true;
}

bool email_is_valid(struct str s) {
    struct str local, domain;
    size_t at = str_rfind(s, '@');
    if (s.len > EMAIL_MAX || at == s.len)
        return false;
    local = str_sub(s, 0, at);
    domain = str_from(s, at + 1);
    size_t labels = 0;
    for (bool more = true; more; labels++) {
        struct str label;
        more = str_cut(domain, '.', &label, &domain);
        /* The last one is a top-level domain: never a number, so that no address ends like an IP address. */
        if (!is_domain_label(label) || (!more && (label.len < 2 || !ascii_is_alpha(label.ptr[0]))))
            return false;
    }
    return labels >= 2 && is_email_local(local);
}

enum err_code local_user_check(const struct local_user *u, struct err *err) {
    if (!is_label(u->id, 1, ID_MAX))
        return err_set(err, ERR_INVALID, "a user id has 1 to %d bytes of text", ID_MAX);
    if (!is_label(u->tenant, 1, ID_MAX))
        return err_set(err, ERR_INVALID, "a user belongs to a tenant");
    if (!is_username(u->username))
        return err_set(err, ERR_INVALID,
                       "a user name has 3 to 32 characters: a-z, 0-9 and, not at its ends, '-'");
    if (str_eq(u->username, STR("system")))
        return err_set(err, ERR_INVALID, "the user name \"system\" is reserved");
    if (!is_label(u->display_name, 1, 255))
        return err_set(err, ERR_INVALID, "a display name has 1 to 255 bytes of text");
    if (u->email.len > 0 && !email_is_valid(u->email))
        return err_set(err, ERR_INVALID, "not an e-mail address");
    if (u->groups.len > 1024)
        return err_set(err, ERR_INVALID, "more than 1024 groups");
    return ERR_OK;
}
