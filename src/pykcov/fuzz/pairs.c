/*
 * pairs.c: see pairs.h.
 */
#define _GNU_SOURCE
#include "pairs.h"

#include <string.h>

#define PLACES (1u << PAIRS_BITS)

static uint64_t
hash_on(uint64_t hash, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 29;
}

void
pykcov_pairs_add(struct pairs *pairs, const uint8_t *input, size_t input_size, const uint8_t *from,
                 size_t from_size, const uint8_t *to, size_t to_size)
{
    uint64_t hash = hash_on(hash_on(from_size << 8 | to_size, from, from_size), to, to_size) | 1;
    struct pair *pair = &pairs->table[hash >> (64 - PAIRS_BITS)];

    if (pair->hash == hash || from_size == 0 || memmem(input, input_size, from, from_size) == NULL)
        return;
    pairs->count += pair->hash == 0;
    pair->hash = hash;
    pair->from_size = (uint8_t)from_size;
    pair->to_size = (uint8_t)to_size;
    memcpy(pair->from, from, from_size);
    memcpy(pair->to, to, to_size);
}

/* One of the places at which `from` stands: the first behind a place chosen by chance, or before.
 */
static uint8_t *
find(uint8_t *data, size_t size, const struct pair *pair, uint64_t random)
{
    size_t begin = size > 0 ? (size_t)(random % size) : 0;
    uint8_t *found = memmem(data + begin, size - begin, pair->from, pair->from_size);

    return found != NULL ? found : memmem(data, size, pair->from, pair->from_size);
}

size_t
pykcov_pairs_apply(const struct pairs *pairs, uint8_t *data, size_t size, size_t capacity,
                   uint64_t random)
{
    for (unsigned i = 0; pairs->count > 0 && i < PLACES; i++) {
        const struct pair *pair = &pairs->table[(random + i) % PLACES];
        uint8_t *found;
        size_t new_size = size - pair->from_size + pair->to_size;

        if (pair->hash == 0 || pair->from_size > size || new_size > capacity || new_size == 0 ||
            (found = find(data, size, pair, random >> PAIRS_BITS)) == NULL)
            continue;
        memmove(found + pair->to_size, found + pair->from_size,
                (size_t)(data + size - found) - pair->from_size);
        memcpy(found, pair->to, pair->to_size);
        return new_size;
    }
    return 0;
}
