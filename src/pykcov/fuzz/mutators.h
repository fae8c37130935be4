/*
 * mutators.h: mutators and crossovers that are written in Python.
 *
 * libFuzzer looks for LLVMFuzzerCustomMutator and LLVMFuzzerCustomCrossOver when it is loaded, and
 * goes another way if they are there. So each is in a shared object of its own, which is loaded
 * before, into the global scope: the crossover where one is wanted, the mutator always, for the
 * sake of our own mutation (pairs.h).
 */
#ifndef PYKCOV_MUTATORS_H
#define PYKCOV_MUTATORS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/*
 * set_mutator(library, function): the path of `_mutator` or `_crossover`. OSError. function None:
 * libFuzzer's mutations, and ours.
 */
PyObject *pykcov_set_mutator(PyObject *module, PyObject *args);

/* preload(library): `_memory`, which is found in the same way. OSError. */
PyObject *pykcov_preload(PyObject *module, PyObject *path);

#define STACKS_OWN_MAX 4096

/*
 * show_stacks(library, descriptor, own): have libFuzzer show the last of the stacks in a file, up
 * to the first frame of a file whose name begins with `own`. library: `_stacks`. OSError,
 * ValueError.
 */
PyObject *pykcov_show_stacks(PyObject *module, PyObject *args);

#endif
