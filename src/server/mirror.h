/* Tenants and clients of the configuration as objects, so that the API shows all there are. They are copies to look at: what counts is the
 * configuration. */
#pragma once
#include "server/generation.h"
#include "tkeauth/resource.h"

/* Makes, changes and removes mirrors so that they are what `g` says; objects that are not mirrors are left alone, with a warning when the
 * configuration names the same. Nothing is written when nothing has changed. Failures are told in the log: a full disk must not stop a start. */
void mirror_sync(const struct resource_env *env, const struct generation *g);
