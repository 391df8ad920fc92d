/* csv owns policy as text: one rule a line, commas, quotes, comments. */
#pragma once
#include "enforcer/rule.h"

struct enf_csv_line {
    struct enforcer_str fields[ENF_FIELDS_MAX + 1]; /* [0]: the ptype; zone memory */
    int columns[ENF_FIELDS_MAX + 1];
    size_t len; /* 0: nothing on this line */
};
/* One line without its end. INVALID with the column. */
enum enforcer_status enf_csv_read(struct enf_zone *z, struct enforcer_str line, int number,
                                  struct enf_csv_line *ret, struct enforcer_error *err) MUST_CHECK;
