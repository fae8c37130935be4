/*
 * memory.c: what libFuzzer calls, if it finds it, before it ends a process that takes too much
 * memory; it does that in a thread that watches. Like the mutators (mutators.h) this is in a shared
 * object of its own, to be loaded by the thread that fuzzes.
 *
 * It has the stacks written: faulthandler does that on a signal (campaign.py), and passes it on.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

#define SECONDS 10 /* for the thread to come to it */

static pthread_t fuzzing;
static sem_t written;

static void
note_written(int number)
{
    (void)number;
    sem_post(&written);
}

__attribute__((constructor)) static void
begin(void)
{
    struct sigaction action = {.sa_handler = note_written, .sa_flags = SA_RESTART};

    fuzzing = pthread_self();
    sem_init(&written, 0, 0);
    sigaction(SIGRTMAX, &action, NULL);
}

EXPORT void
__sanitizer_print_memory_profile(size_t percent, size_t count)
{
    struct timespec end;

    (void)percent;
    (void)count;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += SECONDS;
    if (pthread_kill(fuzzing, SIGRTMAX) == 0)
        while (sem_timedwait(&written, &end) != 0 && errno == EINTR)
            ;
}
