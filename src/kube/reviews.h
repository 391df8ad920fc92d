/* What callers may ask about themselves (kubectl auth whoami, auth can-i) and, with the right to, about others. */
#pragma once
#include "kube/verbs.h"

kube_handler review_self, review_access_self, review_rules_self, review_access;
