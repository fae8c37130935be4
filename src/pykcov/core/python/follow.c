/*
 * follow.c: threads work for the group that their Python context names.
 *
 * While a device follows its group (kcov_device_follow()), every event looks first whether its
 * thread has changed the context since the attachment was last derived from it: event loops of any
 * making run each piece of work in the context that it was created in, so nothing else is to be
 * known of them.
 */
#include "module.h"

#include <stdatomic.h>

#include "group.h"
#include "remote.h"
#include "trace.h"

static struct kcov_module *module_state;  /* [I] of the one module that there is */
static struct kcov_group *_Atomic nobody; /* [a] stands in for groups without a device; stays */

/*
 * Never the same for two contexts that a thread is in, one after the other: a context may be made
 * at the address of one that is gone, but entering and leaving counts up a number of the thread
 * state, and a thread may have another state later.
 */
static uint64_t
context_version(PyThreadState *state)
{
    return ((uint64_t)state->id << 40) + state->context_ver;
}

/*
 * What the context names; NULL: no group. PyContextVar_Get() looks into a map that never changes:
 * it takes no lock, allocates nothing and runs no code of the program's.
 */
static PyObject *
group_in_context(void)
{
    PyObject *group = NULL;

    if (PyContextVar_Get(module_state->group_variable, NULL, &group) < 0 || group == NULL)
        return NULL;
    if (Py_TYPE(group) == module_state->group_type)
        return group;
    Py_DECREF(group); /* None; or the program has put something else there */
    return NULL;
}

static void
derive(PyThreadState *state)
{
    PyObject *group;

    kcov_self.version = context_version(state);
    group = group_in_context();
    kcov_group_follow(group != NULL ? kcov_group_of(group) : NULL, atomic_load(&nobody));
    Py_XDECREF(group);
}

/* Not in the middle of an operation, or of this: then the thread stays attached to what it is. */
static bool
stale(PyThreadState *state)
{
    return kcov_self.busy == 0 &&
           (kcov_self.version != context_version(state) || kcov_followed_ended());
}

/*
 * Of a probe, which is run by the interpreter alone: never by a signal handler. So it may also try
 * what had to wait for this thread.
 */
void
kcov_follow_context(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyThreadState *state = PyThreadState_GetUnchecked();
#else
    PyThreadState *state = _PyThreadState_UncheckedGet();
#endif

    if (stale(state)) {
        derive(state);
        kcov_settle();
    }
}

/*
 * The same for an event of native code, which may come from anywhere, also from a signal handler.
 * The context is the thread's own, and can be looked at without the GIL; the group in it cannot.
 * Native code enters with the GIL, and its first event sees to it that the attachment is right when
 * it gives that up.
 */
static void
follow_in_native_code(void)
{
    PyThreadState *state = PyGILState_GetThisThreadState();

    if (state != NULL && stale(state) && PyGILState_Check())
        derive(state);
}

void
kcov_follow_anew(void)
{
    kcov_self.version = 0;
}

void
kcov_follow_now(void)
{
    kcov_follow_anew();
    if (kcov_trace_mode(kcov_attached_trace()) & KCOV_MODE_FOLLOW)
        kcov_follow_context();
}

void
kcov_follow_rest(void)
{
    kcov_group_follow(NULL, NULL);
    kcov_follow_anew();
}

static PyObject *
follow(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    kcov_follow_now();
    Py_RETURN_NONE;
}

static PyObject *
set_nobody(PyObject *module, PyObject *group)
{
    if (group != Py_None && Py_TYPE(group) != kcov_module_state(module)->group_type)
        return PyErr_Format(PyExc_TypeError, "set_nobody() takes a group or None");
    if (group != Py_None && kcov_group_of(group) != NULL)
        kcov_group_reference(kcov_group_of(group)); /* a thread may be at it at any time */
    atomic_store(&nobody, group == Py_None ? NULL : kcov_group_of(group));
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_nobody", set_nobody, METH_O,
     "set_nobody($module, group, /)\n"
     "--\n"
     "\n"
     "Have threads work for this group, from when they look next, whose context names none or one "
     "whose device has\n"
     "stopped. None: for no group."},
    {"follow", follow, METH_NOARGS,
     "follow($module, /)\n"
     "--\n"
     "\n"
     "Look at once whose work the calling thread does: `group_variable` was set in the context "
     "that it is in."},
    {0},
};

int
kcov_follow_add(PyObject *module, struct kcov_module *state)
{
    module_state = state;
    kcov_follower_set(follow_in_native_code);
    return PyModule_AddFunctions(module, functions);
}
