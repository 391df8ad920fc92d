#include "cli/import/import.h"

#include <stdlib.h>

enum {
    ITEMS_MEMORY_MAX = 1024 * 1024 * 1024, /* names and notes of a million objects */
    SCRATCH_MAX = 512 * 1024 * 1024,       /* one object with all that follows from it */
    TEXT_MAX = 4096
};

enum err_code import_init(struct import *m, const struct import_options *o, const struct resource_env *env,
                          struct err *err) {
    *m = (struct import) {
        .o = o, .env = env, .arena = arena_new(ITEMS_MEMORY_MAX), .scratch = arena_new(SCRATCH_MAX)
    };
    if (m->arena != NULL && m->scratch != NULL)
        return ERR_OK;
    import_done(m);
    return err_set(err, ERR_NOMEM, "an import");
}

void import_done(struct import *m) {
    for (size_t i = 0; i < m->len; i++)
        json_decref(m->items[i].object);
    for (size_t i = 0; i < m->signer_count; i++)
        signer_free(m->signers[i]);
    map_done(&m->tenants, NULL);
    free(m->items);
    arena_free(m->arena);
    arena_free(m->scratch);
    *m = (struct import) { 0 };
}

enum err_code import_add(struct import *m, const char *kind_name, json_t *object, struct import_item **ret,
                         struct err *err) {
    if (m->len == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 64;
        struct import_item *grown = m->len < IMPORT_OBJECTS_MAX ? reallocarray(m->items, cap, sizeof *grown)
                                                                : NULL;
        if (grown == NULL) {
            json_decref(object);
            return err_set(err, ERR_LIMIT, "more than %d objects, or out of memory", IMPORT_OBJECTS_MAX);
        }
        m->items = grown;
        m->cap = cap;
    }
    struct import_item *i = &m->items[m->len++];
    *i = (struct import_item) { .kind = resource_kind_named(str_of(kind_name)), .object = object };
    i->kind_name = i->kind != NULL ? i->kind->kind
                                   : arena_strdup(m->arena, str_sub(str_of(kind_name), 0, 64));
    i->name = arena_str(m->arena, object_name(object));
    if (arena_failed(m->arena) || object == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    *ret = i;
    return ERR_OK;
}

static const char *format(struct import *m, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
static const char *format(struct import *m, const char *fmt, va_list args) {
    char text[TEXT_MAX];
    (void)vsnprintf(text, sizeof text, fmt, args);
    const char *copy = arena_strdup(m->arena, str_of(text));
    return copy != NULL ? copy : "out of memory";
}

void import_note(struct import *m, struct import_item *i, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    if (i->note_count < IMPORT_NOTES_MAX)
        i->notes[i->note_count++] = format(m, fmt, args);
    va_end(args);
}

void import_leave_out(struct import *m, struct import_item *i, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    if (i->outcome == IMPORT_PENDING) {
        i->why = format(m, fmt, args);
        i->outcome = IMPORT_LEFT_OUT;
    }
    va_end(args);
}

void import_refuse(struct import *m, struct import_item *i, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    if (i->outcome == IMPORT_PENDING) {
        i->why = format(m, fmt, args);
        i->outcome = IMPORT_NOT_TAKEN;
    }
    va_end(args);
}
