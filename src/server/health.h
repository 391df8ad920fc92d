/* /healthz, /livez, /readyz, /healthz/ping, /oidc/healthz and /metrics. */
#pragma once
#include "tkeauth/http.h"
extern const struct route health_routes[]; /* everything but metrics */
extern const struct route
    metrics_routes[]; /* on the telemetry listener, or on the main one when there is none */
