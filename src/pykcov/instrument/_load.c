/* What importing probed code from the cache needs.
 *
 * compile_bytecode() stands in the place of importlib's function of that name, which makes a code
 * object of what a .pyc file holds: a Python function is asked first. It is in C for the reasons
 * that _exec.c gives.
 *
 * bind() puts probes into the constants of a code object that marshal has just made and that nobody
 * else has seen: code objects are immutable from Python, and to copy each of them with replace()
 * takes longer than to unmarshal it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

#include "critical.h"

/* [C] guarded by the critical section of the module, or the GIL. */
typedef struct {
    PyObject *find;     /* [C] None: nobody is asked */
    PyObject *original; /* [C] importlib's own */
} State;

static PyObject *
compile_bytecode(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    State *state = PyModule_GetState(module);
    PyObject *find = kcov_reference(module, &state->find);
    PyObject *original = kcov_reference(module, &state->original);
    PyObject *result = Py_NewRef(Py_None);

    if (find != Py_None) {
        PyThreadState *thread = PyThreadState_Get();

        PyThreadState_EnterTracing(thread);
        Py_SETREF(result, PyObject_Vectorcall(find, args, (size_t)nargs, kwnames));
        PyThreadState_LeaveTracing(thread);
    }
    Py_DECREF(find);
    if (result == Py_None)
        Py_SETREF(result, PyObject_Vectorcall(original, args, (size_t)nargs, kwnames));
    Py_DECREF(original);
    return result;
}

static PyObject *
set_find(PyObject *module, PyObject *args)
{
    State *state = PyModule_GetState(module);
    PyObject *find, *original;

    if (!PyArg_ParseTuple(args, "OO:set_find", &find, &original))
        return NULL;
    kcov_replace(module, &state->original, original);
    kcov_replace(module, &state->find, find);
    Py_RETURN_NONE;
}

/* What is to be put into one code object. */
struct binding {
    uint32_t first;  /* index in co_consts */
    uint32_t number; /* how many probes */
    uint32_t start;  /* the first of them in the list of probes */
};

struct bindings {
    const struct binding *next;
    const struct binding *end;
    PyObject *probes; /* a list */
};

static int
refuse(void)
{
    PyErr_SetString(PyExc_ValueError, "the bindings do not fit the code");
    return -1;
}

/* Constants that somebody else has, too, are not this code's alone to change. */
static int
fits(const struct binding *binding, PyObject *constants, PyObject *probes)
{
    return Py_REFCNT(constants) == 1 &&
           (uint64_t)binding->first + binding->number == (uint64_t)PyTuple_GET_SIZE(constants) &&
           (uint64_t)binding->start + binding->number <= (uint64_t)PyList_GET_SIZE(probes);
}

/* The outer code comes before those nested in it, as when it is rewritten. */
static int
bind_code(PyObject *code, struct bindings *bindings)
{
    PyObject *constants = ((PyCodeObject *)code)->co_consts;
    const struct binding *binding = bindings->next++;

    if (binding >= bindings->end || !fits(binding, constants, bindings->probes))
        return refuse();
    for (uint32_t i = 0; i < binding->number; i++) {
        PyObject *probe = PyList_GET_ITEM(bindings->probes, binding->start + i);
        PyObject *place = PyTuple_GET_ITEM(constants, binding->first + i);

        if (place != Py_None)
            return refuse();
        PyTuple_SET_ITEM(constants, binding->first + i, Py_NewRef(probe));
        Py_DECREF(place);
    }
    for (uint32_t i = 0; i < binding->first; i++) {
        PyObject *constant = PyTuple_GET_ITEM(constants, i);

        if (!PyCode_Check(constant))
            continue;
        if (Py_EnterRecursiveCall(" while probes are put into code"))
            return -1;
        int result = bind_code(constant, bindings);
        Py_LeaveRecursiveCall();
        if (result < 0)
            return -1;
    }
    return 0;
}

static int
bind_codes(PyObject *codes, struct bindings *bindings)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(codes); i++) {
        PyObject *code = PyTuple_GET_ITEM(codes, i);

        if (code == Py_None)
            continue;
        if (!PyCode_Check(code))
            return refuse();
        if (bind_code(code, bindings) < 0)
            return -1;
    }
    return bindings->next == bindings->end ? 0 : refuse();
}

static PyObject *
bind(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *codes;
    struct bindings bindings;
    Py_buffer view;
    int result;

    if (!PyArg_ParseTuple(args, "O!O!y*:bind", &PyTuple_Type, &codes, &PyList_Type,
                          &bindings.probes, &view))
        return NULL;
    bindings.next = view.buf;
    bindings.end = bindings.next + view.len / (Py_ssize_t)sizeof(struct binding);
    result = (uintptr_t)view.buf % _Alignof(struct binding) != 0 ? refuse()
                                                                 : bind_codes(codes, &bindings);
    PyBuffer_Release(&view);
    if (result < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int
init(PyObject *module)
{
    State *state = PyModule_GetState(module);
    state->find = Py_NewRef(Py_None);
    state->original = Py_NewRef(Py_None);
    return 0;
}

static int
traverse(PyObject *module, visitproc visit, void *arg)
{
    State *state = PyModule_GetState(module);
    Py_VISIT(state->find);
    Py_VISIT(state->original);
    return 0;
}

static int
clear(PyObject *module)
{
    State *state = PyModule_GetState(module);
    Py_CLEAR(state->find);
    Py_CLEAR(state->original);
    return 0;
}

static PyMethodDef methods[] = {
    {"compile_bytecode", (PyCFunction)(void (*)(void))compile_bytecode,
     METH_FASTCALL | METH_KEYWORDS,
     "find() with these arguments or, if that gives None, importlib's function."},
    {"set_find", set_find, METH_VARARGS, "Set what is asked first, or None, and importlib's own."},
    {"bind", bind, METH_VARARGS,
     "Put probes in the places of the None at the end of each tuple of constants. The code in the "
     "tuple must be new: nobody else may have a reference to it. ValueError: it is not what it "
     "should be, and is not to be used."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, init},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "pykcov._load", .m_size = sizeof(State), .m_methods = methods,
    .m_slots = slots,      .m_traverse = traverse,   .m_clear = clear,
};

PyMODINIT_FUNC
PyInit__load(void)
{
    return PyModuleDef_Init(&definition);
}
