/*
 * device.c: see device.h. The order of the checks in every operation is that of the specification.
 */
#define _GNU_SOURCE
#define KCOV_CORE
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "awake.h"
#include "lock.h"
#include "remote.h"
#include "thread.h"

static struct kcov_device *devices; /* [L] all that are not freed */
static unsigned alive;              /* [L] how many these are */
static uint64_t serials;            /* [L] the newest serial */

void
kcov_device_settle(void)
{
    struct kcov_thread *thread = kcov_self.thread;

    if (thread != NULL && thread->own != NULL && thread->own->state == KCOV_DYING)
        kcov_device_disown(thread);
}

static void
link_device(struct kcov_device *device)
{
    device->next = devices;
    if (devices != NULL)
        devices->previous = device;
    devices = device;
    alive++;
}

static void
unlink_device(struct kcov_device *device)
{
    if (device->next != NULL)
        device->next->previous = device->previous;
    if (device->previous != NULL)
        device->previous->next = device->next;
    else
        devices = device->next;
    alive--;
}

/* Takes the descriptor over, also if it fails. */
static int
open_device(struct kcov_device **device, int fd)
{
    struct stat status = {0};
    struct kcov_device *new = aligned_alloc(KCOV_CACHE_LINE, sizeof(*new));

    if (new == NULL || fstat(fd, &status) != 0) {
        free(new);
        close(fd);
        return ENOMEM;
    }
    *new = (struct kcov_device){.node_device = status.st_dev,
                                .node = status.st_ino,
                                .references = 2,
                                .open = true,
                                .fd = fd};
    *device = new;
    return 0;
}

static int
announce(struct kcov_device *device)
{
    kcov_begin();
    device->serial = ++serials;
    link_device(device);
    return kcov_unlock_with(0);
}

int
kcov_device_open(struct kcov_device **device)
{
    int fd, error;

    if ((error = kcov_memfd_open(&fd)) != 0 || (error = open_device(device, fd)) != 0)
        return error;
    return announce(*device);
}

int
kcov_device_borrow(struct kcov_device **device, int fd)
{
    struct kcov_buffer *buffer;
    int own, error;

    if ((error = kcov_buffer_from_fd(&buffer, fd, true)) != 0)
        return error;
    if ((error = kcov_buffer_join(buffer)) == 0) {
        own = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* none that a program takes for its standard input */
        error = own < 0 ? errno : open_device(device, own);
    }
    if (error != 0) {
        kcov_buffer_release(buffer);
        return error;
    }
    kcov_device_give_buffer(*device, buffer);
    (*device)->inherited = (*device)->borrowed = true;
    return announce(*device);
}

/*
 * Somebody may have closed the number and opened something else under it: that is not ours to
 * close.
 */
static void
close_fd(struct kcov_device *device)
{
    struct stat status;

    if (fstat(device->fd, &status) == 0 && status.st_dev == device->node_device &&
        status.st_ino == device->node)
        close(device->fd);
    device->fd = -1;
}

static int
close_device(struct kcov_device *device, const struct kcov_wait *wait)
{
    if (!device->open)
        return ENXIO;
    if (device->handle != NULL)
        kcov_sections_leave(device->handle);
    device->open = false;
    close_fd(device);
    if (device->owner != NULL && device->owner != kcov_self.thread) {
        kcov_device_set_mode(device, KCOV_MODE_NONE);
        device->state = KCOV_DYING;
        return 0;
    }
    if (device->owner != NULL)
        kcov_device_disown(device->owner);
    if (device->handle != NULL)
        return kcov_handle_drain(kcov_handle_closed(device->handle), wait);
    kcov_device_free(device);
    return 0;
}

int
kcov_device_close(struct kcov_device *device, const struct kcov_wait *wait)
{
    kcov_begin();
    kcov_device_settle();
    return kcov_unlock_with(close_device(device, wait));
}

int
kcov_device_mmap(struct kcov_device *device, int64_t offset)
{
    int error = 0;

    kcov_begin();
    if (!device->open)
        error = ENXIO;
    else if (device->nmemb == 0 || offset < 0 ||
             (uint64_t)offset >= KCOV_INFO_OFFSET(device->nmemb))
        error = EINVAL;
    return kcov_unlock_with(error);
}

int
kcov_device_buffer(struct kcov_device *device, struct kcov_buffer **buffer)
{
    kcov_begin();
    if (!device->open)
        return kcov_unlock_with(ENXIO);
    if (device->buffer == NULL)
        return kcov_unlock_with(EINVAL);
    kcov_buffer_reference(device->buffer);
    *buffer = device->buffer;
    return kcov_unlock_with(0);
}

struct kcov_counters *
kcov_device_counters(struct kcov_device *device)
{
    struct kcov_counters *counters;

    kcov_begin();
    counters = device->open ? device->counters : NULL;
    if (counters != NULL)
        kcov_counters_reference(counters);
    kcov_unlock();
    return counters;
}

int
kcov_device_fd(struct kcov_device *device)
{
    int fd;

    kcov_begin();
    fd = device->fd;
    kcov_unlock();
    return fd;
}

void
kcov_device_status(struct kcov_device *device, struct kcov_device_status *status)
{
    kcov_begin();
    *status = (struct kcov_device_status){
        .state = device->state,
        .open = device->open,
        .remote = device->handle != NULL,
        .inherited = device->inherited,
        .mode = kcov_event_mode(&device->trace),
        .nmemb = device->nmemb,
        .dropped = device->dropped,
    };
    if (device->buffer != NULL)
        status->dropped = atomic_load_explicit(device->trace.dropped, memory_order_relaxed);
    if (device->handle != NULL)
        status->handle = kcov_handle_key(device->handle);
    kcov_unlock();
}

unsigned
kcov_device_count(void)
{
    unsigned count;

    kcov_begin();
    count = alive;
    kcov_unlock();
    return count;
}

static void
release(struct kcov_device *device)
{
    if (--device->references == 0)
        free(device);
}

void
kcov_device_release(struct kcov_device *device)
{
    kcov_begin();
    release(device);
    kcov_unlock();
}

void
kcov_device_set_mode(struct kcov_device *device, int mode)
{
    bool recorded = (kcov_event_mode(&device->trace) & ~KCOV_MODE_ADOPT) != KCOV_MODE_NONE;

    kcov_awake_add(((mode & ~KCOV_MODE_ADOPT) != KCOV_MODE_NONE) - recorded);
    kcov_set_mode(&device->trace, mode | kcov_follow_mode());
}

void
kcov_devices_follow(void)
{
    for (struct kcov_device *device = devices; device != NULL; device = device->next)
        kcov_device_set_mode(device, kcov_event_mode(&device->trace));
}

void
kcov_devices_adopt(bool ask)
{
    for (struct kcov_device *device = devices; device != NULL; device = device->next) {
        if (device->state == KCOV_DYING)
            kcov_device_set_mode(device, ask ? KCOV_MODE_ADOPT : KCOV_MODE_NONE);
    }
}

void
kcov_device_set_followed(struct kcov_device *device, bool followed)
{
    if (device->followed == followed)
        return;
    device->followed = followed;
    kcov_followed_add(followed ? 1 : -1);
}

void
kcov_device_ready(struct kcov_device *device)
{
    kcov_device_set_mode(device, KCOV_MODE_NONE);
    kcov_device_set_followed(device, false);
    kcov_buffer_end_alone(device->buffer);
    device->state = KCOV_READY;
}

void
kcov_device_free(struct kcov_device *device)
{
    kcov_device_set_mode(device, KCOV_MODE_NONE);
    kcov_device_set_followed(device, false);
    if (device->buffer != NULL) {
        device->dropped = atomic_load_explicit(device->trace.dropped, memory_order_relaxed);
        kcov_buffer_end_alone(device->buffer);
        kcov_buffer_release(device->buffer);
        device->buffer = NULL;
    }
    if (device->trace.seen != NULL)
        munmap((void *)device->trace.seen, KCOV_SEEN_BYTES);
    device->trace.seen = NULL;
    if (device->counters != NULL)
        kcov_counters_release(device->counters);
    device->counters = NULL;
    unlink_device(device);
    release(device);
}

void
kcov_device_disown(struct kcov_thread *thread)
{
    struct kcov_device *device = thread->own;

    if (device == NULL)
        return;
    thread->own = NULL;
    device->owner = NULL;
    kcov_thread_attach(); /* before the device goes: a signal handler may make events at any moment
                           */
    if (device->state == KCOV_DYING)
        kcov_device_free(device);
    else
        kcov_device_ready(device);
}

void
kcov_device_before_fork(void)
{
    for (struct kcov_device *device = devices; device != NULL; device = device->next) {
        device->inherited = true;
        atomic_store(&device->trace.shared, true);
        if (device->buffer != NULL)
            kcov_buffer_end_alone(device->buffer);
    }
}
