#include "authn/impersonation.h"

#include "authn/principal.h"

#define EXTRA_PREFIX STR("Impersonate-Extra-")

/* At most one, and not empty: whoever sends "Impersonate-User:" for a caller without a name would act with its own rights. */
static enum err_code find_single(const struct header_list *h, struct str name, size_t *ret_count,
                                 struct str *ret, struct err *err) {
    *ret_count = header_list_find(h, name, ret);
    if (*ret_count > 1)
        return err_set(err, ERR_INVALID, "several %.*s headers", STR_FMT(name));
    if (*ret_count == 1 && !principal_is_text(*ret))
        return err_set(err, ERR_INVALID, "%.*s is empty or no text", STR_FMT(name));
    return ERR_OK;
}

static enum err_code find_groups(const struct header_list *h, struct arena *a, struct principal_draft *draft,
                                 struct err *err) {
    struct str *groups = arena_array(a, h->len + 1, sizeof *groups);
    if (groups == NULL)
        return err_set(err, ERR_NOMEM, "groups");
    for (size_t i = 0; i < h->len; i++) {
        if (!str_eq_nocase(h->items[i].name, STR("Impersonate-Group")))
            continue;
        if (!principal_is_text(h->items[i].value))
            return err_set(err, ERR_INVALID, "Impersonate-Group is empty or no text");
        groups[draft->group_count++] = h->items[i].value;
    }
    draft->groups = groups;
    return ERR_OK;
}

static enum err_code find_extras(const struct header_list *h, struct arena *a, struct principal_draft *draft,
                                 struct err *err) {
    for (size_t i = 0; i < h->len; i++) {
        struct str key;
        if (!str_starts_with_nocase(h->items[i].name, EXTRA_PREFIX))
            continue;
        if (!str_is_utf8(h->items[i].value) || str_has_control(h->items[i].value))
            return err_set(err, ERR_INVALID, "the value of an Impersonate-Extra header is no text");
        enum err_code rc = extra_key_read(a, str_from(h->items[i].name, EXTRA_PREFIX.len), &key, err);
        if (rc != ERR_OK)
            return rc;
        extra_add(a, &draft->extra, key, h->items[i].value);
    }
    return ERR_OK;
}

enum err_code impersonation_read(const struct header_list *h, struct arena *a, bool *ret_wanted,
                                 struct principal *ret, struct err *err) {
    struct principal_draft draft = { .source = PRINCIPAL_FRONT_PROXY };
    size_t users = 0, uids = 0;
    *ret_wanted = false;
    enum err_code rc = find_single(h, STR("Impersonate-User"), &users, &draft.name, err);
    if (rc == ERR_OK)
        rc = find_single(h, STR("Impersonate-Uid"), &uids, &draft.uid, err);
    if (rc == ERR_OK)
        rc = find_groups(h, a, &draft, err);
    if (rc == ERR_OK)
        rc = find_extras(h, a, &draft, err);
    if (rc != ERR_OK)
        return rc;
    bool wanted = users + uids + draft.group_count + draft.extra.len != 0;
    if (wanted && users == 0)
        return err_set(err, ERR_INVALID, "impersonation without Impersonate-User");
    rc = wanted ? principal_make(a, &draft, ret, err) : ERR_OK;
    *ret_wanted = wanted && rc == ERR_OK;
    return rc;
}

enum err_code authn_impersonation(const struct http_request *req, bool *ret_wanted, struct principal *ret,
                                  struct err *err) {
    struct header_list h;
    enum err_code rc = header_list_of(req, &h, err);
    return rc == ERR_OK ? impersonation_read(&h, req->arena, ret_wanted, ret, err) : rc;
}
