/*
 * pairs.h: operands of different lengths that met, of which one stood in the input.
 *
 * libFuzzer puts an operand in the place of another one of the same length only. For all others
 * there is this: a mutation that takes the one out and puts the other in.
 */
#ifndef PYKCOV_PAIRS_H
#define PYKCOV_PAIRS_H

#include <stddef.h>
#include <stdint.h>

#include "kcov.h"

#define PAIRS_BITS 6

struct pair {
    uint64_t hash; /* of both; 0: none */
    uint8_t from[KCOV_OPERAND_BYTES], to[KCOV_OPERAND_BYTES];
    uint8_t from_size, to_size;
};

/* The ones that met last, by hash. */
struct pairs {
    struct pair table[1u << PAIRS_BITS];
    unsigned count;
};

/* Operands of at most KCOV_OPERAND_BYTES bytes. Kept if `from` stands in the input. */
void pykcov_pairs_add(struct pairs *pairs, const uint8_t *input, size_t input_size,
                      const uint8_t *from, size_t from_size, const uint8_t *to, size_t to_size);

/* Change an input by one of them, chosen by `random`. The new size, or 0: none fits. */
size_t pykcov_pairs_apply(const struct pairs *pairs, uint8_t *data, size_t size, size_t capacity,
                          uint64_t random);

#endif
