/* One line an object, and what it comes to. */
#include "cli/import/import.h"

#include "cli/objects.h"

enum { LINE_MAX_BYTES = 16 * 1024, PROGRESS_EVERY = 100 };

static const char *word(const struct import *m, enum import_outcome outcome) {
    switch (outcome) {
    case IMPORT_CREATED: return m->o->dry_run ? "would be created" : "created";
    case IMPORT_CHANGED: return m->o->dry_run ? "would be changed" : "changed";
    case IMPORT_SAME: return "same";
    case IMPORT_LEFT_OUT: return "left out";
    case IMPORT_CONFLICT: return "conflict";
    case IMPORT_NOT_TAKEN: return "not taken";
    case IMPORT_PENDING:
    case IMPORT_OUTCOMES: break;
    }
    return "?";
}

static int width(const struct import *m) { return m->o->dry_run ? 16 : 9; }

/* What a dump holds goes to a terminal: no line may end early, nor move the cursor. */
static void print_line(const struct import *m, struct strbuf *line) {
    for (size_t i = 0; i < line->len; i++) {
        unsigned char c = (unsigned char)line->ptr[i], before = i > 0 ? (unsigned char)line->ptr[i - 1] : 0;
        if (c < 0x20 || c == 0x7f)
            line->ptr[i] = ' ';
        else if (before == 0xc2 && c < 0xa0) /* U+0080 to U+009F in UTF-8 */
            line->ptr[i - 1] = line->ptr[i] = ' ';
    }
    struct str text = strbuf_str(line);
    (void)fprintf(m->o->report, "%.*s\n", STR_FMT(text));
}

static void add_reason(const struct import_item *i, struct strbuf *line) {
    const char *before = ": ";
    if (i->why != NULL && i->outcome == IMPORT_CONFLICT && i->kind != &kind_api_key)
        strbuf_addf(line, ": differs here in %s; --overwrite takes what the dump says", i->why);
    else if (i->why != NULL && i->outcome != IMPORT_SAME)
        strbuf_addf(line, ": %s", i->why);
    if (i->why != NULL && i->outcome != IMPORT_SAME)
        before = "; ";
    /* What became of its parts, where it was written. */
    for (size_t n = 0; (i->outcome == IMPORT_CREATED || i->outcome == IMPORT_CHANGED) && n < i->note_count;
         n++) {
        strbuf_addf(line, "%s%s", before, i->notes[n]);
        before = "; ";
    }
}

void import_report_item(const struct import *m, const struct import_item *i) {
    AUTO(strbuf_done) struct strbuf line = STRBUF(LINE_MAX_BYTES);
    strbuf_addf(&line, "%-*s %s %.*s", width(m), word(m, i->outcome), i->kind_name, STR_FMT(i->name));
    if (i->who != NULL && i->who[0] != '\0')
        strbuf_addf(&line, " (%s)", i->who);
    add_reason(i, &line);
    print_line(m, &line);
}

void import_report_progress(const struct import *m, size_t done) {
    if (m->o->progress == NULL || m->len < 2 * PROGRESS_EVERY ||
        (done % PROGRESS_EVERY != 0 && done != m->len))
        return;
    (void)fprintf(m->o->progress, "\r%zu of %zu%s", done, m->len,
                  done == m->len ? "\r                          \r" : "");
    (void)fflush(m->o->progress);
}

static void report_ignored(const struct import *m) {
    if (m->ignored_rules > 0)
        (void)fprintf(m->o->report,
                      "%-*s Rule, %zu objects: they are made anew of policies, roles, groups and bindings\n",
                      width(m), word(m, IMPORT_LEFT_OUT), m->ignored_rules);
    if (m->ignored_views > 0)
        (void)fprintf(m->o->report,
                      "%-*s User, Group and Project, %zu objects: views of others, made when asked for\n",
                      width(m), word(m, IMPORT_LEFT_OUT), m->ignored_views);
}

static void report_tenants(struct import *m) {
    const struct map_entry *e;
    size_t at = 0;
    while ((e = map_next(&m->tenants, &at)) != NULL) {
        arena_reset(m->scratch);
        if (!tenant_is_known(m->o->config, m->env->store, m->scratch, (struct str) { e->key, e->key_len })) {
            AUTO(strbuf_done) struct strbuf line = STRBUF(LINE_MAX_BYTES);
            strbuf_addf(
                &line,
                "%-*s there is no tenant %s here, neither an IdentityProvider nor in the configuration: "
                "nobody can log in to it",
                width(m), "note", e->key);
            print_line(m, &line);
        }
    }
}

void import_report_summary(struct import *m) {
    const size_t *n = m->counts;
    report_ignored(m);
    report_tenants(m);
    if (m->from_dex && strcmp(m->o->tenant, "local") != 0 && n[IMPORT_CREATED] > 0)
        (void)fprintf(
            m->o->report,
            "%-*s the sub of dex's own users names dex's connector \"local\"; in tenant %s they get "
            "another one (--tenant local keeps it)\n",
            width(m), "note", m->o->tenant);
    (void)fprintf(
        m->o->report, "%s%zu %s, %zu %s, %zu the same, %zu left out, %zu in conflict, %zu not taken\n",
        m->o->dry_run ? "dry run, nothing was written: " : "", n[IMPORT_CREATED], word(m, IMPORT_CREATED),
        n[IMPORT_CHANGED], word(m, IMPORT_CHANGED), n[IMPORT_SAME],
        n[IMPORT_LEFT_OUT] + m->ignored_rules + m->ignored_views, n[IMPORT_CONFLICT], n[IMPORT_NOT_TAKEN]);
}

int import_status(const struct import *m) {
    return m->counts[IMPORT_CONFLICT] + m->counts[IMPORT_NOT_TAKEN] > 0 ? 1 : 0;
}
