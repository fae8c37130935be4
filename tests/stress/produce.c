/*
 * produce.c: events, from native code, without any lock.
 */
#include "worker.h"

#include <signal.h>

#include "trace.h"

uint64_t
random_next(struct worker *worker)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random;
}

unsigned
random_below(struct worker *worker, unsigned limit)
{
    return (unsigned)((random_next(worker) >> 32) % limit);
}

static void
produce_pc(struct worker *worker, uint64_t serial, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        kcov_trace_pc(encode(worker->number, serial, worker->next++));
}

/* Hits and accesses, by turns; the address of what is accessed is the word of the event. */
static void
produce_access(struct worker *worker, uint64_t serial, unsigned count)
{
    struct kcov_trace *trace = kcov_attached_trace();

    for (unsigned i = 0; i < count; i++) {
        uint64_t word = encode(worker->number, serial, worker->next++);

        if (i % 2 == 0)
            kcov_trace_pc(word);
        else if (kcov_event_mode(trace) == KCOV_MODE_TRACE_ACCESS)
            kcov_record_access(trace, word, word);
    }
}

/* Comparisons, and switches of up to 4 cases. */
static void
produce_cmp(struct worker *worker, uint64_t serial, unsigned count)
{
    uint64_t cases[4], first;
    unsigned many;

    for (unsigned i = 0; i < count; i += many) {
        first = encode(worker->number, serial, worker->next);
        many = 1 + random_below(worker, count - i < 4 ? count - i : 4);
        if (many == 1) {
            kcov_trace_cmp(8, 0, first, ~first, first);
        } else {
            for (unsigned j = 0; j < many; j++)
                cases[j] = encode(worker->number, serial, worker->next + j);
            kcov_record_switch(64, ~first, cases, many, first);
        }
        worker->next += many;
    }
}

/* Records of 1 to 5 entries, and plain comparisons; returns how many entries in all. */
static unsigned
produce_cmp_bytes(struct worker *worker, uint64_t serial, unsigned count)
{
    struct kcov_trace *trace = kcov_attached_trace();
    struct kcov_operand first, second;
    unsigned entries = 0;

    for (unsigned i = 0; i < count; i++) {
        uint64_t pc = encode(worker->number, serial, worker->next++);
        if (i % 4 == 0) {
            kcov_trace_cmp(8, 0, pc, ~pc, pc);
            entries++;
            continue;
        }
        first.length = random_below(worker, 2 * KCOV_OPERAND_BYTES);
        second.length = random_below(worker, 2 * KCOV_OPERAND_BYTES);
        for (unsigned j = 0; j < KCOV_OPERAND_WORDS; j++)
            first.words[j] = second.words[j] = pc;
        if (kcov_event_mode(trace) == (KCOV_MODE_TRACE_CMP | KCOV_CMP_BYTES))
            kcov_append_cmp_bytes(trace, 0, &first, &second, pc);
        entries += 1 + kcov_operand_entries(&first) + kcov_operand_entries(&second);
    }
    return entries;
}

/* Places are the same for all threads: they race for who reaches one first. */
static void
produce_unique(struct worker *worker, struct window *window, unsigned count)
{
    struct kcov_trace *trace = kcov_attached_trace();

    for (unsigned i = 0; i < count; i++) {
        unsigned number = random_below(worker, PLACES);
        if (window != NULL)
            window->hit[number] = 1;
        kcov_record_probe(trace, kcov_probe_mode(trace) & ~KCOV_MODE_FOLLOW,
                          encode(0, window != NULL ? window->serial : 0, number), number);
    }
}

struct window *
attached_window(void)
{
    uint64_t serial = kcov_thread_attached();

    return serial != 0 ? windows[serial] : NULL;
}

static _Thread_local struct worker *self;

/*
 * Barges in on the thread, in the middle of an event too. Its events count like the thread's own,
 * except those in an interrupt of a thread that was in thread context: nothing records these.
 */
static void
on_signal(int unused)
{
    struct worker *worker = self;
    struct window *window = worker != NULL ? worker->recording : NULL;
    bool interrupt, recorded;
    uint64_t word;

    (void)unused;
    if (window == NULL)
        return;
    interrupt = worker->next_of_signal % 2 == 1;
    recorded = !interrupt || worker->interrupted;
    word =
        encode(THREADS_MAX + worker->number, recorded ? window->serial : 0, worker->next_of_signal);
    worker->next_of_signal++;
    if (interrupt)
        kcov_interrupt_enter();
    if (window->mode & KCOV_MODE_TRACE_CMP)
        kcov_trace_cmp(8, 0, word, ~word, word);
    else
        kcov_trace_pc(word);
    if (interrupt)
        kcov_interrupt_leave();
    if (recorded)
        worker->signalled++;
}

void
worker_take_signals(struct worker *worker)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t alarm;

    self = worker;
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
}

void
worker_produce(struct worker *worker, struct window *window, unsigned count)
{
    uint64_t serial = window != NULL ? window->serial : 0;
    static const int modes[] = {KCOV_MODE_TRACE_PC, KCOV_MODE_TRACE_CMP};
    int mode = modes[random_below(worker, 2)];

    if (window != NULL && random_below(worker, 4) > 0)
        mode = window->mode;
    if (window != NULL && window->mode == KCOV_MODE_TRACE_ACCESS && mode == KCOV_MODE_TRACE_PC)
        mode = window->mode; /* which records hits, too */
    if (window != NULL && window->mode == mode && mode != KCOV_MODE_TRACE_UNIQUE_PC)
        worker->recording = window;
    if (mode == KCOV_MODE_TRACE_PC)
        produce_pc(worker, serial, count);
    else if (mode == KCOV_MODE_TRACE_ACCESS)
        produce_access(worker, serial, count);
    else if (mode == KCOV_MODE_TRACE_CMP)
        produce_cmp(worker, serial, count);
    else if (mode & KCOV_CMP_BYTES)
        count = produce_cmp_bytes(worker, serial, count);
    else
        produce_unique(worker, window, count);
    worker->recording = NULL;
    if (window != NULL && (window->mode == mode || window->mode == (mode | KCOV_CMP_BYTES)))
        atomic_fetch_add(&window->produced, count + worker->signalled);
    atomic_fetch_add(&figures.events, count);
    atomic_fetch_add(&figures.signals, worker->signalled);
    worker->signalled = 0;
}
