#include "enforcer/model.h"
#include "enforcer/conf.h"

/* ------------------------------------------------------------------------------------------------------ options -- */

static const char *copy_name(struct enf_model *m, const char *name) {
    return name != NULL ? enf_zone_copy(&m->zone, name, strlen(name)) : NULL;
}

static enum enforcer_status copy_functions(struct enf_model *m, struct enforcer_error *err) {
    struct enforcer_options *o = &m->options;
    struct enforcer_function *functions = enf_zone_alloc(&m->zone,
                                                         (o->functions_len + 1) * sizeof *functions);
    if (functions == NULL)
        return enf_nomem(err);
    for (size_t i = 0; i < o->functions_len; i++) {
        functions[i] = o->functions[i];
        functions[i].name = copy_name(m, o->functions[i].name);
        if (functions[i].name == NULL)
            return o->functions[i].name == NULL
                       ? enf_fail(err, ENFORCER_INVALID, 0, 0, "a function without a name")
                       : enf_nomem(err);
        if (strcmp(functions[i].name, "eval") == 0 || functions[i].call == NULL)
            return enf_fail(err, ENFORCER_INVALID, 0, 0, "function %s cannot be defined", functions[i].name);
    }
    o->functions = functions;
    return ENFORCER_OK;
}

static enum enforcer_status take_options(struct enf_model *m, const struct enforcer_options *options,
                                         struct enforcer_error *err) {
    if (options != NULL)
        m->options = *options;
    struct enforcer_options *o = &m->options;
    o->model_max = o->model_max ? o->model_max : 1u << 20;
    o->rules_max = o->rules_max ? o->rules_max : 64u << 20;
    o->field_max = o->field_max ? o->field_max : 64u << 10;
    o->value_max = o->value_max ? o->value_max : 1u << 20;
    o->roles_depth = o->roles_depth ? o->roles_depth : 10;
    o->regex_steps = o->regex_steps ? o->regex_steps : 100000;
    if (o->field_max > UINT32_MAX / 4 || o->value_max > UINT32_MAX / 4 || o->roles_depth > 255)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "a limit is out of range");
    m->tke = (o->flags & ENFORCER_DIALECT_TKE) != 0;
    m->expand = m->tke && (o->flags & ENFORCER_TKE_EXPAND) != 0;
    o->allocator = NULL; /* the caller's struct need not outlive the call */
    return copy_functions(m, err);
}

/* -------------------------------------------------------------------------------------------------- definitions -- */

static size_t count_kind(const struct enf_conf *c, char kind) {
    size_t n = 0;
    for (size_t i = 0; i < c->len; i++)
        n += c->entries[i].kind == kind;
    return n;
}

static struct enforcer_str trimmed(const char *ptr, size_t len) {
    while (len > 0 && (*ptr == ' ' || *ptr == '\t')) {
        ptr++;
        len--;
    }
    while (len > 0 && (ptr[len - 1] == ' ' || ptr[len - 1] == '\t'))
        len--;
    return enf_str(ptr, len);
}

static enum enforcer_status entry_fail(const struct enf_conf_entry *e, size_t offset,
                                       struct enforcer_error *err, const char *what) {
    int line, column;
    enf_source_at(&e->value, offset, &line, &column);
    return enf_fail(err, ENFORCER_INVALID, line, column, "%s: %s", e->key, what);
}

static bool is_name(struct enforcer_str s) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
              (i > 0 && c >= '0' && c <= '9')))
            return false;
    }
    return s.len > 0;
}

static enum enforcer_status parse_fields(struct enf_model *m, const struct enf_conf_entry *e,
                                         struct enf_fields *out, struct enforcer_error *err) {
    struct enforcer_str text = e->value.text;
    *out = (struct enf_fields) { .number = e->number, .name = e->key, .line = e->line };
    out->tokens = enf_zone_alloc(&m->zone, ENF_FIELDS_MAX * sizeof *out->tokens);
    if (out->tokens == NULL)
        return enf_nomem(err);
    for (size_t i = 0; i <= text.len;) {
        size_t end = i;
        while (end < text.len && text.ptr[end] != ',')
            end++;
        struct enforcer_str token = trimmed(text.ptr + i, end - i);
        if (!is_name(token))
            return entry_fail(e, i, err, "a field name expected");
        if (out->len == ENF_FIELDS_MAX)
            return entry_fail(e, i, err, "too many fields");
        for (size_t j = 0; j < out->len; j++)
            if (enf_str_eq(out->tokens[j], token))
                return entry_fail(e, i, err, "a field twice");
        out->tokens[out->len++] = token;
        i = end + 1;
    }
    return ENFORCER_OK;
}

static int find_token(const struct enf_fields *f, const char *name) {
    for (size_t i = 0; i < f->len; i++)
        if (enf_str_is(f->tokens[i], name))
            return (int)i;
    return -1;
}

static enum enforcer_status parse_policy(struct enf_model *m, const struct enf_conf_entry *e,
                                         struct enf_policy *out, struct enforcer_error *err) {
    enum enforcer_status rc = parse_fields(m, e, &out->fields, err);
    if (rc != ENFORCER_OK)
        return rc;
    out->eft = find_token(&out->fields, "eft");
    out->priority = find_token(&out->fields, "priority");
    out->sub = find_token(&out->fields, "sub");
    out->dom = find_token(&out->fields, "dom");
    out->uses = enf_zone_alloc(&m->zone, out->fields.len * sizeof *out->uses);
    return out->uses != NULL ? ENFORCER_OK : enf_nomem(err);
}

/* "_, _" or "_, _, _" */
static enum enforcer_status parse_grouping(struct enf_model *m, const struct enf_conf_entry *e,
                                           struct enf_grouping *out, struct enforcer_error *err) {
    *out = (struct enf_grouping) { .number = e->number, .name = e->key, .line = e->line };
    struct enforcer_str text = e->value.text;
    for (size_t i = 0; i <= text.len;) {
        size_t end = i;
        while (end < text.len && text.ptr[end] != ',')
            end++;
        if (!enf_str_is(trimmed(text.ptr + i, end - i), "_"))
            return entry_fail(e, i, err, "\"_\" expected");
        out->arity++;
        i = end + 1;
    }
    if (out->arity < 2 || out->arity > 3)
        return entry_fail(e, 0, err, "a role definition has two places, or three with a domain");
    for (size_t i = 0; i < m->options.roles_len; i++) {
        const struct enforcer_roles *r = &m->options.roles[i];
        if (r->ptype == NULL || strcmp(r->ptype, e->key) != 0)
            continue;
        out->roles = *r;
        out->match = (uint8_t)(r->match != NULL ? enf_fn_find(enforcer_cstr(r->match)) : ENF_FN_NONE);
        out->domain_match = (uint8_t)(r->domain_match != NULL ? enf_fn_find(enforcer_cstr(r->domain_match))
                                                              : ENF_FN_NONE);
        out->roles.match = out->roles.domain_match = out->roles.ptype = NULL;
        if ((r->match != NULL && (out->match == ENF_FN_NONE || out->match > ENF_FN_MATCH_LAST)) ||
            (r->domain_match != NULL &&
             (out->domain_match == ENF_FN_NONE || out->domain_match > ENF_FN_MATCH_LAST)))
            return enf_fail(err, ENFORCER_INVALID, 0, 0, "unknown matching function for %s", e->key);
    }
    return ENFORCER_OK;
}

/* The five effects, blanks aside; p.eft, p2.eft and p_eft mean the same. */
static enum enforcer_status parse_effect(const struct enf_conf_entry *e, struct enf_effect_def *out,
                                         struct enforcer_error *err) {
    static const struct {
        const char *text;
        enum enf_effect effect;
    } effects[] = {
        { "some(where(p.eft==allow))", ENF_ALLOW_OVERRIDE },
        { "!some(where(p.eft==deny))", ENF_DENY_OVERRIDE },
        { "some(where(p.eft==allow))&&!some(where(p.eft==deny))", ENF_ALLOW_AND_DENY },
        { "priority(p.eft)||deny", ENF_PRIORITY },
        { "subjectPriority(p.eft)||deny", ENF_SUBJECT_PRIORITY },
    };
    char text[96];
    size_t n = 0;
    struct enforcer_str v = e->value.text;
    for (size_t i = 0; i < v.len; i++) {
        char c = v.ptr[i];
        bool after_p = n > 0 && text[n - 1] == 'p' && (n < 2 || text[n - 2] == '(');
        if (c == ' ' || c == '\t' || (after_p && c >= '0' && c <= '9'))
            continue;
        if (n == sizeof text - 1)
            break;
        text[n++] = c == '_' && after_p ? '.' : c;
    }
    for (size_t i = 0; i < ARRAY_LEN(effects); i++)
        if (enf_str_is(enf_str(text, n), effects[i].text)) {
            *out = (struct enf_effect_def) { e->number, effects[i].effect };
            return ENFORCER_OK;
        }
    return entry_fail(e, 0, err, "not one of the five policy effects");
}

static enum enforcer_status parse_matcher(struct enf_model *m, const struct enf_conf_entry *e,
                                          struct enf_matcher *out, struct enforcer_error *err) {
    out->number = e->number;
    out->line = e->line;
    struct enf_parse parse = { .model = m, .source = e->value, .counted = true, .note_uses = true };
    return enf_parse_program(&parse, &out->program, err);
}

static enum enforcer_status parse_entry(struct enf_model *m, const struct enf_conf_entry *e,
                                        struct enforcer_error *err) {
    enum enforcer_status rc = ENFORCER_OK;
    switch (e->kind) {
    case 'r': rc = parse_fields(m, e, &m->requests[m->requests_len++], err); break;
    case 'p': rc = parse_policy(m, e, &m->policies[m->policies_len++], err); break;
    case 'g': rc = parse_grouping(m, e, &m->groupings[m->groupings_len++], err); break;
    case 'e': rc = parse_effect(e, &m->effects[m->effects_len++], err); break;
    default: rc = parse_matcher(m, e, &m->matchers[m->matchers_len++], err); break;
    }
    return rc;
}

static enum enforcer_status check_whole(struct enf_model *m, struct enforcer_error *err) {
    const char *missing = m->requests_len == 0   ? "request_definition"
                          : m->policies_len == 0 ? "policy_definition"
                          : m->effects_len == 0  ? "policy_effect"
                          : m->matchers_len == 0 ? "matchers"
                                                 : NULL;
    if (missing != NULL)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "section [%s] is missing or empty", missing);
    for (size_t i = 0; i < m->groupings_len; i++) {
        m->groupings[i].section = (uint16_t)(m->policies_len + i);
        if (m->tke && m->groupings[i].arity != 3)
            return enf_fail(err, ENFORCER_INVALID, m->groupings[i].line, 1, "%s: the TKE dialect has domains",
                            m->groupings[i].name);
        if (m->tke && (enf_has_match(&m->groupings[i]) || enf_has_domain_match(&m->groupings[i])))
            return enf_fail(err, ENFORCER_INVALID, 0, 0,
                            "the TKE dialect applies no patterns to names or domains");
    }
    for (size_t i = 0; i < m->options.roles_len; i++)
        if (m->options.roles[i].ptype == NULL ||
            enf_section_find(m, enforcer_cstr(m->options.roles[i].ptype)) < (int)m->policies_len)
            return enf_fail(err, ENFORCER_INVALID, 0, 0,
                            "role options for a definition the model does not have");
    m->options.roles = NULL;
    m->options.roles_len = 0;
    return ENFORCER_OK;
}

enum enforcer_status enf_model_parse(struct enf_model *m, struct enf_mem *mem, struct enforcer_str text,
                                     const struct enforcer_options *options, struct enforcer_error *err) {
    static const char kinds[] = "rpgem"; /* matchers speak of all the others */
    *m = (struct enf_model) { .mem = mem, .zone = { .mem = mem }, .uses_len = 1 };
    enum enforcer_status rc = take_options(m, options, err);
    if (rc != ENFORCER_OK)
        return rc;
    if (text.len > m->options.model_max)
        return enf_fail(err, ENFORCER_LIMIT, 0, 0, "model of %zu bytes", text.len);
    struct enf_conf conf = { 0 };
    rc = enf_conf_parse(&conf, &m->zone, text, err);
    if (rc != ENFORCER_OK)
        return rc;
    m->requests = enf_zone_alloc(&m->zone, (count_kind(&conf, 'r') + 1) * sizeof *m->requests);
    m->policies = enf_zone_alloc(&m->zone, (count_kind(&conf, 'p') + 1) * sizeof *m->policies);
    m->groupings = enf_zone_alloc(&m->zone, (count_kind(&conf, 'g') + 1) * sizeof *m->groupings);
    m->effects = enf_zone_alloc(&m->zone, (count_kind(&conf, 'e') + 1) * sizeof *m->effects);
    m->matchers = enf_zone_alloc(&m->zone, (count_kind(&conf, 'm') + 1) * sizeof *m->matchers);
    if (!m->requests || !m->policies || !m->groupings || !m->effects || !m->matchers)
        return enf_nomem(err);
    for (const char *k = kinds; *k != '\0'; k++)
        for (size_t i = 0; i < conf.len; i++) {
            if (conf.entries[i].kind != *k)
                continue;
            if (count_kind(&conf, *k) > ENF_DEFINITIONS_MAX)
                return entry_fail(&conf.entries[i], 0, err, "too many definitions of this kind");
            rc = parse_entry(m, &conf.entries[i], err);
            if (rc != ENFORCER_OK)
                return rc;
        }
    rc = check_whole(m, err);
    if (rc == ENFORCER_OK)
        enf_model_plan(m);
    return rc;
}

void enf_model_done(struct enf_model *m) {
    for (size_t i = 0; i < m->matchers_len; i++)
        enf_program_free(m->mem, m->matchers[i].program);
    m->matchers_len = 0;
    enf_zone_done(&m->zone);
}

int enf_section_find(const struct enf_model *m, struct enforcer_str ptype) {
    for (size_t i = 0; i < m->policies_len; i++)
        if (enf_str_is(ptype, m->policies[i].fields.name))
            return (int)i;
    for (size_t i = 0; i < m->groupings_len; i++)
        if (enf_str_is(ptype, m->groupings[i].name))
            return (int)(m->policies_len + i);
    return -1;
}

const struct enf_fields *enf_request_find(const struct enf_model *m, unsigned number) {
    for (size_t i = 0; i < m->requests_len; i++)
        if (m->requests[i].number == (number ? number : 1))
            return &m->requests[i];
    return NULL;
}

const struct enf_policy *enf_policy_find(const struct enf_model *m, unsigned number) {
    for (size_t i = 0; i < m->policies_len; i++)
        if (m->policies[i].fields.number == (number ? number : 1))
            return &m->policies[i];
    return NULL;
}

const struct enf_matcher *enf_matcher_find(const struct enf_model *m, unsigned number) {
    for (size_t i = 0; i < m->matchers_len; i++)
        if (m->matchers[i].number == (number ? number : 1))
            return &m->matchers[i];
    return NULL;
}

const struct enf_effect_def *enf_effect_find(const struct enf_model *m, unsigned number) {
    for (size_t i = 0; i < m->effects_len; i++)
        if (m->effects[i].number == (number ? number : 1))
            return &m->effects[i];
    return NULL;
}
