#include "oidc/refresh_token.h"

enum { REFRESH_RAW_SIZE = STORE_ID_SIZE + 4 + REFRESH_SECRET_SIZE };

enum err_code refresh_token_parse(struct str text, struct refresh_token *ret, struct err *err) {
    unsigned char raw[REFRESH_RAW_SIZE];
    enum err_code rc = base64url_decode_exact(text, raw, sizeof raw, err);
    if (rc != ERR_OK)
        return rc;
    const unsigned char *generation = raw + STORE_ID_SIZE;
    memcpy(ret->family_id, raw, STORE_ID_SIZE);
    ret->generation = (uint32_t)generation[0] << 24 | (uint32_t)generation[1] << 16 |
                      (uint32_t)generation[2] << 8 | generation[3];
    memcpy(ret->secret, generation + 4, REFRESH_SECRET_SIZE);
    secret_wipe(raw, sizeof raw);
    return ERR_OK;
}

void refresh_token_format(const struct refresh_token *t, struct strbuf *out) {
    unsigned char raw[REFRESH_RAW_SIZE];
    memcpy(raw, t->family_id, STORE_ID_SIZE);
    for (int i = 0; i < 4; i++)
        raw[STORE_ID_SIZE + i] = (unsigned char)(t->generation >> (24 - 8 * i));
    memcpy(raw + STORE_ID_SIZE + 4, t->secret, REFRESH_SECRET_SIZE);
    base64url_add(out, raw, sizeof raw);
    secret_wipe(raw, sizeof raw);
}

void refresh_token_hash(const struct refresh_token *t, unsigned char out[STORE_HASH_SIZE]) {
    sha256((struct str) { (const char *)t->secret, REFRESH_SECRET_SIZE }, out);
}

void refresh_token_mask(const struct refresh_token *presented, const unsigned char in[REFRESH_SECRET_SIZE],
                        unsigned char out[REFRESH_SECRET_SIZE]) {
    static const char label[] = "refresh-successor";
    unsigned char mask[SHA256_SIZE], info[sizeof label + STORE_ID_SIZE];
    memcpy(info, label, sizeof label);
    memcpy(info + sizeof label, presented->family_id, STORE_ID_SIZE);
    hmac_sha256((struct str) { (const char *)presented->secret, REFRESH_SECRET_SIZE },
                (struct str) { (const char *)info, sizeof info }, mask);
    for (size_t i = 0; i < REFRESH_SECRET_SIZE; i++)
        out[i] = (unsigned char)(in[i] ^ mask[i]);
    secret_wipe(mask, sizeof mask);
}

void refresh_token_wipe(struct refresh_token *t) { secret_wipe(t->secret, sizeof t->secret); }

void family_draft_done(struct family_draft *d) {
    refresh_token_wipe(&d->token);
    strbuf_wipe_done(&d->body);
    strbuf_wipe_done(&d->subject);
}

enum err_code family_draft_make(const struct oidc_provider *p, const struct grant *grant,
                                const unsigned char family_id[STORE_ID_SIZE], int64_t now,
                                struct family_draft *ret, struct err *err) {
    struct store_family *f = &ret->family;
    *f = (struct store_family) { .generation = 1,
                                 .client_id = grant->client_id,
                                 .session_id = grant->session_id,
                                 .created_at = now,
                                 .last_used_at = now,
                                 .expires_at = p->refresh_absolute_s ? now + p->refresh_absolute_s : 0,
                                 .idle_expires_at = p->refresh_idle_s ? now + p->refresh_idle_s : 0 };
    memcpy(f->id, family_id, STORE_ID_SIZE);
    memcpy(ret->token.family_id, family_id, STORE_ID_SIZE);
    ret->token.generation = f->generation;
    random_bytes(p->random, ret->token.secret, sizeof ret->token.secret);
    refresh_token_hash(&ret->token, f->current_hash);
    identity_subject(&grant->identity, &ret->subject);
    enum err_code rc = grant_encode(grant, &ret->body, err);
    if (rc == ERR_OK)
        rc = strbuf_check(&ret->body, err);
    f->subject = strbuf_str(&ret->subject);
    f->body = strbuf_str(&ret->body);
    return rc;
}

struct str session_id_new(const struct oidc_provider *p, struct arena *a) {
    unsigned char raw[TIME_ID_SIZE];
    AUTO(strbuf_done) struct strbuf text = STRBUF(64);
    time_id(p->random, clock_now_ms(p->clock), raw);
    base64url_add(&text, raw, sizeof raw);
    return arena_str(a, strbuf_str(&text));
}
