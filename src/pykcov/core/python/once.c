/*
 * once.c: see once.h.
 */
#include "once.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "append.h"
#include "lock.h"
#include "module.h"
#include "numbers.h"
#include "trace.h"
#include "unseen.h"

/* Of hits, until somebody looks for the first time: a look takes as long as some hundred thousand
 * of them. */
#define FIRST_COUNTDOWN 50000
/* After a look that failed, as it may where the stack is nearly used up. */
#define LATER 1000000

static struct kcov_once_log logs[KCOV_ONCE_LOGS];
static atomic_int logs_used;  /* [a] those behind were never open: a hit does not look there */
static _Atomic uint8_t *hits; /* [I] once made: by probe number, up to 255, that no log needed */
static _Atomic int64_t countdown;   /* [a] hits until exchange() is called */
static PyObject *exchange_callable; /* [L] NULL: none */
static PyObject *restore_callable;  /* [L] NULL: none */

static PyObject *
reference(PyObject **place)
{
    PyObject *callable;

    kcov_lock();
    callable = Py_XNewRef(*place);
    kcov_unlock();
    return callable;
}

static void
replace(PyObject **place, PyObject *callable)
{
    PyObject *before;

    kcov_lock();
    before = *place;
    *place = Py_XNewRef(callable);
    kcov_unlock();
    Py_XDECREF(before);
}

/* NULL with an exception; if there is none to be called, None. */
static PyObject *
call(PyObject **place)
{
    PyObject *callable = reference(place);
    PyObject *answer;

    if (callable == NULL)
        return Py_NewRef(Py_None);
    answer = kcov_call_unseen(callable, NULL);
    Py_DECREF(callable);
    return answer;
}

/* Its errors are not the program's; what is no Exception, such as a KeyboardInterrupt, is. */
static __attribute__((noinline)) int
ask_exchange(void)
{
    PyObject *answer;
    int64_t wait = LATER;

    atomic_store_explicit(&countdown, INT64_MAX, memory_order_relaxed); /* nobody else meanwhile */
    answer = call(&exchange_callable);
    if (answer != NULL && PyLong_Check(answer))
        wait = PyLong_AsLongLong(answer);
    Py_XDECREF(answer);
    atomic_store_explicit(&countdown, wait > 0 ? wait : LATER, memory_order_relaxed);
    if (!PyErr_Occurred())
        return 0;
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    if (PyErr_ExceptionMatches(PyExc_RecursionError) || PyErr_ExceptionMatches(PyExc_MemoryError))
        PyErr_Clear(); /* the program is at its limit: later */
    else
        PyErr_WriteUnraisable(NULL);
    return 0;
}

/* Whether there is an entry for it in this log now, or it needs none. */
static bool
is_logged(struct kcov_once_log *log, uint64_t pc, uint32_t number)
{
    _Atomic uint64_t *words = atomic_load_explicit(&log->words, memory_order_acquire);
    _Atomic uint8_t *seen;
    uint64_t index;

    if (words == NULL)
        return true;
    seen = atomic_load_explicit(&log->seen, memory_order_relaxed) + number;
    if (atomic_load_explicit(seen, memory_order_relaxed) != 0)
        return true;
    if (kcov_halted() || atomic_exchange_explicit(seen, 1, memory_order_relaxed) != 0)
        return false;
    index = atomic_load_explicit(&words[0], memory_order_relaxed);
    do {
        if (index >= atomic_load_explicit(&log->capacity, memory_order_relaxed)) {
            atomic_store_explicit(seen, 0, memory_order_relaxed); /* again when there is room */
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&words[0], &index, index + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    /* The pc last: an entry without one was not finished. */
    atomic_store_explicit(&words[2 + 2 * index], (uint64_t)time(NULL), memory_order_relaxed);
    atomic_store_explicit(&words[1 + 2 * index], pc, memory_order_release);
    return false;
}

int
kcov_once_hit(uint64_t pc, uint32_t number)
{
    int used = atomic_load_explicit(&logs_used, memory_order_acquire);
    bool logged = true;
    uint8_t count;

    for (int i = 0; i < used; i++)
        logged &= is_logged(&logs[i], pc, number);
    if (!logged)
        return 0;
    /* Without a bus lock: one more or less does not matter. */
    count = atomic_load_explicit(&hits[number], memory_order_relaxed);
    if (count != UINT8_MAX)
        atomic_store_explicit(&hits[number], (uint8_t)(count + 1), memory_order_relaxed);
    int64_t left = atomic_load_explicit(&countdown, memory_order_relaxed) - 1;
    atomic_store_explicit(&countdown, left, memory_order_relaxed);
    return left > 0 ? 0 : ask_exchange();
}

int
kcov_once_restore(void)
{
    PyObject *answer = call(&restore_callable);

    Py_XDECREF(answer);
    return answer != NULL ? 0 : -1;
}

/* Under the lock. Gives what was there before. */
static Py_buffer
show(struct kcov_once_log *log, const Py_buffer *view)
{
    Py_buffer before = log->view;

    log->view = *view;
    atomic_store(&log->capacity, 0);
    atomic_store_explicit(&log->words, (_Atomic uint64_t *)view->buf, memory_order_release);
    atomic_store(&log->capacity, ((size_t)view->len / 8 - 1) / 2);
    return before;
}

/* Without a GIL a hit may be on its way to it: it stays. */
static void
release(Py_buffer *view)
{
#ifndef Py_GIL_DISABLED
    if (view->obj != NULL)
        PyBuffer_Release(view);
#else
    (void)view;
#endif
}

static int
get_view(PyObject *object, Py_buffer *view)
{
    if (PyObject_GetBuffer(object, view, PyBUF_WRITABLE) < 0)
        return -1;
    if (view->len >= 24 && (uintptr_t)view->buf % 8 == 0)
        return 0;
    PyBuffer_Release(view);
    PyErr_Format(PyExc_ValueError, "a log takes 3 words of 8 bytes or more, aligned");
    return -1;
}

static bool
is_open(const struct kcov_once_log *log)
{
    return atomic_load(&log->words) != NULL;
}

static int
count_open(void)
{
    int count = 0;

    for (size_t i = 0; i < KCOV_ONCE_LOGS; i++)
        count += is_open(&logs[i]);
    return count;
}

/* Under the lock: the number of a new log. EBUSY, ENOMEM. */
static int
open_log(const Py_buffer *view, int *index)
{
    struct kcov_once_log *log = logs;

    while (log < logs + KCOV_ONCE_LOGS && is_open(log))
        log++;
    if (log == logs + KCOV_ONCE_LOGS)
        return EBUSY;
    /* Only what is touched becomes memory. */
    if (hits == NULL)
        hits = calloc(KCOV_PROBES_MAX, 1);
    if (log->seen == NULL)
        atomic_store(&log->seen, calloc(KCOV_PROBES_MAX, 1));
    else
        memset((void *)log->seen, 0, kcov_numbers_total());
    if (hits == NULL || log->seen == NULL)
        return ENOMEM;
    /* What is hit often now may have been unknown to no log before. */
    memset((void *)hits, 0, kcov_numbers_total());
    show(log, view);
    *index = (int)(log - logs);
    if (*index >= atomic_load(&logs_used))
        atomic_store(&logs_used, *index + 1);
    if (count_open() == 1)
        atomic_store(&countdown, FIRST_COUNTDOWN);
    kcov_probe_mark(true);
    return 0;
}

/* Under the lock: what the log was in, and needs no more. */
static Py_buffer
close_log(struct kcov_once_log *log)
{
    Py_buffer before = log->view;

    atomic_store(&log->words, NULL);
    log->view.obj = NULL;
    if (count_open() == 0)
        kcov_probe_mark(false);
    return before;
}

/* Under the lock; NULL: there is none. */
static struct kcov_once_log *
find_log(int index)
{
    return index >= 0 && index < KCOV_ONCE_LOGS && is_open(&logs[index]) ? &logs[index] : NULL;
}

static PyObject *
raise_not_open(int index)
{
    return PyErr_Format(PyExc_ValueError, "there is no open log %d", index);
}

static PyObject *
once_close(PyObject *Py_UNUSED(module), PyObject *number)
{
    int index = (int)PyLong_AsLong(number);
    struct kcov_once_log *log;
    Py_buffer before = {0};

    if (index == -1 && PyErr_Occurred())
        return NULL;
    kcov_lock();
    if ((log = find_log(index)) != NULL)
        before = close_log(log);
    kcov_unlock();
    if (log == NULL)
        return raise_not_open(index);
    release(&before);
    Py_RETURN_NONE;
}

/* The probes come back when the log is there: what vanishes from now on is known to it. */
static PyObject *
once_open(PyObject *module, PyObject *buffer)
{
    PyObject *number;
    Py_buffer view;
    int index, error;

    if (get_view(buffer, &view) < 0)
        return NULL;
    kcov_lock();
    error = open_log(&view, &index);
    kcov_unlock();
    if (error != 0) {
        PyBuffer_Release(&view);
        return error == ENOMEM ? PyErr_NoMemory()
                               : kcov_raise(kcov_module_state(module), error,
                                            "%d logs are open already: close one", KCOV_ONCE_LOGS);
    }
    number = PyLong_FromLong(index);
    if (number != NULL && kcov_once_restore() == 0)
        return number;
    kcov_lock();
    view = close_log(&logs[index]);
    kcov_unlock();
    release(&view);
    Py_XDECREF(number);
    return NULL;
}

static PyObject *
once_grow(PyObject *Py_UNUSED(module), PyObject *args)
{
    struct kcov_once_log *log;
    Py_buffer view, before;
    PyObject *buffer;
    int index;

    if (!PyArg_ParseTuple(args, "iO:once_grow", &index, &buffer) || get_view(buffer, &view) < 0)
        return NULL;
    kcov_lock();
    log = find_log(index);
    before = log != NULL ? show(log, &view) : view;
    kcov_unlock();
    if (log == NULL) {
        PyBuffer_Release(&view);
        return raise_not_open(index);
    }
    release(&before);
    Py_RETURN_NONE;
}

/* Whether all logs have it. */
static bool
is_known(size_t number)
{
    for (size_t i = 0; i < KCOV_ONCE_LOGS; i++)
        if (is_open(&logs[i]) &&
            atomic_load_explicit(&logs[i].seen[number], memory_order_relaxed) == 0)
            return false;
    return true;
}

/* A hit that was on its way when a log was opened may have been counted all the same. */
static PyObject *
once_hits(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    size_t total = hits != NULL ? kcov_numbers_total() : 0;

    for (size_t i = 0; i < total; i++)
        if (atomic_load_explicit(&hits[i], memory_order_relaxed) != 0 && !is_known(i))
            atomic_store_explicit(&hits[i], 0, memory_order_relaxed);
    return PyMemoryView_FromMemory((char *)hits, (Py_ssize_t)total, PyBUF_READ);
}

static PyObject *
set_once_callables(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *exchange, *restore;

    if (!PyArg_ParseTuple(args, "OO:set_once_callables", &exchange, &restore))
        return NULL;
    replace(&exchange_callable, exchange != Py_None ? exchange : NULL);
    replace(&restore_callable, restore != Py_None ? restore : NULL);
    Py_RETURN_NONE;
}

void
kcov_once_clear(void)
{
    kcov_lock();
    kcov_probe_mark(false);
    kcov_unlock();
    replace(&exchange_callable, NULL);
    replace(&restore_callable, NULL);
}

static PyMethodDef functions[] = {
    {"once_open", once_open, METH_O,
     "once_open($module, buffer, /)\n"
     "--\n"
     "\n"
     "Write into `buffer` the first hit of each probe in the process from now on, of whatever "
     "thread.\n"
     "\n"
     "Word 0 is the number of entries, each of them 2 words of 64 bits, the pc and the "
     "seconds of time(). An entry without\n"
     "a pc was not finished. Where the buffer is full, places are entered later, when there "
     "is room (once_grow()).\n"
     "\n"
     "Returns the number of the log. DeviceBusyError (EBUSY): 8 are open. ValueError: less "
     "than 3 words."},
    {"once_grow", once_grow, METH_VARARGS,
     "once_grow($module, log, buffer, /)\n"
     "--\n"
     "\n"
     "Write into another buffer from now on, which has the same entries already (ValueError: "
     "no such log)."},
    {"once_close", once_close, METH_O,
     "once_close($module, log, /)\n"
     "--\n"
     "\n"
     "End a log (ValueError: it is not open)."},
    {"once_hits", once_hits, METH_NOARGS,
     "once_hits($module, /)\n"
     "--\n"
     "\n"
     "How often each probe was hit, by number, up to 255, while all logs had it already."},
    {"set_once_callables", set_once_callables, METH_VARARGS,
     "set_once_callables($module, exchange, restore, /)\n"
     "--\n"
     "\n"
     "Call exchange() when many hits were of no use to any log.\n"
     "\n"
     "It returns how many more of these there are to be before it is called again. An "
     "Exception goes to\n"
     "sys.unraisablehook. restore() is called before a device is enabled and before a log is "
     "opened."},
    {0},
};

int
kcov_once_add(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
