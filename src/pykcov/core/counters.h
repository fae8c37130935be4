/*
 * counters.h: a counter map: how often each place was reached, a byte each, by its number
 * (numbers.h): each probe and, where native code calls back, each of its basic blocks.
 * Several devices may count into one map, also those of processes that are forked later.
 */
#ifndef KCOV_COUNTERS_H
#define KCOV_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct kcov_counters {
    atomic_uint
        references; /* [a] devices and objects that refer to it (group.h says which order) */
    _Atomic uint8_t *bytes; /* [I] a mapping, shared with processes that are forked later */
    size_t size;            /* [I] in bytes: probes with a lower number have a counter */
};

/* All zero, with one reference. 0 or ENOMEM. */
int kcov_counters_create(struct kcov_counters **counters, size_t size);

void kcov_counters_reference(struct kcov_counters *counters);
void kcov_counters_release(struct kcov_counters *counters);

/* Set those of the first `probes` probes to 0. One that is counted up meanwhile may keep its value.
 */
void kcov_counters_reset(struct kcov_counters *counters, size_t probes);

/* Take what the first `probes` counters have reached into `seen`, a byte for each of at most
 * `size`: a bit for each of the ranges 1, 2, 3, 4-7, 8-15, 16-31, 32-127 and 128-255 of hits, the
 * lowest bit first. Returns how many bits are new. */
size_t kcov_counters_reach(const struct kcov_counters *counters, uint8_t *seen, size_t size,
                           size_t probes);

#endif
