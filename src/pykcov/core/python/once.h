/*
 * once.h: which probes were hit at all, by whatever thread of the process.
 *
 * A log has the first hit of each probe: its pc and when that was. While there is a log, probes
 * also count the hits that no log needed any more. When these have become many, a Python function
 * is asked to exchange code for the same without such probes (instrument/vanish.py).
 */
#ifndef KCOV_ONCE_H
#define KCOV_ONCE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define KCOV_ONCE_LOGS 8

/*
 * What guards a field:
 *   [a] atomic. An entry is claimed and marked as seen relaxed, as in append.h. Released and
 *       acquired are the words, before which everything about a log is there, and the pc of an
 *       entry, which is stored last: it is 0 or the entry is whole
 *   [L] kcov_lock
 */
struct kcov_once_log {
    _Atomic(_Atomic uint64_t *)
        words;                       /* [a] the count, then a pc and seconds an entry; NULL: none */
    _Atomic(_Atomic uint8_t *) seen; /* [a] by probe number; kept when the log is closed */
    atomic_size_t capacity;          /* [a] entries; of the words, or fewer */
    Py_buffer view;                  /* [L] what the words are in */
};

/* A hit. 0; -1 with an exception of the program's, such as that of a signal handler. */
int kcov_once_hit(uint64_t pc, uint32_t number);

/* A device is about to be enabled: code gets its probes back. 0 or -1. */
int kcov_once_restore(void);

/* probe.c, under the lock: whether probes come to kcov_once_hit(). */
void kcov_probe_mark(bool marks);

int kcov_once_add(PyObject *module);
void kcov_once_clear(void);

#endif
