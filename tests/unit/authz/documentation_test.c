/* What the documentation and deploy/ show must work as shown. */
#include "service.h"

#include "authz/engine_enforcer.h"
#include "tkeauth/config.h"

static const char page[] = "docs/kubernetes-authorization.md";

static struct arena *arena;
static struct cfg_problems problems;

static int setup(void **state) {
    struct err err;
    arena = arena_new(64 << 20);
    assert_int_equal(cfg_problems_init(&problems, &err), ERR_OK);
    return service_setup(state);
}

static int teardown(void **state) {
    arena_free(arena);
    cfg_problems_done(&problems);
    return service_teardown(state);
}

/* The next ```LANGUAGE block; false at the end. */
static bool next_block(struct str *rest, struct str *language, struct str *text) {
    const char *open = rest->len == 0 ? NULL : memmem(rest->ptr, rest->len, "\n```", 4);
    if (open == NULL)
        return false;
    *rest = str_from(*rest, (size_t)(open - rest->ptr) + 4);
    (void)str_cut(*rest, '\n', language, rest);
    const char *close = memmem(rest->ptr, rest->len, "\n```", 4);
    assert_non_null(close);
    *text = str_sub(*rest, 0, (size_t)(close - rest->ptr) + 1);
    *rest = str_from(*rest, text->len + 3);
    return true;
}

static const char *as_file(struct service *s, const char *name, struct str text) {
    service_write(s, name, arena_strdup(arena, text));
    return service_path(s, name);
}

static void check_kubeconfig(struct service *s, const char *path, const char *url_end) {
    struct err err = { 0 };
    const struct config *c = NULL;
    struct authz_options o;
    char yaml[1024];
    (void)snprintf(yaml, sizeof yaml, "authorization: {webhook_config_file: %s}\n", path);
    assert_ok(config_load(arena, as_file(s, "outer.yaml", str_of(yaml)), &c, &problems, &err));
    assert_ok(authz_options_from_config(arena, c, &o, &err));
    assert_true(str_ends_with(str_of(o.webhook.url), str_of(url_end)));
    assert_non_null(o.webhook.ca_file);
    assert_non_null(o.webhook.client_cert_file);
    assert_non_null(o.webhook.client_key_file);
}

static void check_yaml(struct service *s, struct str text) {
    struct err err = { 0 };
    const struct cfg_node *root = NULL;
    const struct config *c = NULL;
    struct str first, rest;
    assert_ok(cfg_parse(arena, text, page, &root, &problems, &err));
    (void)str_cut(text, '\n', &first, &rest);
    if (str_eq(first, STR("# tke-auth.yaml"))) {
        assert_ok(config_load(arena, as_file(s, "tke-auth.yaml", text), &c, &problems, &err));
        assert_int_equal(problems.warnings, 0);
    } else if (str_eq(first, STR("# kubeconfig")))
        check_kubeconfig(s, as_file(s, "kubeconfig", text), "/auth/authz");
    else
        assert_str(first, "# AuthorizationConfiguration");
}

static void every_example_of_the_page_can_be_used(void **state) {
    struct service *s = *state;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf text = STRBUF(1 << 20);
    assert_ok(file_read(page, 1 << 20, &text, &err));
    struct str rest = strbuf_str(&text), language, block;
    size_t yaml = 0, json = 0, csv = 0;
    while (next_block(&rest, &language, &block)) {
        if (str_eq(language, STR("yaml"))) {
            check_yaml(s, block);
            yaml++;
        } else if (str_eq(language, STR("json"))) {
            json_auto_t *tree = NULL;
            assert_ok(json_parse(block, &tree, &err));
            json++;
        } else if (str_eq(language, STR("csv"))) {
            struct engine engine;
            s->options.files.policy = as_file(s, "policy.csv", block);
            assert_ok(engine_enforcer_load(&s->options, &engine, &err));
            engine.ops->free(engine.impl);
            csv++;
        }
    }
    assert_int_equal(yaml, 6);
    assert_int_equal(json, 1);
    assert_int_equal(csv, 1);
}

static void the_files_for_kube_apiserver_can_be_used(void **state) {
    struct service *s = *state;
    struct err err = { 0 };
    const struct cfg_node *root = NULL;
    check_kubeconfig(s, "deploy/kube-apiserver/authz-webhook.kubeconfig", "/auth/authz");
    check_kubeconfig(s, "deploy/kube-apiserver/authn-webhook.kubeconfig", "/auth/authn");
    assert_ok(
        cfg_parse_file(arena, "deploy/kube-apiserver/authorization-config.yaml", &root, &problems, &err));
    assert_non_null(cfg_node_find(root, "authorizers"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_example_of_the_page_can_be_used),
        TEST(the_files_for_kube_apiserver_can_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
