/* Drives fuzz/stage.c, fuzz/pairs.c and fuzz/reached.c: what is asked of them, then whatever, of
 * which nothing may be read or written where it is not. Built with sanitizers by test_stage.py. */
#include "stage.h"
#include "reached.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY 64

static struct stage stage;
static struct reached reached;
static struct pairs pairs, taken;
static uint8_t data[CAPACITY];

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static struct word
word(const char *text)
{
    return (struct word){(const uint8_t *)text, strlen(text)};
}

static void
take(const char *from, const char *to)
{
    pykcov_stage_take(&stage, pykcov_pairs_add(&taken, 1, word(from), word(to), true));
}

/* The next input to be run is this; it is the one that is recorded if `offered`. */
static void
expect(const char *input, size_t capacity, bool offered)
{
    size_t size = pykcov_stage_mutate(&stage, data, capacity);

    CHECK(size == strlen(input) && memcmp(data, input, size) == 0);
    CHECK(pykcov_stage_begin(&stage, data, size) == offered);
}

static void
ran(const char *input, uint8_t counter)
{
    uint8_t counters[20] = {0};

    counters[counter] = 1;
    if (pykcov_reached_note(&reached, counters, sizeof(counters)) == PYKCOV_NEW_PLACE)
        pykcov_stage_keep(&stage, (const uint8_t *)input, strlen(input));
}

static void
check_each_operand_is_replaced_where_it_stands(void)
{
    ran("a-b-a", 3);
    ran("other", 3); /* nothing new */
    expect("a-b-a", CAPACITY, true);
    take("", "end");
    take("a", "xy");
    take("b", "");
    expect("a--a", CAPACITY, false); /* the last pair first */
    expect("xy-b-a", CAPACITY, false);
    expect("a-b-xy", CAPACITY, false);
    expect("a-b-aend", CAPACITY, false);
    CHECK(pykcov_stage_mutate(&stage, data, CAPACITY) == 0);
}

static void
check_what_is_too_long_waits(void)
{
    ran("ab", 17);
    ran("longer", 18);
    expect("ab", 2, true);
    take("a", "wxyz");
    CHECK(pykcov_stage_mutate(&stage, data, 2) == 0);
    CHECK(pykcov_stage_mutate(&stage, data, 4) == 0);
    expect("ab", 5, true);
    take("a", "wxyz");
    expect("wxyzb", 5, false);
    expect("longer", 6, true);
    CHECK(pykcov_stage_mutate(&stage, data, CAPACITY) == 0);
}

static void
check_each_kind_is_tried_a_few_times(void)
{
    ran("q", 5);
    expect("q", CAPACITY, true);
    for (int i = 0; i < 100; i++)
        take("q", "r");
    for (int i = 0; i < 4; i++)
        expect("r", CAPACITY, false);
    CHECK(pykcov_stage_mutate(&stage, data, CAPACITY) == 0);
}

static uint64_t state = 88172645463325252;

static uint64_t
chance(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* The bit for a number of hits, as libFuzzer has it. */
static uint8_t
range_of(uint8_t hits)
{
    unsigned bit = hits >= 128 ? 7 : hits >= 32 ? 6 : hits >= 16 ? 5 : hits >= 8 ? 4 : 3;

    return (uint8_t)(hits == 0 ? 0 : 1u << (hits < 4 ? hits - 1u : bit));
}

static void
check_each_range_of_hits_is_new_once(void)
{
    struct reached known = {0};
    uint8_t counters[150] = {0}, ranges[sizeof(counters)] = {0};

    for (int i = 0; i < 20000; i++) {
        size_t place = chance(sizeof(counters));
        uint8_t hits = (uint8_t)chance(256), range = range_of(hits);
        enum pykcov_news wanted = (range & ~ranges[place]) == 0 ? PYKCOV_NOTHING_NEW
                                  : ranges[place] == 0          ? PYKCOV_NEW_PLACE
                                                                : PYKCOV_NEW_RANGE;

        counters[place] = hits;
        CHECK(pykcov_reached_note(&known, counters, sizeof(counters)) == wanted);
        ranges[place] |= range;
        CHECK(memcmp(known.ranges, ranges, sizeof(ranges)) == 0);
        counters[place] = 0;
    }
    free(known.ranges);
}

static void
check_pairs_of_the_last_execution_come_first(void)
{
    pykcov_pairs_begin(&pairs);
    pykcov_pairs_add(&pairs, 1, word("a"), word("old"), true);
    pykcov_pairs_begin(&pairs);
    pykcov_pairs_add(&pairs, 2, word("a"), word("new"), true);
    for (uint64_t random = 0; random < 16; random++) {
        memcpy(data, "-a-", 3);
        CHECK(pykcov_pairs_apply(&pairs, data, 3, CAPACITY, random * 977, true) == 5);
        CHECK(memcmp(data, "-new-", 5) == 0);
    }
    memcpy(data, "-a-", 3);
    CHECK(pykcov_pairs_apply(&pairs, data, 3, CAPACITY, 5, true) == 0); /* tried often enough */
    CHECK(pykcov_pairs_apply(&pairs, data, 3, 4, 5, false) == 0);       /* too long */
    CHECK(pykcov_pairs_apply(&pairs, data, 3, CAPACITY, 5, false) == 5);
    CHECK(memcmp(data, "-old-", 5) == 0);
}

static size_t
any_bytes(uint8_t *bytes, size_t most)
{
    size_t size = chance(most + 1);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)('a' + chance(3));
    return size;
}

static void
check_nothing_goes_over_the_edge(void)
{
    for (int i = 0; i < 200000; i++) {
        size_t capacity = 1 + chance(CAPACITY), count = 1 + chance(300), size;
        uint8_t *exact = malloc(capacity), *input = malloc(CAPACITY), *counters = calloc(count, 1);
        uint8_t from[KCOV_OPERAND_BYTES], to[KCOV_OPERAND_BYTES];
        bool staged;

        for (uint64_t j = chance(4); j > 0; j--)
            counters[chance(count)] = 1;
        /* What was offered is run, or something else. */
        size = stage.offered && chance(4) > 0 ? stage.input.size : any_bytes(input, CAPACITY);
        if (stage.offered && size == stage.input.size)
            memcpy(input, stage.input.bytes, size);
        staged = pykcov_stage_begin(&stage, input, size);
        if (pykcov_reached_note(&reached, counters, count) == PYKCOV_NEW_PLACE)
            pykcov_stage_keep(&stage, input, size);
        pykcov_pairs_begin(&pairs);
        for (uint64_t j = chance(4); j > 0; j--) {
            struct word a = {from, any_bytes(from, 1 + chance(KCOV_OPERAND_BYTES))};
            struct word b = {to, any_bytes(to, 1 + chance(KCOV_OPERAND_BYTES))};
            const struct pair *pair;

            if (a.size + b.size == 0)
                continue;
            pair = pykcov_pairs_add(&pairs, chance(3), a, b, chance(2));
            if (staged)
                pykcov_stage_take(&stage, pair);
        }
        size = pykcov_stage_mutate(&stage, exact, capacity);
        CHECK(size <= capacity);
        if (size == 0) {
            size = any_bytes(exact, capacity);
            size = pykcov_pairs_apply(&pairs, exact, size, capacity, state, chance(2));
            CHECK(size <= capacity);
        }
        if (chance(100) == 0)
            memset(reached.ranges, 0, reached.size); /* so that there is something new for ever */
        free(exact);
        free(input);
        free(counters);
    }
}

int
main(void)
{
    check_each_operand_is_replaced_where_it_stands();
    check_what_is_too_long_waits();
    check_each_kind_is_tried_a_few_times();
    check_each_range_of_hits_is_new_once();
    check_pairs_of_the_last_execution_come_first();
    check_nothing_goes_over_the_edge();
    return 0;
}
