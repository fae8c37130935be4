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

#endif
