/* metadata.managedFields: who owns which fields of an object, kept as Kubernetes keeps it. */
#pragma once
#include "resource/field_walk.h"

enum {
    MANAGED_UPDATES_MAX = 10, /* entries of updates; the oldest become one, of "ancient-changes" */
    MANAGED_ENTRIES_MAX = 1000,
    MANAGED_ARENA_MAX = 128 * 1024 * 1024 /* memory of one piece of bookkeeping */
};

/* Who changes an object, and when. */
struct managed_by {
    struct str manager;     /* "kubectl-edit"; UTF-8, as the others */
    struct str subresource; /* "status"; empty: none */
    struct str api_version; /* RESOURCE_API_VERSION */
    int64_t now_s;
};

/* The managedFields of `object`, which is about to take the place of `old` (NULL: it is created) by an update
 * or a patch. What was changed or added belongs to `by`'s entry and to no other any more; what is gone is
 * nobody's; the time of `by`'s entry changes when it gained, changed or removed something of its own. Who
 * owned what before is what `object` says, so that clients may edit it ([{}] resets it); if it says nothing,
 * or by way of a subresource, it is what `old` says; broken entries count as none. Neither object is changed.
 * Caller owns *ret, a list, perhaps empty. */
MUST_CHECK enum err_code managed_update(const struct field_tables *t, const json_t *old, const json_t *object,
                                        const struct managed_by *by, json_t **ret, struct err *err);
/* Puts the list into the object's metadata; an empty one takes the member away. The reference is taken over
 * in any case. */
MUST_CHECK enum err_code managed_set_take(json_t *object, json_t *managed, struct err *err);

/* ---- entries, for what applies configurations ---- */
struct managed_entry {
    struct str manager, subresource, api_version;
    bool applied;    /* operation Apply; else Update */
    struct str time; /* RFC 3339; empty: none */
    const struct fieldset *set;
};
struct managed_list {
    struct managed_entry *items;
    size_t len;
};
/* The entries of an object, with room for one more. False: none, broken, or out of memory. */
bool managed_read(struct arena *a, const json_t *object, struct managed_list *ret);
/* The entry of `by`'s updates, or of its applied configuration; NULL: none. */
struct managed_entry *managed_find(struct managed_list *l, const struct managed_by *by, bool applied);
/* The same, made if need be, in the room that managed_read left. */
struct managed_entry *managed_get(struct managed_list *l, const struct managed_by *by, bool applied);
struct str managed_time(struct arena *a, const struct managed_by *by);
/* Drops entries that own nothing and sorts the others. */
void managed_tidy(struct managed_list *l);
bool managed_equal(const struct managed_list *x, const struct managed_list *y);
/* Caller owns it; NULL: out of memory. */
json_t *managed_print(const struct managed_list *l) MUST_CHECK;
