/* A certificate authority of one's own, for a first start without certificates: made once, kept in a folder, its server certificate
 * renewed before it ends. */
#pragma once
#include "tkeauth/base.h"

/* Makes `dir` (0700) with ca.crt, ca.key, server.crt and server.key (ECDSA P-256, SANs localhost, 127.0.0.1, ::1 and `hostname`) as far
 * as they are missing, and a new server certificate when the present one ends within 30 days or lacks `hostname`. */
enum err_code local_ca_ensure(const char *dir, const char *hostname, int64_t now, struct err *err);
