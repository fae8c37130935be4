/*
 * functions_module.h: an extension module without a state of its own.
 */
#ifndef KCOV_FUNCTIONS_MODULE_H
#define KCOV_FUNCTIONS_MODULE_H

#include <Python.h>

#ifdef Py_mod_gil
#define KCOV_NEEDS_NO_GIL {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#else
#define KCOV_NEEDS_NO_GIL
#endif

/*
 * Defines PyInit_NAME() of the module `full_name`. `functions` is its table, NULL if it has none;
 * `add` adds what else it has.
 */
#define KCOV_MODULE(name, full_name, functions, add)                                               \
    static PyModuleDef_Slot name##_slots[] = {{Py_mod_exec, add}, KCOV_NEEDS_NO_GIL{0, NULL}};     \
    static struct PyModuleDef name##_definition = {                                                \
        PyModuleDef_HEAD_INIT,                                                                     \
        .m_name = full_name,                                                                       \
        .m_methods = functions,                                                                    \
        .m_slots = name##_slots,                                                                   \
    };                                                                                             \
                                                                                                   \
    PyMODINIT_FUNC PyInit_##name(void)                                                             \
    {                                                                                              \
        return PyModuleDef_Init(&name##_definition);                                               \
    }

/* The same for a module of pykcov's that has functions alone. */
#define KCOV_FUNCTIONS_MODULE(name, functions)                                                     \
    KCOV_MODULE(name, "pykcov." #name, functions, kcov_add_nothing)

/* Add a type to a module. -1 with an exception. */
static inline int
kcov_add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    int failed = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);

    Py_XDECREF(type);
    return failed;
}

static inline int
kcov_add_nothing(PyObject *Py_UNUSED(module))
{
    return 0;
}

#endif
