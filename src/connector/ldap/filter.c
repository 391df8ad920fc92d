#include "connector/ldap/filter.h"
#include "connector/ldap/limits.h"

struct parser {
    struct str in;
    size_t pos;
    struct strbuf *out;
    struct err *err;
};

static bool at_end(const struct parser *p) { return p->pos >= p->in.len; }

static char peek(const struct parser *p) { return at_end(p) ? '\0' : p->in.ptr[p->pos]; }

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static void skip_blanks(struct parser *p) {
    while (!at_end(p) && is_blank(peek(p)))
        p->pos++;
}

static enum err_code expected(struct parser *p, const char *what) {
    if (at_end(p))
        return err_set(p->err, ERR_INVALID, "the filter ends where %s was expected", what);
    unsigned char c = (unsigned char)peek(p);
    if (c > 0x20 && c < 0x7f)
        return err_set(p->err, ERR_INVALID, "position %zu: found '%c' where %s was expected", p->pos + 1, c,
                       what);
    return err_set(p->err, ERR_INVALID, "position %zu: found byte 0x%02x where %s was expected", p->pos + 1,
                   (unsigned)c, what);
}

static bool is_hex(char c) { return ascii_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/* RFC 4512 1.4: descr = ALPHA *(ALPHA / DIGIT / "-"); numericoid = number 1*("." number). */
static bool oid_ok(struct str s) {
    if (s.len == 0)
        return false;
    if (ascii_is_alpha(s.ptr[0])) {
        for (size_t i = 1; i < s.len; i++)
            if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '-')
                return false;
        return true;
    }
    struct str rest = s, number;
    size_t dots = 0;
    for (bool more = true; more; dots++) {
        more = str_cut(rest, '.', &number, &rest);
        if (number.len == 0 || (number.len > 1 && number.ptr[0] == '0'))
            return false;
        for (size_t i = 0; i < number.len; i++)
            if (!ascii_is_digit(number.ptr[i]))
                return false;
    }
    return dots > 1;
}

bool ldap_attr_name_ok(struct str name) {
    struct str oid, options, option;
    bool more = str_cut(name, ';', &oid, &options);
    if (!oid_ok(oid))
        return false;
    while (more) {
        more = str_cut(options, ';', &option, &options);
        if (option.len == 0)
            return false;
        for (size_t i = 0; i < option.len; i++)
            if (!ascii_is_alnum(option.ptr[i]) && option.ptr[i] != '-')
                return false;
    }
    return true;
}

static bool matching_rule_ok(struct str name) {
    struct str attr, rest, part;
    bool more = str_cut(name, ':', &attr, &rest), rule = false, dn = false;
    bool ok = attr.len == 0 || ldap_attr_name_ok(attr);
    while (ok && more) {
        more = str_cut(rest, ':', &part, &rest);
        if (!dn && !rule && str_eq_nocase(part, STR("dn")))
            dn = true;
        else
            ok = !rule && oid_ok(part) && (rule = true);
    }
    return ok && (attr.len > 0 || rule);
}

bool ldap_filter_name_ok(struct str name) {
    if (!str_ends_with(name, STR(":")))
        return ldap_attr_name_ok(name);
    return matching_rule_ok(str_sub(name, 0, name.len - 1));
}

/* An assertion value up to its ')': escapes complete, text UTF-8. `stars`: '*' may stand in it (substrings). */
static enum err_code value(struct parser *p, bool stars) {
    size_t start = p->pos;
    bool after_star = false;
    for (; !at_end(p) && peek(p) != ')'; p->pos++) {
        char c = peek(p);
        if (c == '(' || c == '\0')
            return expected(p, "a value (write it as \\28 or \\00)");
        if (c == '*' && (!stars || after_star))
            return expected(p, stars ? "text between two stars" : "a value without '*' (write it as \\2a)");
        after_star = c == '*';
        if (c != '\\')
            continue;
        if (p->in.len - p->pos < 3 || !is_hex(p->in.ptr[p->pos + 1]) || !is_hex(p->in.ptr[p->pos + 2]))
            return expected(p, "two hexadecimal digits behind a backslash");
        p->pos += 2;
    }
    struct str text = str_sub(p->in, start, p->pos - start);
    if (!str_is_utf8(text))
        return err_set(p->err, ERR_INVALID, "position %zu: the value is not UTF-8", start + 1);
    strbuf_add(p->out, text);
    return ERR_OK;
}

/* attr:=v  attr:dn:=v  attr:rule:=v  attr:dn:rule:=v  :rule:=v  :dn:rule:=v; `name` is what stands before ":=". */
static enum err_code extensible(struct parser *p, struct str name, size_t start) {
    if (!matching_rule_ok(name))
        return err_set(p->err, ERR_INVALID, "position %zu: \"%.*s\" is no attribute with a matching rule",
                       start + 1, STR_FMT(str_sub(name, 0, 64)));
    strbuf_add(p->out, name);
    strbuf_add(p->out, STR(":="));
    return value(p, false);
}

static enum err_code item(struct parser *p) {
    size_t start = p->pos;
    while (!at_end(p) && peek(p) != '=' && peek(p) != '(' && peek(p) != ')')
        p->pos++;
    if (peek(p) != '=')
        return expected(p, "'=' of a comparison");
    struct str name = str_sub(p->in, start, p->pos - start);
    p->pos++;
    char op = name.len ? name.ptr[name.len - 1] : '=';
    bool simple = op != ':' && op != '~' && op != '<' && op != '>';
    if (!simple)
        name.len--;
    if (op == ':')
        return extensible(p, name, start);
    if (!ldap_attr_name_ok(name))
        return err_set(p->err, ERR_INVALID, "position %zu: \"%.*s\" is no attribute name", start + 1,
                       STR_FMT(str_sub(name, 0, 64)));
    strbuf_add(p->out, name);
    if (!simple)
        strbuf_addc(p->out, op);
    strbuf_addc(p->out, '=');
    return value(p, simple);
}

static enum err_code filter(struct parser *p, size_t depth);

static enum err_code filter_list(struct parser *p, size_t depth) {
    size_t n = 0;
    for (; skip_blanks(p), peek(p) == '('; n++) {
        enum err_code rc = filter(p, depth);
        if (rc != ERR_OK)
            return rc;
    }
    return n > 0 ? ERR_OK : expected(p, "'(' of a filter inside '&' or '|'");
}

static enum err_code filter(struct parser *p, size_t depth) {
    if (depth == LDAP_FILTER_DEPTH_MAX)
        return err_set(p->err, ERR_LIMIT, "nested more than %d deep", (int)LDAP_FILTER_DEPTH_MAX);
    if (peek(p) != '(')
        return expected(p, "'('");
    p->pos++;
    strbuf_addc(p->out, '(');
    skip_blanks(p);
    char c = peek(p);
    enum err_code rc;
    if (c == '&' || c == '|' || c == '!') {
        p->pos++;
        strbuf_addc(p->out, c);
        skip_blanks(p);
        rc = c == '!' ? filter(p, depth + 1) : filter_list(p, depth + 1);
        skip_blanks(p);
    } else {
        rc = item(p);
    }
    if (rc != ERR_OK)
        return rc;
    if (peek(p) != ')')
        return expected(p, "')'");
    p->pos++;
    strbuf_addc(p->out, ')');
    return ERR_OK;
}

enum err_code ldap_filter_parse(struct str text, struct strbuf *out, struct err *err) {
    if (text.len > LDAP_FILTER_MAX)
        return err_set(err, ERR_LIMIT, "longer than %d bytes", (int)LDAP_FILTER_MAX);
    struct parser p = { .in = text, .out = out, .err = err };
    skip_blanks(&p);
    enum err_code rc = filter(&p, 0);
    if (rc != ERR_OK)
        return rc;
    skip_blanks(&p);
    if (!at_end(&p))
        return expected(&p, "the end");
    return strbuf_check(out, err);
}

/* A fixed ASCII set: isalnum() depends on the locale. */
static bool is_literal(char c) {
    return ascii_is_alnum(c) || c == '.' || c == '_' || c == '@' || c == '-' || c == '=' || c == ',';
}

static void add_escaped(struct strbuf *out, struct str value) {
    for (size_t i = 0; i < value.len;) {
        size_t run = i;
        while (run < value.len && is_literal(value.ptr[run]))
            run++;
        strbuf_add(out, str_sub(value, i, run - i));
        if (run < value.len) {
            strbuf_addc(out, '\\');
            hex_add(out, &value.ptr[run++], 1);
        }
        i = run;
    }
}

static void open_item(struct strbuf *out, struct str attr) {
    strbuf_addc(out, '(');
    strbuf_add(out, attr);
    strbuf_addc(out, '=');
}

void ldap_filter_add_equals(struct strbuf *out, struct str attr, struct str value) {
    open_item(out, attr);
    add_escaped(out, value);
    strbuf_addc(out, ')');
}

void ldap_filter_add_contains(struct strbuf *out, struct str attr, struct str value) {
    open_item(out, attr);
    strbuf_addc(out, '*');
    add_escaped(out, value);
    strbuf_adds(out, "*)");
}

void ldap_filter_add_present(struct strbuf *out, struct str attr) {
    open_item(out, attr);
    strbuf_adds(out, "*)");
}
