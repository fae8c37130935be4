/*
 * consume.h: the rules by which the bytes of an input become values.
 *
 * They are those of Atheris, bit for bit, so that a corpus means the same to both: strings, whole
 * integers, floats and bytes come from the front, integers in a range and choices from the back.
 */
#ifndef PYKCOV_CONSUME_H
#define PYKCOV_CONSUME_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *front; /* the next byte from the front */
    size_t left;          /* bytes that are left */
};

/* A str of at most `count` characters: the first byte says of what kind; half of them are ASCII. */
PyObject *pykcov_consume_text(struct input *input, size_t count, bool surrogates);
PyObject *pykcov_consume_bytes(struct input *input, size_t count);

/* An int of at most `size` bytes. */
PyObject *pykcov_consume_integer(struct input *input, size_t size, bool is_signed);
/* RuntimeError if `minimum` is above `maximum`, TypeError if they are no integers. */
PyObject *pykcov_consume_integer_in_range(struct input *input, PyObject *minimum,
                                          PyObject *maximum);
/* A place in a list of so many items; 0 if there are none. */
size_t pykcov_consume_index(struct input *input, size_t size);

bool pykcov_consume_bool(struct input *input);
double pykcov_consume_probability(struct input *input); /* 0 to 1 */
double pykcov_consume_float(struct input *input);       /* also an infinite one, or NaN */
double pykcov_consume_regular_float(struct input *input);
double pykcov_consume_float_in_range(struct input *input, double minimum, double maximum);

#endif
