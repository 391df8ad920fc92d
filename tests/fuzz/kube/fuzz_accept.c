/* An Accept header: what is chosen is offered, liked by itself too, and stays chosen when everything is said twice. */
#include <assert.h>

#include "kube/accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct str offers[] = {
        STR("application/json"),
        STR("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"),
        STR("application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"),
        STR("application/com.github.proto-openapi.spec.v2.v1.0+protobuf"),
    };
    const int len = ARRAY_LEN(offers);
    struct str header = { (const char *)data, size };
    size_t ranges = 1;
    int chosen = accept_choose(header, offers, ARRAY_LEN(offers));
    assert(chosen == ACCEPT_NONE || (chosen >= 0 && chosen < len));
    for (int i = 0; i < len; i++) {
        int alone = accept_choose(header, &offers[i], 1);
        assert(alone == ACCEPT_NONE || alone == 0);
        assert(chosen != i || alone == 0);
        assert(chosen != ACCEPT_NONE || alone == ACCEPT_NONE);
    }
    for (size_t i = 0; i < size; i++)
        ranges += header.ptr[i] == ',';
    if (ranges > ACCEPT_RANGES_MAX / 2 || str_trim(header).len == 0)
        return 0;
    AUTO(strbuf_done) struct strbuf twice = STRBUF(1 << 20);
    strbuf_add(&twice, header);
    strbuf_addc(&twice, ',');
    strbuf_add(&twice, header);
    assert(twice.failed || accept_choose(strbuf_str(&twice), offers, ARRAY_LEN(offers)) == chosen);
    return 0;
}
