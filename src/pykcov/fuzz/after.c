/*
 * after.c: what is looked at after each execution: what the target raised, what has happened behind
 * it, what it has imported, and whether all of that is seen.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#define engine pykcov_engine

#define WORDS_EVERY 16

/* libFuzzer forgets words when others take their place, so each comes again and again. */
static void
give_words(uint64_t executions)
{
    Py_ssize_t count = PyList_GET_SIZE(engine.words);
    Py_ssize_t size;
    PyObject *word;
    char *bytes;

    if (count == 0 || executions % WORDS_EVERY != 0)
        return;
    word = PyList_GET_ITEM(engine.words, (Py_ssize_t)(executions / WORDS_EVERY) % count);
    if (PyBytes_AsStringAndSize(word, &bytes, &size) < 0)
        pykcov_engine_give_up();
    pykcov_replay_word(&engine.replay, bytes, (size_t)size);
}

/* Takes what a hook says of a failure, and returns if the campaign goes on. */
static void
go_on(PyObject *answer)
{
    long code = answer != Py_None ? PyLong_AsLong(answer) : 0;

    if (PyErr_Occurred())
        pykcov_engine_give_up();
    /* libFuzzer sees that its callback ends the process, writes the input, leaves with 77. */
    if (answer != Py_None)
        exit((int)code);
    Py_DECREF(answer);
}

static void
report(PyObject *exception, PyObject *input)
{
    go_on(
        pykcov_engine_checked(PyObject_CallFunctionObjArgs(engine.failed, exception, input, NULL)));
}

/* What did not come out of the target, but happened in what it has started, here or in a child. */
static void
report_background(PyObject *input)
{
    uint64_t told = atomic_load_explicit(&engine.statistics->told, memory_order_acquire);

    if (engine.collect != NULL)
        pykcov_engine_call(engine.collect);
    if (PyList_GET_SIZE(engine.failures) == 0 && told == engine.told)
        return;
    engine.told = told;
    go_on(pykcov_engine_checked(PyObject_CallOneArg(engine.behind, input)));
}

/* The target may take our hook away, and import what has no probes. */
static void
look_after(void)
{
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */

    if (PyDict_GET_SIZE(modules) != engine.modules) {
        pykcov_engine_call(engine.imported);
        engine.modules = PyDict_GET_SIZE(modules);
    }
    if (PyDict_GetItemWithError(engine.system, engine.hook_name) != engine.unraisable_hook)
        pykcov_engine_call(engine.renew);
}

void
pykcov_engine_note_reached(const uint8_t *data, size_t size, bool staged)
{
    uint64_t executions = pykcov_noted(&engine.statistics->executions);
    uint8_t *counters = engine.counters.buf;
    enum pykcov_news news = pykcov_reached_note(&engine.reached, counters, engine.registered);
    bool told = !engine.mutated || engine.replay.value_profile || news != PYKCOV_NOTHING_NEW ||
                pykcov_reached_is_told(executions);

    if (news == PYKCOV_NEW_PLACE && engine.stages)
        pykcov_stage_keep(&engine.stage, data, size);
    if (!staged && engine.seen.bytes != NULL && executions >= engine.seen.after)
        pykcov_seen_note(&engine.seen, counters, engine.registered);
    if (news == PYKCOV_NEW_PLACE)
        pykcov_note(&engine.statistics->sees, true);
    if (!told)
        memset(counters, 0, engine.registered);
    engine.mutated = false;
}

void
pykcov_engine_after(PyObject *exception, PyObject *input)
{
    uint64_t executions = pykcov_noted(&engine.statistics->executions) + 1;

    pykcov_note(&engine.statistics->executions, executions);
    if (exception != NULL)
        report(exception, input);
    report_background(input);
    look_after();
    give_words(executions);
    if (executions == BLIND_AFTER && !pykcov_noted(&engine.statistics->sees))
        pykcov_engine_call(engine.blind);
    if (executions == engine.limit)
        pykcov_engine_call(engine.done);
}
