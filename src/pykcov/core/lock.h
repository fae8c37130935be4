/*
 * lock.h: the one lock. It guards every field that is marked [L]; the hot path (trace.h) never
 * takes it. No callback, no Python and no wait runs under it, so it is only ever held for a moment.
 */
#ifndef KCOV_LOCK_H
#define KCOV_LOCK_H

#include <pthread.h>

extern pthread_mutex_t kcov_mutex __attribute__((visibility("hidden")));

static inline void
kcov_lock(void)
{
    pthread_mutex_lock(&kcov_mutex);
}

static inline void
kcov_unlock(void)
{
    pthread_mutex_unlock(&kcov_mutex);
}

#endif
