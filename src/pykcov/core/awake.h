/*
 * awake.h: whether a probe can have anything to do. While nobody can be recording, probes are
 * dormant, and do not even look at their thread.
 */
#ifndef KCOV_AWAKE_H
#define KCOV_AWAKE_H

#include <stdbool.h>

/*
 * Under the lock: how many more reasons there are to be awake. They are devices in a mode that
 * records, and an adopter. To be called before they are in force.
 */
void kcov_awake_add(int difference);

/* Who is told, under the lock, at once and when that changes; NULL: nobody. */
void kcov_awake_listen(void (*listener)(bool awake));

#endif
