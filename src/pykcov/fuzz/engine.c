/*
 * engine.c: see engine.h.
 */
#define _GNU_SOURCE
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "interrupts.h"

struct engine pykcov_engine;

#define engine pykcov_engine

/* An error of ours, or of a hook in Python: the campaign cannot go on. */
_Noreturn void
pykcov_engine_give_up(void)
{
    PyErr_Print();
    _Exit(1);
}

PyObject *
pykcov_engine_checked(PyObject *result)
{
    if (result == NULL)
        pykcov_engine_give_up();
    return result;
}

void
pykcov_engine_call(PyObject *hook)
{
    Py_DECREF(pykcov_engine_checked(PyObject_CallNoArgs(hook)));
}

/*
 * Have libFuzzer know the counters of probes that were made since it was told last. Its table has
 * two words for each: an address, and whether a function begins there. libFuzzer goes on to refer
 * to it, so it is never freed.
 */
static void
register_counters(void)
{
    PyObject *number = pykcov_engine_checked(PyObject_CallNoArgs(engine.probe_count));
    size_t total = PyLong_AsSize_t(number);
    uint8_t *counters = engine.counters.buf;
    char *table;
    Py_ssize_t size;

    Py_DECREF(number);
    if (total > (size_t)engine.counters.len)
        total = (size_t)engine.counters.len;
    if (total <= engine.registered)
        return;
    number =
        pykcov_engine_checked(PyObject_CallFunction(engine.grown, "nn", engine.registered, total));
    if (PyBytes_AsStringAndSize(number, &table, &size) < 0)
        pykcov_engine_give_up();
    total = engine.registered + (size_t)size / (2 * sizeof(uintptr_t));
    engine.libfuzzer.counters_init(counters + engine.registered, counters + total);
    engine.libfuzzer.pcs_init((uintptr_t *)table, (uintptr_t *)(table + size));
    engine.registered = total;
    pykcov_note(&engine.statistics->probes, total);
}

/*
 * Have the devices trace for a group: the one that there is or, if that has been left with work
 * that is not done, a new one.
 */
static void
arrange(bool anew, bool following)
{
    PyObject *before = engine.group != NULL ? engine.group : Py_None;
    PyObject *result = pykcov_engine_checked(PyObject_CallFunction(
        engine.arrange, "OOOO", before, anew ? Py_True : Py_False, following ? Py_True : Py_False,
        engine.replay.value_profile ? Py_False : Py_True));
    PyObject *group, *words;

    if (!PyArg_ParseTuple(result, "OO", &group, &words))
        pykcov_engine_give_up();
    if (engine.group != NULL)
        PyBuffer_Release(&engine.buffers[1]);
    if (PyObject_GetBuffer(words, &engine.buffers[1], PyBUF_WRITABLE) < 0)
        pykcov_engine_give_up();
    engine.dropped_before[1] = 0;
    Py_XSETREF(engine.group, Py_NewRef(group));
    Py_DECREF(result);
    engine.group_references = Py_REFCNT(engine.group);
    engine.following = following;
}

/* Whether there are other threads that Python knows. By the neighbours of our own in the list of
 * all: those themselves may be gone at any moment. */
static bool
several_threads(void)
{
    PyThreadState *own = PyThreadState_Get();

    return __atomic_load_n(&own->next, __ATOMIC_RELAXED) != NULL ||
           __atomic_load_n(&own->prev, __ATOMIC_RELAXED) != NULL;
}

static void
before_execution(void)
{
    bool following = engine.threaded || several_threads();

    if (following != engine.following)
        arrange(false, following);
    pykcov_comparing_begin(engine.skips == 0);
    for (unsigned i = 0; i < DEVICES; i++)
        atomic_store_explicit((_Atomic uint64_t *)engine.buffers[i].buf, 0, memory_order_relaxed);
}

/* The thread works for the group from now on, or no longer. */
static PyObject *
enter_group(void)
{
    PyObject *token = pykcov_engine_checked(PyContextVar_Set(engine.group_variable, engine.group));

    if (engine.following)
        pykcov_engine_call(engine.follow);
    return token;
}

static void
leave_group(PyObject *token)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    if (PyContextVar_Reset(engine.group_variable, token) < 0)
        pykcov_engine_give_up();
    Py_DECREF(token);
    if (engine.following)
        pykcov_engine_call(engine.follow);
    PyErr_Restore(type, value, traceback);
}

static PyObject *
run_target(PyObject *input)
{
    PyObject *token = enter_group();
    PyObject *result;
    uint64_t begin = pykcov_about_now(), end;

    if (engine.first == 0)
        engine.first = begin;
    pykcov_note(&engine.statistics->started, begin);
    pykcov_note(&engine.statistics->running, true);
    result = PyObject_CallOneArg(engine.function, input);
    if (engine.forked)
        return result; /* the statistics are those of the parent */
    pykcov_note(&engine.statistics->running, false);
    end = pykcov_about_now();
    pykcov_note_more(&engine.statistics->inside, end - begin);
    pykcov_note(&engine.statistics->spent, end - engine.first);
    leave_group(token);
    return result;
}

/* What the target raised, taken out of the thread's state. NULL: nothing. */
static PyObject *
take_exception(void)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

/* Whether the input has handed work to other threads. */
static bool
has_carried(void)
{
    PyObject *number = pykcov_engine_checked(PyObject_GetAttr(engine.group, engine.carried_name));
    bool carried = PyLong_AsLong(number) > 0;

    Py_DECREF(number);
    return carried;
}

/*
 * The first input that starts a thread runs again, as nobody followed it. From then on threads are
 * expected.
 */
static PyObject *
run_followed(PyObject *input)
{
    PyObject *result = run_target(input);

    if (engine.following || !has_carried())
        return result;
    engine.threaded = true;
    Py_XDECREF(result);
    PyErr_Clear();
    arrange(true, true);
    before_execution();
    return run_target(input);
}

static void
copy_input(const uint8_t *data, size_t size)
{
    pykcov_note(&engine.statistics->size, size);
    memcpy(engine.statistics->input, data,
           size < STATISTICS_INPUT_MAX ? size : STATISTICS_INPUT_MAX);
}

void
pykcov_engine_begin(void)
{
    engine.replay.libfuzzer = &engine.libfuzzer;
    engine.system = PyModule_GetDict(pykcov_engine_checked(PyImport_ImportModule("sys")));
    engine.hook_name = pykcov_engine_checked(PyUnicode_InternFromString("unraisablehook"));
    engine.carried_name = pykcov_engine_checked(PyUnicode_InternFromString("carried"));
    arrange(true, false);
    register_counters();
}

/*
 * A thread of the target has forked, and its process, which has that thread alone, ends: libFuzzer
 * would take that for the end of the target. Called before what libFuzzer has registered.
 */
static void
end_forked(int status, void *Py_UNUSED(unused))
{
    if (!engine.forked)
        return;
    fflush(NULL);
    _exit(status);
}

/* A child process of the target's making has come back to us. */
static void
end_child(PyObject *exception, PyObject *input)
{
    long code = 0;

    if (exception != NULL)
        code = PyLong_AsLong(pykcov_engine_checked(
            PyObject_CallFunctionObjArgs(engine.failed, exception, input, NULL)));
    _Exit((int)code);
}

int
pykcov_engine_execute(const uint8_t *data, size_t size)
{
    PyObject *input, *result, *exception;
    bool staged = pykcov_stage_begin(&engine.stage, data, size);

    if (pykcov_noted(&engine.statistics->executions) == 0) {
        on_exit(end_forked, NULL);
        pykcov_engine_call(engine.started);
    }
    pykcov_interrupts_begin();
    input = pykcov_engine_checked(PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size));
    copy_input(data, size);
    if (staged)
        engine.skips = 0;
    before_execution();
    result = run_followed(input);
    exception = result == NULL ? take_exception() : NULL;
    if (engine.forked)
        end_child(exception, input);
    Py_XDECREF(result);
    register_counters(); /* now, so that what was reached for the first time counts */
    pykcov_comparing_end(data, size, staged);
    pykcov_engine_note_reached(data, size, staged);
    pykcov_engine_after(exception, input);
    Py_XDECREF(exception);
    Py_DECREF(input);
    if (Py_REFCNT(engine.group) > engine.group_references) {
        pykcov_note_more(&engine.statistics->leftovers, 1);
        arrange(true, engine.following);
    }
    pykcov_interrupts_end();
    return 0;
}
