/*
 * append.h: where events go, and how entries come there: words are claimed in one atomic step, and
 * written. No lock, no call, no allocation.
 *
 * What guards a field:
 *   [I] immutable once others can see it
 *   [R] written under kcov_lock while the device is ready, so that nobody is attached to it
 *   [a] atomic
 *
 * Memory orders. Whoever wants to read all that was recorded first waits until nobody is under way
 * to append: by the device's own thread, by the lock that the last section takes when it is left
 * (section.c), or by what a following thread says of itself (group.h). Each of these orders what
 * was appended before what is read then. An event by itself orders nothing, all it does is relaxed:
 *   mode, probe_mode  a change takes effect in other threads soon; who needs it at once waits as
 *                     above. Both are stored sequentially consistently, which costs no event.
 *   shared            the thread that appends alone has stored it itself. Before a fork another
 *                     thread sets it, whose children have threads of their own: `alone` in the
 *                     information page is what they go by (buffer.h).
 *   words[0]          all changes of one word have one order, which makes indices unique. Nobody
 *                     concludes from a count that the entries below it are written: until the
 *                     device is disabled, some may still be 0, or old.
 *   words[1...]       written by whoever has claimed them, alone.
 *   dropped           a sum.
 *   seen              one exchange of one byte says who was first, and nothing else depends on it.
 *   native_seen       the same: address and generation are in one word.
 *   counters          a load and a store: an increment may be lost, and is not missed.
 */
#ifndef KCOV_APPEND_H
#define KCOV_APPEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "kcov.h"

#define KCOV_CACHE_LINE 64
#define KCOV_PROBES_MAX (1u << 24)

/* A device under TRACE_UNIQUE_PC has 2^20 places for native pcs; each may be in one of 64. */
#define KCOV_NATIVE_BITS 20
#define KCOV_NATIVE_TRIES 64

/*
 * Added to every mode that an event can see while a device follows its group: the event first finds
 * out for whom its thread works now (trace.h). Records nothing by itself.
 */
#define KCOV_MODE_FOLLOW 0x2000

/*
 * In the place of a mode: the thread is not attached, and the adopter was not called in it yet.
 * Records nothing.
 */
#define KCOV_MODE_ADOPT 0x4000

/* What KCOV_MODE_TRACE_ACCESS has and KCOV_MODE_TRACE_PC has not. */
#define KCOV_ACCESSES (KCOV_MODE_TRACE_ACCESS & ~KCOV_MODE_TRACE_PC)

/* Added to what probes see of the mode of a device that has a counter map. */
#define KCOV_MODE_COUNTERS 0x8000

/*
 * What events go to: the buffer of a device, the interrupt buffer of a thread, or nothing (mode 0).
 * Interrupt buffers have no counters: what goes there is not counted, as it may yet come to
 * nothing.
 */
struct kcov_trace {
    atomic_int mode;          /* [a] */
    uint8_t generation;       /* [R] 1..255, marks what was hit since the enable in the two below */
    atomic_bool shared;       /* [a] more than one thread, or process, may append */
    atomic_ushort probe_mode; /* [a] the mode for probes: with KCOV_MODE_COUNTERS or without */
    uint64_t capacity;        /* [R] entries of this mode that fit */
    _Atomic uint64_t *words;  /* [I] */
    _Atomic uint64_t *dropped;     /* [I] */
    _Atomic uint8_t *seen;         /* [R] by probe number, for TRACE_UNIQUE_PC */
    _Atomic uint64_t *native_seen; /* [R] a hash set of pc << 8 | generation, for the same */
    _Atomic uint8_t *counters;     /* [R] by probe number, with KCOV_MODE_COUNTERS */
    uint64_t counters_size;        /* [R] how many there are */
} __attribute__((aligned(KCOV_CACHE_LINE)));

_Static_assert(sizeof(struct kcov_trace) == KCOV_CACHE_LINE, "an event looks at one line of it");

static inline int
kcov_trace_mode(struct kcov_trace *trace)
{
    return atomic_load_explicit(&trace->mode, memory_order_relaxed);
}

/*
 * What a probe looks at instead, so that a counter map costs events of other kinds nothing, nor
 * probes without one.
 */
static inline int
kcov_probe_mode(struct kcov_trace *trace)
{
    return atomic_load_explicit(&trace->probe_mode, memory_order_relaxed);
}

/* Under kcov_lock. Between the two stores an event may see the new mode and a probe the old one. */
static inline void
kcov_set_mode(struct kcov_trace *trace, int mode)
{
    bool records = (mode & ~(KCOV_MODE_FOLLOW | KCOV_MODE_ADOPT)) != KCOV_MODE_NONE;
    bool counts = records && trace->counters != NULL;

    atomic_store(&trace->mode, mode);
    atomic_store(&trace->probe_mode, (unsigned short)(counts ? mode | KCOV_MODE_COUNTERS : mode));
}

static inline unsigned
kcov_entry_words(int mode)
{
    if (mode & KCOV_ACCESSES)
        return KCOV_ACCESS_WORDS;
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

#if defined(__x86_64__) || defined(__aarch64__)
#define KCOV_ADDS_ALONE

/*
 * Add k to a word that one thread alone counts up, and return what it was: at a fifth of the cost
 * of an atomic addition. On x86-64 the instruction has no lock prefix, so a signal handler comes
 * before or after it, not in between, but what another core writes meanwhile may be overwritten. On
 * aarch64 it is the pair of exclusive load and store, without a barrier and without the call that
 * compilers make of it where the newer instructions may be missing; nothing is overwritten.
 */
static inline uint64_t
kcov_add_alone(_Atomic uint64_t *word, uint64_t k)
{
    uint64_t before;
#ifdef __x86_64__
    before = k;
    __asm__ volatile("xaddq %0, %1" : "+r"(before), "+m"(*word)::"cc");
#else
    uint64_t after;
    uint32_t failed;

    __asm__ volatile("0: ldxr %0, %3\n\t"
                     "add %1, %0, %4\n\t"
                     "stxr %w2, %1, %3\n\t"
                     "cbnz %w2, 0b"
                     : "=&r"(before), "=&r"(after), "=&r"(failed), "+Q"(*word)
                     : "r"(k));
#endif
    return before;
}

/* kcov_claim() where one thread alone appends. What others write to word 0 meanwhile may be
 * overwritten: kcov_buffer_reset() looks again. */
static inline bool
kcov_claim_alone(struct kcov_trace *trace, uint64_t k, uint64_t *index)
{
    uint64_t count, claimed;

    if (!kcov_fits(trace, atomic_load_explicit(&trace->words[0], memory_order_relaxed), k))
        return false;
    *index = count = kcov_add_alone(&trace->words[0], k);
    if (__builtin_expect(kcov_fits(trace, count, k), 1))
        return true;
    /*
     * A signal handler was faster, or the user. Has the user changed the count since, then that
     * stands.
     */
    claimed = count + k;
    atomic_compare_exchange_strong_explicit(&trace->words[0], &claimed, count, memory_order_relaxed,
                                            memory_order_relaxed);
    return false;
}
#endif

/* order: with which the claim is seen among what this and other threads do. */
static inline __attribute__((always_inline)) bool
kcov_claim_shared(struct kcov_trace *trace, uint64_t k, uint64_t *index, memory_order order)
{
    uint64_t count = atomic_load_explicit(&trace->words[0], memory_order_relaxed);

    do {
        if (!kcov_fits(trace, count, k))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&trace->words[0], &count, count + k, order,
                                                    memory_order_relaxed));
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
#ifdef KCOV_ADDS_ALONE
    bool shared = atomic_load_explicit(&trace->shared, memory_order_relaxed);
    bool claimed = shared ? kcov_claim_shared(trace, k, index, memory_order_relaxed)
                          : kcov_claim_alone(trace, k, index);
#else
    bool claimed = kcov_claim_shared(trace, k, index, memory_order_relaxed);
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

/*
 * Word 0 is the sequence number that all threads share. Its claim is sequentially consistent, so
 * that the order of the entries does not contradict what the threads saw of each other.
 */
static inline void
kcov_append_access(struct kcov_trace *trace, uint64_t pc, uint64_t who)
{
    uint64_t index;

    if (!kcov_claim_shared(trace, 1, &index, memory_order_seq_cst)) {
        atomic_fetch_add_explicit(trace->dropped, 1, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&trace->words[index * KCOV_ACCESS_WORDS + 1], pc, memory_order_relaxed);
    atomic_store_explicit(&trace->words[index * KCOV_ACCESS_WORDS + 2], who, memory_order_relaxed);
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

#endif
