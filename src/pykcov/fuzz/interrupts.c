/*
 * interrupts.c: see interrupts.h.
 */
#define _GNU_SOURCE
#include "interrupts.h"

#include <signal.h>
#include <stdbool.h>

#include "clock.h"

#define SAME_SIGNAL SECOND_NS

static const int signals[] = {SIGINT, SIGTERM};

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static struct sigaction originals[SIGNALS]; /* those of libFuzzer, or of the program */
static volatile sig_atomic_t waiting;       /* the signal that came while no input ran */
static volatile uint64_t first;             /* when that was, in ns */
static volatile sig_atomic_t inside;

static void
pass_on(int number, siginfo_t *information, void *context)
{
    for (unsigned i = 0; i < SIGNALS; i++) {
        if (signals[i] != number)
            continue;
        if (originals[i].sa_flags & SA_SIGINFO)
            originals[i].sa_sigaction(number, information, context);
        else if (originals[i].sa_handler != SIG_DFL && originals[i].sa_handler != SIG_IGN)
            originals[i].sa_handler(number);
    }
}

/*
 * Somebody who is impatient does not wait. But what comes at once after the first one is the same
 * signal: a terminal sends it to us, and to our parent, which passes it on.
 */
static void
handle(int number, siginfo_t *information, void *context)
{
    if (inside || (waiting != 0 && pykcov_now() - first > SAME_SIGNAL)) {
        pass_on(number, information, context);
    } else if (waiting == 0) {
        first = pykcov_now();
        waiting = number;
    }
}

static void
install(void)
{
    for (unsigned i = 0; i < SIGNALS; i++) {
        struct sigaction ours = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};

        if (sigaction(signals[i], NULL, &originals[i]) == 0 &&
            (originals[i].sa_flags & SA_SIGINFO ||
             (originals[i].sa_handler != SIG_DFL && originals[i].sa_handler != SIG_IGN)))
            sigaction(signals[i], &ours, NULL);
    }
}

void
pykcov_interrupts_begin(void)
{
    static bool installed;

    if (!installed) {
        installed = true;
        install();
    }
    inside = true;
    if (waiting != 0) {
        int number = waiting;

        waiting = 0;
        raise(number);
    }
}

void
pykcov_interrupts_end(void)
{
    inside = false;
}
