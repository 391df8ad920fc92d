#include "tkeauth/base/encoding.h"

static enum err_code form_decode(struct arena *a, struct str in, struct str *ret, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(in.len);
    enum err_code rc = percent_decode(in, true, &text, err);
    if (rc != ERR_OK)
        return rc;
    *ret = arena_str(a, strbuf_str(&text));
    return arena_failed(a) ? err_set(err, ERR_LIMIT, "a form over the memory of its request") : ERR_OK;
}

enum err_code form_parse(struct arena *a, struct str in, struct form *ret, struct err *err) {
    struct form form = { 0 };
    struct str rest = in, pair;
    size_t count = 0;
    while (str_next(&rest, '&', &pair))
        count++;
    if (count > FORM_FIELDS_MAX)
        return err_set(err, ERR_LIMIT, "%zu form fields, at most %d are taken", count, FORM_FIELDS_MAX);
    form.fields = arena_array(a, count ? count : 1, sizeof *form.fields);
    if (form.fields == NULL)
        return err_set(err, ERR_NOMEM, "form fields");
    rest = in;
    while (str_next(&rest, '&', &pair)) {
        struct str name, value;
        (void)str_cut(pair, '=', &name, &value);
        struct form_field *field = &form.fields[form.len++];
        enum err_code rc = form_decode(a, name, &field->name, err);
        if (rc == ERR_OK)
            rc = form_decode(a, value, &field->value, err);
        if (rc != ERR_OK)
            return rc;
    }
    *ret = form;
    return ERR_OK;
}

size_t form_find(const struct form *f, struct str name, struct str *ret) {
    size_t count = 0;
    for (size_t i = 0; i < f->len; i++) {
        if (!str_eq(f->fields[i].name, name))
            continue;
        if (count++ == 0 && ret != NULL)
            *ret = f->fields[i].value;
    }
    return count;
}

void form_add(struct strbuf *out, struct str name, struct str value) {
    char last = out->len > 0 ? out->ptr[out->len - 1] : '?';
    if (last != '?' && last != '&')
        strbuf_addc(out, '&');
    percent_add(out, name);
    strbuf_addc(out, '=');
    percent_add(out, value);
}
