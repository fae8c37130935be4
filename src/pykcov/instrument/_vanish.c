/* What it takes to exchange code for the same without probes (vanish.py). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "functions_module.h"
#include "set_code.h"

static PyObject *
set_code(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *function, *code;

    if (!PyArg_ParseTuple(args, "O!O!:set_code", &PyFunction_Type, &function, &PyCode_Type, &code))
        return NULL;
    if (pykcov_set_code((PyFunctionObject *)function, code) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Frames that run this code load the new one from now on; they may be about to use the old one. */
static PyObject *
set_constant(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *code, *constants, *before, *nested;
    Py_ssize_t index;

    if (!PyArg_ParseTuple(args, "O!nO!:set_constant", &PyCode_Type, &code, &index, &PyCode_Type,
                          &nested))
        return NULL;
    constants = ((PyCodeObject *)code)->co_consts;
    if (index < 0 || index >= PyTuple_GET_SIZE(constants) ||
        !PyCode_Check(PyTuple_GET_ITEM(constants, index)))
        return PyErr_Format(PyExc_ValueError, "constant %zd is no code", index);
    before = __atomic_exchange_n(&((PyTupleObject *)constants)->ob_item[index], Py_NewRef(nested),
                                 __ATOMIC_ACQ_REL);
    Py_DECREF(before);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"set_code", set_code, METH_VARARGS, "Set __code__ to code that does the same."},
    {"set_constant", set_constant, METH_VARARGS,
     "Put other code in the place of code among the constants. Keep the one that was there: others "
     "may be about to use it."},
    {NULL, NULL, 0, NULL},
};

KCOV_FUNCTIONS_MODULE(_vanish, methods)
