/*
 * trace.h: the hot path. An event looks up what its thread is attached to, claims words there in
 * one atomic step and writes them. No lock, no call, no allocation: it may run in a signal handler,
 * in the middle of another event.
 *
 * What guards a field:
 *   [I] immutable once others can see it
 *   [L] kcov_lock (lock.h)
 *   [R] written under kcov_lock while the device is ready, so that nobody is attached to it
 *   [a] atomic
 *   [T] used by its own thread only
 */
#ifndef KCOV_TRACE_H
#define KCOV_TRACE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kcov.h"

#define KCOV_CACHE_LINE 64
#define KCOV_PROBES_MAX (1u << 24)

/* A device under TRACE_UNIQUE_PC has 2^20 places for native pcs; each may be in one of 64. */
#define KCOV_NATIVE_BITS 20
#define KCOV_NATIVE_TRIES 64

/*
 * In the place of a mode: the thread is not attached, and the adopter was not called in it yet.
 * Records nothing.
 */
#define KCOV_MODE_ADOPT (1 << 16)

/*
 * What events go to: the buffer of a device, the interrupt buffer of a thread, or nothing (mode 0).
 */
struct kcov_trace {
    atomic_int mode;         /* [a] */
    uint8_t generation;      /* [R] 1..255, marks what was hit since the enable in the two below */
    atomic_bool shared;      /* [a] more than one thread, or process, may append */
    uint64_t capacity;       /* [R] entries of this mode that fit */
    _Atomic uint64_t *words; /* [I] */
    _Atomic uint64_t *dropped;     /* [I] */
    _Atomic uint8_t *seen;         /* [R] by probe number, for TRACE_UNIQUE_PC */
    _Atomic uint64_t *native_seen; /* [R] a hash set of pc << 8 | generation, for the same */
} __attribute__((aligned(KCOV_CACHE_LINE)));

struct kcov_thread;

/* Atomic for the sake of signal handlers. */
typedef _Atomic(struct kcov_trace *) kcov_trace_pointer;

/* A thread's attachment. The hot path reads `trace` alone. */
struct kcov_self {
    kcov_trace_pointer trace;         /* [T] never NULL */
    kcov_trace_pointer in_thread;     /* [T] what it is in thread context, also while interrupted */
    kcov_trace_pointer in_interrupt;  /* [T] what it is in interrupt context */
    volatile sig_atomic_t interrupts; /* [T] depth: 0 is thread context */
    unsigned quiet;                   /* [T] not 0: records nothing, as the adopter is at work */
    struct kcov_thread *thread;       /* [T] the rest (thread.h), NULL until it is needed */
};

extern _Thread_local struct kcov_self kcov_self
    __attribute__((visibility("hidden"), tls_model("initial-exec")));

/* Two switches: nothing is recorded while either is on. */
#define KCOV_HALTED 1
#define KCOV_DEBUGGER 2

struct kcov_switches {
    atomic_int on; /* [a] KCOV_HALTED | KCOV_DEBUGGER */
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

static inline int
kcov_trace_mode(struct kcov_trace *trace)
{
    return atomic_load_explicit(&trace->mode, memory_order_relaxed);
}

static inline bool
kcov_halted(void)
{
    return atomic_load_explicit(&kcov_switches.on, memory_order_relaxed) != 0;
}

static inline unsigned
kcov_entry_words(int mode)
{
    return mode & KCOV_MODE_TRACE_CMP ? KCOV_CMP_WORDS : 1;
}

/* How many entries of a mode fit into nmemb words. */
static inline uint64_t
kcov_capacity(int mode, uint64_t nmemb)
{
    return (nmemb - 1) / kcov_entry_words(mode);
}

/* Whether k entries fit behind an index of 0..2^64-1. */
static inline bool
kcov_fits(struct kcov_trace *trace, uint64_t index, uint64_t k)
{
    return index <= trace->capacity && k <= trace->capacity - index;
}

#ifdef __x86_64__
/*
 * kcov_claim() where one thread alone appends: at a fifth of the cost, as the instruction has no
 * lock prefix. A signal handler comes before or after it, not in between. But what another core
 * writes to word 0 meanwhile may be overwritten: kcov_buffer_reset() looks again.
 */
static inline bool
kcov_claim_alone(struct kcov_trace *trace, uint64_t k, uint64_t *index)
{
    uint64_t count = k;

    if (!kcov_fits(trace, atomic_load_explicit(&trace->words[0], memory_order_relaxed), k))
        return false;
    __asm__ volatile("xaddq %0, %1" : "+r"(count), "+m"(trace->words[0])::"cc");
    *index = count;
    if (__builtin_expect(kcov_fits(trace, count, k), 1))
        return true;
    /*
     * A signal handler was faster, or the user. Has the user changed the count since, then that
     * stands.
     */
    uint64_t claimed = count + k;
    atomic_compare_exchange_strong_explicit(&trace->words[0], &claimed, count, memory_order_relaxed,
                                            memory_order_relaxed);
    return false;
}
#endif

static inline bool
kcov_claim_shared(struct kcov_trace *trace, uint64_t k, uint64_t *index)
{
    uint64_t count = atomic_load_explicit(&trace->words[0], memory_order_relaxed);

    do {
        if (!kcov_fits(trace, count, k))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&trace->words[0], &count, count + k,
                                                    memory_order_relaxed, memory_order_relaxed));
    *index = count;
    return true;
}

/*
 * Claim k entries, all or none: the index of the first, or false after counting k as dropped. Word
 * 0 is in the user's hands: whatever it holds, an index that is given out lies in the buffer.
 */
static inline bool
kcov_claim(struct kcov_trace *trace, uint64_t k, uint64_t *index)
{
#ifdef __x86_64__
    bool shared = atomic_load_explicit(&trace->shared, memory_order_relaxed);
    bool claimed = shared ? kcov_claim_shared(trace, k, index) : kcov_claim_alone(trace, k, index);
#else
    bool claimed = kcov_claim_shared(trace, k, index);
#endif

    if (__builtin_expect(claimed, 1))
        return true;
    atomic_fetch_add_explicit(trace->dropped, k, memory_order_relaxed);
    return false;
}

static inline void
kcov_append_pc(struct kcov_trace *trace, uint64_t pc)
{
    uint64_t index;

    if (kcov_claim(trace, 1, &index))
        atomic_store_explicit(&trace->words[index + 1], pc, memory_order_relaxed);
}

static inline void
kcov_write_entry(_Atomic uint64_t *entry, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    atomic_store_explicit(&entry[0], a, memory_order_relaxed);
    atomic_store_explicit(&entry[1], b, memory_order_relaxed);
    atomic_store_explicit(&entry[2], c, memory_order_relaxed);
    atomic_store_explicit(&entry[3], d, memory_order_relaxed);
}

static inline void
kcov_append_cmp(struct kcov_trace *trace, uint64_t type, uint64_t a, uint64_t b, uint64_t pc)
{
    uint64_t index;

    if (kcov_claim(trace, 1, &index))
        kcov_write_entry(&trace->words[index * KCOV_CMP_WORDS + 1], type, a, b, pc);
}

#define KCOV_OPERAND_WORDS (KCOV_OPERAND_BYTES / 8)

/* An operand that is more than a word: its length in bytes and the first of them, then zeros. */
struct kcov_operand {
    uint64_t length;
    uint64_t words[KCOV_OPERAND_WORDS];
};

/* How many entries hold what is recorded of it. */
static inline unsigned
kcov_operand_entries(const struct kcov_operand *operand)
{
    return operand->length > KCOV_CMP_WORDS * 8 ? 2 : operand->length > 0;
}

/* Header and payload in one piece, or neither, which counts every entry of them as dropped. */
static inline void
kcov_append_cmp_bytes(struct kcov_trace *trace, uint64_t type, const struct kcov_operand *first,
                      const struct kcov_operand *second, uint64_t pc)
{
    const struct kcov_operand *operands[] = {first, second};
    uint64_t payload = kcov_operand_entries(first) + kcov_operand_entries(second);
    _Atomic uint64_t *entry;
    uint64_t index;

    if (!kcov_claim(trace, 1 + payload, &index))
        return;
    entry = &trace->words[index * KCOV_CMP_WORDS + 1];
    kcov_write_entry(entry, type | KCOV_CMP_PAYLOAD | KCOV_CMP_ENTRIES(payload), first->length,
                     second->length, pc);
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t *words = operands[i]->words;

        for (unsigned j = kcov_operand_entries(operands[i]); j > 0; j--, words += KCOV_CMP_WORDS)
            kcov_write_entry(entry += KCOV_CMP_WORDS, words[0], words[1], words[2], words[3]);
    }
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

/*
 * A pc of unknown making: TRACE_UNIQUE_PC, which knows places by probe number or address, does not
 * record it.
 */
static inline void
kcov_record_pc(uint64_t pc)
{
    struct kcov_trace *trace = kcov_attached_trace();

    if (kcov_trace_mode(trace) == KCOV_MODE_TRACE_PC && !kcov_halted())
        kcov_append_pc(trace, pc);
}

/* An address, below 2^56. */
static inline void
kcov_record_native_pc(uint64_t pc)
{
    struct kcov_trace *trace = kcov_attached_trace();
    int mode = kcov_trace_mode(trace);

    if (mode == KCOV_MODE_TRACE_PC) {
        if (!kcov_halted())
            kcov_append_pc(trace, pc);
    } else if (mode == KCOV_MODE_TRACE_UNIQUE_PC) {
        if (kcov_first_native_hit(trace, pc))
            kcov_append_pc(trace, pc);
    }
}

static inline void
kcov_record_probe(struct kcov_trace *trace, int mode, uint64_t pc, uint32_t number)
{
    if (mode == KCOV_MODE_TRACE_PC) {
        if (!kcov_halted())
            kcov_append_pc(trace, pc);
    } else if (mode == KCOV_MODE_TRACE_UNIQUE_PC) {
        if (kcov_first_hit(trace, number))
            kcov_append_pc(trace, pc);
    }
}

/* type as in the buffer; the operands are cut already. */
static inline void
kcov_record_cmp(uint64_t type, uint64_t a, uint64_t b, uint64_t pc)
{
    struct kcov_trace *trace = kcov_attached_trace();

    if (kcov_trace_mode(trace) & KCOV_MODE_TRACE_CMP && !kcov_halted())
        kcov_append_cmp(trace, type, a, b, pc);
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
