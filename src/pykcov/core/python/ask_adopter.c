/*
 * ask_adopter.c: see ask_adopter.h.
 */
#include "ask_adopter.h"

#include <errno.h>

#include "adopt.h"
#include "lock.h"

static PyObject *adopter; /* [L] NULL: none */

static PyObject *
adopter_reference(void)
{
    PyObject *callable;

    kcov_lock();
    callable = Py_XNewRef(adopter);
    kcov_unlock();
    return callable;
}

/*
 * Its errors are not the traced program's. But what is no Exception, such as the KeyboardInterrupt
 * of a Ctrl-C that fell into this moment, is meant for the program.
 */
int
kcov_adopter_ask(void)
{
    PyObject *asked = adopter_reference();
    PyObject *answer;

    if (asked == NULL || !kcov_adopt_begin()) {
        Py_XDECREF(asked);
        return 0;
    }
    answer = PyObject_CallNoArgs(asked);
    kcov_adopt_end();
    if (answer == NULL && PyErr_ExceptionMatches(PyExc_Exception))
        PyErr_WriteUnraisable(asked);
    Py_DECREF(asked);
    Py_XDECREF(answer);
    return PyErr_Occurred() ? -1 : 0;
}

static void
replace_adopter(PyObject *callable)
{
    PyObject *before;

    kcov_lock();
    before = adopter;
    adopter = Py_XNewRef(callable);
    kcov_unlock();
    Py_XDECREF(before);
}

static PyObject *
set_adopter(PyObject *module, PyObject *callable)
{
    if (callable != Py_None && !PyCallable_Check(callable))
        return PyErr_Format(PyExc_TypeError, "an adopter is a callable or None, not %.200s",
                            Py_TYPE(callable)->tp_name);
    if (kcov_adopter_set(callable != Py_None) != 0)
        return kcov_raise(kcov_module_state(module), ENOMEM, "no memory for an adopter");
    replace_adopter(callable != Py_None ? callable : NULL);
    Py_RETURN_NONE;
}

void
kcov_adopter_clear(void)
{
    kcov_adopter_set(false);
    replace_adopter(NULL);
}

static PyMethodDef functions[] = {
    {"set_adopter", set_adopter, METH_O,
     "set_adopter($module, adopter, /)\n"
     "--\n"
     "\n"
     "Call `adopter` once in every thread, at its first probe event while it is not attached.\n"
     "\n"
     "During the call the thread records nothing; the event that led to it is recorded into "
     "whatever the call enabled.\n"
     "An Exception goes to sys.unraisablehook. A new adopter is called in every thread again. Off "
     "in a forked child."},
    {0},
};

int
kcov_adopter_add(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
