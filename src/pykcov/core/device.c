/*
 * device.c: see device.h. The order of the checks in every operation is that of the specification.
 */
#define _GNU_SOURCE
#define KCOV_CORE
#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock.h"
#include "remote.h"
#include "thread.h"

/* Both maps for TRACE_UNIQUE_PC: address space, of which only what is touched becomes memory. */
#define SEEN_BYTES (KCOV_PROBES_MAX + (sizeof(uint64_t) << KCOV_NATIVE_BITS))

static unsigned alive;   /* [L] devices that are not freed */
static uint64_t serials; /* [L] the newest serial */
static pid_t process;    /* [L] getpid(), 0: not asked yet */

/* Before anything else: a dying device goes with its owner's next operation. */
static void
settle(void)
{
    struct kcov_thread *thread = kcov_self.thread;

    if (thread != NULL && thread->own != NULL && thread->own->state == KCOV_DYING)
        kcov_device_disown(thread);
}

static int
finish(int error)
{
    kcov_unlock();
    return error;
}

int
kcov_device_open(struct kcov_device **device)
{
    struct stat status = {0};
    struct kcov_device *new;
    int fd, error;

    if ((error = kcov_memfd_open(&fd)) != 0)
        return error;
    new = aligned_alloc(KCOV_CACHE_LINE, sizeof(*new));
    if (new == NULL || fstat(fd, &status) != 0) {
        free(new);
        close(fd);
        return ENOMEM;
    }
    *new = (struct kcov_device){
        .node_device = status.st_dev, .node = status.st_ino, .references = 2, .open = true, .fd = fd};
    kcov_lock();
    new->serial = ++serials;
    alive++;
    *device = new;
    return finish(0);
}

static int
set_buffer(struct kcov_device *device, uint64_t nmemb)
{
    int error;

    if (!device->open)
        return ENXIO;
    if (device->nmemb != 0)
        return EBUSY;
    if (nmemb < 1 || nmemb > KCOV_BUFFER_WORDS_MAX)
        return EINVAL;
    if ((error = kcov_buffer_create(&device->buffer, device->fd, nmemb)) != 0)
        return error;
    device->nmemb = nmemb;
    device->trace.words = device->buffer->words;
    device->trace.dropped = kcov_buffer_dropped(device->buffer);
    device->state = KCOV_READY;
    return 0;
}

int
kcov_device_set_buffer(struct kcov_device *device, uint64_t nmemb)
{
    kcov_lock();
    settle();
    return finish(set_buffer(device, nmemb));
}

/* The generation that nothing in the maps holds. Only a wrap of the 8 bits clears anything. */
static int
new_generation(struct kcov_device *device)
{
    if (device->trace.seen == NULL) {
        void *maps = mmap(NULL, SEEN_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (maps == MAP_FAILED)
            return ENOMEM;
        device->trace.seen = maps;
        device->trace.native_seen = (_Atomic uint64_t *)((char *)maps + KCOV_PROBES_MAX);
    }
    if (device->trace.generation == UINT8_MAX) {
        if (madvise((void *)device->trace.seen, SEEN_BYTES, MADV_DONTNEED) != 0)
            return ENOMEM;
        device->trace.generation = 0;
    }
    device->trace.generation++;
    return 0;
}

static void
write_info(struct kcov_device *device, int mode, int32_t tid)
{
    struct kcov_info *info = device->buffer->info;

    if (process == 0)
        process = getpid();
    atomic_store_explicit(device->trace.dropped, 0, memory_order_relaxed);
    info->mode = (uint32_t)mode;
    info->pid = process;
    info->tid = tid;
}

static int
enable(struct kcov_device *device, int mode)
{
    struct kcov_thread *thread;

    if (!device->open)
        return ENXIO;
    if (kcov_thread_device() != NULL)
        return EBUSY;
    if (device->state != KCOV_READY)
        return ENXIO;
    if (mode != KCOV_MODE_TRACE_PC && mode != KCOV_MODE_TRACE_CMP && mode != KCOV_MODE_TRACE_UNIQUE_PC)
        return EINVAL;
    if ((thread = kcov_thread_get()) == NULL)
        return ENOMEM;
    if (mode == KCOV_MODE_TRACE_UNIQUE_PC && new_generation(device) != 0)
        return ENOMEM;
    write_info(device, mode, device->handle == NULL ? thread->tid : 0);
    device->trace.capacity = kcov_capacity(mode, device->nmemb);
    device->state = KCOV_TRACE;
    atomic_store(&device->trace.mode, mode);
    if (device->handle == NULL) {
        device->owner = thread;
        thread->own = device;
        kcov_thread_attach();
    }
    return 0;
}

int
kcov_device_enable(struct kcov_device *device, int mode)
{
    kcov_lock();
    settle();
    return finish(enable(device, mode));
}

static int
disable(struct kcov_device *device, const struct kcov_wait *wait)
{
    if (!device->open)
        return ENXIO;
    if (device->handle == NULL && (device->owner == NULL || device->owner != kcov_self.thread))
        return EPERM;
    if (device->state != KCOV_TRACE)
        return ENXIO;
    if (device->owner != NULL) {
        kcov_device_disown(device->owner);
        return 0;
    }
    kcov_sections_leave(device->handle);
    if (device->state != KCOV_TRACE)
        return 0;
    atomic_store(&device->trace.mode, KCOV_MODE_NONE);
    device->state = KCOV_STOPPING;
    return kcov_handle_drain(device->handle, wait);
}

int
kcov_device_disable(struct kcov_device *device, const struct kcov_wait *wait)
{
    kcov_lock();
    settle();
    return finish(disable(device, wait));
}

/* What stands against attaching the device right now. */
static int
check_attach(struct kcov_device *device, struct kcov_key key, struct kcov_handle *handle)
{
    bool common = key.subsystem == KCOV_REMOTE_COMMON;

    if (!device->open || device->state != KCOV_READY)
        return ENXIO;
    if (!common && handle == NULL)
        return EINVAL;
    if (device->handle != NULL)
        return EBUSY;
    if (common)
        return handle != NULL && !kcov_handle_dying(handle) ? EBUSY : 0;
    return kcov_handle_device(handle) != NULL ? EBUSY : 0;
}

static int
attach(struct kcov_device *device, struct kcov_key key, const struct kcov_wait *wait)
{
    struct kcov_handle *handle;
    int error;

    for (;;) {
        handle = kcov_handle_find(key);
        if ((error = check_attach(device, key, handle)) != 0)
            return error;
        if (handle == NULL || !kcov_handle_dying(handle))
            break;
        if ((error = kcov_handle_await_end(handle, wait)) != 0)
            return error;
    }
    if (handle == NULL && (handle = kcov_handle_add(key)) == NULL)
        return ENOMEM;
    kcov_handle_link(handle, device);
    return 0;
}

int
kcov_device_attach(struct kcov_device *device, struct kcov_key key, const struct kcov_wait *wait)
{
    kcov_lock();
    settle();
    return finish(attach(device, key, wait));
}

/* Somebody may have closed the number and opened something else under it: that is not ours to close. */
static void
close_fd(struct kcov_device *device)
{
    struct stat status;

    if (fstat(device->fd, &status) == 0 && status.st_dev == device->node_device && status.st_ino == device->node)
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
        atomic_store(&device->trace.mode, KCOV_MODE_NONE);
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
    kcov_lock();
    settle();
    return finish(close_device(device, wait));
}

int
kcov_device_mmap(struct kcov_device *device, int64_t offset)
{
    int error = 0;

    kcov_lock();
    if (!device->open)
        error = ENXIO;
    else if (device->nmemb == 0 || offset < 0 || (uint64_t)offset >= KCOV_INFO_OFFSET(device->nmemb))
        error = EINVAL;
    return finish(error);
}

int
kcov_device_buffer(struct kcov_device *device, struct kcov_buffer **buffer)
{
    kcov_lock();
    if (!device->open)
        return finish(ENXIO);
    if (device->buffer == NULL)
        return finish(EINVAL);
    kcov_buffer_reference(device->buffer);
    *buffer = device->buffer;
    return finish(0);
}

int
kcov_device_fd(struct kcov_device *device)
{
    int fd;

    kcov_lock();
    fd = device->fd;
    kcov_unlock();
    return fd;
}

void
kcov_device_status(struct kcov_device *device, struct kcov_device_status *status)
{
    kcov_lock();
    *status = (struct kcov_device_status){
        .state = device->state,
        .open = device->open,
        .remote = device->handle != NULL,
        .mode = kcov_trace_mode(&device->trace),
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

    kcov_lock();
    count = alive;
    kcov_unlock();
    return count;
}

void
kcov_device_reference(struct kcov_device *device)
{
    kcov_lock();
    device->references++;
    kcov_unlock();
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
    kcov_lock();
    release(device);
    kcov_unlock();
}

void
kcov_device_ready(struct kcov_device *device)
{
    atomic_store(&device->trace.mode, KCOV_MODE_NONE);
    device->state = KCOV_READY;
}

void
kcov_device_free(struct kcov_device *device)
{
    atomic_store(&device->trace.mode, KCOV_MODE_NONE);
    if (device->buffer != NULL) {
        device->dropped = atomic_load_explicit(device->trace.dropped, memory_order_relaxed);
        kcov_buffer_release(device->buffer);
        device->buffer = NULL;
    }
    if (device->trace.seen != NULL)
        munmap((void *)device->trace.seen, SEEN_BYTES);
    device->trace.seen = NULL;
    alive--;
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
    kcov_thread_attach(); /* before the device goes: a signal handler may make events at any moment */
    if (device->state == KCOV_DYING)
        kcov_device_free(device);
    else
        kcov_device_ready(device);
}

void
kcov_device_forked(void)
{
    process = 0;
}
