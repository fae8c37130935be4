/*
 * wait.c: see wait.h. All who sleep do so at one word: nothing that a fork could leave half used,
 * and who has nothing but a signal handler's means can wake them, too.
 */
#define _GNU_SOURCE
#include "wait.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"

#define POLL_NANOSECONDS 50000000L

pthread_mutex_t kcov_mutex __attribute__((aligned(64))) = PTHREAD_MUTEX_INITIALIZER;

const struct kcov_wait kcov_wait_forever = {0};

static atomic_uint sleepers; /* [a] written under the lock */
static atomic_uint roused;   /* [a] how often; what they sleep at */
static unsigned forks;       /* [L] forked children between this process and the first */

void
kcov_sleep_prepare(struct kcov_sleeper *sleeper, struct kcov_sleeper **queue)
{
    *sleeper = (struct kcov_sleeper){.next = *queue, .forks = forks};
    *queue = sleeper;
}

/* Sleep while nobody was roused since `before`, but not for ever if there is something to poll. */
static void
sleep_a_while(unsigned before, const struct kcov_wait *wait)
{
    struct timespec slice = {.tv_nsec = POLL_NANOSECONDS};

    syscall(SYS_futex, &roused, FUTEX_WAIT_PRIVATE, before, wait->poll != NULL ? &slice : NULL,
            NULL, 0);
}

/* Only for who was not woken: its queue is still there. */
static void
stand_out(struct kcov_sleeper *sleeper, struct kcov_sleeper **queue)
{
    while (*queue != sleeper)
        queue = &(*queue)->next;
    *queue = sleeper->next;
    atomic_fetch_sub(&sleepers, 1);
}

int
kcov_sleep(struct kcov_sleeper *sleeper, struct kcov_sleeper **queue, const struct kcov_wait *wait,
           void (*look)(void))
{
    int gives_up = 0;

    if (!sleeper->woken) {
        sleeper->asleep = true;
        atomic_fetch_add(&sleepers, 1);
    }
    for (;;) {
        unsigned before = atomic_load(&roused);

        look();
        if (sleeper->woken || gives_up != 0)
            break;
        kcov_unlock();
        sleep_a_while(before, wait);
        if (wait->poll != NULL)
            gives_up = wait->poll(wait->context);
        kcov_lock();
        /* The queue, and who stood in it, are the parent's. */
        if (sleeper->forks != forks)
            return gives_up != 0 ? EINTR : 0;
    }
    if (sleeper->woken)
        return gives_up != 0 ? EINTR : 0;
    stand_out(sleeper, queue);
    return EINTR;
}

void
kcov_wake(struct kcov_sleeper **queue)
{
    struct kcov_sleeper *sleeper = *queue;

    if (sleeper == NULL)
        return;
    kcov_rouse();
    *queue = NULL;
    for (; sleeper != NULL; sleeper = sleeper->next) {
        sleeper->woken = true;
        if (sleeper->asleep)
            atomic_fetch_sub(&sleepers, 1);
    }
}

void
kcov_rouse(void)
{
    if (atomic_load(&sleepers) == 0)
        return;
    atomic_fetch_add(&roused, 1);
    syscall(SYS_futex, &roused, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void
kcov_wait_forked(void)
{
    atomic_store(&sleepers, 0);
    forks++;
}

unsigned
kcov_sleepers(void)
{
    unsigned count;

    kcov_lock();
    count = atomic_load(&sleepers);
    kcov_unlock();
    return count;
}
