/*
 * exchange.h: functions change between two kinds of code; _engine.pyi says what it does.
 */
#ifndef PYKCOV_EXCHANGE_H
#define PYKCOV_EXCHANGE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *pykcov_exchange(PyObject *module, PyObject *args);

#endif
