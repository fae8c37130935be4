/* sancov.h: the core's own callbacks, whoever owns their names. */
#ifndef KCOV_SANCOV_H
#define KCOV_SANCOV_H

#include "callbacks.h"

/* In the type of a comparison recorded under KCOV_CMP_BYTES: the operands are the bits of
 * floating-point numbers. */
#define KCOV_CMP_FLOAT 0x10

extern const struct kcov_callbacks kcov_own_callbacks;

#endif
