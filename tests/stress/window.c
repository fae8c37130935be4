/*
 * window.c: see window.h.
 */
#include "window.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct window *_Atomic windows[SERIALS_MAX];
struct findings findings;

_Noreturn void
fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "stress: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

/* 8 bits of check, 4 of writer, 20 of serial, 32 of number. */
static uint64_t
with_check(uint64_t low)
{
    uint64_t hash = (low + 1) * UINT64_C(0x9e3779b97f4a7c15);

    return low | (hash >> 56) << 56;
}

uint64_t
encode(unsigned writer, uint64_t serial, uint32_t number)
{
    return with_check((uint64_t)writer << 52 | serial << 32 | number);
}

struct window *
window_open(enum kind kind, int mode, uint64_t nmemb)
{
    struct window *window = calloc(1, sizeof(*window));

    if (window == NULL || kcov_device_open(&window->device) != 0 ||
        kcov_device_set_buffer(window->device, nmemb) != 0 ||
        kcov_device_buffer(window->device, &window->buffer) != 0)
        fail("a device cannot be opened");
    window->references = 1;
    window->serial = window->device->serial;
    window->kind = kind;
    if (window->serial % 2 == 0 &&
        kcov_device_new_counters(window->device, PLACES, &window->counters) != 0)
        fail("a device cannot have counters");
    window->mode = mode;
    window->nmemb = nmemb;
    if (kind == EXPLICIT)
        window->key = (struct kcov_key){3, window->serial, 0};
    else if (kind == COMMON && (window->group = kcov_group_create()) != NULL)
        window->key = (struct kcov_key){KCOV_REMOTE_COMMON, window->group->number, 1};
    if (mode == KCOV_MODE_TRACE_UNIQUE_PC && (window->hit = calloc(PLACES, 1)) == NULL)
        fail("no memory");
    if (window->serial >= SERIALS_MAX)
        fail("too many devices: make the buffers larger or the run shorter");
    windows[window->serial] = window;
    return window;
}

void
window_reference(struct window *window)
{
    atomic_fetch_add(&window->references, 1);
}

void
window_release(struct window *window)
{
    if (atomic_fetch_sub(&window->references, 1) > 1)
        return;
    kcov_buffer_release(window->buffer);
    if (window->counters != NULL)
        kcov_counters_release(window->counters);
    kcov_device_release(window->device);
    if (window->group != NULL)
        kcov_group_release(window->group);
    free((void *)window->hit);
    free(window);
}

/* The largest number of each writer so far: entries of a writer stand in the order in which it made
 * them. And the newest thread of each worker: they live one after the other. */
struct order {
    int64_t last[WRITERS_MAX];
    uint64_t threads[THREADS_MAX];
};

static void
check_word(const struct window *window, uint64_t word, const char *what)
{
    if (word != with_check(word & UINT64_C(0x00ffffffffffffff)))
        fail("torn: %s of device %lu is %lx", what, window->serial, word);
    if ((word >> 32 & (SERIALS_MAX - 1)) != window->serial)
        fail("in the wrong buffer: %s of device %lu is %lx", what, window->serial, word);
}

static void
check_order(const struct window *window, struct order *order, uint64_t word)
{
    unsigned writer = word >> 52 & (WRITERS_MAX - 1);

    if ((int64_t)(uint32_t)word <= order->last[writer])
        fail("doubled or out of order: device %lu, writer %u: %u after %ld", window->serial, writer,
             (uint32_t)word, order->last[writer]);
    order->last[writer] = (uint32_t)word;
}

/* The payload of a record: every word of it is the record's pc. */
static uint64_t
check_payload(const struct window *window, const _Atomic uint64_t *entry, uint64_t left)
{
    uint64_t type = entry[0], pc = entry[3], entries = 1 + (type >> 16);

    if (type != (KCOV_CMP_PAYLOAD | KCOV_CMP_ENTRIES(entries - 1)) || entries > left)
        fail("split: a record of device %lu: %lx with %lu entries left", window->serial, type,
             left);
    for (uint64_t i = KCOV_CMP_WORDS; i < entries * KCOV_CMP_WORDS; i++) {
        if (entry[i] != pc)
            fail("torn: word %lu of a record of device %lu is %lx, not %lx", i, window->serial,
                 entry[i], pc);
    }
    return entries;
}

/* Returns how many entries the record has. */
static uint64_t
check_cmp(const struct window *window, struct order *order, const _Atomic uint64_t *entry,
          uint64_t left)
{
    uint64_t type = entry[0], a = entry[1], b = entry[2], pc = entry[3];

    check_word(window, pc, "a pc");
    if (type & KCOV_CMP_PAYLOAD) {
        check_order(window, order, pc);
        return check_payload(window, entry, left);
    }
    check_word(window, a, "an operand");
    check_order(window, order, a);
    if (type == (KCOV_CMP_SIZE(3) | KCOV_CMP_CONST)) {
        /* A case of a switch: the first one has the number of the pc. */
        if (b != ~pc || (uint32_t)a - (uint32_t)pc >= 4)
            fail("torn: a case of device %lu: %lx %lx %lx", window->serial, a, b, pc);
    } else if (type != KCOV_CMP_SIZE(3) || b != ~a || pc != a) {
        fail("torn: a comparison of device %lu: %lx %lx %lx %lx", window->serial, type, a, b, pc);
    }
    return 1;
}

static void
check_access(const struct window *window, struct order *order, const _Atomic uint64_t *entry)
{
    uint64_t word = entry[0], who = entry[1], thread = who >> KCOV_ACCESS_OBJECT_BITS;
    uint64_t mask = (UINT64_C(1) << KCOV_ACCESS_OBJECT_BITS) - 1, object = who & mask;
    uint64_t *newest = &order->threads[(word >> 52) % THREADS_MAX];

    check_word(window, word, "the place of an access");
    check_order(window, order, word);
    if ((object != 0 && object != (word / 16 & mask)) || thread == 0 || thread < *newest)
        fail("torn: an access of device %lu: %lx %lx", window->serial, word, who);
    *newest = thread;
}

static void
check_place(const struct window *window, uint64_t word, uint8_t *found)
{
    uint32_t number = (uint32_t)word;

    check_word(window, word, "a place");
    if (number >= PLACES || !window->hit[number] || found[number])
        fail("doubled or never reached: place %u of device %lu", number, window->serial);
    found[number] = 1;
}

static void
check_entries(const struct window *window, uint64_t count)
{
    const _Atomic uint64_t *words = window->buffer->words;
    struct order order = {0};
    uint8_t found[PLACES] = {0};

    for (unsigned i = 0; i < WRITERS_MAX; i++)
        order.last[i] = -1;
    for (uint64_t i = 0; i < count;) {
        if (window->mode & KCOV_MODE_TRACE_CMP) {
            i += check_cmp(window, &order, &words[i * KCOV_CMP_WORDS + 1], count - i);
            continue;
        }
        i++;
        if (window->mode == KCOV_MODE_TRACE_ACCESS) {
            check_access(window, &order, &words[(i - 1) * KCOV_ACCESS_WORDS + 1]);
        } else if (window->mode == KCOV_MODE_TRACE_UNIQUE_PC) {
            check_place(window, words[i], found);
        } else {
            check_word(window, words[i], "a pc");
            check_order(window, &order, words[i]);
        }
    }
}

/* Whatever stood in word 0: nothing is written behind the buffer. */
static void
check_bounds(const struct window *window)
{
    const struct kcov_buffer *buffer = window->buffer;

    if (buffer->info->magic != KCOV_INFO_MAGIC || buffer->info->nmemb != window->nmemb)
        fail("the information page of device %lu was written over", window->serial);
    for (uint64_t i = window->nmemb; i < KCOV_INFO_OFFSET(window->nmemb) / sizeof(uint64_t); i++) {
        if (buffer->words[i] != 0)
            fail("word %lu behind the buffer of device %lu was written", i, window->serial);
    }
}

/* A place is counted only if it was reached. */
static void
check_counters(const struct window *window)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if (window->counters->bytes[i] != 0 && (window->hit == NULL || !window->hit[i]))
            fail("device %lu counted place %u, which was not reached", window->serial, i);
    }
}

void
window_check(struct window *window)
{
    uint64_t count = window->buffer->words[0];
    uint64_t dropped = *kcov_buffer_dropped(window->buffer);
    uint64_t produced = window->produced;

    atomic_fetch_add(&findings.windows, 1);
    check_bounds(window);
    if (window->counters != NULL)
        check_counters(window);
    if (window->poked)
        return;
    if (window->hit != NULL) {
        produced = 0;
        for (unsigned i = 0; i < PLACES; i++)
            produced += window->hit[i];
    }
    if (window->inexact ? count + dropped > produced : count + dropped != produced)
        fail("device %lu, mode %x, %lu words: count %lu + dropped %lu, but produced %lu%s",
             window->serial, (unsigned)window->mode, window->nmemb, count, dropped, produced,
             window->inexact ? " at most" : "");
    check_entries(window, count);
    atomic_fetch_add(&findings.exact, !window->inexact);
    atomic_fetch_add(&findings.entries, count);
    atomic_fetch_add(&findings.dropped, dropped);
}
