#include "cli/commands.h"
int cli_user(int argc, char **argv) { (void)argc; (void)argv; return 2; }
