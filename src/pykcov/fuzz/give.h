/*
 * give.h: what libFuzzer, the pairs and the stage are given of what an input compared.
 */
#ifndef PYKCOV_GIVE_H
#define PYKCOV_GIVE_H

#include "replay.h"

/* A word that libFuzzer keeps is longer, and a shorter one is found without. */
#define WORD_MIN 3

/* An operand of a record; as a pair it counts if it is there whole. */
struct operand {
    const uint8_t *bytes;
    uint64_t length; /* before it was cut */
    size_t size;     /* how many bytes there are */
};

static inline uint64_t
mix(uint64_t value)
{
    value ^= value >> 32;
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 29;
}

/* `from`, which may stand in the input, is to be replaced by `to`, of which there is always the
 * same if it `is_const`. */
void pykcov_give_pair(struct replay *replay, uint64_t pc, struct word from, struct word to,
                      bool is_const);

/* A word that was looked for, unless it was given before or stands in the input. */
void pykcov_give_word(struct replay *replay, struct word word);

/* The same number of bytes of both, of which libFuzzer puts one in the place of the other. */
void pykcov_give_bytes(struct replay *replay, uint64_t pc, const uint8_t *a, const uint8_t *b,
                       size_t size);

#endif
