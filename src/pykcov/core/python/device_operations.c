/*
 * device_operations.c: the methods of Device, those of its buffer from device_buffer.c. Each calls
 * the core, which answers with an errno, and says it in words.
 */
#include <errno.h>

#include "device_type.h"
#include "once.h"

const char *
kcov_state_name(const struct kcov_device_status *status)
{
    static const char *const names[] = {
        [KCOV_NONE] = "none",
        [KCOV_READY] = "ready",
        [KCOV_TRACE] = "trace",
        [KCOV_STOPPING] = "stopping",
    };

    return status->open ? names[status->state] : "closed";
}

PyObject *
kcov_raise_not_ready(PyObject *self, const char *operation, const char *needed)
{
    struct kcov_device_status status = status_of(self);

    if (!status.open)
        return kcov_raise(state_of(self), ENXIO, "%s: the device is closed", operation);
    if (status.state == KCOV_NONE)
        return kcov_raise(state_of(self), ENXIO,
                          "%s: the device has no buffer; call set_buffer_size() first", operation);
    return kcov_raise(state_of(self), ENXIO, "%s: the device is in state '%s', not '%s'", operation,
                      kcov_state_name(&status), needed);
}

PyObject *
kcov_raise_other(PyObject *self, const char *operation, int error)
{
    return kcov_raise(state_of(self), error, "%s: %s", operation, strerror(error));
}

static PyObject *
enable(PyObject *self, int mode)
{
    int error;

    if (kcov_watch_thread_end() < 0 || kcov_once_restore() < 0)
        return NULL;
    switch (error = kcov_device_enable(core(self), mode)) {
    case 0:
        Py_RETURN_NONE;
    case ENXIO:
        return kcov_raise_not_ready(self, "enable", "ready");
    case EBUSY:
        return kcov_raise(state_of(self), error,
                          "enable: the calling thread is attached to a device already");
    case EINVAL:
        return kcov_raise(
            state_of(self), error,
            "enable: no such mode; there are TRACE_PC, TRACE_UNIQUE_PC, TRACE_ACCESS, TRACE_CMP, "
            "TRACE_CMP | CMP_BYTES, and CMP_SAMPLED with these two");
    default:
        return kcov_raise_other(self, "enable", error);
    }
}

static PyObject *
device_enable(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"mode", NULL};
    PyObject *object = NULL;
    int mode = KCOV_MODE_TRACE_PC;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:enable", keywords, &object))
        return NULL;
    if (object != NULL && kcov_as_int(object, &mode) < 0)
        return NULL;
    return enable(self, mode);
}

static PyObject *
disable(PyObject *self, bool wait)
{
    struct kcov_python_wait waiting;
    int error = kcov_device_disable(core(self), kcov_python_wait_begin(&waiting, wait));

    kcov_python_wait_end(&waiting);
    switch (error) {
    case 0:
        Py_RETURN_NONE;
    case EINTR:
        return NULL;
    case ENXIO:
        return kcov_raise_not_ready(self, "disable", "trace");
    case EPERM:
        return kcov_raise(state_of(self), error,
                          "disable: only the thread that enabled the device may disable it");
    default:
        return kcov_raise_other(self, "disable", error);
    }
}

/* The one argument of some methods, `format` has their name: whether to wait. -1: an exception. */
static int
wait_argument(PyObject *args, PyObject *kwargs, const char *format)
{
    static char *keywords[] = {"wait", NULL};
    int wait = true;

    return PyArg_ParseTupleAndKeywords(args, kwargs, format, keywords, &wait) ? wait : -1;
}

static PyObject *
device_disable(PyObject *self, PyObject *args, PyObject *kwargs)
{
    int wait = wait_argument(args, kwargs, "|p:disable");

    return wait < 0 ? NULL : disable(self, wait);
}

static PyObject *
raise_attach_busy(PyObject *self)
{
    if (status_of(self).remote)
        return kcov_raise(state_of(self), EBUSY, "remote_attach: the device has a handle already");
    return kcov_raise(state_of(self), EBUSY, "remote_attach: the handle has a device already");
}

static PyObject *
attach(PyObject *self, PyObject *subsystem, PyObject *id, bool follow)
{
    struct kcov_python_wait waiting;
    const struct kcov_wait *wait;
    PyObject *group = NULL;
    struct kcov_key key;
    uint64_t number = KCOV_REMOTE_COMMON;
    bool fits = true;
    int error;

    if (subsystem != NULL && kcov_as_uint64(subsystem, &number, &fits) < 0)
        return NULL;
    if (fits && number == KCOV_REMOTE_COMMON)
        id = NULL; /* not looked at */
    else if (follow)
        return kcov_raise(state_of(self), EINVAL,
                          "remote_attach: only the group of a context can be followed, with "
                          "subsystem REMOTE_COMMON");
    if (kcov_as_key(state_of(self), subsystem, id, &key, &fits) < 0)
        return NULL;
    if (follow && (group = kcov_current_group_object(state_of(self))) == NULL)
        return NULL;
    wait = kcov_python_wait_begin(&waiting, true);
    error = group == NULL ? kcov_device_attach(core(self), key, wait)
            : kcov_group_of(group) == NULL
                ? ENOMEM
                : kcov_device_follow(core(self), kcov_group_of(group), wait);
    kcov_python_wait_end(&waiting);
    Py_XDECREF(group);
    switch (error) {
    case 0:
        Py_RETURN_NONE;
    case EINTR:
        return NULL;
    case ENXIO:
        return kcov_raise_not_ready(self, "remote_attach", "ready");
    case EINVAL:
        return kcov_raise(state_of(self), error,
                          "remote_attach: the handle (%S, %S) is not registered", subsystem, id);
    case EBUSY:
        return raise_attach_busy(self);
    default:
        return kcov_raise_other(self, "remote_attach", error);
    }
}

static PyObject *
device_remote_attach(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"subsystem", "id", "follow", NULL};
    PyObject *subsystem = NULL, *id = NULL;
    int follow = false;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO$p:remote_attach", keywords, &subsystem, &id,
                                     &follow))
        return NULL;
    return attach(self, subsystem, id, follow);
}

static PyObject *
close_device(PyObject *self, bool wait)
{
    struct kcov_python_wait waiting;
    int error = kcov_device_close(core(self), kcov_python_wait_begin(&waiting, wait));

    kcov_python_wait_end(&waiting);
    switch (error) {
    case 0:
        Py_RETURN_NONE;
    case ENXIO: /* closed already */
        Py_RETURN_NONE;
    case EINTR:
        return NULL;
    default:
        return kcov_raise_other(self, "close", error);
    }
}

static PyObject *
device_close(PyObject *self, PyObject *args, PyObject *kwargs)
{
    int wait = wait_argument(args, kwargs, "|p:close");

    return wait < 0 ? NULL : close_device(self, wait);
}

static PyObject *
device_enter(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return Py_NewRef(self);
}

static PyObject *
device_exit(PyObject *self, PyObject *Py_UNUSED(args))
{
    return close_device(self, true);
}

static PyObject *
ioctl_attach(PyObject *self, PyObject *argument)
{
    if (argument == NULL || !PyTuple_Check(argument) || PyTuple_GET_SIZE(argument) != 2)
        return PyErr_Format(PyExc_TypeError, "the argument of KIOREMOTEATTACH is (subsystem, id)");
    return attach(self, PyTuple_GET_ITEM(argument, 0), PyTuple_GET_ITEM(argument, 1), false);
}

/* 0 is the answer of every request that worked. */
static PyObject *
ioctl_answer(PyObject *none)
{
    if (none == NULL)
        return NULL;
    Py_DECREF(none);
    return PyLong_FromLong(0);
}

static PyObject *
device_ioctl(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"request", "arg", NULL};
    PyObject *request, *argument = NULL, *zero, *none;
    uint64_t number;
    bool fits;
    int mode = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:ioctl", keywords, &request, &argument) ||
        kcov_as_uint64(request, &number, &fits) < 0)
        return NULL;
    switch (number) {
    case KIOSETBUFSIZE:
        zero = PyLong_FromLong(0);
        none = zero != NULL ? kcov_device_set_buffer_size(self, argument != NULL ? argument : zero)
                            : NULL;
        Py_XDECREF(zero);
        return ioctl_answer(none);
    case KIOENABLE:
        if (argument != NULL && kcov_as_int(argument, &mode) < 0)
            return NULL;
        return ioctl_answer(enable(self, mode));
    case KIODISABLE:
        return ioctl_answer(disable(self, true));
    case KIOREMOTEATTACH:
        return ioctl_answer(ioctl_attach(self, argument));
    default:
        if (!status_of(self).open)
            return kcov_raise_not_ready(self, "ioctl", "ready");
        return kcov_raise(state_of(self), ENOTTY, "ioctl: there is no request %S", request);
    }
}

PyMethodDef kcov_device_methods[] = {
    {"borrow", kcov_device_borrow_method, METH_O | METH_CLASS,
     "borrow($type, fd, /)\n"
     "--\n"
     "\n"
     "Return a device that appends to the buffer of another process's device, given that "
     "device's descriptor.\n"
     "\n"
     "The new device is 'ready'; its events come after what is there. `fd` remains the "
     "caller's.\n"
     "EINVAL: the descriptor does not belong to a device with a buffer. EBUSY: the other "
     "device traces its owner, and\n"
     "was enabled before anybody wanted to borrow it: enable it again, then retry."},
    {"__enter__", device_enter, METH_NOARGS, NULL},
    {"__exit__", device_exit, METH_VARARGS, NULL},
    {"set_buffer_size", (PyCFunction)(void (*)(void))kcov_device_set_buffer_size_method,
     METH_VARARGS | METH_KEYWORDS,
     "set_buffer_size($self, /, nmemb)\n"
     "--\n"
     "\n"
     "Give the device a buffer of `nmemb` 64-bit words, from 1 to BUFFER_WORDS_MAX, all 0.\n"
     "\n"
     "ENXIO: closed. EBUSY: it has a buffer. EINVAL: `nmemb` is out of range. ENOMEM."},
    {"share_buffer", kcov_device_share_buffer_method, METH_O,
     "share_buffer($self, buffer, /)\n"
     "--\n"
     "\n"
     "Append to `buffer`, which a kernel's device also writes; takes the place of "
     "set_buffer_size().\n"
     "\n"
     "ENXIO: closed. EBUSY: it has a buffer. EINVAL: the buffer is not a kernel's."},
    {"set_counters", (PyCFunction)(void (*)(void))kcov_device_set_counters_method,
     METH_VARARGS | METH_KEYWORDS,
     "set_counters($self, /, size=16777216)\n"
     "--\n"
     "\n"
     "Count, in any mode, how often each place is reached, in a map of `size` bytes, from 1 to"
     " PROBES_MAX.\n"
     "\n"
     "`size` may also be the Counters of another device, to share them, or None to stop "
     "counting. Returns the map.\n"
     "ENXIO: closed. EBUSY: in 'trace' or 'stopping'. EINVAL: `size` is out of range. ENOMEM."},
    {"enable", (PyCFunction)(void (*)(void))device_enable, METH_VARARGS | METH_KEYWORDS,
     "enable($self, /, mode=1)\n"
     "--\n"
     "\n"
     "Start recording the calling thread or, if a handle is attached, every thread in a "
     "section of it.\n"
     "\n"
     "`mode` is TRACE_PC, TRACE_UNIQUE_PC, TRACE_CMP or TRACE_CMP | CMP_BYTES. ENXIO: closed, "
     "or not 'ready'.\n"
     "EBUSY: the caller is attached to a device already. EINVAL: there is no such mode."},
    {"disable", (PyCFunction)(void (*)(void))device_disable, METH_VARARGS | METH_KEYWORDS,
     "disable($self, /, wait=True)\n"
     "--\n"
     "\n"
     "Stop recording. A remote device waits for its open sections unless `wait` is false.\n"
     "\n"
     "ENXIO: closed, or not in 'trace'. EPERM: neither remote nor owned by the calling thread."},
    {"remote_attach", (PyCFunction)(void (*)(void))device_remote_attach,
     METH_VARARGS | METH_KEYWORDS,
     "remote_attach($self, /, subsystem=0, id=None, *, follow=False)\n"
     "--\n"
     "\n"
     "Record the sections of a handle instead of one thread.\n"
     "\n"
     "With subsystem REMOTE_COMMON, `id` is ignored: the handle is that of the caller's "
     "current group. With\n"
     "`follow`, threads also work for it, without a section, while their context names that "
     "group; a thread\n"
     "that is traced already may enable such a device. ENXIO: closed or not 'ready'. EINVAL: "
     "the handle is\n"
     "not registered, or `follow` is set for another subsystem. EBUSY: the device has a "
     "handle, or the handle\n"
     "has a device."},
    {"ioctl", (PyCFunction)(void (*)(void))device_ioctl, METH_VARARGS | METH_KEYWORDS,
     "ioctl($self, /, request, arg=0)\n"
     "--\n"
     "\n"
     "Perform the operation with this number; `arg` of KIOREMOTEATTACH is (subsystem, id).\n"
     "\n"
     "ENXIO: closed. ENOTTY: the request is unknown. Otherwise the errors of the operation."},
    {"mmap_offset", kcov_device_mmap_offset_method, METH_O,
     "mmap_offset($self, offset, /)\n"
     "--\n"
     "\n"
     "Return `offset`, in bytes, if the buffer can be mapped there.\n"
     "\n"
     "ENXIO: closed. EINVAL: it cannot, or there is no buffer."},
    {"fileno", kcov_device_fileno_method, METH_NOARGS,
     "fileno($self, /)\n"
     "--\n"
     "\n"
     "Return the descriptor of the sealed memfd that holds the buffer and its information page"
     " (ENXIO: closed)."},
    {"close", (PyCFunction)(void (*)(void))device_close, METH_VARARGS | METH_KEYWORDS,
     "close($self, /, wait=True)\n"
     "--\n"
     "\n"
     "Close the device. A remote device waits for its open sections unless `wait` is false. "
     "Idempotent."},
    {0},
};
