/*
 * unseen.h: calls what is ours without the program's tracers and profilers seeing it.
 */
#ifndef KCOV_UNSEEN_H
#define KCOV_UNSEEN_H

#include <Python.h>

/* argument NULL: none. A new reference, or NULL with an exception. */
static inline PyObject *
kcov_call_unseen(PyObject *callable, PyObject *argument)
{
    PyThreadState *thread = PyThreadState_Get();
    PyObject *answer;

    PyThreadState_EnterTracing(thread);
    answer =
        argument != NULL ? PyObject_CallOneArg(callable, argument) : PyObject_CallNoArgs(callable);
    PyThreadState_LeaveTracing(thread);
    return answer;
}

/*
 * The same. Its errors are not the program's: they are written, and it answers `otherwise`, a
 * borrowed reference. What is no Exception, such as a KeyboardInterrupt, is: NULL with it.
 */
static inline PyObject *
kcov_ask_unseen(PyObject *callable, PyObject *argument, PyObject *otherwise)
{
    PyObject *answer = kcov_call_unseen(callable, argument);

    if (answer == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_WriteUnraisable(callable);
        answer = Py_NewRef(otherwise);
    }
    return answer;
}

#endif
