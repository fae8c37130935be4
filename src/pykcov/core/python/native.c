/*
 * native.c: what Python is told about native code.
 */
#include "images.h"
#include "module.h"
#include "numbers.h"

#include <errno.h>

static PyObject *
image_log(PyObject *module, PyObject *unused)
{
    uint64_t lost;
    size_t length;
    PyObject *result;
    char *text;
    (void)module, (void)unused;

    kcov_images_scan();
    text = kcov_images_text(&length, &lost);
    if (text == NULL)
        return PyErr_NoMemory();
    result = Py_BuildValue("y#K", text, (Py_ssize_t)length, (unsigned long long)lost);
    free(text);
    return result;
}

static PyObject *
share_image_log(PyObject *module, PyObject *unused)
{
    int fd;
    (void)unused;

    kcov_images_scan();
    fd = kcov_images_share();
    if (fd < 0)
        return kcov_raise(kcov_module_state(module), errno,
                          errno == EBUSY ? "the log of images is shared already"
                                         : "no memory for the log of images");
    return PyLong_FromLong(fd);
}

static PyObject *
callbacks_owner(PyObject *module, PyObject *unused)
{
    bool own;
    const char *path = kcov_images_owner(&own);
    (void)module, (void)unused;

    return Py_BuildValue("NO", path ? PyUnicode_DecodeFSDefault(path) : Py_NewRef(Py_None),
                         own ? Py_True : Py_False);
}

/* A pair of an address and its number each. */
static PyObject *
native_numbers(PyObject *module, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    (void)module, (void)unused;

    for (unsigned i = 0; list != NULL && i < KCOV_NATIVE_NUMBERS; i++) {
        uint64_t pc;
        uint32_t number;
        PyObject *pair;

        if (!kcov_native_number_at(i, &pc, &number))
            continue;
        pair = Py_BuildValue("KI", (unsigned long long)pc, number);
        if (pair == NULL || PyList_Append(list, pair) < 0)
            Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

static PyMethodDef functions[] = {
    {"native_numbers", native_numbers, METH_NOARGS,
     "native_numbers($module, /)\n"
     "--\n"
     "\n"
     "The addresses that were counted in a counter map, each with its number, which is no "
     "probe's."},
    {"image_log", image_log, METH_NOARGS,
     "image_log($module, /)\n"
     "--\n"
     "\n"
     "Look at what is loaded; return the log of images (core/images.h) and how many lines did not "
     "fit into it."},
    {"share_image_log", share_image_log, METH_NOARGS,
     "share_image_log($module, /)\n"
     "--\n"
     "\n"
     "Have the log written to a memfd from now on; return its descriptor, the caller's. Once "
     "(EBUSY, ENOMEM)."},
    {"callbacks_owner", callbacks_owner, METH_NOARGS,
     "callbacks_owner($module, /)\n"
     "--\n"
     "\n"
     "Whose callbacks native code finds by name: the path of the object, None for nobody; whether "
     "that is the core."},
    {NULL, NULL, 0, NULL},
};

int
kcov_native_add(PyObject *module)
{
    /* If it does not work callbacks_owner() says so, and objects with slots do not need it. */
    (void)kcov_images_publish();
    /* Objects that were loaded before get their slots filled in. */
    kcov_images_scan();
    return PyModule_AddFunctions(module, functions);
}
