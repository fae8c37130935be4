/*
 * wait.c: see wait.h. Every sleeper has a condition of its own: nothing that a fork could leave
 * half used.
 */
#include "wait.h"

#include <errno.h>
#include <time.h>

#include "lock.h"

#define POLL_NANOSECONDS 50000000L

pthread_mutex_t kcov_mutex __attribute__((aligned(64))) = PTHREAD_MUTEX_INITIALIZER;

const struct kcov_wait kcov_wait_forever = {0};

static unsigned sleepers; /* [L] */

void
kcov_sleep_prepare(struct kcov_sleeper *sleeper, struct kcov_sleeper **queue)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sleeper->condition, &attributes);
    pthread_condattr_destroy(&attributes);
    sleeper->woken = false;
    sleeper->asleep = false;
    sleeper->next = *queue;
    *queue = sleeper;
}

/* Wait for a while, then ask poll. Not 0: it gives up. */
static int
wait_slice(struct kcov_sleeper *sleeper, const struct kcov_wait *wait)
{
    struct timespec until;
    int gives_up;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += POLL_NANOSECONDS;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    if (pthread_cond_timedwait(&sleeper->condition, &kcov_mutex, &until) != ETIMEDOUT)
        return 0;
    kcov_unlock();
    gives_up = wait->poll(wait->context);
    kcov_lock();
    return gives_up;
}

/* Only for who was not woken: its queue is still there. */
static void
stand_out(struct kcov_sleeper *sleeper, struct kcov_sleeper **queue)
{
    while (*queue != sleeper)
        queue = &(*queue)->next;
    *queue = sleeper->next;
    sleepers--;
}

int
kcov_sleep(struct kcov_sleeper *sleeper, struct kcov_sleeper **queue, const struct kcov_wait *wait)
{
    int error = 0;

    if (!sleeper->woken) {
        sleeper->asleep = true;
        sleepers++;
    }
    while (!sleeper->woken && error == 0) {
        if (wait->poll == NULL)
            pthread_cond_wait(&sleeper->condition, &kcov_mutex);
        else if (wait_slice(sleeper, wait) != 0)
            error = EINTR;
    }
    if (!sleeper->woken)
        stand_out(sleeper, queue);
    pthread_cond_destroy(&sleeper->condition);
    return error;
}

void
kcov_wake(struct kcov_sleeper **queue)
{
    struct kcov_sleeper *sleeper = *queue;

    *queue = NULL;
    for (; sleeper != NULL; sleeper = sleeper->next) {
        sleeper->woken = true;
        if (sleeper->asleep)
            sleepers--;
        pthread_cond_signal(&sleeper->condition);
    }
}

void
kcov_wait_forked(void)
{
    sleepers = 0;
}

unsigned
kcov_sleepers(void)
{
    unsigned count;

    kcov_lock();
    count = sleepers;
    kcov_unlock();
    return count;
}
