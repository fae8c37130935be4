/*
 * consume.c: see consume.h.
 */
#include "consume.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define ASCII_MASK 0x7f
#define SURROGATES 0xd800 /* the first of them, */
#define SURROGATES_END 0xe000

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void
advance(struct input *input, size_t size)
{
    input->front += size;
    input->left -= size;
}

/* Strings. */

static PyObject *
ascii(struct input *input, size_t count)
{
    size_t size = smaller(count, input->left);
    PyObject *text = PyUnicode_New((Py_ssize_t)size, ASCII_MASK);
    Py_UCS1 *characters;

    if (text == NULL)
        return NULL;
    characters = PyUnicode_1BYTE_DATA(text);
    for (size_t i = 0; i < size; i++)
        characters[i] = input->front[i] & ASCII_MASK;
    advance(input, size);
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
wide(struct input *input, size_t count, unsigned unit, bool surrogates)
{
    size_t size = count > SIZE_MAX / unit ? input->left : smaller(count * unit, input->left);
    size_t units = size / unit;
    Py_UCS4 *characters = PyMem_New(Py_UCS4, units > 0 ? units : 1);
    PyObject *text;

    if (characters == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < units; i++) {
        const uint8_t *bytes = input->front + i * unit;
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
    advance(input, size);
    return text;
}

PyObject *
pykcov_consume_text(struct input *input, size_t count, bool surrogates)
{
    uint8_t kind;

    if (count == 0 || input->left == 0)
        return PyUnicode_New(0, 0);
    kind = *input->front;
    advance(input, 1);
    if (input->left == 0)
        return PyUnicode_New(0, 0);
    if (kind & 1)
        return ascii(input, count);
    return wide(input, count, kind & 2 ? 2 : 4, surrogates);
}

PyObject *
pykcov_consume_bytes(struct input *input, size_t count)
{
    size_t size = smaller(count, input->left);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)input->front, (Py_ssize_t)size);

    if (bytes != NULL)
        advance(input, size);
    return bytes;
}

/* Integers. */

PyObject *
pykcov_consume_integer(struct input *input, size_t size, bool is_signed)
{
    PyObject *integer;

    size = smaller(size, input->left);
    integer = _PyLong_FromByteArray(input->front, size, 1, is_signed && size > 0);
    if (integer != NULL)
        advance(input, size);
    return integer;
}

/* A number of 0 to `range`, of no more than `bits` bits from the back. */
static uint64_t
small_integer(struct input *input, unsigned bits, uint64_t range)
{
    uint64_t result = 0;

    for (unsigned offset = 0;
         offset < bits && offset < 64 && range >> offset > 0 && input->left > 0; offset += 8)
        result = result << 8 | input->front[--input->left];
    return range != UINT64_MAX ? result % (range + 1) : result;
}

static unsigned
bit_length(uint64_t number)
{
    return number == 0 ? 0 : 64 - (unsigned)__builtin_clzll(number);
}

/* A range of more than 64 bits is taken from the front, in whole bytes. */
static PyObject *
integer_in_large_range(struct input *input, PyObject *minimum, PyObject *range, size_t bits)
{
    PyObject *one = PyLong_FromLong(1);
    PyObject *modulus = one != NULL ? PyNumber_Add(range, one) : NULL;
    PyObject *number = modulus != NULL ? pykcov_consume_integer(input, bits / 8, true) : NULL;
    PyObject *offset = number != NULL ? PyNumber_Remainder(number, modulus) : NULL;
    PyObject *result = offset != NULL ? PyNumber_Add(minimum, offset) : NULL;

    Py_XDECREF(one);
    Py_XDECREF(modulus);
    Py_XDECREF(number);
    Py_XDECREF(offset);
    return result;
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
integer_of_range(struct input *input, PyObject *minimum, PyObject *range)
{
    PyObject *offset, *result;
    uint64_t small;
    size_t bits;

    if (is_negative(range))
        return PyErr_Format(PyExc_RuntimeError, "ConsumeIntInRange: min must be <= max");
    if ((bits = _PyLong_NumBits(range)) > 64)
        return integer_in_large_range(input, minimum, range, bits);
    small = PyLong_AsUnsignedLongLong(range);
    offset = PyLong_FromUnsignedLongLong(small_integer(input, (unsigned)bits, small));
    if (offset == NULL)
        return NULL;
    result = PyNumber_Add(minimum, offset);
    Py_DECREF(offset);
    return result;
}

PyObject *
pykcov_consume_integer_in_range(struct input *input, PyObject *minimum, PyObject *maximum)
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
            (long long)((uint64_t)low + small_integer(input, bit_length(span), span)));
    }
    if ((range = PyNumber_Subtract(maximum, minimum)) == NULL)
        return NULL;
    result = integer_of_range(input, minimum, range);
    Py_DECREF(range);
    return result;
}

size_t
pykcov_consume_index(struct input *input, size_t size)
{
    unsigned bits = size <= UINT8_MAX ? 8 : size <= UINT16_MAX ? 16 : size <= UINT32_MAX ? 32 : 64;
    uint64_t index = small_integer(input, bits, (uint64_t)size - 1);

    return size > 0 ? (size_t)index : 0;
}

/* Floats. */

double
pykcov_consume_probability(struct input *input)
{
    size_t size = smaller(sizeof(uint64_t), input->left);
    uint64_t number = 0;

    memcpy(&number, input->front, size);
    advance(input, size);
    return (double)number / (double)UINT64_MAX;
}

bool
pykcov_consume_bool(struct input *input)
{
    bool result;

    if (input->left == 0)
        return false;
    result = *input->front & 1;
    advance(input, 1);
    return result;
}

double
pykcov_consume_float_in_range(struct input *input, double minimum, double maximum)
{
    double result = minimum, range = maximum - minimum;

    if (minimum < 0 && maximum > 0 && minimum + DBL_MAX < maximum) {
        /* The difference of both is infinite. */
        range = maximum / 2 - minimum / 2;
        if (pykcov_consume_bool(input))
            result += range;
    }
    return result + range * pykcov_consume_probability(input);
}

double
pykcov_consume_regular_float(struct input *input)
{
    return pykcov_consume_float_in_range(input, -DBL_MAX, DBL_MAX);
}

double
pykcov_consume_float(struct input *input)
{
    const double special[] = {0.0,           -0.0,    INFINITY, -INFINITY, NAN,     DBL_TRUE_MIN,
                              -DBL_TRUE_MIN, DBL_MIN, -DBL_MIN, DBL_MAX,   -DBL_MAX};
    uint8_t kind;

    if (input->left == 0)
        return 0.0;
    kind = *input->front;
    advance(input, 1);
    if (kind >= sizeof(special) / sizeof(special[0]))
        return pykcov_consume_regular_float(input);
    /* As many as a regular one takes. */
    advance(input, smaller(9, input->left));
    return special[kind];
}
