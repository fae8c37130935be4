/*
 * functions_module.h: an extension module that has nothing but functions.
 */
#ifndef KCOV_FUNCTIONS_MODULE_H
#define KCOV_FUNCTIONS_MODULE_H

#include <Python.h>

#ifdef Py_mod_gil
#define KCOV_NEEDS_NO_GIL {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#else
#define KCOV_NEEDS_NO_GIL
#endif

/* Defines PyInit_NAME() of pykcov.NAME; `functions` is its table. */
#define KCOV_FUNCTIONS_MODULE(name, functions)                                                     \
    static PyModuleDef_Slot name##_slots[] = {KCOV_NEEDS_NO_GIL{0, NULL}};                         \
    static struct PyModuleDef name##_definition = {                                                \
        PyModuleDef_HEAD_INIT,                                                                     \
        .m_name = "pykcov." #name,                                                                 \
        .m_methods = functions,                                                                    \
        .m_slots = name##_slots,                                                                   \
    };                                                                                             \
                                                                                                   \
    PyMODINIT_FUNC PyInit_##name(void)                                                             \
    {                                                                                              \
        return PyModuleDef_Init(&name##_definition);                                               \
    }

#endif
