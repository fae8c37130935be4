/*
 * collections.c: what the garbage collector runs: finalisers, callbacks of weak references, the
 * ends of generators. In a collection that the program asks for by gc.collect() it is the work of
 * whoever asks; in one that an allocation sets off it barges in.
 */
#include <stdatomic.h>

#include "intercept.h"
#include "interrupts.h"

static _Thread_local unsigned asked; /* calls of gc.collect() that the thread is in */

/* Of the collection that barged in on the thread; context NULL: there is none. */
static _Thread_local struct {
    struct kcov_barging barging;
    PyObject *context;
} current;

static PyObject *collect(PyObject *module, PyObject *const *args, Py_ssize_t count,
                         PyObject *names);

static struct kcov_interception interception = {
    "gc", "collect", METH_FASTCALL | METH_KEYWORDS, (PyCFunction)(void (*)(void))collect, NULL,
};

static PyObject *
collect(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    kcov_fast_keywords original = (kcov_fast_keywords)(void (*)(void))interception.original;
    PyObject *result;

    asked++;
    result = original(module, args, count, names);
    asked--;
    return result;
}

static PyObject *
end(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    PyObject *context = current.context;

    if (context == NULL)
        Py_RETURN_NONE;
    current.context = NULL;
    if (PyContext_Exit(context) < 0)
        PyErr_Clear(); /* a finaliser has left it, or entered another one for good */
    kcov_barge_out(&current.barging);
    Py_DECREF(context);
    Py_RETURN_NONE;
}

/*
 * The collection runs in a copy of the thread's context, and that names the collector's group.
 * To name it in the context itself would pull the rug from under its feet: until 3.12 a collection
 * may be set off by a context variable that is being set.
 */
static PyObject *
begin(PyObject *module, PyObject *unused)
{
    struct kcov_module *state = kcov_module_state(module);
    PyObject *group = atomic_load(&kcov_collector_group), *token = NULL;

    if (asked > 0 || group == NULL)
        Py_RETURN_FALSE;
    Py_XDECREF(end(module, unused)); /* of one whose end was not told */
    current.context = PyContext_CopyCurrent();
    if (current.context == NULL)
        return NULL;
    if (PyContext_Enter(current.context) < 0) {
        Py_CLEAR(current.context);
        return NULL;
    }
    token = PyContextVar_Set(state->group_variable, group);
    kcov_barge_in(&current.barging, group);
    if (token == NULL)
        return NULL;
    Py_DECREF(token);
    Py_RETURN_TRUE;
}

static PyObject *
intercept_collect(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    if (kcov_intercept(&interception) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"intercept_collect", intercept_collect, METH_NOARGS,
     "intercept_collect($module, /)\n"
     "--\n"
     "\n"
     "From now on tell collections that gc.collect() begins from others. ValueError: there is "
     "another such function."},
    {"collection_begin", begin, METH_NOARGS,
     "collection_begin($module, /)\n"
     "--\n"
     "\n"
     "A collection begins in the calling thread; return whether it barges in, and needs "
     "collection_end()."},
    {"collection_end", end, METH_NOARGS,
     "collection_end($module, /)\n"
     "--\n"
     "\n"
     "End what collection_begin() began, if anything."},
    {0},
};

int
kcov_collections_add(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
