/*
 * trace.c: what of the hot path need not be inline, and the faces of it for native code.
 */
#define KCOV_CORE
#include "trace.h"

#include "adopt.h"
#include "numbers.h"

_Thread_local struct kcov_self kcov_self = {
    .trace = &kcov_newborn.trace,
    .in_thread = &kcov_newborn.trace,
    .in_interrupt = &kcov_nothing,
};

struct kcov_switches kcov_switches;
static void (*_Atomic follower)(void); /* [a] NULL without Python */
struct kcov_trace kcov_nothing;

void
kcov_follower_set(void (*function)(void))
{
    atomic_store(&follower, function);
}

void
kcov_follow(void)
{
    void (*function)(void) = atomic_load_explicit(&follower, memory_order_relaxed);

    if (function != NULL)
        function();
}

void
kcov_follow_cmp(uint64_t type, uint64_t a, uint64_t b, uint64_t pc)
{
    struct kcov_trace *trace = kcov_followed_trace();
    int mode = kcov_trace_mode(trace);

    if (mode & KCOV_MODE_TRACE_CMP && !kcov_halted() && kcov_round_compares(mode))
        kcov_append_cmp(trace, type, a, b, pc);
}

void
kcov_halt(int which, bool on)
{
    if (on)
        atomic_fetch_or(&kcov_switches.on, which);
    else
        atomic_fetch_and(&kcov_switches.on, ~which);
}

uint32_t
kcov_thread_number(void)
{
    static atomic_uint numbers; /* [a] the newest; in a forked child they go on */
    uint32_t number = atomic_load_explicit(&kcov_self.number, memory_order_relaxed);
    uint32_t taken;

    if (number != 0)
        return number;
    taken = atomic_fetch_add_explicit(&numbers, 1, memory_order_relaxed) + 1;
    /* An event of a signal handler may have come in between: then the thread has that number. */
    return atomic_compare_exchange_strong_explicit(&kcov_self.number, &number, taken,
                                                   memory_order_relaxed, memory_order_relaxed)
               ? taken
               : number;
}

void
kcov_record_access(struct kcov_trace *trace, uint64_t pc, uint64_t object)
{
    uint64_t which = object == KCOV_ACCESS_NAME ? object : object / 16;
    uint64_t mask = (UINT64_C(1) << KCOV_ACCESS_OBJECT_BITS) - 1;

    kcov_append_access(trace, pc,
                       (uint64_t)kcov_thread_number() << KCOV_ACCESS_OBJECT_BITS | (which & mask));
}

/*
 * Up to 255. Load and store, without a bus lock: where several threads count in one place, an
 * increment may be lost, but the counter does not wrap around.
 */
static inline __attribute__((always_inline)) void
count(struct kcov_trace *trace, uint32_t number)
{
    _Atomic uint8_t *counter;
    uint8_t hits;

    if (number >= trace->counters_size) {
        atomic_fetch_add_explicit(trace->dropped, 1, memory_order_relaxed);
        return;
    }
    counter = &trace->counters[number];
    hits = atomic_load_explicit(counter, memory_order_relaxed);
    if (hits != UINT8_MAX)
        atomic_store_explicit(counter, (uint8_t)(hits + 1), memory_order_relaxed);
}

void
kcov_count_probe(struct kcov_trace *trace, int mode, uint64_t pc, uint32_t number)
{
    if (kcov_halted())
        return;
    if (mode & KCOV_MODE_COUNTERS)
        count(trace, number);
    if (mode & KCOV_MODE_TRACE_CMP)
        return;
    if (mode & KCOV_ACCESSES)
        kcov_record_access(trace, pc, 0);
    else if (mode == (KCOV_MODE_TRACE_PC | KCOV_MODE_COUNTERS) || kcov_first_hit(trace, number))
        kcov_append_pc(trace, pc);
}

void
kcov_count_native_pc(uint64_t pc)
{
    struct kcov_trace *trace = kcov_followed_trace();
    int mode = kcov_event_mode(trace);
    uint32_t number;

    if (mode == KCOV_MODE_NONE || kcov_halted())
        return;
    if (trace->counters != NULL && kcov_native_number(pc, &number))
        count(trace, number);
    if (mode == KCOV_MODE_TRACE_ACCESS)
        kcov_record_access(trace, pc, 0);
    else if (mode == KCOV_MODE_TRACE_PC ||
             (mode == KCOV_MODE_TRACE_UNIQUE_PC && kcov_first_native_hit(trace, pc)))
        kcov_append_pc(trace, pc);
}

/* log2 of a size in bytes, -1 if it is not that of an operand. */
static int
size_logarithm(unsigned size)
{
    switch (size) {
    case 1:
        return 0;
    case 2:
        return 1;
    case 4:
        return 2;
    case 8:
        return 3;
    default:
        return -1;
    }
}

void
kcov_record_switch(unsigned bits, uint64_t value, const uint64_t *cases, size_t count, uint64_t pc)
{
    int logarithm = bits % 8 == 0 ? size_logarithm(bits / 8) : -1;

    if (logarithm < 0)
        return;
    for (size_t i = 0; i < count; i++)
        kcov_record_cmp(KCOV_CMP_SIZE((unsigned)logarithm) | KCOV_CMP_CONST, cases[i], value, pc);
}

void
kcov_append_batch(struct kcov_trace *trace, struct kcov_trace *batch)
{
    uint64_t count = atomic_load_explicit(&batch->words[0], memory_order_relaxed);
    uint64_t lost = atomic_load_explicit(batch->dropped, memory_order_relaxed);
    size_t width = kcov_entry_words(trace->mode);
    uint64_t index;

    if (lost > 0)
        atomic_fetch_add_explicit(trace->dropped, lost, memory_order_relaxed);
    if (count == 0 || !kcov_claim(trace, count, &index))
        return;
    for (size_t i = 0; i < count * width; i++) {
        uint64_t word = atomic_load_explicit(&batch->words[1 + i], memory_order_relaxed);
        atomic_store_explicit(&trace->words[index * width + 1 + i], word, memory_order_relaxed);
    }
}

void
kcov_interrupt_enter(void)
{
    struct kcov_trace *trace = atomic_load_explicit(&kcov_self.in_interrupt, memory_order_relaxed);

    kcov_self.interrupts++;
    atomic_store_explicit(&kcov_self.trace, trace, memory_order_relaxed);
}

void
kcov_interrupt_leave(void)
{
    struct kcov_trace *trace = atomic_load_explicit(&kcov_self.in_thread, memory_order_relaxed);

    if (kcov_self.interrupts == 0 || --kcov_self.interrupts > 0)
        return;
    atomic_store_explicit(&kcov_self.trace, trace, memory_order_relaxed);
}

void
kcov_trace_pc(uint64_t pc)
{
    kcov_record_pc(pc);
}

void
kcov_trace_cmp(unsigned size, int is_const, uint64_t a, uint64_t b, uint64_t pc)
{
    int logarithm = size_logarithm(size);
    uint64_t mask;

    if (logarithm < 0)
        return;
    mask = UINT64_MAX >> (64 - 8 * size);
    kcov_record_cmp(KCOV_CMP_SIZE((unsigned)logarithm) | (is_const ? KCOV_CMP_CONST : 0), a & mask,
                    b & mask, pc);
}
