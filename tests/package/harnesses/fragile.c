/* A function that writes where nothing is, for one kind of input. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *
check(PyObject *module, PyObject *data)
{
    const char *bytes = PyBytes_AsString(data);

    (void)module;
    if (bytes == NULL)
        return NULL;
    if (PyBytes_Size(data) >= 4 && bytes[0] == 'f' && bytes[1] == 'r' && bytes[2] == 'a' &&
        bytes[3] == 'g')
        *(volatile char *)8 = 1;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"check", check, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "fragile", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit_fragile(void)
{
    return PyModule_Create(&definition);
}
