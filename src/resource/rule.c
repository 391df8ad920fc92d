#include "resource/rule.h"

#include "resource/fields.h"

enum { RULES_OF_OBJECT_MEMORY_MAX = 96 * 1024 * 1024 }; /* 20,000 with patterns of 1 KiB */
enum { NAME_BYTES = 16, RULE_BODY_MAX = 64 * 1024, RULES_OF_FILE_MAX = 4 * 1024 * 1024, REBUILD_PAGE = 200 };

/* ---- a rule as an object ---- */

/* Its name follows from its fields, so that two owners who want the same rule name the same object. */
static struct str rule_name(struct arena *a, const struct rule_view *rule) {
    unsigned char digest[SHA256_SIZE];
    AUTO(strbuf_done) struct strbuf text = STRBUF(RULE_BODY_MAX), name = STRBUF(64);
    strbuf_add(&text, rule->ptype);
    for (size_t i = 0; i < rule->len; i++) {
        strbuf_addc(&text, 0);
        strbuf_add(&text, rule->fields[i]);
    }
    sha256(strbuf_str(&text), digest);
    strbuf_adds(&name, "rul-");
    hex_add(&name, digest, NAME_BYTES);
    return text.failed ? STR_NULL : arena_str(a, strbuf_str(&name));
}

static struct str rule_body(struct arena *a, struct str name, const struct rule_view *rule) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(RULE_BODY_MAX);
    bool first = true;
    strbuf_addf(&out, "{\"metadata\":{\"name\":\"%.*s\"},\"spec\":{", STR_FMT(name));
    json_field_str(&out, &first, "ptype", rule->ptype);
    for (size_t i = 0; i < rule->len; i++) {
        const char key[3] = { 'v', (char)('0' + i), 0 };
        json_field_str(&out, &first, key, rule->fields[i]);
    }
    strbuf_adds(&out, "}}");
    return out.failed ? STR_NULL : arena_str(a, strbuf_str(&out));
}

enum err_code rule_read(struct arena *a, struct str body, struct rule_view *ret, struct err *err) {
    json_t *object = NULL;
    enum err_code rc = json_parse(body, &object, err);
    if (rc != ERR_OK)
        return rc;
    const json_t *spec = json_object_get(object, "spec");
    struct rule_view rule = { .ptype = arena_str(a, json_get_str(spec, "ptype")) };
    for (; rule.len < ARRAY_LEN(rule.fields); rule.len++) {
        const char key[3] = { 'v', (char)('0' + rule.len), 0 };
        const json_t *v = json_object_get(spec, key);
        if (v == NULL)
            break;
        rule.fields[rule.len] = arena_str(a, json_str(v));
    }
    json_decref(object);
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "a rule");
    if (rule.ptype.len == 0 || rule.len == 0)
        return err_set(err, ERR_INVALID, "a rule without ptype or fields");
    *ret = rule;
    return ERR_OK;
}

/* ---- lists ---- */

struct rule_list *rule_list_new(struct arena *a) {
    struct rule_list *l = arena_alloc(a, sizeof *l);
    if (l != NULL)
        *l = (struct rule_list) { .arena = a };
    return l;
}

size_t rule_list_len(const struct rule_list *l) { return l->len; }

static bool make_room(struct rule_list *l) {
    if (l->len < l->cap)
        return true;
    size_t cap = l->cap ? l->cap * 2 : 16;
    if (cap > RULES_OF_FILE_MAX)
        return false;
    struct store_owned *grown = arena_array(l->arena, cap, sizeof *grown);
    if (grown == NULL)
        return false;
    if (l->len > 0)
        memcpy(grown, l->items, l->len * sizeof *grown);
    l->items = grown;
    l->cap = cap;
    return true;
}

void rule_list_add(struct rule_list *out, const struct rule_view *rule) {
    if (out->max != 0 &&
        out->len == out->max) { /* a million of them are not made first, with all writers waiting */
        out->too_many = true;
        return;
    }
    struct str name = rule_name(out->arena, rule), body = STR_NULL;
    if (name.ptr != NULL)
        body = rule_body(out->arena, name, rule);
    if (body.ptr == NULL || !make_room(out))
        out->failed = true;
    else
        out->items[out->len++] = (struct store_owned) { name, body };
}

void rule_add_policy(struct rule_list *out, struct str subject, struct str resource, struct str action,
                     struct str effect) {
    const struct rule_view rule = { .ptype = STR("p"),
                                    .fields = { subject, STR("*"), resource, action, effect },
                                    .len = 5 };
    rule_list_add(out, &rule);
}

void rule_add_group(struct rule_list *out, struct str member, struct str role, struct str domain) {
    const struct rule_view rule = { .ptype = STR("g"),
                                    .fields = { member, role, domain.len ? domain : STR("*") },
                                    .len = 3 };
    rule_list_add(out, &rule);
}

static int by_name(const void *a, const void *b) {
    return str_cmp(((const struct store_owned *)a)->name, ((const struct store_owned *)b)->name);
}

enum err_code rule_list_finish(struct rule_list *l, struct err *err) {
    if (l->failed)
        return err_set(err, ERR_NOMEM, "%zu rules", l->len);
    if (l->too_many)
        return err_set(err, ERR_LIMIT, "more than %zu rules", l->max);
    if (l->len > 1)
        qsort(l->items, l->len, sizeof *l->items, by_name);
    size_t kept = l->len > 0 ? 1 : 0;
    for (size_t i = 1; i < l->len; i++)
        if (!str_eq(l->items[i].name, l->items[kept - 1].name))
            l->items[kept++] = l->items[i];
    l->len = kept;
    return ERR_OK;
}

/* ---- owners ---- */

struct str rule_owner_object(struct arena *a, const struct kind *k, struct str store_name) {
    return str_of(arena_printf(a, "%s/%.*s", k->plural, STR_FMT(store_name)));
}
struct str rule_owner_file(void) {
    return STR("file/casbin.policy_file");
}
struct str rule_owner_directory(struct arena *a, struct str tenant, size_t part) {
    return str_of(arena_printf(a, "directory/%.*s/%02zu", STR_FMT(tenant), part));
}

bool rule_owner_is_directory(struct str owner, struct str *ret_tenant, size_t *ret_part) {
    const struct str prefix = STR("directory/");
    struct err ignored;
    uint64_t part;
    size_t slash = str_rfind(owner, '/');
    if (!str_starts_with(owner, prefix) || slash < prefix.len ||
        parse_u64(str_from(owner, slash + 1), 0, RULE_DIRECTORY_PARTS - 1, &part, &ignored) != ERR_OK)
        return false;
    *ret_tenant = str_sub(owner, prefix.len, slash - prefix.len);
    *ret_part = (size_t)part;
    return true;
}

struct str key_of_user(struct arena *a, struct str tenant, struct str username) {
    return str_of(arena_printf(a, "%.*s##user##%.*s", STR_FMT(tenant), STR_FMT(username)));
}
struct str key_of_group(struct arena *a, struct str tenant, struct str id) {
    return str_of(arena_printf(a, "%.*s##group##%.*s", STR_FMT(tenant), STR_FMT(id)));
}

enum err_code rules_of(struct store_tx *tx, struct arena *a, const struct kind *k, const json_t *object,
                       struct rule_list *ret, struct err *err) {
    *ret = (struct rule_list) { .arena = a, .max = RESOURCE_RULES_MAX };
    if (k->rules == NULL || object == NULL || object_is_deleting(object))
        return ERR_OK;
    enum err_code rc = k->rules(tx, a, object, ret, err);
    return rc == ERR_OK ? rule_list_finish(ret, err) : rc;
}

enum err_code rules_write(struct store_tx *tx, const struct kind *k, struct str store_name,
                          const json_t *object, size_t *ret_changed, struct err *err) {
    struct rule_list list;
    if (k->rules == NULL)
        return ERR_OK;
    AUTO_FREE(arena_free) struct arena *a = arena_new(RULES_OF_OBJECT_MEMORY_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "rules");
    enum err_code rc = rules_of(tx, a, k, object, &list, err);
    struct str owner = rule_owner_object(a, k, store_name);
    if (rc == ERR_OK && owner.ptr == NULL)
        rc = err_set(err, ERR_NOMEM, "an owner of rules");
    return rc == ERR_OK ? store_tx_set_owned(tx, RULES_KIND, owner, list.items, list.len, ret_changed, err)
                        : rc;
}

struct setting {
    struct str owner;
    const struct rule_list *rules;
    size_t changed;
};

static enum err_code set_in_tx(void *ctx, struct store_tx *tx, struct err *err) {
    struct setting *s = ctx;
    return store_tx_set_owned(tx, RULES_KIND, s->owner, s->rules->items, s->rules->len, &s->changed, err);
}

enum err_code rules_set(struct store *s, struct str owner, const struct rule_list *rules, size_t *ret_changed,
                        struct err *err) {
    struct rule_list sorted = *rules;
    struct setting setting = { .owner = owner, .rules = &sorted };
    enum err_code rc = rule_list_finish(&sorted, err);
    if (rc == ERR_OK)
        rc = store_transact(s, set_in_tx, &setting, NULL, err);
    if (rc == ERR_OK && ret_changed != NULL)
        *ret_changed = setting.changed;
    return rc;
}

/* ---- rebuilding: kind by kind in pages, so that writers get their turn ---- */

struct rebuilding {
    const struct kind *kind;
    struct store_tx *tx;
    struct str after;    /* of this page */
    struct strbuf *last; /* name of the last object looked at */
    size_t seen, changed;
};

static enum err_code rebuild_one(void *ctx, const struct store_object *o, struct err *err) {
    struct rebuilding *b = ctx;
    json_t *object = NULL;
    size_t changed = 0;
    enum err_code rc = json_parse(o->body, &object, err);
    if (rc == ERR_OK)
        rc = rules_write(b->tx, b->kind, o->name, object, &changed, err);
    json_decref(object);
    b->changed += changed;
    b->seen++;
    strbuf_clear(b->last);
    strbuf_add(b->last, o->name);
    return rc;
}

static enum err_code rebuild_page(void *ctx, struct store_tx *tx, struct err *err) {
    struct rebuilding *b = ctx;
    b->tx = tx;
    b->seen = b->changed = 0;
    const struct store_query q = { .kind = str_of(b->kind->plural),
                                   .after = b->after,
                                   .limit = REBUILD_PAGE,
                                   .each = rebuild_one,
                                   .ctx = b };
    return store_tx_list(tx, &q, err);
}

static enum err_code rebuild_kind(struct store *s, const struct kind *k, size_t *changed, struct err *err) {
    AUTO(strbuf_done) struct strbuf after = STRBUF(STORE_NAME_MAX + 1), last = STRBUF(STORE_NAME_MAX + 1);
    struct rebuilding b = { .kind = k, .last = &last };
    enum err_code rc = ERR_OK;
    do {
        strbuf_clear(&after);
        strbuf_add(&after, strbuf_str(&last));
        b.after = after.len > 0 ? strbuf_str(&after) : STR_NULL;
        rc = store_transact(s, rebuild_page, &b, NULL, err);
        *changed += rc == ERR_OK ? b.changed : 0;
    } while (rc == ERR_OK && b.seen == REBUILD_PAGE);
    return rc;
}

/* ---- rules whose object is gone ---- */

struct owners {
    struct arena *arena;
    struct str *items; /* distinct, in order */
    size_t len, cap;
};

static enum err_code note_owner(void *ctx, struct str owner, struct str name, struct err *err) {
    struct owners *o = ctx;
    (void)name;
    if (o->len > 0 && str_eq(o->items[o->len - 1], owner))
        return ERR_OK;
    if (o->len == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 64;
        struct str *grown = arena_array(o->arena, cap, sizeof *grown);
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "owners of rules");
        if (o->len > 0)
            memcpy(grown, o->items, o->len * sizeof *grown);
        o->items = grown;
        o->cap = cap;
    }
    o->items[o->len++] = arena_str(o->arena, owner);
    return arena_failed(o->arena) ? err_set(err, ERR_NOMEM, "owners of rules") : ERR_OK;
}

struct orphan {
    struct arena *arena;
    struct str owner, plural, name;
    size_t changed;
};

static enum err_code drop_orphan(void *ctx, struct store_tx *tx, struct err *err) {
    struct orphan *o = ctx;
    struct store_object ignored;
    o->changed = 0;
    enum err_code rc = store_tx_get(tx, o->arena, o->plural, o->name, &ignored, err);
    if (rc != ERR_NOT_FOUND)
        return rc;
    return store_tx_set_owned(tx, RULES_KIND, o->owner, NULL, 0, &o->changed, err);
}

static enum err_code drop_orphans(struct store *s, size_t *changed, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(RULES_MEMORY_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "owners of rules");
    struct owners owners = { .arena = a };
    enum err_code rc = store_owned_list(s, RULES_KIND, STR_NULL, STR_NULL, 0, note_owner, &owners, err);
    for (size_t i = 0; rc == ERR_OK && i < owners.len; i++) {
        struct orphan o = { .arena = a, .owner = owners.items[i] };
        (void)str_cut(o.owner, '/', &o.plural, &o.name);
        const struct kind *k = resource_kind(o.plural);
        if (k == NULL || k->rules == NULL) /* a file's or a directory's */
            continue;
        rc = store_transact(s, drop_orphan, &o, NULL, err);
        *changed += rc == ERR_OK ? o.changed : 0;
    }
    return rc;
}

enum err_code rules_rebuild(const struct resource_env *env, size_t *ret_changed, struct err *err) {
    enum err_code rc = ERR_OK;
    size_t changed = 0;
    for (const struct kind *const *k = resource_kinds(); rc == ERR_OK && *k != NULL; k++)
        if ((*k)->rules != NULL)
            rc = rebuild_kind(env->store, *k, &changed, err);
    if (rc == ERR_OK)
        rc = drop_orphans(env->store, &changed, err);
    if (rc == ERR_OK)
        *ret_changed = changed;
    return rc;
}
