#include "unit/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "httpc/address.h"

static bool is_public(const char *text) {
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_is_public((struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return address_is_public((struct sockaddr *)&v6);
}

static void only_globally_reachable_addresses_are_public(void **state) {
    (void)state;
    static const char *const public[] = { "8.8.8.8",          "172.32.0.1",      "172.15.255.255",
                                          "100.128.0.1",      "2606:4700::1111", "11.0.0.1",
                                          "192.167.255.255",  "223.255.255.255", "::ffff:8.8.8.8",
                                          "64:ff9b::8.8.8.8", "2001:4860::8888" };
    static const char *const private[] = {
        "127.0.0.1",   "127.255.255.255",  "10.0.0.1",    "172.16.0.1",        "172.31.255.255",
        "192.168.1.1", "169.254.169.254",  "0.0.0.0",     "100.64.0.1",        "224.0.0.1",
        "240.0.0.1",   "255.255.255.255",  "192.0.2.1",   "198.18.0.1",        "::",
        "::1",         "fe80::1",          "fc00::1",     "fd12::1",           "ff02::1",
        "::127.0.0.1", "::ffff:10.0.0.1",  "2001:db8::1", "64:ff9b::10.0.0.1", "2002:7f00:1::",
        "2001::1",     "2002:0a00:0001::",
    };
    for (size_t i = 0; i < ARRAY_LEN(public); i++)
        if (!is_public(public[i]))
            fail_msg("%s is public", public[i]);
    for (size_t i = 0; i < ARRAY_LEN(private); i++)
        if (is_public(private[i]))
            fail_msg("%s is not public", private[i]);
    assert_false(address_is_public(&(struct sockaddr) { .sa_family = AF_UNIX }));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(only_globally_reachable_addresses_are_public) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
