#include "unit/test.h"

#include "http/forwarded.h"

static void addresses_have_one_spelling(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "192.0.2.7", "192.0.2.7" },
        { "::ffff:192.0.2.7", "192.0.2.7" },
        { "2001:DB8:0:0::1", "2001:db8::1" },
        { "::1", "::1" },
    };
    char text[INET6_ADDRSTRLEN];
    struct ip ip;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(ip_parse(str_of(cases[i][0]), &ip));
        assert_string_equal(ip_format(&ip, text), cases[i][1]);
    }
    assert_false(ip_parse(STR("192.0.2"), &ip));
    assert_false(ip_parse(STR(""), &ip));
    assert_false(ip_parse(STR("::1\0"), &ip));
    assert_false(ip_parse(STR("1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20"), &ip));
}

static void cidrs_are_parsed_strictly(void **state) {
    (void)state;
    static const char *const good[] = { "10.0.0.0/8", "192.0.2.7", "0.0.0.0/0",   "::/0",
                                        "fd00::/8",   "::1",       "10.128.0.0/9" };
    static const char *const bad[] = {
        "10.0.0.1/8", "10.0.0.0/33",  "fd00::1/8",   "::/129",      "10.0.0.0/",
        "x",          "10.0.0.0/8/8", "10.0.0.0/-1", "10.64.0.0/9", ""
    };
    struct cidr cidr;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_ok(cidr_parse(str_of(good[i]), &cidr, &err));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (cidr_parse(str_of(bad[i]), &cidr, &err) != ERR_INVALID)
            fail_msg("%s was taken", bad[i]);
}

static void a_cidr_contains_its_addresses_only(void **state) {
    (void)state;
    static const struct {
        const char *cidr, *ip;
        bool want;
    } cases[] = {
        { "10.0.0.0/8", "10.255.0.1", true },    { "10.0.0.0/8", "11.0.0.1", false },
        { "10.128.0.0/9", "10.127.0.1", false }, { "10.128.0.0/9", "10.129.0.1", true },
        { "192.0.2.7", "192.0.2.7", true },      { "192.0.2.7", "192.0.2.6", false },
        { "0.0.0.0/0", "192.0.2.6", true },      { "0.0.0.0/0", "2001:db8::1", false },
        { "fd00::/8", "fd12::1", true },         { "fd00::/8", "fe00::1", false },
        { "::/0", "2001:db8::1", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cidr cidr;
        struct ip ip;
        struct err err;
        assert_ok(cidr_parse(str_of(cases[i].cidr), &cidr, &err));
        assert_true(ip_parse(str_of(cases[i].ip), &ip));
        assert_int_equal(cidr_contains(&cidr, 1, &ip), cases[i].want);
    }
}

static void the_walk_ends_at_the_first_hop_that_is_not_trusted(void **state) {
    (void)state;
    static const char *const trusted[] = { "10.0.0.0/8", "fd00::/8" };
    struct cidr cidrs[2];
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(trusted); i++)
        assert_ok(cidr_parse(str_of(trusted[i]), &cidrs[i], &err));
    static const struct {
        const char *peer, *first, *second, *want;
    } cases[] = {
        { "192.0.2.1", "203.0.113.9", NULL, "192.0.2.1" }, /* the peer itself is a stranger */
        { "10.0.0.1", NULL, NULL, "10.0.0.1" },
        { "10.0.0.1", "203.0.113.9", NULL, "203.0.113.9" },
        { "10.0.0.1", "1.1.1.1, 203.0.113.9 ,10.0.0.2", NULL, "203.0.113.9" },
        { "10.0.0.1", "1.1.1.1, 203.0.113.9", "10.0.0.2", "203.0.113.9" }, /* two header lines */
        { "10.0.0.1", "10.0.0.3,10.0.0.2", NULL, "10.0.0.3" },
        { "10.0.0.1", "203.0.113.9, nonsense", NULL, "10.0.0.1" },
        { "10.0.0.1", "203.0.113.9, nonsense, 10.0.0.2", NULL, "10.0.0.2" },
        { "10.0.0.1", "", NULL, "10.0.0.1" },
        { "10.0.0.1", "203.0.113.9:5000", NULL, "203.0.113.9" },
        { "10.0.0.1", "[2001:db8::7]:5000", NULL, "2001:db8::7" },
        { "10.0.0.1", "[2001:db8::7]", NULL, "2001:db8::7" },
        { "10.0.0.1", "[2001:db8::7]x", NULL, "10.0.0.1" },
        { "fd00::1", "2001:db8::7", NULL, "2001:db8::7" },
        { "10.0.0.1", "::ffff:10.0.0.9", NULL, "10.0.0.9" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip peer, client;
        char text[INET6_ADDRSTRLEN];
        assert_true(ip_parse(str_of(cases[i].peer), &peer));
        struct str values[] = { str_of(cases[i].first), str_of(cases[i].second) };
        size_t len = cases[i].second ? 2 : cases[i].first ? 1 : 0;
        client = forwarded_client(cidrs, 2, &peer, values, len);
        if (strcmp(ip_format(&client, text), cases[i].want) != 0)
            fail_msg("case %zu gives %s", i, text);
    }
}

static void the_walk_is_bounded(void **state) {
    (void)state;
    struct cidr all;
    struct err err;
    struct ip peer;
    char text[INET6_ADDRSTRLEN];
    assert_ok(cidr_parse(STR("10.0.0.0/8"), &all, &err));
    assert_true(ip_parse(STR("10.0.0.1"), &peer));
    AUTO(strbuf_done) struct strbuf list = STRBUF(1 << 20);
    strbuf_adds(&list, "192.0.2.1");
    for (int i = 0; i < HTTP_FORWARDED_MAX; i++)
        strbuf_adds(&list, ",10.0.0.7");
    struct str value = strbuf_str(&list);
    struct ip client = forwarded_client(&all, 1, &peer, &value, 1);
    assert_string_equal(ip_format(&client, text), "10.0.0.7");
}

static void a_client_is_an_ipv4_address_or_an_ipv6_64(void **state) {
    (void)state;
    struct ip a, b;
    assert_true(ip_parse(STR("2001:db8::1"), &a));
    assert_true(ip_parse(STR("2001:db8::ffff:1"), &b));
    a = ip_client_block(&a);
    b = ip_client_block(&b);
    assert_memory_equal(a.bytes, b.bytes, 16);
    assert_true(ip_parse(STR("192.0.2.1"), &a));
    assert_true(ip_parse(STR("192.0.2.2"), &b));
    a = ip_client_block(&a);
    b = ip_client_block(&b);
    assert_memory_not_equal(a.bytes, b.bytes, 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_spelling),
        cmocka_unit_test(cidrs_are_parsed_strictly),
        cmocka_unit_test(a_cidr_contains_its_addresses_only),
        cmocka_unit_test(the_walk_ends_at_the_first_hop_that_is_not_trusted),
        cmocka_unit_test(the_walk_is_bounded),
        cmocka_unit_test(a_client_is_an_ipv4_address_or_an_ipv6_64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
