/* exec() for the modules that run the code of other modules (importlib, runpy, pytest's assertion
 * rewriting): a Python function first says which code is to run instead.
 *
 * It is in C because a C function has no frame: tracebacks, sys._getframe(), warnings' stacklevel
 * and the default globals of exec() stay what they are without pykcov. Tracers, profilers and
 * monitoring do not see the Python function.
 *
 * And a context manager that calls interrupt_enter() and interrupt_leave() of the core. An
 * exception from a signal handler can come at any moment, from CPython 3.14 on also between
 * __enter__() and what the with statement guards; then the object goes away, and that is the end,
 * too.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "critical.h"
#include "functions_module.h"

/* exec() takes three positional arguments and one keyword. */
#define ARGUMENTS_MAX 4

/* [C] guarded by the critical section of the module, or the GIL; the others never change. */
typedef struct {
    PyObject *exec;
    PyObject *transform; /* [C] None: run the code as it is */
    PyObject *after;     /* [C] None: nothing is told */
    PyObject *interrupt_enter;
    PyObject *interrupt_leave;
} State;

typedef struct {
    PyObject_HEAD int entered; /* how often, and not left */
} Unrecorded;

/* Passes the result on. */
static PyObject *
tell_after(PyObject *module, PyObject *globals, PyObject *result)
{
    State *state = PyModule_GetState(module);
    PyObject *after = kcov_reference(module, &state->after), *answer = NULL;
    PyThreadState *thread = PyThreadState_Get();

    if (after != Py_None) {
        PyThreadState_EnterTracing(thread);
        answer = PyObject_CallOneArg(after, globals);
        PyThreadState_LeaveTracing(thread);
        if (answer == NULL)
            Py_CLEAR(result);
    }
    Py_XDECREF(answer);
    Py_DECREF(after);
    return result;
}

static PyObject *
call_exec(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    State *state = PyModule_GetState(module);
    Py_ssize_t count = nargs + (kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0);
    PyObject *transform = kcov_reference(module, &state->transform);
    if (nargs < 1 || count > ARGUMENTS_MAX || !PyCode_Check(args[0]) || transform == Py_None) {
        Py_DECREF(transform);
        return PyObject_Vectorcall(state->exec, args, (size_t)nargs, kwnames);
    }

    PyObject *globals = nargs > 1 ? args[1] : Py_None;
    PyThreadState *thread = PyThreadState_Get();
    PyThreadState_EnterTracing(thread);
    PyObject *code = PyObject_CallFunctionObjArgs(transform, args[0], globals, NULL);
    PyThreadState_LeaveTracing(thread);
    Py_DECREF(transform);
    if (code == NULL)
        return NULL;
    PyObject *replaced[ARGUMENTS_MAX] = {code};
    for (Py_ssize_t i = 1; i < count; i++)
        replaced[i] = args[i];
    PyObject *result = PyObject_Vectorcall(state->exec, replaced, (size_t)nargs, kwnames);
    Py_DECREF(code);
    return result != NULL ? tell_after(module, globals, result) : NULL;
}

static PyObject *
set_transform(PyObject *module, PyObject *transform)
{
    State *state = PyModule_GetState(module);
    kcov_replace(module, &state->transform, transform);
    Py_RETURN_NONE;
}

static PyObject *
set_after(PyObject *module, PyObject *after)
{
    State *state = PyModule_GetState(module);
    kcov_replace(module, &state->after, after);
    Py_RETURN_NONE;
}

static PyObject *
unrecorded_enter(PyObject *self, PyObject *Py_UNUSED(unused))
{
    State *state = PyType_GetModuleState(Py_TYPE(self));
    PyObject *result = PyObject_CallNoArgs(state->interrupt_enter);
    ((Unrecorded *)self)->entered += result != NULL;
    return result;
}

static PyObject *
unrecorded_exit(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs))
{
    State *state = PyType_GetModuleState(Py_TYPE(self));
    if (((Unrecorded *)self)->entered == 0)
        Py_RETURN_NONE;
    ((Unrecorded *)self)->entered--;
    return PyObject_CallNoArgs(state->interrupt_leave);
}

static void
unrecorded_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject *exception_type, *value, *traceback;
    PyErr_Fetch(&exception_type, &value, &traceback);
    while (((Unrecorded *)self)->entered > 0)
        Py_XDECREF(unrecorded_exit(self, NULL, 0));
    PyErr_Restore(exception_type, value, traceback);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef unrecorded_methods[] = {
    {"__enter__", unrecorded_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))unrecorded_exit, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot unrecorded_slots[] = {
    {Py_tp_methods, unrecorded_methods},
    {Py_tp_dealloc, unrecorded_dealloc},
    {Py_tp_doc, "While it is entered, the calling thread records nothing: what pykcov does is not "
                "what the program did."},
    {0, NULL},
};

static PyType_Spec unrecorded_spec = {
    .name = "pykcov._exec.Unrecorded",
    .basicsize = sizeof(Unrecorded),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = unrecorded_slots,
};

static PyObject *
import_from(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    if (module == NULL)
        return NULL;
    PyObject *found = PyObject_GetAttrString(module, name);
    Py_DECREF(module);
    return found;
}

static int
init(PyObject *module)
{
    State *state = PyModule_GetState(module);
    state->transform = Py_NewRef(Py_None);
    state->after = Py_NewRef(Py_None);
    state->exec = import_from("builtins", "exec");
    state->interrupt_enter = import_from("pykcov._core", "interrupt_enter");
    state->interrupt_leave = import_from("pykcov._core", "interrupt_leave");
    if (state->exec == NULL || state->interrupt_enter == NULL || state->interrupt_leave == NULL)
        return -1;
    return kcov_add_type(module, &unrecorded_spec);
}

static int
traverse(PyObject *module, visitproc visit, void *arg)
{
    State *state = PyModule_GetState(module);
    Py_VISIT(state->exec);
    Py_VISIT(state->transform);
    Py_VISIT(state->after);
    Py_VISIT(state->interrupt_enter);
    Py_VISIT(state->interrupt_leave);
    return 0;
}

static int
clear(PyObject *module)
{
    State *state = PyModule_GetState(module);
    Py_CLEAR(state->exec);
    Py_CLEAR(state->transform);
    Py_CLEAR(state->after);
    Py_CLEAR(state->interrupt_enter);
    Py_CLEAR(state->interrupt_leave);
    return 0;
}

static PyMethodDef methods[] = {
    {"exec", (PyCFunction)(void (*)(void))call_exec, METH_FASTCALL | METH_KEYWORDS,
     "Like the built-in exec(), but a code object is first replaced by transform(code, globals)."},
    {"set_after", set_after, METH_O,
     "Set the callable that is given the globals after code has run in them, or None."},
    {"set_transform", set_transform, METH_O,
     "Set the callable that replaces code objects, or None."},
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
    PyModuleDef_HEAD_INIT, .m_name = "pykcov._exec", .m_size = sizeof(State), .m_methods = methods,
    .m_slots = slots,      .m_traverse = traverse,   .m_clear = clear,
};

PyMODINIT_FUNC
PyInit__exec(void)
{
    return PyModuleDef_Init(&definition);
}
