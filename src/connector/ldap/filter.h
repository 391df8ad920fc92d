/* Search filters (RFC 4515): checks the configured ones, builds ours out of trusted names and untrusted values. */
#pragma once
#include "tkeauth/base.h"

/* Is `name` an attribute description: a short name or a dotted number, with options (RFC 4512 2.5)? */
bool ldap_attr_name_ok(struct str name);
/* Can `name` stand before "=value" in a filter: an attribute description, or one with a matching rule, such as
 * "member:1.2.840.113556.1.4.1941:" (Active Directory's search along chains of groups)? */
bool ldap_filter_name_ok(struct str name);
/* Appends `filter` as RFC 4515 spells it, without the blanks and line breaks people put between the parts of a long filter.
 * ERR_INVALID names the position (from 1) and what was expected there. ERR_LIMIT: too long or nested too deep. */
MUST_CHECK enum err_code ldap_filter_parse(struct str filter, struct strbuf *out, struct err *err);
/* Appends "(attr=value)". `attr` is trusted, `value` is anything: every byte but a few letters and signs is escaped, once,
 * so that no input can alter the filter. */
void ldap_filter_add_equals(struct strbuf *out, struct str attr, struct str value);
/* Appends "(attr=*value*)", the value escaped in the same way. It must not be empty: two stars in a row are no filter. */
void ldap_filter_add_contains(struct strbuf *out, struct str attr, struct str value);
/* Appends "(attr=*)": has any value. */
void ldap_filter_add_present(struct strbuf *out, struct str attr);
