/* The syntax of labels, as Kubernetes checks it. */
#pragma once
#include "tkeauth/base.h"

enum { LABEL_PREFIX_MAX = 253, LABEL_NAME_MAX = 63, LABEL_VALUE_MAX = 63 };

/* What is wrong with the key or value of a label, in Kubernetes' words; NULL: nothing. */
const char *label_key_problem(struct str key);
const char *label_value_problem(struct str value);
