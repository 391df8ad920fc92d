#include "authn/header_list.h"

#include "authn/principal.h"

enum { EXTRA_KEY_MAX = 1024 };

enum err_code header_list_of(const struct http_request *req, struct header_list *ret, struct err *err) {
    struct header_line line;
    size_t len = 0;
    for (size_t i = 0; http_header_next(req, &i, &line.name, &line.value);)
        len++;
    struct header_line *items = arena_array(req->arena, len + 1, sizeof *items);
    if (items == NULL)
        return err_set(err, ERR_NOMEM, "the head of a request");
    len = 0;
    for (size_t i = 0; http_header_next(req, &i, &line.name, &line.value);)
        items[len++] = (struct header_line) { line.name, str_trim(line.value) };
    *ret = (struct header_list) { items, len };
    return ERR_OK;
}

size_t header_list_find(const struct header_list *h, struct str name, struct str *ret) {
    size_t n = 0;
    if (ret != NULL)
        *ret = STR_NULL;
    for (size_t i = 0; i < h->len; i++)
        if (str_eq_nocase(h->items[i].name, name) && n++ == 0 && ret != NULL)
            *ret = h->items[i].value;
    return n;
}

struct str lower_case(struct arena *a, struct str s) {
    char *copy = arena_strdup(a, s);
    for (size_t i = 0; copy != NULL && i < s.len; i++)
        copy[i] = ascii_lower(copy[i]);
    return copy != NULL ? (struct str) { copy, s.len } : STR_NULL;
}

enum err_code extra_key_read(struct arena *a, struct str encoded, struct str *ret, struct err *err) {
    AUTO(strbuf_done) struct strbuf key = STRBUF(EXTRA_KEY_MAX);
    enum err_code rc = percent_decode(encoded, false, &key, err);
    if (rc == ERR_OK)
        rc = strbuf_check(&key, err);
    if (rc == ERR_OK && !principal_is_text(strbuf_str(&key)))
        rc = err_set(err, ERR_INVALID, "a key that is no text");
    if (rc != ERR_OK)
        return rc == ERR_NOMEM ? rc : err_set(err, ERR_INVALID, "the key of an extra cannot be read");
    /* Lower case after decoding: %54 must not be another way to write t. */
    *ret = lower_case(a, strbuf_str(&key));
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "the key of an extra") : ERR_OK;
}
