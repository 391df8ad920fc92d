#include "unit/connector/rig.h"
#include "connector/ldap/config.h"
#include <stdio.h>

#define USER "userSearch: {baseDN: 'dc=x', username: uid}\n"

static void refused(const char *yaml, const char *says) {
    AUTO(rig_close) struct rig r = { 0 };
    const char *text = rig_problems(&r, "ldap", yaml);
    if (strstr(text, says) == NULL)
        fail_msg("%s\nsays\n%s\nnot \"%s\"", yaml, text, says);
}

static void what_is_wrong_is_said_with_key_and_reason(void **state) {
    (void)state;
    refused("{}", "host: is missing");
    refused("{}", "userSearch: is missing");
    refused("host: x\n", "userSearch: is missing");
    refused("host: x\nuserSearch: {}\n", "userSearch.baseDN: is missing");
    refused("host: x\nuserSearch: {baseDN: 'dc=x'}\n", "userSearch.username: is missing");
    refused("host: x\nuserSearch: {baseDN: 'dc=x', username: ''}\n", "userSearch.username: is missing");
    refused("host: x\nuserSearch: {baseDN: 'dc=x', username: []}\n",
            "userSearch.username: names no attribute");
    refused("host: x\nuserSearch: {baseDN: 'dc=x', username: 123}\n", "\"123\" is no attribute name");
    refused("host: x\nuserSearch: {baseDN: 'dc=x', username: [uid, 'a b']}\n",
            "\"a b\" is no attribute name");
    refused("host: x\nuserSearch: {baseDN: rubbish, username: uid}\n", "userSearch.baseDN: DN, position");
    refused("host: x\nuserSearch: {baseDN: 'dc=x', username: uid, scope: base}\n", "write one of: sub, one");
    refused("host: x\nuserSearch: {baseDN: 'dc=x', username: uid, filter: '(a=b'}\n",
            "userSearch.filter: not a search");
    refused("host: x\nuserSearch: {baseDN: 'dc=x', username: uid, filter: 'a=b'}\n", "where '('");
    refused("host: x\nuserSearch: {baseDN: 'dc=x', username: uid, emailSuffix: '@x.org'}\n",
            "without the '@'");
    refused("host: x\nuserSearch: {baseDN: 'dc=x', username: uid, idattr: x}\n", "did you mean \"idAttr\"");
    refused("host: 'ldaps://x'\n" USER, "without ldap://");
    refused("host: 'x:0'\n" USER, "is no port");
    refused("host: 'x:99999'\n" USER, "is no port");
    refused("host: 'x:'\n" USER, "is no port");
    refused("host: '[::1'\n" USER, "IPv6");
    refused("host: 'a b'\n" USER, "is no host name");
    refused("host: x\nhosts: ['y:z']\n" USER, "is no port");
    refused("host: x\nclientCert: /tmp/c.pem\n" USER, "clientCert and clientKey go together");
    refused("host: x\nclientKey: /tmp/c.pem\n" USER, "clientCert and clientKey go together");
    refused("host: x\nrootCA: /nonexistent/ca.pem\n" USER, "rootCA: /nonexistent/ca.pem");
    refused("host: x\nrootCA: /dev/null\n" USER, "no certificate in PEM form");
    refused("host: x\nrootCAData: '!'\n" USER, "rootCAData: neither PEM nor base64");
    refused("host: x\nbindDN: 'cn=a'\n" USER, "bindPW: is missing");
    refused("host: x\nbindPW: a\n" USER, "bindDN: is missing");
    refused("host: x\nbindDN: a\nbindPW: a\n" USER, "bindDN: DN, position");
    refused("host: x\nkerberos: {enabled: true, keytabPath: /k}\n" USER, "kerberos.enabled: not supported");
    refused("host: x\ngroupSearch: {baseDN: 'dc=x', userAttr: DN, groupAttr: member}\n" USER,
            "nameAttr: is missing");
    refused("host: x\ngroupSearch: {baseDN: 'dc=x', nameAttr: cn}\n" USER, "userMatchers: is missing");
    refused("host: x\ngroupSearch: {baseDN: 'dc=x', nameAttr: cn, userAttr: DN}\n" USER, "go together");
    refused("host: x\ngroupSearch: {baseDN: 'dc=x', nameAttr: cn, userMatchers: [{userAttr: DN}]}\n" USER,
            "groupAttr: is missing");
    refused("host: x\ngroupSearch: {baseDN: 'dc=x', nameAttr: cn, filter: '(', userAttr: DN, groupAttr: "
            "m}\n" USER,
            "groupSearch.filter: not a search");
    refused("host: x\npoolSize: 0\n" USER, "poolSize");
    refused("host: x\nconnectTimeout: 5h\n" USER, "connectTimeout");
}

static void every_problem_is_told_at_once(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    const char *text = rig_problems(&r, "ldap",
                                    "host: 'x:0'\nuserSearch: {baseDN: 'dc=x', username: uid, filter: '('}\n"
                                    "groupSearch: {baseDN: 'dc=x'}\n");
    assert_non_null(strstr(text, "test.yaml:1: host"));
    assert_non_null(strstr(text, "test.yaml:2: userSearch.filter"));
    assert_non_null(strstr(text, "test.yaml:3: groupSearch.nameAttr"));
}

static void what_is_right_is_taken_without_asking_anybody(void **state) {
    (void)state;
    static const char *const good[] = {
        "host: x\n" USER,
        "hosts: [x, 'y:3269', '[::1]:636', '[::1]']\n" USER,
        "host: x\ninsecureNoSSL: true\nstartTLS: true\n" USER,
        "host: x\nkerberos: {enabled: false}\n" USER,
        "host: x\nbindDN: 'cn=a,dc=x'\nbindPW: x\n" USER,
        "{\"host\": \"x\",\n\t\"userSearch\": {\"baseDN\": \"dc=x\", \"username\": [\"uid\", \"mail\"]}}",
        "host: x\nuserSearch:\n  baseDN: dc=x\n  username: uid\n  filter: |\n    (&\n      "
        "(objectClass=person)\n"
        "      (!(locked=TRUE))\n    )\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        AUTO(rig_close) struct rig r = { 0 };
        rig_open(&r, "ldap", good[i]);
        assert_int_equal(connector_health(r.c, &r.err), ERR_OK);
    }
}

static void the_example_is_taken(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    AUTO(strbuf_done) struct strbuf text = STRBUF(1 << 16);
    struct err err = { 0 };
    assert_ok(file_read("config/ldap.json", 1 << 16, &text, &err));
    /* Only the two files it names are missing here. */
    const char *problems = rig_problems(&r, "ldap", strbuf_c(&text));
    assert_non_null(strstr(problems, "rootCA"));
    assert_non_null(strstr(problems, "bindPW"));
    for (size_t i = 0; i < r.problems.len; i++)
        if (strstr(r.problems.items[i].path, "rootCA") == NULL &&
            strstr(r.problems.items[i].path, "bindPW") == NULL)
            fail_msg("%s", problems);
}

static void has_keys(const char *page, const char *prefix, const struct cfg_field *fields) {
    for (const struct cfg_field *f = fields; f->type != CFG_END; f++) {
        char key[128];
        (void)snprintf(key, sizeof key, "`%s%s`", prefix, f->key);
        if (f->type == CFG_TABLE && strcmp(f->key, "kerberos") != 0) {
            (void)snprintf(key, sizeof key, "%s.", f->key);
            has_keys(page, key, f->fields);
        } else if (strstr(page, key) == NULL) {
            fail_msg("docs/ldap.md does not explain %s", key);
        }
    }
}

static void every_key_is_explained(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf text = STRBUF(1 << 16);
    struct err err = { 0 };
    assert_ok(file_read("docs/ldap.md", 1 << 16, &text, &err));
    has_keys(strbuf_c(&text), "", ldap_config_fields);
}

static void a_password_may_come_from_a_file(void **state) {
    (void)state;
    char path[] = "/tmp/tke-auth-bindpw-XXXXXX", yaml[256];
    struct err err = { 0 };
    AUTO(rig_close) struct rig r = { 0 };
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_ok(file_write_atomic(path, STR("secret\n"), 0600, &err));
    (void)snprintf(yaml, sizeof yaml, "host: x\nbindDN: 'cn=a'\nbindPWFile: %s\n" USER, path);
    rig_open(&r, "ldap", yaml);
    (void)remove(path);
}

static void the_port_follows_from_how_tls_is_used(void **state) {
    (void)state;
    assert_int_equal(ldap_default_port(&(struct ldap_config) { 0 }), 636);
    assert_int_equal(ldap_default_port(&(struct ldap_config) { .start_tls = true }), 389);
    assert_int_equal(ldap_default_port(&(struct ldap_config) { .insecure_no_ssl = true }), 389);
}

static void hosts_are_split_from_ports(void **state) {
    (void)state;
    static const struct {
        const char *text, *name;
        int port;
    } cases[] = {
        { "ldap.example.com", "ldap.example.com", 7 },
        { "ldap.example.com:389", "ldap.example.com", 389 },
        { "192.0.2.1:1", "192.0.2.1", 1 },
        { "[2001:db8::1]", "2001:db8::1", 7 },
        { "[2001:db8::1]:65535", "2001:db8::1", 65535 },
        { "open_ldap.default", "open_ldap.default", 7 },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(4096);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ldap_host h;
        struct err err = { 0 };
        assert_ok(ldap_host_parse(a, str_of(cases[i].text), 7, &h, &err));
        assert_string_equal(h.name, cases[i].name);
        assert_int_equal(h.port, cases[i].port);
    }
}

static void secrets_are_not_printed(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf out = STRBUF(1 << 16);
    struct ldap_config c = { .host = "x", .bind_pw = { (unsigned char[]) { "hunter2" }, 7 } };
    cfg_print(ldap_config_fields, &c, 0, &out);
    assert_null(strstr(strbuf_c(&out), "hunter2"));
    assert_non_null(strstr(strbuf_c(&out), "bindPW"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said_with_key_and_reason),
        cmocka_unit_test(every_problem_is_told_at_once),
        cmocka_unit_test(what_is_right_is_taken_without_asking_anybody),
        cmocka_unit_test(the_example_is_taken),
        cmocka_unit_test(every_key_is_explained),
        cmocka_unit_test(a_password_may_come_from_a_file),
        cmocka_unit_test(the_port_follows_from_how_tls_is_used),
        cmocka_unit_test(hosts_are_split_from_ports),
        cmocka_unit_test(secrets_are_not_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
