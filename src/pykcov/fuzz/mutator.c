/*
 * mutator.c: what libFuzzer finds of a custom mutator. See mutators.h.
 */
#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT size_t (*pykcov_mutator)(uint8_t *data, size_t size, size_t capacity, unsigned seed);

EXPORT size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
    return pykcov_mutator(data, size, capacity, seed);
}
