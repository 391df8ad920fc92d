#include "kube/apply.h"
enum err_code verb_apply_once(struct kube_request *kr, const json_t *applied, struct resource_options *o, struct err *err) {
    (void)applied; (void)o; (void)err;
    return refuse(&kr->refusal, 415, "UnsupportedMediaType", "not yet");
}
