/* POST localidentities/{id}/password (contract 2.1). */
#include "kube/password.h"

#include "kube/access.h"
#include "kube/people.h"
#include "kube/print.h"

static enum err_code bad_request(struct kube_request *kr, const char *why) {
    return refuse(&kr->refusal, 400, "BadRequest", "%s", why);
}

/* base64 of the password; neither is ever repeated in an answer (contract 9.1). */
static enum err_code decode(struct kube_request *kr, const json_t *body, const char *key,
                            struct strbuf *ret) {
    struct err ignored;
    if (base64_decode(json_get_str(body, key), ret, &ignored) != ERR_OK || ret->len == 0 ||
        ret->len > PASSWORD_MAX)
        return refuse(&kr->refusal, 400, "BadRequest", "%s: must be base64 of a password of 1 to %d bytes",
                      key, PASSWORD_MAX);
    return ERR_OK;
}

enum err_code password_check(struct kube_request *kr, struct str tenant, struct str username,
                             struct str password, struct str hash, bool *ret_match, int64_t *ret_wait_s) {
    const struct throttle_key key = { tenant, username, kr->req->client_ip };
    enum password_outcome outcome = PASSWORD_MISMATCH;
    struct err why = { 0 };
    *ret_match = false;
    *ret_wait_s = throttle_check(kr->app->throttle, &key);
    if (*ret_wait_s > 0)
        return ERR_OK;
    if (hash.len == 0)
        password_verify_dummy(password); /* nobody learns who exists from the time this takes */
    else if (password_verify(password, hash, &outcome, &why) != ERR_OK)
        log_warn_err(kr->req->log, kr->req->request_id, "password_hash_unusable", &why, KV("user", username));
    *ret_match = outcome != PASSWORD_MISMATCH;
    if (*ret_match)
        throttle_done(kr->app->throttle, &key, true);
    else
        throttle_failed(kr->app->throttle, &key);
    return ERR_OK;
}

enum err_code password_throttled(struct kube_request *kr, int64_t wait_s) {
    kr->refusal.retry_after_s = (int)wait_s;
    return refuse(&kr->refusal, 429, "TooManyRequests", "too many wrong passwords; try again in %lld seconds",
                  (long long)wait_s);
}

/* Whoever changes somebody else's password must be above them; the old one is asked of everybody, administrators too (contract 2.1). */
static enum err_code check_old(struct kube_request *kr, const json_t *identity, const json_t *body,
                               struct str hash) {
    AUTO(strbuf_wipe_done) struct strbuf old = STRBUF(2 * PASSWORD_MAX);
    bool match = false;
    int64_t wait_s = 0;
    enum err_code rc = decode(kr, body, "originalPassword", &old);
    if (rc == ERR_OK)
        rc = password_check(kr, object_tenant(&kind_local_identity, identity),
                            object_str_at(identity, "spec.username"), strbuf_str(&old), hash, &match,
                            &wait_s);
    if (rc == ERR_OK && wait_s > 0)
        return password_throttled(kr, wait_s);
    if (rc == ERR_OK && !match)
        return bad_request(kr, "originalPassword is not the present password");
    return rc;
}

/* The present object with the new password in it: what resource_update hashes and stores. */
static json_t *with_password(struct kube_request *kr, const json_t *identity, const json_t *body) {
    json_t *given = keep_json(kr, json_deep_copy(identity));
    json_t *spec = json_object_get(given, "spec");
    if (spec != NULL)
        (void)json_object_set(spec, "hashedPassword", json_object_get(body, "hashedPassword"));
    return given;
}

enum err_code password_change(struct kube_request *kr, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf fresh = STRBUF(2 * PASSWORD_MAX);
    struct resource_options o = { .operation = STR("Update"), .subresource = kr->subresource };
    struct store_object whole;
    json_t *identity = NULL, *body = NULL, *written = NULL;
    int64_t revision = 0;
    bool removed = false;
    if (kr->req->run == HTTP_RUN_WORK) {
        http_move(kr->res, HTTP_RUN_LOGIN);
        kr->moved = true;
        return ERR_OK;
    }
    enum err_code rc = verb_load(kr, kr->kind, kr->name, &identity, &revision, err);
    if (rc == ERR_OK)
        rc = verb_options(kr, &o);
    if (rc == ERR_OK)
        rc = people_check_change(kr, identity, identity);
    if (rc == ERR_OK)
        rc = request_body(kr, "PasswordReq", &body, err);
    if (rc == ERR_OK)
        rc = decode(kr, body, "hashedPassword", &fresh);
    if (rc == ERR_OK)
        rc = store_get_whole(kr->app->env->store, kr->arena, str_of(kr->kind->plural), kr->name, &whole, err);
    if (rc == ERR_OK)
        rc = check_old(kr, identity, body, whole.secret);
    json_t *given = rc == ERR_OK ? with_password(kr, identity, body) : NULL;
    if (rc == ERR_OK)
        rc = given == NULL
                 ? err_set(err, ERR_NOMEM, "an object")
                 : resource_update(kr->app->env, kr->kind, kr->arena, kr->name, given, whole.revision, &o,
                                   &written, &revision, &removed, &kr->refusal, err);
    if (rc != ERR_OK)
        return rc;
    if (keep_json(kr, written) == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    if (!o.dry_run)
        verb_audit(kr, "password_changed", kr->kind, kr->name);
    return verb_answer_written(kr, 201, written, revision, o.dry_run, err);
}
