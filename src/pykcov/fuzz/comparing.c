/*
 * comparing.c: in which executions comparisons are recorded, and what becomes of them.
 */
#include "engine.h"

#include "exchange.h"
#include "kcov.h"

#define engine pykcov_engine

/*
 * A target that compares much is watched comparing now and then only: once in so many executions as
 * it has ENTRIES_EACH_TIME entries. What it compares changes little from one input to the next, and
 * libFuzzer keeps no more than the last 32 of a kind.
 */
#define ENTRIES_EACH_TIME 8
#define SKIPPED_MAX 31

/* Give functions the code that observes comparisons, or the same without. */
static void
exchange(enum pykcov_code which)
{
    if (engine.quiet == NULL || PyList_GET_SIZE(engine.quiet) == 0)
        return;
    pykcov_engine_call(engine.interrupt_enter); /* the program may audit it */
    if (pykcov_exchange_all(engine.quiet, which) < 0)
        pykcov_engine_give_up();
    pykcov_engine_call(engine.interrupt_leave);
}

/* Comparisons were recorded, and are not to be for a while. */
static void
stop_comparing(void)
{
    PyObject *found;

    engine.stops += engine.quiet != NULL;
    if ((engine.stops & (engine.stops - 1)) == 0) {
        found = pykcov_engine_checked(PyObject_CallNoArgs(engine.find_quiet));
        if (found != Py_None && !PyList_Check(found)) {
            PyErr_SetString(PyExc_TypeError, "find_quiet() returns a list or None");
            pykcov_engine_give_up();
        }
        if (found != Py_None) {
            Py_XSETREF(engine.quiet, Py_NewRef(found));
            engine.stops += engine.stops == 0;
        }
        Py_DECREF(found);
    }
    exchange(PYKCOV_QUIET);
    engine.stopped = true;
}

void
pykcov_comparing_begin(bool comparing)
{
    PyObject *number;

    if (!comparing && !engine.comparing)
        return;
    if (comparing && engine.comparing && !engine.compared)
        return; /* that of before is as good as new */
    if (comparing && engine.stopped) {
        exchange(PYKCOV_LOUD);
        engine.stopped = false;
    }
    engine.comparing = comparing;
    if (comparing && ++engine.round == 0)
        engine.round = 1;
    number = pykcov_engine_checked(PyLong_FromUnsignedLong(comparing ? engine.round : 0));
    Py_DECREF(pykcov_engine_checked(PyObject_CallOneArg(engine.begin_round, number)));
    Py_DECREF(number);
}

static void
note_dropped(unsigned device)
{
    Py_buffer *buffer = &engine.buffers[device];
    struct kcov_info *information =
        (void *)((char *)buffer->buf + KCOV_INFO_OFFSET((uint64_t)buffer->len / 8));
    uint64_t dropped =
        atomic_load_explicit((_Atomic uint64_t *)&information->dropped, memory_order_relaxed);

    if (dropped < engine.dropped_before[device])
        engine.dropped_before[device] = 0; /* enabled anew */
    pykcov_note_more(&engine.statistics->dropped, dropped - engine.dropped_before[device]);
    engine.dropped_before[device] = dropped;
}

/* Whether anything was recorded: many a target in C compares nothing that is seen. */
static bool
has_compared(void)
{
    for (unsigned i = 0; i < DEVICES; i++)
        if (pykcov_noted(engine.buffers[i].buf) != 0)
            return true;
    return false;
}

void
pykcov_comparing_end(const uint8_t *data, size_t size, bool staged)
{
    uint64_t entries = 0;

    if (!engine.comparing) {
        engine.skips--;
        return;
    }
    engine.compared = has_compared();
    if (!engine.compared) {
        pykcov_pairs_begin(&engine.replay.pairs);
        return;
    }
    pykcov_replay_begin(&engine.replay, data, size, staged ? &engine.stage : NULL);
    for (unsigned i = 0; i < DEVICES; i++) {
        note_dropped(i);
        entries += pykcov_replay(&engine.replay, engine.buffers[i].buf,
                                 (uint64_t)engine.buffers[i].len / 8);
    }
    if (engine.replay.value_profile)
        return;
    entries /= ENTRIES_EACH_TIME;
    engine.skips = entries < SKIPPED_MAX ? (unsigned)entries : SKIPPED_MAX;
    if (engine.skips > 0)
        stop_comparing();
}
