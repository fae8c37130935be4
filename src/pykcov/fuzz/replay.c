/*
 * replay.c: see replay.h.
 */
#define _GNU_SOURCE
#include "replay.h"

#include <string.h>

#include "give.h"
#include "kcov.h"
#include "numbers.h"

/* A record of two operands that are more than a word. */
struct record {
    uint64_t type, pc;
    struct operand left, right; /* as in the source */
    bool left_is_const, right_is_const;
};

void
pykcov_replay_begin(struct replay *replay, const uint8_t *input, size_t size, struct stage *stage)
{
    replay->input = input;
    replay->input_size = size;
    replay->stage = stage;
    memset(replay->has, 0, sizeof(replay->has));
    for (size_t i = 0; i < size; i++)
        replay->has[input[i]] = true;
    pykcov_pairs_begin(&replay->pairs);
}

void
pykcov_replay_word(struct replay *replay, const void *word, size_t size)
{
    replay->libfuzzer->hook_memmem(NULL, word, size, word, size, NULL);
}

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static struct word
word_of(const struct operand *operand)
{
    return (struct word){operand->bytes, operand->size};
}

/* UTF-8 as Latin-1, which more inputs are decoded from than say so; false if it cannot be that. */
static bool
narrow(struct word *word, uint8_t bytes[KCOV_OPERAND_BYTES])
{
    size_t size = 0;

    for (size_t i = 0; i < word->size; i++) {
        uint8_t byte = word->bytes[i];

        if (byte >= 0x80) {
            if (byte > 0xc3 || i + 1 == word->size)
                return false;
            byte = (uint8_t)(byte << 6 | (word->bytes[++i] & 0x3f));
        }
        bytes[size++] = byte;
    }
    *word = (struct word){bytes, size};
    return true;
}

/* What is not in the record whole, or is a constant, is not what an input holds. */
static void
pair_operands(struct replay *replay, const struct record *record, const struct operand *from,
              bool is_const, const struct operand *to)
{
    uint8_t bytes[2][KCOV_OPERAND_BYTES];
    struct word words[2] = {word_of(from), word_of(to)};
    size_t size = from->size;

    if (is_const || from->size != from->length || to->size != to->length)
        return;
    pykcov_give_pair(replay, record->pc, words[0], words[1], true);
    if (record->type & KCOV_CMP_TEXT && narrow(&words[0], bytes[0]) && words[0].size < size &&
        narrow(&words[1], bytes[1]))
        pykcov_give_pair(replay, record->pc, words[0], words[1], true);
}

static void
compare_equal(struct replay *replay, const struct record *record)
{
    const struct operand *left = &record->left, *right = &record->right;

    pykcov_give_bytes(replay, record->pc, left->bytes, right->bytes,
                      smaller(left->size, right->size));
    if (left->length == right->length && left->size == right->size &&
        memcmp(left->bytes, right->bytes, left->size) == 0)
        return;
    pair_operands(replay, record, left, record->left_is_const, right);
    pair_operands(replay, record, right, record->right_is_const, left);
    if (!record->left_is_const)
        pykcov_give_word(replay, word_of(right));
    if (!record->right_is_const)
        pykcov_give_word(replay, word_of(left));
}

/* Compare a part of the text with as many bytes; the other operand goes into the place of the part
 * alone. */
static void
compare_part(struct replay *replay, const struct record *record, const struct operand *part,
             const uint8_t *with)
{
    const struct operand *wanted = &record->right;

    pykcov_give_bytes(replay, record->pc, part->bytes, with, part->size);
    if (part->size == wanted->length && memcmp(part->bytes, wanted->bytes, part->size) == 0)
        return;
    pair_operands(replay, record, part, record->left_is_const, wanted);
    if (!record->left_is_const)
        pykcov_give_word(replay, word_of(wanted));
    if (record->right_is_const)
        return;
    pair_operands(replay, record, wanted, false, &record->left);
    pykcov_give_word(replay, word_of(&record->left));
}

static void
compare_prefix(struct replay *replay, const struct record *record)
{
    size_t size = smaller(record->left.size, record->right.size);

    compare_part(replay, record, &(struct operand){record->left.bytes, size, size},
                 record->right.bytes);
}

static void
compare_suffix(struct replay *replay, const struct record *record)
{
    const struct operand *text = &record->left, *suffix = &record->right;
    size_t size = smaller(text->size, suffix->size);
    struct operand end = {text->bytes + text->size - size, size, size};

    /* The end of a longer one is not in the record. */
    if (text->size == text->length)
        compare_part(replay, record, &end, suffix->bytes + suffix->size - size);
    else
        pykcov_give_word(replay, word_of(suffix));
}

/* Something is looked for: it may be put at any place. */
static void
search(struct replay *replay, const struct record *record, const struct operand *text,
       const struct operand *needle)
{
    size_t size = smaller(text->size, needle->size);
    size_t at = 0;

    replay->random = replay->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    if (text->size > size)
        at = (size_t)(replay->random >> 33) % (text->size - size + 1);
    pykcov_give_bytes(replay, record->pc, text->bytes + at, needle->bytes, size);
    pykcov_give_word(replay, word_of(needle));
    /* Too short for libFuzzer. */
    if (needle->size < WORD_MIN &&
        memmem(text->bytes, text->size, needle->bytes, needle->size) == NULL)
        pykcov_give_pair(replay, record->pc, (struct word){text->bytes + at, size}, word_of(needle),
                         true);
}

/* Numbers of more than 64 bits, least significant byte first: an input may have the other order. */
static void
compare_integers(struct replay *replay, const struct record *record)
{
    const struct operand *left = &record->left, *right = &record->right;
    size_t size = smaller(left->size, right->size);
    uint8_t reversed[2][KCOV_OPERAND_BYTES];

    for (size_t i = 0; i < size; i++) {
        reversed[0][i] = left->bytes[size - 1 - i];
        reversed[1][i] = right->bytes[size - 1 - i];
    }
    compare_equal(replay, record);
    pykcov_give_bytes(replay, record->pc + 1, reversed[0], reversed[1], size);
    if (left->length == right->length && memcmp(left->bytes, right->bytes, left->size) == 0)
        return;
    if (!record->left_is_const)
        pykcov_replay_long_integers(replay, record->pc, left, right, record->right_is_const);
    if (!record->right_is_const)
        pykcov_replay_long_integers(replay, record->pc, right, left, record->left_is_const);
}

static void
replay_record(struct replay *replay, const struct record *record)
{
    if (record->type & KCOV_CMP_INTEGER) {
        compare_integers(replay, record);
        return;
    }
    switch (record->type >> 8 & 0xff) {
    case KCOV_CMP_STARTSWITH:
    case KCOV_CMP_REMOVEPREFIX:
        compare_prefix(replay, record);
        break;
    case KCOV_CMP_ENDSWITH:
    case KCOV_CMP_REMOVESUFFIX:
        compare_suffix(replay, record);
        break;
    case KCOV_CMP_FIND:
    case KCOV_CMP_INDEX:
    case KCOV_CMP_COUNT:
    case KCOV_CMP_SPLIT:
    case KCOV_CMP_PARTITION:
        search(replay, record, &record->left, &record->right);
        break;
    case KCOV_CMP_IN:
    case KCOV_CMP_NOT_IN:
        /* In text and bytes it is a search, in a container one comparison a member. */
        if (record->left.length < record->right.length)
            search(replay, record, &record->right, &record->left);
        compare_equal(replay, record);
        break;
    default:
        compare_equal(replay, record);
    }
}

/* The first entry of a record: its operands, or how long these are. */
struct header {
    uint64_t type, first, second, pc;
};

/* Each word is looked at once: a thread that is not done may be writing it. */
static struct header
header_at(const uint64_t *entry)
{
    return (struct header){
        .type = __atomic_load_n(&entry[0], __ATOMIC_RELAXED),
        .first = __atomic_load_n(&entry[1], __ATOMIC_RELAXED),
        .second = __atomic_load_n(&entry[2], __ATOMIC_RELAXED),
        .pc = __atomic_load_n(&entry[3], __ATOMIC_RELAXED),
    };
}

static unsigned
entries_of(uint64_t length)
{
    return length > KCOV_CMP_WORDS * 8 ? 2 : length > 0;
}

static struct operand
operand_at(const uint64_t *entry, uint64_t length)
{
    return (struct operand){(const uint8_t *)entry, length, smaller(length, KCOV_OPERAND_BYTES)};
}

/* How many entries the record at `entry` has, of at most `left`, and begins with `header`; 0 if it
 * is damaged. */
static uint64_t
replay_payload(struct replay *replay, const struct header *header, const uint64_t *entry,
               uint64_t left)
{
    uint64_t type = header->type;
    unsigned first_entries = entries_of(header->first);
    unsigned payload = first_entries + entries_of(header->second);
    struct operand first, second;
    struct record record;
    bool swapped = (type & KCOV_CMP_SWAPPED) != 0;

    if (payload != type >> 16 || payload >= left)
        return 0;
    first = operand_at(entry + KCOV_CMP_WORDS, header->first);
    second = operand_at(entry + KCOV_CMP_WORDS * (1 + first_entries), header->second);
    record = (struct record){
        .type = type,
        .pc = header->pc,
        .left = swapped ? second : first,
        .right = swapped ? first : second,
        .left_is_const = type & KCOV_CMP_CONST && !swapped,
        .right_is_const = type & KCOV_CMP_CONST && swapped,
    };
    replay_record(replay, &record);
    return 1 + payload;
}

uint64_t
pykcov_replay(struct replay *replay, const uint64_t *words, uint64_t nmemb)
{
    uint64_t capacity = (nmemb - 1) / KCOV_CMP_WORDS;
    uint64_t count = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
    uint64_t at = 0;

    if (count > capacity)
        count = capacity;

    while (at < count) {
        const uint64_t *entry = words + 1 + at * KCOV_CMP_WORDS;
        struct header one = header_at(entry);
        uint64_t length = 1;

        if (one.type & KCOV_CMP_PAYLOAD)
            length = replay_payload(replay, &one, entry, count - at);
        else if (one.type & KCOV_CMP_FLOAT)
            pykcov_replay_floats(replay, one.type, one.first, one.second, one.pc);
        else
            pykcov_replay_integers(replay, one.type, one.first, one.second, one.pc);
        if (length == 0)
            break;
        at += length;
    }
    return count;
}
