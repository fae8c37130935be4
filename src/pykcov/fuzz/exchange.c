/*
 * exchange.c: gives functions other code, which does the same, often.
 */
#include "exchange.h"

#include "set_code.h"

static int
exchange_code(PyObject *object, PyObject *pair, enum pykcov_code which)
{
    PyFunctionObject *function = (PyFunctionObject *)object;
    PyObject *code = PyTuple_GET_ITEM(pair, which);

    /* The program may have given it other code meanwhile. */
    if (function->func_code == code ||
        (function->func_code != PyTuple_GET_ITEM(pair, PYKCOV_LOUD) &&
         function->func_code != PyTuple_GET_ITEM(pair, PYKCOV_QUIET)))
        return 0;
    return pykcov_set_code(function, code);
}

int
pykcov_exchange_all(PyObject *functions, enum pykcov_code which)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(functions); i++) {
        PyObject *entry = PyList_GET_ITEM(functions, i);
        PyObject *function = PyObject_CallNoArgs(PyTuple_GET_ITEM(entry, 0));
        int done = 0;

        if (function != NULL && function != Py_None)
            done = exchange_code(function, entry, which);
        Py_XDECREF(function);
        if (function == NULL || done < 0)
            return -1;
    }
    return 0;
}

PyObject *
pykcov_exchange(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *functions;
    int index;

    if (!PyArg_ParseTuple(args, "O!i:exchange", &PyList_Type, &functions, &index))
        return NULL;
    if (index != PYKCOV_LOUD && index != PYKCOV_QUIET)
        return PyErr_Format(PyExc_ValueError, "exchange(): %d is neither 1 nor 2", index);
    if (pykcov_exchange_all(functions, (enum pykcov_code)index) < 0)
        return NULL;
    Py_RETURN_NONE;
}
