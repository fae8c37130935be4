/*
 * replay.h: what an input compared, given to libFuzzer after the input has run.
 *
 * libFuzzer keeps the operands that met last and puts one where the other stands in an input, and
 * words that were looked for, which it puts anywhere. With its value profile it also keeps inputs
 * that come closer to a match.
 */
#ifndef PYKCOV_REPLAY_H
#define PYKCOV_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libfuzzer.h"
#include "pairs.h"
#include "stage.h"

#define REPLAY_WORDS_BITS 13

struct replay {
    const struct libfuzzer *libfuzzer;
    bool value_profile;   /* matches count, too, and words are given each time */
    const uint8_t *input; /* what ran: words that stand in it are not put in */
    size_t input_size;
    bool has[256]; /* the bytes that stand in it: a quick look at what may not */
    uint64_t random;
    struct pairs pairs;
    struct stage *stage;                     /* takes the pairs of this input, too; or NULL */
    uint64_t words[1u << REPLAY_WORDS_BITS]; /* hashes of the words given so far */
};

/* Comparisons of another input follow; `stage` takes the pairs, too, unless it is NULL. */
void pykcov_replay_begin(struct replay *replay, const uint8_t *input, size_t size,
                         struct stage *stage);

/*
 * `words` is the buffer of a device that traced with KCOV_MODE_TRACE_CMP | KCOV_CMP_BYTES. What is
 * in it is not trusted: a record that is damaged ends the replay. Returns how many entries there
 * are. To be called while libFuzzer's callback runs.
 */
uint64_t pykcov_replay(struct replay *replay, const uint64_t *words, uint64_t nmemb);

/* Let libFuzzer put a word of 3 to 64 bytes into inputs. */
void pykcov_replay_word(struct replay *replay, const void *word, size_t size);

#endif
