/*
 * set_code.h: gives a function other code, which does the same.
 *
 * Setting __code__ takes a function's version away, by which CPython knows that what specialized
 * calls rely upon (how many arguments there are, which are defaults) is still so. It is. Up to 3.12
 * the version is given back, and calls stay as fast as they were. From 3.13 on a version stands for
 * code, too, and a function without one never gets another: its calls would be slow for ever. So it
 * gets that of the code, as a function has that is made of it. Who has none, because the program
 * has changed it, goes without.
 */
#ifndef PYKCOV_SET_CODE_H
#define PYKCOV_SET_CODE_H

#include <Python.h>

#define VERSION_IS_OF_CODE (PY_VERSION_HEX >= 0x030d0000)
#define FIRST_VERSION (PY_VERSION_HEX >= 0x030e0000 ? 2 : 1) /* below it there is none */

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
#if VERSION_IS_OF_CODE
    if (version >= FIRST_VERSION && ((PyCodeObject *)code)->co_version >= FIRST_VERSION)
        function->func_version = ((PyCodeObject *)code)->co_version;
#else
    function->func_version = version;
#endif
    return 0;
}

#endif
