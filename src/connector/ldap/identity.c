/* Directory entry -> identity. */
#include "connector/ldap/dir.h"

struct builder {
    struct ldap_session *s;
    const struct ldap_entry *e;
    struct arena *out;
    struct strbuf missing; /* names of attributes */
};

static void builder_done(struct builder *b) { strbuf_done(&b->missing); }

/* Bytes that are no text become base64url; control characters are harmless in JSON and stay. */
static struct str text(struct builder *b, struct str value) {
    if (str_is_utf8(value))
        return arena_str(b->out, value);
    AUTO(strbuf_done) struct strbuf encoded = STRBUF(2 * value.len + 8);
    base64url_add(&encoded, value.ptr, value.len);
    return arena_str(b->out, strbuf_str(&encoded));
}

/* Of several values the first counts; one of blanks only (Keycloak writes such) counts as none. */
static struct str value_of(struct builder *b, const char *attr) {
    struct str v = ldap_entry_value(b->e, str_of(attr), 0, NULL);
    return str_trim(v).len > 0 ? text(b, v) : STR_NULL;
}

/* A configured attribute must be on the entry; it may be blank. */
static struct str configured(struct builder *b, const char *attr) {
    if (attr == NULL)
        return STR_NULL;
    if (ldap_entry_count(b->e, str_of(attr)) == 0)
        strbuf_addf(&b->missing, "%s\"%s\"", b->missing.len ? ", " : "", attr);
    return value_of(b, attr);
}

static struct str user_id(struct builder *b) {
    const char *attr = b->s->dir->config->user_search.id_attr;
    struct str raw = ldap_dir_user_id(b->s->dir, b->e);
    if (str_trim(raw).len == 0) {
        strbuf_addf(&b->missing, "%s\"%s\"", b->missing.len ? ", " : "", attr);
        return STR_NULL;
    }
    return arena_str(b->out, ldap_value_text(b->s->a, str_of(attr), raw));
}

/* The login name is the entry's, not what was typed: the directory matches "ANA " with "ana". */
static struct str username(struct builder *b, struct str typed) {
    const struct cfg_strings *attrs = &b->s->dir->config->user_search.username;
    for (size_t i = 0; i < attrs->len; i++) {
        struct str v = value_of(b, attrs->items[i]);
        if (v.len > 0)
            return v;
    }
    return text(b, typed);
}

static struct str email(struct builder *b, struct str name) {
    const struct ldap_user_search_config *u = &b->s->dir->config->user_search;
    if (u->email_suffix != NULL)
        return str_of(arena_printf(b->out, "%.*s@%s", STR_FMT(name), u->email_suffix));
    return u->email_attr != NULL ? configured(b, u->email_attr) : value_of(b, "mail");
}

enum err_code ldap_dir_identity(struct ldap_session *s, const struct ldap_entry *user, struct str typed,
                                struct arena *out, struct identity *ret) {
    const struct ldap_user_search_config *u = &s->dir->config->user_search;
    AUTO(builder_done) struct builder b = { .s = s, .e = user, .out = out, .missing = STRBUF(512) };
    struct identity i = { .connector_id = arena_str(out, str_of(s->dir->id)) };
    i.user_id = user_id(&b);
    i.username = username(&b, typed);
    i.name = configured(&b, u->name_attr);
    if (i.name.len == 0)
        i.name = i.username;
    i.preferred_username = configured(&b, u->preferred_username_attr);
    if (i.preferred_username.len == 0)
        i.preferred_username = i.name;
    i.email = email(&b, i.name);
    i.email_verified = i.email.len > 0; /* the directory is the authority on its addresses */
    if (b.missing.len > 0 || b.missing.failed)
        return err_set(s->err, ERR_UNAVAILABLE, "the entry \"%.*s\" lacks %s",
                       STR_FMT(str_sub(user->dn, 0, 120)), strbuf_c(&b.missing));
    if (arena_failed(out))
        return err_set(s->err, ERR_NOMEM, "out of memory");
    *ret = i;
    return ERR_OK;
}
