/* An import over a store in memory. */
#pragma once
#include "unit/test.h"

#include "cli/import/import.h"
#include "tkeauth/crypto.h"

enum { RIG_NOW = 1735689600 }; /* 2025-01-01 */

struct rig {
    struct store *store;
    struct keyring *keyring;
    struct clock clock;
    struct resource_env env;
    struct config config;
    struct import_options o;
    struct import m; /* of the last run */
    char *report;    /* of the last run */
    size_t report_size;
    struct arena *arena; /* of what is looked up */
};
void rig_init(struct rig *r);
void rig_done(struct rig *r);
/* Reads files or texts, applies, reports. `source` is a file where it begins with "tests/". Returns the exit status. */
int rig_import(struct rig *r, const char *source);
int rig_run(struct rig *r, const char *const *sources); /* NULL-terminated */
/* Of a text that must not be taken: why. Nothing is written. */
const char *rig_refusal(struct rig *r, const char *text);
void rig_assert_line(const struct rig *r, const char *line);
void rig_assert_silent(const struct rig *r, const char *text);
/* The stored object; its body lives in the rig's arena. NULL body: there is none. */
struct store_object rig_get(struct rig *r, const struct kind *k, const char *name);
struct str rig_text(struct rig *r, const struct kind *k, const char *name, const char *path);
int64_t rig_revision(struct rig *r);
size_t rig_count(struct rig *r, const struct kind *k);
bool rig_has_rule(struct rig *r, const char *const *fields); /* ptype first; NULL-terminated */
