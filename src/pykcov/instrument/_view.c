/* What programs see of code that has probes: its bytecode as it was before.
 *
 * Libraries read bytecode: compilers (numba, Dynamo), query languages (Pony), disassemblers,
 * whatever asks what a lambda does. They must not meet probes. A code object with probes stays one
 * and the same object wherever it is met (__code__, f_code, gi_code, sys.monitoring), but the
 * attributes that tell its bytecode answer for the original: so do the offsets of instructions in
 * frames and tracebacks, which belong to it. C code that looks into the structures, as the
 * interpreter does, finds what runs, and finds it consistent.
 *
 * The attributes are descriptors in the dictionaries of types of the interpreter. Those here stand
 * in their places, in the main interpreter and for good. Of code without probes they answer what
 * those answer. Nothing that runs a program reads them.
 */
#include "functions_module.h"
#include "view.h"

static PyObject *
install(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *find, *told, *types[2];

    if (!PyArg_ParseTuple(args, "OOO!O!:install", &find, &told, &PyType_Type, &types[0],
                          &PyType_Type, &types[1]))
        return NULL;
    if (PyInterpreterState_Get() == PyInterpreterState_Main() &&
        view_add_maker(find, told, types[0], types[1]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int
check_code(PyObject *code)
{
    if (PyCode_Check(code))
        return 1;
    PyErr_SetString(PyExc_TypeError, "expected a code object");
    return 0;
}

static PyObject *
true_constants(PyObject *Py_UNUSED(module), PyObject *code)
{
    return check_code(code) ? Py_NewRef(((PyCodeObject *)code)->co_consts) : NULL;
}

static PyObject *
true_code(PyObject *Py_UNUSED(module), PyObject *code)
{
    return check_code(code) ? PyCode_GetCode((PyCodeObject *)code) : NULL;
}

static PyObject *
with_constants(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *code, *constants, *result = NULL;

    if (!PyArg_ParseTuple(args, "O!O!:with_constants", &PyCode_Type, &code, &PyTuple_Type,
                          &constants))
        return NULL;
    view_finding++;
    PyObject *method = PyObject_GetAttrString(code, "replace");
    PyObject *nothing = PyTuple_New(0), *named = Py_BuildValue("{sO}", "co_consts", constants);
    if (method != NULL && nothing != NULL && named != NULL)
        result = PyObject_Call(method, nothing, named);
    Py_XDECREF(named);
    Py_XDECREF(nothing);
    Py_XDECREF(method);
    view_finding--;
    return result;
}

static PyMethodDef functions[] = {
    {"install", install, METH_VARARGS, "Show the originals of code that ends with such constants."},
    {"constants", true_constants, METH_O, "The constants of a code object, probes included."},
    {"code", true_code, METH_O, "The bytecode of a code object, probes included."},
    {"with_constants", with_constants, METH_VARARGS, "The code object with other constants."},
    {NULL, NULL, 0, NULL},
};

KCOV_FUNCTIONS_MODULE(_view, functions)
