/*
 * reached.c: see reached.h.
 */
#include "reached.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 64 /* counters that are looked at together */

#define ALL_TOLD 4096 /* executions, at first */
#define TOLD_ONE_IN 8

typedef uint8_t vector __attribute__((vector_size(16)));

struct block {
    vector parts[BLOCK / sizeof(vector)];
};

/* The bit for the range of each number of hits, 0 of none: each begin of one doubles it. */
static inline vector
ranges_of(vector hits)
{
#define FROM(begin, more) ((vector)(hits >= (uint8_t)(begin)) & (uint8_t)(more))
    return FROM(1, 1) + FROM(2, 1) + FROM(3, 2) + FROM(4, 4) + FROM(8, 8) + FROM(16, 16) +
           FROM(32, 32) + FROM(128, 64);
#undef FROM
}

static inline bool
any(const struct block *block)
{
    typedef uint64_t words __attribute__((vector_size(16)));
    vector all = block->parts[0];

    for (unsigned i = 1; i < BLOCK / sizeof(vector); i++)
        all |= block->parts[i];
    return (((words)all)[0] | ((words)all)[1]) != 0;
}

static bool
grow(struct reached *reached, size_t count)
{
    size_t size = (count + BLOCK - 1) / BLOCK * BLOCK;
    uint8_t *ranges = realloc(reached->ranges, size);

    if (ranges == NULL)
        return false;
    memset(ranges + reached->size, 0, size - reached->size);
    reached->ranges = ranges;
    reached->size = size;
    return true;
}

/* Some of a block are new. */
static enum pykcov_news
note_new(uint8_t *known, const struct block *found)
{
    enum pykcov_news news = PYKCOV_NEW_RANGE;
    uint8_t ranges[BLOCK];

    memcpy(ranges, found, BLOCK);
    for (unsigned i = 0; i < BLOCK; i++) {
        if (ranges[i] != 0 && known[i] == 0)
            news = PYKCOV_NEW_PLACE;
        known[i] |= ranges[i];
    }
    return news;
}

/* Most blocks were not reached at all. */
static inline enum pykcov_news
note(uint8_t *known, const uint8_t *counters, size_t count)
{
    struct block found = {{{0}}}, before, new;

    memcpy(&found, counters, count);
    if (!any(&found))
        return PYKCOV_NOTHING_NEW;
    memcpy(&before, known, BLOCK);
    for (unsigned i = 0; i < BLOCK / sizeof(vector); i++) {
        found.parts[i] = ranges_of(found.parts[i]);
        new.parts[i] = found.parts[i] & ~before.parts[i];
    }
    return any(&new) ? note_new(known, &found) : PYKCOV_NOTHING_NEW;
}

enum pykcov_news
pykcov_reached_note(struct reached *reached, const uint8_t *counters, size_t count)
{
    enum pykcov_news news = PYKCOV_NOTHING_NEW;

    if (count > reached->size && !grow(reached, count))
        return PYKCOV_NEW_PLACE;
    for (size_t at = 0; at < count; at += BLOCK) {
        size_t left = count - at;
        enum pykcov_news here =
            note(reached->ranges + at, counters + at, left < BLOCK ? left : BLOCK);

        if (here > news)
            news = here;
    }
    return news;
}

bool
pykcov_reached_is_told(uint64_t executions)
{
    return executions < ALL_TOLD || executions % TOLD_ONE_IN == 0;
}
