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

/* The bit for a number of hits. */
static uint8_t
range_of(uint8_t hits)
{
    if (hits < 4)
        return (uint8_t)(hits == 0 ? 0 : 1u << (hits - 1));
    if (hits < 32)
        return hits < 8 ? 1u << 3 : hits < 16 ? 1u << 4 : 1u << 5;
    return hits < 128 ? 1u << 6 : 1u << 7;
}

size_t
kcov_counters_reach(const struct kcov_counters *counters, uint8_t *seen, size_t size, size_t probes)
{
    size_t end = probes < counters->size ? probes : counters->size;
    size_t found = 0;
    uint64_t eight;

    if (end > size)
        end = size;
    for (size_t i = 0; i < end; i++) {
        /* Most places of a program are not reached by one input. */
        if (i % 8 == 0 && i + 8 <= end) {
            memcpy(&eight, (const void *)&counters->bytes[i], sizeof(eight));
            if (eight == 0) {
                i += 7;
                continue;
            }
        }
        uint8_t range = range_of(atomic_load_explicit(&counters->bytes[i], memory_order_relaxed));

        if (range & ~seen[i]) {
            seen[i] |= range;
            found++;
        }
    }
    return found;
}
