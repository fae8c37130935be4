/*
 * operands.c: see operands.h.
 */
#include "operands.h"

#include <string.h>

#include "critical.h"

/* The digits of an integer, PyLong_SHIFT bits each, the lowest first: the only part that knows how
 * CPython lays integers out. */
struct digits {
    const digit *digits;
    size_t count;
    bool negative;
};

static inline struct digits
digits_of(PyObject *integer)
{
    PyLongObject *object = (PyLongObject *)integer;
#if PY_VERSION_HEX >= 0x030C0000
    return (struct digits){
        .digits = object->long_value.ob_digit,
        .count = object->long_value.lv_tag >> _PyLong_NON_SIZE_BITS,
        .negative = (object->long_value.lv_tag & _PyLong_SIGN_MASK) == 2,
    };
#else
    Py_ssize_t size = Py_SIZE(object);

    return (struct digits){
        .digits = object->ob_digit,
        .count = (size_t)(size < 0 ? -size : size),
        .negative = size < 0,
    };
#endif
}

static uint64_t
bit_length(struct digits integer)
{
    if (integer.count == 0)
        return 0;
    return (integer.count - 1) * (uint64_t)PyLong_SHIFT + 32 -
           (uint64_t)__builtin_clz(integer.digits[integer.count - 1]);
}

/* The lowest words of the absolute value. */
static void
magnitude(struct digits integer, uint64_t *words, size_t count)
{
    memset(words, 0, count * sizeof(*words));
    for (size_t i = 0; i < integer.count && i * PyLong_SHIFT < count * 64; i++) {
        size_t word = i * PyLong_SHIFT / 64, shift = i * PyLong_SHIFT % 64;

        words[word] |= (uint64_t)integer.digits[i] << shift;
        if (shift + PyLong_SHIFT > 64 && word + 1 < count)
            words[word + 1] |= (uint64_t)integer.digits[i] >> (64 - shift);
    }
}

static void
negate(uint64_t *words, size_t count)
{
    bool carry = true;

    for (size_t i = 0; i < count; i++) {
        words[i] = ~words[i] + carry;
        carry = carry && words[i] == 0;
    }
}

bool
kcov_low_word(PyObject *integer, int64_t *value)
{
    struct digits digits;
    uint64_t low = 0;

    if (kcov_small_integer(integer, value))
        return true;
    digits = digits_of(integer);
    magnitude(digits, &low, 1);
    *value = (int64_t)(digits.negative ? -low : low);
    /* Positive ones end at 2^63 - 1, negative ones at -2^63. */
    return bit_length(digits) < 64 ||
           (bit_length(digits) == 64 && digits.negative && low == 1ull << 63);
}

bool
kcov_same_double(PyObject *number, double *value)
{
    const int64_t exact = INT64_C(1) << 53;
    int64_t integer;

    if (Py_IS_TYPE(number, &PyFloat_Type)) {
        *value = PyFloat_AS_DOUBLE(number);
        return true;
    }
    if (!kcov_low_word(number, &integer) || integer < -exact || integer > exact)
        return false;
    *value = (double)integer;
    return true;
}

void
kcov_integer_operand(PyObject *integer, struct kcov_operand *operand)
{
    struct digits digits = digits_of(integer);

    operand->length = bit_length(digits) / 8 + 1;
    magnitude(digits, operand->words, KCOV_OPERAND_WORDS);
    if (!digits.negative)
        return;
    negate(operand->words, KCOV_OPERAND_WORDS);
    if (operand->length < KCOV_OPERAND_BYTES)
        memset((char *)operand->words + operand->length, 0, KCOV_OPERAND_BYTES - operand->length);
}

static void
copy(struct kcov_operand *operand, const char *bytes, size_t length)
{
    memset(operand->words, 0, KCOV_OPERAND_BYTES);
    memcpy(operand->words, bytes, length < KCOV_OPERAND_BYTES ? length : KCOV_OPERAND_BYTES);
    operand->length = length;
}

static Py_ssize_t
clamped(Py_ssize_t start, Py_ssize_t length)
{
    if (start < 0)
        start += length;
    return start < 0 ? 0 : start > length ? length : start;
}

static void
copy_from(struct kcov_operand *operand, const char *bytes, Py_ssize_t length, Py_ssize_t start)
{
    start = clamped(start, length);
    copy(operand, bytes + start, (size_t)(length - start));
}

void
kcov_bytes_operand(PyObject *bytes, Py_ssize_t start, struct kcov_operand *operand)
{
    if (Py_IS_TYPE(bytes, &PyBytes_Type)) {
        copy_from(operand, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), start);
        return;
    }
    KCOV_BEGIN_CRITICAL(bytes);
    copy_from(operand, PyByteArray_AS_STRING(bytes), PyByteArray_GET_SIZE(bytes), start);
    KCOV_END_CRITICAL();
}

/* UTF-8 of a character, a lone surrogate too; how many bytes. */
static size_t
encode(Py_UCS4 character, uint8_t bytes[4])
{
    size_t length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (size_t i = length - 1; i > 0; i--, character >>= 6)
        bytes[i] = (uint8_t)(0x80 | (character & 0x3F));
    bytes[0] = (uint8_t)(marks[length] | character);
    return length;
}

void
kcov_text_operand(PyObject *text, Py_ssize_t start, struct kcov_operand *operand)
{
    size_t characters, end = 0;
    unsigned kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    uint8_t bytes[4];

    start = clamped(start, PyUnicode_GET_LENGTH(text));
    characters = (size_t)(PyUnicode_GET_LENGTH(text) - start);
    if (PyUnicode_IS_ASCII(text)) {
        copy(operand, (const char *)data + start, characters);
        return;
    }
    memset(operand->words, 0, KCOV_OPERAND_BYTES);
    for (size_t i = 0; i < characters && i < KCOV_OPERAND_BYTES; i++) {
        size_t length = encode(PyUnicode_READ(kind, data, start + (Py_ssize_t)i), bytes);

        for (size_t j = 0; j < length && end + j < KCOV_OPERAND_BYTES; j++)
            ((uint8_t *)operand->words)[end + j] = bytes[j];
        end += length;
    }
    operand->length = characters <= KCOV_OPERAND_BYTES ? end : characters;
}
