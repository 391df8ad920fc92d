#include "connector/ldap/ranges.h"
#include "connector/ldap/limits.h"
#include <ldap.h>

/* An empty piece would go on for ever. */
static enum err_code append(struct ldap_session *s, struct ldap_attr *to, const struct ldap_attr *piece,
                            bool may_cut) {
    size_t len = to->len + piece->len;
    to->cut = len > LDAP_VALUES_MAX;
    if (to->cut && may_cut)
        return ERR_OK;
    if (piece->len == 0 || to->cut)
        return err_set(s->err, ERR_UNAVAILABLE, "%.*s: more than %d values, or a piece without any",
                       STR_FMT(str_sub(to->name, 0, 64)), (int)LDAP_VALUES_MAX);
    struct str *values = arena_array(s->a, len, sizeof *values);
    if (values == NULL)
        return err_set(s->err, ERR_NOMEM, "the directory's answer is too large");
    memcpy(values, to->values, to->len * sizeof *values);
    memcpy(&values[to->len], piece->values, piece->len * sizeof *values);
    to->values = values;
    to->len = len;
    return ERR_OK;
}

/* The piece from value `next` on, as the server chooses to cut it. NULL: there is none. */
static enum err_code fetch(struct ldap_session *s, const char *dn, struct str base, uint64_t next,
                           const struct ldap_attr **ret) {
    const char *attr = arena_printf(s->a, "%.*s;range=%llu-*", STR_FMT(base), (unsigned long long)next);
    const char *attrs[] = { attr, NULL };
    const struct ldap_query q = {
        .base = dn, .scope = LDAP_SCOPE_BASE, .filter = "(objectClass=*)", .attrs = attrs, .entries_max = 1
    };
    struct ldap_reply reply;
    if (attr == NULL || dn == NULL)
        return err_set(s->err, ERR_NOMEM, "out of memory");
    enum err_code rc = ldap_dir_search(s, &q, &reply);
    if (rc != ERR_OK)
        return rc;
    *ret = NULL;
    for (size_t i = 0; reply.code == LDAP_SUCCESS && reply.len == 1 && i < reply.entries[0]->len; i++)
        if (reply.entries[0]->attrs[i].len > 0 &&
            str_starts_with_nocase(reply.entries[0]->attrs[i].name, base))
            *ret = &reply.entries[0]->attrs[i];
    return ERR_OK;
}

static enum err_code complete(struct ldap_session *s, struct str dn, struct ldap_attr *attr, bool may_cut) {
    struct str base;
    uint64_t next;
    if (!ldap_attr_is_cut(attr->name, &base, &next))
        return ERR_OK;
    const char *name = arena_strdup(s->a, dn);
    for (bool more = true; more;) {
        const struct ldap_attr *piece = NULL;
        enum err_code rc = fetch(s, name, base, next, &piece);
        if (rc == ERR_OK && piece == NULL)
            rc = err_set(s->err, ERR_UNAVAILABLE, "the values of %.*s from %llu on are missing",
                         STR_FMT(base), (unsigned long long)next);
        if (rc == ERR_OK)
            rc = append(s, attr, piece, may_cut);
        if (rc != ERR_OK)
            return rc;
        struct str unused;
        more = !attr->cut && ldap_attr_is_cut(piece->name, &unused, &next);
    }
    attr->name = base;
    return ERR_OK;
}

/* Beside the pieces, Active Directory names the attribute itself, without a value: that one must not be found first. */
static void put_in_place(struct ldap_entry *e, const struct ldap_attr *whole) {
    for (size_t i = 0; i < e->len && &e->attrs[i] != whole; i++)
        if (e->attrs[i].len == 0 && str_eq_nocase(e->attrs[i].name, whole->name))
            e->attrs[i] = *whole;
}

static enum err_code complete_all(struct ldap_session *s, struct ldap_entry *e, bool may_cut) {
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < e->len; i++) {
        rc = complete(s, e->dn, &e->attrs[i], may_cut);
        if (rc == ERR_OK)
            put_in_place(e, &e->attrs[i]);
    }
    return rc;
}

enum err_code ldap_ranges_complete(struct ldap_session *s, struct ldap_entry *e) {
    return complete_all(s, e, false);
}

enum err_code ldap_ranges_fill(struct ldap_session *s, struct ldap_entry *e) {
    return complete_all(s, e, true);
}
