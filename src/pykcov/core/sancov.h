/* sancov.h: the core's own callbacks, whoever owns their names. */
#ifndef KCOV_SANCOV_H
#define KCOV_SANCOV_H

#include "callbacks.h"

extern const struct kcov_callbacks kcov_own_callbacks;

#endif
