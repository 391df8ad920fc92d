#include "unit/resource/rig.h"

#include <stdio.h>
#include <unistd.h>

#include "resource/index.h"

struct rig rig;

enum { MEMORY_MAX = 512 * 1024 * 1024, TEXT_MAX = 64 * 1024 * 1024 };

const struct resource_options rig_plain = { 0 }, rig_trusted = { .trusted = true },
                              rig_dry = { .dry_run = true },
                              rig_status = { .part = PART_STATUS, .subresource = { "status", 6 } },
                              rig_finalize = { .part = PART_FINALIZE, .subresource = { "finalize", 8 } };

/* ---- between resource and store (linked with --wrap) ---- */

enum err_code __real_store_transact(struct store *s, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                                    struct err *err);
enum err_code __wrap_store_transact(struct store *s, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                                    struct err *err);

struct first_run {
    store_tx_fn *fn;
    void *ctx;
};

static enum err_code run_in_vain(void *ctx, struct store_tx *tx, struct err *err) {
    struct first_run *first = ctx;
    enum err_code rc = first->fn(first->ctx, tx, err);
    return rc != ERR_OK ? rc : err_set(err, ERR_UNAVAILABLE, "another one's failure");
}

enum err_code __wrap_store_transact(struct store *s, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                                    struct err *err) {
    if (rig.interfere != NULL && !rig.interfering) {
        rig.interfering = true;
        rig.interfere();
        rig.interfering = false;
    }
    struct first_run first = { fn, ctx };
    if (rig.twice)
        (void)!__real_store_transact(s, run_in_vain, &first, NULL, err);
    return __real_store_transact(s, fn, ctx, ret_revision, err);
}

/* ---- life ---- */

int rig_setup(void **state) {
    static const unsigned char key[KEYRING_KEY_SIZE] = { 9 };
    bool twice = strcmp(*state, "twice") == 0;
    rig = (struct rig) { .backend = twice ? "memory" : *state,
                         .twice = twice,
                         .folder = "/tmp/tke-auth-resource-XXXXXX" };
    assert_non_null(mkdtemp(rig.folder));
    rig.arena = arena_new(MEMORY_MAX);
    clock_fixed_init(&rig.clock, (int64_t)RIG_START * 1000);
    random_fixed_init(&rig.random, 5);
    rig_ok(keyring_from_key(key, &rig.keyring, &rig.err));
    const struct store_options options = { .type = rig.backend,
                                           .path = rig_text("%s/test.db", rig.folder),
                                           .clock = &rig.clock };
    rig_ok(store_open(&options, &rig.store, &rig.err));
    rig.env = (struct resource_env) {
        .store = rig.store, .keyring = rig.keyring, .clock = &rig.clock, .random = &rig.random
    };
    return 0;
}

int rig_teardown(void **state) {
    static const char *const files[] = { "test.db", "test.db-wal", "test.db-shm" };
    (void)state;
    store_close(rig.store);
    keyring_free(rig.keyring);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        (void)unlink(rig_text("%s/%s", rig.folder, files[i]));
    (void)rmdir(rig.folder);
    arena_free(rig.arena);
    return 0;
}

/* ---- texts ---- */

const char *rig_quoted(const char *ticks) {
    char *copy = arena_strdup(rig.arena, str_of(ticks));
    assert_non_null(copy);
    for (char *p = copy; *p != 0; p++)
        if (*p == '\'')
            *p = '"';
    return copy;
}

const char *rig_text(const char *fmt, ...) {
    va_list args;
    char *text = NULL;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    assert_true(n >= 0);
    const char *copy = arena_strdup(rig.arena, str_of(text));
    free(text);
    assert_non_null(copy);
    return copy;
}

json_t *rig_json(const char *ticks) {
    json_t *value = NULL;
    struct err err = { 0 };
    if (json_parse_in(rig.arena, str_of(rig_quoted(ticks)), &value, &err) != ERR_OK)
        fail_msg("%s: %s", ticks, err.detail);
    return value;
}

static void release(void *value) { json_decref(value); }

json_t *rig_keep(json_t *owned) {
    if (owned != NULL)
        assert_true(arena_defer(rig.arena, release, owned));
    return owned;
}

/* ---- calls ---- */

static void forget(void) {
    rig.refusal = (struct refusal) { .arena = rig.arena };
    rig.err = (struct err) { 0 };
    rig.object = NULL;
    rig.revision = 0;
    rig.removed = false;
}

enum err_code rig_try_create(const struct kind *k, const json_t *given, const struct resource_options *o) {
    forget();
    enum err_code rc = resource_create(&rig.env, k, rig.arena, given, o, &rig.object, &rig.revision,
                                       &rig.refusal, &rig.err);
    (void)rig_keep(rig.object);
    return rc;
}

enum err_code rig_try_update(const struct kind *k, const char *name, const json_t *given, int64_t revision,
                             const struct resource_options *o) {
    if (revision == 0)
        revision = rig_revision_of(k, name);
    forget();
    enum err_code rc = resource_update(&rig.env, k, rig.arena, str_of(name), given, revision, o, &rig.object,
                                       &rig.revision, &rig.removed, &rig.refusal, &rig.err);
    (void)rig_keep(rig.object);
    return rc;
}

enum err_code rig_try_remove(const struct kind *k, const char *name, const struct resource_delete *o) {
    forget();
    enum err_code rc = resource_remove(&rig.env, k, rig.arena, str_of(name), o, &rig.object, &rig.revision,
                                       &rig.removed, &rig.refusal, &rig.err);
    (void)rig_keep(rig.object);
    return rc;
}

enum err_code rig_try_bind(const struct kind *k, const char *name, const char *users, const char *groups,
                           bool bind) {
    forget();
    enum err_code rc = resource_bind(&rig.env, k, rig.arena, str_of(name),
                                     users != NULL ? rig_json(users) : NULL,
                                     groups != NULL ? rig_json(groups) : NULL, bind, &rig_plain, &rig.object,
                                     &rig.revision, &rig.refusal, &rig.err);
    (void)rig_keep(rig.object);
    return rc;
}

const char *rig_why(void) { return rig.refusal.status != 0 ? rig.refusal.message : rig.err.detail; }

json_t *rig_create(const struct kind *k, const char *ticks) {
    if (rig_try_create(k, rig_json(ticks), &rig_plain) != ERR_OK)
        fail_msg("creating %s: %s", ticks, rig_why());
    return rig.object;
}

json_t *rig_import(const struct kind *k, const char *ticks) {
    if (rig_try_create(k, rig_json(ticks), &rig_trusted) != ERR_OK)
        fail_msg("importing %s: %s", ticks, rig_why());
    return rig.object;
}

json_t *rig_update(const struct kind *k, const char *name, const json_t *given) {
    if (rig_try_update(k, name, given, 0, &rig_plain) != ERR_OK)
        fail_msg("changing %s %s: %s", k->kind, name, rig_why());
    return rig.object;
}

void rig_remove(const struct kind *k, const char *name) {
    const struct resource_delete o = { 0 };
    if (rig_try_remove(k, name, &o) != ERR_OK)
        fail_msg("removing %s %s: %s", k->kind, name, rig_why());
}

void rig_finish(const struct kind *k, const char *name) {
    forget();
    rig_ok(resource_finish(&rig.env, k, str_of(name), &rig.err));
}

void rig_delete(const struct kind *k, const char *name) {
    rig_remove(k, name);
    rig_finish(k, name);
    if (rig_has(k, name))
        fail_msg("%s %s is still there", k->kind, name);
}

void rig_bind(const struct kind *k, const char *name, const char *users, const char *groups, bool bind) {
    if (rig_try_bind(k, name, users, groups, bind) != ERR_OK)
        fail_msg("binding %s %s: %s", k->kind, name, rig_why());
}

/* ---- refusals ---- */

bool rig_has_cause(const char *reason, const char *field) {
    for (size_t i = 0; i < rig.refusal.cause_count; i++)
        if (strcmp(rig.refusal.causes[i].reason, reason) == 0 &&
            strcmp(rig.refusal.causes[i].field, field) == 0)
            return true;
    return false;
}

void rig_assert_cause(const char *reason, const char *field) {
    if (!rig_has_cause(reason, field))
        fail_msg("no %s at %s: %u %s", reason, field, rig.refusal.status, rig_why());
}

void rig_assert_refused(unsigned status, const char *reason) {
    if (rig.refusal.status != status || strcmp(rig.refusal.reason, reason) != 0)
        fail_msg("wanted %u %s, got %u %s: %s", status, reason, rig.refusal.status,
                 rig.refusal.reason != NULL ? rig.refusal.reason : "", rig_why());
}

void rig_create_refused(const struct kind *k, const char *ticks, const char *reason, const char *field) {
    const char *before = rig_dump();
    if (rig_try_create(k, rig_json(ticks), &rig_plain) == ERR_OK)
        fail_msg("created: %s", ticks);
    rig_assert_refused(422, "Invalid");
    rig_assert_cause(reason, field);
    assert_string_equal(rig_dump(), before);
}

void rig_update_refused(const struct kind *k, const char *name, const json_t *given, const char *reason,
                        const char *field) {
    const char *before = rig_dump();
    if (rig_try_update(k, name, given, 0, &rig_plain) == ERR_OK)
        fail_msg("changed: %s %s", k->kind, name);
    rig_assert_refused(422, "Invalid");
    rig_assert_cause(reason, field);
    assert_string_equal(rig_dump(), before);
}

bool rig_warned(const char *part) {
    for (size_t i = 0; i < rig.refusal.warning_count; i++)
        if (strstr(rig.refusal.warnings[i], part) != NULL)
            return true;
    return false;
}

/* ---- what is there ---- */

static bool find(const struct kind *k, const char *name, struct store_object *ret) {
    struct err err = { 0 };
    enum err_code rc = store_get_whole(rig.store, rig.arena, str_of(k->plural), str_of(name), ret, &err);
    if (rc != ERR_OK && rc != ERR_NOT_FOUND)
        fail_msg("%s %s: %s", k->kind, name, err.detail);
    return rc == ERR_OK;
}

json_t *rig_get(const struct kind *k, const char *name) {
    struct store_object o;
    json_t *object = NULL;
    if (!find(k, name, &o))
        return NULL;
    rig_ok(json_parse_in(rig.arena, o.body, &object, &rig.err));
    return object;
}

json_t *rig_read(const struct kind *k, const char *name) {
    struct store_object o;
    json_t *object = NULL;
    AUTO(strbuf_done) struct strbuf text = STRBUF(2 * STORE_OBJECT_MAX);
    if (!find(k, name, &o))
        fail_msg("there is no %s %s", k->kind, name);
    object_print(k, o.body, o.revision, &text);
    rig_ok(strbuf_check(&text, &rig.err));
    rig_ok(json_parse_in(rig.arena, strbuf_str(&text), &object, &rig.err));
    return object;
}

bool rig_has(const struct kind *k, const char *name) {
    struct store_object o;
    return find(k, name, &o);
}

struct str rig_secret(const struct kind *k, const char *name) {
    struct store_object o;
    if (!find(k, name, &o))
        fail_msg("there is no %s %s", k->kind, name);
    return o.secret;
}

int64_t rig_revision_of(const struct kind *k, const char *name) {
    struct store_object o;
    return find(k, name, &o) ? o.revision : 1;
}

int64_t rig_revision(void) {
    int64_t revision = 0;
    rig_ok(store_revision(rig.store, &revision, &rig.err));
    return revision;
}

static enum err_code count_one(void *ctx, const struct store_object *o, struct err *err) {
    (void)o;
    (void)err;
    ++*(size_t *)ctx;
    return ERR_OK;
}

size_t rig_count(const struct kind *k, struct str index_key) {
    size_t count = 0;
    const struct store_query q = {
        .kind = str_of(k->plural), .key = index_key, .each = count_one, .ctx = &count
    };
    rig_ok(store_list(rig.store, &q, NULL, &rig.err));
    return count;
}

static const json_t *step(const json_t *v, struct str part) {
    size_t bracket = str_find(part, '[');
    uint64_t i = 0;
    struct err ignored;
    if (bracket > 0)
        v = json_object_getn(v, part.ptr, bracket);
    if (bracket == part.len)
        return v;
    struct str digits = str_sub(part, bracket + 1, part.len - bracket - 2);
    assert_int_equal(parse_u64(digits, 0, 1000000, &i, &ignored), ERR_OK);
    return json_array_get(v, i);
}

void rig_assert_at(const json_t *object, const char *path, const char *ticks) {
    struct str rest = str_of(path), part;
    const json_t *v = object;
    assert_non_null(object);
    while (rest.len > 0 && v != NULL) {
        (void)str_cut(rest, '.', &part, &rest);
        v = step(v, part);
    }
    const json_t *wanted = ticks != NULL ? rig_json(ticks) : NULL;
    if (v == NULL ? wanted == NULL : wanted != NULL && json_equal(v, wanted))
        return;
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *got = rig_text("%s", text != NULL ? text : "absent");
    free(text);
    fail_msg("%s is %s, wanted %s", path, got, ticks != NULL ? ticks : "nothing");
}

static enum err_code dump_one(void *ctx, const struct store_object *o, struct err *err) {
    struct strbuf *out = ctx;
    unsigned char digest[SHA256_SIZE];
    strbuf_addf(out, "%.*s/%.*s@%lld %.*s ", STR_FMT(o->kind), STR_FMT(o->name), (long long)o->revision,
                STR_FMT(o->body));
    sha256(o->secret, digest);
    hex_add(out, digest, 8);
    strbuf_addc(out, '\n');
    return strbuf_check(out, err);
}

static enum err_code dump_owner(void *ctx, struct str owner, struct str name, struct err *err) {
    strbuf_addf(ctx, "%.*s owns %.*s\n", STR_FMT(owner), STR_FMT(name));
    return strbuf_check(ctx, err);
}

const char *rig_dump(void) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(TEXT_MAX);
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++) {
        const struct store_query q = {
            .kind = str_of((*k)->plural), .each = dump_one, .ctx = &out, .with_secret = true
        };
        rig_ok(store_list(rig.store, &q, NULL, &rig.err));
    }
    rig_ok(store_owned_list(rig.store, STR("rules"), STR_NULL, STR_NULL, 0, dump_owner, &out, &rig.err));
    return rig_text("revision %lld\n%s", (long long)rig_revision(), strbuf_c(&out));
}

/* ---- rules ---- */

enum { LINES_MAX = 20000 };
struct lines {
    const char **items;
    size_t len;
};

static enum err_code note_rule(void *ctx, const struct store_object *o, struct err *err) {
    struct lines *l = ctx;
    AUTO(strbuf_done) struct strbuf text = STRBUF(64 * 1024);
    struct rule_view rule;
    rig_ok(rule_read(rig.arena, o->body, &rule, err));
    strbuf_add(&text, rule.ptype);
    for (size_t i = 0; i < rule.len; i++)
        strbuf_addf(&text, ", %.*s", STR_FMT(rule.fields[i]));
    assert_true(l->len < LINES_MAX);
    l->items[l->len++] = rig_text("%s", strbuf_c(&text));
    return ERR_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *rig_rules(void) {
    struct lines l = { .items = arena_array(rig.arena, LINES_MAX, sizeof *l.items) };
    AUTO(strbuf_done) struct strbuf out = STRBUF(TEXT_MAX);
    const struct store_query q = { .kind = STR("rules"), .each = note_rule, .ctx = &l };
    rig_ok(store_list(rig.store, &q, NULL, &rig.err));
    if (l.len > 0)
        qsort(l.items, l.len, sizeof l.items[0], by_text);
    for (size_t i = 0; i < l.len; i++)
        strbuf_addf(&out, "%s\n", l.items[i]);
    return rig_text("%s", strbuf_c(&out));
}

void rig_assert_rules(const char *lines) { assert_string_equal(rig_rules(), lines); }

/* ---- objects ---- */

void rig_tenant(const char *name) {
    rig_create(&kind_identity_provider,
               rig_text("{'metadata':{'name':'%s'},'spec':{'name':'%s','type':'tke'}}", name, name));
}

void rig_user(const char *tenant, const char *username) {
    rig_import(&kind_local_identity,
               rig_text("{'metadata':{'name':'usr-%s'},'spec':{'username':'%s','displayName':'%s',"
                        "'tenantID':'%s','hashedPassword':'" RIG_HASH "'}}",
                        username, username, username, tenant));
}

void rig_policy(const char *tenant, const char *name, const char *scope) {
    rig_create(&kind_policy, rig_text("{'metadata':{'name':'%s'},'spec':{'displayName':'%s','tenantID':'%s',"
                                      "'category':'c','scope':'%s',"
                                      "'statement':{'actions':['get*'],'resources':['*'],'effect':'allow'}}}",
                                      name, name, tenant, scope));
}

#define SIGNED_KEY "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c3IiOiJhbGljZSJ9.c2lnbmF0dXJl"

const struct rig_sample rig_samples[] = {
    { &kind_identity_provider, "acme",
      "{'metadata':{'name':'acme','labels':{'a':'b'}},'spec':{'name':'T','type':'ldap',"
      "'administrators':['root'],'config':'{\\'host\\': \\'ldap.example\\', \\'bindDN\\':"
      "\\'cn=a\\',\\'bindPW\\':\\'hunter2\\'}'}}",
      false },
    { &kind_local_identity, "usr-alice",
      "{'metadata':{'name':'usr-alice','annotations':{'x':'y'}},'spec':{'username':'alice',"
      "'displayName':'Alice','email':'alice@example.org','phoneNumber':'+49 30 1234','tenantID':'acme',"
      "'groups':['old'],'extra':{'k':'v','emailVerified':'true'},'hashedPassword':'" RIG_HASH "'}}",
      true },
    { &kind_local_group, "grp-1",
      "{'metadata':{'name':'grp-1'},'spec':{'displayName':'One','tenantID':'acme','username':'alice',"
      "'description':'d','extra':{'k':'v'}},'status':{'users':[{'id':'usr-alice','name':'alice'}]}}",
      false },
    { &kind_policy, "pol-1",
      "{'metadata':{'name':'pol-1'},'spec':{'displayName':'P','tenantID':'acme','category':'c','type':'"
      "default',"
      "'scope':'platform','username':'alice','description':'d','statement':{'actions':['get*','list*'],"
      "'resources':['cluster:*'],'effect':'deny'},'conditions':'YQ=='},'status':{'users':"
      "[{'id':'usr-alice','name':'alice'}],'groups':[{'id':'grp-1','name':'One'}]}}",
      false },
    { &kind_policy, "pol-2",
      "{'metadata':{'name':'pol-2'},'spec':{'displayName':'P2','tenantID':'acme','category':'c',"
      "'scope':'project','statement':{'actions':['*'],'resources':['*'],'effect':'allow'}}}",
      false },
    { &kind_role, "rol-1",
      "{'metadata':{'name':'rol-1'},'spec':{'displayName':'R','tenantID':'acme','projectID':'prj-1',"
      "'username':'alice','description':'d','policies':['pol-1','pol-2']},'status':{'users':"
      "[{'id':'usr-alice','name':'alice'}],'groups':[{'id':'grp-1','name':'One'}]}}",
      false },
    { &kind_project_policy_binding, "prj-1-pol-2",
      "{'metadata':{},'spec':{'tenantID':'acme','projectID':'prj-1','policyID':'pol-2','users':"
      "[{'id':'usr-alice','name':'alice'}],'groups':[{'id':'grp-1','name':'One'}]}}",
      false },
    { &kind_custom_policy_binding, "ns/pol-1",
      "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'acme','domain':'*','policyID':'pol-1',"
      "'resources':['registry:*'],'rulePrefix':'cg','users':[{'id':'alice','name':'alice'}],"
      "'groups':[{'id':'grp-1','name':'One'}]}}",
      false },
    { &kind_api_key, "apk-1",
      "{'metadata':{'name':'apk-1'},'spec':{'apiKey':'" SIGNED_KEY "','tenantID':'acme','username':'alice',"
      "'userID':'usr-alice','description':'d','issue_at':'2023-11-14T22:13:20Z',"
      "'expire_at':'2033-11-14T22:13:20Z'}}",
      true },
    { &kind_api_signing_key, "key-1",
      "{'metadata':{'name':'key-1'},'signingKey':'eyJrdHkiOiJSU0EifQ==','signingKeyPub':'e30='}", false },
    { &kind_category, "cat",
      "{'metadata':{'name':'cat'},'Spec':{'displayName':'C','description':'d','actions':"
      "[{'name':'getX','description':'d'}]}}",
      false },
    { &kind_client, "confidential",
      "{'metadata':{},'spec':{'id':'confidential','secret':'a secret of clients','redirect_uris':"
      "['https://a.example/cb'],'post_logout_redirect_uris':['https://a.example/'],'trusted_peers':['p'],"
      "'allowed_connectors':['acme'],'grant_types':['authorization_code'],'name':'N',"
      "'logo_url':'https://a.example/l.png','id_token_claims':'minimal','id_token_alg':'ES256',"
      "'require_pkce':true,'id_token_ttl_s':60,'access_token_ttl_s':60}}",
      false },
    { &kind_client, "open",
      "{'metadata':{'name':'open'},'spec':{'public':true,'redirect_uris':['https://a.example/cb']}}", false },
    { &kind_config_map, "cm",
      "{'metadata':{'name':'cm','finalizers':['f/f'],'ownerReferences':[{'apiVersion':'v1','kind':'K',"
      "'name':'n','uid':'u'}]},'data':{'k':'v'},'binaryData':{'b':'YQ=='}}",
      false },
    { NULL, NULL, NULL, false },
};

void rig_populate(void) {
    for (const struct rig_sample *s = rig_samples; s->kind != NULL; s++) {
        (void)(s->trusted ? rig_import : rig_create)(s->kind, s->ticks);
        assert_str(object_store_name(rig.arena, s->kind, rig.object), s->name);
    }
}
