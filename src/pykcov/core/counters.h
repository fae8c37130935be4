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
    atomic_uint references; /* [a] devices and objects that refer to it */
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

#endif
