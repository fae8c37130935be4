/*
 * adopt.h: which threads were asked by the adopter. A thread that is attached to nothing points at
 * an idle trace. All idle traces but that of the threads which the present adopter has seen are in
 * KCOV_MODE_ADOPT while there is one: so a thread finds out by the look at the mode that it takes
 * anyway.
 */
#ifndef KCOV_ADOPT_H
#define KCOV_ADOPT_H

#include "trace.h"

struct kcov_idle {
    struct kcov_trace trace; /* its mode is written under the lock */
    unsigned threads;        /* [L] that point here; not counted for kcov_newborn */
    struct kcov_idle *next;  /* [L] */
};

/* Where every thread begins. */
extern struct kcov_idle kcov_newborn __attribute__((visibility("hidden")));

/* There is an adopter from now on, which has seen no thread (ENOMEM), or there is none. */
int kcov_adopter_set(bool on);

/*
 * The calling thread is about to ask the adopter: true, and from now on it records nothing and
 * counts as seen. False if there is none any more, or no memory.
 */
bool kcov_adopt_begin(void);
void kcov_adopt_end(void);

/*
 * Under the lock: how many more devices follow their group and have begun to trace. While there are
 * any, all events look whom their thread follows: those of idle threads, and of other devices, too.
 */
void kcov_followed_add(int difference);

/* How many there are. */
unsigned kcov_followed(void);

/* Under the lock: KCOV_MODE_FOLLOW while there are any, else nothing: part of every mode. */
int kcov_follow_mode(void);

/* Under the lock: the thread ends. */
void kcov_adopt_forget(struct kcov_thread *thread);

/* Under the lock, in a forked child. */
void kcov_adopt_forked(void);

#endif
