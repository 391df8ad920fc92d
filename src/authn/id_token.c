#include "authn/id_token.h"

enum { SUBJECT_MAX = 2048, TOKEN_GROUPS_MAX = 16384 };

/* A protobuf field of bytes: tag, length (both below 2^21 here), contents. */
static bool take_varint(struct str *in, size_t *ret) {
    size_t value = 0;
    for (unsigned shift = 0; shift < 21 && in->len != 0; shift += 7) {
        unsigned char c = (unsigned char)in->ptr[0];
        *in = str_from(*in, 1);
        value |= (size_t)(c & 0x7f) << shift;
        if ((c & 0x80) == 0) {
            *ret = value;
            return true;
        }
    }
    return false;
}

enum err_code subject_read(struct arena *a, struct str subject, struct str *ret_user_id,
                           struct str *ret_connector_id, struct err *err) {
    AUTO(strbuf_done) struct strbuf bytes = STRBUF(SUBJECT_MAX);
    enum err_code rc = base64url_decode(subject, &bytes, err);
    if (rc != ERR_OK)
        return rc;
    struct str rest = strbuf_str(&bytes), fields[2] = { STR_NULL, STR_NULL };
    while (rest.len != 0) {
        size_t tag, len;
        if (!take_varint(&rest, &tag) || !take_varint(&rest, &len) || len > rest.len)
            return err_set(err, ERR_INVALID, "a subject that is cut off");
        if (tag != (1 << 3 | 2) && tag != (2 << 3 | 2))
            return err_set(err, ERR_INVALID, "a subject with field %zu", tag);
        fields[(tag >> 3) - 1] = str_sub(rest, 0, len);
        rest = str_from(rest, len);
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].len == 0 || !str_is_utf8(fields[i]))
            return err_set(err, ERR_INVALID, "a subject without user or connector");
    *ret_user_id = arena_str(a, fields[0]);
    *ret_connector_id = arena_str(a, fields[1]);
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "a subject") : ERR_OK;
}

static enum err_code read_groups(struct arena *a, const json_t *claims, struct principal_draft *draft,
                                 struct err *err) {
    const json_t *list = json_object_get(claims, "groups");
    if (json_is_array(list) && json_array_size(list) > TOKEN_GROUPS_MAX)
        return err_set(err, ERR_UNAUTHENTICATED, "more than %d groups", TOKEN_GROUPS_MAX);
    struct str *groups = NULL;
    enum err_code rc = json_get_strings(a, claims, "groups", &groups, &draft->group_count, err);
    draft->groups = groups;
    return rc;
}

enum err_code id_token_read(struct arena *a, const json_t *claims, struct principal_draft *ret,
                            struct err *err) {
    const json_t *federated = json_object_get(claims, "federated_claims");
    struct str tenant = json_get_str(federated, "connector_id");
    struct principal_draft draft = {
        .source = PRINCIPAL_ID_TOKEN,
        .name = json_get_str(claims, "name"),
        .uid = json_get_str(federated, "user_id"),
        .expires_at = json_get_i64(claims, "exp", 0),
        .issued_at = json_get_i64(claims, "iat", 0),
    };
    if (draft.name.len == 0)
        return err_set(err, ERR_UNAUTHENTICATED, "the token has no name (scope profile)");
    if (tenant.len == 0 || draft.uid.len == 0) {
        /* Without the scope federated:id both are still in the subject. */
        struct err ignored;
        if (subject_read(a, json_get_str(claims, "sub"), &draft.uid, &tenant, &ignored) != ERR_OK)
            return err_set(err, ERR_UNAUTHENTICATED, "the token does not name its tenant");
    }
    enum err_code rc = read_groups(a, claims, &draft, err);
    if (rc != ERR_OK)
        return rc;
    extra_add(a, &draft.extra, STR("tenantid"), tenant);
    extra_add_time(a, &draft.extra, STR("expireAt"), draft.expires_at);
    extra_add_time(a, &draft.extra, STR("issueAt"), draft.issued_at);
    *ret = draft;
    return ERR_OK;
}
