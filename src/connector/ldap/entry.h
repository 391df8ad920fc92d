/* A directory entry, copied out of libldap, in an arena. */
#pragma once
#include "tkeauth/base.h"

struct ldap_attr {
    struct str name; /* as the server spells it, with options */
    struct str *values;
    size_t len;
    bool cut; /* it has more values than were kept */
};
struct ldap_entry {
    struct str dn;
    struct ldap_attr *attrs;
    size_t len;
};
/* Attribute names compare without regard to case (RFC 4512 2.5). NULL: the entry has none of that name. */
const struct ldap_attr *ldap_entry_find(const struct ldap_entry *e, struct str name);
/* The values of `name`; the pseudo attribute "DN" gives the entry's DN unless it has an attribute of that name. */
struct str ldap_entry_value(const struct ldap_entry *e, struct str name, size_t i, bool *ret_found);
size_t ldap_entry_count(const struct ldap_entry *e, struct str name);
/* Active Directory cuts long lists and names them "attr;range=0-1499". Is `name` such a piece, with more to come? Then `ret_base` gets
 * "attr" and `ret_next` the number of the first value that is missing (1500). A last piece ends in "-*". */
bool ldap_attr_is_cut(struct str name, struct str *ret_base, uint64_t *ret_next);
/* A value as text: UTF-8 without control characters as it is; objectGUID as 8-4-4-4-12 hex digits in Microsoft's byte order;
 * any other bytes as base64url. In `a` or a slice of `value`. */
struct str ldap_value_text(struct arena *a, struct str attr_name, struct str value);
/* May this account still log in, as far as visible attributes tell: pwdAccountLockedTime, nsAccountLock, loginDisabled,
 * userAccountControl, accountExpires, shadowExpire. NULL: nothing speaks against it; else which attribute does. */
const char *ldap_entry_disabled(const struct ldap_entry *e, int64_t now_s);
/* The attributes ldap_entry_disabled looks at, NULL-terminated. */
extern const char *const ldap_status_attrs[];
