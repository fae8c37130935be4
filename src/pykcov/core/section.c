/*
 * section.c: enter and leave. See remote.h.
 */
#define KCOV_CORE
#include <errno.h>
#include <stdlib.h>

#include "device.h"
#include "handle.h"
#include "lock.h"

/* Whether a section of this handle, entered now, has an effect. */
static bool
takes_effect(const struct kcov_handle *handle, const struct kcov_thread *thread,
             enum kcov_context context)
{
    if (handle == NULL || handle->state != KCOV_HANDLE_READY || handle->device->state != KCOV_TRACE)
        return false;
    return context == KCOV_THREAD_CONTEXT || thread->stacks[context].effective == NULL;
}

static void
begin_interrupt(struct kcov_thread *thread, struct kcov_trace *trace)
{
    int mode = kcov_event_mode(trace);

    atomic_store_explicit(&thread->interrupt.words[0], 0, memory_order_relaxed);
    atomic_store_explicit(&thread->interrupt_dropped, 0, memory_order_relaxed);
    thread->interrupt.capacity = kcov_capacity(mode, KCOV_BUFFER_WORDS_MAX);
    thread->interrupt.generation = trace->generation;
    thread->interrupt.seen = trace->seen;
    thread->interrupt.native_seen = trace->native_seen;
    kcov_set_mode(&thread->interrupt, mode);
}

/* A batch goes into a device that still traces, in the same mode, or nowhere. */
static void
end_interrupt(struct kcov_thread *thread, struct kcov_device *device)
{
    int mode = kcov_trace_mode(&thread->interrupt);

    kcov_set_mode(&thread->interrupt, KCOV_MODE_NONE);
    if (mode != KCOV_MODE_NONE && device->state == KCOV_TRACE &&
        kcov_event_mode(&device->trace) == mode)
        kcov_append_batch(&device->trace, &thread->interrupt);
}

static int
enter(struct kcov_key key, enum kcov_context context)
{
    struct kcov_thread *thread = kcov_thread_get();
    struct kcov_handle *handle = kcov_handle_find(key);
    struct kcov_section *section;
    struct kcov_stack *stack;

    if (thread == NULL)
        return ENOMEM;
    if (!takes_effect(handle, thread, context))
        handle = NULL;
    if (handle != NULL && context == KCOV_INTERRUPT_CONTEXT &&
        kcov_thread_interrupt_buffer(thread) != 0)
        return ENOMEM;
    if ((section = malloc(sizeof(*section))) == NULL)
        return ENOMEM;
    stack = &thread->stacks[context];
    *section = (struct kcov_section){.key = key, .handle = handle, .below = stack->top};
    stack->top = section;
    if (handle == NULL)
        return 0;
    section->outer = stack->effective;
    stack->effective = section;
    handle->sections++;
    if (context == KCOV_INTERRUPT_CONTEXT)
        begin_interrupt(thread, &handle->device->trace);
    kcov_thread_attach();
    return 0;
}

/* End an effective section. Its record stays on the stack, without effect. */
static void
end_section(struct kcov_thread *thread, struct kcov_section *section, enum kcov_context context)
{
    struct kcov_section **place = &thread->stacks[context].effective;
    struct kcov_handle *handle = section->handle;

    while (*place != section)
        place = &(*place)->outer;
    *place = section->outer;
    section->handle = NULL;
    kcov_thread_attach(); /* before the device may go */
    if (context == KCOV_INTERRUPT_CONTEXT)
        end_interrupt(thread, handle->device);
    handle->sections--;
    kcov_handle_left(handle);
}

static enum kcov_context
current_context(void)
{
    return kcov_self.interrupts > 0 ? KCOV_INTERRUPT_CONTEXT : KCOV_THREAD_CONTEXT;
}

int
kcov_remote_enter(struct kcov_key key)
{
    int error;

    kcov_lock();
    error = enter(key, current_context());
    kcov_unlock();
    return error;
}

void
kcov_remote_leave(struct kcov_key key)
{
    struct kcov_thread *thread = kcov_self.thread;
    enum kcov_context context = current_context();
    struct kcov_section *section;

    if (thread == NULL)
        return;
    section = thread->stacks[context].top;
    if (section == NULL || section->key.subsystem != key.subsystem || section->key.id != key.id ||
        section->key.is_group != key.is_group)
        return;
    kcov_lock();
    if (section->handle != NULL)
        end_section(thread, section, context);
    thread->stacks[context].top = section->below;
    kcov_unlock();
    free(section);
}

/* handle NULL: of all handles. */
static void
leave_effective(struct kcov_thread *thread, const struct kcov_handle *handle)
{
    for (enum kcov_context context = 0; context <= KCOV_INTERRUPT_CONTEXT; context++) {
        struct kcov_section *section = thread->stacks[context].effective, *outer;

        for (; section != NULL; section = outer) {
            outer = section->outer;
            if (handle == NULL || section->handle == handle)
                end_section(thread, section, context);
        }
    }
}

void
kcov_sections_leave(struct kcov_handle *handle)
{
    struct kcov_device *followed = atomic_load_explicit(&kcov_self.followed, memory_order_relaxed);

    if (kcov_self.thread != NULL)
        leave_effective(kcov_self.thread, handle);
    if (followed != NULL && followed->handle == handle) {
        kcov_unfollow();
        kcov_handles_settle();
    }
}

void
kcov_sections_leave_all(struct kcov_thread *thread)
{
    leave_effective(thread, NULL);
}

void
kcov_sections_free(struct kcov_thread *thread)
{
    for (int context = 0; context <= KCOV_INTERRUPT_CONTEXT; context++) {
        struct kcov_section *section = thread->stacks[context].top, *below;

        for (; section != NULL; section = below) {
            below = section->below;
            free(section);
        }
    }
}
