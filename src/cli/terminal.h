/* Asking a person for a secret. */
#pragma once
#include "tkeauth/base.h"
/* One line from standard input without its newline; on a terminal with `prompt` on stderr and the echo off. */
enum err_code terminal_read_secret(const char *prompt, struct secret *ret, struct err *err);
