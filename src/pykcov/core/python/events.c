/*
 * events.c: the functions of the module that make events, for instrumentation of other making, and
 * that stop them all.
 */
#include "module.h"

#include <errno.h>
#include <stdlib.h>

#include "trace.h"

/* How often: 1 if not given. Negative is none. */
static int
repetitions(PyObject *object, int *count)
{
    *count = 1;
    return object != NULL ? kcov_as_int(object, count) : 0;
}

static PyObject *
record_pc(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"pc", "count", NULL};
    PyObject *site, *times = NULL;
    uint64_t pc;
    int count;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:record_pc", keywords, &site, &times) ||
        kcov_need_uint64(kcov_module_state(module), site, "a pc", &pc) < 0 ||
        repetitions(times, &count) < 0)
        return NULL;
    for (int i = 0; i < count; i++)
        kcov_trace_pc(pc);
    Py_RETURN_NONE;
}

static PyObject *
record_cmp(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"size", "const", "a", "b", "pc", "count", NULL};
    struct kcov_module *state = kcov_module_state(module);
    PyObject *first, *second, *site, *times = NULL, *bytes;
    uint64_t a, b, pc;
    int size, is_const, count;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OpOOO|O:record_cmp", keywords, &bytes,
                                     &is_const, &first, &second, &site, &times) ||
        kcov_as_int(bytes, &size) < 0 || kcov_need_uint64(state, first, "an operand", &a) < 0 ||
        kcov_need_uint64(state, second, "an operand", &b) < 0 ||
        kcov_need_uint64(state, site, "a pc", &pc) < 0 || repetitions(times, &count) < 0)
        return NULL;
    if (size != 1 && size != 2 && size != 4 && size != 8)
        return kcov_raise(state, EINVAL, "an operand has 1, 2, 4 or 8 bytes, not %S", bytes);
    for (int i = 0; i < count; i++)
        kcov_trace_cmp((unsigned)size, is_const, a, b, pc);
    Py_RETURN_NONE;
}

/* The cases of a switch, in an array for free(). */
static uint64_t *
case_array(struct kcov_module *state, PyObject *sequence, Py_ssize_t *count)
{
    PyObject *cases = PySequence_Tuple(sequence);
    uint64_t *array;

    if (cases == NULL)
        return NULL;
    *count = PyTuple_GET_SIZE(cases);
    array = malloc(((size_t)*count + 1) * sizeof(*array));
    if (array == NULL)
        kcov_raise(state, ENOMEM, "no memory for %zd cases", *count);
    for (Py_ssize_t i = 0; array != NULL && i < *count; i++) {
        if (kcov_need_uint64(state, PyTuple_GET_ITEM(cases, i), "a case", &array[i]) < 0) {
            free(array);
            array = NULL;
        }
    }
    Py_DECREF(cases);
    return array;
}

static PyObject *
record_switch(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"bits", "value", "cases", "pc", "count", NULL};
    struct kcov_module *state = kcov_module_state(module);
    PyObject *width, *operand, *sequence, *site, *times = NULL;
    uint64_t value, pc, *cases;
    Py_ssize_t length;
    int bits, count;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOO|O:record_switch", keywords, &width,
                                     &operand, &sequence, &site, &times) ||
        kcov_as_int(width, &bits) < 0 ||
        kcov_need_uint64(state, operand, "an operand", &value) < 0 ||
        kcov_need_uint64(state, site, "a pc", &pc) < 0 || repetitions(times, &count) < 0 ||
        (cases = case_array(state, sequence, &length)) == NULL)
        return NULL;
    for (int i = 0; i < count; i++)
        kcov_record_switch((unsigned)bits, value, cases, (size_t)length, pc);
    free(cases);
    Py_RETURN_NONE;
}

static PyObject *
halt(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"", "debugger", NULL};
    int on, debugger = false;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "p|p:halt", keywords, &on, &debugger))
        return NULL;
    kcov_halt(debugger ? KCOV_DEBUGGER : KCOV_HALTED, on);
    Py_RETURN_NONE;
}

static PyObject *
begin_round(PyObject *Py_UNUSED(module), PyObject *number)
{
    unsigned long round = PyLong_AsUnsignedLongMask(number);

    if (round == (unsigned long)-1 && PyErr_Occurred())
        return NULL;
    atomic_store_explicit(&kcov_switches.round, (unsigned)round, memory_order_relaxed);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"record_pc", (PyCFunction)(void (*)(void))record_pc, METH_VARARGS | METH_KEYWORDS,
     "record_pc($module, /, pc, count=1)\n"
     "--\n"
     "\n"
     "Record `pc`, `count` times. Not recorded under TRACE_UNIQUE_PC, which knows places by probe "
     "number."},
    {"record_cmp", (PyCFunction)(void (*)(void))record_cmp, METH_VARARGS | METH_KEYWORDS,
     "record_cmp($module, /, size, const, a, b, pc, count=1)\n"
     "--\n"
     "\n"
     "Record a comparison of `size` (1, 2, 4, 8) bytes; `const`: the first operand is a constant "
     "of the code."},
    {"record_switch", (PyCFunction)(void (*)(void))record_switch, METH_VARARGS | METH_KEYWORDS,
     "record_switch($module, /, bits, value, cases, pc, count=1)\n"
     "--\n"
     "\n"
     "Record a comparison of `value` with each case. `bits` is 8, 16, 32 or 64; others record "
     "nothing."},
    {"halt", (PyCFunction)(void (*)(void))halt, METH_VARARGS | METH_KEYWORDS,
     "halt($module, on, /, debugger=False)\n"
     "--\n"
     "\n"
     "Stop all recording in the process, or allow it again.\n"
     "\n"
     "There are two switches, chosen by `debugger`; nothing is recorded while either is on."},
    {"begin_round", begin_round, METH_O,
     "begin_round($module, number, /)\n"
     "--\n"
     "\n"
     "Begin a round for all devices with CMP_SAMPLED: each place is recorded often again. 0: no "
     "comparisons.\n"
     "\n"
     "Rounds are numbered from 1, each with another number than the one before; there is none at "
     "first."},
    {0},
};

int
kcov_events_add(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
