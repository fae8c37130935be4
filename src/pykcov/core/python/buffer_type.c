/*
 * buffer_type.c: Buffer, the words of a device, of this process or another one.
 */
#include "module.h"

#include <errno.h>

#include "buffer.h"
#include "device.h"

struct buffer_object {
    PyObject_HEAD struct kcov_buffer *buffer;
    Py_ssize_t shape;
    Py_ssize_t stride;
};

static struct kcov_buffer *
core(PyObject *self)
{
    return ((struct buffer_object *)self)->buffer;
}

/* Takes the reference over. */
static PyObject *
make_buffer(PyTypeObject *type, struct kcov_buffer *buffer)
{
    struct buffer_object *self = (struct buffer_object *)type->tp_alloc(type, 0);

    if (self == NULL) {
        kcov_buffer_release(buffer);
        return NULL;
    }
    self->buffer = buffer;
    self->shape = (Py_ssize_t)buffer->nmemb;
    self->stride = sizeof(uint64_t);
    return (PyObject *)self;
}

static PyObject *
buffer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"", NULL};
    struct kcov_module *state = kcov_module_of_type(type);
    struct kcov_device *device;
    struct kcov_buffer *buffer;
    PyObject *object;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Buffer", keywords, &object) ||
        (device = kcov_device_of(state, object)) == NULL)
        return NULL;
    switch (kcov_device_buffer(device, &buffer)) {
    case 0:
        return make_buffer(type, buffer);
    case EINVAL:
        return kcov_raise(state, EINVAL,
                          "mmap: the device has no buffer; call set_buffer_size() first");
    default:
        return kcov_raise(state, ENXIO, "mmap: the device is closed");
    }
}

static PyObject *
buffer_from_fd(PyObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"fd", "writable", NULL};
    struct kcov_module *state = kcov_module_of_type((PyTypeObject *)type);
    struct kcov_buffer *buffer;
    int fd, error, writable = false;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i|p:from_fd", keywords, &fd, &writable))
        return NULL;
    switch (error = kcov_buffer_from_fd(&buffer, fd, writable)) {
    case 0:
        return make_buffer((PyTypeObject *)type, buffer);
    case EINVAL:
        return kcov_raise(state, error,
                          "from_fd: descriptor %d is not that of a device with a buffer", fd);
    default:
        return kcov_raise(state, error, "from_fd: descriptor %d: %s", fd, strerror(error));
    }
}

static PyObject *
buffer_from_driver(PyObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"fd", "nmemb", NULL};
    struct kcov_module *state = kcov_module_of_type((PyTypeObject *)type);
    struct kcov_buffer *buffer;
    PyObject *number;
    uint64_t nmemb;
    bool fits;
    int fd, error;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iO:from_driver", keywords, &fd, &number) ||
        kcov_as_uint64(number, &nmemb, &fits) < 0)
        return NULL;
    if (!fits || nmemb < 1 || nmemb > PY_SSIZE_T_MAX / sizeof(uint64_t))
        return kcov_raise(state, EINVAL, "from_driver: no buffer has %S words", number);
    if ((error = kcov_buffer_from_driver(&buffer, fd, nmemb)) != 0)
        return kcov_raise(state, error, "from_driver: descriptor %d, %S words: %s", fd, number,
                          strerror(error));
    return make_buffer((PyTypeObject *)type, buffer);
}

struct kcov_buffer *
kcov_buffer_of(struct kcov_module *state, PyObject *object)
{
    if (!PyObject_TypeCheck(object, state->buffer_type)) {
        PyErr_Format(PyExc_TypeError, "a Buffer is needed, not %.200s", Py_TYPE(object)->tp_name);
        return NULL;
    }
    return core(object);
}

static int
buffer_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    struct buffer_object *object = (struct buffer_object *)self;
    struct kcov_buffer *buffer = object->buffer;

    if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE && !buffer->writable) {
        PyErr_SetString(PyExc_BufferError, "the buffer is mapped read-only");
        return -1;
    }
    *view = (Py_buffer){
        .buf = (void *)buffer->words,
        .obj = Py_NewRef(self),
        .len = object->shape * object->stride,
        .itemsize = object->stride,
        .readonly = !buffer->writable,
        .ndim = 1,
        .format = (flags & PyBUF_FORMAT) == PyBUF_FORMAT ? "Q" : NULL,
        .shape = (flags & PyBUF_ND) == PyBUF_ND ? &object->shape : NULL,
        .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? &object->stride : NULL,
    };
    return 0;
}

static PyObject *
buffer_reset(PyObject *self, PyObject *Py_UNUSED(unused))
{
    if (!core(self)->writable)
        return kcov_raise(kcov_module_of_type(Py_TYPE(self)), EPERM,
                          "reset: the buffer is mapped read-only");
    kcov_buffer_reset(core(self));
    Py_RETURN_NONE;
}

static PyObject *
buffer_get_count(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(atomic_load(&core(self)->words[0]));
}

static PyObject *
buffer_get_words(PyObject *self, void *Py_UNUSED(closure))
{
    return PyMemoryView_FromObject(self);
}

static PyObject *
buffer_get_nmemb(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(core(self)->nmemb);
}

static PyObject *
buffer_get_mode(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(__atomic_load_n(&core(self)->info->mode, __ATOMIC_RELAXED));
}

static PyObject *
buffer_get_dropped(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(atomic_load(kcov_buffer_dropped(core(self))));
}

static PyObject *
buffer_get_pid(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(__atomic_load_n(&core(self)->info->pid, __ATOMIC_RELAXED));
}

static PyObject *
buffer_get_tid(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(__atomic_load_n(&core(self)->info->tid, __ATOMIC_RELAXED));
}

static PyObject *
buffer_get_writable(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(core(self)->writable);
}

static void
buffer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (core(self) != NULL)
        kcov_buffer_release(core(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef buffer_methods[] = {
    {"from_fd", (PyCFunction)(void (*)(void))buffer_from_fd,
     METH_VARARGS | METH_KEYWORDS | METH_CLASS,
     "from_fd($type, /, fd, writable=False)\n"
     "--\n"
     "\n"
     "Map the buffer of a device of any process, given its descriptor, which may be closed "
     "afterwards.\n"
     "\n"
     "`writable`: allow changes through this object. EINVAL: the descriptor does not belong to"
     " a device with a buffer."},
    {"from_driver", (PyCFunction)(void (*)(void))buffer_from_driver,
     METH_VARARGS | METH_KEYWORDS | METH_CLASS,
     "from_driver($type, /, fd, nmemb)\n"
     "--\n"
     "\n"
     "Map all `nmemb` words of a kernel's own kcov device; errors are the driver's. `fd` may "
     "be closed then."},
    {"reset", buffer_reset, METH_NOARGS,
     "reset($self, /)\n"
     "--\n"
     "\n"
     "Set the count to 0 (EPERM: the buffer is mapped read-only)."},
    {0},
};

static PyGetSetDef buffer_getset[] = {
    {"count", buffer_get_count, NULL,
     "Word 0, the number of entries. It belongs to the user, so it may hold any value.", NULL},
    {"words", buffer_get_words, NULL, "All nmemb words, as a memoryview of format 'Q'.", NULL},
    {"nmemb", buffer_get_nmemb, NULL, "Number of words, including word 0.", NULL},
    {"mode", buffer_get_mode, NULL,
     "Mode of the last successful enable, 0 if there was none. It determines how to read the "
     "entries.",
     NULL},
    {"dropped", buffer_get_dropped, NULL, "The same as Device.dropped.", NULL},
    {"pid", buffer_get_pid, NULL, "The process of the last successful enable, 0 if there was none.",
     NULL},
    {"tid", buffer_get_tid, NULL,
     "Native id of the thread that was enabled last; 0 if there was none or the device is "
     "remote.",
     NULL},
    {"writable", buffer_get_writable, NULL,
     "Whether words and count may be changed through this object.", NULL},
    {0},
};

static PyType_Slot buffer_slots[] = {
    {Py_tp_new, buffer_new},
    {Py_tp_dealloc, buffer_dealloc},
    {Py_bf_getbuffer, buffer_getbuffer},
    {Py_tp_methods, buffer_methods},
    {Py_tp_getset, buffer_getset},
    {0},
};

static PyType_Spec buffer_spec = {
    .name = "pykcov._core.Buffer",
    .basicsize = sizeof(struct buffer_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = buffer_slots,
};

int
kcov_buffer_type_add(PyObject *module, struct kcov_module *state)
{
    state->buffer_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &buffer_spec, NULL);
    return state->buffer_type != NULL ? PyModule_AddType(module, state->buffer_type) : -1;
}
