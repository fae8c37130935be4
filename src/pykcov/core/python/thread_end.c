/*
 * thread_end.c: the end of a Python thread, as Python sees it.
 *
 * Before 3.13, Thread.join() returns when the thread's Python state is cleared, a little before the
 * C library runs the destructor that ends the thread for the core. Who has joined a thread must
 * find its device ready. So an object in the state's dictionary, which goes before join() returns,
 * sees to it.
 */
#include "module.h"

#if PY_VERSION_HEX < 0x030D0000

#include "thread.h"

#define WATCH "pykcov.thread_end"

/* Not always the thread itself: the end of the interpreter, and a forked child, clear other
 * threads' states. */
static void
at_state_end(PyObject *watch)
{
    if (PyCapsule_GetPointer(watch, WATCH) == &kcov_self)
        kcov_thread_give_up();
}

int
kcov_watch_thread_end(void)
{
    PyObject *dictionary = PyThreadState_GetDict();
    PyObject *watch;
    int error;

    /* What nobody can join may lose its state and get another: it lives until the C library ends
     * it. */
    if (dictionary == NULL || PyThreadState_Get()->on_delete == NULL)
        return 0;
    if (PyDict_GetItemString(dictionary, WATCH) != NULL)
        return 0;
    if ((watch = PyCapsule_New(&kcov_self, WATCH, at_state_end)) == NULL)
        return -1;
    error = PyDict_SetItemString(dictionary, WATCH, watch);
    Py_DECREF(watch);
    return error;
}

#else

int
kcov_watch_thread_end(void)
{
    return 0;
}

#endif
