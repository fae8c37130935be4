/*
 * window.h: a device, and what must be found in its buffer once nobody records into it any more.
 *
 * Every word that an event writes says who wrote it: writer, number of the event, serial of the
 * device it was meant for, and a check over these. So an entry that is torn, doubled, lost or in
 * the wrong buffer is seen.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "device.h"
#include "remote.h"

#define THREADS_MAX 8
#define WRITERS_MAX (2 * THREADS_MAX) /* the signal handler of a thread is a writer of its own */
#define SERIALS_MAX (1u << 20)
#define PLACES 4096 /* of TRACE_UNIQUE_PC */

enum kind { OWN, EXPLICIT, COMMON };

struct window {
    atomic_uint references;
    uint64_t serial;
    enum kind kind;
    int mode;
    uint64_t nmemb;
    struct kcov_key key;      /* of the handle, if it is remote */
    struct kcov_group *group; /* of the handle, if it is common; threads may follow it */
    struct kcov_device *device;
    struct kcov_buffer *buffer;
    atomic_uint_fast64_t produced;  /* entries that were meant for this device */
    _Atomic uint8_t *hit;           /* of TRACE_UNIQUE_PC: the places that were reached */
    struct kcov_counters *counters; /* of every other device, else NULL */
    atomic_bool inexact; /* somebody stopped it while events came: some are rightly not recorded */
    atomic_bool
        poked; /* the user wrote into word 0, or enabled it again: what it holds says nothing */
    struct window *next; /* in its thread's list of those that are not checked yet */
};

/* By serial; never reset, so only for devices that the caller is attached to. */
extern struct window *_Atomic windows[SERIALS_MAX];

/* What was found, over all windows. */
struct findings {
    atomic_uint_fast64_t windows, exact, entries, dropped;
};
extern struct findings findings;

/* Say what is wrong and abort: a sanitizer then shows where. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t encode(unsigned writer, uint64_t serial, uint32_t number);

/* Open a device with a buffer; it does not trace yet. */
struct window *window_open(enum kind kind, int mode, uint64_t nmemb);
void window_reference(struct window *window);
void window_release(struct window *window);

/* Compare with what was produced. Nobody may record into it any more. */
void window_check(struct window *window);

#endif
