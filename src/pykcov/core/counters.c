/*
 * counters.c: see counters.h.
 */
#define _GNU_SOURCE
#include "counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "numbers.h"

int
kcov_counters_create(struct kcov_counters **counters, size_t size)
{
    struct kcov_counters *new = malloc(sizeof(*new));
    void *bytes;

    if (new == NULL)
        return ENOMEM;
    if (kcov_native_numbers_create() != 0) {
        free(new);
        return ENOMEM;
    }
    /* Only what is touched becomes memory. */
    bytes =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED) {
        free(new);
        return ENOMEM;
    }
    atomic_init(&new->references, 1);
    new->bytes = bytes;
    new->size = size;
    *counters = new;
    return 0;
}

void
kcov_counters_reference(struct kcov_counters *counters)
{
    atomic_fetch_add_explicit(&counters->references, 1, memory_order_relaxed);
}

void
kcov_counters_release(struct kcov_counters *counters)
{
    if (atomic_fetch_sub_explicit(&counters->references, 1, memory_order_acq_rel) > 1)
        return;
    munmap((void *)counters->bytes, counters->size);
    free(counters);
}

void
kcov_counters_reset(struct kcov_counters *counters, size_t probes)
{
    memset((void *)counters->bytes, 0, probes < counters->size ? probes : counters->size);
}
