/*
 * device_type.h: what the files of the type Device share.
 */
#ifndef KCOV_DEVICE_TYPE_H
#define KCOV_DEVICE_TYPE_H

#include "device.h"
#include "module.h"

struct device_object {
    PyObject_HEAD struct kcov_device *device;
};

static inline struct kcov_device *
core(PyObject *self)
{
    return ((struct device_object *)self)->device;
}

static inline struct kcov_module *
state_of(PyObject *self)
{
    return kcov_module_of_type(Py_TYPE(self));
}

static inline struct kcov_device_status
status_of(PyObject *self)
{
    struct kcov_device_status status;

    kcov_device_status(core(self), &status);
    return status;
}

const char *kcov_state_name(const struct kcov_device_status *status);

/* ENXIO: what the device is, and what it would have to be. Another errno: in its own words. */
PyObject *kcov_raise_not_ready(PyObject *self, const char *operation, const char *needed);
PyObject *kcov_raise_other(PyObject *self, const char *operation, int error);

extern PyMethodDef kcov_device_methods[];

/* device_buffer.c */
PyObject *kcov_device_set_buffer_size(PyObject *self, PyObject *nmemb);
PyObject *kcov_device_set_buffer_size_method(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *kcov_device_borrow_method(PyObject *type, PyObject *fd);
PyObject *kcov_device_share_buffer_method(PyObject *self, PyObject *object);
PyObject *kcov_device_fileno_method(PyObject *self, PyObject *unused);
PyObject *kcov_device_mmap_offset_method(PyObject *self, PyObject *argument);

/* counters_type.c: two members of Device. */
PyObject *kcov_device_set_counters_method(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *kcov_device_get_counters(PyObject *self, void *closure);

#endif
