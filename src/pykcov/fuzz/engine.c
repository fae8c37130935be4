/*
 * engine.c: drives libFuzzer. There is one in a process, so what it needs is in one place; all of
 * it is used by the thread that called run(), which holds the GIL throughout.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "interrupts.h"
#include "kcov.h"
#include "libfuzzer.h"
#include "mutators.h"
#include "replay.h"
#include "statistics.h"

/* So many inputs may run without reaching a probe. */
#define BLIND_AFTER 4096

#define WORDS_EVERY 16

static struct {
    struct libfuzzer libfuzzer;
    bool loaded, running;
    volatile bool forked; /* this is a child process of the one that fuzzes */
    PyObject *function;   /* called with each input */
    PyObject *failed; /* called with what it raised and the input; returns an exit code or None */
    PyObject *grown;  /* called when there are more probes; returns the new entries of the table */
    PyObject *renew; /* takes a group, returns a new one, for which the device traces from now on */
    PyObject *blind; /* called if many inputs have run and none has reached a probe */
    PyObject *done;  /* called after `limit` executions */
    PyObject *words; /* a list of bytes to put into inputs */
    PyObject *probe_count, *follow, *group_variable, *group;
    Py_ssize_t group_references; /* of a group that nothing else refers to */
    Py_buffer buffer, counters, statistics_buffer;
    struct statistics *statistics;
    size_t registered;        /* counters that libFuzzer knows */
    unsigned long long limit; /* 0: none */
    struct replay replay;
    uint64_t dropped_before;
} engine;

static uint64_t
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* An error of ours, or of a hook in Python: the campaign cannot go on. */
static void
give_up(void)
{
    PyErr_Print();
    _Exit(1);
}

/*
 * Have libFuzzer know the counters of probes that were made since it was told last. Its table has
 * two words for each: an address, and whether a function begins there. It is never freed.
 */
static void
register_counters(void)
{
    PyObject *number = PyObject_CallNoArgs(engine.probe_count);
    size_t total = number != NULL ? PyLong_AsSize_t(number) : 0;
    PyObject *table;
    char *bytes;
    Py_ssize_t size;

    Py_XDECREF(number);
    if (PyErr_Occurred())
        give_up();
    if (total > (size_t)engine.counters.len)
        total = (size_t)engine.counters.len;
    if (total <= engine.registered)
        return;
    table = PyObject_CallFunction(engine.grown, "nn", engine.registered, total);
    if (table == NULL || PyBytes_AsStringAndSize(table, &bytes, &size) < 0)
        give_up();
    if ((size_t)size % (2 * sizeof(uintptr_t)) != 0 || size == 0) {
        PyErr_SetString(PyExc_ValueError, "a table of counters has two words each");
        give_up();
    }
    total = engine.registered + (size_t)size / (2 * sizeof(uintptr_t));
    engine.libfuzzer.counters_init((uint8_t *)engine.counters.buf + engine.registered,
                                   (uint8_t *)engine.counters.buf + total);
    engine.libfuzzer.pcs_init((uintptr_t *)bytes, (uintptr_t *)(bytes + size));
    engine.registered = total;
    engine.statistics->probes = total;
    /* The table stays: libFuzzer refers to it. */
}

/* The thread works for the group from now on, or no longer. */
static PyObject *
enter_group(void)
{
    PyObject *token = PyContextVar_Set(engine.group_variable, engine.group);

    Py_XDECREF(PyObject_CallNoArgs(engine.follow));
    if (token == NULL || PyErr_Occurred())
        give_up();
    return token;
}

static void
leave_group(PyObject *token)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    if (PyContextVar_Reset(engine.group_variable, token) < 0)
        give_up();
    Py_DECREF(token);
    Py_XDECREF(PyObject_CallNoArgs(engine.follow));
    if (PyErr_Occurred())
        give_up();
    PyErr_Restore(type, value, traceback);
}

/*
 * What an input left running works for its group. The next input gets another one, so that it
 * counts for neither.
 */
static void
renew_group(void)
{
    PyObject *before = engine.group != NULL ? engine.group : Py_None;
    PyObject *group = PyObject_CallOneArg(engine.renew, before);

    if (group == NULL)
        give_up();
    Py_XSETREF(engine.group, group);
    engine.group_references = Py_REFCNT(group);
}

static const struct kcov_info *
information(void)
{
    return (const struct kcov_info *)((char *)engine.buffer.buf +
                                      KCOV_INFO_OFFSET((uint64_t)engine.buffer.len / 8));
}

static void
note_dropped(void)
{
    uint64_t dropped =
        atomic_load_explicit((_Atomic uint64_t *)&information()->dropped, memory_order_relaxed);

    if (dropped < engine.dropped_before)
        engine.dropped_before = 0; /* enabled anew */
    engine.statistics->dropped += dropped - engine.dropped_before;
    engine.dropped_before = dropped;
}

/* What the target raised. Returns if the campaign goes on. */
static void
report_exception(PyObject *input)
{
    PyObject *type, *value, *traceback, *answer;
    long code;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(value, traceback);
    answer = PyObject_CallFunctionObjArgs(engine.failed, value, input, NULL);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    if (answer == NULL)
        give_up();
    code = answer != Py_None ? PyLong_AsLong(answer) : 0;
    if (PyErr_Occurred())
        give_up();
    if (answer == Py_None) {
        Py_DECREF(answer);
        return;
    }
    /* libFuzzer sees that its callback ends the process, writes the input and leaves with 77. */
    exit((int)code);
}

static PyObject *
run_target(PyObject *input)
{
    PyObject *token = enter_group();
    PyObject *result;
    uint64_t begin;

    ((_Atomic uint64_t *)engine.buffer.buf)[0] = 0;
    begin = now();
    engine.statistics->started = begin;
    engine.statistics->running = true;
    result = PyObject_CallOneArg(engine.function, input);
    engine.statistics->running = false;
    engine.statistics->inside += now() - begin;
    leave_group(token);
    return result;
}

static void
copy_input(const uint8_t *data, size_t size)
{
    engine.statistics->size = size;
    memcpy(engine.statistics->input, data,
           size < STATISTICS_INPUT_MAX ? size : STATISTICS_INPUT_MAX);
}

/* Whether any probe was reached, ever. */
static bool
sees(void)
{
    const uint8_t *counters = engine.counters.buf;

    for (size_t i = 0; !engine.statistics->sees && i < engine.registered; i++)
        engine.statistics->sees = counters[i] != 0;
    return engine.statistics->sees;
}

static void
call_hook(PyObject *hook)
{
    PyObject *result = PyObject_CallNoArgs(hook);

    if (result == NULL)
        give_up();
    Py_DECREF(result);
}

/* libFuzzer forgets words when others take their place, so each comes again and again. */
static void
give_words(uint64_t executions)
{
    Py_ssize_t count = PyList_GET_SIZE(engine.words);
    char *bytes;
    Py_ssize_t size;

    if (count == 0 || executions % WORDS_EVERY != 0)
        return;
    if (PyBytes_AsStringAndSize(
            PyList_GET_ITEM(engine.words, (Py_ssize_t)(executions / WORDS_EVERY) % count), &bytes,
            &size) < 0)
        give_up();
    pykcov_replay_word(&engine.replay, bytes, (size_t)size);
}

static void
after_execution(void)
{
    uint64_t executions = ++engine.statistics->executions;

    note_dropped();
    give_words(executions);
    if (!sees() && executions == BLIND_AFTER)
        call_hook(engine.blind);
    if (executions == engine.limit)
        call_hook(engine.done);
}

static int
test_one_input(const uint8_t *data, size_t size)
{
    PyObject *input, *result;

    pykcov_interrupts_begin();
    register_counters();
    if ((input = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size)) == NULL)
        give_up();
    copy_input(data, size);
    result = run_target(input);
    if (engine.forked)
        _Exit(0); /* a child process of the target's making that has come back to us */
    engine.replay.input = data;
    engine.replay.input_size = size;
    pykcov_replay(&engine.replay, engine.buffer.buf, (uint64_t)engine.buffer.len / 8);
    if (result == NULL)
        report_exception(input);
    Py_XDECREF(result);
    Py_DECREF(input);
    after_execution();
    if (Py_REFCNT(engine.group) > engine.group_references) {
        engine.statistics->leftovers++;
        renew_group();
    }
    pykcov_interrupts_end();
    return 0;
}

static void
in_forked_child(void)
{
    engine.forked = true;
}

static PyObject *
load(PyObject *Py_UNUSED(module), PyObject *path)
{
    const char *name = PyUnicode_AsUTF8(path);
    const char *error;

    if (name == NULL)
        return NULL;
    if ((error = pykcov_libfuzzer_load(&engine.libfuzzer, name)) != NULL)
        return PyErr_Format(PyExc_OSError, "%s", error);
    engine.loaded = true;
    Py_RETURN_NONE;
}

static bool
is_on(const char *argument, const char *flag)
{
    size_t length = strlen(flag);

    return strncmp(argument, flag, length) == 0 && strcmp(argument + length, "0") != 0;
}

/* A vector of strings that libFuzzer may keep. NULL with an exception. */
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
        if (is_on(vector[i], "-use_value_profile="))
            engine.replay.value_profile = true;
    }
    if (vector == NULL)
        PyErr_NoMemory();
    *count = (int)size;
    return vector;
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

static int
take_objects(PyObject *args, PyObject *kwargs, PyObject **arguments)
{
    static char *keywords[] = {"arguments", "function",    "failed",     "blind",
                               "done",      "words",       "limit",      "grown",
                               "renew",     "probe_count", "follow",     "group_variable",
                               "buffer",    "counters",    "statistics", NULL};
    PyObject *buffer, *counters, *statistics;

    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O!$OOOOO!KOOOOOOOO:run", keywords, &PyList_Type, arguments,
            &engine.function, &engine.failed, &engine.blind, &engine.done, &PyList_Type,
            &engine.words, &engine.limit, &engine.grown, &engine.renew, &engine.probe_count,
            &engine.follow, &engine.group_variable, &buffer, &counters, &statistics))
        return -1;
    if (PyObject_GetBuffer(buffer, &engine.buffer, PyBUF_WRITABLE) < 0 ||
        PyObject_GetBuffer(counters, &engine.counters, PyBUF_WRITABLE) < 0 ||
        PyObject_GetBuffer(statistics, &engine.statistics_buffer, PyBUF_WRITABLE) < 0)
        return -1;
    if ((size_t)engine.statistics_buffer.len < sizeof(struct statistics)) {
        PyErr_Format(PyExc_ValueError, "statistics have %zu bytes", sizeof(struct statistics));
        return -1;
    }
    engine.statistics = engine.statistics_buffer.buf;
    return 0;
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
    /* Never given back: libFuzzer ends the process. */
    Py_INCREF(args);
    Py_XINCREF(kwargs);
    engine.running = true;
    engine.replay.libfuzzer = &engine.libfuzzer;
    renew_group();
    register_counters();
    if (pthread_atfork(NULL, NULL, in_forked_child) != 0 || atexit(end_python) != 0)
        return PyErr_NoMemory();
    return PyLong_FromLong(engine.libfuzzer.run_driver(&count, &vector, test_one_input));
}

static PyObject *
mutate(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer data;
    Py_ssize_t capacity;
    PyObject *result = NULL;
    uint8_t *bytes;

    if (!PyArg_ParseTuple(args, "y*n:Mutate", &data, &capacity))
        return NULL;
    if (!engine.running)
        PyErr_SetString(PyExc_RuntimeError, "Mutate() works while Fuzz() runs");
    else if (capacity < 1)
        PyErr_Format(PyExc_ValueError, "max_size=%zd: at least 1", capacity);
    else if ((bytes = PyMem_Malloc((size_t)(data.len > capacity ? data.len : capacity))) == NULL)
        PyErr_NoMemory();
    else {
        Py_ssize_t size = data.len < capacity ? data.len : capacity;

        memcpy(bytes, data.buf, (size_t)size);
        size = (Py_ssize_t)engine.libfuzzer.mutate(bytes, (size_t)size, (size_t)capacity);
        result = PyBytes_FromStringAndSize((char *)bytes, size);
        PyMem_Free(bytes);
    }
    PyBuffer_Release(&data);
    return result;
}

static PyObject *
add_word(PyObject *Py_UNUSED(module), PyObject *word)
{
    char *bytes;
    Py_ssize_t size;

    if (PyBytes_AsStringAndSize(word, &bytes, &size) < 0)
        return NULL;
    if (engine.running)
        pykcov_replay_word(&engine.replay, bytes, (size_t)size);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"load", load, METH_O, "load($module, path, /)\n--\n\nOpen the shared object with libFuzzer."},
    {"run", (PyCFunction)(void (*)(void))run, METH_VARARGS | METH_KEYWORDS,
     "Let libFuzzer run with these arguments. It ends the process."},
    {"mutate", mutate, METH_VARARGS,
     "mutate($module, data, max_size, /)\n--\n\nLet libFuzzer change an input."},
    {"add_word", add_word, METH_O,
     "add_word($module, word, /)\n--\n\nLet libFuzzer put a word into inputs, while a target "
     "runs."},
    {"set_mutator", pykcov_set_mutator, METH_VARARGS,
     "set_mutator($module, library, function, /)\n--\n\nHave a function change or cross inputs."},
    {0},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "pykcov.fuzz._engine", .m_doc = "Drives libFuzzer.",
    .m_size = -1,          .m_methods = functions,
};

PyMODINIT_FUNC
PyInit__engine(void)
{
    PyObject *module = PyModule_Create(&definition);

    if (module != NULL) {
        PyModule_AddIntConstant(module, "STATISTICS_BYTES", sizeof(struct statistics));
        PyModule_AddIntMacro(module, BLIND_AFTER);
    }
    return module;
}
