/*
 * numbers.c: see numbers.h.
 */
#define _GNU_SOURCE
#include "numbers.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "append.h"

/* An address that is not within so many places of where it should be has no number. */
#define TRIES 64

struct place {
    _Atomic uint64_t pc; /* [a] 0: free; never changes again. One exchange says who was first */
    atomic_uint number;  /* [a] number + 1, 0: none yet. Released and acquired: whoever has it finds
                            that `total` is above it */
};

static atomic_uint total;             /* [a] */
static _Atomic(struct place *) table; /* [a] NULL until a map is made; then stays */

unsigned
kcov_numbers_total(void)
{
    return atomic_load(&total);
}

bool
kcov_numbers_take(size_t count, unsigned *first)
{
    unsigned before = atomic_load(&total);

    do {
        if (count > KCOV_PROBES_MAX - before)
            return false;
    } while (!atomic_compare_exchange_weak(&total, &before, before + (unsigned)count));
    *first = before;
    return true;
}

int
kcov_native_numbers_create(void)
{
    const size_t size = sizeof(struct place) * KCOV_NATIVE_NUMBERS;
    struct place *before = atomic_load(&table);
    void *memory;

    if (before != NULL)
        return 0;
    /* Only what is touched becomes memory. */
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                  -1, 0);
    if (memory == MAP_FAILED)
        return ENOMEM;
    if (!atomic_compare_exchange_strong(&table, &before, memory))
        munmap(memory, size); /* another thread was faster */
    return 0;
}

/* Whoever has put the address there gives it its number. */
static bool
give_number(struct place *place, uint32_t *number)
{
    unsigned first;

    if (!kcov_numbers_take(1, &first))
        return false;
    *number = first;
    atomic_store_explicit(&place->number, first + 1, memory_order_release);
    return true;
}

bool
kcov_native_number(uint64_t pc, uint32_t *number)
{
    struct place *places = atomic_load_explicit(&table, memory_order_relaxed);
    uint64_t hash = (pc * UINT64_C(0x9e3779b97f4a7c15)) >> 44;

    if (places == NULL)
        return false;
    for (uint64_t i = 0; i < TRIES; i++) {
        struct place *place = &places[(hash + i) & (KCOV_NATIVE_NUMBERS - 1)];
        uint64_t found = atomic_load_explicit(&place->pc, memory_order_relaxed);
        unsigned given;

        if (found == 0 && atomic_compare_exchange_strong(&place->pc, &found, pc))
            return give_number(place, number);
        if (found != pc)
            continue;
        given = atomic_load_explicit(&place->number, memory_order_acquire);
        *number = given - 1;
        return given != 0;
    }
    return false;
}

bool
kcov_native_number_at(unsigned index, uint64_t *pc, uint32_t *number)
{
    struct place *places = atomic_load(&table);
    unsigned given = 0;

    if (places != NULL && (*pc = atomic_load(&places[index].pc)) != 0)
        given = atomic_load(&places[index].number);
    *number = given - 1;
    return given != 0;
}
