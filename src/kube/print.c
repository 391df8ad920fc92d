#include "kube/print.h"

#include "kube/status.h"

enum { OBJECT_TEXT_MAX = 4 * 1024 * 1024 };

struct printer printer_of(const struct kube_request *kr) {
    return (struct printer) {
        .kind = kr->kind, .form = kr->form, .include = kr->include, .clock = kr->req->clock
    };
}

static bool is_decorated(const struct kind *k) { return k == &kind_api_key; }

bool printer_parses(const struct printer *p) { return p->form != FORM_OBJECT || is_decorated(p->kind); }

void printer_decorate(const struct printer *p, json_t *object) {
    if (p->kind != &kind_api_key)
        return;
    int64_t end = 0;
    struct err ignored;
    struct str text = object_str_at(object, "spec.expire_at");
    bool expired = text.len > 0 && time_parse_rfc3339(text, &end, &ignored) == ERR_OK &&
                   end <= clock_now_s(p->clock);
    json_t *status = json_object_get(object, "status");
    if (!json_is_object(status)) {
        (void)json_object_set_new(object, "status", json_object());
        status = json_object_get(object, "status");
    }
    (void)json_object_set_new(status, "disabled",
                              json_boolean(json_is_true(json_object_get(status, "disabled"))));
    (void)json_object_set_new(status, "expired", json_boolean(expired));
}

/* ---- Table (meta.k8s.io/v1) ---- */

static void add_column(struct strbuf *out, const struct column *c) {
    bool first = true;
    strbuf_addc(out, '{');
    json_field_str(out, &first, "name", str_of(c->name));
    json_field_str(out, &first, "type", str_of(c->type));
    json_field_str(out, &first, "format", strcmp(c->name, "Name") == 0 ? STR("name") : STR(""));
    json_field_str(out, &first, "description", str_of(c->help));
    json_field_i64(out, &first, "priority", c->wide ? 1 : 0);
    strbuf_addc(out, '}');
}

static void add_columns(const struct kind *k, struct strbuf *out) {
    static const struct column name = { "Name", "string", "metadata.name", false, "Name of the object." };
    static const struct column created = { "Created At", "date", "metadata.creationTimestamp", false,
                                           "When it was created." };
    strbuf_adds(out, "\"columnDefinitions\":[");
    add_column(out, &name);
    for (const struct column *c = k->columns; c != NULL && c->name != NULL; c++) {
        strbuf_addc(out, ',');
        add_column(out, c);
    }
    strbuf_addc(out, ',');
    add_column(out, &created);
    strbuf_adds(out, "],");
}

/* "status.users#": how many; "status.conditions[Ready]": the status of that condition. */
static void add_cell(const json_t *object, const struct column *c, struct strbuf *out) {
    struct str path = str_of(c->path);
    AUTO(strbuf_done) struct strbuf plain = STRBUF(256);
    size_t bracket = str_find(path, '[');
    bool counts = path.len > 0 && path.ptr[path.len - 1] == '#';
    strbuf_add(&plain, str_sub(path, 0, counts ? path.len - 1 : bracket));
    const json_t *v = object_at(object, strbuf_c(&plain));
    if (counts) {
        strbuf_add_u64(out, json_is_array(v)    ? json_array_size(v)
                            : json_is_object(v) ? json_object_size(v)
                                                : 0);
        return;
    }
    if (bracket < path.len) {
        struct str wanted = str_sub(path, bracket + 1, path.len - bracket - 2), found = STR("");
        for (size_t i = 0; i < json_array_size(v); i++)
            if (str_eq(json_get_str(json_array_get(v, i), "type"), wanted))
                found = json_get_str(json_array_get(v, i), "status");
        json_add_string(out, found);
        return;
    }
    char *text = v != NULL && !json_is_null(v) ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    strbuf_adds(out, text != NULL ? text : strcmp(c->type, "boolean") == 0 ? "false" : "\"\"");
    free(text);
}

static void add_partial(const struct kind *k, const json_t *object, int64_t revision, struct strbuf *out) {
    (void)k;
    char version[24];
    (void)snprintf(version, sizeof version, "%lld", (long long)revision);
    json_t *meta = json_copy((json_t *)(uintptr_t)object_metadata(object));
    (void)json_object_set_new(meta, "resourceVersion", json_string(version));
    char *text = json_dumps(meta, JSON_COMPACT);
    json_decref(meta);
    if (text == NULL)
        out->failed = true;
    else
        strbuf_addf(out,
                    "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
    strbuf_adds(out, text != NULL ? text : "");
    strbuf_addc(out, '}');
    free(text);
}

static void add_whole(const struct printer *p, const json_t *object, int64_t revision, struct strbuf *out) {
    char *text = json_dumps(object, JSON_COMPACT);
    if (text == NULL)
        out->failed = true;
    else
        object_print(p->kind, str_of(text), revision, out);
    free(text);
}

static void add_row(const struct printer *p, const json_t *object, int64_t revision, struct strbuf *out) {
    strbuf_adds(out, "{\"cells\":[");
    json_add_string(out, object_name(object));
    for (const struct column *c = p->kind->columns; c != NULL && c->name != NULL; c++) {
        strbuf_addc(out, ',');
        add_cell(object, c, out);
    }
    struct str created = json_get_str(object_metadata(object), "creationTimestamp");
    strbuf_addc(out, ',');
    /* Contract 1.2: what never was created shows the zero time. */
    json_add_string(out, created.len > 0 ? created : STR("0001-01-01T00:00:00Z"));
    strbuf_adds(out, "]");
    if (p->include != INCLUDE_NONE) {
        strbuf_adds(out, ",\"object\":");
        if (p->include == INCLUDE_OBJECT)
            add_whole(p, object, revision, out);
        else
            add_partial(p->kind, object, revision, out);
    }
    strbuf_addc(out, '}');
}

static enum err_code print_parsed(const struct printer *p, const json_t *object, int64_t revision,
                                  struct strbuf *out) {
    json_t *shown = NULL;
    if (is_decorated(p->kind)) {
        shown = json_deep_copy(object);
        printer_decorate(p, shown);
        object = shown;
    }
    if (p->form == FORM_TABLE)
        add_row(p, object, revision, out);
    else if (p->form == FORM_PARTIAL)
        add_partial(p->kind, object, revision, out);
    else
        add_whole(p, object, revision, out);
    json_decref(shown);
    return ERR_OK;
}

enum err_code printer_object(const struct printer *p, struct str body, const json_t *object, int64_t revision,
                             struct strbuf *out, struct err *err) {
    json_t *parsed = NULL;
    if (!printer_parses(p) && body.len > 0) {
        object_print(p->kind, body, revision, out);
        return ERR_OK;
    }
    if (object == NULL) {
        enum err_code rc = json_parse(body, &parsed, err);
        if (rc != ERR_OK)
            return rc;
        object = parsed;
    }
    enum err_code rc = print_parsed(p, object, revision, out);
    json_decref(parsed);
    return rc;
}

/* ---- lists ---- */

void printer_list_begin(const struct printer *p, int64_t revision, struct str token, struct strbuf *out) {
    if (p->form == FORM_TABLE)
        strbuf_adds(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\"");
    else if (p->form == FORM_PARTIAL)
        strbuf_adds(out, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\"");
    else
        strbuf_addf(out, "{\"kind\":\"%sList\",\"apiVersion\":\"" RESOURCE_API_VERSION "\"", p->kind->kind);
    strbuf_adds(out, ",\"metadata\":{\"resourceVersion\":\"");
    strbuf_add_i64(out, revision);
    strbuf_addc(out, '"');
    if (token.len > 0) {
        strbuf_adds(out, ",\"continue\":");
        json_add_string(out, token);
    }
    strbuf_adds(out, "},");
    if (p->form == FORM_TABLE)
        add_columns(p->kind, out);
    strbuf_adds(out, p->form == FORM_TABLE ? "\"rows\":[" : "\"items\":[");
}

void printer_list_end(const struct printer *p, struct strbuf *out) {
    (void)p;
    strbuf_adds(out, "]}\n");
}

enum err_code printer_single(const struct printer *p, struct str body, int64_t revision, struct strbuf *out,
                             struct err *err) {
    if (p->form == FORM_TABLE)
        printer_list_begin(p, revision, STR_NULL, out);
    enum err_code rc = printer_object(p, body, NULL, revision, out, err);
    if (p->form == FORM_TABLE)
        printer_list_end(p, out);
    return rc;
}

enum err_code print_answer(struct kube_request *kr, unsigned status, const json_t *object, int64_t revision,
                           struct err *err) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(OBJECT_TEXT_MAX);
    const struct printer p = printer_of(kr);
    if (p.form == FORM_TABLE)
        printer_list_begin(&p, revision, STR_NULL, &out);
    enum err_code rc = printer_object(&p, STR_NULL, object, revision, &out, err);
    if (p.form == FORM_TABLE)
        printer_list_end(&p, &out);
    return rc == ERR_OK ? answer_json(kr, status, &out, err) : rc;
}
