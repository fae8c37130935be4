/*
 * awake.c: see awake.h.
 */
#include "awake.h"

#include <stddef.h>

#include "lock.h"

static unsigned reasons;             /* [L] */
static void (*listener)(bool awake); /* [L] */

static void
tell(void)
{
    if (listener != NULL)
        listener(reasons > 0);
}

void
kcov_awake_add(int difference)
{
    bool before = reasons > 0;

    reasons += (unsigned)difference;
    if (before != (reasons > 0))
        tell();
}

void
kcov_awake_listen(void (*function)(bool awake))
{
    kcov_lock();
    listener = function;
    tell();
    kcov_unlock();
}
