#include "tkeauth/model.h"

struct identity identity_copy(struct arena *a, const struct identity *i) {
    struct identity copy = *i;
    struct str *const texts[] = { &copy.connector_id,       &copy.user_id, &copy.username,      &copy.name,
                                  &copy.preferred_username, &copy.email,   &copy.connector_data };
    for (size_t n = 0; n < ARRAY_LEN(texts); n++)
        if (texts[n]->ptr != NULL) /* absent stays absent */
            *texts[n] = arena_str(a, *texts[n]);
    copy.groups = str_list_copy(a, &i->groups);
    return copy;
}

/* A length-delimited protobuf field; proto3 leaves an empty one out. */
static void add_field(struct strbuf *out, unsigned number, struct str value) {
    size_t len = value.len;
    if (len == 0)
        return;
    strbuf_addc(out, (char)(number << 3 | 2));
    for (; len >= 0x80; len >>= 7)
        strbuf_addc(out, (char)(unsigned char)(len | 0x80));
    strbuf_addc(out, (char)len);
    strbuf_add(out, value);
}

void identity_subject(const struct identity *i, struct strbuf *out) {
    AUTO(strbuf_done) struct strbuf message = STRBUF(out->max);
    add_field(&message, 1, i->user_id);
    add_field(&message, 2, i->connector_id);
    if (message.failed)
        out->failed = true;
    else
        base64url_add(out, strbuf_c(&message), message.len);
}
