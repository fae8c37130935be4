/*
 * provider.c: FuzzedDataProvider, the Python type that makes values of the bytes of an input; how,
 * says consume.h.
 */
#include "consume.h"

struct provider {
    PyObject_HEAD PyObject *data; /* bytes */
    struct input input;           /* what is left of them */
};

static struct provider *
provider_of(PyObject *self)
{
    return (struct provider *)self;
}

static struct input *
input_of(PyObject *self)
{
    return &provider_of(self)->input;
}

/* A number of bytes or items. -1 with a TypeError. */
static int
as_count(PyObject *object, size_t *count)
{
    PyObject *number = PyNumber_Index(object);

    if (number == NULL)
        return -1;
    *count = PyLong_AsSize_t(number);
    Py_DECREF(number);
    if (!PyErr_Occurred())
        return 0;
    if (PyErr_ExceptionMatches(PyExc_OverflowError))
        PyErr_Format(PyExc_TypeError, "a count is 0 to %zu, not %R", SIZE_MAX, object);
    return -1;
}

static int
check_arguments(const char *method, Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments, not %zd", method, wanted, given);
    return -1;
}

/* Strings and bytes. */

static PyObject *
consume_text(PyObject *self, PyObject *argument, bool surrogates)
{
    size_t count;

    return as_count(argument, &count) < 0 ? NULL
                                          : pykcov_consume_text(input_of(self), count, surrogates);
}

/* The only method of Atheris's that can be called with a keyword. */
static PyObject *
consume_unicode(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"count", NULL};
    PyObject *count;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:ConsumeUnicode", keywords, &count))
        return NULL;
    return consume_text(self, count, true);
}

static PyObject *
consume_string(PyObject *self, PyObject *count)
{
    return consume_text(self, count, true);
}

static PyObject *
consume_without_surrogates(PyObject *self, PyObject *count)
{
    return consume_text(self, count, false);
}

static PyObject *
consume_bytes(PyObject *self, PyObject *argument)
{
    size_t count;

    return as_count(argument, &count) < 0 ? NULL : pykcov_consume_bytes(input_of(self), count);
}

/* Integers. */

static PyObject *
consume_integer(PyObject *self, PyObject *argument, bool is_signed)
{
    size_t size;

    return as_count(argument, &size) < 0 ? NULL
                                         : pykcov_consume_integer(input_of(self), size, is_signed);
}

static PyObject *
consume_int(PyObject *self, PyObject *size)
{
    return consume_integer(self, size, true);
}

static PyObject *
consume_uint(PyObject *self, PyObject *size)
{
    return consume_integer(self, size, false);
}

static PyObject *
consume_int_in_range(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (check_arguments("ConsumeIntInRange", count, 2) < 0)
        return NULL;
    return pykcov_consume_integer_in_range(input_of(self), args[0], args[1]);
}

/* Floats. */

static PyObject *
consume_float(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyFloat_FromDouble(pykcov_consume_float(input_of(self)));
}

static PyObject *
consume_regular_float(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyFloat_FromDouble(pykcov_consume_regular_float(input_of(self)));
}

static PyObject *
consume_probability(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyFloat_FromDouble(pykcov_consume_probability(input_of(self)));
}

static int
as_range(PyObject *const *args, double *minimum, double *maximum)
{
    *minimum = PyFloat_AsDouble(args[0]);
    if (*minimum == -1.0 && PyErr_Occurred())
        return -1;
    *maximum = PyFloat_AsDouble(args[1]);
    if (*maximum == -1.0 && PyErr_Occurred())
        return -1;
    if (!(*minimum > *maximum))
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "ConsumeFloatInRange: min must be <= max");
    return -1;
}

static PyObject *
consume_float_in_range(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double minimum, maximum;

    if (check_arguments("ConsumeFloatInRange", count, 2) < 0 ||
        as_range(args, &minimum, &maximum) < 0)
        return NULL;
    return PyFloat_FromDouble(pykcov_consume_float_in_range(input_of(self), minimum, maximum));
}

/* Lists: the items one after the other. */

typedef PyObject *(*item_function)(PyObject *self, PyObject *const *args);

static PyObject *
list_of(PyObject *self, PyObject *const *args, Py_ssize_t given, Py_ssize_t wanted,
        const char *method, item_function item)
{
    PyObject *list;
    size_t count;

    if (check_arguments(method, given, wanted) < 0 || as_count(args[0], &count) < 0)
        return NULL;
    if (count > PY_SSIZE_T_MAX || (list = PyList_New((Py_ssize_t)count)) == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < count; i++) {
        PyObject *object = item(self, args + 1);

        if (object == NULL) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, object);
    }
    return list;
}

#define LIST(name, method, wanted, expression)                                                     \
    static PyObject *item_of_##name(PyObject *self, PyObject *const *args)                         \
    {                                                                                              \
        (void)args;                                                                                \
        return expression;                                                                         \
    }                                                                                              \
    static PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t count)                 \
    {                                                                                              \
        return list_of(self, args, count, wanted, method, item_of_##name);                         \
    }

LIST(consume_int_list, "ConsumeIntList", 2, consume_int(self, args[0]))
LIST(consume_int_list_in_range, "ConsumeIntListInRange", 3,
     pykcov_consume_integer_in_range(input_of(self), args[0], args[1]))
LIST(consume_float_list, "ConsumeFloatList", 1, consume_float(self, NULL))
LIST(consume_regular_float_list, "ConsumeRegularFloatList", 1, consume_regular_float(self, NULL))
LIST(consume_probability_list, "ConsumeProbabilityList", 1, consume_probability(self, NULL))
LIST(consume_float_list_in_range, "ConsumeFloatListInRange", 3,
     consume_float_in_range(self, args, 2))

/* The rest. */

static PyObject *
consume_bool(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyBool_FromLong(pykcov_consume_bool(input_of(self)));
}

static PyObject *
pick_value_in_list(PyObject *self, PyObject *list)
{
    if (!PyList_Check(list))
        return PyErr_Format(PyExc_TypeError, "PickValueInList() takes a list, not %.200s",
                            Py_TYPE(list)->tp_name);
    return PySequence_GetItem(
        list, (Py_ssize_t)pykcov_consume_index(input_of(self), (size_t)PyList_GET_SIZE(list)));
}

static PyObject *
remaining_bytes(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyLong_FromSize_t(input_of(self)->left);
}

static PyObject *
remaining_buffer(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyBytes_FromStringAndSize((const char *)input_of(self)->front,
                                     (Py_ssize_t)input_of(self)->left);
}

static int
provider_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"", NULL};
    struct provider *provider = provider_of(self);
    PyObject *data;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "S:FuzzedDataProvider", keywords, &data))
        return -1;
    Py_XSETREF(provider->data, Py_NewRef(data));
    provider->input.front = (const uint8_t *)PyBytes_AS_STRING(data);
    provider->input.left = (size_t)PyBytes_GET_SIZE(data);
    return 0;
}

static void
provider_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF(provider_of(self)->data);
    type->tp_free(self);
    Py_DECREF(type);
}

#define FAST(function) ((PyCFunction)(void (*)(void))(function)), METH_FASTCALL

static PyMethodDef methods[] = {
    {"ConsumeBool", consume_bool, METH_NOARGS, "True or False, of one byte."},
    {"ConsumeBytes", consume_bytes, METH_O, "At most so many bytes."},
    {"ConsumeFloat", consume_float, METH_NOARGS, "Any float: also infinite ones, and NaN."},
    {"ConsumeFloatInRange", FAST(consume_float_in_range), "A float of min to max."},
    {"ConsumeFloatList", FAST(consume_float_list), "So many of ConsumeFloat()."},
    {"ConsumeFloatListInRange", FAST(consume_float_list_in_range),
     "So many of ConsumeFloatInRange()."},
    {"ConsumeInt", consume_int, METH_O, "A signed integer of so many bytes."},
    {"ConsumeIntInRange", FAST(consume_int_in_range), "An integer of min to max."},
    {"ConsumeIntList", FAST(consume_int_list), "So many of ConsumeInt()."},
    {"ConsumeIntListInRange", FAST(consume_int_list_in_range), "So many of ConsumeIntInRange()."},
    {"ConsumeProbability", consume_probability, METH_NOARGS, "A float of 0 to 1."},
    {"ConsumeProbabilityList", FAST(consume_probability_list), "So many of ConsumeProbability()."},
    {"ConsumeRegularFloat", consume_regular_float, METH_NOARGS, "A float that is a number."},
    {"ConsumeRegularFloatList", FAST(consume_regular_float_list),
     "So many of ConsumeRegularFloat()."},
    {"ConsumeString", consume_string, METH_O, "The same as ConsumeUnicode()."},
    {"ConsumeUInt", consume_uint, METH_O, "An unsigned integer of so many bytes."},
    {"ConsumeUnicode", (PyCFunction)(void (*)(void))consume_unicode, METH_VARARGS | METH_KEYWORDS,
     "A str of at most so many characters, surrogates among them."},
    {"ConsumeUnicodeNoSurrogates", consume_without_surrogates, METH_O,
     "A str of at most so many characters that can be encoded."},
    {"PickValueInList", pick_value_in_list, METH_O, "One of the values of a list."},
    {"buffer", remaining_buffer, METH_NOARGS, "The bytes that are left."},
    {"remaining_bytes", remaining_bytes, METH_NOARGS, "How many bytes are left."},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, provider_init},
    {Py_tp_dealloc, provider_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "Makes values of the bytes of an input, by the rules of Atheris."},
    {0},
};

static PyType_Spec specification = {
    .name = "pykcov.atheris.FuzzedDataProvider",
    .basicsize = sizeof(struct provider),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pykcov.fuzz._provider",
    .m_doc = "Values from bytes.",
    .m_size = -1,
};

PyMODINIT_FUNC
PyInit__provider(void)
{
    PyObject *module = PyModule_Create(&definition);
    PyObject *type = module != NULL ? PyType_FromSpec(&specification) : NULL;

    if (type != NULL && PyModule_AddObjectRef(module, "FuzzedDataProvider", type) == 0) {
        Py_DECREF(type);
        return module;
    }
    Py_XDECREF(type);
    Py_XDECREF(module);
    return NULL;
}
