/*
 * trace.h: the hot path. An event looks up what its thread is attached to, and appends to that what
 * its mode records. No lock, no allocation, no Python code: it may run in a signal handler, in the
 * middle of another event, or of anything else. In KCOV_MODE_FOLLOW it first finds out what its
 * thread works at (group.h).
 *
 * What guards a field:
 *   [a] atomic
 *   [T] used by its own thread only
 *
 * Memory orders: what is [T] and atomic is so for signal handlers, which run in their thread's own
 * order: relaxed. The switches are relaxed, too: they take effect in other threads soon, and no
 * data depends on them. `followed` and `left` are sequentially consistent (group.h).
 */
#ifndef KCOV_TRACE_H
#define KCOV_TRACE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "append.h"

struct kcov_device;
struct kcov_thread;

typedef _Atomic(struct kcov_device *) kcov_device_pointer;

/* Atomic for the sake of signal handlers. */
typedef _Atomic(struct kcov_trace *) kcov_trace_pointer;

/* A thread's attachment. The hot path reads `trace` alone. */
struct kcov_self {
    kcov_trace_pointer trace;         /* [T] never NULL */
    kcov_trace_pointer in_thread;     /* [T] what it is in thread context, also while interrupted */
    kcov_trace_pointer in_interrupt;  /* [T] what it is in interrupt context */
    volatile sig_atomic_t interrupts; /* [T] depth: 0 is thread context */
    unsigned quiet;                   /* [T] not 0: records nothing, as the adopter is at work */
    volatile sig_atomic_t busy; /* [T] not 0: in an operation, or finding out whom it follows */
    uint64_t version; /* [T] of the context whose group it follows (follow.c); 0: look again */
    struct kcov_thread *thread; /* [T] the rest (thread.h), NULL until it is needed */
    /* [T] its name under KCOV_MODE_TRACE_ACCESS; 0: none yet. Atomic for its signal handlers. */
    _Atomic uint32_t number;

    /* Whom it follows (group.h). */
    kcov_device_pointer followed; /* [a] written by the thread: this device must stay, */
    kcov_device_pointer left;     /* [a] and so must this one */
    struct kcov_self
        *next;    /* [L] all that follow, or did; written by the thread before it is seen */
    bool joined;  /* [T] it is one of them */
    bool watched; /* [T] its end will be noticed (thread.h) */
};

extern _Thread_local struct kcov_self kcov_self
    __attribute__((visibility("hidden"), tls_model("initial-exec")));

/* Two switches: nothing is recorded while either is on. */
#define KCOV_HALTED 1
#define KCOV_DEBUGGER 2

struct kcov_switches {
    atomic_int on;     /* [a] KCOV_HALTED | KCOV_DEBUGGER */
    atomic_uint round; /* [a] under KCOV_CMP_SAMPLED; 0: nothing that is compared is recorded */
} __attribute__((aligned(KCOV_CACHE_LINE)));

extern struct kcov_switches kcov_switches __attribute__((visibility("hidden")));

/* Never in any mode: for a thread that is to record nothing, whatever the adopter's state. */
extern struct kcov_trace kcov_nothing __attribute__((visibility("hidden")));

void kcov_halt(int which, bool on);

static inline struct kcov_trace *
kcov_attached_trace(void)
{
    return atomic_load_explicit(&kcov_self.trace, memory_order_relaxed);
}

/*
 * An event in KCOV_MODE_FOLLOW: the thread finds out for whom it works now. What it is attached to
 * may be another device afterwards.
 */
void kcov_follow(void);

/* What kcov_follow() calls, which knows of contexts; NULL: nothing. */
void kcov_follower_set(void (*function)(void));

static inline bool
kcov_halted(void)
{
    return atomic_load_explicit(&kcov_switches.on, memory_order_relaxed) != 0;
}

static inline unsigned
kcov_round(void)
{
    return atomic_load_explicit(&kcov_switches.round, memory_order_relaxed);
}

/* Whether comparisons are recorded in this round (sampling.h). */
static inline bool
kcov_round_compares(int mode)
{
    return !(mode & KCOV_CMP_SAMPLED) || kcov_round() != 0;
}

/*
 * The first hit of a place since the enable: the byte is looked at first, as nearly all hits are
 * not the first.
 */
static inline bool
kcov_first_hit(struct kcov_trace *trace, uint32_t number)
{
    _Atomic uint8_t *seen = &trace->seen[number];
    uint8_t generation = (uint8_t)trace->generation;

    if (atomic_load_explicit(seen, memory_order_relaxed) == generation || kcov_halted())
        return false;
    return atomic_exchange_explicit(seen, generation, memory_order_relaxed) != generation;
}

/*
 * The same for an address. A place of an older generation is as good as an empty one: within a
 * generation none is given up, so a search may end at the first. A set that is too full counts what
 * it could not take as dropped.
 */
static inline bool
kcov_first_native_hit(struct kcov_trace *trace, uint64_t pc)
{
    uint64_t wanted = pc << 8 | trace->generation;
    uint64_t hash = (pc * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - KCOV_NATIVE_BITS);

    for (uint64_t i = 0; i < KCOV_NATIVE_TRIES; i++) {
        _Atomic uint64_t *place = &trace->native_seen[(hash + i) & ((1u << KCOV_NATIVE_BITS) - 1)];
        uint64_t found = atomic_load_explicit(place, memory_order_relaxed);

        while (found != wanted && (uint8_t)found != (uint8_t)trace->generation) {
            if (kcov_halted())
                return false;
            if (atomic_compare_exchange_weak_explicit(place, &found, wanted, memory_order_relaxed,
                                                      memory_order_relaxed))
                return true;
        }
        if (found == wanted)
            return false;
    }
    if (!kcov_halted())
        atomic_fetch_add_explicit(trace->dropped, 1, memory_order_relaxed);
    return false;
}

/* For events that are not probes. */
static inline struct kcov_trace *
kcov_followed_trace(void)
{
    struct kcov_trace *trace = kcov_attached_trace();

    if (__builtin_expect(kcov_trace_mode(trace) & KCOV_MODE_FOLLOW, 0)) {
        kcov_follow();
        trace = kcov_attached_trace();
    }
    return trace;
}

static inline int
kcov_event_mode(struct kcov_trace *trace)
{
    return kcov_trace_mode(trace) & ~KCOV_MODE_FOLLOW;
}

/*
 * An entry of KCOV_MODE_TRACE_ACCESS, in which `trace` is. object: an address, KCOV_ACCESS_NAME, or
 * 0.
 */
void kcov_record_access(struct kcov_trace *trace, uint64_t pc, uint64_t object);

/* The number of the calling thread in such entries. */
uint32_t kcov_thread_number(void);

/*
 * A pc of unknown making: TRACE_UNIQUE_PC, which knows places by probe number or address, does not
 * record it.
 */
static inline void
kcov_record_pc(uint64_t pc)
{
    struct kcov_trace *trace = kcov_followed_trace();
    int mode = kcov_event_mode(trace);

    if (kcov_halted())
        return;
    if (mode == KCOV_MODE_TRACE_PC)
        kcov_append_pc(trace, pc);
    else if (mode == KCOV_MODE_TRACE_ACCESS)
        kcov_record_access(trace, pc, 0);
}

/*
 * An address while kcov_follow() has to be asked, with a counter map, or with its thread. Not
 * inline: see kcov_count_probe().
 */
void kcov_count_native_pc(uint64_t pc);

/* An address, below 2^56. */
static inline void
kcov_record_native_pc(uint64_t pc)
{
    struct kcov_trace *trace = kcov_attached_trace();
    int mode = kcov_trace_mode(trace);

    if (mode == KCOV_MODE_TRACE_PC && trace->counters == NULL) {
        if (!kcov_halted())
            kcov_append_pc(trace, pc);
    } else if (mode == KCOV_MODE_TRACE_UNIQUE_PC && trace->counters == NULL) {
        if (kcov_first_native_hit(trace, pc))
            kcov_append_pc(trace, pc);
    } else if (mode & (KCOV_MODE_FOLLOW | KCOV_MODE_TRACE_PC | KCOV_MODE_TRACE_CMP)) {
        kcov_count_native_pc(pc);
    }
}

/*
 * What follows, with a counter map or with its thread. Not inline, so that the path without stays
 * as short as it is.
 */
void kcov_count_probe(struct kcov_trace *trace, int mode, uint64_t pc, uint32_t number);

/* mode: kcov_probe_mode(). Those without a counter map come first. */
static inline __attribute__((always_inline)) void
kcov_record_probe(struct kcov_trace *trace, int mode, uint64_t pc, uint32_t number)
{
    if (mode == KCOV_MODE_TRACE_PC) {
        if (!kcov_halted())
            kcov_append_pc(trace, pc);
    } else if (mode == KCOV_MODE_TRACE_UNIQUE_PC) {
        if (kcov_first_hit(trace, number))
            kcov_append_pc(trace, pc);
    } else if (mode & (KCOV_MODE_COUNTERS | KCOV_ACCESSES)) {
        kcov_count_probe(trace, mode, pc, number);
    }
}

/* A comparison while kcov_follow() has to be asked. Not inline, as that of a pc. */
void kcov_follow_cmp(uint64_t type, uint64_t a, uint64_t b, uint64_t pc);

/* type as in the buffer; the operands are cut already. */
static inline void
kcov_record_cmp(uint64_t type, uint64_t a, uint64_t b, uint64_t pc)
{
    struct kcov_trace *trace = kcov_attached_trace();
    int mode = kcov_trace_mode(trace);
    int kind = mode & (KCOV_MODE_TRACE_CMP | KCOV_MODE_FOLLOW);

    if (kind == KCOV_MODE_TRACE_CMP) {
        if (!kcov_halted() && kcov_round_compares(mode))
            kcov_append_cmp(trace, type, a, b, pc);
    } else if (kind & KCOV_MODE_FOLLOW) {
        kcov_follow_cmp(type, a, b, pc);
    }
}

/* One event a case, operands not cut. bits other than 8, 16, 32, 64: nothing. */
void kcov_record_switch(unsigned bits, uint64_t value, const uint64_t *cases, size_t count,
                        uint64_t pc);

/*
 * Append the entries of a private buffer, all or none, and what it dropped. For trace.mode ==
 * batch.mode only.
 */
void kcov_append_batch(struct kcov_trace *trace, struct kcov_trace *batch);

#endif
