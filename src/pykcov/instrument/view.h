/*
 * view.h: what programs see of code that has probes (_view.c), for the files that answer them.
 */
#ifndef PYKCOV_VIEW_H
#define PYKCOV_VIEW_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* A view is a tuple: the original, constants for all to see, and for each code unit the one of the
 * original that it belongs to, as bytes of uint32_t. */
#define ORIGINAL(view) PyTuple_GET_ITEM(view, 0)
#define CONSTANTS(view) PyTuple_GET_ITEM(view, 1)
#define OFFSETS(view) PyTuple_GET_ITEM(view, 2)

/* This thread runs code of ours that wants to see what is there. */
extern _Thread_local int view_finding __attribute__((visibility("hidden")));

/* From now on code whose last constant is of one of two types has a view: find(code), asked once,
 * None if it has none. told(code) is called when its bytecode is read. -1: an exception is set. */
int view_add_maker(PyObject *find, PyObject *told, PyObject *type, PyObject *other);

/* -1: an exception is set. Else *view is a reference, or NULL: the code is what it seems. */
int view_of(PyObject *code, PyObject **view);

/* Give the only owner of new code its view, which it takes a reference of. */
int view_set(PyObject *code, PyObject *view);

/* Tell whoever has made this code that its bytecode is read. */
int view_tell(PyObject *code);

/* Offsets of instructions, in bytes: what programs are shown, and back. */
long view_shown_offset(PyObject *view, long offset);
long view_true_offset(PyObject *view, long offset);

/* Put our descriptors, and functions of marshal, into their places. Once in a process. */
int view_put_all(void);

#endif
