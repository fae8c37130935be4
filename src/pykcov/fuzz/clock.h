/*
 * clock.h: the time in ns, as time.monotonic_ns() gives it.
 */
#ifndef PYKCOV_CLOCK_H
#define PYKCOV_CLOCK_H

#include <stdint.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)

/* May be called in a signal handler. */
static inline uint64_t
pykcov_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_nsec;
}

/*
 * The same as of the last tick of the kernel, some milliseconds ago, for a fifth of the price. Sums
 * of differences come out right all the same: each tick counts for what it comes in.
 */
static inline uint64_t
pykcov_about_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_nsec;
}

#endif
