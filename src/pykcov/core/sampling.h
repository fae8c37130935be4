/*
 * sampling.h: which of the comparisons that a place makes are recorded under KCOV_CMP_SAMPLED.
 *
 * A fuzzer looks at what an input compared, and learns little from the thousandth comparison of a
 * loop. So the first ones of a place in a round (an execution) are recorded, and then fewer and
 * fewer, chosen by chance so that the end of an input is seen as often as its beginning.
 */
#ifndef KCOV_SAMPLING_H
#define KCOV_SAMPLING_H

#include "trace.h"

/* So many of each place are recorded before any is left out. */
#define KCOV_SAMPLED_FIRST 8

/* Of a place. Several threads may count at once, and all is relaxed: an increment may be lost, or
 * one be counted in another round, which does no harm. */
struct kcov_sampling {
    atomic_uint round; /* [a] that the others are of */
    atomic_uint hits;  /* [a] */
    atomic_uint next;  /* [a] the hit that is recorded next */
};

static inline bool
kcov_sample_hit(struct kcov_sampling *sampling, unsigned round)
{
    unsigned hits = 0, next = 0, gap = 0;

    if (atomic_load_explicit(&sampling->round, memory_order_relaxed) == round) {
        hits = atomic_load_explicit(&sampling->hits, memory_order_relaxed);
        next = atomic_load_explicit(&sampling->next, memory_order_relaxed);
    } else {
        atomic_store_explicit(&sampling->next, 0, memory_order_relaxed);
        atomic_store_explicit(&sampling->round, round, memory_order_relaxed);
    }
    atomic_store_explicit(&sampling->hits, hits + 1, memory_order_relaxed);
    if (hits < next)
        return false;
    /* About 44 of the next 4096. */
    if (hits >= KCOV_SAMPLED_FIRST)
        gap = (hits * 0x9e3779b9u ^ round * 0x85ebca6bu) / 65536 % (hits / 4);
    atomic_store_explicit(&sampling->next, hits + 1 + gap, memory_order_relaxed);
    return true;
}

/* Whether a comparison of a place is to be recorded, which counts it. */
static inline bool
kcov_sample(struct kcov_sampling *sampling, int mode)
{
    if (!(mode & KCOV_CMP_SAMPLED))
        return true;
    return kcov_round_compares(mode) && kcov_sample_hit(sampling, kcov_round());
}

#endif
