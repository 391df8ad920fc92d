/* X-Forwarded-For: a stranger's word never counts, and a trusted hop's only leads to an address. */
#include <assert.h>

#include "http/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err;
    struct cidr trusted, parsed;
    struct ip stranger, proxy, client;
    char text[INET6_ADDRSTRLEN];
    struct str value = { (const char *)data, size }, halves[2];
    if (cidr_parse(STR("10.0.0.0/8"), &trusted, &err) != ERR_OK || !ip_parse(STR("192.0.2.1"), &stranger) ||
        !ip_parse(STR("10.0.0.1"), &proxy))
        return 0;
    client = forwarded_client(&trusted, 1, &stranger, &value, 1);
    assert(memcmp(&client, &stranger, sizeof client) == 0);
    client = forwarded_client(&trusted, 1, &proxy, &value, 1);
    assert(ip_format(&client, text)[0] != 0);
    assert(ip_parse(str_of(text), &stranger) && memcmp(&client, &stranger, sizeof client) == 0);
    /* Two header lines are one list. */
    if (str_cut(value, ',', &halves[0], &halves[1])) {
        struct ip split = forwarded_client(&trusted, 1, &proxy, halves, 2);
        assert(memcmp(&client, &split, sizeof client) == 0);
    }
    if (cidr_parse(value, &parsed, &err) == ERR_OK)
        assert(cidr_contains(&parsed, 1, &parsed.ip) && parsed.bits <= 128);
    return 0;
}
