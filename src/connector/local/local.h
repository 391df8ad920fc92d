/* The local connector: identities of our own, from the store and from the configuration. */
#pragma once
#include "tkeauth/connector.h"

extern const struct connector_ops local_connector_ops;
