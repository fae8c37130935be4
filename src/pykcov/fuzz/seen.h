/*
 * seen.h: in how many executions each place was reached: none, one, two, or more. What a campaign
 * estimates from how much is left to be found. Used by the thread that fuzzes alone.
 */
#ifndef PYKCOV_SEEN_H
#define PYKCOV_SEEN_H

#include <stddef.h>
#include <stdint.h>

#define SEEN_MAX 3

struct seen {
    uint8_t *bytes; /* one for each counter, at most SEEN_MAX; NULL: nobody asks */
    size_t count;
    uint64_t after; /* so many executions, those of the corpus, do not count */
};

/* After an execution, with what it has counted. */
void pykcov_seen_note(const struct seen *seen, const uint8_t *counters, size_t count);

#endif
