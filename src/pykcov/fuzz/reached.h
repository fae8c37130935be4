/*
 * reached.h: what any input has reached so far, and how often within one execution, in libFuzzer's
 * ranges: once, twice, three times, 4 to 7 times, and so on.
 *
 * libFuzzer also counts the executions that reach each place, to choose what it mutates next. That
 * takes longer than many a short input runs. So, after the first few thousand executions, it is
 * told what a mutated input reached only if that is new, and in one of a few executions otherwise,
 * which is enough to see what is rare. Used by the thread that fuzzes alone.
 */
#ifndef PYKCOV_REACHED_H
#define PYKCOV_REACHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reached {
    uint8_t *ranges; /* for each counter, a bit for each range */
    size_t size;
};

enum pykcov_news {
    PYKCOV_NOTHING_NEW,
    PYKCOV_NEW_RANGE,
    PYKCOV_NEW_PLACE,
};

/* After an execution, with what it has counted: note it, and say whether it is new. What there is
 * no memory for is new each time. */
enum pykcov_news pykcov_reached_note(struct reached *reached, const uint8_t *counters,
                                     size_t count);

/* Whether libFuzzer is told of an execution that reached nothing new, by its number. */
bool pykcov_reached_is_told(uint64_t executions);

#endif
