/*
 * group.c: see group.h.
 */
#define KCOV_CORE
#include "group.h"

#include <stdlib.h>

#include "device.h"
#include "thread.h"
#include "wait.h"

static atomic_uint_fast64_t numbers;          /* [a] of the newest group */
static atomic_uint_fast64_t process_number;   /* [a] */
static struct kcov_group *process;            /* [I] until a fork; NULL: no memory */
static _Atomic(struct kcov_self *) followers; /* [a] threads that follow, or did: they are added by
                                                 themselves, and taken out under the lock */

uint64_t
kcov_group_new(void)
{
    return atomic_fetch_add(&numbers, 1) + 1;
}

struct kcov_group *
kcov_group_create(void)
{
    struct kcov_group *group = malloc(sizeof(*group));

    if (group != NULL)
        *group = (struct kcov_group){.number = kcov_group_new(), .references = 1};
    return group;
}

void
kcov_group_reference(struct kcov_group *group)
{
    atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
}

void
kcov_group_release(struct kcov_group *group)
{
    if (atomic_fetch_sub_explicit(&group->references, 1, memory_order_acq_rel) == 1)
        free(group);
}

uint64_t
kcov_process_group(void)
{
    return atomic_load(&process_number);
}

struct kcov_group *
kcov_group_of_process(void)
{
    if (process != NULL)
        kcov_group_reference(process);
    return process;
}

static void
begin_process(void)
{
    process = kcov_group_create();
    atomic_store(&process_number, process != NULL ? process->number : kcov_group_new());
}

__attribute__((constructor)) static void
initialise(void)
{
    begin_process();
}

/*
 * Add the calling thread. A forked child may begin in the middle of this, in a signal handler, and
 * has the thread in its list then.
 */
static void
join(struct kcov_self *self)
{
    struct kcov_self *first = atomic_load(&followers);

    if (self->joined || !kcov_thread_watch())
        return;
    do {
        if (first == self)
            break;
        self->next = first;
    } while (!atomic_compare_exchange_weak(&followers, &first, self));
    self->joined = true;
}

static struct kcov_device *
device_of(struct kcov_group *group)
{
    return group != NULL ? atomic_load(&group->device) : NULL;
}

/* The device of a group, which stays as long as the thread says so; NULL: it has none. */
static struct kcov_device *
hold(struct kcov_self *self, struct kcov_group *group)
{
    struct kcov_device *device = device_of(group), *seen;

    while (device != NULL) {
        atomic_store(&self->followed, device);
        if ((seen = device_of(group)) == device)
            break;
        device = seen;
    }
    return device;
}

void
kcov_group_follow(struct kcov_group *group, struct kcov_group *otherwise)
{
    struct kcov_self *self = &kcov_self;
    struct kcov_device *before = atomic_load_explicit(&self->followed, memory_order_relaxed);
    struct kcov_device *device = device_of(group);

    if (device == NULL)
        device = device_of(otherwise);
    if (self->busy > 0 || device == before)
        return;
    self->busy++;
    join(self);
    /* Until the thread is attached to another one its events may go to the one before. */
    atomic_store(&self->left, before);
    if (!self->joined || (hold(self, group) == NULL && hold(self, otherwise) == NULL))
        atomic_store(&self->followed, NULL);
    kcov_thread_attach();
    atomic_store(&self->left, NULL);
    self->busy--;
    kcov_rouse(); /* who waits for one of the devices that were in the way may have seen it here */
}

bool
kcov_followed_ended(void)
{
    struct kcov_device *device = atomic_load_explicit(&kcov_self.followed, memory_order_relaxed);

    return device != NULL && kcov_event_mode(&device->trace) == KCOV_MODE_NONE;
}

unsigned
kcov_followers(const struct kcov_device *device)
{
    unsigned count = 0;

    for (struct kcov_self *self = atomic_load(&followers); self != NULL; self = self->next) {
        bool follows = atomic_load(&self->followed) == device;

        /* In this order: a device is in `left` before it is not in `followed` any more. */
        if (follows || atomic_load(&self->left) == device)
            count++;
    }
    return count;
}

void
kcov_unfollow(void)
{
    struct kcov_self *self = &kcov_self;
    struct kcov_device *before = atomic_load_explicit(&self->followed, memory_order_relaxed);

    if (before == NULL)
        return;
    self->version = 0;
    atomic_store(&self->left, before);
    atomic_store(&self->followed, NULL);
    kcov_thread_attach();
    atomic_store(&self->left, NULL);
    kcov_rouse();
}

void
kcov_follower_exit(void)
{
    struct kcov_self *self = &kcov_self, *first = self;

    kcov_unfollow();
    if (!self->joined)
        return;
    self->joined = false;
    /* Others may add themselves at the front meanwhile. */
    if (!atomic_compare_exchange_strong(&followers, &first, self->next)) {
        while (first->next != self)
            first = first->next;
        first->next = self->next;
    }
}

void
kcov_groups_forked(void)
{
    struct kcov_self *self = &kcov_self;
    bool joined = self->joined || self->busy > 1; /* the fork itself is busy once */

    atomic_store(&self->followed, NULL);
    atomic_store(&self->left, NULL);
    self->version = 0;
    self->next = NULL;
    atomic_store(&followers, joined ? self : NULL);
    if (process != NULL)
        kcov_group_release(process);
    begin_process();
}
