/* Who asks, whether they may, and how far their rights reach. */
#pragma once
#include "kube/request.h"

/* kr->who: the caller, or whom they may act for (impersonation). 401, 403. */
MUST_CHECK enum err_code access_authenticate(struct kube_request *kr, struct err *err);
/* kr->scope. 403. */
MUST_CHECK enum err_code access_authorize(struct kube_request *kr, struct err *err);
/* A question besides the request itself, as the same caller: attributes of auth.tkestack.io. */
MUST_CHECK enum err_code access_may(struct kube_request *kr, const char *verb, const char *resource,
                                    const char *subresource, struct str name, bool *ret, struct err *err);
/* May do everything in the API, by their group. */
bool access_is_privileged(const struct kube_request *kr);
/* Any question about the caller. */
MUST_CHECK enum err_code access_ask(struct kube_request *kr, const struct authz_attributes *at,
                                    struct authz_decision *ret, struct err *err);
/* The caller as authz knows users; in the arena. */
struct authz_user access_user(struct kube_request *kr);
/* Is this object within the caller's reach? What is not is answered as if it were not there. */
bool access_sees(const struct scope *s, const struct kind *k, const json_t *object);
/* 404 as for a name that does not exist. */
enum err_code access_hide(struct kube_request *kr, const struct kind *k, struct str name);
/* May the caller change objects of this kind at all, in their scope? 403, or 422 for tenants' writes to the platform's kinds
 * (contract 2.3, 2.4, 2.14). */
MUST_CHECK enum err_code access_check_write(struct kube_request *kr);
/* "t##user##alice" holds this policy or role, through whatever groups and roles; in domain `*`. */
bool access_holds(const struct kube_app *app, struct str subject, const struct str *groups,
                  size_t group_count, struct str role);
/* Is that user an administrator: of the platform, or of their tenant? */
bool access_user_is_administrator(struct kube_request *kr, struct str tenant, struct str username,
                                  bool *ret_of_platform);
/* Does membership in that group make one? */
bool access_group_is_administrator(struct kube_request *kr, struct str tenant, struct str id,
                                   bool *ret_of_platform);
