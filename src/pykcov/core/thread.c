/*
 * thread.c: see thread.h. A thread is known from its first enable, enter or adoption until it ends,
 * by whatever road: the C library calls the destructor of `key` on all of them. A fork takes the
 * lock, so the child finds everything whole.
 */
#define _GNU_SOURCE
#define KCOV_CORE
#include "thread.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "device.h"
#include "group.h"
#include "lock.h"
#include "remote.h"
#include "wait.h"

#define INTERRUPT_BYTES (KCOV_BUFFER_WORDS_MAX * sizeof(uint64_t))

static struct kcov_thread *threads; /* [L] */
static pthread_key_t key;           /* [I] */

static void
at_thread_end(void *self)
{
    (void)self;
    kcov_thread_exit();
}

bool
kcov_thread_watch(void)
{
    return kcov_self.watched || (kcov_self.watched = pthread_setspecific(key, &kcov_self) == 0);
}

static void
before_fork(void)
{
    kcov_lock();
    kcov_device_before_fork();
}

static void
after_fork_in_parent(void)
{
    kcov_unlock();
}

static void
unlink_thread(struct kcov_thread *thread)
{
    if (thread->next != NULL)
        thread->next->previous = thread->previous;
    if (thread->previous != NULL)
        thread->previous->next = thread->next;
    else
        threads = thread->next;
}

static void
free_thread(struct kcov_thread *thread)
{
    kcov_sections_free(thread);
    if (thread->interrupt.words != NULL)
        munmap((void *)thread->interrupt.words, INTERRUPT_BYTES);
    free(thread);
}

/*
 * The child has one thread, attached to nothing. What the others were attached to is given up as if
 * they had ended, except that their interrupt buffers are not appended: the parent does that. Who
 * slept is gone.
 */
static void
after_fork_in_child(void)
{
    struct kcov_thread *thread = threads, *next;

    kcov_wait_forked();
    kcov_handles_forked();
    kcov_device_forked();
    kcov_groups_forked();
    for (; thread != NULL; thread = next) {
        next = thread->next;
        kcov_set_mode(&thread->interrupt, KCOV_MODE_NONE);
        kcov_sections_leave_all(thread);
        kcov_device_disown(thread);
        if (thread != kcov_self.thread) {
            kcov_adopt_forget(thread);
            unlink_thread(thread);
            free_thread(thread);
        }
    }
    if (kcov_self.thread != NULL)
        kcov_self.thread->tid = (int32_t)syscall(SYS_gettid);
    kcov_adopt_forked();
    kcov_handles_settle();
    kcov_thread_attach();
    kcov_unlock();
}

__attribute__((constructor)) static void
initialise(void)
{
    /* Errors here would mean that a fresh process has no memory and no keys left. */
    if (pthread_key_create(&key, at_thread_end) != 0 ||
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0)
        abort();
}

struct kcov_thread *
kcov_thread_get(void)
{
    struct kcov_thread *thread = kcov_self.thread;

    if (thread != NULL)
        return thread;
    thread = aligned_alloc(KCOV_CACHE_LINE, sizeof(*thread));
    if (thread == NULL)
        return NULL;
    *thread = (struct kcov_thread){.idle = &kcov_newborn, .next = threads};
    thread->interrupt.dropped = &thread->interrupt_dropped;
    thread->tid = (int32_t)syscall(SYS_gettid);
    if (!kcov_thread_watch()) {
        free(thread);
        return NULL;
    }
    if (threads != NULL)
        threads->previous = thread;
    threads = thread;
    kcov_self.thread = thread;
    kcov_thread_attach();
    return thread;
}

struct kcov_device *
kcov_thread_device(void)
{
    struct kcov_device *followed = atomic_load_explicit(&kcov_self.followed, memory_order_relaxed);
    struct kcov_thread *thread = kcov_self.thread;
    struct kcov_section *section;

    if (thread == NULL)
        return followed;
    section = thread->stacks[KCOV_THREAD_CONTEXT].effective;
    if (section != NULL)
        return kcov_handle_device(section->handle);
    return followed != NULL ? followed : thread->own;
}

static void
set(kcov_trace_pointer *place, struct kcov_trace *trace)
{
    atomic_store_explicit(place, trace, memory_order_relaxed);
}

void
kcov_thread_attach(void)
{
    struct kcov_self *self = &kcov_self;
    struct kcov_device *device = kcov_thread_device();
    struct kcov_idle *idle = self->thread != NULL ? self->thread->idle : &kcov_newborn;
    struct kcov_trace *in_thread = device != NULL ? &device->trace : &idle->trace;
    struct kcov_trace *in_interrupt =
        self->thread != NULL ? &self->thread->interrupt : &kcov_nothing;

    if (self->quiet > 0)
        in_thread = in_interrupt = &kcov_nothing;
    /* In this order, since a signal handler may look at any moment. */
    set(&self->in_thread, in_thread);
    set(&self->in_interrupt, in_interrupt);
    set(&self->trace, self->interrupts > 0 ? in_interrupt : in_thread);
}

int
kcov_thread_interrupt_buffer(struct kcov_thread *thread)
{
    void *words;

    if (thread->interrupt.words != NULL)
        return 0;
    words = mmap(NULL, INTERRUPT_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (words == MAP_FAILED)
        return ENOMEM;
    thread->interrupt.words = words;
    return 0;
}

void
kcov_thread_give_up(void)
{
    struct kcov_thread *thread = kcov_self.thread;

    if (!kcov_self.watched)
        return;
    kcov_begin();
    kcov_unfollow();
    if (thread != NULL) {
        kcov_sections_leave_all(thread);
        kcov_device_disown(thread);
    }
    kcov_handles_settle();
    kcov_unlock();
}

void
kcov_thread_exit(void)
{
    struct kcov_thread *thread = kcov_self.thread;

    if (!kcov_self.watched)
        return;
    kcov_begin();
    kcov_follower_exit();
    if (thread != NULL) {
        kcov_sections_leave_all(thread);
        kcov_device_disown(thread);
        kcov_adopt_forget(thread);
        unlink_thread(thread);
        kcov_self.thread = NULL;
        kcov_thread_attach();
    }
    kcov_handles_settle();
    pthread_setspecific(key, NULL);
    kcov_self.watched = false;
    kcov_unlock();
    if (thread != NULL)
        free_thread(thread);
}

uint64_t
kcov_thread_attached(void)
{
    struct kcov_device *device;
    uint64_t serial;

    kcov_begin();
    device = kcov_thread_device();
    serial = device != NULL ? device->serial : 0;
    kcov_unlock();
    return serial;
}

uint64_t
kcov_thread_party(void)
{
    struct kcov_device *device;
    uint64_t party = 0;

    kcov_lock();
    device = kcov_thread_device();
    if (device != NULL && device->handle != NULL)
        party = kcov_handle_key(device->handle).id * 2 + 1;
    else if (device != NULL)
        party = device->serial * 2;
    kcov_unlock();
    return party;
}

bool
kcov_thread_is_bound(void)
{
    struct kcov_thread *thread = kcov_self.thread;

    return thread != NULL &&
           (thread->stacks[KCOV_THREAD_CONTEXT].effective != NULL || thread->own != NULL);
}

bool
kcov_thread_in_interrupt_section(void)
{
    return kcov_self.thread != NULL &&
           kcov_self.thread->stacks[KCOV_INTERRUPT_CONTEXT].effective != NULL;
}
