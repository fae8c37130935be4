/*
 * stress.c: the core without Python, used by many threads at once in every way that it allows.
 *
 *   stress [-n events] [-t threads] [-s seed] [-f]
 *
 * Threads open, enable, disable, attach, enter, leave, interrupt, poke, close, unregister and end
 * at random while all of them make events. Whenever a device is closed and its last section was
 * left, count + dropped must be what was produced for it, and every entry whole, in order, once,
 * and in the right buffer (window.h). -f: threads fork as well.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "worker.h"

/* A life of a worker; when it ends, another one with the same number follows. */
static void *
live(void *argument)
{
    struct worker *worker = argument;
    bool again = true;

    worker_take_signals(worker);
    while (again && atomic_load(&figures.events) < run.events)
        again = worker_step(worker);
    /* Its sections and its device are given up by the end of the thread alone. */
    worker->depth = 0;
    if (worker->own != NULL)
        window_release(worker->own);
    worker->own = NULL;
    if (again)
        return NULL;
    atomic_fetch_add(&figures.exits, 1);
    if (random_below(worker, 2) == 0)
        pthread_exit(worker);
    return worker;
}

/* One for each worker: starts its lives one after the other. */
static void *
live_again_and_again(void *argument)
{
    struct worker *worker = argument;
    void *again = worker;

    while (again != NULL) {
        if (pthread_create(&worker->thread, NULL, live, worker) != 0 ||
            pthread_join(worker->thread, &again) != 0)
            fail("no thread");
    }
    return NULL;
}

static void
prepare(struct worker *workers, unsigned threads, uint64_t seed)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        pthread_mutex_init(&run.slots[i].mutex, NULL);
        run.slots[i].chaos = i < 2;
    }
    for (unsigned i = 0; i < CHAOS_KEYS; i++) {
        bool common = i >= CHAOS_KEYS / 2;
        run.keys[i] = (struct kcov_key){common ? KCOV_REMOTE_COMMON : 5,
                                        common ? kcov_group_new() : i, common};
    }
    for (unsigned i = 0; i < threads; i++)
        workers[i] =
            (struct worker){.number = i, .random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + i};
}

/* Every 40 microseconds a signal, to one of the threads that take it. */
static void
start_signals(void)
{
    struct itimerval period = {{0, 40}, {0, 40}};
    sigset_t alarm;

    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    if (setitimer(ITIMER_REAL, &period, NULL) != 0)
        fail("no timer");
}

/* Close everything; then nothing may be left. */
static void
finish(struct worker *workers, unsigned threads)
{
    struct kcov_handle_status *handles;
    size_t count;

    for (unsigned i = 0; i < SLOTS; i++)
        worker_end(&workers[0], &run.slots[i]);
    for (unsigned i = 0; i < CHAOS_KEYS; i++)
        kcov_handle_unregister(run.keys[i], NULL);
    for (unsigned i = 0; i < threads; i++) {
        worker_check(&workers[i]);
        if (workers[i].unchecked != NULL)
            fail("device %lu was never freed", workers[i].unchecked->serial);
    }
    if (kcov_handle_list(&handles, &count) != 0 || count != 0 || kcov_device_count() != 0 ||
        kcov_sleepers() != 0)
        fail("%zu handles, %u devices, %u sleepers are left", count, kcov_device_count(),
             kcov_sleepers());
    free(handles);
}

static void
report(unsigned threads)
{
    printf("threads=%u events=%lu operations=%lu (with others asleep %lu) waits-given-up=%lu "
           "interrupts=%lu "
           "overflows=%lu pokes=%lu closed-by-others=%lu thread-ends=%lu forks=%lu signals=%lu\n",
           threads, figures.events, figures.operations, figures.beside_sleepers, figures.given_up,
           figures.interrupts, figures.overflows, figures.pokes, figures.closed_by_others,
           figures.exits, figures.forks, figures.signals);
    printf("devices=%lu count+dropped==produced=%lu entries-checked=%lu dropped=%lu\n",
           findings.windows, findings.exact, findings.entries, findings.dropped);
}

int
main(int argc, char **argv)
{
    static struct worker workers[THREADS_MAX];
    pthread_t lives[THREADS_MAX];
    unsigned threads = 8;
    uint64_t seed = 1;
    int option;

    run.events = 1000000;
    while ((option = getopt(argc, argv, "n:t:s:f")) != -1) {
        if (option == 'n')
            run.events = strtoull(optarg, NULL, 10);
        else if (option == 't')
            threads = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'f')
            run.forks = true;
        else
            return 2;
    }
    if (threads < 1 || threads > THREADS_MAX)
        fail("1 to %d threads", THREADS_MAX);
    prepare(workers, threads, seed);
    start_signals();
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&lives[i], NULL, live_again_and_again, &workers[i]) != 0)
            fail("no thread");
    for (unsigned i = 0; i < threads; i++)
        pthread_join(lives[i], NULL);
    finish(workers, threads);
    report(threads);
    return 0;
}
