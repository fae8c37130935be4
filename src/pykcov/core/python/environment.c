/*
 * environment.c: the environment as a program that is started now would get it. os.environ does not
 * know what C code has put there: GNU readline does so.
 */
#include "module.h"

#include <string.h>
#include <unistd.h>

/* "NAME=value" into a dict, if the name is not there yet: getenv() gives the first of two. */
static int
add_variable(PyObject *dict, const char *variable)
{
    const char *equals = strchr(variable, '=');
    PyObject *name, *value;
    int result = -1;

    if (equals == NULL)
        return 0;
    name = PyUnicode_DecodeFSDefaultAndSize(variable, equals - variable);
    value = PyUnicode_DecodeFSDefault(equals + 1);
    if (name != NULL && value != NULL)
        result = PyDict_SetDefault(dict, name, value) != NULL ? 0 : -1;
    Py_XDECREF(name);
    Py_XDECREF(value);
    return result;
}

static PyObject *
environment(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    PyObject *dict = PyDict_New();

    for (char **variable = environ; dict != NULL && variable != NULL && *variable != NULL;
         variable++) {
        if (add_variable(dict, *variable) < 0)
            Py_CLEAR(dict);
    }
    return dict;
}

static PyMethodDef functions[] = {
    {"environment", environment, METH_NOARGS,
     "environment($module, /)\n"
     "--\n"
     "\n"
     "The environment that a program started now gets, with what C code has put there."},
    {0},
};

int
kcov_environment_add(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
