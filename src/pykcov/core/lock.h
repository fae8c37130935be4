/*
 * lock.h: the one lock. It guards every field that is marked [L]; no event (trace.h) ever takes it.
 * No callback, no Python and no wait runs under it, so it is only ever held for a moment.
 */
#ifndef KCOV_LOCK_H
#define KCOV_LOCK_H

#include <pthread.h>

#include "trace.h"

extern pthread_mutex_t kcov_mutex __attribute__((visibility("hidden")));

/*
 * A signal handler may make events while its thread is in here: it finds the thread busy, and
 * leaves alone whom that works for.
 */
static inline void
kcov_lock(void)
{
    kcov_self.busy++;
    pthread_mutex_lock(&kcov_mutex);
}

static inline void
kcov_unlock(void)
{
    pthread_mutex_unlock(&kcov_mutex);
    kcov_self.busy--;
}

/* The end of an operation: its answer. */
static inline int
kcov_unlock_with(int error)
{
    kcov_unlock();
    return error;
}

#endif
