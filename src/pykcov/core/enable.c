/*
 * enable.c: what makes a device record, and stops it: its buffer and counters, enable and disable,
 * the handle.
 * See device.h. The order of the checks in every operation is that of the specification.
 */
#define _GNU_SOURCE
#define KCOV_CORE
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "lock.h"
#include "remote.h"
#include "thread.h"

static pid_t process; /* [L] getpid(), 0: not asked yet */

void
kcov_device_give_buffer(struct kcov_device *device, struct kcov_buffer *buffer)
{
    device->buffer = buffer;
    device->nmemb = buffer->nmemb;
    device->trace.words = buffer->words;
    device->trace.dropped = kcov_buffer_dropped(buffer);
    device->state = KCOV_READY;
}

static int
set_buffer(struct kcov_device *device, uint64_t nmemb)
{
    struct kcov_buffer *buffer;
    int error;

    if (!device->open)
        return ENXIO;
    if (device->nmemb != 0)
        return EBUSY;
    if (nmemb < 1 || nmemb > KCOV_BUFFER_WORDS_MAX)
        return EINVAL;
    if ((error = kcov_buffer_create(&buffer, device->fd, nmemb)) == 0)
        kcov_device_give_buffer(device, buffer);
    return error;
}

static int
share_buffer(struct kcov_device *device, struct kcov_buffer *buffer)
{
    if (!device->open)
        return ENXIO;
    if (device->nmemb != 0)
        return EBUSY;
    if (!buffer->foreign)
        return EINVAL;
    kcov_buffer_reference(buffer);
    kcov_device_give_buffer(device, buffer);
    return 0;
}

int
kcov_device_share_buffer(struct kcov_device *device, struct kcov_buffer *buffer)
{
    kcov_begin();
    kcov_device_settle();
    return kcov_unlock_with(share_buffer(device, buffer));
}

int
kcov_device_set_buffer(struct kcov_device *device, uint64_t nmemb)
{
    kcov_begin();
    kcov_device_settle();
    return kcov_unlock_with(set_buffer(device, nmemb));
}

/* The generation that nothing in the maps holds. Only a wrap of the 8 bits clears anything. */
static int
new_generation(struct kcov_device *device)
{
    if (device->trace.seen == NULL) {
        void *maps = mmap(NULL, KCOV_SEEN_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (maps == MAP_FAILED)
            return ENOMEM;
        /* Few pages are touched, and each by few probes: not worth 2 MB of zeros. */
        madvise(maps, KCOV_SEEN_BYTES, MADV_NOHUGEPAGE);
        device->trace.seen = maps;
        device->trace.native_seen = (_Atomic uint64_t *)((char *)maps + KCOV_PROBES_MAX);
    }
    if (device->trace.generation == UINT8_MAX) {
        if (madvise((void *)device->trace.seen, KCOV_SEEN_BYTES, MADV_DONTNEED) != 0)
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
    __atomic_store_n(&info->mode, (uint32_t)mode, __ATOMIC_RELAXED);
    __atomic_store_n(&info->pid, process, __ATOMIC_RELAXED);
    __atomic_store_n(&info->tid, tid, __ATOMIC_RELAXED);
}

static int
enable(struct kcov_device *device, int mode)
{
    struct kcov_thread *thread;

    if (!device->open)
        return ENXIO;
    if (kcov_thread_device() != NULL && device->follows == NULL)
        return EBUSY;
    if (device->state != KCOV_READY)
        return ENXIO;
    if (mode != KCOV_MODE_TRACE_PC && mode != KCOV_MODE_TRACE_CMP &&
        mode != KCOV_MODE_TRACE_UNIQUE_PC && mode != KCOV_MODE_TRACE_ACCESS &&
        mode != (KCOV_MODE_TRACE_CMP | KCOV_CMP_BYTES) &&
        mode != (KCOV_MODE_TRACE_CMP | KCOV_CMP_BYTES | KCOV_CMP_SAMPLED))
        return EINVAL;
    if ((thread = kcov_thread_get()) == NULL)
        return ENOMEM;
    if (mode == KCOV_MODE_TRACE_UNIQUE_PC && new_generation(device) != 0)
        return ENOMEM;
    if (!device->borrowed)
        write_info(device, mode, device->handle == NULL ? thread->tid : 0);
    device->trace.capacity = kcov_capacity(mode, device->nmemb);
    atomic_store(&device->trace.shared, device->handle != NULL || device->inherited ||
                                            !kcov_buffer_begin_alone(device->buffer));
    device->state = KCOV_TRACE;
    kcov_device_set_followed(device, device->follows != NULL);
    kcov_device_set_mode(device, mode);
    if (device->handle != NULL)
        kcov_handle_take_followers(device, true);
    kcov_self.version = 0; /* the caller's context may name the group */
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
    kcov_begin();
    kcov_device_settle();
    return kcov_unlock_with(enable(device, mode));
}

/* What stands against another counter map: events may be counted in this one. */
static int
check_counters(const struct kcov_device *device)
{
    if (!device->open)
        return ENXIO;
    return device->state == KCOV_NONE || device->state == KCOV_READY ? 0 : EBUSY;
}

/* Takes a reference over. */
static void
replace_counters(struct kcov_device *device, struct kcov_counters *counters)
{
    if (device->counters != NULL)
        kcov_counters_release(device->counters);
    device->counters = counters;
    device->trace.counters = counters != NULL ? counters->bytes : NULL;
    device->trace.counters_size = counters != NULL ? counters->size : 0;
}

int
kcov_device_set_counters(struct kcov_device *device, struct kcov_counters *counters)
{
    int error;

    kcov_begin();
    kcov_device_settle();
    if ((error = check_counters(device)) != 0)
        return kcov_unlock_with(error);
    if (counters != NULL)
        kcov_counters_reference(counters);
    replace_counters(device, counters);
    return kcov_unlock_with(0);
}

int
kcov_device_new_counters(struct kcov_device *device, uint64_t size, struct kcov_counters **counters)
{
    int error;

    kcov_begin();
    kcov_device_settle();
    if ((error = check_counters(device)) == 0 && (size < 1 || size > KCOV_PROBES_MAX))
        error = EINVAL;
    if (error != 0 || (error = kcov_counters_create(counters, size)) != 0)
        return kcov_unlock_with(error);
    kcov_counters_reference(*counters);
    replace_counters(device, *counters);
    return kcov_unlock_with(0);
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
    kcov_device_set_mode(device, KCOV_MODE_NONE);
    kcov_handle_take_followers(device, false);
    device->state = KCOV_STOPPING;
    return kcov_handle_drain(device->handle, wait);
}

int
kcov_device_disable(struct kcov_device *device, const struct kcov_wait *wait)
{
    kcov_begin();
    kcov_device_settle();
    return kcov_unlock_with(disable(device, wait));
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
attach(struct kcov_device *device, struct kcov_key key, struct kcov_group *group,
       const struct kcov_wait *wait)
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
    if (group != NULL)
        kcov_group_reference(group);
    kcov_handle_link(handle, device, group);
    return 0;
}

int
kcov_device_attach(struct kcov_device *device, struct kcov_key key, const struct kcov_wait *wait)
{
    kcov_begin();
    kcov_device_settle();
    return kcov_unlock_with(attach(device, key, NULL, wait));
}

int
kcov_device_follow(struct kcov_device *device, struct kcov_group *group,
                   const struct kcov_wait *wait)
{
    struct kcov_key key = {.subsystem = KCOV_REMOTE_COMMON, .id = group->number, .is_group = 1};

    kcov_begin();
    kcov_device_settle();
    return kcov_unlock_with(attach(device, key, group, wait));
}

void
kcov_device_forked(void)
{
    process = 0;
}
