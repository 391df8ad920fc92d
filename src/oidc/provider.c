#include "tkeauth/oidc.h"

/* Clients are sorted by id when the snapshot is built: found in log n without a lock. */
const struct client *oidc_find_client(const struct oidc_provider *p, struct str id) {
    size_t low = 0, high = p->client_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(p->clients[middle].id, id);
        if (order == 0)
            return &p->clients[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct connector *oidc_find_connector(const struct oidc_provider *p, struct str id) {
    for (size_t i = 0; i < p->connector_count; i++)
        if (str_eq(str_of(p->connectors[i]->id), id))
            return p->connectors[i];
    return NULL;
}
