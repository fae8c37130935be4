/*
 * _records.c: what an example compared, out of the buffer of a device.
 *
 * Loops compare the same again and again. What is the same is found here, once for each record,
 * before Python looks at any.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#include "functions_module.h"
#include "kcov.h"

#define ENTRY_BYTES (KCOV_CMP_WORDS * sizeof(uint64_t))

static uint64_t
entries_of_operand(uint64_t length)
{
    return length > ENTRY_BYTES ? 2 : length > 0;
}

/* How many entries the record has that begins at `entry`; 0 if it is damaged, or not all there. */
static uint64_t
entries_of_record(const unsigned char *entry, uint64_t left)
{
    uint64_t words[KCOV_CMP_WORDS], payload;

    memcpy(words, entry, sizeof(words));
    if (!(words[0] & KCOV_CMP_PAYLOAD))
        return 1;
    payload = entries_of_operand(words[1]) + entries_of_operand(words[2]);
    return payload == words[0] >> 16 && payload < left ? payload + 1 : 0;
}

/* Whether a pc is in a set. -1 with an exception. */
static int
contains(PyObject *set, uint64_t pc)
{
    PyObject *number = PyLong_FromUnsignedLongLong(pc);
    int found = number != NULL ? PySet_Contains(set, number) : -1;

    Py_XDECREF(number);
    return found;
}

static int
add_record(PyObject *records, const unsigned char *entry, uint64_t length)
{
    PyObject *record =
        PyBytes_FromStringAndSize((const char *)entry, (Py_ssize_t)(length * ENTRY_BYTES));
    int failed = record != NULL ? PyDict_SetItem(records, record, Py_None) : -1;

    Py_XDECREF(record);
    return failed;
}

/* Add the first `most` records of a buffer of `size` bytes, each once, but those of pcs in
 * `closed`. */
static int
add_records(PyObject *records, const unsigned char *buffer, size_t size, uint64_t most,
            PyObject *closed)
{
    uint64_t count, left, length, pc, pc_before = 0;
    int is_closed = contains(closed, pc_before);

    memcpy(&count, buffer, sizeof(count));
    buffer += sizeof(count);
    left = (size - sizeof(count)) / ENTRY_BYTES;
    /* The user's word 0 may hold anything. */
    for (left = count < left ? count : left; left > 0 && most > 0; left -= length, most--) {
        length = entries_of_record(buffer, left);
        if (length == 0)
            return 0;
        memcpy(&pc, buffer + ENTRY_BYTES - sizeof(pc), sizeof(pc));
        if (pc != pc_before)
            is_closed = contains(closed, pc_before = pc);
        if (is_closed < 0 || (is_closed == 0 && add_record(records, buffer, length) < 0))
            return -1;
        buffer += length * ENTRY_BYTES;
    }
    return 0;
}

static PyObject *
records(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *closed, *found = NULL;
    unsigned long long most;
    Py_buffer words;

    if (!PyArg_ParseTuple(args, "y*KO!:records", &words, &most, &PySet_Type, &closed))
        return NULL;
    if ((size_t)words.len < sizeof(uint64_t))
        PyErr_SetString(PyExc_ValueError, "a buffer has one word at least");
    else if ((found = PyDict_New()) != NULL &&
             add_records(found, words.buf, (size_t)words.len, most, closed) < 0)
        Py_CLEAR(found);
    PyBuffer_Release(&words);
    return found;
}

static PyMethodDef methods[] = {
    {"records", records, METH_VARARGS,
     "records($module, words, most, closed, /)\n"
     "--\n\n"
     "Return the first `most` records in a buffer of TRACE_CMP as keys, each once, but those of "
     "closed pcs."},
    {0},
};

KCOV_FUNCTIONS_MODULE(_records, methods)
