/* Which parts of an object can be owned, as its tables of fields say: objects and string maps member by
 * member unless `atomic`, lists item by item if they are sets or have a key, everything else as a whole. Not
 * owned at all: what makes the object what it is (apiVersion, kind, and of the metadata name, namespace, uid,
 * resourceVersion, creationTimestamp, generation, deletionTimestamp, selfLink and managedFields itself), what
 * is write-only, and what the tables do not know. */
#pragma once
#include "resource/fieldset.h"
#include "resource/stored_value.h"

struct field_tables {
    const struct field *metadata; /* of the member "metadata" */
    const struct field *own;      /* of the others */
};

enum place_type { PLACE_ROOT, PLACE_METADATA, PLACE_FIELD, PLACE_ITEM, PLACE_LEAF };
/* Where in the tables a value stands. */
struct place {
    enum place_type type;
    const struct field_tables *tables;
    const struct field *self; /* of PLACE_FIELD: its row; of PLACE_ITEM: the row of the list */
};
/* How its parts are told apart. */
enum shape { SHAPE_LEAF, SHAPE_OBJECT, SHAPE_MAP, SHAPE_SET, SHAPE_LIST };
/* A part of a value; the name of a member is borrowed from the object. */
struct child {
    struct field_element element;
    const json_t *value;
    size_t index; /* of an item in its list */
    struct place place;
};

struct place place_root(const struct field_tables *tables);
enum shape place_shape(const struct place *p);
/* True of the members that make the object what it is, or are the server's. */
bool place_is_identity(const struct place *p, struct str member);
/* The place of a member of an object or map; false: nobody can own that member. */
bool place_member(const struct place *p, struct str name, struct place *ret);
struct place place_item(const struct place *list);

/* The parts of a value that are owned one by one, in order. False: it is owned as a whole: its shape is
 * SHAPE_LEAF, it is empty, or it is not what the tables want (a list whose items lack their key, or have one
 * twice). */
bool place_children(struct arena *a, const struct place *p, const json_t *value, struct child **ret,
                    size_t *ret_len);

/* Every path of the object. NULL: none, or out of memory (as all functions that make sets). */
const struct fieldset *fields_all(struct arena *a, const struct field_tables *t, const json_t *object);
/* Those that an applied configuration owns: leaves, and the items of lists with a key; not the objects on the
 * way. */
const struct fieldset *fields_applied(struct arena *a, const struct field_tables *t, const json_t *object);

struct field_changes {
    const struct fieldset *added, *removed; /* paths */
    const struct fieldset *modified; /* leaves of the new object that were something else in the old one */
};
/* `old` NULL: everything is added. */
struct field_changes fields_compare(struct arena *a, const struct field_tables *t, const json_t *old,
                                    const json_t *object);
