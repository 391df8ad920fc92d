/* Lists that Active Directory hands out in pieces (MS-ADTS 3.1.1.3.1.3.3). */
#pragma once
#include "connector/ldap/dir.h"

/* Fetches what is missing of every cut attribute of `e` and gives it its plain name. ERR_UNAVAILABLE when that does not work: an
 * incomplete list of groups is not used. */
MUST_CHECK enum err_code ldap_ranges_complete(struct ldap_session *s, struct ldap_entry *e);
/* The same for a list that may be too long: it then ends early and is marked as cut. */
MUST_CHECK enum err_code ldap_ranges_fill(struct ldap_session *s, struct ldap_entry *e);
