/* Entries as users of a listing. */
#pragma once
#include "connector/ldap/dir.h"

/* The login name: the first value of the first user name attribute that has one. STR_NULL: none, or none that anybody could type. */
struct str ldap_person_name(const struct ldap_dir *d, const struct ldap_entry *e);
/* Appends "(attr=*)" of the user name attributes: whoever has none is no user. */
void ldap_people_condition(const struct ldap_dir *d, struct strbuf *out);
