/*
 * module.c: the extension module _engine; _engine.pyi says what its functions do.
 */
#include "engine.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "exchange.h"
#include "functions_module.h"
#include "mutators.h"

#define engine pykcov_engine

static PyObject *
load(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *path, *error;
    int own;

    if (!PyArg_ParseTuple(args, "sp:load", &path, &own))
        return NULL;
    if ((error = pykcov_libfuzzer_load(&engine.libfuzzer, path, own)) != NULL)
        return PyErr_Format(PyExc_OSError, "%s", error);
    engine.loaded = true;
    Py_RETURN_NONE;
}

static void
look_at(const char *argument)
{
    static const char flag[] = "-use_value_profile=";

    if (strncmp(argument, flag, sizeof(flag) - 1) == 0)
        engine.replay.value_profile = strcmp(argument + sizeof(flag) - 1, "0") != 0;
}

/* A vector of strings, which libFuzzer keeps. NULL with an exception. */
static char **
vector_of(PyObject *arguments, int *count)
{
    Py_ssize_t size = PyList_GET_SIZE(arguments);
    char **vector = calloc((size_t)size + 1, sizeof(*vector));

    for (Py_ssize_t i = 0; vector != NULL && i < size; i++) {
        PyObject *bytes = PyUnicode_EncodeFSDefault(PyList_GET_ITEM(arguments, i));

        if (bytes == NULL)
            return NULL;
        vector[i] = strdup(PyBytes_AS_STRING(bytes));
        Py_DECREF(bytes);
        if (vector[i] == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        look_at(vector[i]);
    }
    if (vector == NULL)
        PyErr_NoMemory();
    *count = (int)size;
    return vector;
}

static int
take_buffers(PyObject *const *objects)
{
    Py_buffer *buffers[] = {&engine.buffers[0], &engine.counters, &engine.statistics_buffer};

    for (unsigned i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        if (PyObject_GetBuffer(objects[i], buffers[i], PyBUF_WRITABLE) < 0)
            return -1;
    engine.statistics = engine.statistics_buffer.buf;
    if ((size_t)engine.statistics_buffer.len >= sizeof(struct statistics))
        return 0;
    PyErr_Format(PyExc_ValueError, "statistics have %zu bytes", sizeof(struct statistics));
    return -1;
}

static int
take_objects(PyObject *args, PyObject *kwargs, PyObject **arguments)
{
    static char *keywords[] = {"arguments",       "function",
                               "failed",          "started",
                               "blind",           "done",
                               "words",           "limit",
                               "grown",           "arrange",
                               "begin_round",     "find_quiet",
                               "interrupt_enter", "interrupt_leave",
                               "probe_count",     "follow",
                               "group_variable",  "failures",
                               "behind",          "renew",
                               "unraisable_hook", "imported",
                               "buffer",          "counters",
                               "statistics",      NULL};
    PyObject *buffers[3];

    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O!$OOOOOO!KOOOOOOOOOO!OOOOOOO:run", keywords, &PyList_Type, arguments,
            &engine.function, &engine.failed, &engine.started, &engine.blind, &engine.done,
            &PyList_Type, &engine.words, &engine.limit, &engine.grown, &engine.arrange,
            &engine.begin_round, &engine.find_quiet, &engine.interrupt_enter,
            &engine.interrupt_leave, &engine.probe_count, &engine.follow, &engine.group_variable,
            &PyList_Type, &engine.failures, &engine.behind, &engine.renew, &engine.unraisable_hook,
            &engine.imported, &buffers[0], &buffers[1], &buffers[2]))
        return -1;
    return take_buffers(buffers);
}

/* What Python does at the end of a process, as far as it can be done when libFuzzer ends it. */
static void
end_python(void)
{
    PyObject *module;

    if (!Py_IsInitialized() || !PyGILState_Check() || engine.forked)
        return;
    if ((module = PyImport_ImportModule("atexit")) != NULL)
        Py_XDECREF(PyObject_CallMethod(module, "_run_exitfuncs", NULL));
    Py_XDECREF(module);
    PyErr_Clear();
    for (int i = 0; i < 2; i++) {
        PyObject *stream = PySys_GetObject(i == 0 ? "stdout" : "stderr");

        if (stream != NULL && stream != Py_None)
            Py_XDECREF(PyObject_CallMethod(stream, "flush", NULL));
        PyErr_Clear();
    }
}

static void
in_forked_child(void)
{
    engine.forked = true;
}

static PyObject *
run(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    PyObject *arguments;
    char **vector;
    int count;

    if (!engine.loaded || engine.running)
        return PyErr_Format(PyExc_RuntimeError, "run(): load() comes first, and it runs once");
    if (take_objects(args, kwargs, &arguments) < 0 ||
        (vector = vector_of(arguments, &count)) == NULL)
        return NULL;
    if (pthread_atfork(NULL, NULL, in_forked_child) != 0 || atexit(end_python) != 0)
        return PyErr_NoMemory();
    /* Never given back: libFuzzer ends the process. */
    Py_INCREF(args);
    Py_XINCREF(kwargs);
    engine.thread = PyThread_get_thread_ident();
    engine.running = true;
    pykcov_engine_begin();
    return PyLong_FromLong(engine.libfuzzer.run_driver(&count, &vector, pykcov_engine_execute));
}

static PyObject *
mutated(const Py_buffer *data, Py_ssize_t capacity)
{
    size_t size = (size_t)(data->len < capacity ? data->len : capacity);
    uint8_t *bytes = PyMem_Malloc((size_t)capacity);
    PyObject *result;

    if (bytes == NULL)
        return PyErr_NoMemory();
    memcpy(bytes, data->buf, size);
    size = engine.libfuzzer.mutate(bytes, size, (size_t)capacity);
    result = PyBytes_FromStringAndSize((char *)bytes, (Py_ssize_t)size);
    PyMem_Free(bytes);
    return result;
}

static PyObject *
mutate(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer data;
    Py_ssize_t capacity;
    PyObject *result;

    if (!PyArg_ParseTuple(args, "y*n:Mutate", &data, &capacity))
        return NULL;
    if (!engine.running || engine.thread != PyThread_get_thread_ident())
        result = PyErr_Format(PyExc_RuntimeError,
                              "Mutate() works while Fuzz() runs, in the same thread");
    else if (capacity < 1)
        result = PyErr_Format(PyExc_ValueError, "max_size=%zd: at least 1", capacity);
    else
        result = mutated(&data, capacity);
    PyBuffer_Release(&data);
    return result;
}

static PyObject *
end_with(PyObject *Py_UNUSED(module), PyObject *argument)
{
    long parent = PyLong_AsLong(argument);

    if (PyErr_Occurred())
        return NULL;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    /* It may have ended before. */
    if (getppid() != parent)
        raise(SIGTERM);
    Py_RETURN_NONE;
}

static PyObject *
collect_by(PyObject *Py_UNUSED(module), PyObject *function)
{
    Py_XSETREF(engine.collect, Py_NewRef(function));
    Py_RETURN_NONE;
}

static PyObject *
note_seen(PyObject *Py_UNUSED(module), PyObject *args)
{
    static Py_buffer buffer; /* kept as long as the process, which libFuzzer ends */
    unsigned long long after;

    if (engine.seen.bytes != NULL)
        return PyErr_Format(PyExc_RuntimeError, "note_seen() is called once");
    if (!PyArg_ParseTuple(args, "w*K:note_seen", &buffer, &after))
        return NULL;
    engine.seen = (struct seen){buffer.buf, (size_t)buffer.len, after};
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"load", load, METH_VARARGS, NULL},
    {"run", (PyCFunction)(void (*)(void))run, METH_VARARGS | METH_KEYWORDS, NULL},
    {"mutate", mutate, METH_VARARGS, NULL},
    {"collect_by", collect_by, METH_O, NULL},
    {"end_with", end_with, METH_O, NULL},
    {"exchange", pykcov_exchange, METH_VARARGS, NULL},
    {"note_seen", note_seen, METH_VARARGS, NULL},
    {"preload", pykcov_preload, METH_O, NULL},
    {"set_mutator", pykcov_set_mutator, METH_VARARGS, NULL},
    {"show_stacks", pykcov_show_stacks, METH_VARARGS, NULL},
    {0},
};

static int
add_constants(PyObject *module)
{
    if (PyModule_AddIntConstant(module, "STATISTICS_BYTES", sizeof(struct statistics)) < 0)
        return -1;
    return PyModule_AddIntMacro(module, BLIND_AFTER);
}

KCOV_MODULE(_engine, "pykcov.fuzz._engine", functions, add_constants)
