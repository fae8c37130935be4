/*
 * device_type.c: the type Device: its life and its properties. The methods are in
 * device_operations.c.
 */
#include "device_type.h"

#include <errno.h>

struct kcov_device *
kcov_device_of(struct kcov_module *state, PyObject *object)
{
    if (!PyObject_TypeCheck(object, state->device_type)) {
        PyErr_Format(PyExc_TypeError, "a Device is needed, not %.200s", Py_TYPE(object)->tp_name);
        return NULL;
    }
    return core(object);
}

static PyObject *
device_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {NULL};
    PyObject *self;
    int error;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Device", keywords))
        return NULL;
    if ((self = type->tp_alloc(type, 0)) == NULL)
        return NULL;
    if ((error = kcov_device_open(&((struct device_object *)self)->device)) != 0) {
        kcov_raise(kcov_module_of_type(type), error, "open: no descriptor for a device: %s",
                   strerror(error));
        Py_DECREF(self);
        return NULL;
    }
    return self;
}

static PyObject *
device_get_dropped(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(status_of(self).dropped);
}

static PyObject *
device_get_state(PyObject *self, void *Py_UNUSED(closure))
{
    struct kcov_device_status status = status_of(self);

    return PyUnicode_FromString(kcov_state_name(&status));
}

static PyObject *
device_get_mode(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(status_of(self).mode);
}

static PyObject *
device_get_nmemb(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(status_of(self).nmemb);
}

static PyObject *
device_get_handle(PyObject *self, void *Py_UNUSED(closure))
{
    struct kcov_device_status status = status_of(self);

    if (!status.remote)
        Py_RETURN_NONE;
    return kcov_key_tuple(status.handle);
}

static PyObject *
device_get_inherited(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(status_of(self).inherited);
}

static PyObject *
device_get_serial(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(core(self)->serial);
}

static PyObject *
device_repr(PyObject *self)
{
    struct kcov_device_status status = status_of(self);

    return PyUnicode_FromFormat("<pykcov.Device %llu state='%s' nmemb=%llu>",
                                (unsigned long long)core(self)->serial, kcov_state_name(&status),
                                (unsigned long long)status.nmemb);
}

/*
 * Garbage that is still open is closed, and said. It must not sleep: whoever leaves the last
 * section does the rest.
 */
static void
device_finalize(PyObject *self)
{
    PyObject *type, *value, *traceback;

    if (core(self) == NULL || !status_of(self).open)
        return;
    PyErr_Fetch(&type, &value, &traceback);
    if (PyErr_ResourceWarning(self, 1, "unclosed %R", self) < 0)
        PyErr_WriteUnraisable(self);
    kcov_device_close(core(self), NULL);
    PyErr_Restore(type, value, traceback);
}

static void
device_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    if (core(self) != NULL)
        kcov_device_release(core(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyGetSetDef device_getset[] = {
    {"dropped", device_get_dropped, NULL,
     "Entries that found the buffer full, and hits of places beyond the counters, since the "
     "last enable.",
     NULL},
    {"counters", kcov_device_get_counters, NULL,
     "The map that set_counters() gave the device; None if there is none, or the device is "
     "closed.",
     NULL},
    {"state", device_get_state, NULL,
     "'none' (no buffer), 'ready', 'trace', 'stopping' (disabled, sections still open) or "
     "'closed'.",
     NULL},
    {"mode", device_get_mode, NULL, "The mode while the state is 'trace', else 0.", NULL},
    {"nmemb", device_get_nmemb, NULL, "Number of words in the buffer; 0 before set_buffer_size().",
     NULL},
    {"handle", device_get_handle, NULL,
     "The attached handle, as in handles(), or None.\n"
     "\n"
     "It is a tuple (subsystem, id, whether the id is the number of a group).",
     NULL},
    {"inherited", device_get_inherited, NULL,
     "Whether another process has the device too, because it forked from this one or lent the "
     "device.",
     NULL},
    {"serial", device_get_serial, NULL,
     "A number that no other device of this process has or had; handles() and attached() use "
     "it.",
     NULL},
    {0},
};

static PyType_Slot device_slots[] = {
    {Py_tp_new, device_new},
    {Py_tp_finalize, device_finalize},
    {Py_tp_dealloc, device_dealloc},
    {Py_tp_repr, device_repr},
    {Py_tp_methods, kcov_device_methods},
    {Py_tp_getset, device_getset},
    {0},
};

static PyType_Spec device_spec = {
    .name = "pykcov._core.Device",
    .basicsize = sizeof(struct device_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = device_slots,
};

int
kcov_device_type_add(PyObject *module, struct kcov_module *state)
{
    state->device_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &device_spec, NULL);
    return state->device_type != NULL ? PyModule_AddType(module, state->device_type) : -1;
}
