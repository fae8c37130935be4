/*
 * ask_adopter.h: a callable that is asked, once, in each thread that it has not seen (adopt.h), at
 * the first event of a probe there: it may attach the thread to a device.
 */
#ifndef KCOV_ASK_ADOPTER_H
#define KCOV_ASK_ADOPTER_H

#include "module.h"

/* Ask it in the calling thread, if it is its turn. 0, or -1 with an exception for the program. */
int kcov_adopter_ask(void);

/* There is none any more. */
void kcov_adopter_clear(void);

int kcov_adopter_add(PyObject *module);

#endif
