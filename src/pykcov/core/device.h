/*
 * device.h: the life of a device.
 *
 *   open          set_buffer          enable
 *   -----> none -------------> ready <--------> trace
 *                                ^    disable     |
 *                                |                |  disable, while sections are open
 *    the last section is left    |                v
 *                                +------------ stopping
 *
 * close ends it in every state. Closed by others while a thread owns it, it is `dying` until that
 * thread's next operation or end. A closed remote device goes on until its last section is left.
 */
#ifndef KCOV_DEVICE_H
#define KCOV_DEVICE_H

#include <sys/types.h>

#include "buffer.h"
#include "counters.h"
#include "trace.h"
#include "wait.h"

/* Both maps for TRACE_UNIQUE_PC: address space, of which only what is touched becomes memory. */
#define KCOV_SEEN_BYTES (KCOV_PROBES_MAX + (sizeof(uint64_t) << KCOV_NATIVE_BITS))

enum kcov_state { KCOV_NONE, KCOV_READY, KCOV_TRACE, KCOV_STOPPING, KCOV_DYING };

struct kcov_device {
    struct kcov_trace trace; /* what events see; a cache line that nobody writes while it traces */
    uint64_t serial;         /* [I] never used again */
    dev_t node_device;       /* [I] which file the descriptor was, */
    ino_t node;              /* [I] in case somebody else closed it */
    unsigned references;     /* [L] one for being alive, one for who opened it */
    bool open;               /* [L] the unit is in the table */
    enum kcov_state state;   /* [L] */
    int fd;                  /* [L] -1 when closed */
    struct kcov_thread *owner;  /* [L] */
    struct kcov_handle *handle; /* [L] a device with a handle is remote, and never has an owner */
    struct kcov_buffer *buffer; /* [L] NULL: none yet, or freed */
    struct kcov_group *follows; /* [L] whose threads come to it by their context, too (group.h);
                                   NULL: nobody's */
    bool followed;  /* [L] from enable until it is ready again, if it follows: events look for it */
    uint64_t nmemb; /* [L] 0: no buffer yet */
    struct kcov_counters *counters; /* [L] NULL: none, or freed. Stays while it traces */
    bool inherited; /* [L] another process has it too, and may enable it at the same time */
    bool borrowed;  /* [I] the memory is that of another process's device */
    struct kcov_device *next;     /* [L] all that are not freed */
    struct kcov_device *previous; /* [L] */
    uint64_t dropped;             /* [L] copied from the information page when the buffer goes */
};

/* What can be seen of a device at a moment. */
struct kcov_device_status {
    enum kcov_state state;
    bool open, remote;
    bool inherited;
    int mode;
    uint64_t nmemb, dropped;
    struct kcov_key handle; /* if remote */
};

/*
 * The operations, with the answers of the specification: 0 or an errno. The caller holds a
 * reference. They sleep only as `wait` says (wait.h); EINTR then means that the wait was given up,
 * and everything but the wait was done.
 */
int kcov_device_open(struct kcov_device **device);

/*
 * A device that appends to the memory of another process's device, whose descriptor this is (the
 * caller's). It has its buffer already, and leaves what was recorded there. EINVAL: not a device
 * with a buffer. EBUSY: a thread of the other process appends alone, without a bus lock; it has to
 * be enabled after this was tried.
 */
int kcov_device_borrow(struct kcov_device **device, int fd);
int kcov_device_set_buffer(struct kcov_device *device, uint64_t nmemb);
int kcov_device_enable(struct kcov_device *device, int mode);

/*
 * Instead of set_buffer: append to the buffer of a kernel's driver, beside the driver, which traces
 * the same thread. EINVAL: the buffer is not one of a driver.
 */
int kcov_device_share_buffer(struct kcov_device *device, struct kcov_buffer *buffer);
int kcov_device_disable(struct kcov_device *device, const struct kcov_wait *wait);
int kcov_device_attach(struct kcov_device *device, struct kcov_key key,
                       const struct kcov_wait *wait);

/*
 * The same, with the common handle of a group; and threads whose context names the group (follow.c)
 * work for it without entering a section.
 */
int kcov_device_follow(struct kcov_device *device, struct kcov_group *group,
                       const struct kcov_wait *wait);
int kcov_device_close(struct kcov_device *device, const struct kcov_wait *wait);

/* EINVAL: nothing to be mapped at this byte offset. ENXIO: not open. */
int kcov_device_mmap(struct kcov_device *device, int64_t offset);

/* A reference to its buffer. EINVAL: it has none yet. ENXIO: not open. */
int kcov_device_buffer(struct kcov_device *device, struct kcov_buffer **buffer);

/*
 * Give it a counter map, one that there is or none (NULL), or a new one, to which the caller gets a
 * reference too. ENXIO: not open. EBUSY: it traces, or sections are still open. EINVAL: size is not
 * 1..KCOV_PROBES_MAX.
 */
int kcov_device_set_counters(struct kcov_device *device, struct kcov_counters *counters);
int kcov_device_new_counters(struct kcov_device *device, uint64_t size,
                             struct kcov_counters **counters);

/* A reference to its map. NULL: it has none, or is not open. */
struct kcov_counters *kcov_device_counters(struct kcov_device *device);

/* The descriptor, -1 if closed. */
int kcov_device_fd(struct kcov_device *device);

void kcov_device_status(struct kcov_device *device, struct kcov_device_status *status);

/* Devices that are not freed. */
unsigned kcov_device_count(void);

/* The caller's reference, which it has from kcov_device_open(). */
void kcov_device_release(struct kcov_device *device);

/* For the rest of the core, under the lock. */

/* Before anything else, in five operations: a dying device goes with its owner's next one. */
void kcov_device_settle(void);

/* kcov_follow_mode() has changed. */
void kcov_devices_follow(void);

/*
 * There is another adopter, or none. Threads that own dying devices have not seen it: they find out
 * by the mode of these, as idle ones do.
 */
void kcov_devices_adopt(bool ask);

/* What its events see: a mode of users, or none, and whether they look whom their thread follows.
 */
void kcov_device_set_mode(struct kcov_device *device, int mode);

/* Whether all events look whom their thread follows, on account of this device. Idempotent. */
void kcov_device_set_followed(struct kcov_device *device, bool followed);

/* Its buffer, whose reference it takes over: now it can be enabled. */
void kcov_device_give_buffer(struct kcov_device *device, struct kcov_buffer *buffer);

/* Not tracing any more, for whatever reason: it can be enabled again. */
void kcov_device_ready(struct kcov_device *device);

/* The end of its life: gives up everything that others do not refer to. */
void kcov_device_free(struct kcov_device *device);

/* The thread gives up its own device: freed if it is dying, else ready. */
void kcov_device_disown(struct kcov_thread *thread);

/* Before a fork: from now on more than one process may append to any device that there is. */
void kcov_device_before_fork(void);

/* In a forked child. */
void kcov_device_forked(void);

#endif
