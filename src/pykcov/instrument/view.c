/*
 * view.c: who asks for the bytecode of which code, and what there is to be seen of it.
 */
#include "view.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "critical.h"

#if PY_VERSION_HEX >= 0x030C0000
#define GET_EXTRA PyUnstable_Code_GetExtra
#define SET_EXTRA PyUnstable_Code_SetExtra
#define REQUEST_EXTRA PyUnstable_Eval_RequestCodeExtraIndex
#else
#define GET_EXTRA _PyCode_GetExtra
#define SET_EXTRA _PyCode_SetExtra
#define REQUEST_EXTRA _PyEval_RequestCodeExtraIndex
#endif

/* Who makes code with probes: pykcov, or each of several if it was imported again. */
struct maker {
    PyTypeObject *types[2]; /* of the last constant of such code */
    PyObject *find;         /* find(code): its view, None if there is none */
    PyObject *told;         /* told(code): its bytecode is being read */
};

/* All that follows is written by view_add_maker(), which one thread calls at a time (the import
 * lock, or the GIL), and stays. Released and acquired is the count: those below it are there. */
#define MAKERS_MAX 8
static struct maker makers[MAKERS_MAX];
static atomic_int makers_count;
static Py_ssize_t extra_index = -1; /* of code objects: their view or None, a reference */

_Thread_local int view_finding;

static struct maker *
maker_of(PyObject *code)
{
    PyObject *constants = ((PyCodeObject *)code)->co_consts;
    Py_ssize_t size = PyTuple_GET_SIZE(constants);

    if (size == 0)
        return NULL;
    PyTypeObject *type = Py_TYPE(PyTuple_GET_ITEM(constants, size - 1));
    int count = atomic_load_explicit(&makers_count, memory_order_acquire);
    for (int i = 0; i < count; i++) {
        if (type == makers[i].types[0] || type == makers[i].types[1])
            return &makers[i];
    }
    return NULL;
}

/* Some are given offsets in what runs, and must find these in what they read: callbacks of
 * sys.monitoring, and trace functions in C, which take them from the structure, as coverage.py's
 * does. A thread that runs a callback traces and has no trace function; a trace function in C has
 * no frame, so the current one is that which it traces. */
static int
is_asked_by_tracer(PyObject *code)
{
    PyThreadState *thread = PyThreadState_Get();

    if (thread->tracing == 0)
        return 0;
    if (thread->c_tracefunc == NULL && thread->c_profilefunc == NULL)
        return 1;
    PyFrameObject *frame = PyEval_GetFrame();
    if (frame == NULL)
        return 0;
    PyCodeObject *running = PyFrame_GetCode(frame);
    Py_DECREF(running);
    return (PyObject *)running == code;
}

/* Who makes a copy of a function elsewhere takes all of its code: the copy has the probes, too. Not
 * numba, whose copies are for compiling them. */
static const struct {
    const char *module; /* the last part of its name: others bring copies of cloudpickle along */
    const char *function;
} copiers[] = {{"cloudpickle", "_code_reduce"}, {"_dill", "save_code"}};

/* The name of the function that copies, in the module of this name; NULL: there is none, or the
 * name is NULL. */
static const char *
copier_in(const char *module)
{
    if (module == NULL || strncmp(module, "numba.", strlen("numba.")) == 0)
        return NULL;
    const char *dot = strrchr(module, '.');
    for (size_t i = 0; i < sizeof copiers / sizeof copiers[0]; i++) {
        if (strcmp(dot != NULL ? dot + 1 : module, copiers[i].module) == 0)
            return copiers[i].function;
    }
    return NULL;
}

static int
is_asked_by_copier(void)
{
    PyObject *globals = PyEval_GetGlobals();
    PyObject *name =
        globals != NULL && PyDict_CheckExact(globals) ? kcov_dict_item(globals, "__name__") : NULL;
    const char *function =
        name != NULL && PyUnicode_CheckExact(name) ? copier_in(PyUnicode_AsUTF8(name)) : NULL;

    PyErr_Clear();
    Py_XDECREF(name);
    if (function == NULL)
        return 0;
    PyCodeObject *running = PyFrame_GetCode(PyEval_GetFrame());
    int copies = PyUnicode_CompareWithASCIIString(running->co_name, function) == 0;
    Py_DECREF(running);
    return copies;
}

/* What Python code of ours returns, unseen by tracers. */
static PyObject *
ask(PyObject *function, PyObject *code)
{
    PyThreadState *thread = PyThreadState_Get();

    view_finding++;
    PyThreadState_EnterTracing(thread);
    PyObject *answer = PyObject_CallOneArg(function, code);
    PyThreadState_LeaveTracing(thread);
    view_finding--;
    return answer;
}

/* Errors of ours stay ours; KeyboardInterrupt and the like are the program's. */
static int
forget_error(void)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyErr_Clear();
    return 0;
}

/* Give a reference to what a code object has, which is `found` from now on if it had nothing; NULL
 * if there is nothing at all. Takes over the reference to `found`. */
static int
kept_view(PyObject *code, PyObject *found, PyObject **view)
{
    void *kept = NULL;
    int status;

    KCOV_BEGIN_CRITICAL(code);
    status = GET_EXTRA(code, extra_index, &kept);
    if (status == 0 && kept == NULL && found != NULL) {
        status = SET_EXTRA(code, extra_index, found);
        kept = status == 0 ? Py_NewRef(found) : NULL;
    } else {
        Py_XINCREF((PyObject *)kept);
    }
    KCOV_END_CRITICAL();
    if (found != NULL && (status < 0 || kept != found))
        Py_DECREF(found);
    *view = kept;
    return status;
}

int
view_of(PyObject *code, PyObject **view)
{
    struct maker *maker = maker_of(code);

    *view = NULL;
    if (maker == NULL || view_finding || is_asked_by_tracer(code) || is_asked_by_copier())
        return 0;
    if (kept_view(code, NULL, view) < 0)
        return forget_error();
    if (*view == NULL) {
        PyObject *found = ask(maker->find, code);
        if (found == NULL || kept_view(code, found, view) < 0)
            return forget_error();
    }
    if (*view == Py_None)
        Py_CLEAR(*view);
    return 0;
}

static void
drop_extra(void *view)
{
    Py_XDECREF((PyObject *)view);
}

/* Offsets are in bytes, of instructions of 2. */

static const uint32_t *
units_of(PyObject *view, Py_ssize_t *count)
{
    *count = PyBytes_GET_SIZE(OFFSETS(view)) / (Py_ssize_t)sizeof(uint32_t);
    return (const uint32_t *)PyBytes_AS_STRING(OFFSETS(view));
}

long
view_shown_offset(PyObject *view, long offset)
{
    Py_ssize_t count;
    const uint32_t *units = units_of(view, &count);

    if (offset < 0 || count == 0)
        return offset;
    Py_ssize_t unit = offset / 2 < count ? offset / 2 : count - 1;
    return (long)units[unit] * 2;
}

/* The last unit that belongs to one of the original is itself, after what was put before it. */
long
view_true_offset(PyObject *view, long offset)
{
    Py_ssize_t count, low = 0;
    const uint32_t *units = units_of(view, &count);

    if (offset < 0 || count == 0)
        return offset;
    for (Py_ssize_t high = count; low < high;) {
        Py_ssize_t middle = low + (high - low) / 2;

        if (units[middle] <= (uint32_t)(offset / 2))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? (long)(low - 1) * 2 : 0;
}

int
view_set(PyObject *code, PyObject *view)
{
    Py_INCREF(view);
    if (SET_EXTRA(code, extra_index, view) == 0)
        return 0;
    Py_DECREF(view);
    return -1;
}

int
view_tell(PyObject *code)
{
    struct maker *maker = view_finding ? NULL : maker_of(code);

    if (maker == NULL)
        return 0;
    PyObject *answer = ask(maker->told, code);
    if (answer == NULL)
        return forget_error();
    Py_DECREF(answer);
    return 0;
}

int
view_add_maker(PyObject *find, PyObject *told, PyObject *type, PyObject *other)
{
    int count = atomic_load_explicit(&makers_count, memory_order_relaxed);

    if (count == MAKERS_MAX)
        return 0;
    if (extra_index < 0) {
        extra_index = REQUEST_EXTRA(drop_extra);
        if (extra_index < 0) {
            PyErr_SetString(PyExc_RuntimeError, "no place is left in code objects");
            return -1;
        }
        if (view_put_all() < 0)
            return -1;
    }
    struct maker *maker = &makers[count];
    maker->types[0] = (PyTypeObject *)Py_NewRef(type);
    maker->types[1] = (PyTypeObject *)Py_NewRef(other);
    maker->find = Py_NewRef(find);
    maker->told = Py_NewRef(told);
    atomic_store_explicit(&makers_count, count + 1, memory_order_release);
    return 0;
}
