/* The subcommands of tke-auth. Each is an `int cli_x(int argc, char **argv)` in its own file, with argv[0] its name; it returns the exit
 * status: 0, 1 (it failed; stderr says why), 2 (called wrongly). */
#pragma once
#include "tkeauth/base.h"

int cli_serve(int argc, char **argv);
int cli_check_config(int argc, char **argv);
int cli_print_config(int argc, char **argv);
int cli_hash_password(int argc, char **argv);
int cli_client(int argc, char **argv);
int cli_user(int argc, char **argv);
int cli_keys(int argc, char **argv);
int cli_ldap(int argc, char **argv);
int cli_can(int argc, char **argv);
int cli_import(int argc, char **argv);
int cli_backup(int argc, char **argv);
int cli_demo_app(int argc, char **argv);
int cli_version(int argc, char **argv);

/* Dispatches on argv[1]; `tke-auth`, `tke-auth help` and `tke-auth help COMMAND` teach. */
int cli_main(int argc, char **argv);
