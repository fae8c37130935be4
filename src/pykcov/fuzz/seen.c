/*
 * seen.c: see seen.h.
 */
#include "seen.h"

/* So many counters are looked at without a branch, as vectors: this runs after each execution. */
#define BLOCK 64

static inline void
note(uint8_t *restrict seen, const uint8_t *restrict counters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        seen[i] += (counters[i] != 0) & (seen[i] < SEEN_MAX);
}

void
pykcov_seen_note(const struct seen *seen, const uint8_t *counters, size_t count)
{
    size_t at = 0;

    if (count > seen->count)
        count = seen->count;
    for (; at + BLOCK <= count; at += BLOCK)
        note(seen->bytes + at, counters + at, BLOCK);
    note(seen->bytes + at, counters + at, count - at);
}
