#include "unit/test.h"

#include "kube/accept.h"

#define V2 "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
#define V2BETA1 "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"

enum { JSON, AGGREGATED, AGGREGATED_BETA, PROTOBUF, NONE = ACCEPT_NONE };
static const struct str offers[] = { STR("application/json"), STR(V2), STR(V2BETA1),
                                     STR("application/com.github.proto-openapi.spec.v2@v1.0+protobuf") };

struct expectation {
    const char *header;
    int want;
};

static void check(const struct expectation *e, size_t len) {
    for (size_t i = 0; i < len; i++) {
        int got = accept_choose(str_of(e[i].header), offers, ARRAY_LEN(offers));
        if (got != e[i].want)
            fail_msg("\"%s\" chose %d, wanted %d", e[i].header, got, e[i].want);
    }
}

static void what_clients_send_gets_what_they_hope_for(void **state) {
    (void)state;
    static const struct expectation table[] = {
        { NULL, JSON }, /* no header */
        { "", JSON },
        { "*/*", JSON },
        { "application/json, */*", JSON },                  /* kubectl get --raw */
        { V2 "," V2BETA1 ",application/json", AGGREGATED }, /* kubectl 1.30 and later */
        { V2BETA1 ",application/json", AGGREGATED_BETA },   /* kubectl 1.26 */
        { "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io;profile=nopeer", AGGREGATED },
        { "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", PROTOBUF },
        { "application/vnd.kubernetes.protobuf,application/json", JSON },
        { "application/vnd.kubernetes.protobuf", NONE },
        { "application/json;as=Table;v=v1;g=meta.k8s.io", NONE },
        { "application/json;as=APIVersions;v=v2;g=apidiscovery.k8s.io", NONE },
        { "application/json;as=Table;v=v1;g=meta.k8s.io,application/json", JSON },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON }, /* a browser */
    };
    check(table, ARRAY_LEN(table));
}

static void qualities_order_what_is_acceptable(void **state) {
    (void)state;
    static const struct expectation table[] = {
        { "application/json;q=0.5, " V2 ";q=0.6", AGGREGATED },
        { "application/json;q=0.6, " V2 ";q=0.5", JSON },
        { "application/json;q=0.123, " V2 ";q=0.124", AGGREGATED },
        { V2 ";q=0, " V2BETA1 ";q=0.1", AGGREGATED_BETA },
        { "application/json;q=0", NONE },
        /* A precise range beats a wide one, whatever stands first. */
        { "*/*, application/json;q=0", PROTOBUF },
        { "application/*;q=0.1, application/json;q=0.2", JSON },
        { "*/*;q=0.1, " V2 ";q=1.000", AGGREGATED },
        { "application/*", JSON },
        { "text/*", NONE },
    };
    check(table, ARRAY_LEN(table));
}

static void case_blanks_and_quotes_do_not_count(void **state) {
    (void)state;
    static const struct expectation table[] = {
        { "Application/JSON", JSON },
        { " application/json ; charset=utf-8 ", JSON },
        { "application/json;G=\"apidiscovery.k8s.io\"; V=\"v2\"; as=APIGroupDiscoveryList", AGGREGATED },
        { "application/json;g=APIDISCOVERY.k8s.io;v=v2;as=APIGroupDiscoveryList", NONE }, /* values do */
    };
    check(table, ARRAY_LEN(table));
}

static void malformed_ranges_do_not_count(void **state) {
    (void)state;
    static const struct expectation table[] = {
        { "json", NONE },
        { "application/", NONE },
        { "/json", NONE },
        { "application/j son", NONE },
        { ",,,", NONE },
        { ",application/json,", JSON },
        { "application/json;q=", NONE },
        { "application/json;q=x", NONE },
        { "application/json;q=2", NONE },
        { "application/json;q=1.001", NONE },
        { "application/json;q=0.1234", NONE },
        { "application/json;q=-1", NONE },
        { "*/json", NONE },
    };
    check(table, ARRAY_LEN(table));
}

static void ranges_behind_the_limit_do_not_count(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf header = STRBUF(4096);
    for (size_t i = 0; i < ACCEPT_RANGES_MAX; i++)
        strbuf_adds(&header, "text/plain,");
    strbuf_adds(&header, "application/json");
    assert_int_equal(accept_choose(strbuf_str(&header), offers, ARRAY_LEN(offers)), ACCEPT_NONE);
    assert_int_equal(
        accept_choose(str_from(strbuf_str(&header), strlen("text/plain,")), offers, ARRAY_LEN(offers)), JSON);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_clients_send_gets_what_they_hope_for),
        cmocka_unit_test(qualities_order_what_is_acceptable),
        cmocka_unit_test(case_blanks_and_quotes_do_not_count),
        cmocka_unit_test(malformed_ranges_do_not_count),
        cmocka_unit_test(ranges_behind_the_limit_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
