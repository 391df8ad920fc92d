/* Distinguished names (RFC 4514): identity without regard to spelling. */
#pragma once
#include "tkeauth/base.h"

/* Appends the DN's key: two DNs name the same entry when their keys are equal bytes. Attribute types and the ASCII letters of
 * values are folded to lower case, escapes are spelled one way, insignificant blanks go, the parts of a multi-valued RDN are
 * sorted (what caseIgnoreMatch does, for ASCII). The key is a DN again and its own key.
 * ERR_INVALID: no DN. ERR_LIMIT. */
MUST_CHECK enum err_code ldap_dn_key(struct str dn, struct strbuf *out, struct err *err);
/* Same entry? DNs that cannot be parsed are compared as bytes. */
bool ldap_dn_equal(struct str a, struct str b);
/* Is the entry `dn` found by a search at `base`: below it (`one_level`: right below it), or, for a subtree, the base itself? */
bool ldap_dn_in_scope(struct str dn, struct str base, bool one_level);
/* The same for two keys of ldap_dn_key. */
bool ldap_dn_key_in_scope(struct str key, struct str base_key, bool one_level);
