/* Signs and verifies whole tokens in turns with the bare EVP operation on the same bytes (and with libjwt), in CPU time of this
 * thread; what counts is the median of the per-round ratios, as the machine's speed changes from minute to minute. */
#include <jwt.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <time.h>

#include "jose/ecdsa_form.h"
#include "jose/signer.h"
#include "tkeauth/jose.h"

enum { ROUNDS = 9, SLICE_NS = 60 * 1000 * 1000, NOW = 1700000000 };

struct subject {
    struct signer *signer; /* also in `keys` */
    struct keyset *keys;
    struct strbuf token;     /* a good one */
    struct str input;        /* its signed part */
    unsigned char raw[1024]; /* its signature as EVP wants it */
    size_t raw_len;
    struct strbuf secret_pem, public_pem; /* for libjwt; empty: it cannot */
    jwt_t *peer;
    struct strbuf scratch, payload;
};
typedef bool (*operation)(struct subject *s);

static void must(bool fine, const char *what) {
    if (!fine) {
        (void)fprintf(stderr, "bench: %s failed\n", what);
        exit(1);
    }
}

/* ---- the operations ---- */

/* The claims of an ID token, written as the provider writes them. */
static void build_claims(struct strbuf *out) {
    bool first = true;
    strbuf_clear(out);
    strbuf_addc(out, '{');
    json_field_str(out, &first, "iss", STR("https://console.example.com/oidc"));
    json_field_str(out, &first, "sub", STR("Cgh1c3ItYWJjZBIHZGVmYXVsdA"));
    json_field_str(out, &first, "aud", STR("kubernetes"));
    json_field_i64(out, &first, "iat", NOW);
    json_field_i64(out, &first, "exp", NOW + 3600);
    json_field_str(out, &first, "email", STR("ana@example.com"));
    json_field_str(out, &first, "name", STR("Ana Example"));
    json_field_str(out, &first, "jti", STR("Zm9vYmFyYmF6cXV4Zm9vYg"));
    strbuf_addc(out, '}');
}

static bool sign_token(struct subject *s) {
    struct err err;
    build_claims(&s->payload);
    strbuf_clear(&s->scratch);
    return signer_sign(s->signer, "JWT", strbuf_str(&s->payload), &s->scratch, &err) == ERR_OK;
}

static bool sign_raw(struct subject *s) {
    unsigned char out[SIGNATURE_MAX];
    size_t len = sizeof out;
    EVP_MD_CTX *ctx = digest_template_copy(s->signer->template);
    bool fine = EVP_DigestSign(ctx, out, &len, (const unsigned char *)s->input.ptr, s->input.len) == 1;
    EVP_MD_CTX_free(ctx);
    return fine;
}

static bool verify_token(struct subject *s) {
    const struct jwt_rules rules = { .typ = "JWT",
                                     .issuer = STR("https://console.example.com/oidc"),
                                     .audience = STR("kubernetes"),
                                     .now = NOW };
    struct jwt jwt = { 0 };
    struct err err;
    bool fine = keyset_verify(s->keys, strbuf_str(&s->token), &rules, &jwt, &err) == ERR_OK;
    jwt_done(&jwt);
    return fine;
}

static bool verify_raw(struct subject *s) {
    EVP_MD_CTX *ctx = digest_template_copy(s->signer->verifier.template);
    bool fine = EVP_DigestVerify(ctx, s->raw, s->raw_len, (const unsigned char *)s->input.ptr,
                                 s->input.len) == 1;
    EVP_MD_CTX_free(ctx);
    return fine;
}

static bool sign_peer(struct subject *s) {
    char *text = jwt_encode_str(s->peer);
    bool fine = text != NULL;
    free(text);
    return fine;
}

static bool verify_peer(struct subject *s) {
    jwt_t *read = NULL;
    bool fine = jwt_decode(&read, strbuf_c(&s->token), (const unsigned char *)s->public_pem.ptr,
                           (int)s->public_pem.len) == 0;
    jwt_free(read);
    return fine;
}

/* ---- preparation ---- */

static void prepare_peer(struct subject *s, enum sign_alg alg) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    must(PEM_write_bio_PrivateKey(bio, s->signer->key, NULL, NULL, 0, NULL, NULL) == 1, "PEM");
    long len = BIO_get_mem_data(bio, &text);
    strbuf_add(&s->secret_pem, (struct str) { text, (size_t)len });
    (void)BIO_reset(bio);
    must(PEM_write_bio_PUBKEY(bio, s->signer->key) == 1, "PEM");
    len = BIO_get_mem_data(bio, &text);
    strbuf_add(&s->public_pem, (struct str) { text, (size_t)len });
    BIO_free(bio);
    build_claims(&s->payload);
    must(jwt_new(&s->peer) == 0 && jwt_add_grants_json(s->peer, strbuf_c(&s->payload)) == 0 &&
             jwt_set_alg(s->peer, alg == SIGN_RS256 ? JWT_ALG_RS256 : JWT_ALG_ES256,
                         (const unsigned char *)s->secret_pem.ptr, (int)s->secret_pem.len) == 0,
         "libjwt");
}

static void prepare(struct subject *s, enum sign_alg alg) {
    struct keyset_entry entry = { .not_before = 1 };
    struct err err;
    *s = (struct subject) { .token = STRBUF(JWT_MAX),
                            .secret_pem = STRBUF(JWT_MAX),
                            .public_pem = STRBUF(JWT_MAX),
                            .scratch = STRBUF(JWT_MAX),
                            .payload = STRBUF(JWT_MAX) };
    must(signer_generate(alg, &entry.signer, &err) == ERR_OK, "key generation");
    s->signer = entry.signer;
    must(keyset_new(&entry, 1, &s->keys, &err) == ERR_OK && sign_token(s), "token");
    strbuf_add(&s->token, strbuf_str(&s->scratch));
    size_t dot = str_rfind(strbuf_str(&s->token), '.');
    s->input = str_sub(strbuf_str(&s->token), 0, dot);
    AUTO(strbuf_done) struct strbuf signature = STRBUF(SIGNATURE_MAX);
    must(base64url_decode(str_from(strbuf_str(&s->token), dot + 1), &signature, &err) == ERR_OK, "base64url");
    if (alg == SIGN_ES256)
        s->raw_len = ecdsa_raw_to_der((const unsigned char *)signature.ptr, 32, s->raw);
    else {
        memcpy(s->raw, signature.ptr, signature.len);
        s->raw_len = signature.len;
    }
    if (alg != SIGN_EDDSA) /* libjwt does not have it */
        prepare_peer(s, alg);
}

/* ---- measuring ---- */

static int64_t cpu_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double rate(operation op, struct subject *s) {
    int64_t start = cpu_ns(), now = start;
    int64_t done = 0;
    do {
        for (int i = 0; i < 8; i++)
            must(op(s), "operation");
        done += 8;
        now = cpu_ns();
    } while (now - start < SLICE_NS);
    return (double)done * 1e9 / (double)(now - start);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

struct line {
    const char *name, *reference;
    enum sign_alg alg;
    operation op, against;
    double goal; /* 0: none */
};
static const struct line lines[] = {
    { "sign RS256 token", "EVP sign", SIGN_RS256, sign_token, sign_raw, 0.95 },
    { "sign ES256 token", "EVP sign", SIGN_ES256, sign_token, sign_raw, 0.80 },
    { "sign EdDSA token", "EVP sign", SIGN_EDDSA, sign_token, sign_raw, 0.80 },
    { "verify RS256 token", "EVP verify", SIGN_RS256, verify_token, verify_raw, 0.85 },
    { "verify ES256 token", "EVP verify", SIGN_ES256, verify_token, verify_raw, 0.85 },
    { "verify EdDSA token", "EVP verify", SIGN_EDDSA, verify_token, verify_raw, 0.85 },
    { "sign RS256 token", "libjwt", SIGN_RS256, sign_token, sign_peer, 0 },
    { "sign ES256 token", "libjwt", SIGN_ES256, sign_token, sign_peer, 0 },
    { "verify RS256 token", "libjwt", SIGN_RS256, verify_token, verify_peer, 0 },
    { "verify ES256 token", "libjwt", SIGN_ES256, verify_token, verify_peer, 0 },
};

static void measure(const struct line *l, struct subject *s, bool *first, struct strbuf *json) {
    double ours[ROUNDS], theirs[ROUNDS], ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        /* The order alternates, so that a drift of the machine favours neither. */
        if (i % 2 == 0)
            ours[i] = rate(l->op, s);
        theirs[i] = rate(l->against, s);
        if (i % 2 != 0)
            ours[i] = rate(l->op, s);
        ratios[i] = ours[i] / theirs[i];
    }
    double ratio = median(ratios), mine = median(ours), other = median(theirs);
    const char *verdict = l->goal <= 0 ? "" : ratio >= l->goal ? "met" : "MISSED";
    (void)printf("%-20s %9.0f /s  %-10s %9.0f /s  ratio %6.2f", l->name, mine, l->reference, other, ratio);
    if (l->goal > 0)
        (void)printf("  goal %5.2f  %s", l->goal, verdict);
    (void)printf("\n");
    strbuf_addf(
        json,
        "%s\n {\"name\":\"%s vs %s\",\"value\":%.0f,\"unit\":\"1/s of one core\",\"reference\":\"%s\","
        "\"reference_value\":%.0f,\"ratio\":%.3f,",
        *first ? "" : ",", l->name, l->reference, mine, l->reference, other, ratio);
    if (l->goal > 0)
        strbuf_addf(json, "\"goal\":%.2f,\"met\":%s}", l->goal, ratio >= l->goal ? "true" : "false");
    else
        strbuf_adds(json, "\"goal\":null,\"met\":null}");
    *first = false;
}

int main(int argc, char **argv) {
    static struct subject subjects[3];
    AUTO(strbuf_done) struct strbuf json = STRBUF(65536);
    struct err err;
    bool first = true;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s RESULTS.json\n", argv[0]);
        return 2;
    }
    for (int alg = SIGN_RS256; alg <= SIGN_EDDSA; alg++)
        prepare(&subjects[alg], (enum sign_alg)alg);
    strbuf_addc(&json, '[');
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        measure(&lines[i], &subjects[lines[i].alg], &first, &json);
    strbuf_adds(&json, "\n]\n");
    must(file_write_atomic(argv[1], strbuf_str(&json), 0644, &err) == ERR_OK, "writing the results");
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        keyset_free(subjects[i].keys);
        jwt_free(subjects[i].peer);
        strbuf_done(&subjects[i].token);
        strbuf_wipe_done(&subjects[i].secret_pem);
        strbuf_done(&subjects[i].public_pem);
        strbuf_done(&subjects[i].scratch);
        strbuf_done(&subjects[i].payload);
    }
    return 0;
}
