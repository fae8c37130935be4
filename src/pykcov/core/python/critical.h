/*
 * critical.h: what the GIL guards where there is one. In a free-threaded build an object that
 * others may change meanwhile is looked at between these two, in one block; elsewhere they do
 * nothing.
 */
#ifndef KCOV_CRITICAL_H
#define KCOV_CRITICAL_H

#include <Python.h>

#ifdef Py_GIL_DISABLED
#define KCOV_BEGIN_CRITICAL(object) Py_BEGIN_CRITICAL_SECTION(object)
#define KCOV_END_CRITICAL() Py_END_CRITICAL_SECTION()
#else
#define KCOV_BEGIN_CRITICAL(object)                                                                \
    {                                                                                              \
        (void)(object);
#define KCOV_END_CRITICAL() }
#endif

/* A new reference to what stands in a place, which belongs to `owner`. */
static inline PyObject *
kcov_reference(PyObject *owner, PyObject **place)
{
    PyObject *object;

    KCOV_BEGIN_CRITICAL(owner);
    object = Py_NewRef(*place);
    KCOV_END_CRITICAL();
    return object;
}

/* A new reference to an item of a dict; NULL, without an exception, if it has none. */
static inline PyObject *
kcov_dict_item(PyObject *dict, const char *key)
{
    PyObject *item;

    KCOV_BEGIN_CRITICAL(dict);
    item = Py_XNewRef(PyDict_GetItemString(dict, key));
    KCOV_END_CRITICAL();
    return item;
}

/* Put something else there. */
static inline void
kcov_replace(PyObject *owner, PyObject **place, PyObject *object)
{
    PyObject *before;

    KCOV_BEGIN_CRITICAL(owner);
    before = *place;
    *place = Py_NewRef(object);
    KCOV_END_CRITICAL();
    Py_XDECREF(before);
}

#endif
