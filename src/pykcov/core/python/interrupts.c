/*
 * interrupts.c: see interrupts.h.
 */
#include "interrupts.h"

#include <stdatomic.h>

#include "group.h"
#include "remote.h"

PyObject *_Atomic kcov_signal_group;
PyObject *_Atomic kcov_collector_group;

void
kcov_barge_in(struct kcov_barging *barging, PyObject *group)
{
    barging->key = (struct kcov_key){
        .subsystem = KCOV_REMOTE_COMMON, .id = kcov_group_of(group)->number, .is_group = 1};
    kcov_follow_anew();
    /* No memory for a section: what barges in is the thread's own. */
    barging->entered = kcov_thread_is_bound() && kcov_remote_enter(barging->key) == 0;
}

void
kcov_barge_out(struct kcov_barging *barging)
{
    if (barging->entered)
        kcov_remote_leave(barging->key);
    kcov_follow_now();
}

/* Replaced groups stay: a thread that works for one may be anywhere. There are next to none. */
static void
set_group(PyObject *_Atomic *place, PyObject *group)
{
    atomic_store(place, group == Py_None ? NULL : Py_NewRef(group));
}

static PyObject *
set_interrupt_groups(PyObject *module, PyObject *args)
{
    PyTypeObject *type = kcov_module_state(module)->group_type;
    PyObject *signals, *collector;

    if (!PyArg_ParseTuple(args, "OO:set_interrupt_groups", &signals, &collector))
        return NULL;
    if ((signals != Py_None && Py_TYPE(signals) != type) ||
        (collector != Py_None && Py_TYPE(collector) != type)) {
        PyErr_SetString(PyExc_TypeError, "set_interrupt_groups() takes groups or None");
        return NULL;
    }
    set_group(&kcov_signal_group, signals);
    set_group(&kcov_collector_group, collector);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_interrupt_groups", set_interrupt_groups, METH_VARARGS,
     "set_interrupt_groups($module, signals, collector, /)\n"
     "--\n"
     "\n"
     "Name the groups of signal handlers and collections that barge in on a thread. None: they are "
     "its own."},
    {0},
};

int
kcov_interrupts_add(PyObject *module, struct kcov_module *state)
{
    if (kcov_signals_add(module, state) < 0 || kcov_collections_add(module) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
