/*
 * numbers.h: integers and floats that met, given to libFuzzer and as pairs.
 *
 * An input may hold a number as bytes, of 1, 2, 4, ... of them, in either order, and as text.
 */
#ifndef PYKCOV_NUMBERS_H
#define PYKCOV_NUMBERS_H

#include "give.h"

/* Integers that fit into a word, of the size that the type of the record says; floats as bits. */
void pykcov_replay_integers(struct replay *replay, uint64_t type, uint64_t a, uint64_t b,
                            uint64_t pc);
void pykcov_replay_floats(struct replay *replay, uint64_t type, uint64_t a, uint64_t b,
                          uint64_t pc);

/* Integers of which one is longer, the least significant byte first. */
void pykcov_replay_long_integers(struct replay *replay, uint64_t pc, const struct operand *from,
                                 const struct operand *to, bool to_is_const);

#endif
