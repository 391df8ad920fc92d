#include "connector/ldap/dn.h"
#include "connector/ldap/limits.h"

/* One "type=value": slices of a scratch buffer, as offsets, because that buffer moves while it grows. */
struct ava {
    size_t start, len;
};

struct parser {
    struct str in;
    size_t pos;
    struct strbuf *scratch;
    struct err *err;
};

static bool at_end(const struct parser *p) { return p->pos >= p->in.len; }

static char peek(const struct parser *p) { return at_end(p) ? '\0' : p->in.ptr[p->pos]; }

static void skip_spaces(struct parser *p) {
    while (peek(p) == ' ')
        p->pos++;
}

static enum err_code bad(struct parser *p, const char *what) {
    return err_set(p->err, ERR_INVALID, "DN, position %zu: %s", p->pos + 1, what);
}

static int hex_value(char c) {
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_pair(const struct parser *p, size_t at, char *ret) {
    if (at + 1 >= p->in.len)
        return false;
    int high = hex_value(p->in.ptr[at]), low = hex_value(p->in.ptr[at + 1]);
    if (high < 0 || low < 0)
        return false;
    *ret = (char)(high * 16 + low);
    return true;
}

static bool is_special(char c) {
    return c == ',' || c == '+' || c == '"' || c == '\\' || c == '<' || c == '>' || c == ';' || c == '=' ||
           c == '#';
}

/* Every byte that means something, is a control or ends a value comes out as a hex pair: one spelling. */
static void add_folded(struct strbuf *out, char c) {
    unsigned char u = (unsigned char)c;
    if (is_special(c) || u < 0x20 || u == 0x7f) {
        strbuf_addc(out, '\\');
        hex_add(out, &c, 1);
    } else {
        strbuf_addc(out, ascii_lower(c));
    }
}

static enum err_code type(struct parser *p) {
    size_t start = p->pos;
    for (char c; c = peek(p), ascii_is_alnum(c) || c == '-' || c == '.'; p->pos++)
        strbuf_addc(p->scratch, ascii_lower(c));
    if (p->pos == start)
        return bad(p, "an attribute type was expected");
    skip_spaces(p);
    if (peek(p) != '=')
        return bad(p, "'=' was expected");
    p->pos++;
    strbuf_addc(p->scratch, '=');
    return ERR_OK;
}

/* RFC 4514 2.4: "#" and the BER encoding in hex. Kept as it is: we know no syntaxes. */
static enum err_code hex_string(struct parser *p) {
    strbuf_addc(p->scratch, '#');
    p->pos++;
    size_t start = p->pos;
    for (char byte; hex_pair(p, p->pos, &byte); p->pos += 2)
        hex_add(p->scratch, &byte, 1);
    return p->pos > start ? ERR_OK : bad(p, "hexadecimal digits were expected");
}

static bool ends_value(char c) { return c == ',' || c == ';' || c == '+'; }

/* One character of a value, its escape undone. */
static enum err_code character(struct parser *p, char *ret) {
    char c = peek(p);
    if (c == '"' || c == '<' || c == '>' || c == '\0')
        return bad(p, "this character must be escaped");
    if (c == '\\') {
        char byte;
        if (hex_pair(p, p->pos + 1, &byte)) {
            c = byte;
            p->pos += 2;
        } else if (p->pos + 1 < p->in.len &&
                   (is_special(p->in.ptr[p->pos + 1]) || p->in.ptr[p->pos + 1] == ' ')) {
            c = p->in.ptr[++p->pos];
        } else {
            return bad(p, "a backslash escapes nothing");
        }
    }
    p->pos++;
    *ret = c;
    return ERR_OK;
}

/* The value up to ',' ';' '+' or the end. Blanks at its ends and repeated ones inside do not count, escaped or not, as
 * the string preparation of caseIgnoreMatch has it (RFC 4518 2.6.1). */
static enum err_code value(struct parser *p) {
    bool space = false, any = false;
    while (!at_end(p) && !ends_value(peek(p))) {
        char c = '\0';
        enum err_code rc = character(p, &c);
        if (rc != ERR_OK)
            return rc;
        if (c == ' ') {
            space = any;
            continue;
        }
        if (space)
            strbuf_addc(p->scratch, ' ');
        space = false;
        any = true;
        add_folded(p->scratch, c);
    }
    return ERR_OK;
}

static struct str ava_text(const struct parser *p, const struct ava *a) {
    return str_sub(strbuf_str(p->scratch), a->start, a->len);
}

static void sort_avas(const struct parser *p, struct ava *avas, size_t n) {
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && str_cmp(ava_text(p, &avas[k]), ava_text(p, &avas[k - 1])) < 0; k--) {
            struct ava swap = avas[k];
            avas[k] = avas[k - 1];
            avas[k - 1] = swap;
        }
}

static enum err_code rdn(struct parser *p, struct strbuf *out) {
    struct ava avas[LDAP_RDN_AVAS_MAX];
    size_t n = 0;
    strbuf_clear(p->scratch);
    do {
        if (n > 0)
            p->pos++; /* '+' */
        if (n == LDAP_RDN_AVAS_MAX)
            return err_set(p->err, ERR_LIMIT, "DN: more than %d attributes in one component",
                           (int)LDAP_RDN_AVAS_MAX);
        size_t start = p->scratch->len;
        skip_spaces(p);
        enum err_code rc = type(p);
        if (rc != ERR_OK)
            return rc;
        skip_spaces(p);
        rc = peek(p) == '#' ? hex_string(p) : value(p);
        if (rc != ERR_OK)
            return rc;
        skip_spaces(p);
        avas[n++] = (struct ava) { start, p->scratch->len - start };
    } while (peek(p) == '+');
    sort_avas(p, avas, n);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            strbuf_addc(out, '+');
        strbuf_add(out, ava_text(p, &avas[i]));
    }
    return strbuf_check(p->scratch, p->err);
}

enum err_code ldap_dn_key(struct str dn, struct strbuf *out, struct err *err) {
    if (dn.len > LDAP_DN_MAX)
        return err_set(err, ERR_LIMIT, "DN: longer than %d bytes", (int)LDAP_DN_MAX);
    AUTO(strbuf_done) struct strbuf scratch = STRBUF(4 * LDAP_DN_MAX);
    struct parser p = { .in = dn, .scratch = &scratch, .err = err };
    skip_spaces(&p);
    if (at_end(&p))
        return ERR_OK; /* the root */
    for (size_t n = 0;; n++) {
        if (n == LDAP_DN_RDNS_MAX)
            return err_set(err, ERR_LIMIT, "DN: more than %d components", (int)LDAP_DN_RDNS_MAX);
        enum err_code rc = rdn(&p, out);
        if (rc != ERR_OK)
            return rc;
        if (at_end(&p))
            return strbuf_check(out, err);
        if (peek(&p) != ',' && peek(&p) != ';')
            return bad(&p, "',' was expected");
        p.pos++;
        strbuf_addc(out, ',');
    }
}

bool ldap_dn_equal(struct str a, struct str b) {
    if (str_eq(a, b))
        return true;
    AUTO(strbuf_done) struct strbuf key_a = STRBUF(4 * LDAP_DN_MAX);
    AUTO(strbuf_done) struct strbuf key_b = STRBUF(4 * LDAP_DN_MAX);
    struct err err = { 0 };
    return ldap_dn_key(a, &key_a, &err) == ERR_OK && ldap_dn_key(b, &key_b, &err) == ERR_OK &&
           str_eq(strbuf_str(&key_a), strbuf_str(&key_b));
}

bool ldap_dn_in_scope(struct str dn, struct str base, bool one_level) {
    AUTO(strbuf_done) struct strbuf dn_buf = STRBUF(4 * LDAP_DN_MAX);
    AUTO(strbuf_done) struct strbuf base_buf = STRBUF(4 * LDAP_DN_MAX);
    struct err err = { 0 };
    if (ldap_dn_key(dn, &dn_buf, &err) != ERR_OK || ldap_dn_key(base, &base_buf, &err) != ERR_OK)
        return false;
    return ldap_dn_key_in_scope(strbuf_str(&dn_buf), strbuf_str(&base_buf), one_level);
}

bool ldap_dn_key_in_scope(struct str d, struct str b, bool one_level) {
    if (str_eq(d, b))
        return !one_level;
    if (!str_ends_with(d, b))
        return false;
    /* A comma inside a value is spelled \2c in a key, so that every ',' separates components. */
    size_t above = d.len - b.len;
    if (b.len > 0) {
        if (d.ptr[above - 1] != ',')
            return false;
        above--;
    }
    return !one_level || str_find(str_sub(d, 0, above), ',') == above;
}
