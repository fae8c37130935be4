/*
 * callbacks.h: the callbacks that gcc and clang emit for -fsanitize-coverage=trace-pc,trace-cmp,
 * and how a shared object built with `pykcov cflags` gets to the core's.
 *
 * Such an object carries callbacks of its own (native/fallback.c), each a jump to where a slot
 * points: to nothing at first, to the core's callback once the core has filled the slots in. It
 * does so when the object is loaded; or, for an object that was loaded before, at its own import:
 * it finds the slots by an ELF note. Objects outlive the pykcov that built them: slots are only
 * ever appended.
 */
#ifndef KCOV_CALLBACKS_H
#define KCOV_CALLBACKS_H

#include <stddef.h>
#include <stdint.h>

/* X(name, parameters, arguments); the functions are called __sanitizer_cov_ and the name. */
#define KCOV_CALLBACKS(X)                                                                          \
    X(trace_pc, (void), ())                                                                        \
    X(trace_cmp1, (uint8_t a, uint8_t b), (a, b))                                                  \
    X(trace_cmp2, (uint16_t a, uint16_t b), (a, b))                                                \
    X(trace_cmp4, (uint32_t a, uint32_t b), (a, b))                                                \
    X(trace_cmp8, (uint64_t a, uint64_t b), (a, b))                                                \
    X(trace_const_cmp1, (uint8_t a, uint8_t b), (a, b))                                            \
    X(trace_const_cmp2, (uint16_t a, uint16_t b), (a, b))                                          \
    X(trace_const_cmp4, (uint32_t a, uint32_t b), (a, b))                                          \
    X(trace_const_cmp8, (uint64_t a, uint64_t b), (a, b))                                          \
    X(trace_cmpf, (float a, float b), (a, b))                                                      \
    X(trace_cmpd, (double a, double b), (a, b))                                                    \
    X(trace_switch, (uint64_t value, uint64_t *cases), (value, cases))

struct kcov_callbacks {
    uint64_t size; /* bytes of this struct, as the object that holds it was built */
#define KCOV_SLOT(name, parameters, arguments) void(*name) parameters;
    KCOV_CALLBACKS(KCOV_SLOT)
#undef KCOV_SLOT
};

/* The note: this owner, this type, and the distance of the slots from the descriptor, an int64_t.
 */
#define KCOV_NOTE_OWNER "pykcov"
#define KCOV_NOTE_SLOTS 1

/* The core's: fills the slots in and notes the image that they are in. Any thread, any time, also
 * under the loader. */
__attribute__((visibility("default"))) void kcov_attach_image(struct kcov_callbacks *slots);

#endif
