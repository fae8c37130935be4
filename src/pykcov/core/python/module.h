/*
 * module.h: what the Python-facing files share. One of them a subject: module.c, device_type.c,
 * buffer_type.c, counters_type.c, group.c, remote.c, probe.c, compare.c, native.c,
 * environment.c.
 */
#ifndef KCOV_MODULE_H
#define KCOV_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdbool.h>
#include <stdint.h>

#include "kcov.h"
#include "wait.h"

/* The errors, in the order of error_classes in errors.c. The first is the base of the others. */
enum kcov_error {
    KCOV_ERROR,
    KCOV_ERROR_BUSY,
    KCOV_ERROR_NOT_READY,
    KCOV_ERROR_INVALID,
    KCOV_ERROR_NOT_OWNER,
    KCOV_ERROR_NO_MEMORY,
    KCOV_ERROR_UNKNOWN_REQUEST,
    KCOV_ERRORS,
};

/* Nothing but references (module.c). */
struct kcov_module {
    PyObject *errors[KCOV_ERRORS];
    PyTypeObject *device_type;
    PyTypeObject *buffer_type;
    PyTypeObject *counters_type;
    PyTypeObject *group_type;
    PyTypeObject *probe_type;
    PyTypeObject *compare_probe_type;
    PyTypeObject *carried_type;
    PyTypeObject *carrier_type;
    PyTypeObject *handler_type;
    PyObject *group_variable;
};

extern struct PyModuleDef kcov_module_definition;

struct kcov_module *kcov_module_of_type(PyTypeObject *type);
struct kcov_module *kcov_module_state(PyObject *module);

/* group.c: that of the one module that there is. */
extern PyObject *kcov_group_variable;

/*
 * An object that nobody else has seen is never freed from now on, and its references are not
 * counted: no event writes to a probe. From 3.12 on that saves a fifth of what one costs, for there
 * the interpreter counts up 32 bits and down 64 of the same word, which the processor has to wait
 * for. Before, objects cannot be immortal.
 */
static inline void
kcov_make_immortal(PyObject *object)
{
#if PY_VERSION_HEX >= 0x030c0000
    Py_SET_REFCNT(object, Py_REFCNT(Py_None));
#else
    (void)object;
#endif
}

/* errors.c */
int kcov_errors_add(PyObject *module, struct kcov_module *state);

/* Raise the error class of an errno, with a sentence. Returns NULL. */
PyObject *kcov_raise(struct kcov_module *state, int error, const char *format, ...);

/*
 * Any integer; anything else is a TypeError (-1). *fits says whether it is in 0..2^64-1; if not,
 * *value is UINT64_MAX.
 */
int kcov_as_uint64(PyObject *object, uint64_t *value, bool *fits);

/* The same for numbers that must be in range: EINVAL with `what`, a noun. */
int kcov_need_uint64(struct kcov_module *state, PyObject *object, const char *what,
                     uint64_t *value);

/* An integer as an int; out of range gives -1 or INT_MAX. */
int kcov_as_int(PyObject *object, int *value);

/*
 * How Python waits: without the GIL, from begin to end, and signal handlers run. wait false: not at
 * all.
 */
struct kcov_python_wait {
    struct kcov_wait wait;
    PyThreadState *saved;
};

const struct kcov_wait *kcov_python_wait_begin(struct kcov_python_wait *waiting, bool wait);
void kcov_python_wait_end(struct kcov_python_wait *waiting);

/* thread_end.c: the calling thread owns a device, which it gives up when Python ends it. 0 or -1.
 */
int kcov_watch_thread_end(void);

/* group.c */
int kcov_group_add(PyObject *module, struct kcov_module *state);
PyObject *kcov_current_group(PyObject *module, PyObject *unused);
PyObject *kcov_current_group_object(struct kcov_module *state);

/*
 * What the context variable holds: a new reference to a Group, NULL if nothing, or None, for whom
 * is to work for nobody. 0 or -1 with an exception.
 */
int kcov_context_group(struct kcov_module *state, PyObject **group);

/* Both for a Group: the core's, borrowed (NULL: there was no memory for it); carried jobs that are
 * not done, counted. */
struct kcov_group *kcov_group_of(PyObject *group);
void kcov_group_pending(PyObject *group, int difference);

/* follow.c: the calling thread works for the group of its context, found out if that has changed.
 */
int kcov_follow_add(PyObject *module, struct kcov_module *state);
void kcov_follow_context(void);

/* The group in the present context has changed: the next event looks; or look at once. */
void kcov_follow_anew(void);
void kcov_follow_now(void);

/* Work for nobody until the next event, as the thread may sleep or end. */
void kcov_follow_rest(void);

/* carried.c: a job tied to a group; NULL: to none. */
enum kcov_carried_kind {
    KCOV_JOB,      /* counts as work of the group until it is done */
    KCOV_THREAD,   /* the same; what its thread runs at its end is work of the group, too */
    KCOV_CALLBACK, /* does not count: it may never be called */
};

int kcov_carried_add(PyObject *module, struct kcov_module *state);
PyObject *kcov_carry(struct kcov_module *state, PyObject *job, PyObject *group,
                     enum kcov_carried_kind kind);

/*
 * The context that the thread is in names the group from now on: a token, or NULL with an
 * exception. kcov_group_leave() names what was there before, and keeps the exception that is set.
 */
PyObject *kcov_group_enter(PyObject *group);
void kcov_group_leave(PyObject *token);

/* interrupts.c */
int kcov_interrupts_add(PyObject *module, struct kcov_module *state);

/* carrier.c */
int kcov_carrier_add(PyObject *module, struct kcov_module *state);

/*
 * The key of (subsystem, id). id: an integer, a Group, or NULL or None for the caller's group, with
 * REMOTE_COMMON only. What is out of range becomes a key that no handle has, and *fits is false.
 */
int kcov_as_key(struct kcov_module *state, PyObject *subsystem, PyObject *id, struct kcov_key *key,
                bool *fits);

/* (subsystem, id, is_group) */
PyObject *kcov_key_tuple(struct kcov_key key);

/* The rest, each: its types and functions. */
int kcov_device_type_add(PyObject *module, struct kcov_module *state);
int kcov_buffer_type_add(PyObject *module, struct kcov_module *state);
int kcov_counters_type_add(PyObject *module, struct kcov_module *state);
int kcov_sections_add(PyObject *module);
int kcov_events_add(PyObject *module);
int kcov_probe_add(PyObject *module, struct kcov_module *state);
int kcov_compare_add(PyObject *module, struct kcov_module *state);
int kcov_native_add(PyObject *module);
int kcov_environment_add(PyObject *module);

/*
 * probe.c, also for what else stands in bytecode: the function of pykcov.traces.locations that
 * makes such a constant again, a new reference; how one is freed.
 */
PyObject *kcov_probe_maker(const char *name);
void kcov_probe_dealloc(PyObject *self);
void kcov_probe_clear(void);

struct kcov_buffer;
struct kcov_device;

/* The core's device behind a Device, a borrowed reference. NULL with a TypeError. */
struct kcov_device *kcov_device_of(struct kcov_module *state, PyObject *object);
struct kcov_buffer *kcov_buffer_of(struct kcov_module *state, PyObject *object);

#endif
