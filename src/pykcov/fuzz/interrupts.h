/*
 * interrupts.h: SIGINT and SIGTERM while libFuzzer runs. Its own handlers leave at once, also in
 * the middle of writing an input to the corpus.
 */
#ifndef PYKCOV_INTERRUPTS_H
#define PYKCOV_INTERRUPTS_H

/*
 * Around the run of an input, when no file is being written: a signal ends the process at once
 * there, also one that came before. Elsewhere it waits for the next input. The first call puts our
 * handlers before those of libFuzzer.
 */
void pykcov_interrupts_begin(void);
void pykcov_interrupts_end(void);

#endif
