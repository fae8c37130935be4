/*
 * pairs.c: see pairs.h.
 */
#define _GNU_SOURCE
#include "pairs.h"

#include <string.h>

#define PLACES (1u << PAIRS_BITS)
#define TRIES 16
#define COMPARED 4 /* of those that fit */
#define APPLIED_FREELY 64

uint64_t
pykcov_hash(uint64_t seed, struct word word)
{
    uint64_t hash = seed ^ word.size;

    for (size_t i = 0; i < word.size; i++)
        hash = (hash ^ word.bytes[i]) * UINT64_C(0x100000001b3);
    return ((hash ^ hash >> 29) * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

void
pykcov_pairs_begin(struct pairs *pairs)
{
    pairs->execution++;
}

static void
fill(struct pair *pair, uint64_t pc, struct word from, struct word to, bool is_const)
{
    struct word nothing = {NULL, 0};
    uint64_t kind = pykcov_hash(pc, is_const ? to : nothing);

    pair->kind = (uint16_t)(kind >> (64 - PAIRS_KIND_BITS));
    pair->tries = TRIES;
    pair->from_size = (uint8_t)from.size;
    pair->to_size = (uint8_t)to.size;
    memcpy(pair->from, from.bytes, from.size);
    memcpy(pair->to, to.bytes, to.size);
}

const struct pair *
pykcov_pairs_add(struct pairs *pairs, uint64_t pc, struct word from, struct word to, bool is_const)
{
    uint64_t hash = pykcov_hash(pykcov_hash(0, from), to);
    struct pair *pair = &pairs->table[hash >> (64 - PAIRS_BITS)];

    if (pair->hash != hash || pair->tries == 0) {
        pairs->count += pair->tries == 0;
        pair->hash = hash;
        fill(pair, pc, from, to, is_const);
    }
    pair->execution = pairs->execution;
    return pair;
}

/* One of the places at which `from` stands: the first behind a place chosen by chance, or before.
 */
static uint8_t *
find(uint8_t *data, size_t size, const struct pair *pair, uint64_t random)
{
    size_t begin = size > 0 ? (size_t)(random % size) : 0;
    uint8_t *found;

    if (pair->from_size == 0)
        return data + size;
    found = memmem(data + begin, size - begin, pair->from, pair->from_size);
    return found != NULL ? found : memmem(data, size, pair->from, pair->from_size);
}

static size_t
size_with(const struct pair *pair, size_t size)
{
    return pair->from_size <= size ? size - pair->from_size + pair->to_size : 0;
}

/* The least tried of a few that fit, and where it does. */
static struct pair *
choose(struct pairs *pairs, uint8_t *data, size_t size, size_t capacity, uint64_t random, bool last,
       uint8_t **place)
{
    struct pair *best = NULL;
    unsigned fitting = 0;
    bool has[256] = {false};

    for (size_t i = 0; pairs->count > 0 && i < size; i++)
        has[data[i]] = true;
    for (unsigned i = 0; pairs->count > 0 && i < PLACES && fitting < COMPARED; i++) {
        struct pair *pair = &pairs->table[(random + i) % PLACES];
        size_t new_size = size_with(pair, size);
        uint8_t *found;

        if (pair->tries == 0 || (pair->from_size > 0 && !has[pair->from[0]]) || new_size == 0 ||
            new_size > capacity || (last && pair->execution != pairs->execution) ||
            (best != NULL && pairs->applied[pair->kind] >= pairs->applied[best->kind]) ||
            (found = find(data, size, pair, random >> PAIRS_BITS)) == NULL)
            continue;
        fitting++;
        best = pair;
        *place = found;
    }
    return best;
}

size_t
pykcov_pairs_apply(struct pairs *pairs, uint8_t *data, size_t size, size_t capacity,
                   uint64_t random, bool last)
{
    uint8_t *found;
    struct pair *pair = choose(pairs, data, size, capacity, random, last, &found);
    uint16_t *applied;

    if (pair == NULL)
        return 0;
    applied = &pairs->applied[pair->kind];
    if (*applied > APPLIED_FREELY && (random >> 12) % *applied >= APPLIED_FREELY)
        return 0;
    memmove(found + pair->to_size, found + pair->from_size,
            (size_t)(data + size - found) - pair->from_size);
    memcpy(found, pair->to, pair->to_size);
    pairs->count -= --pair->tries == 0;
    *applied += *applied < UINT16_MAX;
    return size_with(pair, size);
}
