/*
 * stage.c: see stage.h.
 */
#define _GNU_SOURCE
#include "stage.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_OF_INPUT 4096
#define TAKEN_MAX 4
#define PLACES_MAX 4 /* in an input, of one operand */

bool
pykcov_stage_begin(struct stage *stage, const uint8_t *data, size_t size)
{
    bool offered =
        stage->offered && size == stage->input.size && memcmp(data, stage->input.bytes, size) == 0;

    stage->offered = false;
    return offered;
}

void
pykcov_stage_take(struct stage *stage, const struct pair *pair)
{
    uint8_t *taken = &stage->taken[pair->kind];

    if (stage->pair_count == STAGE_PAIRS || *taken == TAKEN_MAX)
        return;
    ++*taken;
    stage->pairs[stage->pair_count++] = *pair;
}

/* Takes the bytes. */
static void
keep(struct stage *stage, struct stage_input input)
{
    if (stage->count < STAGE_INPUTS)
        stage->waiting[stage->count++] = input;
    else
        free(input.bytes);
}

void
pykcov_stage_keep(struct stage *stage, const uint8_t *data, size_t size)
{
    struct stage_input input = {.size = size, .needed = size};

    /* There is nothing to replace in an empty one: the next of its kind is to be new. */
    if (size == 0 || size > SIZE_MAX_OF_INPUT || (input.bytes = malloc(size)) == NULL)
        return;
    memcpy(input.bytes, data, size);
    keep(stage, input);
}

/* Where the operand of a pair stands next; NULL: nowhere, or often. Nothing stands at the end. */
static const uint8_t *
next_place(struct stage *stage, const struct pair *pair)
{
    struct stage_input input = stage->input;
    const uint8_t *found;

    if (stage->places++ == (pair->from_size == 0 ? 1 : PLACES_MAX))
        return NULL;
    if (pair->from_size == 0)
        return input.bytes + input.size;
    found =
        memmem(input.bytes + stage->next, input.size - stage->next, pair->from, pair->from_size);
    if (found != NULL)
        stage->next = (size_t)(found - input.bytes) + 1;
    return found;
}

/* Put the next pair in, where its operand stands next. */
static size_t
replace_next(struct stage *stage, uint8_t *data, size_t capacity)
{
    struct stage_input *input = &stage->input;

    for (; stage->pair_count > 0; stage->pair_count--, stage->next = stage->places = 0) {
        const struct pair *pair = &stage->pairs[stage->pair_count - 1];
        size_t size = input->size - pair->from_size + pair->to_size, before;
        const uint8_t *found;

        if (size > capacity && (input->needed == 0 || size < input->needed))
            input->needed = size > input->size ? size : input->size;
        if (size == 0 || size > capacity || (found = next_place(stage, pair)) == NULL)
            continue;
        before = (size_t)(found - input->bytes);
        memcpy(data, input->bytes, before);
        memcpy(data + before, pair->to, pair->to_size);
        memcpy(data + before + pair->to_size, found + pair->from_size,
               input->size - before - pair->from_size);
        return size;
    }
    return 0;
}

/* Go on to an input that is not too long; whether there is one. The one before waits if it was too
 * long with some of its pairs. */
static bool
take_next(struct stage *stage, size_t capacity)
{
    unsigned i = 0;

    if (stage->input.needed > 0)
        keep(stage, stage->input);
    else
        free(stage->input.bytes);
    stage->input = (struct stage_input){NULL, 0, 0};
    while (i < stage->count && stage->waiting[i].needed > capacity)
        i++;
    if (i == stage->count)
        return false;
    stage->input = stage->waiting[i];
    stage->input.needed = 0;
    memmove(&stage->waiting[i], &stage->waiting[i + 1],
            (--stage->count - i) * sizeof(stage->waiting[0]));
    return true;
}

size_t
pykcov_stage_mutate(struct stage *stage, uint8_t *data, size_t capacity)
{
    size_t size = replace_next(stage, data, capacity);

    if (size == 0 && take_next(stage, capacity)) {
        size = stage->input.size;
        memcpy(data, stage->input.bytes, size);
        stage->offered = true;
    }
    return size;
}
