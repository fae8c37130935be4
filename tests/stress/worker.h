/*
 * worker.h: a thread that does random things to devices which all threads share.
 */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>

#include "window.h"

#define SLOTS 12
#define DEPTH_MAX 5
#define CHAOS_KEYS 4

/* Where threads find each other's devices. Events never look here. */
struct slot {
    pthread_mutex_t mutex;
    struct window *window;
    bool chaos; /* its devices are enabled, disabled and attached by everybody, so only their bounds
                   are checked */
};

struct worker {
    unsigned number;
    uint64_t random;
    uint32_t next; /* number of its next event */
    /* Between worker and signal handler of the same thread: */
    struct window *volatile recording; /* what takes plain events at this moment, or NULL */
    volatile bool interrupted;         /* the thread is in interrupt context */
    volatile uint32_t next_of_signal;  /* number of the handler's next event */
    volatile unsigned signalled;       /* events of the handler that were for `recording` */
    pthread_t thread;
    struct kcov_key stack[DEPTH_MAX]; /* of the sections that it entered */
    unsigned depth;
    struct window *own;
    struct window *unchecked; /* ended without waiting */
};

/* The run. */
struct run {
    uint64_t events; /* how many in all */
    bool forks;
    struct slot slots[SLOTS];
    struct kcov_key keys[CHAOS_KEYS];
};
extern struct run run;

/* What was done. */
struct figures {
    atomic_uint_fast64_t events, operations, beside_sleepers, given_up, interrupts, overflows,
        pokes, forks, exits, closed_by_others, signals;
};
extern struct figures figures;

uint64_t random_next(struct worker *worker);

/* A number of 0..limit-1. */
unsigned random_below(struct worker *worker, unsigned limit);

/* From now on SIGALRM makes events in the calling thread, in the middle of the worker's. */
void worker_take_signals(struct worker *worker);

/* What records the events of the calling thread in thread context, or NULL. */
struct window *attached_window(void);

/* Make events for `window` (NULL: nothing records them), mostly of its mode. */
void worker_produce(struct worker *worker, struct window *window, unsigned count);

/* One random operation. False: the thread has to end. */
bool worker_step(struct worker *worker);

/* Check what nobody uses any more. */
void worker_check(struct worker *worker);

/* Take the slot's device out and end it. */
void worker_end(struct worker *worker, struct slot *slot);

#endif
