/*
 * exchange.c: gives functions other code, which does the same, often.
 *
 * Setting __code__ takes a function's version away, by which CPython knows that what specialized
 * calls rely upon (how many arguments there are, which are defaults) is still so. It is: so the
 * version is given back, and calls stay as fast as they were. But traces of the JIT compilers of
 * 3.13 and later hold the code itself, by the same version; there it stays away.
 */
#include "exchange.h"

#define VERSION_IS_OF_SIGNATURE (PY_VERSION_HEX < 0x030d0000)

static int
exchange_code(PyObject *object, PyObject *pair, Py_ssize_t index)
{
    PyFunctionObject *function = (PyFunctionObject *)object;
    PyObject *code = PyTuple_GET_ITEM(pair, index);
    uint32_t version = function->func_version;

    /* The program may have given it other code meanwhile. */
    if (function->func_code == code || (function->func_code != PyTuple_GET_ITEM(pair, 1) &&
                                        function->func_code != PyTuple_GET_ITEM(pair, 2)))
        return 0;
    if (PyObject_SetAttrString(object, "__code__", code) < 0)
        return -1;
    if (VERSION_IS_OF_SIGNATURE)
        function->func_version = version;
    return 0;
}

PyObject *
pykcov_exchange(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *functions;
    Py_ssize_t index;

    if (!PyArg_ParseTuple(args, "O!n:exchange", &PyList_Type, &functions, &index))
        return NULL;
    if (index != 1 && index != 2)
        return PyErr_Format(PyExc_ValueError, "exchange(): %zd is neither 1 nor 2", index);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(functions); i++) {
        PyObject *entry = PyList_GET_ITEM(functions, i);
        PyObject *function = PyObject_CallNoArgs(PyTuple_GET_ITEM(entry, 0));
        int done = 0;

        if (function != NULL && function != Py_None)
            done = exchange_code(function, entry, index);
        Py_XDECREF(function);
        if (function == NULL || done < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}
