/* Interpreters that the program makes begin their sys.path with the folder of the script.
 *
 * Since 3.12.1 CPython keeps that folder for them, as it was when the process began: of our own
 * script. No function changes it, and where it is kept differs from version to version: in the
 * runtime's state or in the configuration of the main interpreter, which is a part of it. So the
 * pointer is looked for: the only one in there that leads to this very text. A word is taken for a
 * pointer only if it lies in the heap, all of which can be read.
 *
 * To be called before the program begins, with no other thread about.
 */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "functions_module.h"

/* The runtime frees what it has by the default allocator, whatever -X dev or PYTHONMALLOC puts
 * before that; configurations are freed by the one that is in place. */
#if PY_VERSION_HEX < 0x030D0000 && !defined(Py_DEBUG)
#define ALLOCATE malloc
#else
#define ALLOCATE PyMem_RawMalloc
#endif

struct span {
    char *start;
    char *end;
};

static struct span
runtime_state(void)
{
    struct span found = {NULL, NULL};
    void *runtime = dlsym(RTLD_DEFAULT, "_PyRuntime");
    Dl_info info;
    ElfW(Sym) *symbol = NULL;

    if (runtime && dladdr1(runtime, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol &&
        info.dli_saddr == runtime) {
        found.start = runtime;
        found.end = found.start + symbol->st_size;
    }
    return found;
}

static struct span
heap(void)
{
    struct span found = {NULL, NULL};
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t room = 0;

    if (!maps)
        return found;
    while (!found.end && getline(&line, &room, maps) > 0) {
        void *start, *end;
        if (strstr(line, " [heap]\n") && sscanf(line, "%p-%p", &start, &end) == 2) {
            found.start = start;
            found.end = end;
        }
    }
    free(line);
    fclose(maps);
    return found;
}

/* Returns whether there was exactly one. */
static int
replace_only(const wchar_t *old, const wchar_t *new)
{
    struct span state = runtime_state(), readable = heap();
    size_t old_bytes = (wcslen(old) + 1) * sizeof *old, bytes = (wcslen(new) + 1) * sizeof *new;
    wchar_t **place = NULL;

    for (char *at = state.start; at + sizeof *place <= state.end; at += sizeof *place) {
        char *word = (char *)*(wchar_t **)at;
        if ((uintptr_t)word % sizeof *old != 0 || word < readable.start || word >= readable.end ||
            (size_t)(readable.end - word) < old_bytes || memcmp(word, old, old_bytes) != 0)
            continue;
        if (place)
            return 0;
        place = (wchar_t **)at;
    }
    /* CPython frees it; the old one stays. */
    wchar_t *copy = place ? ALLOCATE(bytes) : NULL;
    if (!copy)
        return 0;
    memcpy(copy, new, bytes);
    *place = copy;
    return 1;
}

static PyObject *
replace(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *old, *new;

    if (!PyArg_ParseTuple(args, "UU:replace", &old, &new))
        return NULL;
    wchar_t *wide_old = PyUnicode_AsWideCharString(old, NULL);
    wchar_t *wide_new = wide_old ? PyUnicode_AsWideCharString(new, NULL) : NULL;
    int replaced = wide_new ? replace_only(wide_old, wide_new) : 0;
    PyMem_Free(wide_old);
    PyMem_Free(wide_new);
    return PyErr_Occurred() ? NULL : PyBool_FromLong(replaced);
}

static PyMethodDef methods[] = {
    {"replace", replace, METH_VARARGS,
     "replace(old, new): what interpreters made from now on begin their sys.path with, in place of "
     "old. Return whether it was found."},
    {NULL, NULL, 0, NULL},
};

KCOV_FUNCTIONS_MODULE(_first_folder, methods)
