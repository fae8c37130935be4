/*
 * module.c: the extension module _core.
 */
#define _GNU_SOURCE
#include "module.h"

#include <dlfcn.h>

#include "buffer.h"
#include "trace.h"

struct kcov_module *
kcov_module_state(PyObject *module)
{
    return PyModule_GetState(module);
}

struct kcov_module *
kcov_module_of_type(PyTypeObject *type)
{
    return PyModule_GetState(PyType_GetModuleByDef(type, &kcov_module_definition));
}

static PyObject *
is_device(PyObject *Py_UNUSED(module), PyObject *object)
{
    int fd = PyObject_AsFileDescriptor(object);

    if (fd < 0 && PyErr_Occurred()) {
        /* A closed file, or a number that no descriptor has, is no device. */
        if (!PyErr_ExceptionMatches(PyExc_ValueError) &&
            !PyErr_ExceptionMatches(PyExc_OverflowError) && !PyErr_ExceptionMatches(PyExc_OSError))
            return NULL;
        PyErr_Clear();
    }
    return PyBool_FromLong(fd >= 0 && kcov_is_device(fd));
}

static PyMethodDef functions[] = {
    {"is_device", is_device, METH_O,
     "is_device($module, fd, /)\n"
     "--\n"
     "\n"
     "Return whether a descriptor, or an object with fileno(), is a kcov device, of any "
     "process."},
    {0},
};

static int
add_constants(PyObject *module)
{
    return PyModule_AddIntConstant(module, "TRACE_PC", KCOV_MODE_TRACE_PC) < 0 ||
                   PyModule_AddIntConstant(module, "TRACE_CMP", KCOV_MODE_TRACE_CMP) < 0 ||
                   PyModule_AddIntConstant(module, "TRACE_UNIQUE_PC", KCOV_MODE_TRACE_UNIQUE_PC) <
                       0 ||
                   PyModule_AddIntConstant(module, "TRACE_ACCESS", KCOV_MODE_TRACE_ACCESS) < 0 ||
                   PyModule_AddIntConstant(module, "ACCESS_OBJECT_BITS", KCOV_ACCESS_OBJECT_BITS) <
                       0 ||
                   PyModule_AddIntConstant(module, "CMP_BYTES", KCOV_CMP_BYTES) < 0 ||
                   PyModule_AddIntConstant(module, "CMP_SAMPLED", KCOV_CMP_SAMPLED) < 0 ||
                   PyModule_AddIntConstant(module, "REMOTE_COMMON", KCOV_REMOTE_COMMON) < 0 ||
                   PyModule_AddIntConstant(module, "BUFFER_WORDS_MAX", KCOV_BUFFER_WORDS_MAX) < 0 ||
                   PyModule_AddIntConstant(module, "PROBES_MAX", KCOV_PROBES_MAX) < 0 ||
                   PyModule_AddIntConstant(module, "KIOSETBUFSIZE", (long)KIOSETBUFSIZE) < 0 ||
                   PyModule_AddIntConstant(module, "KIOENABLE", (long)KIOENABLE) < 0 ||
                   PyModule_AddIntConstant(module, "KIODISABLE", (long)KIODISABLE) < 0 ||
                   PyModule_AddIntConstant(module, "KIOREMOTEATTACH", (long)KIOREMOTEATTACH) < 0
               ? -1
               : 0;
}

/* The state of a module is nothing but references. */
#define REFERENCES (sizeof(struct kcov_module) / sizeof(PyObject *))

static PyObject **
references(PyObject *module)
{
    return (PyObject **)kcov_module_state(module);
}

/*
 * The module that was executed first, a borrowed reference, until it goes; only with the GIL, or
 * under the import lock. Threads, devices and probes belong to the process, so if a program drops
 * the module from sys.modules and imports it again, that has the same types, and all else, too.
 */
static PyObject *first;

/* The end of the interpreter, if the module outlives it. */
static void
forget_first(void)
{
    first = NULL;
}

/* Another module gets everything that the first one has. */
static int
share_first(PyObject *module)
{
    *kcov_module_state(module) = *kcov_module_state(first);
    for (size_t i = 0; i < REFERENCES; i++)
        Py_XINCREF(references(module)[i]);
    return PyDict_Merge(PyModule_GetDict(module), PyModule_GetDict(first), false);
}

static int
module_exec(PyObject *module)
{
    struct kcov_module *state = kcov_module_state(module);

    /*
     * Threads, and with them the attachment, belong to the process: an event could not tell
     * interpreters apart.
     */
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError,
                        "pykcov works in the main interpreter only, not in a subinterpreter");
        return -1;
    }
    if (first != NULL)
        return share_first(module);
    if (add_constants(module) < 0 || kcov_errors_add(module, state) < 0 ||
        kcov_group_add(module, state) < 0 || kcov_device_type_add(module, state) < 0 ||
        kcov_buffer_type_add(module, state) < 0 || kcov_counters_type_add(module, state) < 0 ||
        kcov_sections_add(module) < 0 || kcov_events_add(module) < 0 ||
        kcov_probe_add(module, state) < 0 || kcov_compare_add(module, state) < 0 ||
        kcov_native_add(module) < 0 || kcov_follow_add(module, state) < 0 ||
        kcov_carried_add(module, state) < 0 || kcov_carrier_add(module, state) < 0 ||
        kcov_interrupts_add(module, state) < 0 || kcov_environment_add(module) < 0)
        return -1;
    first = module;
    Py_AtExit(forget_first); /* if there is no room for it a second interpreter would not start */
    return 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    for (size_t i = 0; i < REFERENCES; i++)
        Py_VISIT(references(module)[i]);
    return 0;
}

static int
module_clear(PyObject *module)
{
    if (first == module || first == NULL) { /* NULL: it could not be executed */
        first = NULL;
        kcov_probe_clear();
    }
    for (size_t i = 0; i < REFERENCES; i++)
        Py_CLEAR(references(module)[i]);
    return 0;
}

static void
module_free(void *module)
{
    module_clear(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0},
};

struct PyModuleDef kcov_module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pykcov._core",
    .m_doc = "The C core of pykcov. pykcov.device and pykcov.remote are what programs use.",
    .m_size = sizeof(struct kcov_module),
    .m_methods = functions,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&kcov_module_definition);
}
