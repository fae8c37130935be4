/*
 * access.c: see access.h.
 */
#include "access.h"

#include <stdbool.h>

/*
 * Whether threads can tell by an object's contents what others did: it can change, and no code of
 * Python does it, as that has places of its own. Types written in C cannot be changed themselves.
 */
static bool
has_contents(PyObject *object)
{
    if (PyDict_Check(object) || PyList_Check(object) || PySet_Check(object))
        return true;
    if (!PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_IMMUTABLETYPE))
        return false;
    return object != Py_None && !PyLong_Check(object) && !PyUnicode_Check(object) &&
           !PyBytes_Check(object) && !PyFloat_Check(object) && !PyTuple_Check(object) &&
           !PyFrozenSet_Check(object) && !PyRange_Check(object) && !PyModule_Check(object) &&
           !PyType_Check(object) && !PyFunction_Check(object) && !PyCFunction_Check(object) &&
           !PyMethod_Check(object);
}

void
kcov_observe_access(struct kcov_trace *trace, uint64_t pc, unsigned operation, PyObject *place,
                    PyObject *object)
{
    if (kcov_halted())
        return;
    if (object == place)
        kcov_record_access(trace, pc, KCOV_ACCESS_NAME);
    else if (operation <= KCOV_ACCESS_WRITE || has_contents(object))
        kcov_record_access(trace, pc, (uint64_t)(uintptr_t)object);
}
