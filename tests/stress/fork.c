/*
 * fork.c: see fork.h.
 */
#include "fork.h"

#include <sys/wait.h>
#include <unistd.h>

static void
trace_own(struct worker *worker, int mode)
{
    struct window *window = window_open(OWN, mode, 4096);

    if (kcov_device_enable(window->device, mode) != 0)
        fail("a child cannot enable a device of its own");
    worker_produce(worker, window, 500);
    if (kcov_device_disable(window->device, &kcov_wait_forever) != 0)
        fail("a child cannot disable its device");
    kcov_device_close(window->device, &kcov_wait_forever);
    window_check(window);
    window_release(window);
}

static void
trace_remote(struct worker *worker, bool follow)
{
    struct window *window = window_open(COMMON, KCOV_MODE_TRACE_PC, 4096);

    if ((follow ? kcov_device_follow(window->device, window->group, &kcov_wait_forever)
                : kcov_device_attach(window->device, window->key, &kcov_wait_forever)) != 0 ||
        kcov_device_enable(window->device, window->mode) != 0 ||
        (!follow && kcov_remote_enter(window->key) != 0))
        fail("a child cannot trace a section");
    if (follow)
        kcov_group_follow(window->group, NULL);
    worker_produce(worker, window, 500);
    if (follow)
        kcov_group_follow(NULL, NULL);
    else
        kcov_remote_leave(window->key);
    kcov_device_close(window->device, &kcov_wait_forever);
    window_check(window);
    window_release(window);
}

static void
be_the_child(struct worker *worker)
{
    if (kcov_thread_attached() != 0 || kcov_thread_in_interrupt_section() || kcov_sleepers() != 0)
        fail("a child is attached to something, or somebody sleeps in it");
    worker_produce(worker, NULL, 100);
    trace_own(worker, KCOV_MODE_TRACE_PC);
    trace_own(worker, KCOV_MODE_TRACE_CMP);
    trace_own(worker, KCOV_MODE_TRACE_CMP | KCOV_CMP_BYTES);
    trace_own(worker, KCOV_MODE_TRACE_UNIQUE_PC);
    trace_own(worker, KCOV_MODE_TRACE_ACCESS);
    trace_remote(worker, false);
    trace_remote(worker, true);
    _exit(0);
}

void
fork_and_check(struct worker *worker)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        fail("no fork");
    if (child == 0)
        be_the_child(worker);
    while (waitpid(child, &status, 0) != child)
        continue; /* a signal was faster */
    if (status != 0)
        fail("a child ended with status %x", (unsigned)status);
    atomic_fetch_add(&figures.forks, 1);
}
