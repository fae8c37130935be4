/*
 * stepping.c: stops the thread with a signal after each instruction that it executes between
 * step_begin() and step_end(), in whatever code: the interpreter's, the core's, the C library's.
 * After one of eight, by chance, the handler makes an event. (After each, an event that has to try
 * again because of another one would never end.)
 */
#include <kcov.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

extern void __sanitizer_cov_trace_pc(void) __attribute__((weak));

enum what { PC, NATIVE_PC, CMP, INTERRUPT, WHATS };

static enum what what;
static long events;
static unsigned chance = 1;

static void
on_step(int number)
{
    (void)number;
    chance = chance * 1103515245 + 12345;
    if (chance >> 29 != 0)
        return;
    events++;
    switch (what) {
    case PC:
        kcov_trace_pc(0x1234);
        break;
    case NATIVE_PC:
        __sanitizer_cov_trace_pc();
        break;
    case CMP:
        kcov_trace_cmp(8, 1, 1, 2, 0x1234);
        break;
    default:
        kcov_interrupt_enter();
        kcov_trace_pc(0x4321);
        kcov_interrupt_leave();
    }
}

/* The trap flag of x86: SIGTRAP after each instruction. */
static void
set_trap_flag(unsigned long on)
{
    __asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\torq %0, (%%rsp)\n\tpopfq" ::"r"(on << 8)
                     : "memory", "cc");
}

void
step_begin(int which)
{
    struct sigaction action = {.sa_handler = on_step, .sa_flags = SA_NODEFER};

    what = (enum what)which;
    events = 0;
    sigaction(SIGTRAP, &action, NULL);
    set_trap_flag(1);
}

long
step_end(void)
{
    set_trap_flag(0);
    signal(SIGTRAP, SIG_DFL);
    return events;
}

/* The same while a thread that does not hold the GIL works for a handle. */
long
step_through_a_section(int which, uint64_t subsystem, uint64_t id, int is_group)
{
    struct kcov_key key = {subsystem, id, (uint64_t)is_group};

    step_begin(which);
    kcov_remote_enter(key);
    kcov_trace_pc(7);
    kcov_interrupt_enter();
    kcov_remote_enter(key);
    kcov_trace_pc(7);
    kcov_remote_leave(key);
    kcov_interrupt_leave();
    kcov_remote_leave(key);
    return step_end();
}
