/*
 * native_events.c: calls callbacks as instrumented code does, and times them. Linked with the flags
 * of `pykcov cflags`; each function returns nanoseconds a call.
 */
#include <stdint.h>
#include <time.h>

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_const_cmp4(uint32_t a, uint32_t b);
void __sanitizer_cov_trace_cmp8(uint64_t a, uint64_t b);

static double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

#define TIMED(name, call)                                                                          \
    double name(int calls)                                                                         \
    {                                                                                              \
        double start = now();                                                                      \
        for (int i = 0; i < calls; i++) {                                                          \
            call;                                                                                  \
            __asm__ volatile("");                                                                  \
        }                                                                                          \
        return (now() - start) / calls;                                                            \
    }

TIMED(loop, (void)0)
TIMED(pc, __sanitizer_cov_trace_pc())
TIMED(cmp, __sanitizer_cov_trace_cmp8((uint64_t)i, (uint64_t)calls))
TIMED(const_cmp, __sanitizer_cov_trace_const_cmp4(7, (uint32_t)i))
