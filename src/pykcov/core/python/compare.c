/*
 * compare.c: the constant in bytecode that observes a comparison or an access. Before the
 * instruction `a OP b` stands `probe[b] = a`, before an access to an object `del probe[object]`.
 * Both come to probe_assign(): it looks, and the instruction follows as it would have.
 */
#include "module.h"

#include <errno.h>
#include <stddef.h>

#include "access.h"
#include "observe.h"
#include "sampling.h"
#include "trace.h"

struct compare_probe {
    PyObject ob_base;
    struct kcov_comparison comparison;
    struct kcov_sampling sampling;
};

/* The trace of the calling thread, which may have to be attached to another one first. */
static inline struct kcov_trace *
attached_trace(int *mode)
{
    struct kcov_trace *trace = kcov_attached_trace();

    *mode = kcov_trace_mode(trace);
    if (__builtin_expect(*mode & KCOV_MODE_FOLLOW, 0)) {
        kcov_follow_context();
        trace = kcov_attached_trace();
        *mode = kcov_trace_mode(trace);
    }
    return trace;
}

/* `del probe[object]` */
static __attribute__((noinline)) int
access_object(struct compare_probe *probe, PyObject *object)
{
    int mode;
    struct kcov_trace *trace = attached_trace(&mode);

    if (mode & KCOV_ACCESSES)
        kcov_observe_access(trace, probe->comparison.pc, probe->comparison.operation,
                            &probe->ob_base, object);
    return 0;
}

/* `probe[b] = a`, or with NULL for `a`, `del probe[b]` */
static int
probe_assign(PyObject *self, PyObject *b, PyObject *a)
{
    struct compare_probe *probe = (struct compare_probe *)self;
    struct kcov_trace *trace;
    int mode;

    if (__builtin_expect(a == NULL, 0))
        return access_object(probe, b);
    trace = attached_trace(&mode);
    if (mode & KCOV_MODE_TRACE_CMP && kcov_sample(&probe->sampling, mode))
        kcov_observe(&probe->comparison, trace, mode, a, b);
    return 0;
}

static PyObject *
probe_repr(PyObject *self)
{
    struct compare_probe *probe = (struct compare_probe *)self;
    char pc[2 + 16 + 1];

    PyOS_snprintf(pc, sizeof(pc), "0x%016llx", (unsigned long long)probe->comparison.pc);
    return PyUnicode_FromFormat("<pykcov.CompareProbe operation=%u pc=%s>",
                                probe->comparison.operation, pc);
}

static PyObject *
probe_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct kcov_comparison *comparison = &((struct compare_probe *)self)->comparison;
    PyObject *maker = kcov_probe_maker("compare_probe");

    if (maker == NULL)
        return NULL;
    return Py_BuildValue("N(KII)", maker, (unsigned long long)comparison->pc, comparison->operation,
                         comparison->constant);
}

static PyMemberDef probe_members[] = {
    {"pc", T_ULONGLONG, offsetof(struct compare_probe, comparison.pc), READONLY,
     "The 64-bit name of the place."},
    {"operation", T_UINT, offsetof(struct compare_probe, comparison.operation), READONLY,
     "KCOV_CMP_EQ, ... of kcov.h, or one of an access; also the index into records.OPERATIONS."},
    {"const", T_UINT, offsetof(struct compare_probe, comparison.constant), READONLY,
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
    {Py_tp_dealloc, kcov_probe_dealloc},
    {Py_tp_members, probe_members},
    {Py_tp_methods, probe_methods},
    {Py_tp_doc, "A constant for bytecode: `probe[b] = a` records that a and b are compared, `del "
                "probe[b]` that b is accessed. Only compare_probes() makes them."},
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
    if (!PyArg_ParseTuple(site, "OII:compare_probes", &pc, &probe->comparison.operation,
                          &probe->comparison.constant) ||
        kcov_need_uint64(state, pc, "a pc", &probe->comparison.pc) < 0)
        return -1;
    if (probe->comparison.operation < KCOV_CMP_EQ ||
        probe->comparison.operation > KCOV_ACCESS_CHANGE) {
        kcov_raise(state, EINVAL, "an operation is %d to %d, not %u", KCOV_CMP_EQ,
                   KCOV_ACCESS_CHANGE, probe->comparison.operation);
        return -1;
    }
    if (probe->comparison.constant > KCOV_CONSTANT_RIGHT) {
        kcov_raise(state, EINVAL, "const is 0 (none), 1 (the left) or 2 (the right), not %u",
                   probe->comparison.constant);
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

        if (probe != NULL) {
            probe->sampling = (struct kcov_sampling){0};
            PyList_SET_ITEM(list, i, (PyObject *)probe);
        }
        if (probe == NULL || read_site(state, PyTuple_GET_ITEM(sites, i), probe) < 0)
            Py_CLEAR(list);
    }
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++)
        kcov_make_immortal(PyList_GET_ITEM(list, i));
    Py_DECREF(sites);
    return list;
}

static PyMethodDef functions[] = {
    {"compare_probes", compare_probes, METH_O,
     "compare_probes($module, sites, /)\n"
     "--\n"
     "\n"
     "Make probes for comparisons and accesses, each a (pc, operation, const). EINVAL for one of "
     "these unknown."},
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
