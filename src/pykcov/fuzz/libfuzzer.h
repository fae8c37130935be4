/*
 * libfuzzer.h: the functions of libFuzzer that the engine drives, found in a shared object that is
 * loaded for itself: nothing of it is visible to others.
 */
#ifndef PYKCOV_LIBFUZZER_H
#define PYKCOV_LIBFUZZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct libfuzzer {
    int (*run_driver)(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
    size_t (*mutate)(uint8_t *data, size_t size, size_t capacity);
    void (*counters_init)(uint8_t *start, uint8_t *stop);
    void (*pcs_init)(const uintptr_t *start, const uintptr_t *stop);
    void (*trace_cmp1)(uint8_t a, uint8_t b);
    void (*trace_cmp2)(uint16_t a, uint16_t b);
    void (*trace_cmp4)(uint32_t a, uint32_t b);
    void (*trace_cmp8)(uint64_t a, uint64_t b);
    void (*hook_memcmp)(void *pc, const void *a, const void *b, size_t size, int result);
    void (*hook_memmem)(void *pc, const void *haystack, size_t haystack_size, const void *needle,
                        size_t needle_size, void *result);
};

/*
 * `own`: what is in it binds to itself, as in _libfuzzer. NULL if all is found, else what dlopen()
 * or dlsym() says.
 */
const char *pykcov_libfuzzer_load(struct libfuzzer *libfuzzer, const char *path, bool own);

#endif
