/*
 * set_code.h: gives a function other code, which does the same.
 *
 * Setting __code__ takes a function's version away, by which CPython knows that what specialized
 * calls rely upon (how many arguments there are, which are defaults) is still so. It is: so the
 * version is given back, and calls stay as fast as they were. But traces of the JIT compilers of
 * 3.13 and later hold the code itself, by the same version; there it stays away.
 */
#ifndef PYKCOV_SET_CODE_H
#define PYKCOV_SET_CODE_H

#include <Python.h>

#define VERSION_IS_OF_SIGNATURE (PY_VERSION_HEX < 0x030d0000)

/* 3.11 does no more than that; 3.12 and later also tell those who watch functions. */
#define IS_A_FIELD (PY_VERSION_HEX < 0x030c0000)

static inline int
pykcov_set_code(PyFunctionObject *function, PyObject *code)
{
    uint32_t version = function->func_version;

    if (IS_A_FIELD) {
        Py_XSETREF(function->func_code, Py_NewRef(code));
        return 0;
    }
    if (PyObject_SetAttrString((PyObject *)function, "__code__", code) < 0)
        return -1;
    if (VERSION_IS_OF_SIGNATURE)
        function->func_version = version;
    return 0;
}

#endif
