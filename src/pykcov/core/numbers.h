/*
 * numbers.h: the numbers of places, dense from 0, by which counter maps are indexed. Probes get
 * theirs when they are made; an address of native code when it is first counted.
 */
#ifndef KCOV_NUMBERS_H
#define KCOV_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers given so far: all are lower. */
unsigned kcov_numbers_total(void);

/* Take `count` consecutive ones, all or none: whether there were as many. */
bool kcov_numbers_take(size_t count, unsigned *first);

/* Make room for addresses. 0 or ENOMEM. Twice is once. */
int kcov_native_numbers_create(void);

/*
 * The number of an address, a new one if it has none. False: no room is left, or another thread is
 * giving it one at this moment. Takes no lock; a signal handler may call it.
 */
bool kcov_native_number(uint64_t pc, uint32_t *number);

/* Look at place `index` of the table: whether there is an address with a number. */
#define KCOV_NATIVE_NUMBERS (1u << 20)
bool kcov_native_number_at(unsigned index, uint64_t *pc, uint32_t *number);

#endif
