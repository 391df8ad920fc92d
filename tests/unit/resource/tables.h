/* A kind as the platform has them, with a field of every sort. */
#pragma once
#include "resource/field_walk.h"

static const struct field owner_fields[] = {
    { .name = "uid" },
    { .name = "kind" },
    { .name = "controller", .type = FIELD_BOOL, .flags = FIELD_OMIT_EMPTY },
    { .name = NULL },
};
static const struct field metadata_fields[] = {
    { .name = "name", .flags = FIELD_IMMUTABLE },
    { .name = "uid", .flags = FIELD_READ_ONLY },
    { .name = "resourceVersion" },
    { .name = "creationTimestamp", .type = FIELD_TIME, .flags = FIELD_READ_ONLY },
    { .name = "generateName", .flags = FIELD_OMIT_EMPTY },
    { .name = "labels", .type = FIELD_STRING_MAP, .flags = FIELD_OMIT_EMPTY },
    { .name = "annotations", .type = FIELD_STRING_MAP, .flags = FIELD_OMIT_EMPTY },
    { .name = "finalizers", .type = FIELD_STRINGS, .flags = FIELD_OMIT_EMPTY, .list_type = LIST_SET },
    { .name = "ownerReferences",
      .type = FIELD_OBJECTS,
      .flags = FIELD_OMIT_EMPTY,
      .fields = owner_fields,
      .list_type = LIST_MAP,
      .list_key = "uid" },
    { .name = NULL },
};
static const struct field statement_fields[] = {
    { .name = "actions", .type = FIELD_STRINGS },
    { .name = "effect", .fallback = "allow" },
    { .name = NULL },
};
static const struct field subject_fields[] = { { .name = "id" }, { .name = "name" }, { .name = NULL } };
static const struct field spec_fields[] = {
    { .name = "displayName" },
    { .name = "description", .flags = FIELD_OMIT_EMPTY },
    { .name = "disabled", .type = FIELD_BOOL },
    { .name = "number", .type = FIELD_INT },
    { .name = "password", .flags = FIELD_WRITE_ONLY },
    { .name = "statement", .type = FIELD_OBJECT, .fields = statement_fields },
    { .name = "whole", .type = FIELD_OBJECT, .fields = statement_fields, .atomic = true },
    { .name = "extra", .type = FIELD_STRING_MAP },
    { .name = "wholeExtra", .type = FIELD_STRING_MAP, .atomic = true },
    { .name = "users", .type = FIELD_OBJECTS, .fields = subject_fields },
    { .name = "any", .type = FIELD_ANY },
    { .name = NULL },
};
static const struct field status_fields[] = {
    { .name = "phase", .flags = FIELD_READ_ONLY },
    { .name = "locked", .type = FIELD_BOOL },
    { .name = NULL },
};
static const struct field own_fields[] = {
    { .name = "Spec", .type = FIELD_OBJECT, .fields = spec_fields, .alias = "spec" },
    { .name = "status", .type = FIELD_OBJECT, .fields = status_fields },
    { .name = "data", .type = FIELD_STRING_MAP },
    { .name = NULL },
};
static const struct field_tables tables = { metadata_fields, own_fields };
