/*
 * remote.h: handles, by which events of many threads find one device, and sections, in which a
 * thread works for one.
 *
 * A handle is `none` (no device, or one that is being closed), `ready` (it has an open device) or
 * `dying` (being removed). Whoever leaves the last section of a handle does what was waiting for
 * that, in the same step.
 */
#ifndef KCOV_REMOTE_H
#define KCOV_REMOTE_H

#include <stddef.h>

#include "group.h"
#include "thread.h"
#include "wait.h"

enum kcov_handle_state { KCOV_HANDLE_NONE, KCOV_HANDLE_READY, KCOV_HANDLE_DYING };

struct kcov_handle_status {
    struct kcov_key key;
    enum kcov_handle_state state;
    unsigned sections;
    uint64_t device; /* serial, 0: none */
};

/* These take the lock. 0, ENOMEM, or EINTR if poll gave the wait up. */
int kcov_handle_register(struct kcov_key key, const struct kcov_wait *wait);
int kcov_handle_unregister(struct kcov_key key, const struct kcov_wait *wait);

/* All handles, in an array for free(). 0 or ENOMEM. */
int kcov_handle_list(struct kcov_handle_status **list, size_t *count);

/*
 * Take the lock for an operation, which finds done what was waiting for threads that follow
 * (group.h): these leave without the lock, and so leave it to others.
 */
void kcov_begin(void);

/* The same, if nobody has the lock right now and there is something to be done: never waits. */
void kcov_settle(void);

/* For the rest of the core, under the lock. */

/* Do what was waiting for threads that follow, where none is left. */
void kcov_handles_settle(void);

struct kcov_handle *kcov_handle_find(struct kcov_key key);
struct kcov_handle *kcov_handle_add(struct kcov_key key); /* NULL: no memory */
struct kcov_key kcov_handle_key(const struct kcov_handle *handle);
struct kcov_device *kcov_handle_device(const struct kcov_handle *handle);
bool kcov_handle_dying(const struct kcov_handle *handle);

/* group: the device follows it, and takes its reference over; NULL: sections only. */
void kcov_handle_link(struct kcov_handle *handle, struct kcov_device *device,
                      struct kcov_group *group);

/* No thread begins to follow the group of this device any more, or they may. */
void kcov_handle_take_followers(struct kcov_device *device, bool take);

/*
 * Its device was closed: a common handle goes with it, an explicit one stays. Returns the handle.
 */
struct kcov_handle *kcov_handle_closed(struct kcov_handle *handle);

/*
 * Let what waits for the last section happen: now if there is none, else sleep until it is left (0
 * or EINTR).
 */
int kcov_handle_drain(struct kcov_handle *handle, const struct kcov_wait *wait);

/* Sleep until a dying handle is gone. */
int kcov_handle_await_end(struct kcov_handle *handle, const struct kcov_wait *wait);

/*
 * Leave the caller's sections of a handle, and follow its device no more. Their records stay,
 * without effect. The handle may be gone afterwards.
 */
void kcov_sections_leave(struct kcov_handle *handle);

/*
 * The same for all sections of a thread: the caller's, or in a forked child that of a thread that
 * is gone.
 */
void kcov_sections_leave_all(struct kcov_thread *thread);

/* Free the records. */
void kcov_sections_free(struct kcov_thread *thread);

/* In a forked child: nobody waits for any handle. */
void kcov_handles_forked(void);

#endif
