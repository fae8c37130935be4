/*
 * access.h: records an access to what threads may share, in KCOV_MODE_TRACE_ACCESS. It never fails
 * and runs no code of the program's.
 */
#ifndef KCOV_ACCESS_H
#define KCOV_ACCESS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

#include "trace.h"

/* Numbered on from enum kcov_operation; also indexes into records.OPERATIONS. */
enum kcov_access {
    KCOV_ACCESS_READ = KCOV_CMP_GET + 1, /* an attribute, or a variable */
    KCOV_ACCESS_WRITE,                   /* the same */
    KCOV_ACCESS_LOOK,                    /* what is in an object: a member, all members, how many */
    KCOV_ACCESS_CHANGE, /* the same, or a call of a method, which may do anything to it */
};

/* `object` is accessed; `place` itself: a variable that the place names. */
void kcov_observe_access(struct kcov_trace *trace, uint64_t pc, unsigned operation, PyObject *place,
                         PyObject *object);

#endif
