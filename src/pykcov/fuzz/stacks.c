/*
 * stacks.c: what libFuzzer calls, if it finds it, to show where a process that it ends was: after
 * the line `ERROR: libFuzzer: deadly signal`, `timeout` or `fuzz target exited`. Like the mutators
 * (mutators.h) this is in a shared object of its own, to be loaded into the global scope before; a
 * sanitizer that is preloaded comes first, with stacks of its own.
 *
 * faulthandler has written Python's stacks to a file by then (campaign.py). Here the last one of
 * the thread that fuzzes is shown as sanitizers show theirs, which is what ClusterFuzz reads.
 * This runs in handlers of signals.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACKS_OWN_MAX 4096 /* as in mutators.h, which wants Python.h */

#define EXPORT __attribute__((visibility("default")))

EXPORT int pykcov_stacks_descriptor = -1;
EXPORT char pykcov_stacks_own[STACKS_OWN_MAX]; /* the folder of our own files: behind them is who
                                                  called us */

static char text[1 << 17];

/* The last of the stacks that begin with one of these words; NULL: none. */
static char *
last_stack(void)
{
    static const char *const begins[] = {"Current thread ", "Stack (most recent"};
    char *found = NULL;

    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        for (char *at = text; (at = strstr(at, begins[i])) != NULL; at++)
            if (at > found)
                found = at;
    return found;
}

/* `  File "FILE", line N in FUNCTION`, as faulthandler writes it; false: it is something else. */
static bool
show_frame(unsigned number, char *line)
{
    static const char begin[] = "  File \"", middle[] = "\", line ", before_function[] = " in ";
    char *file, *row, *function;

    if (strncmp(line, begin, sizeof(begin) - 1) != 0)
        return false;
    file = line + sizeof(begin) - 1;
    row = strstr(file, middle);
    function = row != NULL ? strstr(row, before_function) : NULL;
    if (function == NULL || strncmp(file, pykcov_stacks_own, strlen(pykcov_stacks_own)) == 0)
        return false;
    *row = '\0';
    *function = '\0';
    dprintf(STDERR_FILENO, "    #%u 0x%012x in %s %s:%s\n", number, 0,
            function + sizeof(before_function) - 1, file, row + sizeof(middle) - 1);
    return true;
}

EXPORT void
__sanitizer_print_stack_trace(void)
{
    struct stat status;
    ssize_t size;
    char *line, *rest = NULL;
    unsigned number = 0;

    if (pykcov_stacks_descriptor < 0 || fstat(pykcov_stacks_descriptor, &status) != 0)
        return;
    size =
        pread(pykcov_stacks_descriptor, text, sizeof(text) - 1,
              status.st_size < (off_t)sizeof(text) ? 0 : status.st_size - (off_t)sizeof(text) + 1);
    if (size <= 0)
        return;
    text[size] = '\0';
    line = last_stack();
    if (line == NULL)
        return;
    strtok_r(line, "\n", &rest);
    while ((line = strtok_r(NULL, "\n", &rest)) != NULL && show_frame(number, line))
        number++;
}
