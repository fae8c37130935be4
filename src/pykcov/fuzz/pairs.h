/*
 * pairs.h: operands that met, of which one stood in the input.
 *
 * libFuzzer puts an operand in the place of another one if both have the same length, of at least
 * two bytes, and that rarely. So there is this: a mutation that takes the one out and puts the
 * other in.
 *
 * Each pair is tried a few times. The more often the same thing was put in for the same place of
 * the program, the fewer of its pairs are kept: a check that always fails would take up mutations
 * for ever.
 */
#ifndef PYKCOV_PAIRS_H
#define PYKCOV_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kcov.h"

#define PAIRS_BITS 6
#define PAIRS_PLACE_BITS 12

struct pair {
    uint64_t hash;  /* of both; 0: none */
    unsigned tries; /* how often it is to be applied yet; 0: it makes room for any other */
    uint8_t from[KCOV_OPERAND_BYTES], to[KCOV_OPERAND_BYTES];
    uint8_t from_size, to_size;
    uint16_t place; /* of the two below: where it met, and what it puts in */
};

struct pairs {
    struct pair table[1u << PAIRS_BITS];      /* the ones that met last, by hash */
    unsigned count;                           /* of those with tries */
    uint16_t applied[1u << PAIRS_PLACE_BITS]; /* how often, by hash of the pc and what is put in */
    uint16_t offered[1u << PAIRS_PLACE_BITS]; /* the same: since one was kept */
};

/* At most KCOV_OPERAND_BYTES bytes. */
struct word {
    const uint8_t *bytes;
    size_t size;
};

/* Keep a pair that met at a pc, if `from` stands in the input. */
void pykcov_pairs_add(struct pairs *pairs, struct word input, uint64_t pc, struct word from,
                      struct word to);

/* Change an input by one of them, chosen by `random`. The new size, or 0: none fits. */
size_t pykcov_pairs_apply(struct pairs *pairs, uint8_t *data, size_t size, size_t capacity,
                          uint64_t random);

#endif
