/* Login tickets from anybody. The input is either a ticket as it comes in, which must be refused, or, behind a '+', the text that is
 * sealed as one (what an older or newer version of ours might have written), which must not break the reader. */
#include "http/exchange.h"
#include "oidc/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 64 * 1024 };

static bool seal_text(const struct oidc_provider *p, struct str text, struct strbuf *out) {
    AUTO(strbuf_done) struct strbuf plain = STRBUF(TEXT_MAX), sealed = STRBUF(TEXT_MAX);
    unsigned char hash[SHA256_SIZE];
    struct err err;
    sha256(STR_NULL, hash); /* a browser without the cookie */
    strbuf_add(&plain, (struct str) { (const char *)hash, sizeof hash });
    strbuf_add(&plain, text);
    if (plain.failed ||
        seal(p->keyring, p->random, "auth-request", strbuf_str(&plain), &sealed, &err) != ERR_OK)
        return false;
    base64url_add(out, sealed.ptr, sealed.len);
    return !out->failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const unsigned char key[KEYRING_KEY_SIZE] = { 1 };
    static struct random random;
    static struct clock clock;
    static struct exchange exchange; /* a request without headers */
    AUTO_FREE(keyring_free) struct keyring *ring = NULL;
    AUTO_FREE(arena_free) struct arena *a = arena_new(4 << 20);
    AUTO(strbuf_done) struct strbuf text = STRBUF(2 * TEXT_MAX);
    struct auth_request auth = { 0 };
    struct err err = { 0 };
    random_fixed_init(&random, 1);
    clock_fixed_init(&clock, 1000);
    if (a == NULL || keyring_from_key(key, &ring, &err) != ERR_OK)
        return 0;
    const struct oidc_provider p = {
        .keyring = ring, .clock = &clock, .random = &random, .auth_request_ttl_s = 600
    };
    const struct http_request req = { .arena = a, .clock = &clock, .connection = &exchange };
    bool ours = size > 0 && data[0] == '+';
    if (!ours)
        strbuf_add(&text, (struct str) { (const char *)data, size });
    else if (!seal_text(&p, (struct str) { (const char *)data + 1, size - 1 }, &text))
        return 0;
    enum err_code rc = ticket_open(&p, &req, strbuf_str(&text), &auth, &err);
    if (!ours && rc == ERR_OK)
        abort();
    if (rc == ERR_OK && (auth.client_id.len == 0 || clock_now_s(&clock) >= auth.issued_at + 600))
        abort();
    return 0;
}
