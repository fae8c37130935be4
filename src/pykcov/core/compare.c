/*
 * compare.c: the constant in bytecode that observes a comparison. Before the instruction `a OP b`
 * stands `probe[b] = a`, which comes to probe_assign(): it looks, and the comparison follows as it
 * would have. Whatever the operands are, it never fails and runs no code of the program's.
 */
#include "module.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "operands.h"
#include "trace.h"

/* Members of a container that is not a constant of the code: more are not looked at. */
#define MEMBERS_MAX 32

/* Which of the operands of the instruction is a constant of the code. */
enum constant { CONSTANT_NONE, CONSTANT_LEFT, CONSTANT_RIGHT };

struct compare_probe {
    PyObject_HEAD uint64_t pc;
    unsigned operation;
    unsigned constant;
};

/* What a record says besides the operands. */
struct event {
    struct kcov_trace *trace;
    const struct compare_probe *probe;
    bool bytes; /* under KCOV_CMP_BYTES */
};

/* The operands in the order in which they are recorded: a constant comes first. */
static uint64_t
type_of_record(const struct event *event)
{
    uint64_t type = event->probe->constant != CONSTANT_NONE ? KCOV_CMP_CONST : 0;

    if (event->bytes) {
        type |= KCOV_CMP_OPERATION(event->probe->operation);
        if (event->probe->constant == CONSTANT_RIGHT)
            type |= KCOV_CMP_SWAPPED;
    }
    return type;
}

static void
append(const struct event *event, unsigned size, uint64_t a, uint64_t b)
{
    uint64_t mask = UINT64_MAX >> (64 - (8u << size));

    kcov_append_cmp(event->trace, type_of_record(event) | KCOV_CMP_SIZE(size), a & mask, b & mask,
                    event->probe->pc);
}

static void
observe_integers(const struct event *event, PyObject *a, PyObject *b)
{
    struct kcov_operand first, second;
    int64_t x, y;
    bool fit = kcov_low_word(a, &x);

    fit = kcov_low_word(b, &y) && fit;
    if (fit) {
        /* The bits that differ from the sign. */
        uint64_t bits = (uint64_t)(x ^ (x >> 63)) | (uint64_t)(y ^ (y >> 63));
        unsigned size = bits < 0x80 ? 0 : bits < 0x8000 ? 1 : bits < 0x80000000 ? 2 : 3;

        append(event, size, (uint64_t)x, (uint64_t)y);
    } else if (!event->bytes) {
        append(event, 3, (uint64_t)x, (uint64_t)y);
    } else {
        kcov_integer_operand(a, &first);
        kcov_integer_operand(b, &second);
        kcov_append_cmp_bytes(event->trace, type_of_record(event) | KCOV_CMP_INTEGER, &first,
                              &second, event->probe->pc);
    }
}

static void
observe_floats(const struct event *event, PyObject *a, PyObject *b)
{
    double numbers[2];
    uint64_t bits[2];

    if (!kcov_same_double(a, &numbers[0]) || !kcov_same_double(b, &numbers[1]))
        return;
    memcpy(bits, numbers, sizeof(bits));
    kcov_append_cmp(event->trace, type_of_record(event) | KCOV_CMP_SIZE(3) | KCOV_CMP_FLOAT,
                    bits[0], bits[1], event->probe->pc);
}

static void
observe_texts(const struct event *event, PyObject *a, PyObject *b)
{
    struct kcov_operand first, second;

    kcov_text_operand(a, &first);
    kcov_text_operand(b, &second);
    kcov_append_cmp_bytes(event->trace, type_of_record(event) | KCOV_CMP_TEXT, &first, &second,
                          event->probe->pc);
}

static void
observe_bytes(const struct event *event, PyObject *a, PyObject *b)
{
    struct kcov_operand first, second;

    kcov_bytes_operand(a, &first);
    kcov_bytes_operand(b, &second);
    kcov_append_cmp_bytes(event->trace, type_of_record(event), &first, &second, event->probe->pc);
}

/* `a` is on the left in the source. */
static void
observe(const struct event *event, PyObject *a, PyObject *b)
{
    enum kcov_kind kind = kcov_kind_of(a), other = kcov_kind_of(b);

    if (event->probe->constant == CONSTANT_RIGHT) {
        PyObject *left = a;

        a = b;
        b = left;
    }
    if (kind == KCOV_KIND_INTEGER && other == KCOV_KIND_INTEGER)
        observe_integers(event, a, b);
    else if (!event->bytes || kind == KCOV_KIND_OTHER || other == KCOV_KIND_OTHER)
        return;
    else if (kind == KCOV_KIND_TEXT && other == KCOV_KIND_TEXT)
        observe_texts(event, a, b);
    else if (kind == KCOV_KIND_BYTES && other == KCOV_KIND_BYTES)
        observe_bytes(event, a, b);
    else if (kind <= KCOV_KIND_FLOAT && other <= KCOV_KIND_FLOAT)
        observe_floats(event, a, b);
}

/* How many members may be looked at. */
static Py_ssize_t
limit(const struct event *event)
{
    return event->probe->constant == CONSTANT_RIGHT ? PY_SSIZE_T_MAX : MEMBERS_MAX;
}

static void
observe_items(const struct event *event, PyObject *a, PyObject **items, Py_ssize_t count)
{
    if (count > limit(event))
        return;
    for (Py_ssize_t i = 0; i < count; i++)
        observe(event, a, items[i]);
}

static void
observe_set(const struct event *event, PyObject *a, PyObject *set)
{
    const PySetObject *object = (PySetObject *)set;

    if (object->used > limit(event))
        return;
    /* No object's hash is -1: that is a place whose member was removed. */
    for (Py_ssize_t i = 0; i <= object->mask; i++)
        if (object->table[i].key != NULL && object->table[i].hash != -1)
            observe(event, a, object->table[i].key);
}

static void
observe_keys(const struct event *event, PyObject *a, PyObject *dict)
{
    Py_ssize_t position = 0;
    PyObject *key;

    if (!PyDict_CheckExact(dict) || PyDict_GET_SIZE(dict) > MEMBERS_MAX)
        return;
    while (PyDict_Next(dict, &position, &key, NULL))
        observe(event, a, key);
}

/* `a in b`: a search in text and bytes, else one record a member. */
static void
observe_in(const struct event *event, PyObject *a, PyObject *b)
{
    if (PyTuple_CheckExact(b))
        observe_items(event, a, ((PyTupleObject *)b)->ob_item, PyTuple_GET_SIZE(b));
    else if (PyList_CheckExact(b))
        observe_items(event, a, ((PyListObject *)b)->ob_item, PyList_GET_SIZE(b));
    else if (PyAnySet_CheckExact(b))
        observe_set(event, a, b);
    else if (PyDict_CheckExact(b))
        observe_keys(event, a, b);
    else if (kcov_kind_of(b) >= KCOV_KIND_TEXT)
        observe(event, a, b);
}

/* `a.method(b)`. */
static void
observe_call(const struct event *event, PyObject *a, PyObject *b)
{
    /* Where the stack may hold no receiver, a bound method is made for us. */
    if (Py_IS_TYPE(a, &PyCFunction_Type) && (a = PyCFunction_GET_SELF(a)) == NULL)
        return;
    if (kcov_kind_of(a) < KCOV_KIND_TEXT)
        return;
    if (!PyTuple_CheckExact(b))
        observe(event, a, b);
    else if (event->probe->operation == KCOV_CMP_STARTSWITH ||
             event->probe->operation == KCOV_CMP_ENDSWITH)
        observe_items(event, a, ((PyTupleObject *)b)->ob_item, PyTuple_GET_SIZE(b));
}

/* `case {b[0]: _, b[1]: _}` of the subject a: recorded are the pattern's keys, each with each of
 * a's. */
static void
observe_match(const struct event *event, PyObject *a, PyObject *b)
{
    if (!PyTuple_CheckExact(b) || PyTuple_GET_SIZE(b) > MEMBERS_MAX)
        return;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(b); i++)
        observe_keys(event, PyTuple_GET_ITEM(b, i), a);
}

static void
observe_operation(const struct event *event, PyObject *a, PyObject *b)
{
    switch (event->probe->operation) {
    case KCOV_CMP_IN:
    case KCOV_CMP_NOT_IN:
        observe_in(event, a, b);
        break;
    case KCOV_CMP_SUBSCRIPT:
        observe_keys(event, b, a);
        break;
    case KCOV_CMP_MATCH:
        observe_match(event, a, b);
        break;
    default:
        observe_call(event, a, b);
    }
}

/* Apart from probe_assign(), which has nothing to save on the stack while nothing traces. */
static __attribute__((noinline)) void
observe_traced(const struct compare_probe *probe, struct kcov_trace *trace, int mode, PyObject *a,
               PyObject *b)
{
    struct event event = {.trace = trace, .probe = probe, .bytes = (mode & KCOV_CMP_BYTES) != 0};

    if (kcov_halted())
        return;
    if (probe->operation <= KCOV_CMP_GE)
        observe(&event, a, b);
    else
        observe_operation(&event, a, b);
}

/* `probe[b] = a`, or `del probe[b]`, which no code of ours does. */
static int
probe_assign(PyObject *self, PyObject *b, PyObject *a)
{
    struct kcov_trace *trace = kcov_attached_trace();
    int mode = kcov_trace_mode(trace);

    if (mode & KCOV_MODE_TRACE_CMP && a != NULL)
        observe_traced((struct compare_probe *)self, trace, mode, a, b);
    return 0;
}

static PyObject *
probe_repr(PyObject *self)
{
    struct compare_probe *probe = (struct compare_probe *)self;
    char pc[2 + 16 + 1];

    PyOS_snprintf(pc, sizeof(pc), "0x%016llx", (unsigned long long)probe->pc);
    return PyUnicode_FromFormat("<pykcov.CompareProbe operation=%u pc=%s>", probe->operation, pc);
}

/* As that of a Probe. */
static PyObject *
probe_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct compare_probe *probe = (struct compare_probe *)self;
    PyObject *locations = PyImport_ImportModule("pykcov.locations");
    PyObject *maker;

    if (locations == NULL)
        return NULL;
    maker = PyObject_GetAttrString(locations, "compare_probe");
    Py_DECREF(locations);
    if (maker == NULL)
        return NULL;
    return Py_BuildValue("N(KII)", maker, (unsigned long long)probe->pc, probe->operation,
                         probe->constant);
}

static void
probe_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMemberDef probe_members[] = {
    {"pc", T_ULONGLONG, offsetof(struct compare_probe, pc), READONLY,
     "The 64-bit name of the place."},
    {"operation", T_UINT, offsetof(struct compare_probe, operation), READONLY,
     "KCOV_CMP_EQ, ... of kcov.h; also the index into records.OPERATIONS."},
    {"const", T_UINT, offsetof(struct compare_probe, constant), READONLY,
     "Which operand is a constant of the code: 1 the left, 2 the right, 0 none."},
    {0},
};

static PyMethodDef probe_methods[] = {
    {"__reduce__", probe_reduce, METH_NOARGS, NULL},
    {0},
};

static PyType_Slot probe_slots[] = {
    {Py_mp_ass_subscript, probe_assign},
    {Py_tp_repr, probe_repr},
    {Py_tp_dealloc, probe_dealloc},
    {Py_tp_members, probe_members},
    {Py_tp_methods, probe_methods},
    {Py_tp_doc, "A constant for bytecode: `probe[b] = a` records that a and b are compared. Only "
                "compare_probes() makes them."},
    {0},
};

static PyType_Spec probe_spec = {
    .name = "pykcov.CompareProbe",
    .basicsize = sizeof(struct compare_probe),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = probe_slots,
};

/* One of the tuples (pc, operation, const). */
static int
read_site(struct kcov_module *state, PyObject *site, struct compare_probe *probe)
{
    PyObject *pc;

    if (!PyTuple_Check(site)) {
        PyErr_Format(PyExc_TypeError, "a comparison is a tuple (pc, operation, const), not %.200s",
                     Py_TYPE(site)->tp_name);
        return -1;
    }
    if (!PyArg_ParseTuple(site, "OII:compare_probes", &pc, &probe->operation, &probe->constant) ||
        kcov_need_uint64(state, pc, "a pc", &probe->pc) < 0)
        return -1;
    if (probe->operation < KCOV_CMP_EQ || probe->operation > KCOV_CMP_MATCH) {
        kcov_raise(state, EINVAL, "an operation is %d to %d, not %u", KCOV_CMP_EQ, KCOV_CMP_MATCH,
                   probe->operation);
        return -1;
    }
    if (probe->constant > CONSTANT_RIGHT) {
        kcov_raise(state, EINVAL, "const is 0 (none), 1 (the left) or 2 (the right), not %u",
                   probe->constant);
        return -1;
    }
    return 0;
}

static PyObject *
compare_probes(PyObject *module, PyObject *argument)
{
    struct kcov_module *state = kcov_module_state(module);
    PyObject *sites = PySequence_Tuple(argument);
    PyObject *list;

    if (sites == NULL)
        return NULL;
    list = PyList_New(PyTuple_GET_SIZE(sites));
    for (Py_ssize_t i = 0; list != NULL && i < PyTuple_GET_SIZE(sites); i++) {
        struct compare_probe *probe = PyObject_New(struct compare_probe, state->compare_probe_type);

        if (probe != NULL)
            PyList_SET_ITEM(list, i, (PyObject *)probe);
        if (probe == NULL || read_site(state, PyTuple_GET_ITEM(sites, i), probe) < 0)
            Py_CLEAR(list);
    }
    Py_DECREF(sites);
    return list;
}

static PyMethodDef functions[] = {
    {"compare_probes", compare_probes, METH_O,
     "compare_probes($module, sites, /)\n"
     "--\n"
     "\n"
     "Make probes for comparisons, each a (pc, operation, const). EINVAL for an unknown operation "
     "or const."},
    {0},
};

int
kcov_compare_add(PyObject *module, struct kcov_module *state)
{
    state->compare_probe_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &probe_spec, NULL);
    if (state->compare_probe_type == NULL ||
        PyModule_AddType(module, state->compare_probe_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
