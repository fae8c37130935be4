/*
 * intercept.h: builtin functions that are told about, whoever calls them. A stand-in in a module
 * would miss callers that keep a reference of their own, as after `from gc import collect`, and
 * could be seen. So what changes is where the function's method definition leads: the function
 * object stays, in all interpreters of the process, and so do its flags, by which callers chose how
 * to call it.
 */
#ifndef KCOV_INTERCEPT_H
#define KCOV_INTERCEPT_H

#include "module.h"

typedef PyObject *(*kcov_fast)(PyObject *, PyObject *const *, Py_ssize_t);
typedef PyObject *(*kcov_fast_keywords)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

struct kcov_interception {
    const char *module, *name;
    int flags;            /* METH_*: how it is called */
    PyCFunction ours;     /* [I] calls the original */
    PyCFunction original; /* [I] once others can see `ours` */
};

/*
 * For good, idempotent. A ValueError if there is no builtin function of that name, called in that
 * way.
 */
int kcov_intercept(struct kcov_interception *interception);

#endif
