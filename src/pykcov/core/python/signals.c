/*
 * signals.c: whose work a signal handler does. Handlers run in the main thread. If that thread has
 * sent the signal itself, the handler is its own work; a signal of another thread, of another
 * process or of a timer barges in. What native code sends counts as such, too.
 *
 * Handlers are wrapped where they are set, in signal.signal(), and unwrapped where they are asked
 * for. The functions that send signals note what the main thread sends to its own process.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "critical.h"
#include "intercept.h"
#include "interrupts.h"
#include "thread.h"

struct handler {
    PyObject_HEAD PyObject *function; /* [I] */
    vectorcallfunc call;
};

static PyTypeObject *handler_type; /* [I] */

/*
 * By signal: whom the main thread worked for when it sent the signal to itself, until that is
 * handled. 0: it did not.
 */
static uint64_t sent[NSIG]; /* used by the main thread only */

static PyObject *set_handler(PyObject *module, PyObject *const *args, Py_ssize_t count);
static PyObject *get_handler(PyObject *module, PyObject *number);
static PyObject *raise_signal(PyObject *module, PyObject *number);
static PyObject *send_to_process(PyObject *module, PyObject *const *args, Py_ssize_t count);
static PyObject *send_to_group(PyObject *module, PyObject *const *args, Py_ssize_t count);
static PyObject *send_to_thread(PyObject *module, PyObject *const *args, Py_ssize_t count);
static PyObject *interrupt_main(PyObject *module, PyObject *args);

#define FUNCTION(function) ((PyCFunction)(void (*)(void))(function))

enum { SET, GET, RAISE, KILL, KILLPG, PTHREAD_KILL, INTERRUPT_MAIN };

static struct kcov_interception interceptions[] = {
    [SET] = {"_signal", "signal", METH_FASTCALL, FUNCTION(set_handler), NULL},
    [GET] = {"_signal", "getsignal", METH_O, FUNCTION(get_handler), NULL},
    [RAISE] = {"_signal", "raise_signal", METH_O, FUNCTION(raise_signal), NULL},
    [KILL] = {"posix", "kill", METH_FASTCALL, FUNCTION(send_to_process), NULL},
    [KILLPG] = {"posix", "killpg", METH_FASTCALL, FUNCTION(send_to_group), NULL},
    [PTHREAD_KILL] = {"_signal", "pthread_kill", METH_FASTCALL, FUNCTION(send_to_thread), NULL},
    [INTERRUPT_MAIN] = {"_thread", "interrupt_main", METH_VARARGS, FUNCTION(interrupt_main), NULL},
};

#define INTERCEPTIONS (sizeof(interceptions) / sizeof(interceptions[0]))

static PyObject *
call_fast(int which, PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    kcov_fast original = (kcov_fast)(void (*)(void))interceptions[which].original;

    return original(module, args, count);
}

static bool
is_main_thread(void)
{
    return syscall(SYS_gettid) == getpid();
}

static uint64_t
worked_for(void)
{
    kcov_follow_now();
    return kcov_thread_party() + 1;
}

/* Nothing of the program's runs: what is no integer is no number, and none is -1 then. */
static long
as_number(PyObject *object)
{
    long number = PyLong_Check(object) ? PyLong_AsLong(object) : -1;

    if (number == -1)
        PyErr_Clear();
    return number;
}

/* The number of a signal that the main thread is about to send to itself, else 0. */
static long
note(PyObject *object)
{
    long number = as_number(object);

    if (number <= 0 || number >= NSIG || atomic_load(&kcov_signal_group) == NULL ||
        !is_main_thread())
        return 0;
    sent[number] = worked_for();
    return number;
}

/* If it was not sent. */
static PyObject *
forget_on_error(PyObject *result, long number)
{
    if (result == NULL && number > 0)
        sent[number] = 0;
    return result;
}

static PyObject *
raise_signal(PyObject *module, PyObject *number)
{
    long noted = note(number);

    return forget_on_error(interceptions[RAISE].original(module, number), noted);
}

static PyObject *
send_to_process(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    long process = count == 2 ? as_number(args[0]) : 1, noted = 0;

    if (process == getpid() || process == 0 || process == -getpgrp())
        noted = note(args[1]);
    return forget_on_error(call_fast(KILL, module, args, count), noted);
}

static PyObject *
send_to_group(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    long group = count == 2 ? as_number(args[0]) : -1, noted = 0;

    if (group == 0 || group == getpgrp())
        noted = note(args[1]);
    return forget_on_error(call_fast(KILLPG, module, args, count), noted);
}

static PyObject *
send_to_thread(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    long noted = 0;

    if (count == 2 && PyLong_Check(args[0]) &&
        PyLong_AsUnsignedLongMask(args[0]) == PyThread_get_thread_ident())
        noted = note(args[1]);
    return forget_on_error(call_fast(PTHREAD_KILL, module, args, count), noted);
}

static PyObject *
interrupt_main(PyObject *module, PyObject *args)
{
    PyObject *number =
        PyTuple_GET_SIZE(args) > 0 ? Py_NewRef(PyTuple_GET_ITEM(args, 0)) : PyLong_FromLong(SIGINT);
    long noted;

    if (number == NULL)
        return NULL;
    noted = note(number);
    Py_DECREF(number);
    return forget_on_error(interceptions[INTERRUPT_MAIN].original(module, args), noted);
}

/* Whether the signal that is handled now was sent by the main thread while it worked for the same.
 */
static bool
is_own(long number)
{
    uint64_t mark;

    if (number <= 0 || number >= NSIG)
        return false;
    mark = sent[number];
    sent[number] = 0;
    return mark != 0 && mark == worked_for();
}

static PyObject *
call_for(PyObject *group, PyObject *self, PyObject *const *args, size_t count, PyObject *names)
{
    PyObject *token = kcov_group_enter(group), *result;
    struct kcov_barging barging;

    if (token == NULL)
        return NULL;
    kcov_barge_in(&barging, group);
    result = PyObject_Vectorcall(((struct handler *)self)->function, args, count, names);
    kcov_group_leave(token);
    kcov_barge_out(&barging);
    return result;
}

static PyObject *
handler_call(PyObject *self, PyObject *const *args, size_t count, PyObject *names)
{
    PyObject *group = atomic_load(&kcov_signal_group), *result;
    long number = PyVectorcall_NARGS(count) > 0 ? as_number(args[0]) : 0;
    bool own = is_own(number);

    Py_INCREF(self); /* a handler may set another one in its place */
    if (own || group == NULL)
        result = PyObject_Vectorcall(((struct handler *)self)->function, args, count, names);
    else
        result = call_for(group, self, args, count, names);
    Py_DECREF(self);
    return result;
}

/* Gives a new reference to what stands for a handler. Those in C, and SIG_DFL, need nothing. */
static PyObject *
wrap(PyObject *function)
{
    struct handler *made;

    if (!PyCallable_Check(function) || PyCFunction_Check(function) ||
        Py_TYPE(function) == handler_type)
        return Py_NewRef(function);
    if ((made = PyObject_GC_New(struct handler, handler_type)) == NULL)
        return NULL;
    made->function = Py_NewRef(function);
    made->call = handler_call;
    PyObject_GC_Track(made);
    return (PyObject *)made;
}

/* Steals the reference, which may be NULL. */
static PyObject *
unwrap(PyObject *object)
{
    PyObject *function;

    if (object == NULL || Py_TYPE(object) != handler_type)
        return object;
    function = Py_NewRef(((struct handler *)object)->function);
    Py_DECREF(object);
    return function;
}

static PyObject *
set_handler(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    PyObject *wrapped[2], *result;

    if (count != 2)
        return call_fast(SET, module, args, count);
    wrapped[0] = args[0];
    if ((wrapped[1] = wrap(args[1])) == NULL)
        return NULL;
    result = call_fast(SET, module, wrapped, count);
    Py_DECREF(wrapped[1]);
    return unwrap(result);
}

static PyObject *
get_handler(PyObject *module, PyObject *number)
{
    return unwrap(interceptions[GET].original(module, number));
}

/* Set a handler again that is there already, and leave what the kernel knows of it as it is. */
static int
set_again(PyObject *module, long number)
{
    PyObject *args[2] = {PyLong_FromLong(number), NULL}, *before, *result = NULL;
    struct sigaction action;

    before = args[0] != NULL ? interceptions[GET].original(module, args[0]) : NULL;
    args[1] = before != NULL ? wrap(before) : NULL;
    if (args[1] != NULL && (args[1] == before || sigaction((int)number, NULL, &action) < 0)) {
        result = Py_NewRef(Py_None);
    } else if (args[1] != NULL) {
        result = call_fast(SET, module, args, 2);
        sigaction((int)number, &action, NULL);
    }
    Py_XDECREF(args[0]);
    Py_XDECREF(args[1]);
    Py_XDECREF(before);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

static PyObject *
wrap_handlers(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    static bool done;
    PyObject *module;
    int error = 0;

    if (done || !is_main_thread())
        Py_RETURN_NONE;
    if ((module = PyImport_ImportModule("_signal")) == NULL)
        return NULL;
    for (int number = 1; error == 0 && number < NSIG; number++)
        error = set_again(module, number);
    Py_DECREF(module);
    if (error < 0)
        return NULL;
    done = true;
    Py_RETURN_NONE;
}

static PyObject *
intercept_signals(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    for (size_t i = 0; i < INTERCEPTIONS; i++) {
        if (kcov_intercept(&interceptions[i]) < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

static int
handler_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct handler *)self)->function);
    return 0;
}

static void
handler_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_DECREF(((struct handler *)self)->function);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMemberDef handler_members[] = {
    {"__wrapped__", T_OBJECT_EX, offsetof(struct handler, function), READONLY, NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct handler, call), READONLY, NULL},
    {0},
};

static PyType_Slot handler_slots[] = {
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_traverse, handler_traverse},
    {Py_tp_dealloc, handler_dealloc},
    {Py_tp_members, handler_members},
    {0},
};

static PyType_Spec handler_spec = {
    .name = "pykcov.SignalHandler",
    .basicsize = sizeof(struct handler),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = handler_slots,
};

static PyMethodDef functions[] = {
    {"intercept_signals", intercept_signals, METH_NOARGS,
     "intercept_signals($module, /)\n"
     "--\n"
     "\n"
     "From now on handlers are wrapped as they are set, and signals noted as they are sent. "
     "ValueError: a function is\n"
     "not the one that it was."},
    {"wrap_handlers", wrap_handlers, METH_NOARGS,
     "wrap_handlers($module, /)\n"
     "--\n"
     "\n"
     "Wrap the handlers that are set already, after intercept_signals(). In the main thread only, "
     "and once."},
    {0},
};

int
kcov_signals_add(PyObject *module, struct kcov_module *state)
{
    state->handler_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &handler_spec, NULL);
    handler_type = state->handler_type;
    if (handler_type == NULL)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
