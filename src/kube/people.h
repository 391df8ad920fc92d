/* Who may change whom among local identities (contract 2.1), and what is shown of people besides what is stored. */
#pragma once
#include "kube/request.h"

/* Administrators may change anybody in their reach but those above them; everybody may change themselves, but not their rights, and not what
 * others vouch for (`given` loses an address' verification that way). Groups that make administrators are theirs alone. Anything but a
 * LocalIdentity or LocalGroup passes. 403. */
MUST_CHECK enum err_code people_check_create(struct kube_request *kr, const json_t *given);
MUST_CHECK enum err_code people_check_change(struct kube_request *kr, const json_t *old, json_t *given);
MUST_CHECK enum err_code people_check_status(struct kube_request *kr, const json_t *old);
MUST_CHECK enum err_code people_check_members(struct kube_request *kr, const json_t *old);
MUST_CHECK enum err_code people_check_delete(struct kube_request *kr, const json_t *old);
/* Is the LocalIdentity the caller's own? */
bool people_is_self(const struct kube_request *kr, const json_t *identity);
/* spec.extra.administrator, and with `policies` spec.extra.policies: {"pol-x":"Display name"} as text (contract 2.1). */
MUST_CHECK enum err_code people_decorate(struct kube_request *kr, json_t *object, bool policies,
                                         struct err *err);
/* {"pol-x":"Display name"}: the policies that count everywhere and that the user or group was given directly. The arena owns *ret. */
MUST_CHECK enum err_code people_policies(struct kube_request *kr, struct str tenant, struct str id,
                                         bool is_group, json_t **ret, struct err *err);
