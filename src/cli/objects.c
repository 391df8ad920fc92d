#include "cli/objects.h"

#include <stdio.h>

#include "cli/options.h"

bool configured_tenant(const struct config *c, struct str id) {
    const struct config_connector *list = c != NULL ? c->connectors.items : NULL;
    if (c == NULL)
        return false;
    for (size_t i = 0; i < c->connectors.len; i++)
        if (str_eq(str_of(list[i].id), id))
            return true;
    return (c->enable_password_db && str_eq(id, STR("local"))) ||
           (c->auth.init_tenant_type != NULL && str_eq(str_of(c->auth.init_tenant_id), id));
}

bool configured_client(const struct config *c, struct str id) {
    const struct config_static_client *list = c != NULL ? c->static_clients.items : NULL;
    if (c == NULL)
        return false;
    for (size_t i = 0; i < c->static_clients.len; i++)
        if (str_eq(str_of(list[i].id), id))
            return true;
    return c->auth.init_client_secret.ptr != NULL && str_eq(str_of(c->auth.init_client_id), id);
}

bool tenant_is_known(const struct config *c, struct store *s, struct arena *a, struct str id) {
    struct store_object ignored;
    struct err err;
    return configured_tenant(c, id) ||
           store_get(s, a, str_of(kind_identity_provider.plural), id, &ignored, &err) != ERR_NOT_FOUND;
}

const char *field_for_people(const char *path) {
    static const char *const prefixes[] = { "spec.", "Spec.", "metadata." };
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0)
            return path + strlen(prefixes[i]);
    return path;
}

int cli_refused(const struct refusal *r, const struct err *err, const char *context) {
    for (size_t i = 0; i < r->cause_count; i++)
        (void)fprintf(stderr, "tke-auth: %s: %s: %s\n", context, field_for_people(r->causes[i].field),
                      r->causes[i].message);
    if (r->cause_count == 0 && r->status != 0)
        (void)fprintf(stderr, "tke-auth: %s: %s\n", context, r->message);
    else if (r->cause_count == 0)
        (void)cli_fail(err, context);
    return 1;
}

void cli_warnings(const struct refusal *r, const char *context) {
    for (size_t i = 0; i < r->warning_count; i++)
        (void)fprintf(stderr, "tke-auth: %s: %s\n", context, r->warnings[i]);
}
