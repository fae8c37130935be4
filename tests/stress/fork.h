/* fork.h: what a forked child finds. */
#ifndef FORK_H
#define FORK_H

#include "worker.h"

/* Fork in the middle of everything. The child is attached to nothing, no lock is held in it, and it
 * can trace itself. */
void fork_and_check(struct worker *worker);

#endif
