/*
 * numbers.c: see numbers.h.
 */
#include "numbers.h"

#include <stdio.h>
#include <string.h>

#include "kcov.h"
#include "sites.h"

/* Longest of the decimal forms: "%.17g" of a double. */
#define DECIMAL_MAX 32

/* The decimal form of a constant that is no integer, for programs that parse text. */
static void
give_decimal(struct replay *replay, uint64_t type, uint64_t bits)
{
    char text[DECIMAL_MAX];
    double number;
    float half;

    if ((type >> 1 & 3) != 3) {
        memcpy(&half, &bits, sizeof(half));
        snprintf(text, sizeof(text), "%.9g", (double)half);
    } else {
        memcpy(&number, &bits, sizeof(number));
        /* The shortest that is read as the same number, nearly always. */
        snprintf(text, sizeof(text), "%.15g", number);
    }
    pykcov_give_word(replay, (struct word){(const uint8_t *)text, strlen(text)});
}

static uint64_t
magnitude(int64_t number)
{
    return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

static uint8_t
last_digit(int64_t number)
{
    return (uint8_t)('0' + magnitude(number) % 10);
}

/* Written by hand, as each integer that meets a constant comes here. */
static struct word
decimal(char text[DECIMAL_MAX], int64_t number)
{
    uint64_t rest = magnitude(number);
    char *first = text + DECIMAL_MAX;

    do {
        *--first = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *--first = '-';
    return (struct word){(const uint8_t *)first, (size_t)(text + DECIMAL_MAX - first)};
}

/* Numbers of as many bytes as there are of `from` and `to`, the least significant byte first. Most
 * have a byte that the input has not. */
static void
pair_bytes(struct replay *replay, uint64_t pc, const uint8_t *from, const uint8_t *to, size_t width,
           bool to_is_const)
{
    uint8_t reversed[2][KCOV_OPERAND_BYTES];

    for (size_t i = 0; i < width; i++)
        if (!replay->has[from[i]])
            return;
    for (size_t i = 0; i < width; i++) {
        reversed[0][i] = from[width - 1 - i];
        reversed[1][i] = to[width - 1 - i];
    }
    pykcov_give_pair(replay, pc, (struct word){from, width}, (struct word){to, width}, to_is_const);
    if (width > 1)
        pykcov_give_pair(replay, pc, (struct word){reversed[0], width},
                         (struct word){reversed[1], width}, to_is_const);
}

static bool
fits(int64_t number, unsigned width)
{
    if (width == 8)
        return true;
    return number >= -(INT64_C(1) << (8 * width - 1)) && number < INT64_C(1) << 8 * width;
}

static void
pair_integers(struct replay *replay, uint64_t pc, int64_t from, int64_t to, bool to_is_const)
{
    char texts[2][DECIMAL_MAX];
    uint64_t words[2] = {(uint64_t)from, (uint64_t)to};

    for (unsigned width = 1; width <= 8 && replay->has[words[0] & 0xff]; width *= 2)
        if (fits(from, width) && fits(to, width))
            pair_bytes(replay, pc, (uint8_t *)&words[0], (uint8_t *)&words[1], width, to_is_const);
    if (replay->has[last_digit(from)])
        pykcov_give_pair(replay, pc, decimal(texts[0], from), decimal(texts[1], to), to_is_const);
}

static unsigned
site_of(uint64_t pc)
{
    return (unsigned)(mix(pc) >> (64 - SITE_BITS));
}

static int64_t
extended(uint64_t word, unsigned size)
{
    unsigned shift = 64 - (8u << size);

    return (int64_t)(word << shift) >> shift;
}

void
pykcov_replay_integers(struct replay *replay, uint64_t type, uint64_t a, uint64_t b, uint64_t pc)
{
    const struct libfuzzer *libfuzzer = replay->libfuzzer;
    unsigned size = type >> 1 & 3, operation = type >> 8 & 0xff;
    void (*function)(void);

    if (a != b && type & KCOV_CMP_CONST) {
        pair_integers(replay, pc, extended(b, size), extended(a, size), true);
    } else if (a != b && size > 0 && (operation == KCOV_CMP_EQ || operation == KCOV_CMP_NE)) {
        /* A checksum, or a length: either may stand in the input, and the other be computed. */
        pair_integers(replay, pc, extended(a, size), extended(b, size), false);
        pair_integers(replay, pc, extended(b, size), extended(a, size), false);
    }
    if (a == b && !replay->value_profile)
        return;
    switch (size) {
    case 0:
        function = (void (*)(void))libfuzzer->trace_cmp1;
        break;
    case 3:
        function = (void (*)(void))libfuzzer->trace_cmp8;
        break;
    default:
        /* Of those of two bytes libFuzzer keeps no operands, of four it does, also short ones. */
        function = (void (*)(void))libfuzzer->trace_cmp4;
    }
    call_from_site(site_of(pc), function, a, b);
}

/* Doubles may stand in an input as floats, which are half as long. */
void
pykcov_replay_floats(struct replay *replay, uint64_t type, uint64_t a, uint64_t b, uint64_t pc)
{
    const struct libfuzzer *libfuzzer = replay->libfuzzer;
    bool is_const = type & KCOV_CMP_CONST, is_double = (type >> 1 & 3) == 3;
    double x, y;
    float halves[2];
    uint32_t bits[2];

    if (a == b && !replay->value_profile)
        return;
    if (is_const && a != b) {
        give_decimal(replay, type, a);
        pair_bytes(replay, pc, (uint8_t *)&b, (uint8_t *)&a, is_double ? 8 : 4, true);
    }
    call_from_site(site_of(pc),
                   is_double ? (void (*)(void))libfuzzer->trace_cmp8
                             : (void (*)(void))libfuzzer->trace_cmp4,
                   a, b);
    if (!is_double)
        return;
    memcpy(&x, &a, sizeof(x));
    memcpy(&y, &b, sizeof(y));
    halves[0] = (float)x;
    halves[1] = (float)y;
    if ((double)halves[0] != x || (double)halves[1] != y)
        return;
    memcpy(bits, halves, sizeof(bits));
    if (bits[0] == bits[1])
        return;
    if (is_const)
        pair_bytes(replay, pc, (uint8_t *)&bits[1], (uint8_t *)&bits[0], 4, true);
    call_from_site(site_of(pc + 1), (void (*)(void))libfuzzer->trace_cmp4, bits[0], bits[1]);
}

/* Without a sign: its byte is 0, and there is none in an input. */
static size_t
digits_of(const struct operand *operand)
{
    size_t size = operand->size;

    return size > 1 && operand->bytes[size - 1] == 0 ? size - 1 : size;
}

void
pykcov_replay_long_integers(struct replay *replay, uint64_t pc, const struct operand *from,
                            const struct operand *to, bool to_is_const)
{
    uint8_t padded[2][KCOV_OPERAND_BYTES] = {{0}};
    size_t width = 8;

    if (from->size != from->length || to->size != to->length)
        return;
    while (width < digits_of(from) || width < digits_of(to))
        width *= 2;
    memcpy(padded[0], from->bytes, digits_of(from));
    memcpy(padded[1], to->bytes, digits_of(to));
    pair_bytes(replay, pc, padded[0], padded[1], width, to_is_const);
}
