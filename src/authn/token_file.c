#include "authn/token_file.h"

#include <stdlib.h>

#include "authn/principal.h"
#include "tkeauth/crypto.h"

/* Tokens are kept as SHA-256. They are looked up by a hash of that under a secret key, so that the way to an entry says nothing about a token,
 * and the digests are then compared in constant time. */
struct stored {
    uint64_t place;
    unsigned char digest[SHA256_SIZE];
    unsigned line;
    struct token_entry entry;
};
struct token_file {
    struct arena *arena;
    uint64_t seed[2];
    size_t len;
    struct stored items[TOKEN_FILE_TOKENS_MAX];
};

void token_file_free(struct token_file *f) {
    if (f == NULL)
        return;
    arena_free(f->arena);
    free(f);
}

size_t token_file_count(const struct token_file *f) { return f->len; }

/* ---- one line ---- */

enum { FIELD_TOKEN, FIELD_USER, FIELD_UID, FIELD_GROUPS, FIELDS };

/* Takes a field off the line and tells what is wrong with it, or NULL. `*ret_more`: a comma follows. */
static const char *take_quoted(struct str *rest, struct strbuf *out, bool *ret_more) {
    size_t i = 1;
    for (; i < rest->len; i++) {
        if (rest->ptr[i] != '"')
            strbuf_addc(out, rest->ptr[i]);
        else if (i + 1 < rest->len && rest->ptr[i + 1] == '"')
            strbuf_addc(out, rest->ptr[i++]);
        else
            break;
    }
    if (i == rest->len)
        return "a quotation mark is not closed";
    *ret_more = i + 1 < rest->len;
    if (*ret_more && rest->ptr[i + 1] != ',')
        return "something stands between a quotation mark and the next comma";
    *rest = str_from(*rest, i + 2);
    return NULL;
}

static const char *take_field(struct str *rest, struct strbuf *out, bool *ret_more) {
    if (rest->len != 0 && rest->ptr[0] == '"')
        return take_quoted(rest, out, ret_more);
    struct str field;
    *ret_more = str_cut(*rest, ',', &field, rest);
    if (str_find(field, '"') != field.len)
        return "a quotation mark stands within a field (begin and end the field with one, and double it "
               "inside)";
    strbuf_add(out, field);
    return NULL;
}

/* A blank that was meant for the eye would be part of a name. */
static const char *check_field(struct str s, size_t field) {
    static const char *const missing[] = { "the token is missing", "the user is missing" };
    if (s.len == 0)
        return field <= FIELD_USER ? missing[field] : NULL;
    if (!str_is_utf8(s) || str_has_control(s))
        return "a field is not text in UTF-8, or holds a control character";
    if (field != FIELD_GROUPS && str_trim(s).len != s.len)
        return "a field begins or ends with a blank";
    for (size_t i = 0; field == FIELD_TOKEN && i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
            return "the token has a character that no Authorization header can carry";
    return NULL;
}

static const char *read_groups(struct arena *a, struct str list, struct token_entry *entry) {
    struct str *groups = arena_array(a, TOKEN_FILE_GROUPS_MAX, sizeof *groups), item;
    bool more = list.len != 0;
    while (groups != NULL && more) {
        more = str_cut(list, ',', &item, &list);
        item = str_trim(item);
        if (item.len == 0)
            return "a group is empty";
        if (entry->group_count == TOKEN_FILE_GROUPS_MAX)
            return "too many groups";
        groups[entry->group_count++] = arena_str(a, item);
    }
    entry->groups = groups;
    return NULL;
}

/* A line that is neither blank nor a comment. */
static const char *read_line(struct token_file *f, struct str line) {
    struct stored *s = &f->items[f->len];
    bool more = true;
    for (size_t field = 0; more; field++) {
        AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(TOKEN_FILE_FIELD_MAX);
        if (field == FIELDS)
            return "more than four fields (several groups are one field: put it into quotation marks)";
        const char *wrong = take_field(&line, &text, &more);
        if (wrong == NULL && text.failed)
            wrong = "a field is too long";
        if (wrong == NULL)
            wrong = check_field(strbuf_str(&text), field);
        if (wrong == NULL && !more && field < FIELD_USER)
            wrong = "token,user,uid,\"group1,group2\" belong here";
        if (wrong != NULL)
            return wrong;
        switch (field) {
        case FIELD_TOKEN: sha256(strbuf_str(&text), s->digest); break;
        case FIELD_USER: s->entry.user = arena_str(f->arena, strbuf_str(&text)); break;
        case FIELD_UID: s->entry.uid = arena_str(f->arena, strbuf_str(&text)); break;
        default: wrong = read_groups(f->arena, strbuf_str(&text), &s->entry); break;
        }
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

/* ---- the file ---- */

static int by_place(const void *a, const void *b) {
    const struct stored *x = a, *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    int order = memcmp(x->digest, y->digest, SHA256_SIZE);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static enum err_code sort_tokens(struct token_file *f, const char *path, struct err *err) {
    for (size_t i = 0; i < f->len; i++)
        f->items[i].place = siphash13(f->seed, f->items[i].digest, SHA256_SIZE);
    qsort(f->items, f->len, sizeof *f->items, by_place);
    for (size_t i = 1; i < f->len; i++)
        if (memcmp(f->items[i - 1].digest, f->items[i].digest, SHA256_SIZE) == 0)
            return err_set(err, ERR_INVALID, "%s:%u: the token of line %u once more", path, f->items[i].line,
                           f->items[i - 1].line);
    return ERR_OK;
}

static enum err_code read_lines(struct token_file *f, struct str rest, const char *path, struct err *err) {
    bool more = rest.len != 0;
    for (unsigned number = 1; more; number++) {
        struct str line;
        more = str_cut(rest, '\n', &line, &rest);
        if (line.len != 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        struct str trimmed = str_trim(line);
        if (trimmed.len == 0 || trimmed.ptr[0] == '#')
            continue;
        if (f->len == TOKEN_FILE_TOKENS_MAX)
            return err_set(err, ERR_LIMIT, "%s:%u: more than %d tokens", path, number, TOKEN_FILE_TOKENS_MAX);
        f->items[f->len].line = number;
        const char *wrong = read_line(f, line);
        if (wrong != NULL)
            return err_set(err, ERR_INVALID, "%s:%u: %s", path, number, wrong);
        f->len++;
    }
    return arena_failed(f->arena) ? err_set(err, ERR_NOMEM, "%s", path) : ERR_OK;
}

enum err_code token_file_parse(struct str text, const char *path, const struct random *random,
                               struct token_file **ret, struct err *err) {
    AUTO_FREE(token_file_free) struct token_file *f = calloc(1, sizeof *f);
    if (f == NULL || (f->arena = arena_new(64 * TOKEN_FILE_MAX)) == NULL)
        return err_set(err, ERR_NOMEM, "%s", path);
    random_bytes(random, f->seed, sizeof f->seed);
    enum err_code rc = read_lines(f, text, path, err);
    if (rc == ERR_OK)
        rc = sort_tokens(f, path, err);
    if (rc == ERR_OK)
        *ret = STEAL(f);
    return rc;
}

enum err_code token_file_load(const char *path, const struct random *random, struct token_file **ret,
                              struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(TOKEN_FILE_MAX);
    enum err_code rc = file_read(path, TOKEN_FILE_MAX, &text, err);
    return rc == ERR_OK ? token_file_parse(strbuf_str(&text), path, random, ret, err) : rc;
}

const struct token_entry *token_file_find(const struct token_file *f, struct str token) {
    unsigned char digest[SHA256_SIZE];
    sha256(token, digest);
    uint64_t place = siphash13(f->seed, digest, sizeof digest);
    size_t low = 0, high = f->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->items[middle].place < place)
            low = middle + 1;
        else
            high = middle;
    }
    const struct str wanted = { (const char *)digest, sizeof digest };
    for (; low < f->len && f->items[low].place == place; low++)
        if (secret_equal((struct str) { (const char *)f->items[low].digest, SHA256_SIZE }, wanted))
            return &f->items[low].entry;
    return NULL;
}
