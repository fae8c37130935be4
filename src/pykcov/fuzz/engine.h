/*
 * engine.h: what runs an input. There is one engine in a process, as there is one libFuzzer; it is
 * used by the thread that called run() alone. With a GIL that thread holds it throughout; without
 * one, the threads of the target go on while an input is not run. What they record then counts for
 * the next one, and the engine reads buffers in which entries are being written (replay.c).
 */
#ifndef PYKCOV_ENGINE_H
#define PYKCOV_ENGINE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "libfuzzer.h"
#include "reached.h"
#include "replay.h"
#include "seen.h"
#include "statistics.h"

/* So many inputs may run without reaching a probe. */
#define BLIND_AFTER 4096

/* The device of the thread that fuzzes, and the one of its group. */
#define DEVICES 2

struct engine {
    struct libfuzzer libfuzzer;
    bool loaded, running;
    unsigned long thread; /* that called run(), as threading.get_ident() */
    volatile bool forked; /* this is a child process of the one that fuzzes */

    /* What run() was given; _engine.pyi says what each does. */
    PyObject *function, *failed, *started, *blind, *done, *words, *grown, *arrange, *begin_round,
        *find_quiet, *interrupt_enter, *interrupt_leave, *probe_count, *follow, *group_variable,
        *failures, *behind, *renew, *unraisable_hook, *imported;
    unsigned long long limit; /* executions; 0: any number */
    Py_buffer buffers[DEVICES], counters, statistics_buffer;
    struct statistics *statistics; /* in statistics_buffer */
    uint64_t first;                /* when the first input began, in ns */
    uint64_t told;                 /* what statistics->told was when children were asked last */
    PyObject *collect;             /* called after each input; NULL: nothing is */
    Py_ssize_t modules;            /* imported */
    PyObject *system, *hook_name;  /* the namespace of sys, and "unraisablehook" */
    PyObject *carried_name;        /* "carried" */

    PyObject *group;
    Py_ssize_t group_references; /* to a group that nobody else refers to */
    bool following;    /* the device of the group follows it, as there are several threads */
    bool threaded;     /* some input has started a thread, or handed work to one */
    unsigned round;    /* of comparisons (core/sampling.h) */
    bool comparing;    /* comparisons are recorded */
    bool compared;     /* some were, in the round that is on or just over */
    bool stopped;      /* functions observe none, */
    PyObject *quiet;   /* these: what find_quiet has returned; NULL: none yet */
    unsigned stops;    /* how often, since there are any */
    unsigned skips;    /* so many more executions without */
    size_t registered; /* counters that libFuzzer knows */
    struct replay replay;
    struct stage stage;
    bool stages;                      /* the stage is used: the program has no mutator of its own */
    uint64_t dropped_before[DEVICES]; /* counted already */
    struct seen seen;
    struct reached reached;
    bool mutated; /* libFuzzer runs what a mutator made, not what somebody gave it */
};

extern struct engine pykcov_engine __attribute__((visibility("hidden")));

/*
 * For errors of ours, or of a hook in Python, after which the campaign cannot go on: end the
 * process with the exception that is set; with it if `result` is NULL, else return that; call a
 * hook.
 */
_Noreturn void pykcov_engine_give_up(void);
PyObject *pykcov_engine_checked(PyObject *result);
void pykcov_engine_call(PyObject *hook);

/* after.c: after an execution, what it has reached: for the stage, for estimates, for libFuzzer. */
void pykcov_engine_note_reached(const uint8_t *data, size_t size, bool staged);

/* The same, then: `exception` is what it raised, or NULL. */
void pykcov_engine_after(PyObject *exception, PyObject *input);

/*
 * comparing.c: have comparisons recorded in this execution, or not; behind it, give libFuzzer what
 * was compared, and say when to look again.
 */
void pykcov_comparing_begin(bool comparing);
void pykcov_comparing_end(const uint8_t *data, size_t size, bool staged);

/* Before the first input. */
void pykcov_engine_begin(void);

/* libFuzzer's callback. */
int pykcov_engine_execute(const uint8_t *data, size_t size);

#endif
