/*
 * adopt.c: see adopt.h.
 */
#include "adopt.h"

#include <errno.h>
#include <stdlib.h>

#include "awake.h"
#include "device.h"
#include "lock.h"
#include "thread.h"

struct kcov_idle kcov_newborn;

static struct kcov_idle
    *present; /* [L] of the threads that the present adopter has seen, NULL without one */

static unsigned followed; /* [L] devices that follow their group and have begun to trace */

int
kcov_follow_mode(void)
{
    return followed > 0 ? KCOV_MODE_FOLLOW : KCOV_MODE_NONE;
}

static void
set_modes(void)
{
    for (struct kcov_idle *idle = &kcov_newborn; idle != NULL; idle = idle->next) {
        bool adopt = present != NULL && idle != present;

        kcov_set_mode(&idle->trace,
                      (adopt ? KCOV_MODE_ADOPT : KCOV_MODE_NONE) | kcov_follow_mode());
    }
}

void
kcov_followed_add(int difference)
{
    bool before = followed > 0;

    followed += (unsigned)difference;
    if (before != (followed > 0)) {
        set_modes();
        kcov_devices_follow();
    }
}

unsigned
kcov_followed(void)
{
    unsigned count;

    kcov_lock();
    count = followed;
    kcov_unlock();
    return count;
}

/* An idle trace that no thread points at: there are never more of them than threads, and two. */
static struct kcov_idle *
unused_idle(void)
{
    struct kcov_idle *idle;

    for (idle = kcov_newborn.next; idle != NULL; idle = idle->next) {
        if (idle->threads == 0)
            return idle;
    }
    idle = aligned_alloc(KCOV_CACHE_LINE, sizeof(*idle));
    if (idle == NULL)
        return NULL;
    *idle = (struct kcov_idle){.next = kcov_newborn.next};
    kcov_newborn.next = idle;
    return idle;
}

static void
set_present(struct kcov_idle *idle)
{
    kcov_awake_add((idle != NULL) - (present != NULL));
    present = idle;
    set_modes();
    kcov_devices_adopt(idle != NULL);
}

int
kcov_adopter_set(bool on)
{
    struct kcov_idle *idle = NULL;
    int error = 0;

    kcov_lock();
    if (on) {
        idle = unused_idle();
        error = idle == NULL ? ENOMEM : 0;
    }
    if (error == 0)
        set_present(idle);
    kcov_unlock();
    return error;
}

bool
kcov_adopt_begin(void)
{
    bool asked = false;
    struct kcov_thread *thread;

    kcov_lock();
    thread = present != NULL ? kcov_thread_get() : NULL;
    kcov_device_settle();
    if (thread != NULL && thread->idle != present) {
        kcov_adopt_forget(thread);
        thread->idle = present;
        present->threads++;
        kcov_self.quiet++;
        kcov_thread_attach();
        asked = true;
    }
    kcov_unlock();
    return asked;
}

void
kcov_adopt_end(void)
{
    kcov_lock();
    kcov_self.quiet--;
    kcov_thread_attach();
    kcov_unlock();
}

void
kcov_adopt_forget(struct kcov_thread *thread)
{
    if (thread->idle != &kcov_newborn)
        thread->idle->threads--;
    thread->idle = &kcov_newborn;
}

void
kcov_adopt_forked(void)
{
    set_present(NULL);
}
