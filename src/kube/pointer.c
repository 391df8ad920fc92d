#include "kube/pointer.h"

static enum err_code unescape(struct arena *a, struct str token, struct str *ret, struct err *err) {
    if (str_find(token, '~') == token.len) {
        *ret = token;
        return ERR_OK;
    }
    char *out = arena_alloc(a, token.len + 1);
    size_t len = 0;
    if (out == NULL)
        return err_set(err, ERR_NOMEM, "a JSON pointer");
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        if (c == '~') {
            char escaped = ++i < token.len ? token.ptr[i] : '\0';
            if (escaped != '0' && escaped != '1')
                return err_set(err, ERR_INVALID, "in a JSON pointer \"~\" stands only in \"~0\" and \"~1\"");
            c = escaped == '0' ? '~' : '/';
        }
        out[len++] = c;
    }
    *ret = (struct str) { out, len };
    return ERR_OK;
}

enum err_code pointer_parse(struct arena *a, struct str text, struct pointer *ret, struct err *err) {
    ret->len = 0;
    if (text.len == 0)
        return ERR_OK;
    if (text.ptr[0] != '/')
        return err_set(err, ERR_INVALID, "a JSON pointer begins with \"/\"");
    struct str rest = str_from(text, 1), token;
    bool more = true;
    while (more) {
        more = str_cut(rest, '/', &token, &rest);
        if (ret->len == ARRAY_LEN(ret->tokens))
            return err_set(err, ERR_LIMIT, "a JSON pointer of more than %zu parts", ARRAY_LEN(ret->tokens));
        enum err_code rc = unescape(a, token, &ret->tokens[ret->len++], err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

bool pointer_index(struct str token, size_t *ret) {
    struct err ignored;
    uint64_t n = 0;
    if (token.len == 0 || token.len > 9 || (token.len > 1 && token.ptr[0] == '0') ||
        parse_u64(token, 0, UINT32_MAX, &n, &ignored) != ERR_OK)
        return false;
    *ret = (size_t)n;
    return true;
}

json_t *pointer_get(json_t *root, const struct pointer *p, size_t len) {
    json_t *at = root;
    for (size_t i = 0; i < len && at != NULL; i++) {
        size_t index;
        if (json_is_array(at))
            at = pointer_index(p->tokens[i], &index) ? json_array_get(at, index) : NULL;
        else
            at = json_object_getn(at, p->tokens[i].ptr, p->tokens[i].len);
    }
    return at;
}

bool pointer_is_inside(const struct pointer *p, const struct pointer *outer) {
    if (p->len <= outer->len)
        return false;
    for (size_t i = 0; i < outer->len; i++)
        if (!str_eq(p->tokens[i], outer->tokens[i]))
            return false;
    return true;
}
