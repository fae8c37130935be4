/*
 * observe.c: see observe.h.
 */
#include "observe.h"

#include <string.h>

#include "critical.h"
#include "operands.h"

/* Members of a container that is not a constant of the code: more are not looked at. */
#define MEMBERS_MAX 32

/* What a record says besides the operands. */
struct event {
    struct kcov_trace *trace;
    const struct kcov_comparison *comparison;
    bool bytes;       /* under KCOV_CMP_BYTES */
    Py_ssize_t start; /* of what is searched, the left operand */
};

/* The operands in the order in which they are recorded: a constant comes first. */
static uint64_t
type_of_record(const struct event *event)
{
    uint64_t type = event->comparison->constant != KCOV_CONSTANT_NONE ? KCOV_CMP_CONST : 0;

    if (event->bytes) {
        type |= KCOV_CMP_OPERATION(event->comparison->operation);
        if (event->comparison->constant == KCOV_CONSTANT_RIGHT)
            type |= KCOV_CMP_SWAPPED;
    }
    return type;
}

static void
append(const struct event *event, unsigned size, uint64_t a, uint64_t b)
{
    uint64_t mask = UINT64_MAX >> (64 - (8u << size));

    kcov_append_cmp(event->trace, type_of_record(event) | KCOV_CMP_SIZE(size), a & mask, b & mask,
                    event->comparison->pc);
}

/* Of the smallest size that holds both. */
static inline void
append_integers(const struct event *event, int64_t x, int64_t y)
{
    /* The bits that differ from the sign. */
    uint64_t bits = (uint64_t)(x ^ (x >> 63)) | (uint64_t)(y ^ (y >> 63));
    unsigned size = bits < 0x80 ? 0 : bits < 0x8000 ? 1 : bits < 0x80000000 ? 2 : 3;

    append(event, size, (uint64_t)x, (uint64_t)y);
}

static __attribute__((noinline)) void
observe_large_integers(const struct event *event, PyObject *a, PyObject *b)
{
    struct kcov_operand first, second;
    int64_t x, y;
    bool fit = kcov_low_word(a, &x);

    fit = kcov_low_word(b, &y) && fit;
    if (fit) {
        append_integers(event, x, y);
    } else if (!event->bytes) {
        append(event, 3, (uint64_t)x, (uint64_t)y);
    } else {
        kcov_integer_operand(a, &first);
        kcov_integer_operand(b, &second);
        kcov_append_cmp_bytes(event->trace, type_of_record(event) | KCOV_CMP_INTEGER, &first,
                              &second, event->comparison->pc);
    }
}

static inline void
observe_integers(const struct event *event, PyObject *a, PyObject *b)
{
    int64_t x, y;

    if (kcov_small_integer(a, &x) && kcov_small_integer(b, &y))
        append_integers(event, x, y);
    else
        observe_large_integers(event, a, b);
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
                    bits[0], bits[1], event->comparison->pc);
}

static inline bool
is_swapped(const struct event *event)
{
    return event->comparison->constant == KCOV_CONSTANT_RIGHT;
}

static void
observe_texts(const struct event *event, PyObject *a, PyObject *b)
{
    struct kcov_operand first, second;

    kcov_text_operand(a, is_swapped(event) ? 0 : event->start, &first);
    kcov_text_operand(b, is_swapped(event) ? event->start : 0, &second);
    kcov_append_cmp_bytes(event->trace, type_of_record(event) | KCOV_CMP_TEXT, &first, &second,
                          event->comparison->pc);
}

static void
observe_bytes(const struct event *event, PyObject *a, PyObject *b)
{
    struct kcov_operand first, second;

    kcov_bytes_operand(a, is_swapped(event) ? 0 : event->start, &first);
    kcov_bytes_operand(b, is_swapped(event) ? event->start : 0, &second);
    kcov_append_cmp_bytes(event->trace, type_of_record(event), &first, &second,
                          event->comparison->pc);
}

/* Two operands of which not both are integers, in the order in which they are recorded. */
static __attribute__((noinline)) void
observe_others(const struct event *event, PyObject *a, PyObject *b)
{
    enum kcov_kind kind = kcov_kind_of(a), other = kcov_kind_of(b);

    if (kind == KCOV_KIND_OTHER || other == KCOV_KIND_OTHER)
        return;
    if (kind == KCOV_KIND_TEXT && other == KCOV_KIND_TEXT)
        observe_texts(event, a, b);
    else if (kind == KCOV_KIND_BYTES && other == KCOV_KIND_BYTES)
        observe_bytes(event, a, b);
    else if (kind <= KCOV_KIND_FLOAT && other <= KCOV_KIND_FLOAT)
        observe_floats(event, a, b);
}

/* `a` is on the left in the source. */
static inline void
observe(const struct event *event, PyObject *a, PyObject *b)
{
    PyObject *first = is_swapped(event) ? b : a, *second = is_swapped(event) ? a : b;

    if (kcov_is_integer(a) && kcov_is_integer(b))
        observe_integers(event, first, second);
    else if (event->bytes)
        observe_others(event, first, second);
}

/* Whether a comparison with an operand of the right kind would be recorded. */
static inline bool
is_recorded(const struct event *event, PyObject *operand)
{
    return event->bytes ? kcov_kind_of(operand) != KCOV_KIND_OTHER : kcov_is_integer(operand);
}

/* How many members may be looked at. */
static Py_ssize_t
limit(const struct event *event)
{
    return event->comparison->constant == KCOV_CONSTANT_RIGHT ? PY_SSIZE_T_MAX : MEMBERS_MAX;
}

static void
observe_items(const struct event *event, PyObject *a, PyObject **items, Py_ssize_t count)
{
    if (count > limit(event) || !is_recorded(event, a))
        return;
    for (Py_ssize_t i = 0; i < count; i++)
        observe(event, a, items[i]);
}

static void
observe_list(const struct event *event, PyObject *a, PyObject *list)
{
    KCOV_BEGIN_CRITICAL(list);
    observe_items(event, a, ((PyListObject *)list)->ob_item, PyList_GET_SIZE(list));
    KCOV_END_CRITICAL();
}

static void
observe_set(const struct event *event, PyObject *a, PyObject *set)
{
    const PySetObject *object = (PySetObject *)set;

    if (object->used > limit(event) || !is_recorded(event, a))
        return;
    KCOV_BEGIN_CRITICAL(set);
    /* No object's hash is -1: that is a place whose member was removed. */
    for (Py_ssize_t i = 0; i <= object->mask; i++)
        if (object->table[i].key != NULL && object->table[i].hash != -1)
            observe(event, a, object->table[i].key);
    KCOV_END_CRITICAL();
}

static void
observe_keys(const struct event *event, PyObject *a, PyObject *dict)
{
    Py_ssize_t position = 0;
    PyObject *key;

    if (!PyDict_CheckExact(dict) || PyDict_GET_SIZE(dict) > MEMBERS_MAX || !is_recorded(event, a))
        return;
    KCOV_BEGIN_CRITICAL(dict);
    while (PyDict_Next(dict, &position, &key, NULL))
        observe(event, a, key);
    KCOV_END_CRITICAL();
}

/* `a in b`: a search in text and bytes, else one record a member. */
static void
observe_in(const struct event *event, PyObject *a, PyObject *b)
{
    if (PyTuple_CheckExact(b))
        observe_items(event, a, ((PyTupleObject *)b)->ob_item, PyTuple_GET_SIZE(b));
    else if (PyList_CheckExact(b))
        observe_list(event, a, b);
    else if (PyAnySet_CheckExact(b))
        observe_set(event, a, b);
    else if (PyDict_CheckExact(b))
        observe_keys(event, a, b);
    else if (kcov_kind_of(b) >= KCOV_KIND_TEXT)
        observe(event, a, b);
}

static const char *const methods[] = {
    [KCOV_CMP_STARTSWITH] = "startswith",
    [KCOV_CMP_ENDSWITH] = "endswith",
    [KCOV_CMP_FIND] = "find",
    [KCOV_CMP_INDEX] = "index",
    [KCOV_CMP_COUNT] = "count",
    [KCOV_CMP_SPLIT] = "split",
    [KCOV_CMP_PARTITION] = "partition",
    [KCOV_CMP_REMOVEPREFIX] = "removeprefix",
    [KCOV_CMP_REMOVESUFFIX] = "removesuffix",
    [KCOV_CMP_GET] = "get",
};

/* Where a search starts; false if that cannot be told. */
static bool
start_of(PyObject *object, Py_ssize_t *start)
{
    int64_t value = 0;

    if (object != Py_None && (!kcov_is_integer(object) || !kcov_small_integer(object, &value)))
        return false;
    *start = (Py_ssize_t)value;
    return true;
}

/* `a.method(b)`. With a start, `a` is a slice of the object and that: there are no slices of these
 * methods' own. */
static void
observe_call(struct event *event, PyObject *a, PyObject *b)
{
    if (PySlice_Check(a)) {
        if (!start_of(((PySliceObject *)a)->stop, &event->start))
            return;
        a = ((PySliceObject *)a)->start;
    }
    /* A bound method: the program's, or made for us where the stack may hold no receiver. */
    if (Py_IS_TYPE(a, &PyCFunction_Type)) {
        const char *name = ((PyCFunctionObject *)a)->m_ml->ml_name;

        if (strcmp(name, methods[event->comparison->operation]) != 0 ||
            (a = PyCFunction_GET_SELF(a)) == NULL)
            return;
    }
    if (event->comparison->operation == KCOV_CMP_GET) {
        observe_keys(event, b, a);
        return;
    }
    /* Text and bytes have these methods, integers have not. */
    if (!event->bytes)
        return;
    if (kcov_kind_of(a) < KCOV_KIND_TEXT)
        return;
    if (!PyTuple_CheckExact(b))
        observe(event, a, b);
    else if (event->comparison->operation == KCOV_CMP_STARTSWITH ||
             event->comparison->operation == KCOV_CMP_ENDSWITH)
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
observe_operation(struct event *event, PyObject *a, PyObject *b)
{
    switch (event->comparison->operation) {
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

void
kcov_observe(const struct kcov_comparison *comparison, struct kcov_trace *trace, int mode,
             PyObject *a, PyObject *b)
{
    struct event event = {
        .trace = trace, .comparison = comparison, .bytes = (mode & KCOV_CMP_BYTES) != 0};

    if (kcov_halted())
        return;
    if (comparison->operation <= KCOV_CMP_GE)
        observe(&event, a, b);
    else
        observe_operation(&event, a, b);
}
