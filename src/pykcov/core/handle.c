/*
 * handle.c: the table of handles, and their ends. See remote.h.
 */
#define KCOV_CORE
#include <errno.h>
#include <stdlib.h>

#include "device.h"
#include "handle.h"
#include "lock.h"

/* A fixed number of chains: a thousand handles are many, and a hundred thousand still work. */
#define CHAINS 1024

static struct kcov_handle *table[CHAINS]; /* [L] */
static size_t registered;                 /* [L] */

static struct kcov_handle **
chain(struct kcov_key key)
{
    uint64_t mixed =
        (key.id ^ key.subsystem << 32 ^ key.is_group << 63) * UINT64_C(0x9e3779b97f4a7c15);

    return &table[mixed >> 54];
}

static bool
same_key(struct kcov_key a, struct kcov_key b)
{
    return a.subsystem == b.subsystem && a.id == b.id && a.is_group == b.is_group;
}

static bool
is_common(struct kcov_key key)
{
    return key.subsystem == KCOV_REMOTE_COMMON && key.is_group;
}

struct kcov_handle *
kcov_handle_find(struct kcov_key key)
{
    struct kcov_handle *handle = *chain(key);

    while (handle != NULL && !same_key(handle->key, key))
        handle = handle->next;
    return handle;
}

struct kcov_handle *
kcov_handle_add(struct kcov_key key)
{
    struct kcov_handle *handle = malloc(sizeof(*handle));
    struct kcov_handle **first = chain(key);

    if (handle == NULL)
        return NULL;
    *handle = (struct kcov_handle){.key = key, .next = *first};
    *first = handle;
    registered++;
    return handle;
}

static void
remove_handle(struct kcov_handle *handle)
{
    struct kcov_handle **place = chain(handle->key);

    while (*place != handle)
        place = &(*place)->next;
    *place = handle->next;
    registered--;
    kcov_wake(&handle->awaiting_end);
    free(handle);
}

struct kcov_key
kcov_handle_key(const struct kcov_handle *handle)
{
    return handle->key;
}

struct kcov_device *
kcov_handle_device(const struct kcov_handle *handle)
{
    return handle->device;
}

bool
kcov_handle_dying(const struct kcov_handle *handle)
{
    return handle->state == KCOV_HANDLE_DYING;
}

void
kcov_handle_link(struct kcov_handle *handle, struct kcov_device *device, bool follows)
{
    handle->state = KCOV_HANDLE_READY;
    device->follows = follows;
    if (follows)
        kcov_followed_add(1);
    handle->device = device;
    device->handle = handle;
}

struct kcov_handle *
kcov_handle_closed(struct kcov_handle *handle)
{
    if (is_common(handle->key) || handle->state == KCOV_HANDLE_DYING)
        handle->state = KCOV_HANDLE_DYING;
    else
        handle->state = KCOV_HANDLE_NONE;
    return handle;
}

static void
unlink_device(struct kcov_handle *handle)
{
    struct kcov_device *device = handle->device;

    handle->device = NULL;
    device->handle = NULL;
    if (device->follows)
        kcov_followed_add(-1);
    device->follows = false;
    if (device->open)
        kcov_device_ready(device);
    else
        kcov_device_free(device);
}

void
kcov_handle_end(struct kcov_handle *handle)
{
    bool dying = handle->state == KCOV_HANDLE_DYING;

    if (handle->device != NULL) {
        if (dying || !handle->device->open)
            unlink_device(handle);
        else if (handle->device->state == KCOV_STOPPING)
            kcov_device_ready(handle->device);
    }
    kcov_wake(&handle->draining);
    if (dying)
        remove_handle(handle);
}

/*
 * No thread waits for itself, nor for a sleeper: who is about to sleep leaves all its sections
 * first.
 */
static int
sleep_in(struct kcov_sleeper **queue, const struct kcov_wait *wait)
{
    struct kcov_sleeper sleeper;

    kcov_sleep_prepare(&sleeper, queue);
    if (kcov_self.thread != NULL)
        kcov_sections_leave_all(kcov_self.thread);
    return kcov_sleep(&sleeper, queue, wait);
}

int
kcov_handle_drain(struct kcov_handle *handle, const struct kcov_wait *wait)
{
    if (handle->sections == 0) {
        kcov_handle_end(handle);
        return 0;
    }
    return wait != NULL ? sleep_in(&handle->draining, wait) : 0;
}

int
kcov_handle_await_end(struct kcov_handle *handle, const struct kcov_wait *wait)
{
    return sleep_in(&handle->awaiting_end, wait);
}

int
kcov_handle_register(struct kcov_key key, const struct kcov_wait *wait)
{
    struct kcov_handle *handle;
    int error = 0;

    kcov_lock();
    while ((handle = kcov_handle_find(key)) != NULL && error == 0) {
        if (handle->state != KCOV_HANDLE_DYING)
            break;
        error = kcov_handle_await_end(handle, wait);
    }
    if (handle == NULL && error == 0)
        error = kcov_handle_add(key) == NULL ? ENOMEM : 0;
    kcov_unlock();
    return error;
}

int
kcov_handle_unregister(struct kcov_key key, const struct kcov_wait *wait)
{
    struct kcov_handle *handle;
    int error = 0;

    kcov_lock();
    handle = kcov_handle_find(key);
    if (handle != NULL) {
        kcov_sections_leave(handle);
        handle = kcov_handle_find(key);
    }
    if (handle != NULL) {
        handle->state = KCOV_HANDLE_DYING;
        error = kcov_handle_drain(handle, wait);
    }
    kcov_unlock();
    return error;
}

int
kcov_remote_register(struct kcov_key key)
{
    return kcov_handle_register(key, &kcov_wait_forever);
}

int
kcov_remote_unregister(struct kcov_key key)
{
    return kcov_handle_unregister(key, &kcov_wait_forever);
}

int
kcov_handle_list(struct kcov_handle_status **list, size_t *count)
{
    struct kcov_handle_status *next;

    kcov_lock();
    *count = registered;
    *list = next = malloc((registered + 1) * sizeof(**list));
    for (size_t i = 0; next != NULL && i < CHAINS; i++) {
        for (struct kcov_handle *handle = table[i]; handle != NULL; handle = handle->next) {
            *next++ = (struct kcov_handle_status){
                .key = handle->key,
                .state = handle->state,
                .sections = handle->sections,
                .device = handle->device != NULL ? handle->device->serial : 0,
            };
        }
    }
    kcov_unlock();
    return next != NULL ? 0 : ENOMEM;
}

void
kcov_handles_forked(void)
{
    for (size_t i = 0; i < CHAINS; i++) {
        for (struct kcov_handle *handle = table[i]; handle != NULL; handle = handle->next)
            handle->draining = handle->awaiting_end = NULL;
    }
}
