/*
 * replay.c: see replay.h.
 */
#define _GNU_SOURCE
#include "replay.h"

#include <stdio.h>
#include <string.h>

#include "kcov.h"
#include "sites.h"

/* A word that libFuzzer keeps is longer, and a shorter one is found without. */
#define WORD_MIN 3

/* Longest of the decimal forms: "%.17g" of a double. */
#define DECIMAL_MAX 32

struct operand {
    const uint8_t *bytes;
    uint64_t length; /* before it was cut */
    size_t size;     /* how many bytes there are */
};

/* A record of two operands that are more than a word. */
struct record {
    uint64_t type, pc;
    struct operand left, right; /* as in the source */
    bool left_is_const, right_is_const;
};

static uint64_t
mix(uint64_t value)
{
    value ^= value >> 32;
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 29;
}

static unsigned
site_of(uint64_t pc)
{
    return (unsigned)(mix(pc) >> (64 - SITE_BITS));
}

/* The same for the functions that take the pc as an argument. They look at twelve bits. */
static void *
pc_of(uint64_t pc)
{
    return (void *)(uintptr_t)(mix(pc) >> 20);
}

static uint64_t
hash_of(const uint8_t *bytes, size_t size)
{
    uint64_t hash = size;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return mix(hash) | 1;
}

/* Whether a word was not given yet; it counts as given then. */
static bool
is_new(struct replay *replay, uint64_t hash)
{
    uint64_t *place = &replay->words[hash >> (64 - REPLAY_WORDS_BITS)];

    if (*place == hash)
        return false;
    *place = hash;
    return true;
}

void
pykcov_replay_word(struct replay *replay, const void *word, size_t size)
{
    replay->libfuzzer->hook_memmem(NULL, word, size, word, size, NULL);
}

static void
give_word(struct replay *replay, const uint8_t *bytes, size_t size)
{
    if (size >= WORD_MIN && is_new(replay, hash_of(bytes, size)) &&
        memmem(replay->input, replay->input_size, bytes, size) == NULL)
        pykcov_replay_word(replay, bytes, size);
}

static void
add_pair(struct replay *replay, uint64_t pc, struct word from, struct word to)
{
    pykcov_pairs_add(&replay->pairs, (struct word){replay->input, replay->input_size}, pc, from,
                     to);
}

/* The decimal form of a constant that is no integer, for programs that parse text. */
static void
give_decimal(struct replay *replay, uint64_t type, uint64_t bits)
{
    char text[DECIMAL_MAX];
    double number;
    float half;

    if (!is_new(replay, mix(bits ^ type << 32) | 1))
        return;
    if ((type >> 1 & 3) != 3) {
        memcpy(&half, &bits, sizeof(half));
        snprintf(text, sizeof(text), "%.9g", (double)half);
    } else {
        memcpy(&number, &bits, sizeof(number));
        /* The shortest that is read as the same number, nearly always. */
        snprintf(text, sizeof(text), "%.15g", number);
    }
    if (strlen(text) >= WORD_MIN)
        pykcov_replay_word(replay, text, strlen(text));
}

/* Written by hand, as each integer that meets a constant comes here. */
static struct word
decimal(char text[DECIMAL_MAX], int64_t number)
{
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char *first = text + DECIMAL_MAX;

    do {
        *--first = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *--first = '-';
    return (struct word){(const uint8_t *)first, (size_t)(text + DECIMAL_MAX - first)};
}

/* An integer that met a constant: as the byte that it is, and as text. */
static void
pair_integers(struct replay *replay, uint64_t type, uint64_t constant, uint64_t other, uint64_t pc)
{
    char texts[2][DECIMAL_MAX];
    unsigned shift = 64 - (8u << (type >> 1 & 3));
    int64_t from = (int64_t)(other << shift) >> shift, to = (int64_t)(constant << shift) >> shift;
    uint8_t bytes[2] = {(uint8_t)from, (uint8_t)to};

    if (from == bytes[0] && to == bytes[1])
        add_pair(replay, pc, (struct word){&bytes[0], 1}, (struct word){&bytes[1], 1});
    add_pair(replay, pc, decimal(texts[0], from), decimal(texts[1], to));
}

static void
compare_numbers(struct replay *replay, uint64_t type, uint64_t a, uint64_t b, uint64_t pc)
{
    const struct libfuzzer *libfuzzer = replay->libfuzzer;
    void (*function)(void);

    if (a == b && !replay->value_profile)
        return;
    if (type & KCOV_CMP_CONST && type & KCOV_CMP_FLOAT)
        give_decimal(replay, type, a);
    else if (type & KCOV_CMP_CONST)
        pair_integers(replay, type, a, b, pc);
    switch (type >> 1 & 3) {
    case 0:
        function = (void (*)(void))libfuzzer->trace_cmp1;
        break;
    case 1:
        /* Of those of two bytes libFuzzer keeps no operands, of four it does, also short ones. */
        function = (void (*)(void))libfuzzer->trace_cmp4;
        break;
    case 2:
        function = (void (*)(void))libfuzzer->trace_cmp4;
        break;
    default:
        function = (void (*)(void))libfuzzer->trace_cmp8;
    }
    call_from_site(site_of(pc), function, a, b);
}

/* Doubles may stand in an input as floats, which are half as long. */
static void
compare_floats(struct replay *replay, uint64_t type, uint64_t a, uint64_t b, uint64_t pc)
{
    double x, y;
    float halves[2];
    uint32_t bits[2];

    compare_numbers(replay, type, a, b, pc);
    if ((type >> 1 & 3) != 3)
        return;
    memcpy(&x, &a, sizeof(x));
    memcpy(&y, &b, sizeof(y));
    halves[0] = (float)x;
    halves[1] = (float)y;
    if ((double)halves[0] != x || (double)halves[1] != y)
        return;
    memcpy(bits, halves, sizeof(bits));
    if (bits[0] != bits[1])
        call_from_site(site_of(pc + 1), (void (*)(void))replay->libfuzzer->trace_cmp4, bits[0],
                       bits[1]);
}

/* The same number of bytes of both, of which libFuzzer puts one in the place of the other. */
static void
compare_bytes(struct replay *replay, uint64_t pc, const uint8_t *a, const uint8_t *b, size_t size)
{
    int result = size > 0 ? memcmp(a, b, size) : 0;

    if (result != 0)
        replay->libfuzzer->hook_memcmp(pc_of(pc), a, b, size, result);
}

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What is not in the record whole, or is a constant, is not what an input holds. */
static void
pair_operands(struct replay *replay, uint64_t pc, const struct operand *from, bool is_const,
              const struct operand *to)
{
    if (!is_const && from->size == from->length && to->size == to->length)
        add_pair(replay, pc, (struct word){from->bytes, from->size},
                 (struct word){to->bytes, to->size});
}

static void
compare_equal(struct replay *replay, const struct record *record)
{
    const struct operand *left = &record->left, *right = &record->right;

    compare_bytes(replay, record->pc, left->bytes, right->bytes, smaller(left->size, right->size));
    if (left->length == right->length && left->size == right->size &&
        memcmp(left->bytes, right->bytes, left->size) == 0)
        return;
    pair_operands(replay, record->pc, left, record->left_is_const, right);
    pair_operands(replay, record->pc, right, record->right_is_const, left);
    if (!record->left_is_const)
        give_word(replay, right->bytes, right->size);
    if (!record->right_is_const)
        give_word(replay, left->bytes, left->size);
}

static void
compare_suffix(struct replay *replay, const struct record *record)
{
    const struct operand *text = &record->left, *suffix = &record->right;
    size_t size = smaller(text->size, suffix->size);

    /* The end of a longer one is not in the record. */
    if (text->size == text->length)
        compare_bytes(replay, record->pc, text->bytes + text->size - size,
                      suffix->bytes + suffix->size - size, size);
    give_word(replay, suffix->bytes, suffix->size);
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
    compare_bytes(replay, record->pc, text->bytes + at, needle->bytes, size);
    give_word(replay, needle->bytes, needle->size);
}

/* Numbers of more than 64 bits, least significant byte first: an input may have the other order. */
static void
compare_integers(struct replay *replay, const struct record *record)
{
    uint8_t reversed[2][KCOV_OPERAND_BYTES];
    size_t size = smaller(record->left.size, record->right.size);

    compare_equal(replay, record);
    for (size_t i = 0; i < size; i++) {
        reversed[0][i] = record->left.bytes[size - 1 - i];
        reversed[1][i] = record->right.bytes[size - 1 - i];
    }
    compare_bytes(replay, record->pc + 1, reversed[0], reversed[1], size);
}

static void
replay_record(struct replay *replay, const struct record *record)
{
    if (record->type & KCOV_CMP_INTEGER) {
        compare_integers(replay, record);
        return;
    }
    switch (record->type >> 8 & 0xff) {
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

/* How many entries the record at `entry` has, of at most `left`; 0 if it is damaged. */
static uint64_t
replay_payload(struct replay *replay, const uint64_t *entry, uint64_t left)
{
    uint64_t type = entry[0];
    unsigned first_entries = entries_of(entry[1]);
    unsigned payload = first_entries + entries_of(entry[2]);
    struct operand first, second;
    struct record record;
    bool swapped = (type & KCOV_CMP_SWAPPED) != 0;

    if (payload != type >> 16 || payload >= left)
        return 0;
    first = operand_at(entry + KCOV_CMP_WORDS, entry[1]);
    second = operand_at(entry + KCOV_CMP_WORDS * (1 + first_entries), entry[2]);
    record = (struct record){
        .type = type,
        .pc = entry[3],
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
    uint64_t count = words[0] < capacity ? words[0] : capacity;
    uint64_t at = 0;

    while (at < count) {
        const uint64_t *entry = words + 1 + at * KCOV_CMP_WORDS;
        uint64_t length = 1;

        if (entry[0] & KCOV_CMP_PAYLOAD)
            length = replay_payload(replay, entry, count - at);
        else if (entry[0] & KCOV_CMP_FLOAT)
            compare_floats(replay, entry[0], entry[1], entry[2], entry[3]);
        else
            compare_numbers(replay, entry[0], entry[1], entry[2], entry[3]);
        if (length == 0)
            break;
        at += length;
    }
    return count;
}
