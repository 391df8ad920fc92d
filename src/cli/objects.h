/* What the commands that read and write objects have in common. */
#pragma once
#include "tkeauth/config.h"
#include "tkeauth/resource.h"

/* The configuration file itself has a tenant or client of this id, which counts whatever the store says. `c` NULL: there is no
 * configuration. */
bool configured_tenant(const struct config *c, struct str id);
bool configured_client(const struct config *c, struct str id);
/* The configuration file or an IdentityProvider says so; also true when the store cannot be read. */
bool tenant_is_known(const struct config *c, struct store *s, struct arena *a, struct str id);

/* "name", "groups[0]": a field as a person calls it. */
const char *field_for_people(const char *path);
/* Tells on stderr why an object was refused, one cause a line, or what else went wrong; returns 1. */
int cli_refused(const struct refusal *r, const struct err *err, const char *context);
/* What was ignored, on stderr. */
void cli_warnings(const struct refusal *r, const char *context);
