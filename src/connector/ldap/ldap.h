/* The LDAP connector: search, bind, groups, as ldap.json says. */
#pragma once
#include "tkeauth/connector.h"

extern const struct connector_ops ldap_connector_ops;

/* See connector_ldap_search. */
MUST_CHECK enum err_code ldap_explain(struct connector *c, struct arena *a, struct str username,
                                      struct strbuf *ret_report, struct err *err);
