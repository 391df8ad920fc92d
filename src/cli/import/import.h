/* tke-auth import: objects of TKEStack and clients, users and connectors of dex's configuration, brought into the store. Reading comes first,
 * and a file that cannot be read stops everything before anything is written; then object after object is created, compared or
 * changed, in an order in which what others refer to comes first. Whatever a dump holds, nothing secret of it gets into the report. */
#pragma once
#include <stdio.h>

#include "tkeauth/base/map.h"
#include "tkeauth/config.h"
#include "tkeauth/jose.h"
#include "tkeauth/resource.h"

enum {
    IMPORT_FILE_MAX = 256 * 1024 * 1024,
    IMPORT_OBJECTS_MAX = 1000 * 1000,
    IMPORT_NOTES_MAX = 8, /* of one object */
    IMPORT_SIGNERS_MAX = 64,
    IMPORT_CA_MAX = 128 * 1024
};

/* ---- what is to be imported ---- */
enum import_outcome {
    IMPORT_PENDING,
    IMPORT_CREATED,
    IMPORT_CHANGED,
    IMPORT_SAME,
    IMPORT_LEFT_OUT,  /* as it should be: nothing is lost by it */
    IMPORT_CONFLICT,  /* there is another one of that name, and --overwrite was not given */
    IMPORT_NOT_TAKEN, /* it is wanted and missing now */
    IMPORT_OUTCOMES
};
struct import_item {
    const struct kind *kind; /* NULL: of no kind known here */
    const char *kind_name;
    json_t *object;  /* in the form that resource_create takes, secrets included; owned */
    struct str name; /* in the store: "name", "namespace/name" */
    const char *who; /* a name that people know; NULL */
    size_t position; /* in the files */
    enum import_outcome outcome;
    const char *why; /* of LEFT_OUT, CONFLICT, NOT_TAKEN; differences of CHANGED */
    const char *notes[IMPORT_NOTES_MAX];
    size_t note_count;
};
struct import_options {
    const struct config *config; /* of this server: what it sets counts; NULL: none */
    const char *tenant;          /* of dex's staticPasswords */
    const char *const *root_cas; /* "FILE", or "TENANT=FILE": in place of the files that connectors name */
    size_t root_ca_count;
    bool dry_run; /* says so in the report; it is the caller who works on a copy */
    bool overwrite;
    const char *(*variable)(const char *name); /* of the environment; NULL: none is set */
    FILE *report;
    FILE *progress; /* a terminal, or NULL */
};
struct import {
    const struct import_options *o;
    const struct resource_env *env;
    struct arena *arena;   /* of items, notes and what they point to */
    struct arena *scratch; /* of one object's writing */
    struct import_item *items;
    size_t len, cap;
    size_t ignored_rules, ignored_views;        /* Rule; User, Group, Project */
    bool from_dex;                              /* with users, whose subjects depend on the tenant */
    struct signer *signers[IMPORT_SIGNERS_MAX]; /* whoever may have signed an API key; owned */
    size_t signer_count;
    bool has_signers;   /* they have been looked for */
    struct map tenants; /* named by what is in the store now */
    size_t counts[IMPORT_OUTCOMES];
};
MUST_CHECK enum err_code import_init(struct import *m, const struct import_options *o,
                                     const struct resource_env *env, struct err *err);
void import_done(struct import *m);

/* A new item, pending; takes `object` over, also on failure. ERR_LIMIT: too many. */
MUST_CHECK enum err_code import_add(struct import *m, const char *kind_name, json_t *object,
                                    struct import_item **ret, struct err *err);
/* Adds to what is said of it. */
void import_note(struct import *m, struct import_item *i, const char *fmt, ...) PRINTF(3, 4);
/* Decides it without the store. */
void import_leave_out(struct import *m, struct import_item *i, const char *fmt, ...) PRINTF(3, 4);
void import_refuse(struct import *m, struct import_item *i, const char *fmt, ...) PRINTF(3, 4);

/* ---- reading ---- */
/* YAML or JSON: objects, Lists of them, or a configuration of dex. Adds items. ERR_INVALID, ERR_LIMIT: what is wrong with the file;
 * nothing in it that anybody wrote is repeated. */
MUST_CHECK enum err_code import_read_file(struct import *m, const char *path, struct err *err);
MUST_CHECK enum err_code import_read_text(struct import *m, struct str text, struct err *err);
/* One object of a Kubernetes API. */
MUST_CHECK enum err_code import_add_object(struct import *m, json_t *object, struct err *err);
/* dex's configuration. */
MUST_CHECK enum err_code import_add_dex(struct import *m, const json_t *config, struct err *err);
bool import_is_dex(const json_t *document);

/* ---- making objects fit ---- */
/* From what a server printed, or what was made of dex's configuration, to what resource_create takes; may decide the item. */
void import_prepare(struct import *m, struct import_item *i);
/* spec.config of an IdentityProvider: files that it names are read and put in, and the connector is asked what it thinks. */
void import_prepare_connector(struct import *m, struct import_item *i);
/* A private key for API keys that can be used. */
void import_prepare_signing_key(struct import *m, struct import_item *i);
/* "$NAME" and "${NAME}" in all texts of `config` as dex expands them. False: the variable *ret_missing is not set. */
bool import_expand(struct import *m, json_t *config, bool *ret_expanded, const char **ret_missing);

/* ---- writing ---- */
/* Decides every item, in the order of what refers to what, and reports each. An error stops the work: the database cannot be written. */
MUST_CHECK enum err_code import_apply(struct import *m, struct err *err);
/* An API key is looked at in front of the signing keys of dump and store, and gets what its claims say; may decide the item. */
MUST_CHECK enum err_code import_judge_api_key(struct import *m, struct import_item *i, struct err *err);
/* The stored object with all that the dump says of it, for resource_update. NULL: out of memory. */
json_t *import_merge(const struct kind *k, const json_t *stored, const json_t *from_dump) MUST_CHECK;
/* Takes what is write-only out of `given` where it is what is stored; *ret_differs names it where it is not (NULL: nothing differs). */
MUST_CHECK enum err_code import_compare_secret(struct import *m, struct import_item *i,
                                               const struct store_object *stored, json_t *given,
                                               const char **ret_differs, struct err *err);
/* "spec.email, status.users": appends where they differ; nothing when they say the same. */
void import_differences(const struct kind *k, const json_t *stored, const json_t *next, struct strbuf *out);

/* ---- telling ---- */
void import_report_item(const struct import *m, const struct import_item *i);
void import_report_progress(const struct import *m, size_t done);
/* Counts, and tenants that nobody can log in to. */
void import_report_summary(struct import *m);
/* 0: everything was taken, or is there already; 1. */
int import_status(const struct import *m);
