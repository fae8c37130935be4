/*
 * sancov.c: what gcc and clang call for -fsanitize-coverage=trace-pc,trace-cmp. The pc of an event
 * is the return address, as in the kernel. Any thread may come here, at any time: also in a signal
 * handler, before Python starts and after it ended.
 *
 * The functions are reached by slots (callbacks.h) or, from objects built without them, by name:
 * the core puts itself into the global scope when it is imported (images.c).
 */
#include <string.h>

#include "callbacks.h"
#include "sancov.h"
#include "trace.h"

#define EXPORT __attribute__((visibility("default")))
#define CALLER ((uint64_t)(uintptr_t)__builtin_return_address(0))

#define TYPE(log2, is_const) (KCOV_CMP_SIZE(log2) | (is_const))

/*
 * Static, so that a slot holds the core's own function even where a preloaded library owns the
 * name. Flat: one function from the program's call to the entry in the buffer.
 */
#define CALLBACK(name, parameters, ...)                                                            \
    __attribute__((flatten)) static void own_##name parameters                                     \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    EXPORT void __sanitizer_cov_##name parameters __attribute__((alias("own_" #name)));

CALLBACK(trace_pc, (void), kcov_record_native_pc(CALLER))

CALLBACK(trace_cmp1, (uint8_t a, uint8_t b), kcov_record_cmp(TYPE(0, 0), a, b, CALLER))
CALLBACK(trace_cmp2, (uint16_t a, uint16_t b), kcov_record_cmp(TYPE(1, 0), a, b, CALLER))
CALLBACK(trace_cmp4, (uint32_t a, uint32_t b), kcov_record_cmp(TYPE(2, 0), a, b, CALLER))
CALLBACK(trace_cmp8, (uint64_t a, uint64_t b), kcov_record_cmp(TYPE(3, 0), a, b, CALLER))
CALLBACK(trace_const_cmp1, (uint8_t a, uint8_t b), kcov_record_cmp(TYPE(0, 1), a, b, CALLER))
CALLBACK(trace_const_cmp2, (uint16_t a, uint16_t b), kcov_record_cmp(TYPE(1, 1), a, b, CALLER))
CALLBACK(trace_const_cmp4, (uint32_t a, uint32_t b), kcov_record_cmp(TYPE(2, 1), a, b, CALLER))
CALLBACK(trace_const_cmp8, (uint64_t a, uint64_t b), kcov_record_cmp(TYPE(3, 1), a, b, CALLER))

/* The kernel has no floating point and its readers take operands for integers: only KCOV_CMP_BYTES
 * has a type for it. */
static inline void
record_float(unsigned log2, uint64_t a, uint64_t b, uint64_t pc)
{
    struct kcov_trace *trace = kcov_followed_trace();
    int mode = kcov_event_mode(trace);

    if (mode & KCOV_CMP_BYTES && !kcov_halted() && kcov_round_compares(mode))
        kcov_append_cmp(trace, TYPE(log2, 0) | KCOV_CMP_FLOAT, a, b, pc);
}

static inline uint64_t
float_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline uint64_t
double_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

CALLBACK(trace_cmpf, (float a, float b), record_float(2, float_bits(a), float_bits(b), CALLER))
CALLBACK(trace_cmpd, (double a, double b), record_float(3, double_bits(a), double_bits(b), CALLER))

/* cases[0]: how many; cases[1]: bits of the value; then the cases. */
CALLBACK(trace_switch, (uint64_t value, uint64_t *cases),
         kcov_record_switch((unsigned)cases[1], value, cases + 2, cases[0], CALLER))

const struct kcov_callbacks kcov_own_callbacks = {.size = sizeof(struct kcov_callbacks),
#define OWN(name, parameters, arguments) .name = own_##name,
                                                  KCOV_CALLBACKS(OWN)
#undef OWN
};

/*
 * The other entry points of sanitizer coverage. An object built for another tool finds them, so
 * that it loads and runs; they record nothing.
 */
#define NOTHING(name, ...)                                                                         \
    EXPORT void __sanitizer_cov_##name(__VA_ARGS__)                                                \
    {                                                                                              \
    }

#pragma GCC diagnostic ignored "-Wunused-parameter"
NOTHING(trace_pc_indir, uintptr_t callee)
NOTHING(trace_pc_entry, void)
NOTHING(trace_pc_exit, void)
NOTHING(trace_args, void)
NOTHING(trace_ret, void)
NOTHING(trace_pc_guard, uint32_t *guard)
NOTHING(trace_pc_guard_init, uint32_t *start, uint32_t *stop)
NOTHING(8bit_counters_init, char *start, char *stop)
NOTHING(bool_flag_init, _Bool *start, _Bool *stop)
NOTHING(pcs_init, const uintptr_t *start, const uintptr_t *stop)
NOTHING(cfs_init, const uintptr_t *start, const uintptr_t *stop)
NOTHING(stack_depth, void)
NOTHING(trace_div4, uint32_t divisor)
NOTHING(trace_div8, uint64_t divisor)
NOTHING(trace_gep, uintptr_t index)
NOTHING(load1, uint8_t *address)
NOTHING(load2, uint16_t *address)
NOTHING(load4, uint32_t *address)
NOTHING(load8, uint64_t *address)
NOTHING(load16, void *address)
NOTHING(store1, uint8_t *address)
NOTHING(store2, uint16_t *address)
NOTHING(store4, uint32_t *address)
NOTHING(store8, uint64_t *address)
NOTHING(store16, void *address)

/* Objects built with clang's stack-depth keep the deepest stack of a thread here. */
EXPORT _Thread_local uintptr_t __sancov_lowest_stack __attribute__((tls_model("initial-exec"))) =
    UINTPTR_MAX;
