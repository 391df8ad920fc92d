/* glob owns shell patterns over paths, as npm's minimatch reads them: * ? [a-z] ** {a,b} {1..3} and a leading !.
 * A wildcard does not match a leading dot, and only ** crosses a slash. Extended globs such as +(a|b) are refused. */
#pragma once
#include "enforcer/scratch.h"

struct enf_glob;
/* INVALID: extended glob, more than 256 alternatives; NOMEM. */
enum enforcer_status enf_glob_compile(struct enf_mem *m, bool counted, struct enforcer_str pattern,
                                      struct enf_glob **ret, struct enforcer_error *err) MUST_CHECK;
void enf_glob_free(struct enf_glob *g);
bool enf_glob_match(const struct enf_glob *g, struct enforcer_str value, struct enf_scratch *s);
