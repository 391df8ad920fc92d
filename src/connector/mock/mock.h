/* A connector for tests and benchmarks: identities and delays from its configuration. Never a default. */
#pragma once
#include "tkeauth/connector.h"

extern const struct connector_ops mock_connector_ops;
