/*
 * device_buffer.c: the methods of Device that give it a buffer, and tell where that is.
 */
#include <errno.h>

#include "device_type.h"

PyObject *
kcov_device_set_buffer_size(PyObject *self, PyObject *nmemb)
{
    uint64_t words;
    bool fits;
    int error;

    if (kcov_as_uint64(nmemb, &words, &fits) < 0)
        return NULL;
    switch (error = kcov_device_set_buffer(core(self), words)) {
    case 0:
        Py_RETURN_NONE;
    case ENXIO:
        return kcov_raise_not_ready(self, "set_buffer_size", "none");
    case EBUSY:
        return kcov_raise(state_of(self), error,
                          "set_buffer_size: the device has a buffer of %llu words already",
                          (unsigned long long)status_of(self).nmemb);
    case EINVAL:
        return kcov_raise(state_of(self), error,
                          "set_buffer_size: a buffer has 1 to %d words, not %S",
                          KCOV_BUFFER_WORDS_MAX, nmemb);
    default:
        return kcov_raise_other(self, "set_buffer_size", error);
    }
}

PyObject *
kcov_device_borrow_method(PyObject *type, PyObject *fd)
{
    struct kcov_module *state = kcov_module_of_type((PyTypeObject *)type);
    PyObject *self;
    int number, error;

    if (kcov_as_int(fd, &number) < 0 ||
        (self = ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 0)) == NULL)
        return NULL;
    if ((error = kcov_device_borrow(&((struct device_object *)self)->device, number)) == 0)
        return self;
    Py_DECREF(self);
    if (error == EBUSY)
        return kcov_raise(state, error,
                          "borrow: the thread that the device traces counts alone, without a bus "
                          "lock; enable the device anew, after which others may borrow it");
    if (error != EINVAL)
        return kcov_raise(state, error, "borrow: descriptor %d: %s", number, strerror(error));
    return kcov_raise(state, error, "borrow: descriptor %d is not that of a device with a buffer",
                      number);
}

PyObject *
kcov_device_set_buffer_size_method(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"nmemb", NULL};
    PyObject *nmemb;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:set_buffer_size", keywords, &nmemb))
        return NULL;
    return kcov_device_set_buffer_size(self, nmemb);
}

PyObject *
kcov_device_share_buffer_method(PyObject *self, PyObject *object)
{
    struct kcov_buffer *buffer = kcov_buffer_of(state_of(self), object);
    int error;

    if (buffer == NULL)
        return NULL;
    switch (error = kcov_device_share_buffer(core(self), buffer)) {
    case 0:
        Py_RETURN_NONE;
    case ENXIO:
        return kcov_raise_not_ready(self, "share_buffer", "none");
    case EBUSY:
        return kcov_raise(state_of(self), error,
                          "share_buffer: the device has a buffer of %llu words already",
                          (unsigned long long)status_of(self).nmemb);
    case EINVAL:
        return kcov_raise(state_of(self), error,
                          "share_buffer: only the buffer of a kernel's device can be shared");
    default:
        return kcov_raise_other(self, "share_buffer", error);
    }
}

PyObject *
kcov_device_fileno_method(PyObject *self, PyObject *Py_UNUSED(unused))
{
    int fd = kcov_device_fd(core(self));

    return fd >= 0 ? PyLong_FromLong(fd) : kcov_raise_not_ready(self, "fileno", "ready");
}

PyObject *
kcov_device_mmap_offset_method(PyObject *self, PyObject *argument)
{
    PyObject *offset = PyNumber_Index(argument);
    long long bytes;
    int error, overflow;

    if (offset == NULL)
        return NULL;
    bytes = PyLong_AsLongLongAndOverflow(offset, &overflow);
    error = kcov_device_mmap(core(self), overflow != 0 ? -1 : bytes);
    if (error == 0)
        return offset;
    if (error == EINVAL)
        kcov_raise(state_of(self), error, "mmap_offset: the buffer does not reach byte %S", offset);
    else
        kcov_raise_not_ready(self, "mmap_offset", "ready");
    Py_DECREF(offset);
    return NULL;
}
