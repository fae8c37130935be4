/*
 * statistics.h: what a fuzzing process tells another one while it runs, and after it died: shared
 * memory that the other one maps. Native byte order; both are processes of one machine.
 */
#ifndef PYKCOV_STATISTICS_H
#define PYKCOV_STATISTICS_H

#include <stdatomic.h>
#include <stdint.h>

#define STATISTICS_INPUT_MAX (1u << 20)

/*
 * fuzz/statistics.py reads the words by their place. The thread that fuzzes alone writes them, but
 * for `told`. Who sees a word sees what was written before it, so each store is a release; more
 * would cost as much as all else that an execution notes.
 */
struct statistics {
    _Atomic uint64_t executions;
    _Atomic uint64_t inside;  /* ns that the target ran */
    _Atomic uint64_t spent;   /* ns since the first input began */
    _Atomic uint64_t dropped; /* entries of comparisons that did not fit into the buffer */
    _Atomic uint64_t probes;  /* counters that libFuzzer knows */
    _Atomic uint64_t
        leftovers;            /* executions whose threads or tasks were not done when they ended */
    _Atomic uint64_t sees;    /* whether any input has reached a probe */
    _Atomic uint64_t running; /* whether the target runs */
    _Atomic uint64_t started; /* CLOCK_MONOTONIC, in ns, of the execution that began last */
    _Atomic uint64_t told;    /* changes when a forked child has something to tell */
    _Atomic uint64_t size;    /* of its input; only the first STATISTICS_INPUT_MAX bytes follow */
    uint8_t input[STATISTICS_INPUT_MAX];
};

static inline void
pykcov_note(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

static inline uint64_t
pykcov_noted(_Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void
pykcov_note_more(_Atomic uint64_t *word, uint64_t number)
{
    pykcov_note(word, pykcov_noted(word) + number);
}

#endif
