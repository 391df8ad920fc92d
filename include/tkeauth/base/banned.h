/* Functions that have hurt everybody: their use does not compile. tests/lint looks for the rest of the list by name
 * (localtime gmtime rand strtol system popen alloca ...), which other libraries' headers may mention. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* With clang and _FORTIFY_SOURCE glibc makes macros of two of them, and macros cannot be poisoned. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok gets atoi atol atoll
