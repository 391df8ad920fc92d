#pragma once
#include <sqlite3.h>
#include <stdio.h>

#include "tkeauth/store.h"

enum { ROUNDS = 7 };

/* One line of the result: a rate, beside that of the reference in the same rounds. */
struct figure {
    const char *name, *unit, *reference;
    double value[ROUNDS], reference_value[ROUNDS], ratio[ROUNDS];
};
_Noreturn void die(const char *what);
double median(const double *values); /* of ROUNDS */
double rate_since(double amount, int64_t start_us);
int64_t now_us(void);

/* Lists and owned sets of a large store. Returns how many figures were written. */
size_t objects_bench(const char *directory, struct figure *out);
enum { OBJECT_FIGURES = 4 };
