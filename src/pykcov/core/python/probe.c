/*
 * probe.c: the constant in probed bytecode. `LOAD_CONST probe; UNARY_INVERT; POP_TOP` comes to
 * probe_invert(): no call, no argument, no frame. On CPython 3.11 there is GET_AITER in the place
 * of UNARY_INVERT, which comes to probe_aiter().
 */
#include "module.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "ask_adopter.h"
#include "awake.h"
#include "lock.h"
#include "numbers.h"
#include "once.h"
#include "trace.h"

struct probe {
    PyObject_HEAD uint64_t pc;
    uint32_t number;
};

static PyTypeObject *probe_type; /* [L] NULL: its module is gone */

/* In a thread that may have to be attached to something else first. */
static __attribute__((noinline)) int
hit_in_moving_thread(struct probe *probe)
{
    struct kcov_trace *trace;
    int mode;

    kcov_follow_context();
    trace = kcov_attached_trace();
    mode = kcov_probe_mode(trace);
    if (__builtin_expect(mode & KCOV_MODE_ADOPT, 0)) {
        if (kcov_adopter_ask() < 0)
            return -1;
        trace = kcov_attached_trace();
        mode = kcov_probe_mode(trace);
    }
    kcov_record_probe(trace, mode & ~KCOV_MODE_FOLLOW, probe->pc, probe->number);
    return 0;
}

/* -1: an exception, which is not the probe's. */
static inline __attribute__((always_inline)) int
hit(struct probe *probe)
{
    struct kcov_trace *trace = kcov_attached_trace();
    int mode = kcov_probe_mode(trace);

    if (mode != KCOV_MODE_NONE) {
        if (__builtin_expect(mode & (KCOV_MODE_ADOPT | KCOV_MODE_FOLLOW), 0))
            return hit_in_moving_thread(probe);
        kcov_record_probe(trace, mode, probe->pc, probe->number);
    }
    return 0;
}

static PyObject *
probe_invert(PyObject *self)
{
    return hit((struct probe *)self) == 0 ? Py_NewRef(Py_None) : NULL;
}

/* The interpreter wants something that has am_anext; it drops it at once. */
static PyObject *
probe_aiter(PyObject *self)
{
    return hit((struct probe *)self) == 0 ? Py_NewRef(self) : NULL;
}

/* Both while nobody records: the look at its thread is a fifth of what a dormant probe costs. */
static PyObject *
dormant_invert(PyObject *Py_UNUSED(self))
{
    Py_RETURN_NONE;
}

static PyObject *
dormant_aiter(PyObject *self)
{
    return Py_NewRef(self);
}

/* While there is a log of what was hit once, whoever else records. */
static PyObject *
marking_invert(PyObject *self)
{
    struct probe *probe = (struct probe *)self;

    return kcov_once_hit(probe->pc, probe->number) == 0 ? probe_invert(self) : NULL;
}

static PyObject *
marking_aiter(PyObject *self)
{
    struct probe *probe = (struct probe *)self;

    return kcov_once_hit(probe->pc, probe->number) == 0 ? probe_aiter(self) : NULL;
}

static bool is_awake;   /* [L] */
static bool is_marking; /* [L] */

/* Under the lock. An event on its way into another function is too early, or too late. */
static void
choose_slots(void)
{
    _Atomic(unaryfunc) *invert, *aiter;

    if (probe_type == NULL)
        return;
    invert = (_Atomic(unaryfunc) *)&probe_type->tp_as_number->nb_invert;
    aiter = (_Atomic(unaryfunc) *)&probe_type->tp_as_async->am_aiter;
    atomic_store(invert, is_marking ? marking_invert : is_awake ? probe_invert : dormant_invert);
    atomic_store(aiter, is_marking ? marking_aiter : is_awake ? probe_aiter : dormant_aiter);
}

static void
set_awake(bool awake)
{
    is_awake = awake;
    choose_slots();
}

void
kcov_probe_mark(bool marks)
{
    is_marking = marks;
    choose_slots();
}

static PyObject *
probe_anext(PyObject *Py_UNUSED(self))
{
    return PyErr_Format(PyExc_TypeError, "a probe cannot be iterated over");
}

static PyObject *
probe_repr(PyObject *self)
{
    struct probe *probe = (struct probe *)self;
    char pc[2 + 16 + 1];

    PyOS_snprintf(pc, sizeof(pc), "0x%016llx", (unsigned long long)probe->pc);
    return PyUnicode_FromFormat("<pykcov.Probe %u pc=%s>", probe->number, pc);
}

/*
 * By its place, so that a copied or unpickled function has the same probe, or one that its process
 * knows how to make.
 */
PyObject *
kcov_probe_maker(const char *name)
{
    PyObject *locations = PyImport_ImportModule("pykcov.traces.locations");
    PyObject *maker = locations != NULL ? PyObject_GetAttrString(locations, name) : NULL;

    Py_XDECREF(locations);
    return maker;
}

static PyObject *
probe_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *maker = kcov_probe_maker("probe");

    if (maker == NULL)
        return NULL;
    return Py_BuildValue("N(K)", maker, (unsigned long long)((struct probe *)self)->pc);
}

void
kcov_probe_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMemberDef probe_members[] = {
    {"pc", T_ULONGLONG, offsetof(struct probe, pc), READONLY, "The 64-bit name of the place."},
    {"number", T_UINT, offsetof(struct probe, number), READONLY, "Dense, from 0, never reused."},
    {0},
};

static PyMethodDef probe_methods[] = {
    {"__reduce__", probe_reduce, METH_NOARGS, NULL},
    {0},
};

static PyType_Slot probe_slots[] = {
    {Py_nb_invert, probe_invert},
    {Py_am_aiter, probe_aiter},
    {Py_am_anext, probe_anext},
    {Py_tp_repr, probe_repr},
    {Py_tp_dealloc, kcov_probe_dealloc},
    {Py_tp_members, probe_members},
    {Py_tp_methods, probe_methods},
    {Py_tp_doc, "A constant for bytecode: `~probe` records that its place was reached. Only "
                "probes() makes them."},
    {0},
};

static PyType_Spec probe_spec = {
    .name = "pykcov.Probe",
    .basicsize = sizeof(struct probe),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = probe_slots,
};

static int
check_room(Py_ssize_t count, unsigned first)
{
    if ((size_t)count <= KCOV_PROBES_MAX - first)
        return 0;
    PyErr_Format(PyExc_OverflowError,
                 "%zd more probes would be more than the %u that a process can have", count,
                 KCOV_PROBES_MAX);
    return -1;
}

/* The pcs that probes are to be made for: of an array of 64-bit numbers, or of any sequence. */
struct pcs {
    Py_buffer view;  /* of an array; else its obj is NULL */
    PyObject *tuple; /* of another sequence; else NULL */
    Py_ssize_t count;
};

static int
pcs_read(PyObject *sequence, struct pcs *pcs)
{
    *pcs = (struct pcs){0};
    if (PyObject_CheckBuffer(sequence) &&
        PyObject_GetBuffer(sequence, &pcs->view, PyBUF_ND | PyBUF_FORMAT) == 0) {
        if (pcs->view.ndim == 1 && pcs->view.itemsize == 8 && strcmp(pcs->view.format, "Q") == 0) {
            pcs->count = pcs->view.len / 8;
            return 0;
        }
        PyBuffer_Release(&pcs->view);
    }
    PyErr_Clear();
    pcs->tuple = PySequence_Tuple(sequence);
    if (pcs->tuple == NULL)
        return -1;
    pcs->count = PyTuple_GET_SIZE(pcs->tuple);
    return 0;
}

static void
pcs_release(struct pcs *pcs)
{
    if (pcs->tuple == NULL)
        PyBuffer_Release(&pcs->view);
    Py_XDECREF(pcs->tuple);
}

static int
pcs_get(struct kcov_module *state, const struct pcs *pcs, Py_ssize_t i, uint64_t *pc)
{
    if (pcs->tuple != NULL)
        return kcov_need_uint64(state, PyTuple_GET_ITEM(pcs->tuple, i), "a pc", pc);
    memcpy(pc, (char *)pcs->view.buf + i * 8, 8);
    return 0;
}

/* Without numbers yet: none is used up if one cannot be made. */
static PyObject *
make_probes(struct kcov_module *state, const struct pcs *pcs)
{
    PyObject *list = PyList_New(pcs->count);

    for (Py_ssize_t i = 0; list != NULL && i < pcs->count; i++) {
        struct probe *probe = PyObject_New(struct probe, state->probe_type);

        if (probe != NULL)
            PyList_SET_ITEM(list, i, (PyObject *)probe);
        if (probe == NULL || pcs_get(state, pcs, i, &probe->pc) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *
probes(PyObject *module, PyObject *sequence)
{
    struct pcs pcs;
    PyObject *list;
    Py_ssize_t count = PySequence_Size(sequence);
    unsigned first;

    if (count < 0 || check_room(count, kcov_numbers_total()) < 0 || pcs_read(sequence, &pcs) < 0)
        return NULL;
    list = make_probes(kcov_module_state(module), &pcs);
    pcs_release(&pcs);
    if (list == NULL)
        return NULL;
    count = PyList_GET_SIZE(list);
    if (!kcov_numbers_take((size_t)count, &first)) {
        check_room(count, kcov_numbers_total());
        Py_DECREF(list);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        ((struct probe *)PyList_GET_ITEM(list, i))->number = (uint32_t)(first + i);
        kcov_make_immortal(PyList_GET_ITEM(list, i));
    }
    return list;
}

static PyObject *
probe_count(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromUnsignedLong(kcov_numbers_total());
}

static PyObject *
probes_awake(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    bool awake;

    kcov_lock();
    awake = is_awake;
    kcov_unlock();
    return PyBool_FromLong(awake);
}

void
kcov_probe_clear(void)
{
    kcov_once_clear();
    kcov_awake_listen(NULL);
    kcov_lock();
    probe_type = NULL;
    kcov_unlock();
    kcov_adopter_clear();
}

static PyMethodDef functions[] = {
    {"probes", probes, METH_O,
     "probes($module, pcs, /)\n"
     "--\n"
     "\n"
     "Make probes for `pcs`, numbered consecutively. No more than PROBES_MAX in a process "
     "(OverflowError)."},
    {"probe_count", probe_count, METH_NOARGS,
     "probe_count($module, /)\n"
     "--\n"
     "\n"
     "How many numbers were given so far: to probes, and to addresses that were counted."},
    {"probes_awake", probes_awake, METH_NOARGS,
     "probes_awake($module, /)\n"
     "--\n"
     "\n"
     "Whether a device records, or an adopter is set: every hit may matter to somebody."},
    {0},
};

int
kcov_probe_add(PyObject *module, struct kcov_module *state)
{
    state->probe_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &probe_spec, NULL);
    if (state->probe_type == NULL || PyModule_AddType(module, state->probe_type) < 0)
        return -1;
    kcov_lock();
    probe_type = state->probe_type;
    kcov_unlock();
    kcov_awake_listen(set_awake);
    return PyModule_AddFunctions(module, functions) < 0 || kcov_adopter_add(module) < 0
               ? -1
               : kcov_once_add(module);
}
