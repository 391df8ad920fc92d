#include "enforcer/csv.h"
#include "enforcer/batch.h"

struct reader {
    struct enf_zone *zone;
    struct enforcer_str line;
    int number;
    size_t at;
    struct enforcer_error *err;
};

static bool blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static enum enforcer_status fail_here(const struct reader *x, size_t at, const char *what) {
    return enf_fail(x->err, ENFORCER_INVALID, x->number, (int)at + 1, "%s", what);
}

static struct enforcer_str trim(struct enforcer_str s) {
    while (s.len > 0 && blank(s.ptr[0]))
        s = enf_str(s.ptr + 1, s.len - 1);
    while (s.len > 0 && blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* From the opening quote: the text between the quotes, `""` being one; blanks around it do not count, as in the
 * reference. */
static enum enforcer_status read_quoted(struct reader *x, struct enforcer_str *ret) {
    size_t open = x->at++;
    char *out = enf_zone_alloc(x->zone, x->line.len - open + 1);
    size_t n = 0;
    if (out == NULL)
        return enf_nomem(x->err);
    for (;; x->at++) {
        if (x->at >= x->line.len)
            return fail_here(x, open, "a quoted field without its closing quote");
        if (x->line.ptr[x->at] == '"') {
            if (x->at + 1 < x->line.len && x->line.ptr[x->at + 1] == '"')
                x->at++;
            else
                break;
        }
        out[n++] = x->line.ptr[x->at];
    }
    x->at++;
    while (x->at < x->line.len && blank(x->line.ptr[x->at]))
        x->at++;
    if (x->at < x->line.len && x->line.ptr[x->at] != ',')
        return fail_here(x, x->at, "a comma expected after the closing quote");
    *ret = trim(enf_str(out, n));
    return ENFORCER_OK;
}

/* An unquoted field; commas inside parentheses belong to it, the blanks around them do not. */
static enum enforcer_status read_plain(struct reader *x, struct enforcer_str *ret) {
    size_t start = x->at, n = 0;
    int depth = 0;
    char *out = enf_zone_alloc(x->zone, x->line.len - start + 1);
    if (out == NULL)
        return enf_nomem(x->err);
    for (;;) {
        size_t end = x->at;
        while (end < x->line.len && x->line.ptr[end] != ',') {
            depth += x->line.ptr[end] == '(';
            depth -= x->line.ptr[end] == ')';
            end++;
        }
        struct enforcer_str part = trim(enf_str(x->line.ptr + x->at, end - x->at));
        if (part.len > 0)
            memcpy(out + n, part.ptr, part.len);
        n += part.len;
        x->at = end;
        if (depth == 0)
            break;
        if (end >= x->line.len)
            return fail_here(x, start, "a field with unmatched parentheses");
        out[n++] = ',';
        x->at++;
    }
    *ret = enf_str(out, n);
    return ENFORCER_OK;
}

enum enforcer_status enf_csv_read(struct enf_zone *z, struct enforcer_str line, int number,
                                  struct enf_csv_line *ret, struct enforcer_error *err) {
    struct reader x = { .zone = z, .line = line, .number = number, .err = err };
    ret->len = 0;
    while (line.len > 0 && blank(line.ptr[line.len - 1]))
        line.len--;
    x.line = line;
    while (x.at < line.len && blank(line.ptr[x.at]))
        x.at++;
    if (x.at == line.len || line.ptr[x.at] == '#')
        return ENFORCER_OK;
    for (;; x.at++) {
        while (x.at < line.len && blank(line.ptr[x.at]))
            x.at++;
        if (ret->len > ENF_FIELDS_MAX)
            return fail_here(&x, x.at, "too many fields");
        bool quoted = x.at < line.len && line.ptr[x.at] == '"';
        ret->columns[ret->len] = (int)x.at + 1 + quoted;
        struct enforcer_str *field = &ret->fields[ret->len++];
        enum enforcer_status rc = quoted ? read_quoted(&x, field) : read_plain(&x, field);
        if (rc != ENFORCER_OK || x.at >= line.len)
            return rc;
    }
}

static enum enforcer_status add_line(struct enforcer_batch *b, const struct enf_csv_line *line, int number,
                                     struct enforcer_error *err) {
    uint16_t section = 0;
    size_t bad = SIZE_MAX;
    enum enforcer_status rc = enf_batch_section(b, line->fields[0], &section, err);
    if (rc == ENFORCER_OK) {
        rc = enf_batch_add(b, section, line->fields + 1, line->len - 1, NULL, err);
        bad = b->owner->bad_field;
    }
    if (rc == ENFORCER_OK || err == NULL)
        return rc;
    int inside = bad != SIZE_MAX && err->column > 0 ? err->column - 1 : 0;
    err->line = number;
    err->column = line->columns[bad != SIZE_MAX ? bad + 1 : 0] + inside;
    return rc == ENFORCER_NOT_FOUND ? ENFORCER_INVALID : rc;
}

enum enforcer_status enforcer_batch_csv(struct enforcer_batch *b, const char *text, size_t len,
                                        struct enforcer_error *err) {
    struct enf_zone zone = { .mem = &b->owner->mem, .scratch = true };
    struct enf_csv_line line;
    enum enforcer_status rc = ENFORCER_OK;
    int number = 0;
    for (size_t i = 0; i < len && rc == ENFORCER_OK;) {
        const char *newline = memchr(text + i, '\n', len - i);
        size_t end = newline != NULL ? (size_t)(newline - text) : len;
        number++;
        rc = enf_csv_read(&zone, enf_str(text + i, end - i), number, &line, err);
        if (rc == ENFORCER_OK && line.len > 0)
            rc = add_line(b, &line, number, err);
        enf_zone_reset(&zone);
        i = end + 1;
    }
    enf_zone_done(&zone);
    if (rc != ENFORCER_OK)
        b->failed = rc; /* half a file is no policy */
    return rc;
}
