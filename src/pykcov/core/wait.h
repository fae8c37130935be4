/*
 * wait.h: sleeping until somebody else has done something, and waking.
 */
#ifndef KCOV_WAIT_H
#define KCOV_WAIT_H

#include <stdbool.h>

/* How an operation waits. NULL instead of one: not at all. */
struct kcov_wait {
    /*
     * Called now and then, without the lock; not 0 gives the wait up (EINTR). It may fork. NULL:
     * wait for ever.
     */
    int (*poll)(void *context);
    void *context;
};

extern const struct kcov_wait kcov_wait_forever __attribute__((visibility("hidden")));

/* One operation asleep, on the stack of its thread. */
struct kcov_sleeper {
    struct kcov_sleeper *next; /* [L] in its queue */
    unsigned forks;            /* [L] forked children between this process and the first, when it
                                  stood in the queue */
    bool woken;                /* [L] */
    bool asleep;               /* [L] counted by kcov_sleepers() */
};

/* All of these are called under the lock. */

/* Stand in the queue, so that what happens before kcov_sleep() is not missed. */
void kcov_sleep_prepare(struct kcov_sleeper *sleeper, struct kcov_sleeper **queue);

/*
 * Sleep until woken (0) or until poll gives up (EINTR). `look` is called, under the lock, at first
 * and after each kcov_rouse(): it may wake the sleeper. Who finds itself in a forked child is woken
 * there: what it waited for were other threads, which are gone.
 */
int kcov_sleep(struct kcov_sleeper *sleeper, struct kcov_sleeper **queue,
               const struct kcov_wait *wait, void (*look)(void));

/* Wake and release all who stand in the queue. */
void kcov_wake(struct kcov_sleeper **queue);

/* In a forked child: nobody sleeps any more. The queues are the caller's to clear. */
void kcov_wait_forked(void);

/* Without the lock. */

/*
 * Have all who sleep look again. A system call only if anybody does; a signal handler may call it.
 */
void kcov_rouse(void);

/* How many operations are asleep. Takes the lock itself. */
unsigned kcov_sleepers(void);

#endif
