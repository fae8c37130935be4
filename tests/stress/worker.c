/*
 * worker.c: see worker.h.
 */
#include "worker.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fork.h"
#include "lock.h"

struct run run;
struct figures figures;

/* How an operation waits: for ever, until it is tired, or not at all. */
static int
tired(void *worker)
{
    return random_below(worker, 3) == 0;
}

static const struct kcov_wait *
random_wait(struct worker *worker, struct kcov_wait *wait)
{
    switch (random_below(worker, 4)) {
    case 0:
        return NULL;
    case 1:
        *wait = (struct kcov_wait){tired, worker};
        return wait;
    default:
        return &kcov_wait_forever;
    }
}

/* A reference to the window of a slot, or NULL. */
static struct window *
pick(struct slot *slot)
{
    struct window *window;

    pthread_mutex_lock(&slot->mutex);
    if ((window = slot->window) != NULL)
        window_reference(window);
    pthread_mutex_unlock(&slot->mutex);
    return window;
}

static struct slot *
random_slot(struct worker *worker)
{
    return &run.slots[random_below(worker, SLOTS)];
}

static uint64_t
random_size(struct worker *worker)
{
    switch (random_below(worker, 10)) {
    case 0:
        return 1 + random_below(worker, 8);
    case 1:
        return KCOV_BUFFER_WORDS_MAX;
    default:
        return 8 + random_below(worker, random_below(worker, 2) ? 8192 : KCOV_BUFFER_WORDS_MAX);
    }
}

static struct kcov_key
random_chaos_key(struct worker *worker)
{
    return run.keys[random_below(worker, CHAOS_KEYS)];
}

/* Give back its own device, if it has one and still owns it. */
static void
end_own(struct worker *worker)
{
    if (worker->own == NULL)
        return;
    kcov_device_disable(worker->own->device, NULL); /* EPERM and ENXIO: others were quicker */
    window_release(worker->own);
    worker->own = NULL;
}

static void
leave(struct worker *worker)
{
    if (random_below(worker, 2) == 0)
        kcov_group_follow(NULL, NULL);
    if (random_below(worker, 16) == 0)
        kcov_remote_leave(
            (struct kcov_key){77, random_below(worker, 9), 0}); /* not the innermost: nothing */
    if (worker->depth > 0)
        kcov_remote_leave(worker->stack[--worker->depth]);
}

/* Be attached to nothing. */
static void
detach(struct worker *worker)
{
    end_own(worker);
    while (worker->depth > 0)
        leave(worker);
    if (attached_window() != NULL)
        kcov_thread_exit(); /* to a device that others opened */
}

static void
start(struct worker *worker, struct window *window)
{
    const struct kcov_wait *forever = &kcov_wait_forever;

    detach(worker);
    if (window->kind == EXPLICIT && kcov_handle_register(window->key, forever) != 0)
        fail("a handle cannot be registered");
    if (window->kind == EXPLICIT && kcov_device_attach(window->device, window->key, forever) != 0)
        fail("a device cannot be attached");
    if (window->kind == COMMON && kcov_device_follow(window->device, window->group, forever) != 0)
        fail("a device cannot follow");
    if (kcov_device_enable(window->device, window->mode) != 0)
        fail("a device cannot be enabled");
    if (window->kind == OWN) {
        window_reference(window);
        worker->own = window;
    }
}

static void
open_window(struct worker *worker, struct slot *slot)
{
    static const int modes[] = {KCOV_MODE_TRACE_PC, KCOV_MODE_TRACE_CMP,
                                KCOV_MODE_TRACE_CMP | KCOV_CMP_BYTES, KCOV_MODE_TRACE_UNIQUE_PC,
                                KCOV_MODE_TRACE_ACCESS};
    enum kind kind = (enum kind)random_below(worker, 3);
    struct window *window = pick(slot);

    if (window != NULL)
        return window_release(window);
    window = window_open(kind, modes[random_below(worker, 5)], random_size(worker));
    if (slot->chaos)
        window->poked = true;
    else
        start(worker, window);
    pthread_mutex_lock(&slot->mutex);
    if (slot->window == NULL) {
        slot->window = window;
        window = NULL;
    }
    pthread_mutex_unlock(&slot->mutex);
    if (window != NULL) { /* somebody was quicker */
        struct slot mine = {PTHREAD_MUTEX_INITIALIZER, window, slot->chaos};
        worker_end(worker, &mine);
    }
}

static void
check_later(struct worker *worker, struct window *window)
{
    window->next = worker->unchecked;
    worker->unchecked = window;
}

/* Closed, and nobody records into it any more. */
static bool
is_freed(struct kcov_device *device)
{
    bool freed;

    kcov_lock();
    freed = !device->open && device->buffer == NULL;
    kcov_unlock();
    return freed;
}

void
worker_check(struct worker *worker)
{
    struct window **place = &worker->unchecked, *window;

    while ((window = *place) != NULL) {
        if (!is_freed(window->device)) {
            place = &window->next;
            continue;
        }
        *place = window->next;
        window_check(window);
        window_release(window);
    }
}

void
worker_end(struct worker *worker, struct slot *slot)
{
    struct kcov_wait wait;
    struct kcov_device_status status;
    struct window *window;

    pthread_mutex_lock(&slot->mutex);
    window = slot->window;
    slot->window = NULL;
    pthread_mutex_unlock(&slot->mutex);
    if (window == NULL)
        return;
    if (window == worker->own)
        end_own(worker);
    kcov_device_status(window->device, &status);
    if (window->kind == OWN && status.state == KCOV_TRACE) {
        window->inexact = true;
        atomic_fetch_add(&figures.closed_by_others, 1);
    }
    if (window->kind != OWN && random_below(worker, 2) == 0 &&
        kcov_handle_unregister(window->key, random_wait(worker, &wait)) == EINTR)
        atomic_fetch_add(&figures.given_up, 1);
    if (kcov_device_close(window->device, random_wait(worker, &wait)) == EINTR)
        atomic_fetch_add(&figures.given_up, 1);
    if (window->kind == EXPLICIT && kcov_handle_unregister(window->key, NULL) != 0)
        fail("a handle cannot be unregistered");
    check_later(worker, window);
}

static void
enter(struct worker *worker)
{
    struct slot *slot = random_slot(worker);
    struct window *window = pick(slot);
    struct kcov_key key = slot->chaos || window == NULL ? random_chaos_key(worker) : window->key;

    /* Where a group is followed most threads do without a section. */
    bool follow = window != NULL && window->group != NULL && random_below(worker, 4) > 0;

    if (follow)
        kcov_group_follow(window->group, NULL);
    if (window != NULL)
        window_release(window);
    if (follow || worker->depth == DEPTH_MAX)
        return;
    if (kcov_remote_enter(key) != 0)
        fail("no memory for a section");
    worker->stack[worker->depth++] = key;
}

/* Barge in on whatever the thread is doing; sometimes with more than an interrupt buffer holds. */
static void
interrupt(struct worker *worker)
{
    struct window *window = pick(random_slot(worker)), *effective = NULL;
    unsigned count = 1 + random_below(worker, 200);
    unsigned depth = 1 + random_below(worker, 2);

    if (window == NULL)
        return;
    if (random_below(worker, 2000) == 0) {
        count += KCOV_BUFFER_WORDS_MAX;
        atomic_fetch_add(&figures.overflows, 1);
    }
    for (unsigned i = 0; i < depth; i++)
        kcov_interrupt_enter();
    worker->interrupted = true;
    kcov_remote_enter(window->key);
    if (kcov_thread_in_interrupt_section())
        effective = window;
    worker_produce(worker, effective, count);
    if (random_below(worker, 8) == 0) { /* an inner section has no effect */
        kcov_remote_enter(window->key);
        worker_produce(worker, effective, 3);
        kcov_remote_leave(window->key);
    }
    kcov_remote_leave(window->key);
    worker->interrupted = false;
    for (unsigned i = 0; i < depth; i++)
        kcov_interrupt_leave();
    atomic_fetch_add(&figures.interrupts, 1);
    window_release(window);
}

static void
disable(struct worker *worker)
{
    struct kcov_wait wait;
    struct slot *slot = random_slot(worker);
    struct window *window = pick(slot);

    if (window == NULL)
        return;
    window->inexact = true;
    if (kcov_device_disable(window->device, random_wait(worker, &wait)) == EINTR)
        atomic_fetch_add(&figures.given_up, 1);
    window_release(window);
}

/* The user writes what it likes into word 0, through a mapping of its own. */
static void
poke(struct worker *worker)
{
    static const uint64_t values[] = {
        0, 1, UINT64_MAX, UINT64_MAX / 4, UINT64_C(1) << 63, UINT64_C(1) << 62};
    struct slot *slot = random_slot(worker);
    _Atomic uint64_t *words;
    int fd;

    pthread_mutex_lock(&slot->mutex);
    if (slot->window != NULL && (fd = kcov_device_fd(slot->window->device)) >= 0) {
        words = mmap(NULL, KCOV_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (words == MAP_FAILED)
            fail("a buffer cannot be mapped");
        slot->window->poked = true;
        for (unsigned i = 0; i < 20; i++)
            words[0] = random_below(worker, 3) > 0 ? values[random_below(worker, 6)]
                                                   : random_below(worker, 9000);
        munmap((void *)words, KCOV_PAGE);
        atomic_fetch_add(&figures.pokes, 1);
    }
    pthread_mutex_unlock(&slot->mutex);
}

/* Any operation, on devices and handles of which nobody expects anything. */
static void
chaos(struct worker *worker)
{
    struct kcov_wait wait;
    struct slot *slot = &run.slots[random_below(worker, 2)];
    struct window *window = pick(slot);

    switch (random_below(worker, 8)) {
    case 0:
        kcov_handle_register(random_chaos_key(worker), &kcov_wait_forever);
        break;
    case 1:
        kcov_handle_unregister(random_chaos_key(worker), random_wait(worker, &wait));
        break;
    case 2:
        worker_end(worker, slot);
        break;
    case 3:
    case 4:
        if (window != NULL)
            kcov_device_attach(window->device, random_chaos_key(worker), &kcov_wait_forever);
        break;
    default:
        if (window != NULL)
            kcov_device_enable(window->device, window->mode);
        break;
    }
    if (window != NULL)
        window_release(window);
}

/* Events, mostly where something records them; seldom so slowly that others tire of waiting for the
 * section. */
static void
produce(struct worker *worker)
{
    struct window *window = attached_window();

    if (window == NULL && random_below(worker, 8) > 0)
        return enter(worker);
    worker_produce(worker, window, 1 + random_below(worker, 1000));
    if (random_below(worker, 5000) == 0)
        usleep(120000);
}

bool
worker_step(struct worker *worker)
{
    struct slot *slot = random_slot(worker);
    unsigned dice = random_below(worker, 1000);

    atomic_fetch_add(&figures.operations, 1);
    if (dice < 150)
        enter(worker);
    else if (dice < 300)
        leave(worker);
    else if (dice < 350)
        interrupt(worker);
    else if (dice < 450)
        open_window(worker, slot);
    else if (dice < 510)
        worker_end(worker, slot);
    else if (dice < 515)
        disable(worker);
    else if (dice < 518)
        poke(worker);
    else if (dice < 545)
        chaos(worker);
    else if (dice < 547 && run.forks)
        fork_and_check(worker);
    else if (dice < 551)
        return false;
    else
        produce(worker);
    worker_check(worker);
    if (kcov_sleepers() > 0)
        atomic_fetch_add(&figures.beside_sleepers, 1);
    return true;
}
