/*
 * counters_type.c: Counters, the counter map of a device, and what Device has to do with it.
 */
#include "module.h"

#include <errno.h>

#include "counters.h"
#include "device_type.h"
#include "numbers.h"

struct counters_object {
    PyObject_HEAD struct kcov_counters *counters;
};

static struct kcov_counters *
map_of(PyObject *self)
{
    return ((struct counters_object *)self)->counters;
}

/* Takes the reference over. */
static PyObject *
make_counters(struct kcov_module *state, struct kcov_counters *counters)
{
    PyTypeObject *type = state->counters_type;
    struct counters_object *self = (struct counters_object *)type->tp_alloc(type, 0);

    if (self == NULL)
        kcov_counters_release(counters);
    else
        self->counters = counters;
    return (PyObject *)self;
}

static PyObject *
answer(PyObject *self, int error, PyObject *size, PyObject *done)
{
    switch (error) {
    case 0:
        return done;
    case ENXIO:
        return kcov_raise(state_of(self), error, "set_counters: the device is closed");
    case EBUSY:
        return kcov_raise(state_of(self), error,
                          "set_counters: the device traces, or sections of it are still open");
    case EINVAL:
        return kcov_raise(state_of(self), error, "set_counters: there are 1 to %u counters, not %S",
                          KCOV_PROBES_MAX, size);
    default:
        return kcov_raise(state_of(self), error, "set_counters: %s", strerror(error));
    }
}

/* `counters`: Counters or None, which is the answer if it works. */
static PyObject *
set_counters(PyObject *self, PyObject *counters)
{
    struct kcov_counters *map = counters != Py_None ? map_of(counters) : NULL;
    int error = kcov_device_set_counters(core(self), map);

    return answer(self, error, NULL, error == 0 ? Py_NewRef(counters) : NULL);
}

static PyObject *
new_counters(PyObject *self, PyObject *size)
{
    struct kcov_counters *counters = NULL;
    uint64_t number = KCOV_PROBES_MAX;
    bool fits;
    int error;

    if (size != NULL && kcov_as_uint64(size, &number, &fits) < 0)
        return NULL;
    error = kcov_device_new_counters(core(self), number, &counters);
    return answer(self, error, size, error == 0 ? make_counters(state_of(self), counters) : NULL);
}

PyObject *
kcov_device_set_counters_method(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"size", NULL};
    PyObject *size = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:set_counters", keywords, &size))
        return NULL;
    if (size == Py_None || (size != NULL && Py_IS_TYPE(size, state_of(self)->counters_type)))
        return set_counters(self, size);
    return new_counters(self, size);
}

PyObject *
kcov_device_get_counters(PyObject *self, void *Py_UNUSED(closure))
{
    struct kcov_counters *counters = kcov_device_counters(core(self));

    if (counters == NULL)
        Py_RETURN_NONE;
    return make_counters(state_of(self), counters);
}

static Py_ssize_t
counters_length(PyObject *self)
{
    return (Py_ssize_t)map_of(self)->size;
}

static int
counters_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    return PyBuffer_FillInfo(view, self, (void *)map_of(self)->bytes, counters_length(self), false,
                             flags);
}

static PyObject *
counters_reset(PyObject *self, PyObject *Py_UNUSED(unused))
{
    kcov_counters_reset(map_of(self), kcov_numbers_total());
    Py_RETURN_NONE;
}

static PyObject *
counters_reach(PyObject *self, PyObject *seen)
{
    Py_buffer view;
    size_t found;

    if (PyObject_GetBuffer(seen, &view, PyBUF_WRITABLE) < 0)
        return NULL;
    found = kcov_counters_reach(map_of(self), view.buf, (size_t)view.len, kcov_numbers_total());
    PyBuffer_Release(&view);
    return PyLong_FromSize_t(found);
}

static PyObject *
counters_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<pykcov.Counters size=%zd>", counters_length(self));
}

static void
counters_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (map_of(self) != NULL)
        kcov_counters_release(map_of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef counters_methods[] = {
    {"reset", counters_reset, METH_NOARGS,
     "reset($self, /)\n"
     "--\n"
     "\n"
     "Set the counters of all places to 0. A counter that is incremented meanwhile may keep "
     "its value."},
    {"reach", counters_reach, METH_O,
     "reach($self, seen, /)\n"
     "--\n"
     "\n"
     "Merge what was reached into `seen`, a writable buffer with a byte for each counter; "
     "return how much is new.\n"
     "\n"
     "A byte has a bit for each range of hits, the lowest first: 1, 2, 3, 4-7, 8-15, 16-31, "
     "32-127, 128-255. The\n"
     "result is the number of new bits."},
    {0},
};

static PyType_Slot counters_slots[] = {
    {Py_tp_dealloc, counters_dealloc},     {Py_tp_repr, counters_repr},
    {Py_tp_methods, counters_methods},     {Py_sq_length, counters_length},
    {Py_bf_getbuffer, counters_getbuffer}, {0},
};

static PyType_Spec counters_spec = {
    .name = "pykcov.Counters",
    .basicsize = sizeof(struct counters_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = counters_slots,
};

int
kcov_counters_type_add(PyObject *module, struct kcov_module *state)
{
    state->counters_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &counters_spec, NULL);
    return state->counters_type != NULL ? PyModule_AddType(module, state->counters_type) : -1;
}
