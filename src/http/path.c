#include "http/path.h"

void path_split_target(struct str target, struct str *ret_path, struct str *ret_query) {
    struct str path, query;
    if (!str_cut(target, '?', &path, &query))
        query = STR_NULL;
    /* RFC 9112 3.2.2: a server must take the absolute form; its authority says nothing that Host does not. */
    if (str_starts_with_nocase(path, STR("http://")) || str_starts_with_nocase(path, STR("https://"))) {
        struct str rest = str_from(path, str_find(path, ':') + 3);
        size_t slash = str_find(rest, '/');
        path = slash < rest.len ? str_from(rest, slash) : STR("/");
    }
    *ret_path = path;
    *ret_query = query;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Bytes that may not stand in a path as they are. */
static bool is_raw_forbidden(unsigned char c) { return c <= ' ' || c >= 0x7f || c == '\\' || c == '#'; }

static enum err_code decode_escapes(struct arena *a, struct str raw, struct str *ret, struct err *err) {
    char *out = arena_alloc(a, raw.len + 1);
    if (out == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the path");
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] != '%') {
            out[len++] = raw.ptr[i];
            continue;
        }
        bool whole = raw.len - i > 2;
        int high = whole ? hex_digit(raw.ptr[i + 1]) : -1;
        int low = whole ? hex_digit(raw.ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            return err_set(err, ERR_INVALID, "broken percent encoding in the path");
        unsigned char c = (unsigned char)(high * 16 + low);
        if (c < ' ' || c == 0x7f || c == '/' || c == '\\')
            return err_set(err, ERR_INVALID, "encoded %s in the path",
                           c == '/'    ? "slash"
                           : c == '\\' ? "backslash"
                                       : "control character");
        out[len++] = (char)c;
        i += 2;
    }
    *ret = (struct str) { out, len };
    return str_is_utf8(*ret) ? ERR_OK : err_set(err, ERR_INVALID, "the path is not UTF-8");
}

static enum err_code check_segments(struct str path, struct err *err) {
    struct str rest = str_from(path, 1);
    for (bool more = true; more;) {
        struct str segment;
        more = str_cut(rest, '/', &segment, &rest);
        if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
            return err_set(err, ERR_INVALID, "dot segment in the path");
        if (segment.len == 0 && more)
            return err_set(err, ERR_INVALID, "empty segment in the path");
    }
    return ERR_OK;
}

enum err_code path_decode(struct arena *a, struct str raw, struct str *ret, struct err *err) {
    if (raw.len == 0 || raw.ptr[0] != '/')
        return err_set(err, ERR_INVALID, "the path does not begin with a slash");
    bool encoded = false;
    for (size_t i = 0; i < raw.len; i++) {
        if (is_raw_forbidden((unsigned char)raw.ptr[i]))
            return err_set(err, ERR_INVALID, "byte 0x%02x in the path", (unsigned)(unsigned char)raw.ptr[i]);
        encoded |= raw.ptr[i] == '%';
    }
    struct str path = raw;
    if (encoded) {
        enum err_code rc = decode_escapes(a, raw, &path, err);
        if (rc != ERR_OK)
            return rc;
    }
    enum err_code rc = check_segments(path, err);
    if (rc == ERR_OK)
        *ret = path;
    return rc;
}
