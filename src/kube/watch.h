/* GET ?watch=1: changes as they happen, a JSON object a line. */
#pragma once
#include "kube/request.h"

MUST_CHECK enum err_code watch_objects(struct kube_request *kr, struct err *err);
