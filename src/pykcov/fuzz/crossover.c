/*
 * crossover.c: what libFuzzer finds of a custom crossover. See mutators.h.
 */
#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT size_t (*pykcov_crossover)(const uint8_t *first, size_t first_size, const uint8_t *second,
                                  size_t second_size, uint8_t *out, size_t capacity, unsigned seed);

EXPORT size_t
LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_size, const uint8_t *second,
                          size_t second_size, uint8_t *out, size_t capacity, unsigned seed)
{
    return pykcov_crossover(first, first_size, second, second_size, out, capacity, seed);
}
