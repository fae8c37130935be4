/*
 * exchange.h: functions change between two kinds of code; _engine.pyi says what it does.
 */
#ifndef PYKCOV_EXCHANGE_H
#define PYKCOV_EXCHANGE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Which of the two: the index of the code in an entry of the list. */
enum pykcov_code { PYKCOV_LOUD = 1, PYKCOV_QUIET = 2 };

/* 0, or -1 with an exception. */
int pykcov_exchange_all(PyObject *functions, enum pykcov_code which);

PyObject *pykcov_exchange(PyObject *module, PyObject *args);

#endif
