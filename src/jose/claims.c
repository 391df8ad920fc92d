#include "jose/token.h"

/* Past this a NumericDate is no time, and a double no longer exact. */
static const int64_t date_max = (int64_t)1 << 53;

/* RFC 7519 2: NumericDate may have a fraction; a string is not one. *found false: absent. */
static enum err_code get_date(const json_t *claims, const char *name, bool *found, int64_t *ret,
                              struct err *err) {
    const json_t *value = json_object_get(claims, name);
    *found = value != NULL;
    if (value == NULL)
        return ERR_OK;
    double number = json_is_number(value) ? json_number_value(value) : -1;
    if (!(number >= 0 && number <= (double)date_max)) /* also false for what is not finite */
        return err_set(err, ERR_UNAUTHENTICATED, "%s is not a date", name);
    *ret = (int64_t)number;
    return ERR_OK;
}

static enum err_code check_dates(const json_t *claims, const struct jwt_rules *rules, struct err *err) {
    int64_t exp = 0, nbf = 0, iat = 0;
    bool has_exp = false, has_nbf = false, has_iat = false;
    enum err_code rc = get_date(claims, "exp", &has_exp, &exp, err);
    if (rc == ERR_OK)
        rc = get_date(claims, "nbf", &has_nbf, &nbf, err);
    if (rc == ERR_OK)
        rc = get_date(claims, "iat", &has_iat, &iat, err);
    if (rc != ERR_OK)
        return rc;
    if (!rules->allow_expired && !has_exp)
        return err_set(err, ERR_UNAUTHENTICATED, "no exp");
    if (!rules->allow_expired && exp <= rules->now - rules->leeway_s)
        return err_set(err, ERR_UNAUTHENTICATED, "expired");
    if (has_nbf && nbf > rules->now + rules->leeway_s)
        return err_set(err, ERR_UNAUTHENTICATED, "not valid yet (nbf)");
    if (has_iat && iat > rules->now + rules->leeway_s)
        return err_set(err, ERR_UNAUTHENTICATED, "issued in the future (iat)");
    return ERR_OK;
}

/* RFC 7519 4.1.3: one string, or a list of strings. */
static bool audience_holds(const json_t *aud, struct str wanted) {
    if (json_is_string(aud))
        return str_eq((struct str) { json_string_value(aud), json_string_length(aud) }, wanted);
    bool found = false;
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(aud, i, item) {
        if (!json_is_string(item))
            return false;
        found = found || str_eq((struct str) { json_string_value(item), json_string_length(item) }, wanted);
    }
    return found;
}

enum err_code claims_check(const json_t *claims, const struct jwt_rules *rules, struct err *err) {
    if (!json_is_object(claims))
        return err_set(err, ERR_UNAUTHENTICATED, "the claims are not an object");
    if (rules->issuer.ptr != NULL && !str_eq(json_get_str(claims, "iss"), rules->issuer))
        return err_set(err, ERR_UNAUTHENTICATED, "another issuer");
    if (rules->audience.ptr != NULL && !audience_holds(json_object_get(claims, "aud"), rules->audience))
        return err_set(err, ERR_UNAUTHENTICATED, "for another audience");
    return check_dates(claims, rules, err);
}
