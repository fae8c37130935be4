/*
 * errors.c: the exceptions of the module, integers of any size, and waiting without the GIL.
 */
#define _GNU_SOURCE
#include "module.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

static const struct {
    const char *name;
    const char *doc;
    int error; /* 0: any other */
} error_classes[KCOV_ERRORS] = {
    [KCOV_ERROR] =
        {"pykcov.KcovError",
         "What every refused operation raises: an OSError with the errno that kcov(4) gives, and a "
         "sentence.",
         0},
    [KCOV_ERROR_BUSY] =
        {"pykcov.DeviceBusyError",
         "EBUSY: it has a buffer, a handle or an owner already, or the caller is attached already.",
         EBUSY},
    [KCOV_ERROR_NOT_READY] =
        {"pykcov.DeviceNotReadyError",
         "ENXIO: closed, without a buffer, or not in the state that the operation needs.", ENXIO},
    [KCOV_ERROR_INVALID] =
        {"pykcov.InvalidValueError",
         "EINVAL: a number of words, a mode, an offset or a handle that the operation does not "
         "take.",
         EINVAL},
    [KCOV_ERROR_NOT_OWNER] =
        {"pykcov.NotOwnerError",
         "EPERM: only the thread that enabled a device may disable it; or the buffer is mapped "
         "read-only.",
         EPERM},
    [KCOV_ERROR_NO_MEMORY] = {"pykcov.NoMemoryError",
                              "ENOMEM: no memory for a buffer, a section or a map.", ENOMEM},
    [KCOV_ERROR_UNKNOWN_REQUEST] = {"pykcov.UnknownRequestError",
                                    "ENOTTY: Device.ioctl() does not know the request.", ENOTTY},
};

static PyObject *
bases(struct kcov_module *state, enum kcov_error error)
{
    if (error == KCOV_ERROR)
        return PyTuple_Pack(1, PyExc_OSError);
    if (error == KCOV_ERROR_NOT_OWNER)
        return PyTuple_Pack(2, state->errors[KCOV_ERROR], PyExc_PermissionError);
    return PyTuple_Pack(1, state->errors[KCOV_ERROR]);
}

int
kcov_errors_add(PyObject *module, struct kcov_module *state)
{
    for (enum kcov_error error = 0; error < KCOV_ERRORS; error++) {
        PyObject *parents = bases(state, error);

        if (parents == NULL)
            return -1;
        state->errors[error] = PyErr_NewExceptionWithDoc(error_classes[error].name,
                                                         error_classes[error].doc, parents, NULL);
        Py_DECREF(parents);
        if (state->errors[error] == NULL ||
            PyModule_AddObjectRef(module, strchr(error_classes[error].name, '.') + 1,
                                  state->errors[error]) < 0)
            return -1;
    }
    return 0;
}

PyObject *
kcov_raise(struct kcov_module *state, int error, const char *format, ...)
{
    PyObject *class = state->errors[KCOV_ERROR];
    PyObject *sentence, *exception;
    va_list arguments;

    va_start(arguments, format);
    sentence = PyUnicode_FromFormatV(format, arguments);
    va_end(arguments);
    if (sentence == NULL)
        return NULL;
    for (enum kcov_error each = KCOV_ERROR + 1; each < KCOV_ERRORS; each++) {
        if (error_classes[each].error == error)
            class = state->errors[each];
    }
    exception = PyObject_CallFunction(class, "iN", error, sentence);
    if (exception != NULL) {
        PyErr_SetObject(class, exception);
        Py_DECREF(exception);
    }
    return NULL;
}

int
kcov_as_uint64(PyObject *object, uint64_t *value, bool *fits)
{
    PyObject *number = PyNumber_Index(object);

    if (number == NULL)
        return -1;
    *value = PyLong_AsUnsignedLongLong(number);
    Py_DECREF(number);
    *fits = true;
    if (*value == UINT64_MAX && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError))
            return -1;
        PyErr_Clear();
        *fits = false;
    }
    return 0;
}

int
kcov_need_uint64(struct kcov_module *state, PyObject *object, const char *what, uint64_t *value)
{
    bool fits;

    if (kcov_as_uint64(object, value, &fits) < 0)
        return -1;
    if (!fits) {
        kcov_raise(state, EINVAL, "%s must be in 0..2**64-1, not %S", what, object);
        return -1;
    }
    return 0;
}

int
kcov_as_int(PyObject *object, int *value)
{
    PyObject *number = PyNumber_Index(object);
    int overflow;
    long wide;

    if (number == NULL)
        return -1;
    wide = PyLong_AsLongAndOverflow(number, &overflow);
    Py_DECREF(number);
    if (overflow > 0 || wide > INT_MAX)
        *value = INT_MAX;
    else if (overflow < 0 || wide < 0)
        *value = -1;
    else
        *value = (int)wide;
    return 0;
}

static int
check_signals(void *context)
{
    struct kcov_python_wait *waiting = context;
    int error;

    PyEval_RestoreThread(waiting->saved);
    error = PyErr_CheckSignals();
    waiting->saved = PyEval_SaveThread();
    return error;
}

const struct kcov_wait *
kcov_python_wait_begin(struct kcov_python_wait *waiting, bool wait)
{
    /* Signal handlers run in the main thread only: the others need not look. */
    bool main_thread = gettid() == getpid();

    waiting->wait =
        (struct kcov_wait){.poll = main_thread ? check_signals : NULL, .context = waiting};
    waiting->saved = PyEval_SaveThread();
    return wait ? &waiting->wait : NULL;
}

void
kcov_python_wait_end(struct kcov_python_wait *waiting)
{
    PyEval_RestoreThread(waiting->saved);
}
