/*
 * provider.c: FuzzedDataProvider, which makes values of the bytes of an input.
 *
 * The rules are those of Atheris, bit for bit, so that a corpus means the same to both: strings,
 * whole integers, floats and bytes come from the front, integers in a range and choices from the
 * back.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ASCII_MASK 0x7f
#define SURROGATES 0xd800 /* the first of them, */
#define SURROGATES_END 0xe000

struct provider {
    PyObject_HEAD PyObject *data; /* bytes */
    const uint8_t *front;         /* the next byte from the front; in data */
    size_t left;                  /* bytes that are left */
};

static struct provider *
provider_of(PyObject *self)
{
    return (struct provider *)self;
}

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void
advance(struct provider *provider, size_t size)
{
    provider->front += size;
    provider->left -= size;
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

/* Strings. */

static PyObject *
ascii(struct provider *provider, size_t count)
{
    size_t size = smaller(count, provider->left);
    PyObject *text = PyUnicode_New((Py_ssize_t)size, ASCII_MASK);
    Py_UCS1 *characters;

    if (text == NULL)
        return NULL;
    characters = PyUnicode_1BYTE_DATA(text);
    for (size_t i = 0; i < size; i++)
        characters[i] = provider->front[i] & ASCII_MASK;
    advance(provider, size);
    return text;
}

static uint32_t
without_surrogate(uint32_t character)
{
    return character >= SURROGATES && character < SURROGATES_END ? character - SURROGATES
                                                                 : character;
}

/* Units of 2 bytes each, or of 4 that are cut to what a character can be. */
static PyObject *
wide(struct provider *provider, size_t count, unsigned unit, bool surrogates)
{
    size_t size = count > SIZE_MAX / unit ? provider->left : smaller(count * unit, provider->left);
    size_t units = size / unit;
    Py_UCS4 *characters = PyMem_New(Py_UCS4, units > 0 ? units : 1);
    PyObject *text;

    if (characters == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < units; i++) {
        const uint8_t *bytes = provider->front + i * unit;
        uint32_t character = bytes[0] | (uint32_t)bytes[1] << 8;

        if (unit == 4) {
            character |= ((uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24) & 0x1fffff;
            if (character & 0x100000)
                character &= ~UINT32_C(0x0f0000);
        }
        characters[i] = surrogates ? character : without_surrogate(character);
    }
    text = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, characters, (Py_ssize_t)units);
    PyMem_Free(characters);
    advance(provider, size);
    return text;
}

/* The first byte says of what kind the string is; half of them are ASCII. */
static PyObject *
consume_text(PyObject *self, PyObject *argument, bool surrogates)
{
    struct provider *provider = provider_of(self);
    size_t count;
    uint8_t kind;

    if (as_count(argument, &count) < 0)
        return NULL;
    if (count == 0 || provider->left == 0)
        return PyUnicode_New(0, 0);
    kind = *provider->front;
    advance(provider, 1);
    if (provider->left == 0)
        return PyUnicode_New(0, 0);
    if (kind & 1)
        return ascii(provider, count);
    return wide(provider, count, kind & 2 ? 2 : 4, surrogates);
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
    struct provider *provider = provider_of(self);
    PyObject *bytes;
    size_t size;

    if (as_count(argument, &size) < 0)
        return NULL;
    size = smaller(size, provider->left);
    bytes = PyBytes_FromStringAndSize((const char *)provider->front, (Py_ssize_t)size);
    if (bytes != NULL)
        advance(provider, size);
    return bytes;
}

/* Integers. */

static PyObject *
next_integer(struct provider *provider, size_t size, bool is_signed)
{
    PyObject *integer;

    size = smaller(size, provider->left);
    integer = _PyLong_FromByteArray(provider->front, size, 1, is_signed && size > 0);
    if (integer != NULL)
        advance(provider, size);
    return integer;
}

static PyObject *
consume_integer(PyObject *self, PyObject *argument, bool is_signed)
{
    size_t size;

    return as_count(argument, &size) < 0 ? NULL : next_integer(provider_of(self), size, is_signed);
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

/* A number of 0 to `range`, of no more than `bits` bits from the back. */
static uint64_t
small_integer(struct provider *provider, unsigned bits, uint64_t range)
{
    uint64_t result = 0;

    for (unsigned offset = 0;
         offset < bits && offset < 64 && range >> offset > 0 && provider->left > 0; offset += 8)
        result = result << 8 | provider->front[--provider->left];
    return range != UINT64_MAX ? result % (range + 1) : result;
}

static unsigned
bit_length(uint64_t number)
{
    return number == 0 ? 0 : 64 - (unsigned)__builtin_clzll(number);
}

/* A range of more than 64 bits is taken from the front, in whole bytes. */
static PyObject *
integer_in_large_range(struct provider *provider, PyObject *minimum, PyObject *range, size_t bits)
{
    PyObject *one = PyLong_FromLong(1);
    PyObject *modulus = one != NULL ? PyNumber_Add(range, one) : NULL;
    PyObject *number = modulus != NULL ? next_integer(provider, bits / 8, true) : NULL;
    PyObject *offset = number != NULL ? PyNumber_Remainder(number, modulus) : NULL;
    PyObject *result = offset != NULL ? PyNumber_Add(minimum, offset) : NULL;

    Py_XDECREF(one);
    Py_XDECREF(modulus);
    Py_XDECREF(number);
    Py_XDECREF(offset);
    return result;
}

static PyObject *
wrong_range(const char *method)
{
    return PyErr_Format(PyExc_RuntimeError, "%s: min must be <= max", method);
}

static bool
is_negative(PyObject *integer)
{
#if PY_VERSION_HEX >= 0x030E0000
    int sign = 0;

    PyLong_GetSign(integer, &sign); /* fails only for what is no integer */
    return sign < 0;
#else
    return _PyLong_Sign(integer) < 0;
#endif
}

static PyObject *
integer_of_range(struct provider *provider, PyObject *minimum, PyObject *range)
{
    PyObject *offset, *result;
    uint64_t small;
    size_t bits;

    if (is_negative(range))
        return wrong_range("ConsumeIntInRange");
    if ((bits = _PyLong_NumBits(range)) > 64)
        return integer_in_large_range(provider, minimum, range, bits);
    small = PyLong_AsUnsignedLongLong(range);
    offset = PyLong_FromUnsignedLongLong(small_integer(provider, (unsigned)bits, small));
    if (offset == NULL)
        return NULL;
    result = PyNumber_Add(minimum, offset);
    Py_DECREF(offset);
    return result;
}

static PyObject *
integer_in_range(struct provider *provider, PyObject *minimum, PyObject *maximum)
{
    int low_overflow = 1, high_overflow = 1;
    long long low, high;
    PyObject *range, *result;

    if (!PyLong_Check(minimum) || !PyLong_Check(maximum))
        return PyErr_Format(PyExc_TypeError, "ConsumeIntInRange: %R and %R are not both integers",
                            minimum, maximum);
    low = PyLong_AsLongLongAndOverflow(minimum, &low_overflow);
    high = PyLong_AsLongLongAndOverflow(maximum, &high_overflow);
    if (low_overflow == 0 && high_overflow == 0 && low <= high) {
        uint64_t span = (uint64_t)high - (uint64_t)low;

        return PyLong_FromLongLong(
            (long long)((uint64_t)low + small_integer(provider, bit_length(span), span)));
    }
    if ((range = PyNumber_Subtract(maximum, minimum)) == NULL)
        return NULL;
    result = integer_of_range(provider, minimum, range);
    Py_DECREF(range);
    return result;
}

static PyObject *
consume_int_in_range(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (check_arguments("ConsumeIntInRange", count, 2) < 0)
        return NULL;
    return integer_in_range(provider_of(self), args[0], args[1]);
}

/* Floats. */

/* 0 to 1. */
static double
probability(struct provider *provider)
{
    size_t size = smaller(sizeof(uint64_t), provider->left);
    uint64_t number = 0;

    memcpy(&number, provider->front, size);
    advance(provider, size);
    return (double)number / (double)UINT64_MAX;
}

static bool
boolean(struct provider *provider)
{
    bool result;

    if (provider->left == 0)
        return false;
    result = *provider->front & 1;
    advance(provider, 1);
    return result;
}

static double
float_in_range(struct provider *provider, double minimum, double maximum)
{
    double result = minimum, range = maximum - minimum;

    if (minimum < 0 && maximum > 0 && minimum + DBL_MAX < maximum) {
        /* The difference of both is infinite. */
        range = maximum / 2 - minimum / 2;
        if (boolean(provider))
            result += range;
    }
    return result + range * probability(provider);
}

static double
regular_float(struct provider *provider)
{
    return float_in_range(provider, -DBL_MAX, DBL_MAX);
}

static double
any_float(struct provider *provider)
{
    const double special[] = {0.0,           -0.0,    INFINITY, -INFINITY, NAN,     DBL_TRUE_MIN,
                              -DBL_TRUE_MIN, DBL_MIN, -DBL_MIN, DBL_MAX,   -DBL_MAX};
    uint8_t kind;

    if (provider->left == 0)
        return 0.0;
    kind = *provider->front;
    advance(provider, 1);
    if (kind >= sizeof(special) / sizeof(special[0]))
        return regular_float(provider);
    /* As many as a regular one takes. */
    advance(provider, smaller(9, provider->left));
    return special[kind];
}

static PyObject *
consume_float(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyFloat_FromDouble(any_float(provider_of(self)));
}

static PyObject *
consume_regular_float(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyFloat_FromDouble(regular_float(provider_of(self)));
}

static PyObject *
consume_probability(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyFloat_FromDouble(probability(provider_of(self)));
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
    wrong_range("ConsumeFloatInRange");
    return -1;
}

static PyObject *
consume_float_in_range(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double minimum, maximum;

    if (check_arguments("ConsumeFloatInRange", count, 2) < 0 ||
        as_range(args, &minimum, &maximum) < 0)
        return NULL;
    return PyFloat_FromDouble(float_in_range(provider_of(self), minimum, maximum));
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
     integer_in_range(provider_of(self), args[0], args[1]))
LIST(consume_float_list, "ConsumeFloatList", 1, consume_float(self, NULL))
LIST(consume_regular_float_list, "ConsumeRegularFloatList", 1, consume_regular_float(self, NULL))
LIST(consume_probability_list, "ConsumeProbabilityList", 1, consume_probability(self, NULL))
LIST(consume_float_list_in_range, "ConsumeFloatListInRange", 3,
     consume_float_in_range(self, args, 2))

/* The rest. */

static PyObject *
consume_bool(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyBool_FromLong(boolean(provider_of(self)));
}

static PyObject *
pick_value_in_list(PyObject *self, PyObject *list)
{
    uint64_t size, index;

    if (!PyList_Check(list))
        return PyErr_Format(PyExc_TypeError, "PickValueInList() takes a list, not %.200s",
                            Py_TYPE(list)->tp_name);
    size = (uint64_t)PyList_GET_SIZE(list);
    index = small_integer(provider_of(self),
                          size <= UINT8_MAX    ? 8
                          : size <= UINT16_MAX ? 16
                          : size <= UINT32_MAX ? 32
                                               : 64,
                          size - 1);
    return PySequence_GetItem(list, size > 0 ? (Py_ssize_t)index : 0);
}

static PyObject *
remaining_bytes(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyLong_FromSize_t(provider_of(self)->left);
}

static PyObject *
remaining_buffer(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyBytes_FromStringAndSize((const char *)provider_of(self)->front,
                                     (Py_ssize_t)provider_of(self)->left);
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
    provider->front = (const uint8_t *)PyBytes_AS_STRING(data);
    provider->left = (size_t)PyBytes_GET_SIZE(data);
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
