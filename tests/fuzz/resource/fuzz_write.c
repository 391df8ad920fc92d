/* Writing objects of every kind to a store that has some: of a text (the kind's plural, then what is created and what it is changed to, a
 * line each), or of what the bytes choose. Whatever they are: nothing crashes; what is stored has the form of its kind and no secret; what
 * is read and sent back changes nothing; and when it goes, it is as if it had never been. */
#include "choose.h"

#include <stdio.h>

#include "resource/fields.h"
#include "tkeauth/resource.h"

enum { MEMORY_MAX = 256 * 1024 * 1024, NOW = 1700000000 };
#define HASH "$2a$04$abcdefghijklmnopqrstuuPHHmLbpbDxGKjBAJSA0T3ZvVYIUFb7u"

struct world {
    struct clock clock;
    struct random random;
    struct resource_env env;
    struct arena *arena;
};

/* ---- a store with something in it ---- */

static json_t *call(struct world *w, const struct kind *k, const json_t *given,
                    const struct resource_options *o, struct refusal *r) {
    json_t *ret = NULL;
    int64_t revision;
    struct err err = { 0 };
    *r = (struct refusal) { .arena = w->arena };
    enum err_code rc = resource_create(&w->env, k, w->arena, given, o, &ret, &revision, r, &err);
    assert((rc == ERR_OK) == (ret != NULL));
    assert(rc == ERR_OK || r->status != 0 || rc == ERR_NOMEM);
    return ret;
}

static void put(struct world *w, const struct kind *k, const char *text) {
    static const struct resource_options trusted = { .trusted = true };
    struct refusal r;
    struct err err = { 0 };
    json_t *given = NULL;
    enum err_code rc = json_parse(str_of(text), &given, &err);
    assert(rc == ERR_OK);
    json_t *made = call(w, k, given, &trusted, &r);
    assert(made != NULL);
    json_decref(made);
    json_decref(given);
}

static void open_world(struct world *w) {
    static const unsigned char key[KEYRING_KEY_SIZE] = { 3 };
    static struct keyring *keyring;
    struct store *store = NULL;
    struct err err = { 0 };
    enum err_code rc = keyring != NULL ? ERR_OK : keyring_from_key(key, &keyring, &err);
    assert(rc == ERR_OK);
    clock_fixed_init(&w->clock, (int64_t)NOW * 1000);
    random_fixed_init(&w->random, 7);
    const struct store_options options = { .type = "memory", .clock = &w->clock };
    rc = store_open(&options, &store, &err);
    assert(rc == ERR_OK);
    w->arena = arena_new(MEMORY_MAX);
    assert(w->arena != NULL);
    w->env = (struct resource_env) {
        .store = store, .keyring = keyring, .clock = &w->clock, .random = &w->random
    };
    put(w, &kind_local_identity,
        "{\"metadata\":{\"name\":\"usr-a\"},\"spec\":{\"username\":\"alice\",\"displayName\":\"A\","
        "\"tenantID\":\"ten\",\"hashedPassword\":\"" HASH "\"}}");
    put(w, &kind_policy,
        "{\"metadata\":{\"name\":\"pol-a\"},\"spec\":{\"displayName\":\"P\",\"tenantID\":\"ten\","
        "\"category\":"
        "\"c\",\"statement\":{\"actions\":[\"get*\"],\"resources\":[\"*\"],\"effect\":\"allow\"}},\"status\":"
        "{"
        "\"users\":[{\"id\":\"usr-a\",\"name\":\"alice\"}]}}");
    put(w, &kind_policy,
        "{\"metadata\":{\"name\":\"pol-p\"},\"spec\":{\"displayName\":\"P\",\"tenantID\":\"ten\","
        "\"category\":"
        "\"c\",\"scope\":\"project\",\"statement\":{\"actions\":[\"*\"],\"resources\":[\"*\"],\"effect\":"
        "\"deny\"}}}");
}

static void close_world(struct world *w) {
    store_close(w->env.store);
    arena_free(w->arena);
}

/* ---- what must hold of what is stored ---- */

static enum err_code digest_one(void *ctx, const struct store_object *o, struct err *err) {
    struct strbuf *out = ctx;
    strbuf_addf(out, "%.*s/%.*s %.*s %zu\n", STR_FMT(o->kind), STR_FMT(o->name), STR_FMT(o->body),
                o->secret.len);
    return strbuf_check(out, err);
}

/* All bodies, in the arena. */
static struct str dump(struct world *w) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(64 * 1024 * 1024);
    struct err err = { 0 };
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++) {
        const struct store_query q = {
            .kind = str_of((*k)->plural), .each = digest_one, .ctx = &out, .with_secret = true
        };
        enum err_code rc = store_list(w->env.store, &q, NULL, &err);
        assert(rc == ERR_OK);
    }
    return arena_str(w->arena, strbuf_str(&out));
}

static void check_form(struct world *w, const struct kind *k, const json_t *object) {
    struct unknown_fields unknown = { .len = 0 };
    struct refusal r = { .arena = w->arena };
    json_auto_t *decoded = fields_decode(k, object, &unknown, &r);
    json_auto_t *complete = fields_complete(k, object);
    json_auto_t *stripped = json_deep_copy(object);
    assert(decoded != NULL && unknown.len == 0 && r.cause_count == 0);
    assert(complete != NULL && json_equal(complete, object));
    fields_strip_write_only(k, stripped);
    assert(json_equal(stripped, object));
    fields_check(k, object, object, &r);
    meta_check(k, object, &r);
    assert(r.cause_count == 0);
}

struct stored {
    struct store_object o;
    json_t *as_read; /* owned */
};

static struct stored read_back(struct world *w, const struct kind *k, const json_t *object) {
    struct stored s = { .as_read = NULL };
    struct err err = { 0 };
    json_auto_t *body = NULL;
    AUTO(strbuf_done) struct strbuf text = STRBUF(2 * STORE_OBJECT_MAX);
    struct str name = object_store_name(w->arena, k, object);
    enum err_code rc = store_get_whole(w->env.store, w->arena, str_of(k->plural), name, &s.o, &err);
    assert(rc == ERR_OK);
    rc = json_parse(s.o.body, &body, &err);
    assert(rc == ERR_OK && json_equal(body, object));
    object_print(k, s.o.body, s.o.revision, &text);
    rc = json_parse(strbuf_str(&text), &s.as_read, &err);
    assert(rc == ERR_OK);
    return s;
}

static json_t *update(struct world *w, const struct kind *k, struct str name, const json_t *given,
                      int64_t revision, const struct resource_options *o, int64_t *ret_revision,
                      bool *ret_removed) {
    json_t *ret = NULL;
    struct refusal r = { .arena = w->arena };
    struct err err = { 0 };
    enum err_code rc = resource_update(&w->env, k, w->arena, name, given, revision, o, &ret, ret_revision,
                                       ret_removed, &r, &err);
    assert(rc == ERR_OK || r.status != 0 || rc == ERR_NOMEM);
    assert((rc == ERR_OK) == (ret != NULL));
    return ret;
}

static void check_round_trip(struct world *w, const struct kind *k, const json_t *object) {
    static const struct resource_options parts[] = { { .part = PART_ALL },
                                                     { .part = PART_STATUS },
                                                     { .part = PART_FINALIZE } };
    struct stored s = read_back(w, k, object);
    clock_advance(&w->clock, 1000);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        int64_t revision = 0;
        bool removed = true;
        if ((parts[i].part == PART_STATUS && k->status_key == NULL) ||
            (parts[i].part == PART_FINALIZE && k->finalizer == NULL))
            continue;
        json_t *again = update(w, k, s.o.name, s.as_read, s.o.revision, &parts[i], &revision, &removed);
        assert(again != NULL && !removed);
        if (!json_equal(again, object)) {
            char *was = json_dumps(object, 0), *is = json_dumps(again, 0);
            (void)fprintf(stderr, "%s\n%s\n", was, is);
            free(was);
            free(is);
        }
        assert(revision == s.o.revision && json_equal(again, object));
        json_decref(again);
    }
    json_decref(s.as_read);
}

static void remove_it(struct world *w, const struct kind *k, const json_t *object) {
    const struct resource_delete at_once = { .at_once = true };
    struct refusal r = { .arena = w->arena };
    struct err err = { 0 };
    json_t *gone = NULL;
    int64_t revision;
    bool removed = false;
    enum err_code rc = resource_remove(&w->env, k, w->arena, object_store_name(w->arena, k, object), &at_once,
                                       &gone, &revision, &removed, &r, &err);
    assert(rc == ERR_OK && removed);
    json_decref(gone);
}

/* ---- one run ---- */

struct plan {
    const struct kind *kind;
    json_t *first, *second; /* owned; NULL: none */
    struct resource_options options;
};

/* Hashing takes its time by design: only ready hashes go in. */
static void without_password(const struct kind *k, json_t *given) {
    json_t *spec = json_object_get(given, "spec");
    if (k == &kind_local_identity && json_object_get(spec, "hashedPassword") != NULL)
        (void)json_object_set_new(spec, "hashedPassword", json_string(HASH));
}

static void change(struct world *w, const struct plan *p, json_t **object) {
    int64_t revision = 0;
    bool removed = false;
    struct stored s = read_back(w, p->kind, *object);
    json_t *changed = update(w, p->kind, s.o.name, p->second, s.o.revision, &p->options, &revision, &removed);
    json_decref(s.as_read);
    if (changed == NULL)
        return;
    json_decref(*object);
    *object = changed;
    if (removed)
        return;
    check_form(w, p->kind, changed);
    check_round_trip(w, p->kind, changed);
}

static void run(struct plan *p) {
    struct world w = { .arena = NULL };
    struct refusal r;
    open_world(&w);
    without_password(p->kind, p->first);
    without_password(p->kind, p->second);
    struct str before = dump(&w);
    json_auto_t *given = json_deep_copy(p->first);
    json_t *object = call(&w, p->kind, p->first, &p->options, &r);
    assert(json_equal(given, p->first));
    if (object == NULL || p->options.dry_run)
        assert(str_eq(dump(&w), before));
    if (object != NULL && !p->options.dry_run) {
        check_form(&w, p->kind, object);
        check_round_trip(&w, p->kind, object);
        if (p->second != NULL)
            change(&w, p, &object);
        struct store_object o;
        struct err err = { 0 };
        if (store_get(w.env.store, w.arena, str_of(p->kind->plural),
                      object_store_name(w.arena, p->kind, object), &o, &err) == ERR_OK)
            remove_it(&w, p->kind, object);
        size_t wrong = 0;
        enum err_code rc = rules_rebuild(&w.env, &wrong, &err);
        assert(rc == ERR_OK && wrong == 0);
    }
    json_decref(object);
    close_world(&w);
}

/* ---- chosen by bytes: objects that look like what the tables want ---- */

static json_t *choose_text(struct bytes *b) {
    static const char *const texts[] = { "",
                                         "a",
                                         "ten",
                                         "alice",
                                         "carol",
                                         "pol-a",
                                         "pol-p",
                                         "prj-1",
                                         "*",
                                         "ten##usr-a",
                                         "usr-a",
                                         "allow",
                                         "deny",
                                         "project",
                                         "custom",
                                         "YQ==",
                                         "x y",
                                         "https://a.example/cb",
                                         "ldap",
                                         "tke",
                                         "a/:b",
                                         "/:",
                                         "RS256",
                                         "a long enough secret",
                                         "{}",
                                         "{\"bindPW\":\"x\",\"host\":\"h\"}",
                                         "***",
                                         "2033-11-14T22:13:20Z",
                                         "pol-a,pol-p",
                                         "0123456789012345678901234567890123456789",
                                         "cat",
                                         "9##*" };
    return json_string(texts[next_byte(b) % ARRAY_LEN(texts)]);
}

static json_t *choose_fields(struct bytes *b, const struct field *fields, int depth);

static json_t *choose_field(struct bytes *b, const struct field *f, int depth) {
    json_t *v;
    size_t n;
    switch (f->type) {
    case FIELD_STRING:
        if (f->choices != NULL && next_byte(b) % 4 != 0)
            return json_string(f->choices[0]);
        return choose_text(b);
    case FIELD_TIME:
    case FIELD_BYTES: return choose_text(b);
    case FIELD_BOOL: return json_boolean(next_byte(b) % 2);
    case FIELD_INT: return json_integer(next_byte(b) % 64 - 2);
    case FIELD_STRINGS:
        v = json_array();
        for (n = next_byte(b) % 4; n > 0; n--)
            (void)json_array_append_new(v, choose_text(b));
        return v;
    case FIELD_STRING_MAP:
    case FIELD_BYTES_MAP:
        v = json_object();
        for (n = next_byte(b) % 3; n > 0; n--) {
            static const char *const keys[] = { "a", "policies", "administrator", "x/y", "-" };
            const char *key = keys[next_byte(b) % ARRAY_LEN(keys)];
            (void)json_object_set_new(v, key, choose_text(b));
        }
        return v;
    case FIELD_OBJECT: return choose_fields(b, f->fields, depth - 1);
    case FIELD_OBJECTS:
        v = json_array();
        for (n = next_byte(b) % 3; n > 0; n--)
            (void)json_array_append_new(v, choose_fields(b, f->fields, depth - 1));
        return v;
    case FIELD_ANY: break;
    }
    return choose_value(b, 2);
}

static json_t *choose_fields(struct bytes *b, const struct field *fields, int depth) {
    json_t *object = json_object();
    for (const struct field *f = fields; depth > 0 && f->name != NULL && b->left > 0; f++) {
        uint8_t choice = next_byte(b);
        const char *name = f->alias != NULL && choice % 2 ? f->alias : f->name;
        if (choice % 16 == 0)
            (void)json_object_set_new(object, name, choose_value(b, 2));
        else if (choice % 4 != 0)
            (void)json_object_set_new(object, name, choose_field(b, f, depth));
    }
    return object;
}

static json_t *choose(struct bytes *b, const struct kind *k) {
    json_t *object = choose_fields(b, k->fields, 6);
    json_t *meta = next_byte(b) % 4 ? json_pack("{s:o}", "name", choose_text(b))
                                    : choose_fields(b, resource_metadata_fields, 4);
    if (k->namespaced && next_byte(b) % 8)
        (void)json_object_set_new(meta, "namespace", json_string("ns"));
    (void)json_object_set_new(object, "metadata", meta);
    return object;
}

static const struct kind *kind_by_number(uint8_t n) {
    size_t count = 0, stored = 0;
    for (; resource_kinds()[count] != NULL; count++)
        stored += !resource_kinds()[count]->is_virtual && resource_kinds()[count] != &kind_rule;
    stored = n % stored;
    for (size_t i = 0; i < count; i++)
        if (!resource_kinds()[i]->is_virtual && resource_kinds()[i] != &kind_rule && stored-- == 0)
            return resource_kinds()[i];
    return NULL;
}

static void choose_plan(struct bytes *b, struct plan *p) {
    uint8_t how = next_byte(b);
    p->kind = kind_by_number(next_byte(b));
    p->options = (struct resource_options) { .trusted = p->kind == &kind_local_identity || how % 2 == 1,
                                             .dry_run = how / 2 % 16 == 1,
                                             .strict = how / 32 % 4 == 1 };
    p->first = choose(b, p->kind);
    p->second = choose(b, p->kind);
}

static bool read_plan(struct str text, struct plan *p) {
    struct str plural, first, second;
    struct err err = { 0 };
    (void)str_cut(text, '\n', &plural, &text);
    (void)str_cut(text, '\n', &first, &second);
    p->kind = resource_kind(plural);
    p->options.trusted = p->kind == &kind_local_identity;
    if (text.len > 200000 || p->kind == NULL || p->kind->is_virtual || p->kind == &kind_rule ||
        json_parse(first, &p->first, &err) != ERR_OK)
        return false;
    if (json_parse(second, &p->second, &err) != ERR_OK)
        p->second = NULL;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct plan p = { .kind = NULL };
    if (size > 0 && data[0] == '!') {
        struct bytes b = { data + 1, size - 1 };
        choose_plan(&b, &p);
        run(&p);
    } else if (read_plan((struct str) { (const char *)data, size }, &p))
        run(&p);
    json_decref(p.first);
    json_decref(p.second);
    return 0;
}
