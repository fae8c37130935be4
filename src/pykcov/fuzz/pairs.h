/*
 * pairs.h: operands that met, of which one stood in the input.
 *
 * libFuzzer puts an operand in the place of another one if both have the same length, of at least
 * two bytes, and that rarely. So there is this: a mutation that takes the one out and puts the
 * other in. Where nothing met something, the input may have been too short: it goes to the end.
 *
 * Each pair is tried a few times. Of those that fit, one is taken of whose kind few were tried: a
 * check that always fails would take up mutations for ever.
 */
#ifndef PYKCOV_PAIRS_H
#define PYKCOV_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kcov.h"

#define PAIRS_BITS 6
#define PAIRS_KIND_BITS 12

/* At most KCOV_OPERAND_BYTES bytes. */
struct word {
    const uint8_t *bytes;
    size_t size;
};

struct pair {
    uint64_t hash;      /* of both; 0: none */
    uint64_t execution; /* in which it met last */
    unsigned tries;     /* how often it is to be applied yet; 0: it makes room for any other */
    uint8_t from[KCOV_OPERAND_BYTES], to[KCOV_OPERAND_BYTES];
    uint8_t from_size, to_size;
    uint16_t kind; /* a hash of where it met and, if that is a constant, what it puts in */
};

struct pairs {
    struct pair table[1u << PAIRS_BITS];     /* the ones that met last, by hash */
    unsigned count;                          /* of those with tries */
    uint64_t execution;                      /* the last one of which there are pairs */
    uint16_t applied[1u << PAIRS_KIND_BITS]; /* how often, by kind */
};

uint64_t pykcov_hash(uint64_t seed, struct word word);

/* What is added from now on is of another execution. */
void pykcov_pairs_begin(struct pairs *pairs);

/* Operands that met at a pc; `is_const`: there `to` is always the same. Returns the pair, which
 * stays until another one is added. */
const struct pair *pykcov_pairs_add(struct pairs *pairs, uint64_t pc, struct word from,
                                    struct word to, bool is_const);

/* Change an input by one of them, chosen by `random`; with `last`, by one of the last execution.
 * The new size, or 0: none fits, or what fits was tried often. */
size_t pykcov_pairs_apply(struct pairs *pairs, uint8_t *data, size_t size, size_t capacity,
                          uint64_t random, bool last);

#endif
