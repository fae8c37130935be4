/*
 * intercept.c: see intercept.h.
 */
#include "intercept.h"

int
kcov_intercept(struct kcov_interception *interception)
{
    PyObject *module = PyImport_ImportModule(interception->module), *function;
    PyMethodDef *definition;
    int error = -1;

    if (module == NULL)
        return -1;
    function = PyObject_GetAttrString(module, interception->name);
    Py_DECREF(module);
    if (function == NULL)
        return -1;
    definition = PyCFunction_CheckExact(function) ? ((PyCFunctionObject *)function)->m_ml : NULL;
    if (definition == NULL || definition->ml_flags != interception->flags) {
        PyErr_Format(PyExc_ValueError, "%s.%s is not the function that it was",
                     interception->module, interception->name);
    } else {
        /* Looked at once: another thread may do the same at this moment. */
        PyCFunction theirs = __atomic_load_n(&definition->ml_meth, __ATOMIC_ACQUIRE);

        if (theirs != interception->ours) {
            __atomic_store_n(&interception->original, theirs, __ATOMIC_RELAXED);
            __atomic_store_n(&definition->ml_meth, interception->ours, __ATOMIC_RELEASE);
        }
        error = 0;
    }
    Py_DECREF(function);
    return error;
}
