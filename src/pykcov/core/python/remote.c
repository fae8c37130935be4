/*
 * remote.c: the functions of the module that concern handles, sections, interrupts and the
 * calling thread.
 */
#include "module.h"

#include <errno.h>
#include <stdlib.h>

#include "adopt.h"
#include "device.h"
#include "remote.h"

/* The key of what the program calls a handle. EINVAL if it cannot be one. */
static int
need_key(struct kcov_module *state, PyObject *subsystem, PyObject *id, struct kcov_key *key)
{
    bool fits;

    if (kcov_as_key(state, subsystem, id, key, &fits) < 0)
        return -1;
    if (fits)
        return 0;
    kcov_raise(state, EINVAL, "the numbers of a handle are in 0..2**64-1, not (%S, %S)", subsystem,
               id);
    return -1;
}

static PyObject *
answer(PyObject *module, int error)
{
    if (error == 0)
        Py_RETURN_NONE;
    if (error == EINTR)
        return NULL;
    return kcov_raise(kcov_module_state(module), error, "no memory for a handle or a section");
}

static PyObject *
remote_register(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"subsystem", "id", NULL};
    PyObject *subsystem, *id = NULL;
    struct kcov_python_wait waiting;
    struct kcov_key key;
    int error;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:register", keywords, &subsystem, &id) ||
        need_key(kcov_module_state(module), subsystem, id, &key) < 0)
        return NULL;
    error = kcov_handle_register(key, kcov_python_wait_begin(&waiting, true));
    kcov_python_wait_end(&waiting);
    return answer(module, error);
}

static PyObject *
remote_unregister(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"subsystem", "id", "wait", NULL};
    PyObject *subsystem, *id = NULL;
    struct kcov_python_wait waiting;
    struct kcov_key key;
    int error, wait = true;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|Op:unregister", keywords, &subsystem, &id,
                                     &wait) ||
        need_key(kcov_module_state(module), subsystem, id, &key) < 0)
        return NULL;
    error = kcov_handle_unregister(key, kcov_python_wait_begin(&waiting, wait));
    kcov_python_wait_end(&waiting);
    return answer(module, error);
}

/* Positional arguments only: these two stand around every piece of work that is carried along. */
static int
section_key(PyObject *module, const char *name, PyObject *const *args, Py_ssize_t count,
            struct kcov_key *key)
{
    if (count > 2) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most 2 arguments, %zd were given", name,
                     count);
        return -1;
    }
    return need_key(kcov_module_state(module), count > 0 ? args[0] : NULL,
                    count > 1 ? args[1] : NULL, key);
}

static PyObject *
remote_enter(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    struct kcov_key key;

    if (section_key(module, "enter", args, count, &key) < 0)
        return NULL;
    return answer(module, kcov_remote_enter(key));
}

static PyObject *
remote_leave(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    struct kcov_key key;

    if (section_key(module, "leave", args, count, &key) < 0)
        return NULL;
    kcov_remote_leave(key);
    Py_RETURN_NONE;
}

static PyObject *
interrupt_enter(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    kcov_interrupt_enter();
    Py_RETURN_NONE;
}

static PyObject *
interrupt_leave(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    kcov_interrupt_leave();
    Py_RETURN_NONE;
}

static PyObject *
thread_exit(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    kcov_thread_exit();
    Py_RETURN_NONE;
}

static PyObject *
handle_tuple(const struct kcov_handle_status *handle)
{
    static const char *const names[] = {
        [KCOV_HANDLE_NONE] = "none", [KCOV_HANDLE_READY] = "ready", [KCOV_HANDLE_DYING] = "dying"};
    PyObject *device =
        handle->device != 0 ? PyLong_FromUnsignedLongLong(handle->device) : Py_NewRef(Py_None);

    if (device == NULL)
        return NULL;
    return Py_BuildValue("KKNsIN", (unsigned long long)handle->key.subsystem,
                         (unsigned long long)handle->key.id,
                         PyBool_FromLong((long)handle->key.is_group), names[handle->state],
                         handle->sections, device);
}

static PyObject *
handles(PyObject *module, PyObject *Py_UNUSED(unused))
{
    struct kcov_handle_status *known;
    size_t count;
    PyObject *list;

    if (kcov_handle_list(&known, &count) != 0)
        return answer(module, ENOMEM);
    list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *tuple = handle_tuple(&known[i]);

        if (tuple == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, tuple);
    }
    free(known);
    return list;
}

static PyObject *
live(PyObject *module, PyObject *Py_UNUSED(unused))
{
    struct kcov_handle_status *known;
    size_t count;

    if (kcov_handle_list(&known, &count) != 0)
        return answer(module, ENOMEM);
    free(known);
    return Py_BuildValue("In", kcov_device_count(), (Py_ssize_t)count);
}

static PyObject *
attached(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    uint64_t serial = kcov_thread_attached();

    if (serial == 0)
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLongLong(serial);
}

static PyObject *
thread_number(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromUnsignedLong(kcov_thread_number());
}

static PyObject *
in_interrupt_section(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyBool_FromLong(kcov_thread_in_interrupt_section());
}

static PyObject *
sleepers(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromUnsignedLong(kcov_sleepers());
}

static PyObject *
followed(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromUnsignedLong(kcov_followed());
}

static PyMethodDef functions[] = {
    {"current_group", kcov_current_group, METH_NOARGS,
     "current_group($module, /)\n"
     "--\n"
     "\n"
     "Return the caller's group: that of `group_variable`, else that of the process, which "
     "differs after a fork."},
    {"register", (PyCFunction)(void (*)(void))remote_register, METH_VARARGS | METH_KEYWORDS,
     "register($module, /, subsystem, id=None)\n"
     "--\n"
     "\n"
     "Make the handle known. If it is known already, nothing happens; if it is being removed, "
     "wait until it is gone."},
    {"unregister", (PyCFunction)(void (*)(void))remote_unregister, METH_VARARGS | METH_KEYWORDS,
     "unregister($module, /, subsystem, id=None, wait=True)\n"
     "--\n"
     "\n"
     "Remove the handle and stop its device; wait for open sections unless `wait` is false.\n"
     "\n"
     "Removing an unknown handle does nothing."},
    {"enter", (PyCFunction)(void (*)(void))remote_enter, METH_FASTCALL,
     "enter($module, subsystem=0, id=None, /)\n"
     "--\n"
     "\n"
     "Begin a section: the calling thread works for the device of this handle, if that traces "
     "(ENOMEM)."},
    {"leave", (PyCFunction)(void (*)(void))remote_leave, METH_FASTCALL,
     "leave($module, subsystem=0, id=None, /)\n"
     "--\n"
     "\n"
     "End the section that was begun last, if it belongs to this handle; otherwise do nothing."},
    {"interrupt_enter", interrupt_enter, METH_NOARGS,
     "interrupt_enter($module, /)\n"
     "--\n"
     "\n"
     "The calling thread is interrupted: until interrupt_leave() its events and sections are the "
     "interrupt's."},
    {"interrupt_leave", interrupt_leave, METH_NOARGS,
     "interrupt_leave($module, /)\n"
     "--\n"
     "\n"
     "End what interrupt_enter() began. Without one: nothing happens."},
    {"thread_exit", thread_exit, METH_NOARGS,
     "thread_exit($module, /)\n"
     "--\n"
     "\n"
     "Do what the end of the thread does: leave all sections, give up the own device. The thread "
     "may go on."},
    {"handles", handles, METH_NOARGS,
     "handles($module, /)\n"
     "--\n"
     "\n"
     "All handles: subsystem, id, id is a group's number, state ('none', 'ready', 'dying'), "
     "sections, device serial."},
    {"live", live, METH_NOARGS,
     "live($module, /)\n"
     "--\n"
     "\n"
     "(devices that are not freed, handles that are registered)."},
    {"attached", attached, METH_NOARGS,
     "attached($module, /)\n"
     "--\n"
     "\n"
     "Serial of the device that the calling thread is attached to in thread context (maybe "
     "closed), or None."},
    {"thread_number", thread_number, METH_NOARGS,
     "thread_number($module, /)\n"
     "--\n"
     "\n"
     "The number of the calling thread under TRACE_ACCESS: from 1, and no other thread of the "
     "process gets it."},
    {"in_interrupt_section", in_interrupt_section, METH_NOARGS,
     "in_interrupt_section($module, /)\n"
     "--\n"
     "\n"
     "Whether the calling thread is in an effective interrupt section."},
    {"followed", followed, METH_NOARGS,
     "followed($module, /)\n"
     "--\n"
     "\n"
     "Devices that follow their group and trace, for which every event looks whom its thread "
     "follows."},
    {"sleepers", sleepers, METH_NOARGS,
     "sleepers($module, /)\n"
     "--\n"
     "\n"
     "Operations asleep. Raised just before a wait; lowered by the waker, in the step that wakes."},
    {0},
};

int
kcov_sections_add(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
