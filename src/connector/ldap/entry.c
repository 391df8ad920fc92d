#include "connector/ldap/entry.h"

const struct ldap_attr *ldap_entry_find(const struct ldap_entry *e, struct str name) {
    for (size_t i = 0; i < e->len; i++)
        if (str_eq_nocase(e->attrs[i].name, name))
            return &e->attrs[i];
    return NULL;
}

/* ";range=0-1499" -> "0", "1499". */
static bool range_of(struct str name, struct str *ret_base, struct str *ret_last) {
    struct str options, from;
    return str_cut(name, ';', ret_base, &options) && str_starts_with_nocase(options, STR("range=")) &&
           str_cut(str_from(options, strlen("range=")), '-', &from, ret_last);
}

bool ldap_attr_is_cut(struct str name, struct str *ret_base, uint64_t *ret_next) {
    struct str last;
    struct err err = { 0 };
    if (!range_of(name, ret_base, &last) || parse_u64(last, 0, UINT32_MAX, ret_next, &err) != ERR_OK)
        return false;
    ++*ret_next;
    return true;
}

static bool is_dn(struct str name) { return str_eq_nocase(name, STR("dn")); }

struct str ldap_entry_value(const struct ldap_entry *e, struct str name, size_t i, bool *ret_found) {
    const struct ldap_attr *attr = ldap_entry_find(e, name);
    bool pseudo = attr == NULL && is_dn(name) && i == 0;
    bool found = attr != NULL ? i < attr->len : pseudo;
    if (ret_found != NULL)
        *ret_found = found;
    if (!found)
        return STR_NULL;
    return attr != NULL ? attr->values[i] : e->dn;
}

size_t ldap_entry_count(const struct ldap_entry *e, struct str name) {
    const struct ldap_attr *attr = ldap_entry_find(e, name);
    if (attr != NULL)
        return attr->len;
    return is_dn(name) ? 1 : 0;
}

/* MS-DTYP 2.3.4: the first three groups are little-endian. */
static struct str guid_text(struct arena *a, const unsigned char *b) {
    char *text = arena_printf(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                              (unsigned)b[3], (unsigned)b[2], (unsigned)b[1], (unsigned)b[0], (unsigned)b[5],
                              (unsigned)b[4], (unsigned)b[7], (unsigned)b[6], (unsigned)b[8], (unsigned)b[9],
                              (unsigned)b[10], (unsigned)b[11], (unsigned)b[12], (unsigned)b[13],
                              (unsigned)b[14], (unsigned)b[15]);
    return str_of(text);
}

struct str ldap_value_text(struct arena *a, struct str attr_name, struct str value) {
    if (str_eq_nocase(attr_name, STR("objectGUID")) && value.len == 16)
        return guid_text(a, (const unsigned char *)value.ptr);
    if (str_is_utf8(value) && !str_has_control(value))
        return value;
    AUTO(strbuf_done) struct strbuf text = STRBUF(2 * value.len + 8);
    base64url_add(&text, value.ptr, value.len);
    return arena_str(a, strbuf_str(&text));
}

/* ---- status ---- */

const char *const ldap_status_attrs[] = { "pwdAccountLockedTime",
                                          "nsAccountLock",
                                          "loginDisabled",
                                          "userAccountControl",
                                          "accountExpires",
                                          "shadowExpire",
                                          NULL };

static bool first_number(const struct ldap_entry *e, const char *name, int64_t *ret) {
    bool found;
    struct str v = ldap_entry_value(e, str_of(name), 0, &found);
    struct err err = { 0 };
    return found && parse_i64(v, INT64_MIN, INT64_MAX, ret, &err) == ERR_OK;
}

static bool first_true(const struct ldap_entry *e, const char *name) {
    return str_eq_nocase(ldap_entry_value(e, str_of(name), 0, NULL), STR("true"));
}

const char *ldap_entry_disabled(const struct ldap_entry *e, int64_t now_s) {
    enum { UAC_DISABLED = 2 };
    /* 100 ns since 1601; 0 and the greatest number mean never (MS-ADA1 2.2). */
    const int64_t seconds_1601_to_1970 = 11644473600;
    int64_t n;
    /* draft-behera 5.3.3: while it is there the account is locked; the server removes it, or its age, at the next bind. A
     * temporary lock lapses by itself, and only the server knows its duration: only the permanent one counts here. */
    if (str_eq(ldap_entry_value(e, STR("pwdAccountLockedTime"), 0, NULL), STR("000001010000Z")))
        return "pwdAccountLockedTime";
    if (first_true(e, "nsAccountLock"))
        return "nsAccountLock";
    if (first_true(e, "loginDisabled"))
        return "loginDisabled";
    if (first_number(e, "userAccountControl", &n) && (n & UAC_DISABLED) != 0)
        return "userAccountControl";
    if (first_number(e, "accountExpires", &n) && n > 0 && n != INT64_MAX &&
        n / 10000000 - seconds_1601_to_1970 <= now_s)
        return "accountExpires";
    /* Days since 1970, the account being expired on that day; -1 and, as shadow(5) leaves it open, 0 are never. */
    if (first_number(e, "shadowExpire", &n) && n > 0 && n <= now_s / 86400)
        return "shadowExpire";
    return NULL;
}
