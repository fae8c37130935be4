/*
 * interrupts.h: whose work code is that interrupts a thread. What a thread brings about itself,
 * such as a signal that it sends to itself, or a collection that it asks for, is its own. What
 * barges in works for a group that is there for it (signals.c, collections.c).
 */
#ifndef KCOV_INTERRUPTS_H
#define KCOV_INTERRUPTS_H

#include "module.h"

/* What barges in works for these, NULL while nobody follows. They are never freed. */
extern PyObject *_Atomic kcov_signal_group;
extern PyObject *_Atomic kcov_collector_group;

/*
 * The section that a thread is in while something barges in, if its attachment is not derived from
 * its context.
 */
struct kcov_barging {
    struct kcov_key key;
    bool entered;
};

/* The context that the thread is in names `group` by now, and does not any more. */
void kcov_barge_in(struct kcov_barging *barging, PyObject *group);
void kcov_barge_out(struct kcov_barging *barging);

/* signals.c */
int kcov_signals_add(PyObject *module, struct kcov_module *state);

/* collections.c */
int kcov_collections_add(PyObject *module);

#endif
