/* Refusals, in the words of a Kubernetes Status. */
#include "tkeauth/resource.h"

#include <stdio.h>

enum { REFUSAL_TEXT_MAX = 2048 };

/* Names are cut to be shown, and so is the whole: what is left of a character in the middle must not spoil the text. */
static void mend_utf8(char *text) {
    size_t i = 0;
    while (text[i] != '\0') {
        unsigned char c = (unsigned char)text[i];
        size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (strnlen(text + i, len) == len && str_is_utf8((struct str) { text + i, len }))
            i += len;
        else
            text[i++] = '?';
    }
}

static const char *format(struct arena *a, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
static const char *format(struct arena *a, const char *fmt, va_list args) {
    char text[REFUSAL_TEXT_MAX];
    (void)vsnprintf(text, sizeof text, fmt, args);
    if (!str_is_utf8(str_of(text)))
        mend_utf8(text);
    const char *copy = arena_strdup(a, str_of(text));
    return copy != NULL ? copy : "out of memory";
}

static enum err_code code_of(unsigned status) {
    switch (status) {
    case 401: return ERR_UNAUTHENTICATED;
    case 403: return ERR_FORBIDDEN;
    case 404: return ERR_NOT_FOUND;
    case 409: return ERR_CONFLICT;
    case 410: return ERR_EXPIRED;
    case 413: return ERR_LIMIT;
    case 503: return ERR_UNAVAILABLE;
    default: return ERR_INVALID;
    }
}

enum err_code refuse(struct refusal *r, unsigned status, const char *reason, const char *fmt, ...) {
    if (r->status == 0) {
        va_list args;
        va_start(args, fmt);
        r->message = format(r->arena, fmt, args);
        va_end(args);
        r->status = status;
        r->reason = reason;
    }
    return code_of(r->status);
}

void refuse_field(struct refusal *r, const char *reason, const char *field, const char *fmt, ...) {
    if (r->cause_count == RESOURCE_CAUSES_MAX)
        return;
    va_list args;
    va_start(args, fmt);
    const char *text = format(r->arena, fmt, args);
    va_end(args);
    const char *path = arena_strdup(r->arena, str_of(field));
    r->causes[r->cause_count++] = (struct cause) { reason, path != NULL ? path : "", text };
}

enum err_code refusal_check(struct refusal *r, const struct kind *k, struct str name, struct err *err) {
    if (r->status != 0)
        return err_set(err, code_of(r->status), "%s", r->message);
    if (r->cause_count == 0)
        return ERR_OK;
    AUTO(strbuf_done) struct strbuf text = STRBUF(REFUSAL_TEXT_MAX - 64);
    strbuf_addf(&text, "%s.%s \"%.*s\" is invalid: ", k->kind, RESOURCE_GROUP, STR_FMT(name));
    if (r->cause_count > 1)
        strbuf_addc(&text, '[');
    for (size_t i = 0; i < r->cause_count; i++)
        strbuf_addf(&text, "%s%s: %s", i ? ", " : "", r->causes[i].field, r->causes[i].message);
    if (r->cause_count > 1)
        strbuf_addc(&text, ']');
    (void)refuse(r, 422, "Invalid", "%s%s", strbuf_c(&text), text.failed ? " ..." : "");
    return err_set(err, ERR_INVALID, "%s", r->message);
}

void warn(struct refusal *r, const char *fmt, ...) {
    if (r->warning_count == RESOURCE_WARNINGS_MAX)
        return;
    va_list args;
    va_start(args, fmt);
    r->warnings[r->warning_count++] = format(r->arena, fmt, args);
    va_end(args);
}
