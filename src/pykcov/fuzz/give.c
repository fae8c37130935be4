/*
 * give.c: see give.h.
 */
#define _GNU_SOURCE
#include "give.h"

#include <string.h>

/* What tells places apart for the functions that take a pc: they look at twelve bits. */
static void *
pc_of(uint64_t pc)
{
    return (void *)(uintptr_t)(mix(pc) >> 20);
}

void
pykcov_give_pair(struct replay *replay, uint64_t pc, struct word from, struct word to,
                 bool is_const)
{
    const struct pair *pair;

    for (size_t i = 0; i < from.size; i++)
        if (!replay->has[from.bytes[i]])
            return;
    if (from.size + to.size == 0 ||
        memmem(replay->input, replay->input_size, from.bytes, from.size) == NULL)
        return;
    pair = pykcov_pairs_add(&replay->pairs, pc, from, to, is_const);
    if (replay->stage != NULL)
        pykcov_stage_take(replay->stage, pair);
}

void
pykcov_give_word(struct replay *replay, struct word word)
{
    uint64_t hash = pykcov_hash(0, word);
    uint64_t *place = &replay->words[hash >> (64 - REPLAY_WORDS_BITS)];

    if (word.size < WORD_MIN || *place == hash)
        return;
    *place = hash;
    if (memmem(replay->input, replay->input_size, word.bytes, word.size) == NULL)
        pykcov_replay_word(replay, word.bytes, word.size);
}

void
pykcov_give_bytes(struct replay *replay, uint64_t pc, const uint8_t *a, const uint8_t *b,
                  size_t size)
{
    int result = size > 0 ? memcmp(a, b, size) : 0;

    if (result != 0)
        replay->libfuzzer->hook_memcmp(pc_of(pc), a, b, size, result);
}
