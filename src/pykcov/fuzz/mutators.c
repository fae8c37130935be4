/*
 * mutators.c: see mutators.h.
 */
#include "mutators.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

static PyObject *mutator, *crossover;

/* What a function returned, as libFuzzer wants it: at most `capacity` bytes. */
static size_t
take_result(PyObject *result, uint8_t *out, size_t capacity)
{
    char *bytes;
    Py_ssize_t size;

    if (result == NULL || PyBytes_AsStringAndSize(result, &bytes, &size) < 0) {
        /* Not one of the target's errors: without inputs nothing can go on. */
        PyErr_Print();
        _Exit(1);
    }
    if ((size_t)size > capacity)
        size = (Py_ssize_t)capacity;
    memcpy(out, bytes, (size_t)size);
    Py_DECREF(result);
    return (size_t)size;
}

static size_t
call_mutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
    pykcov_engine.mutated = true;
    return take_result(PyObject_CallFunction(mutator, "y#nI", (char *)data, (Py_ssize_t)size,
                                             (Py_ssize_t)capacity, seed),
                       data, capacity);
}

/* What the stage has comes first. Then one mutation of four is ours, if there is one that fits;
 * right after an execution of which comparisons were recorded, one of two: of these, which fit
 * best. */
static size_t
mutate(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
    struct engine *engine = &pykcov_engine;
    struct pairs *pairs = &engine->replay.pairs;
    size_t changed = pykcov_stage_mutate(&engine->stage, data, capacity);

    engine->mutated = true;
    if (changed == 0 && engine->comparing && seed % 2 == 0)
        changed = pykcov_pairs_apply(pairs, data, size, capacity, seed / 4, true);
    if (changed == 0 && seed % 4 == 0)
        changed = pykcov_pairs_apply(pairs, data, size, capacity, seed / 4, false);
    return changed != 0 ? changed : engine->libfuzzer.mutate(data, size, capacity);
}

static size_t
call_crossover(const uint8_t *first, size_t first_size, const uint8_t *second, size_t second_size,
               uint8_t *out, size_t capacity, unsigned seed)
{
    pykcov_engine.mutated = true;
    return take_result(PyObject_CallFunction(crossover, "y#y#nI", (const char *)first,
                                             (Py_ssize_t)first_size, (const char *)second,
                                             (Py_ssize_t)second_size, (Py_ssize_t)capacity, seed),
                       out, capacity);
}

static void *
symbol_in(const char *path, const char *name)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);

    return handle != NULL ? dlsym(handle, name) : NULL;
}

PyObject *
pykcov_preload(PyObject *Py_UNUSED(module), PyObject *path)
{
    const char *name = PyUnicode_AsUTF8(path);

    if (name == NULL)
        return NULL;
    if (dlopen(name, RTLD_NOW | RTLD_GLOBAL) == NULL)
        return PyErr_Format(PyExc_OSError, "%s", dlerror());
    Py_RETURN_NONE;
}

PyObject *
pykcov_show_stacks(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *path, *own;
    int descriptor, *shown;
    char *folder;

    if (!PyArg_ParseTuple(args, "sis:show_stacks", &path, &descriptor, &own))
        return NULL;
    shown = symbol_in(path, "pykcov_stacks_descriptor");
    folder = symbol_in(path, "pykcov_stacks_own");
    if (shown == NULL || folder == NULL)
        return PyErr_Format(PyExc_OSError, "%s", dlerror());
    if (strlen(own) >= STACKS_OWN_MAX)
        return PyErr_Format(PyExc_ValueError, "the path of a folder is too long: %s", own);
    strcpy(folder, own);
    *shown = descriptor;
    Py_RETURN_NONE;
}

PyObject *
pykcov_set_mutator(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *path;
    PyObject *function;
    size_t (**change)(uint8_t *, size_t, size_t, unsigned);
    size_t (**cross)(const uint8_t *, size_t, const uint8_t *, size_t, uint8_t *, size_t, unsigned);

    if (!PyArg_ParseTuple(args, "sO:set_mutator", &path, &function))
        return NULL;
    if ((change = symbol_in(path, "pykcov_mutator")) != NULL) {
        Py_XSETREF(mutator, Py_NewRef(function));
        *change = function != Py_None ? call_mutator : mutate;
        pykcov_engine.stages = function == Py_None;
    } else if ((cross = symbol_in(path, "pykcov_crossover")) != NULL) {
        Py_XSETREF(crossover, Py_NewRef(function));
        *cross = call_crossover;
    } else {
        return PyErr_Format(PyExc_OSError, "%s", dlerror());
    }
    Py_RETURN_NONE;
}
