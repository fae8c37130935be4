/*
 * provider.c: FuzzedDataProvider, the Python type that makes values of the bytes of an input; how,
 * says consume.h.
 */
#include "consume.h"

#include "critical.h"
#include "functions_module.h"

/* [C] guarded by the critical section of the object, or the GIL: threads may share a provider. */
struct provider {
    PyObject_HEAD PyObject *data; /* [C] bytes */
    struct input input;           /* [C] what is left of them */
};

/* Assign what an expression takes from the input of `self`. */
#define TAKE(self, result, expression)                                                             \
    do {                                                                                           \
        KCOV_BEGIN_CRITICAL(self);                                                                 \
        result = expression;                                                                       \
        KCOV_END_CRITICAL();                                                                       \
    } while (0)

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
    PyObject *text;
    size_t count;

    if (as_count(argument, &count) < 0)
        return NULL;
    TAKE(self, text, pykcov_consume_text(input_of(self), count, surrogates));
    return text;
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
    PyObject *bytes;
    size_t count;

    if (as_count(argument, &count) < 0)
        return NULL;
    TAKE(self, bytes, pykcov_consume_bytes(input_of(self), count));
    return bytes;
}

/* Integers. */

static PyObject *
consume_integer(PyObject *self, PyObject *argument, bool is_signed)
{
    PyObject *integer;
    size_t size;

    if (as_count(argument, &size) < 0)
        return NULL;
    TAKE(self, integer, pykcov_consume_integer(input_of(self), size, is_signed));
    return integer;
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
integer_in_range(PyObject *self, PyObject *const *args)
{
    PyObject *integer;

    TAKE(self, integer, pykcov_consume_integer_in_range(input_of(self), args[0], args[1]));
    return integer;
}

static PyObject *
consume_int_in_range(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return check_arguments("ConsumeIntInRange", count, 2) < 0 ? NULL : integer_in_range(self, args);
}

/* Floats. */

static PyObject *
consume_float(PyObject *self, PyObject *Py_UNUSED(unused))
{
    double number;

    TAKE(self, number, pykcov_consume_float(input_of(self)));
    return PyFloat_FromDouble(number);
}

static PyObject *
consume_regular_float(PyObject *self, PyObject *Py_UNUSED(unused))
{
    double number;

    TAKE(self, number, pykcov_consume_regular_float(input_of(self)));
    return PyFloat_FromDouble(number);
}

static PyObject *
consume_probability(PyObject *self, PyObject *Py_UNUSED(unused))
{
    double number;

    TAKE(self, number, pykcov_consume_probability(input_of(self)));
    return PyFloat_FromDouble(number);
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
    double minimum, maximum, number;

    if (check_arguments("ConsumeFloatInRange", count, 2) < 0 ||
        as_range(args, &minimum, &maximum) < 0)
        return NULL;
    TAKE(self, number, pykcov_consume_float_in_range(input_of(self), minimum, maximum));
    return PyFloat_FromDouble(number);
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
LIST(consume_int_list_in_range, "ConsumeIntListInRange", 3, integer_in_range(self, args))
LIST(consume_float_list, "ConsumeFloatList", 1, consume_float(self, NULL))
LIST(consume_regular_float_list, "ConsumeRegularFloatList", 1, consume_regular_float(self, NULL))
LIST(consume_probability_list, "ConsumeProbabilityList", 1, consume_probability(self, NULL))
LIST(consume_float_list_in_range, "ConsumeFloatListInRange", 3,
     consume_float_in_range(self, args, 2))

/* The rest. */

static PyObject *
consume_bool(PyObject *self, PyObject *Py_UNUSED(unused))
{
    bool result;

    TAKE(self, result, pykcov_consume_bool(input_of(self)));
    return PyBool_FromLong(result);
}

static PyObject *
pick_value_in_list(PyObject *self, PyObject *list)
{
    size_t index;

    if (!PyList_Check(list))
        return PyErr_Format(PyExc_TypeError, "PickValueInList() takes a list, not %.200s",
                            Py_TYPE(list)->tp_name);
    TAKE(self, index, pykcov_consume_index(input_of(self), (size_t)PyList_GET_SIZE(list)));
    return PySequence_GetItem(list, (Py_ssize_t)index);
}

static PyObject *
remaining_bytes(PyObject *self, PyObject *Py_UNUSED(unused))
{
    size_t left;

    TAKE(self, left, input_of(self)->left);
    return PyLong_FromSize_t(left);
}

static PyObject *
remaining_buffer(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *bytes;

    TAKE(self, bytes,
         PyBytes_FromStringAndSize((const char *)input_of(self)->front,
                                   (Py_ssize_t)input_of(self)->left));
    return bytes;
}

static int
provider_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"", NULL};
    struct provider *provider = provider_of(self);
    PyObject *data, *before;
    struct input input;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "S:FuzzedDataProvider", keywords, &data))
        return -1;
    input.front = (const uint8_t *)PyBytes_AS_STRING(data);
    input.left = (size_t)PyBytes_GET_SIZE(data);
    KCOV_BEGIN_CRITICAL(self);
    before = provider->data;
    provider->data = Py_NewRef(data);
    provider->input = input;
    KCOV_END_CRITICAL();
    Py_XDECREF(before);
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

static int
add_type(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&specification);
    int error = type != NULL ? PyModule_AddObjectRef(module, "FuzzedDataProvider", type) : -1;

    Py_XDECREF(type);
    return error;
}

KCOV_MODULE(_provider, "pykcov.fuzz._provider", NULL, add_type)
