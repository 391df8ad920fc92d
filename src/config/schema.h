/* The tables of tke-auth.yaml. */
#pragma once
#include "tkeauth/config.h"

extern const struct cfg_field static_client_fields[], static_password_fields[], connector_fields[];
/* In the order of enum sign_alg, which the model (to the right of config) owns; a test compares them. */
extern const char *const cfg_sign_algs[];

/* What needs several keys; every problem is added at its place in `root`. */
void config_check(const struct config *c, const struct cfg_node *root, struct cfg_problems *problems);
