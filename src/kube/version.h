/* GET /version: what clients take the server for. */
#pragma once
#include "tkeauth/base.h"

void version_print(struct strbuf *out);
