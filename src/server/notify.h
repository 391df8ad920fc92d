/* systemd's readiness protocol (sd_notify(3)): a datagram to $NOTIFY_SOCKET. Without that variable nothing happens. */
#pragma once
#include "tkeauth/base.h"
/* "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=..." */
void notify_systemd(const char *state);
