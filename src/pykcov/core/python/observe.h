/*
 * observe.h: records a comparison that is about to be made. Whatever the operands are, that never
 * fails and runs no code of the program's.
 */
#ifndef KCOV_OBSERVE_H
#define KCOV_OBSERVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

#include "trace.h"

/* Which of the operands in the source is a constant. */
enum kcov_constant { KCOV_CONSTANT_NONE, KCOV_CONSTANT_LEFT, KCOV_CONSTANT_RIGHT };

/* A place at which something is compared. */
struct kcov_comparison {
    uint64_t pc;
    unsigned operation; /* enum kcov_operation */
    unsigned constant;  /* enum kcov_constant */
};

/* `a operation b`, for a trace whose mode is that of comparisons. */
void kcov_observe(const struct kcov_comparison *comparison, struct kcov_trace *trace, int mode,
                  PyObject *a, PyObject *b);

#endif
