/*
 * core_events.c: how fast native threads make events, without Python.
 *
 *   core_events SCENARIO THREADS EVENTS
 *
 * prints the nanoseconds that an event takes its thread, and the events per second of all threads.
 *
 *   nothing    a call of an empty function: what to subtract
 *   dormant    nothing is enabled
 *   own        each thread has a device of its own, and its count is reset before it is full
 *   remote     all threads are in a section of one device
 *   accesses   the same in KCOV_MODE_TRACE_ACCESS: one count gives the entries of all threads an
 * order stamped    instead of that count, a time stamp beside each entry of a buffer of the
 * thread's own padded     what `own` writes, an entry and a count, without the core; counts a cache
 * line apart unpadded   the same with the counts of all threads in one cache line
 *
 * In `own` the program also makes sure that no two threads write the same cache line.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "callbacks.h"
#include "device.h"
#include "remote.h"
#include "thread.h"

#define THREADS_MAX 16
#define ROUND 50000 /* events between two resets of the count */

void __sanitizer_cov_trace_pc(void);

struct job {
    pthread_t thread;
    unsigned number;
    uint64_t nanoseconds;
    struct kcov_device *device;
    struct kcov_trace *trace;
};

static struct job jobs[THREADS_MAX];
static unsigned threads;
static uint64_t events;
static struct kcov_key key;
static pthread_barrier_t barrier;
static volatile uint64_t counts[THREADS_MAX * KCOV_CACHE_LINE / sizeof(uint64_t)]
    __attribute__((aligned(KCOV_CACHE_LINE)));
static unsigned stride; /* words between two counts */

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "core_events: %s\n", what);
    exit(1);
}

static struct kcov_device *
open_device(void)
{
    struct kcov_device *device;

    if (kcov_device_open(&device) != 0 ||
        kcov_device_set_buffer(device, KCOV_BUFFER_WORDS_MAX) != 0)
        fail("a device cannot be opened");
    return device;
}

static __attribute__((noinline)) void
nothing(void)
{
    __asm__ volatile("");
}

static void
call(void (*function)(void))
{
    for (uint64_t i = 0; i < ROUND; i++)
        function();
}

/* Round after round into the attached device. */
static void
record(struct job *job)
{
    for (uint64_t done = 0; done < events; done += ROUND) {
        atomic_store_explicit(&job->trace->words[0], 0, memory_order_relaxed);
        call(__sanitizer_cov_trace_pc);
    }
}

static void
count_alone(struct job *job)
{
    static uint64_t entries[THREADS_MAX][ROUND];
    volatile uint64_t *count = &counts[job->number * stride];

    for (uint64_t done = 0; done < events; done += ROUND) {
        *count = 0;
        for (uint64_t i = 0; i < ROUND; i++) {
            uint64_t index = 1;
            __asm__ volatile("xaddq %0, %1" : "+r"(index), "+m"(*count)::"cc");
            ((volatile uint64_t *)entries[job->number])[index] = i;
        }
    }
}

#ifdef __x86_64__
/* The fence keeps the stamp from being taken before what the thread has read is there. */
static void
stamp_alone(struct job *job)
{
    static uint64_t entries[THREADS_MAX][2 * ROUND];
    volatile uint64_t *written = entries[job->number];

    for (uint64_t done = 0; done < events; done += ROUND) {
        for (uint64_t i = 0; i < ROUND; i++) {
            written[2 * i] = i;
            __builtin_ia32_lfence();
            written[2 * i + 1] = __builtin_ia32_rdtsc();
        }
    }
}
#else
static void
stamp_alone(struct job *job)
{
    (void)job;
    fail("no time stamp counter is known here");
}
#endif

static void
work(struct job *job, const char *scenario)
{
    if (strcmp(scenario, "nothing") == 0) {
        for (uint64_t done = 0; done < events; done += ROUND)
            call(nothing);
    } else if (strcmp(scenario, "dormant") == 0) {
        for (uint64_t done = 0; done < events; done += ROUND)
            call(__sanitizer_cov_trace_pc);
    } else if (strcmp(scenario, "padded") == 0 || strcmp(scenario, "unpadded") == 0) {
        count_alone(job);
    } else if (strcmp(scenario, "stamped") == 0) {
        stamp_alone(job);
    } else {
        record(job);
    }
}

static void
attach(struct job *job, const char *scenario)
{
    if (strcmp(scenario, "own") == 0) {
        job->device = open_device();
        if (kcov_device_enable(job->device, KCOV_MODE_TRACE_PC) != 0)
            fail("a device cannot be enabled");
    } else if (key.is_group && kcov_remote_enter(key) != 0) {
        fail("a section cannot be entered");
    }
    job->trace = kcov_attached_trace();
}

static uint64_t
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static const char *scenario;

static void *
run(void *argument)
{
    struct job *job = argument;
    uint64_t start;

    attach(job, scenario);
    pthread_barrier_wait(&barrier);
    start = now();
    work(job, scenario);
    job->nanoseconds = now() - start;
    pthread_barrier_wait(&barrier); /* nobody unmaps what others still look at */
    return NULL;
}

/* What an event writes: the count, an entry, and `dropped` if there is no room for one. */
static void
check_cache_lines(void)
{
    for (unsigned i = 0; i < threads; i++) {
        for (unsigned j = 0; j < threads; j++) {
            struct kcov_trace *a = jobs[i].trace, *b = jobs[j].trace;
            uintptr_t first = (uintptr_t)a->words / KCOV_CACHE_LINE;
            uintptr_t last = (uintptr_t)(a->dropped + 1) / KCOV_CACHE_LINE;
            uintptr_t theirs = (uintptr_t)b->words / KCOV_CACHE_LINE;

            if (i != j && theirs >= first && theirs <= last)
                fail("two threads write the same cache line");
        }
    }
}

static void
open_remote(int mode)
{
    struct kcov_device *device = open_device();

    key = (struct kcov_key){KCOV_REMOTE_COMMON, kcov_group_new(), 1};
    if (kcov_device_attach(device, key, &kcov_wait_forever) != 0 ||
        kcov_device_enable(device, mode) != 0)
        fail("a remote device cannot be enabled");
}

int
main(int argc, char **argv)
{
    uint64_t longest = 0, total = 0;

    if (argc != 4)
        fail("SCENARIO THREADS EVENTS");
    scenario = argv[1];
    threads = (unsigned)strtoul(argv[2], NULL, 10);
    events = (strtoull(argv[3], NULL, 10) + ROUND - 1) / ROUND * ROUND;
    if (threads < 1 || threads > THREADS_MAX || events == 0)
        fail("1 to 16 threads, at least one event");
    stride = strcmp(scenario, "padded") == 0 ? KCOV_CACHE_LINE / sizeof(uint64_t) : 1;
    if (strcmp(scenario, "remote") == 0)
        open_remote(KCOV_MODE_TRACE_PC);
    if (strcmp(scenario, "accesses") == 0)
        open_remote(KCOV_MODE_TRACE_ACCESS);
    pthread_barrier_init(&barrier, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        jobs[i].number = i;
        if (pthread_create(&jobs[i].thread, NULL, run, &jobs[i]) != 0)
            fail("no thread");
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(jobs[i].thread, NULL);
        total += jobs[i].nanoseconds;
        if (jobs[i].nanoseconds > longest)
            longest = jobs[i].nanoseconds;
    }
    if (strcmp(scenario, "own") == 0)
        check_cache_lines();
    printf("%.3f %.0f\n", (double)total / threads / (double)events,
           (double)events * threads / (double)longest * 1e9);
    return 0;
}
