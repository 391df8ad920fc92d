/* As Kubernetes' request-header authenticator reads them; stricter where two readings are possible. */
#include "authn/front_proxy.h"

#include "authn/principal.h"

/* Of several names the first that has a value (as in Kubernetes). Twice the same header would be two users: a proxy that only adds its own, and
 * lets the client's through, is not to be believed. */
static enum err_code find_user(const struct front_proxy_headers *names, const struct header_list *h,
                               struct str *ret, struct err *err) {
    *ret = STR_NULL;
    for (size_t i = 0; i < names->username_count && ret->len == 0; i++)
        if (header_list_find(h, names->username[i], ret) > 1)
            return err_set(err, ERR_UNAUTHENTICATED, "the front proxy names several users");
    if (ret->len != 0 && !principal_is_text(*ret))
        return err_set(err, ERR_UNAUTHENTICATED, "the front proxy names a user that is no text");
    return ERR_OK;
}

static enum err_code find_groups(const struct front_proxy_headers *names, const struct header_list *h,
                                 struct arena *a, struct principal_draft *draft, struct err *err) {
    struct str *groups = arena_array(a, h->len + 1, sizeof *groups);
    if (groups == NULL)
        return err_set(err, ERR_NOMEM, "groups");
    size_t count = 0;
    bool *taken = arena_array(a, h->len + 1, sizeof *taken); /* a header may be configured twice */
    for (size_t i = 0; taken != NULL && i < names->group_count; i++)
        for (size_t j = 0; j < h->len; j++) {
            const struct header_line *line = &h->items[j];
            if (taken[j] || line->value.len == 0 || !str_eq_nocase(line->name, names->group[i]))
                continue;
            if (!principal_is_text(line->value))
                return err_set(err, ERR_UNAUTHENTICATED, "the front proxy names a group that is no text");
            taken[j] = true;
            groups[count++] = line->value;
        }
    draft->groups = groups;
    draft->group_count = count;
    return ERR_OK;
}

static struct str key_in(const struct front_proxy_headers *names, struct str header) {
    for (size_t i = 0; i < names->extra_prefix_count; i++)
        if (header.len > names->extra_prefix[i].len && str_starts_with_nocase(header, names->extra_prefix[i]))
            return str_from(header, names->extra_prefix[i].len);
    return STR_NULL;
}

static enum err_code find_extras(const struct front_proxy_headers *names, const struct header_list *h,
                                 struct arena *a, struct principal_draft *draft, struct err *err) {
    for (size_t i = 0; i < h->len; i++) {
        struct str encoded = key_in(names, h->items[i].name), key;
        if (encoded.len == 0)
            continue;
        if (!str_is_utf8(h->items[i].value) || str_has_control(h->items[i].value))
            return err_set(err, ERR_UNAUTHENTICATED, "the front proxy sent an extra that is no text");
        enum err_code rc = extra_key_read(a, encoded, &key, err);
        if (rc == ERR_NOMEM)
            return rc;
        if (rc != ERR_OK) /* proxies older than the encoding: Kubernetes takes such a key as it stands, too */
            key = lower_case(a, encoded);
        extra_add(a, &draft->extra, key, h->items[i].value);
    }
    return ERR_OK;
}

enum err_code front_proxy_read(const struct front_proxy_headers *names, const struct header_list *h,
                               struct arena *a, bool *ret_found, struct principal *ret, struct err *err) {
    struct principal_draft draft = { .source = PRINCIPAL_FRONT_PROXY };
    enum err_code rc = find_user(names, h, &draft.name, err);
    *ret_found = rc == ERR_OK && draft.name.len != 0;
    if (!*ret_found)
        return rc;
    rc = find_groups(names, h, a, &draft, err);
    if (rc == ERR_OK)
        rc = find_extras(names, h, a, &draft, err);
    return rc == ERR_OK ? principal_make(a, &draft, ret, err) : rc;
}
