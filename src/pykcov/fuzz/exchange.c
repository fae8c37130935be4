/*
 * exchange.c: gives functions other code, which does the same, often.
 */
#include "exchange.h"

#include "set_code.h"

static int
exchange_code(PyObject *object, PyObject *pair, Py_ssize_t index)
{
    PyFunctionObject *function = (PyFunctionObject *)object;
    PyObject *code = PyTuple_GET_ITEM(pair, index);

    /* The program may have given it other code meanwhile. */
    if (function->func_code == code || (function->func_code != PyTuple_GET_ITEM(pair, 1) &&
                                        function->func_code != PyTuple_GET_ITEM(pair, 2)))
        return 0;
    return pykcov_set_code(function, code);
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
