/* Calls a function as if nobody had called it: its frame is the outermost one of the thread.
 *
 * A program must not see what started it: sys._getframe(), inspect.stack(), the stacklevel of
 * warnings, the depth of a RecursionError and faulthandler's dumps begin at its main module, as
 * they do without pykcov. Only the traceback of an exception that gets out knows better
 * (uncaught.py).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "functions_module.h"

#if PY_VERSION_HEX >= 0x030D0000
#define CURRENT_FRAME(thread) ((thread)->current_frame)
#else
#define CURRENT_FRAME(thread) ((thread)->cframe->current_frame)
#endif

/* C calls count for the recursion limit in 3.11; there are two between here and the main module. */
#if PY_VERSION_HEX >= 0x030C0000
#define REMAINING py_recursion_remaining
#define LIMIT py_recursion_limit
#define C_CALLS 0
#else
#define REMAINING recursion_remaining
#define LIMIT recursion_limit
#define C_CALLS 2
#endif

static PyObject *
call(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError, "call() needs a function");
        return NULL;
    }
    PyThreadState *thread = PyThreadState_Get();
    struct _PyInterpreterFrame *caller = CURRENT_FRAME(thread);
    int depth = thread->LIMIT - thread->REMAINING;
    CURRENT_FRAME(thread) = NULL;
    thread->REMAINING = thread->LIMIT + C_CALLS;
    PyObject *result = PyObject_Vectorcall(args[0], args + 1, (size_t)nargs - 1, NULL);
    CURRENT_FRAME(thread) = caller;
    thread->REMAINING = thread->LIMIT - depth; /* the limit may be another one now */
    return result;
}

static PyMethodDef methods[] = {
    {"call", (PyCFunction)(void (*)(void))call, METH_FASTCALL,
     "call(function, *arguments): call it with no frame beneath its own."},
    {NULL, NULL, 0, NULL},
};

KCOV_FUNCTIONS_MODULE(_outermost, methods)
