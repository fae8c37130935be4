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

static struct kcov_handle *table[CHAINS];    /* [L] */
static size_t registered;                    /* [L] */
static _Atomic(struct kcov_handle *) ending; /* [a] written under the lock: those that wait for
                                                threads that follow */

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
kcov_handle_link(struct kcov_handle *handle, struct kcov_device *device, struct kcov_group *group)
{
    handle->state = KCOV_HANDLE_READY;
    device->follows = group;
    handle->device = device;
    device->handle = handle;
}

void
kcov_handle_take_followers(struct kcov_device *device, bool take)
{
    bool ready = device != NULL && device->handle->state == KCOV_HANDLE_READY;

    if (device != NULL && device->follows != NULL)
        atomic_store(&device->follows->device, take && ready ? device : NULL);
}

struct kcov_handle *
kcov_handle_closed(struct kcov_handle *handle)
{
    kcov_handle_take_followers(handle->device, false);
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

    kcov_handle_take_followers(device, false);
    handle->device = NULL;
    device->handle = NULL;
    if (device->follows != NULL)
        kcov_group_release(device->follows);
    device->follows = NULL;
    if (device->open)
        kcov_device_ready(device);
    else
        kcov_device_free(device);
}

static unsigned
workers(const struct kcov_handle *handle)
{
    struct kcov_device *device = handle->device;

    return handle->sections + (device != NULL && device->follows ? kcov_followers(device) : 0);
}

static void
set_ending(struct kcov_handle *handle, bool on)
{
    struct kcov_handle *first = atomic_load(&ending), *before = first;

    if (handle->ending == on)
        return;
    handle->ending = on;
    if (on) {
        handle->next_ending = first;
        atomic_store(&ending, handle);
    } else if (first == handle) {
        atomic_store(&ending, handle->next_ending);
    } else {
        while (before->next_ending != handle)
            before = before->next_ending;
        before->next_ending = handle->next_ending;
    }
}

/* Nobody works for the device any more. */
static void
end(struct kcov_handle *handle)
{
    bool dying = handle->state == KCOV_HANDLE_DYING;

    set_ending(handle, false);

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

void
kcov_handle_left(struct kcov_handle *handle)
{
    if (handle->sections == 0 && workers(handle) == 0)
        end(handle);
}

void
kcov_handles_settle(void)
{
    struct kcov_handle *handle = atomic_load(&ending), *next;

    for (; handle != NULL; handle = next) {
        next = handle->next_ending;
        kcov_handle_left(handle);
    }
}

void
kcov_begin(void)
{
    kcov_lock();
    kcov_handles_settle();
}

void
kcov_settle(void)
{
    if (atomic_load(&ending) == NULL || kcov_self.busy > 0)
        return;
    kcov_self.busy++;
    if (pthread_mutex_trylock(&kcov_mutex) == 0) {
        kcov_handles_settle();
        pthread_mutex_unlock(&kcov_mutex);
    }
    kcov_self.busy--;
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
    kcov_unfollow();
    if (kcov_self.thread != NULL)
        kcov_sections_leave_all(kcov_self.thread);
    return kcov_sleep(&sleeper, queue, wait, kcov_handles_settle);
}

int
kcov_handle_drain(struct kcov_handle *handle, const struct kcov_wait *wait)
{
    if (workers(handle) == 0) {
        end(handle);
        return 0;
    }
    set_ending(handle, handle->device != NULL && handle->device->follows != NULL);
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

    kcov_begin();
    while ((handle = kcov_handle_find(key)) != NULL && error == 0) {
        if (handle->state != KCOV_HANDLE_DYING)
            break;
        error = kcov_handle_await_end(handle, wait);
    }
    if (handle == NULL && error == 0)
        error = kcov_handle_add(key) == NULL ? ENOMEM : 0;
    return kcov_unlock_with(error);
}

int
kcov_handle_unregister(struct kcov_key key, const struct kcov_wait *wait)
{
    struct kcov_handle *handle;
    int error = 0;

    kcov_begin();
    handle = kcov_handle_find(key);
    if (handle != NULL) {
        kcov_sections_leave(handle);
        handle = kcov_handle_find(key);
    }
    if (handle != NULL) {
        handle->state = KCOV_HANDLE_DYING;
        kcov_handle_take_followers(handle->device, false);
        error = kcov_handle_drain(handle, wait);
    }
    return kcov_unlock_with(error);
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

    kcov_begin();
    *count = registered;
    *list = next = malloc((registered + 1) * sizeof(**list));
    for (size_t i = 0; next != NULL && i < CHAINS; i++) {
        for (struct kcov_handle *handle = table[i]; handle != NULL; handle = handle->next) {
            *next++ = (struct kcov_handle_status){
                .key = handle->key,
                .state = handle->state,
                .sections = workers(handle),
                .device = handle->device != NULL ? handle->device->serial : 0,
            };
        }
    }
    return kcov_unlock_with(next != NULL ? 0 : ENOMEM);
}

void
kcov_handles_forked(void)
{
    for (size_t i = 0; i < CHAINS; i++) {
        for (struct kcov_handle *handle = table[i]; handle != NULL; handle = handle->next)
            handle->draining = handle->awaiting_end = NULL;
    }
}
