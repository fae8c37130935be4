/*
 * pairs.c: see pairs.h.
 */
#define _GNU_SOURCE
#include "pairs.h"

#include <string.h>

#define PLACES (1u << PAIRS_BITS)
#define TRIES 16
#define APPLIED_FREELY 256 /* then every second pair of a place is kept, then every third, ... */

static uint64_t
hash_on(uint64_t hash, struct word word)
{
    hash ^= word.size;
    for (size_t i = 0; i < word.size; i++)
        hash = (hash ^ word.bytes[i]) * UINT64_C(0x100000001b3);
    return (hash ^ hash >> 29) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Whether it is time for another pair at a place. */
static bool
is_due(struct pairs *pairs, uint16_t place)
{
    if (++pairs->offered[place] <= pairs->applied[place] / APPLIED_FREELY)
        return false;
    pairs->offered[place] = 0;
    return true;
}

void
pykcov_pairs_add(struct pairs *pairs, struct word input, uint64_t pc, struct word from,
                 struct word to)
{
    uint64_t hash = hash_on(hash_on(0, from), to) | 1;
    struct pair *pair = &pairs->table[hash >> (64 - PAIRS_BITS)];
    uint16_t place = (uint16_t)(hash_on(pc, to) >> (64 - PAIRS_PLACE_BITS));

    if ((pair->hash == hash && pair->tries > 0) || from.size == 0 ||
        memmem(input.bytes, input.size, from.bytes, from.size) == NULL || !is_due(pairs, place))
        return;
    pairs->count += pair->tries == 0;
    pair->hash = hash;
    pair->place = place;
    pair->tries = TRIES;
    pair->from_size = (uint8_t)from.size;
    pair->to_size = (uint8_t)to.size;
    memcpy(pair->from, from.bytes, from.size);
    memcpy(pair->to, to.bytes, to.size);
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
pykcov_pairs_apply(struct pairs *pairs, uint8_t *data, size_t size, size_t capacity,
                   uint64_t random)
{
    for (unsigned i = 0; pairs->count > 0 && i < PLACES; i++) {
        struct pair *pair = &pairs->table[(random + i) % PLACES];
        uint8_t *found;
        size_t new_size = size - pair->from_size + pair->to_size;

        if (pair->tries == 0 || pair->from_size > size || new_size > capacity || new_size == 0 ||
            (found = find(data, size, pair, random >> PAIRS_BITS)) == NULL)
            continue;
        memmove(found + pair->to_size, found + pair->from_size,
                (size_t)(data + size - found) - pair->from_size);
        memcpy(found, pair->to, pair->to_size);
        pairs->count -= --pair->tries == 0;
        pairs->applied[pair->place] += pairs->applied[pair->place] < UINT16_MAX;
        return new_size;
    }
    return 0;
}
