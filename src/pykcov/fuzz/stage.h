/*
 * stage.h: what is done with an input that reached new code before anything else is tried.
 *
 * Such an input is run once more, with all that it compares recorded. Then each operand that stands
 * in it is replaced by what it was compared with, one after the other. That takes as many
 * executions as there are such pairs, so of each kind of pairs only the first few are tried.
 */
#ifndef PYKCOV_STAGE_H
#define PYKCOV_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pairs.h"

#define STAGE_INPUTS 1024
#define STAGE_PAIRS 512

struct stage_input {
    uint8_t *bytes;
    size_t size;
    size_t needed; /* so many bytes must be allowed, of which libFuzzer begins with few; of the one
                    * that it is about: with one more of its pairs, or 0 */
};

struct stage {
    struct stage_input waiting[STAGE_INPUTS];
    unsigned count;

    struct stage_input input;       /* the one that it is about */
    bool offered;                   /* it is to be run as it is */
    struct pair pairs[STAGE_PAIRS]; /* what it compared */
    unsigned pair_count;
    size_t next, places;                  /* where the last pair is looked for; tries so far */
    uint8_t taken[1u << PAIRS_KIND_BITS]; /* how many pairs, by kind */
};

/* Before an execution: whether it is that of the input that was offered. */
bool pykcov_stage_begin(struct stage *stage, const uint8_t *data, size_t size);

/* A pair that met in that execution. */
void pykcov_stage_take(struct stage *stage, const struct pair *pair);

/* After any other that reached what none has reached before. */
void pykcov_stage_keep(struct stage *stage, const uint8_t *data, size_t size);

/* Write the next input that is to be run, and return its size; 0: none. */
size_t pykcov_stage_mutate(struct stage *stage, uint8_t *data, size_t capacity);

#endif
