/*
 * group.h: the parties that work belongs to, and the threads that work for one without a section:
 * whose context names the group. They *follow* it, and are attached to the device that does the
 * same (kcov_device_follow()).
 *
 * An event finds out whom its thread follows now, so that is done without the lock: a thread says
 * which device it is attached to, and looks whether the group's is still the same one; who wants to
 * end a device takes it from its group first, and then looks at all threads. Of the two at least
 * one sees the other.
 *
 * Memory orders: each of the two stores one place and then loads the other's, `device` here,
 * `followed` and `left` in trace.h. Only sequential consistency keeps a load behind a store of
 * another place; and as a store of that kind releases, who sees that a thread has left sees what it
 * has appended. References are counted up relaxed, as who does it has one already; counted down
 * they acquire and release, so that the last one sees all that was done with the object.
 */
#ifndef KCOV_GROUP_H
#define KCOV_GROUP_H

#include "trace.h"

struct kcov_device;

struct kcov_group {
    uint64_t number;        /* [I] never used again, nor in a process that is forked from this */
    atomic_uint references; /* [a] objects of Python, and the device that follows it */
    kcov_device_pointer device; /* [a] written under the lock: the one that follows the group while
                                   it takes threads: its handle is ready, and it traces */
};

/* A new one, with one reference; NULL without memory. */
struct kcov_group *kcov_group_create(void);

/* The number of a new one. */
uint64_t kcov_group_new(void);

/* That of the process, with a reference; NULL: there was no memory when it was forked. */
struct kcov_group *kcov_group_of_process(void);

void kcov_group_reference(struct kcov_group *group);
void kcov_group_release(struct kcov_group *group);

/*
 * The calling thread follows a group from now on, or, if no device follows that, another one; NULL:
 * none. No lock, no allocation: a signal handler may come here, also in the middle of it. The
 * groups must stay meanwhile.
 */
void kcov_group_follow(struct kcov_group *group, struct kcov_group *otherwise);

/* Whether the device that the calling thread follows has stopped, so that it should give it up. */
bool kcov_followed_ended(void);

/* For the rest of the core, under the lock. */

/* How many threads follow a device; they may leave at any moment, but none comes. */
unsigned kcov_followers(const struct kcov_device *device);

/* The calling thread follows nobody, until its next event finds out anew. */
void kcov_unfollow(void);

/* The same for a thread that ends: nobody looks at it any more. */
void kcov_follower_exit(void);

/* In a forked child: only the calling thread is there, and it follows nobody. */
void kcov_groups_forked(void);

#endif
