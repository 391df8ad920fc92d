#include "web/html.h"
#include "web/template_node.h"

/* Values that can be seen, innermost first, beside the names they may have: a row hides an outer value of the same name also
 * where the row leaves it out. */
struct frame {
    const struct template_names *names;
    const struct web_value *values;
    const struct frame *outer;
};
struct renderer {
    const struct template *template;
    const struct messages *messages;
    size_t language;
    struct strbuf *out;
    struct err *err;
};

static const struct web_value *find(const struct frame *frame, struct str name) {
    static const struct web_value absent = { 0 };
    while (frame != NULL && template_names_find(frame->names, name) == NULL)
        frame = frame->outer;
    for (const struct web_value *v = frame != NULL ? frame->values : NULL; v != NULL && v->name != NULL; v++)
        if (str_eq(str_of(v->name), name))
            return v;
    return &absent;
}

static bool is_true(const struct web_value *v) {
    return v->flag || v->text.len > 0 || (v->list != NULL && v->list->len > 0);
}

/* A value under a name the template does not know would silently not be shown. */
static enum err_code check_names(const struct renderer *r, const struct template_names *names,
                                 const struct web_value *values) {
    for (const struct web_value *v = values; v != NULL && v->name != NULL; v++)
        if (template_names_find(names, str_of(v->name)) == NULL)
            return err_set(r->err, ERR_INVALID, "%s declares no value \"%s\"", r->template->origin, v->name);
    return ERR_OK;
}

static void message(const struct renderer *r, const struct frame *frame, size_t key) {
    struct str rest = messages_text(r->messages, r->language, key), literal, name;
    while (messages_next(&rest, &literal, &name)) {
        html_escape(r->out, literal);
        html_escape(r->out, find(frame, name)->text);
    }
}

static enum err_code render(const struct renderer *r, const struct frame *frame, const struct node *n);

static enum err_code each(const struct renderer *r, const struct frame *frame, const struct node *n) {
    const struct web_list *list = find(frame, n->text)->list;
    for (size_t i = 0; i < list->len && !r->out->failed; i++) {
        const struct frame row = { .names = n->columns, .values = list->items[i], .outer = frame };
        enum err_code rc = check_names(r, row.names, row.values);
        if (rc == ERR_OK)
            rc = render(r, &row, n->body);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static enum err_code render(const struct renderer *r, const struct frame *frame, const struct node *n) {
    for (; n != NULL && !r->out->failed; n = n->next) {
        enum err_code rc = ERR_OK;
        const struct web_value *v = n->kind == NODE_TEXT ? NULL : find(frame, n->text);
        switch (n->kind) {
        case NODE_TEXT: strbuf_add(r->out, n->text); break;
        case NODE_VALUE: html_escape(r->out, v->text); break;
        case NODE_URL:
            if (!html_url_is_safe(v->text))
                return err_set(r->err, ERR_INVALID, "%s: \"%.*s\" is not a URL to link to",
                               r->template->origin, STR_FMT(n->text));
            html_escape(r->out, v->text);
            break;
        case NODE_MESSAGE: message(r, frame, n->message); break;
        case NODE_IF: rc = render(r, frame, is_true(v) ? n->body : n->otherwise); break;
        case NODE_EACH:
            rc = v->list != NULL && v->list->len > 0 ? each(r, frame, n) : render(r, frame, n->otherwise);
            break;
        default: break;
        }
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

enum err_code template_render(const struct template *t, const struct messages *messages, size_t language,
                              const struct web_value *globals, const struct web_value *values,
                              struct strbuf *out, struct err *err) {
    const struct renderer r = {
        .template = t, .messages = messages, .language = language, .out = out, .err = err
    };
    const struct frame global = { .names = t->globals, .values = globals };
    const struct frame page = { .names = t->declared, .values = values, .outer = &global };
    enum err_code rc = check_names(&r, t->declared, values);
    if (rc == ERR_OK)
        rc = render(&r, &page, t->nodes);
    return rc == ERR_OK ? strbuf_check(out, err) : rc;
}
