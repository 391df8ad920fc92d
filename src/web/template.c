#include "web/template.h"

#include "web/html.h"
#include "web/template_node.h"

/* Names that can be seen, innermost first. */
struct scope {
    const struct template_names *names;
    const struct scope *outer;
};

struct compiler {
    struct arena *arena;
    const struct template_host *host;
    const char *origin;
    struct str source;
    size_t at;                /* next byte of the source */
    struct html_cursor *html; /* shared with the template this one is a partial of */
    size_t *nodes;            /* likewise */
    int block_depth, partial_depth;
    const struct template_names *declared;
    bool declared_given, has_values;
    struct err *err;
};

/* What ended a body. */
enum closer { CLOSER_END, CLOSER_ELSE, CLOSER_IF, CLOSER_EACH };

static int line_of(const struct compiler *c, size_t at) {
    int line = 1;
    for (size_t i = 0; i < at && i < c->source.len; i++)
        line += c->source.ptr[i] == '\n';
    return line;
}

#define FAIL(c, at, code, fmt, ...)                                                                          \
    err_set((c)->err, (code), "%s:%d: " fmt, (c)->origin, line_of((c), (at)) __VA_OPT__(, ) __VA_ARGS__)

const struct template_names *template_names_find(const struct template_names *names, struct str name) {
    while (names != NULL && !str_eq(names->name, name))
        names = names->next;
    return names;
}

static const struct template_names *scope_find(const struct scope *scope, struct str name) {
    for (; scope != NULL; scope = scope->outer) {
        const struct template_names *found = template_names_find(scope->names, name);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static bool is_name(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '_')
            return false;
    return s.len > 0 && s.len <= TEMPLATE_NAME_MAX;
}

static struct node *node_new(struct compiler *c, enum node_kind kind, struct str text) {
    if (++*c->nodes > TEMPLATE_NODES_MAX) {
        (void)FAIL(c, c->at, ERR_LIMIT, "more than %d pieces", TEMPLATE_NODES_MAX);
        return NULL;
    }
    struct node *n = arena_alloc(c->arena, sizeof *n);
    if (n == NULL) {
        (void)FAIL(c, c->at, ERR_NOMEM, "out of memory");
        return NULL;
    }
    n->kind = kind;
    n->text = text;
    return n;
}

static enum err_code append(struct node ***tail, struct node *n, const struct compiler *c) {
    if (n == NULL)
        return c->err->code;
    **tail = n;
    *tail = &n->next;
    return ERR_OK;
}

/* ---- {{values ...}} ---- */

/* "a b list(x y)" up to the end or ')'. */
static enum err_code names_parse(struct compiler *c, struct str *rest, int depth, size_t *count,
                                 const struct template_names **ret) {
    const struct template_names **tail = ret;
    *tail = NULL;
    for (;;) {
        while (rest->len > 0 && ascii_is_space(rest->ptr[0]))
            *rest = str_from(*rest, 1);
        if (rest->len == 0 || rest->ptr[0] == ')')
            return ERR_OK;
        size_t len = 0;
        while (len < rest->len && !ascii_is_space(rest->ptr[len]) && rest->ptr[len] != '(' &&
               rest->ptr[len] != ')')
            len++;
        struct str name = str_sub(*rest, 0, len);
        *rest = str_from(*rest, len);
        if (!is_name(name) || template_names_find(*ret, name) != NULL)
            return FAIL(c, c->at, ERR_INVALID, "{{values}}: \"%.*s\" is no name, or there twice",
                        STR_FMT(name));
        if (++*count > TEMPLATE_DECLARED_MAX)
            return FAIL(c, c->at, ERR_LIMIT, "{{values}}: more than %d names", TEMPLATE_DECLARED_MAX);
        struct template_names *n = arena_alloc(c->arena, sizeof *n);
        if (n == NULL)
            return FAIL(c, c->at, ERR_NOMEM, "out of memory");
        n->name = name;
        if (rest->len > 0 && rest->ptr[0] == '(') {
            *rest = str_from(*rest, 1);
            n->is_list = true;
            if (depth == 0)
                return FAIL(c, c->at, ERR_LIMIT, "{{values}}: lists nested too deep");
            enum err_code rc = names_parse(c, rest, depth - 1, count, &n->columns);
            if (rc != ERR_OK)
                return rc;
            if (rest->len == 0)
                return FAIL(c, c->at, ERR_INVALID, "{{values}}: ')' is missing");
            *rest = str_from(*rest, 1);
        }
        *tail = n;
        tail = &n->next;
    }
}

static enum err_code declare(struct compiler *c, struct str rest) {
    if (c->partial_depth > 0 || c->block_depth > 0 || c->has_values)
        return FAIL(c, c->at, ERR_INVALID, "{{values}} may stand once in a page, in no block and no partial");
    c->has_values = true;
    size_t count = 0;
    const struct template_names *names = NULL;
    enum err_code rc = names_parse(c, &rest, 3, &count, &names);
    if (rc != ERR_OK)
        return rc;
    if (rest.len > 0)
        return FAIL(c, c->at, ERR_INVALID, "{{values}}: a ')' too many");
    if (!c->declared_given)
        c->declared = names;
    return ERR_OK;
}

/* ---- literal text ---- */

static enum err_code literal(struct compiler *c, size_t from, size_t to, struct node ***tail) {
    if (to <= from)
        return ERR_OK;
    struct str text = str_sub(c->source, from, to - from);
    size_t fault = 0;
    const char *wrong = html_advance(c->html, text, &fault);
    if (wrong != NULL)
        return FAIL(c, from + fault, ERR_INVALID, "%s", wrong);
    return append(tail, node_new(c, NODE_TEXT, text), c);
}

/* Tags that write nothing take their whole line with them when nothing else is on it. */
static bool is_silent(struct str tag) {
    return tag.len > 0 && (tag.ptr[0] == '#' || tag.ptr[0] == '/' || tag.ptr[0] == '!' || tag.ptr[0] == '>' ||
                           str_eq(tag, STR("else")) || str_starts_with(tag, STR("values ")));
}

/* [*from, *to) is the tag with its braces: widened to the line it has for itself. `floor`: bytes before it are used up. */
static void take_line(struct str source, size_t floor, size_t *from, size_t *to) {
    size_t start = *from, end = *to;
    while (start > floor && (source.ptr[start - 1] == ' ' || source.ptr[start - 1] == '\t'))
        start--;
    while (end < source.len && (source.ptr[end] == ' ' || source.ptr[end] == '\t' || source.ptr[end] == '\r'))
        end++;
    bool begins = start == 0 || source.ptr[start - 1] == '\n';
    bool ends = end == source.len || source.ptr[end] == '\n';
    if (!begins || !ends)
        return;
    *from = start;
    *to = end < source.len ? end + 1 : end;
}

/* The next tag: text in front of it goes to `tail`, its trimmed content to *ret_tag; *ret_tag.ptr NULL at the end. */
static enum err_code next_tag(struct compiler *c, struct node ***tail, struct str *ret_tag, size_t *ret_at) {
    size_t from = c->at;
    while (from + 1 < c->source.len && !(c->source.ptr[from] == '{' && c->source.ptr[from + 1] == '{'))
        from++;
    if (from + 1 >= c->source.len) {
        *ret_tag = STR_NULL;
        *ret_at = c->source.len;
        enum err_code rc = literal(c, c->at, c->source.len, tail);
        c->at = c->source.len;
        return rc;
    }
    size_t to = from + 2;
    while (to + 1 < c->source.len && !(c->source.ptr[to] == '}' && c->source.ptr[to + 1] == '}'))
        to++;
    if (to + 1 >= c->source.len)
        return FAIL(c, from, ERR_INVALID, "{{ without }}");
    *ret_tag = str_trim(str_sub(c->source, from + 2, to - from - 2));
    *ret_at = from;
    to += 2;
    if (is_silent(*ret_tag))
        take_line(c->source, c->at, &from, &to);
    enum err_code rc = literal(c, c->at, from, tail);
    c->at = to;
    return rc;
}

/* ---- tags ---- */

static enum err_code compile_body(struct compiler *c, const struct scope *scope, struct node ***tail,
                                  enum closer *ret_closer);

static enum err_code compile_value(struct compiler *c, const struct scope *scope, struct str name, size_t at,
                                   struct node ***tail) {
    if (!is_name(name))
        return FAIL(c, at, ERR_INVALID, "{{%.*s}} is not understood", STR_FMT(str_sub(name, 0, 40)));
    const struct template_names *found = scope_find(scope, name);
    if (found == NULL || found->is_list)
        return FAIL(c, at, ERR_INVALID, "there is no value \"%.*s\" here", STR_FMT(name));
    const char *why = "";
    enum html_value_kind kind = html_value_at(c->html, &why);
    if (kind == HTML_VALUE_REFUSED)
        return FAIL(c, at, ERR_INVALID, "value \"%.*s\" %s", STR_FMT(name), why);
    return append(tail, node_new(c, kind == HTML_VALUE_URL ? NODE_URL : NODE_VALUE, name), c);
}

static enum err_code compile_message(struct compiler *c, const struct scope *scope, struct str key, size_t at,
                                     struct node ***tail) {
    const struct messages *m = c->host->messages;
    size_t index = 0;
    if (!messages_find(m, key, &index))
        return FAIL(c, at, ERR_INVALID, "there is no message \"%.*s\"", STR_FMT(str_sub(key, 0, 64)));
    const char *why = "";
    enum html_value_kind kind = html_value_at(c->html, &why);
    if (kind == HTML_VALUE_URL)
        why = "may not be a URL";
    if (kind != HTML_VALUE_PLAIN)
        return FAIL(c, at, ERR_INVALID, "message \"%.*s\" %s", STR_FMT(key), why);
    for (size_t i = 0; i < messages_language_count(m); i++) {
        struct str rest = messages_text(m, i, index), part, name;
        while (messages_next(&rest, &part, &name)) {
            const struct template_names *found = scope_find(scope, name);
            if (name.len > 0 && (found == NULL || found->is_list))
                return FAIL(c, at, ERR_INVALID,
                            "message \"%.*s\" (%s) wants a value \"%.*s\", which is not here", STR_FMT(key),
                            messages_language(m, i), STR_FMT(name));
        }
    }
    struct node *n = node_new(c, NODE_MESSAGE, key);
    if (n != NULL)
        n->message = index;
    return append(tail, n, c);
}

static enum err_code compile_static(struct compiler *c, struct str file, size_t at, struct node ***tail) {
    struct str url;
    if (!c->host->asset(c->host->ctx, file, &url))
        return FAIL(c, at, ERR_INVALID, "there is no static file \"%.*s\"", STR_FMT(str_sub(file, 0, 64)));
    if (c->html->place != HTML_VALUE)
        return FAIL(c, at, ERR_INVALID, "{{static}} may only stand in an attribute value");
    return append(tail, node_new(c, NODE_TEXT, url), c);
}

/* A partial is compiled in place: it sees this scope and stands at this point of the document. */
static enum err_code compile_partial(struct compiler *c, const struct scope *scope, struct str name,
                                     size_t at, struct node ***tail) {
    struct compiler inner = *c;
    if (!c->host->partial(c->host->ctx, name, &inner.source, &inner.origin))
        return FAIL(c, at, ERR_INVALID, "there is no template \"%.*s\"", STR_FMT(str_sub(name, 0, 64)));
    if (++inner.partial_depth > TEMPLATE_PARTIAL_DEPTH_MAX)
        return FAIL(c, at, ERR_LIMIT, "templates put into each other more than %d deep",
                    TEMPLATE_PARTIAL_DEPTH_MAX);
    if (inner.source.len > TEMPLATE_SIZE_MAX)
        return FAIL(c, at, ERR_LIMIT, "%s is over %d bytes", inner.origin, TEMPLATE_SIZE_MAX);
    inner.at = 0;
    enum closer closer;
    enum err_code rc = compile_body(&inner, scope, tail, &closer);
    if (rc == ERR_OK && closer != CLOSER_END)
        return FAIL(&inner, inner.at, ERR_INVALID, "a block is closed that was not opened here");
    return rc;
}

/* One branch of a block. A branch may be skipped or repeated, so it must end where in the document it began. */
static enum err_code compile_branch(struct compiler *c, const struct scope *scope, size_t opened_at,
                                    struct node **ret, enum closer *ret_closer) {
    struct html_cursor before = *c->html;
    if (before.place != HTML_TEXT && before.place != HTML_TAG && before.place != HTML_VALUE)
        return FAIL(c, opened_at, ERR_INVALID, "a block may not begin here: put a blank in front of it");
    struct node **tail = ret;
    enum err_code rc = compile_body(c, scope, &tail, ret_closer);
    if (rc != ERR_OK)
        return rc;
    if (*ret_closer == CLOSER_END)
        return FAIL(c, opened_at, ERR_INVALID, "a block is not closed");
    if (!html_same_place(c->html, &before))
        return FAIL(c, opened_at, ERR_INVALID, "a block must hold whole tags or whole attributes");
    *c->html = before; /* with value_started as if the block were skipped: the stricter reading */
    return ERR_OK;
}

static enum err_code compile_block(struct compiler *c, const struct scope *scope, bool each, struct str name,
                                   size_t at, struct node ***tail) {
    const struct template_names *found = scope_find(scope, name);
    if (found == NULL || (each && !found->is_list))
        return FAIL(c, at, ERR_INVALID, "there is no %s \"%.*s\" here", each ? "list" : "value",
                    STR_FMT(str_sub(name, 0, 64)));
    if (++c->block_depth > TEMPLATE_BLOCK_DEPTH_MAX)
        return FAIL(c, at, ERR_LIMIT, "blocks nested more than %d deep", TEMPLATE_BLOCK_DEPTH_MAX);
    struct node *n = node_new(c, each ? NODE_EACH : NODE_IF, name);
    if (n == NULL)
        return c->err->code;
    const struct scope rows = { .names = found->columns, .outer = scope };
    n->columns = found->columns;
    enum closer closer;
    enum err_code rc = compile_branch(c, each ? &rows : scope, at, &n->body, &closer);
    if (rc == ERR_OK && closer == CLOSER_ELSE)
        rc = compile_branch(c, scope, at, &n->otherwise, &closer);
    if (rc != ERR_OK)
        return rc;
    if (closer != (each ? CLOSER_EACH : CLOSER_IF))
        return FAIL(c, at, ERR_INVALID, "{{#%s}} is closed by something else", each ? "each" : "if");
    c->block_depth--;
    return append(tail, n, c);
}

/* "word rest" -> true and the rest, trimmed. */
static bool takes(struct str tag, const char *word, struct str *ret_rest) {
    struct str w = str_of(word);
    if (!str_starts_with(tag, w) || tag.len == w.len || !ascii_is_space(tag.ptr[w.len]))
        return false;
    *ret_rest = str_trim(str_from(tag, w.len));
    return true;
}

static bool closes(struct str tag, enum closer *ret) {
    static const struct {
        const char *tag;
        enum closer closer;
    } closers[] = { { "else", CLOSER_ELSE }, { "/if", CLOSER_IF }, { "/each", CLOSER_EACH } };
    for (size_t i = 0; i < ARRAY_LEN(closers); i++)
        if (str_eq(tag, str_of(closers[i].tag))) {
            *ret = closers[i].closer;
            return true;
        }
    return false;
}

static enum err_code compile_tag(struct compiler *c, struct scope *scope, struct str tag, size_t at,
                                 struct node ***tail) {
    struct str rest;
    if (tag.len > 0 && tag.ptr[0] == '!')
        return ERR_OK;
    if (takes(tag, "#if", &rest))
        return compile_block(c, scope, false, rest, at, tail);
    if (takes(tag, "#each", &rest))
        return compile_block(c, scope, true, rest, at, tail);
    if (takes(tag, "t", &rest))
        return compile_message(c, scope, rest, at, tail);
    if (takes(tag, ">", &rest))
        return compile_partial(c, scope, rest, at, tail);
    if (takes(tag, "static", &rest))
        return compile_static(c, rest, at, tail);
    if (takes(tag, "values", &rest)) {
        enum err_code rc = declare(c, rest);
        scope->names = c->declared; /* this is the page's own scope: declare() takes no other */
        return rc;
    }
    return compile_value(c, scope, tag, at, tail);
}

static enum err_code compile_body(struct compiler *c, const struct scope *outer, struct node ***tail,
                                  enum closer *ret_closer) {
    struct scope scope = *outer;
    for (;;) {
        struct str tag = STR_NULL;
        size_t at;
        enum err_code rc = next_tag(c, tail, &tag, &at);
        if (rc != ERR_OK)
            return rc;
        if (tag.ptr == NULL) {
            *ret_closer = CLOSER_END;
            return ERR_OK;
        }
        if (closes(tag, ret_closer))
            return ERR_OK;
        if ((rc = compile_tag(c, &scope, tag, at, tail)) != ERR_OK)
            return rc;
    }
}

enum err_code template_compile(struct arena *a, const struct template_host *host, const char *origin,
                               struct str source, const struct template_names *declared,
                               const struct template **ret, struct err *err) {
    struct html_cursor html = { 0 };
    size_t nodes = 0;
    struct compiler c = { .arena = a,
                          .host = host,
                          .origin = origin,
                          .source = source,
                          .html = &html,
                          .nodes = &nodes,
                          .declared = declared,
                          .declared_given = declared != NULL,
                          .err = err };
    if (source.len > TEMPLATE_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "%s: over %d bytes", origin, TEMPLATE_SIZE_MAX);
    struct template *t = arena_alloc(a, sizeof *t);
    if (t == NULL)
        return err_set(err, ERR_NOMEM, "%s", origin);
    const struct scope globals = { .names = host->globals };
    const struct scope page = { .names = declared, .outer = &globals };
    struct node **tail = &t->nodes;
    enum closer closer;
    enum err_code rc = compile_body(&c, &page, &tail, &closer);
    if (rc != ERR_OK)
        return rc;
    if (closer != CLOSER_END)
        return FAIL(&c, c.at, ERR_INVALID, "a block is closed that was not opened");
    if (html.place != HTML_TEXT)
        return FAIL(&c, source.len, ERR_INVALID, "the page ends within a tag");
    t->origin = origin;
    t->globals = host->globals;
    t->declared = c.declared;
    *ret = t;
    return ERR_OK;
}

const struct template_names *template_declared(const struct template *t) { return t->declared; }
