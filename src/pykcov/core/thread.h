/*
 * thread.h: what a thread has besides its attachment: its own device, its sections, its interrupt
 * buffer.
 */
#ifndef KCOV_THREAD_H
#define KCOV_THREAD_H

#include "adopt.h"
#include "trace.h"

struct kcov_device;
struct kcov_handle;

/* One enter, to be undone by a leave. */
struct kcov_section {
    struct kcov_key key;        /* [I] */
    struct kcov_handle *handle; /* [L] whose device it works for, NULL: no effect (any more) */
    struct kcov_section *below; /* [L] the next on the stack */
    struct kcov_section *outer; /* [L] of an effective one: the next effective one below */
};

struct kcov_stack {
    struct kcov_section *top;       /* [L] */
    struct kcov_section *effective; /* [L] the innermost with an effect */
};

/* Index of a stack. The two contexts never look at each other's. */
enum kcov_context { KCOV_THREAD_CONTEXT, KCOV_INTERRUPT_CONTEXT };

/* Only the thread itself writes this, but under the lock: a fork must find it whole. */
struct kcov_thread {
    struct kcov_trace interrupt;        /* private; mode 0 outside effective interrupt sections */
    _Atomic uint64_t interrupt_dropped; /* [a] relaxed: for signal handlers of the thread */
    struct kcov_stack stacks[2];        /* [L] by context */
    struct kcov_device *own;            /* [L] enabled by this thread; never remote */
    struct kcov_idle *idle;             /* [L] where it points when it is attached to nothing */
    struct kcov_thread *next;           /* [L] all threads */
    struct kcov_thread *previous;       /* [L] */
    int32_t tid;                        /* [L] native id; another one in a forked child */
};

/*
 * See to it that kcov_thread_exit() is called when the calling thread ends. Without the lock; and
 * without memory, if the C library has not given away 32 keys before the core's.
 */
bool kcov_thread_watch(void);

/* All of these concern the calling thread, and are called under the lock. */

/* Its state, made if need be. NULL: no memory. */
struct kcov_thread *kcov_thread_get(void);

/* The device it is attached to in thread context, or NULL. */
struct kcov_device *kcov_thread_device(void);

/* Point the hot path at what it is attached to now. An event does it without the lock. */
void kcov_thread_attach(void);

/* The buffer for interrupt sections, made if need be. 0 or ENOMEM. */
int kcov_thread_interrupt_buffer(struct kcov_thread *thread);

/* These take the lock. */

/* Leave all sections and give up the own device. */
void kcov_thread_give_up(void);

/* The same, and forget the thread. It may go on as if it were new. */
void kcov_thread_exit(void);

/* Serial of the device it is attached to in thread context, 0: none. */
uint64_t kcov_thread_attached(void);

/* Whom it works for in thread context, so that another group has another number. 0: nobody. */
uint64_t kcov_thread_party(void);

/* Whether it is in an effective section, or has enabled a device: it may be attached to one whoever
 * follows whom. */
bool kcov_thread_is_bound(void);

bool kcov_thread_in_interrupt_section(void);

#endif
