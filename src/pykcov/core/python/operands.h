/*
 * operands.h: what can be recorded of a Python object, as numbers and bytes. Only exact builtin
 * types are looked at, nothing is called or allocated, and of an operand of any size only as much
 * is touched as is recorded.
 */
#ifndef KCOV_OPERANDS_H
#define KCOV_OPERANDS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "trace.h"

/* Only operands of one kind are compared, but for an integer with a float. */
enum kcov_kind {
    KCOV_KIND_OTHER, /* not recorded */
    KCOV_KIND_INTEGER,
    KCOV_KIND_FLOAT,
    KCOV_KIND_TEXT,
    KCOV_KIND_BYTES,
};

static inline enum kcov_kind
kcov_kind_of(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    if (type == &PyLong_Type || type == &PyBool_Type)
        return KCOV_KIND_INTEGER;
    if (type == &PyUnicode_Type)
        return KCOV_KIND_TEXT;
    if (type == &PyBytes_Type || type == &PyByteArray_Type)
        return KCOV_KIND_BYTES;
    return type == &PyFloat_Type ? KCOV_KIND_FLOAT : KCOV_KIND_OTHER;
}

static inline bool
kcov_is_integer(PyObject *object)
{
    return Py_IS_TYPE(object, &PyLong_Type) || Py_IS_TYPE(object, &PyBool_Type);
}

/* The value of an integer of one digit, as nearly all are; whether it is one. */
static inline bool
kcov_small_integer(PyObject *integer, int64_t *value)
{
    const PyLongObject *object = (PyLongObject *)integer;
#if PY_VERSION_HEX >= 0x030C0000
    if (!_PyLong_IsCompact(object))
        return false;
    *value = _PyLong_CompactValue(object);
#else
    Py_ssize_t size = Py_SIZE(object);

    if (size < -1 || size > 1)
        return false;
    *value = size * (int64_t)object->ob_digit[0];
#endif
    return true;
}

/* The lowest 64 bits of an integer in two's complement; whether that is all of it. */
bool kcov_low_word(PyObject *integer, int64_t *value);

/* An integer or a float as a float; whether it is the same number. */
bool kcov_same_double(PyObject *number, double *value);

/*
 * The first KCOV_OPERAND_BYTES bytes of an operand, the rest of the words 0. An integer is in two's
 * complement, least significant byte first. length counts all bytes; for text of more than
 * KCOV_OPERAND_BYTES characters, the characters: to count the bytes would take as long as the text
 * is.
 */
void kcov_integer_operand(PyObject *integer, struct kcov_operand *operand);

/* From `start` on, an index as in a slice: below 0 it counts from the end. */
void kcov_text_operand(PyObject *text, Py_ssize_t start, struct kcov_operand *operand);
void kcov_bytes_operand(PyObject *bytes, Py_ssize_t start, struct kcov_operand *operand);

#endif
