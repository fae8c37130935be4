/*
 * group.c: groups, which carry work along in a context variable, and the keys of handles.
 */
#include "module.h"

#include <stdatomic.h>
#include <stddef.h>

#include "group.h"

PyObject *kcov_group_variable;

struct group {
    PyObject_HEAD struct kcov_group
        *group;          /* [I] a reference; NULL: of the process, without memory */
    uint64_t number;     /* [I] */
    atomic_uint pending; /* [a] carried jobs that are not done */
    atomic_uint carried; /* [a] all so far */
};

/* What no handle has: kcov_key.is_group is 0 or 1. */
#define NO_KEY ((struct kcov_key){.subsystem = UINT64_MAX, .is_group = 2})

/* Takes the reference over. NULL: the group of the process, which had no memory for one. */
static PyObject *
make_group(PyTypeObject *type, struct kcov_group *made)
{
    struct group *group = PyObject_New(struct group, type);

    if (group != NULL) {
        group->group = made;
        group->number = made != NULL ? made->number : kcov_process_group();
        atomic_init(&group->pending, 0);
        atomic_init(&group->carried, 0);
    } else if (made != NULL) {
        kcov_group_release(made);
    }
    return (PyObject *)group;
}

static PyObject *
group_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {NULL};
    struct kcov_group *made;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Group", keywords))
        return NULL;
    if ((made = kcov_group_create()) == NULL)
        return PyErr_NoMemory();
    return make_group(type, made);
}

static void
group_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (((struct group *)self)->group != NULL)
        kcov_group_release(((struct group *)self)->group);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *
group_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<pykcov.Group %llu>",
                                (unsigned long long)((struct group *)self)->number);
}

/* By number: the group of the process is made anew each time that it is asked for. */
static PyObject *
group_compare(PyObject *self, PyObject *other, int operation)
{
    if (Py_TYPE(other) != Py_TYPE(self) || (operation != Py_EQ && operation != Py_NE))
        Py_RETURN_NOTIMPLEMENTED;
    return PyBool_FromLong((((struct group *)self)->number == ((struct group *)other)->number) ==
                           (operation == Py_EQ));
}

static Py_hash_t
group_hash(PyObject *self)
{
    return (Py_hash_t)((struct group *)self)->number;
}

static PyMemberDef group_members[] = {
    {"number", T_ULONGLONG, offsetof(struct group, number), READONLY,
     "The number that handles() shows for this group."},
    {0},
};

static PyObject *
group_pending(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(atomic_load(&((struct group *)self)->pending));
}

static PyObject *
group_carried(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(atomic_load(&((struct group *)self)->carried));
}

static PyGetSetDef group_properties[] = {
    {"carried", group_carried, NULL, "Number of jobs carried for the group so far, done or not.",
     NULL},
    {"pending", group_pending, NULL,
     "Number of carried jobs of the group that are not done, because they are in a queue or "
     "running.",
     NULL},
    {0},
};

static PyType_Slot group_slots[] = {
    {Py_tp_new, group_new},
    {Py_tp_dealloc, group_dealloc},
    {Py_tp_repr, group_repr},
    {Py_tp_richcompare, group_compare},
    {Py_tp_hash, group_hash},
    {Py_tp_members, group_members},
    {Py_tp_getset, group_properties},
    {Py_tp_doc, "The party that work belongs to (kcov: the process). Numbers are never reused, and "
                "equal no plain "
                "number."},
    {0},
};

static PyType_Spec group_spec = {
    .name = "pykcov.Group",
    .basicsize = sizeof(struct group),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = group_slots,
};

struct kcov_group *
kcov_group_of(PyObject *group)
{
    return ((struct group *)group)->group;
}

void
kcov_group_pending(PyObject *group, int difference)
{
    atomic_fetch_add(&((struct group *)group)->pending, (unsigned)difference);
    if (difference > 0)
        atomic_fetch_add(&((struct group *)group)->carried, (unsigned)difference);
}

int
kcov_context_group(struct kcov_module *state, PyObject **group)
{
    if (PyContextVar_Get(state->group_variable, NULL, group) < 0)
        return -1;
    if (*group == Py_None)
        Py_CLEAR(*group);
    if (*group == NULL || Py_TYPE(*group) == state->group_type)
        return 0;
    PyErr_Format(PyExc_TypeError, "the group variable holds a %.200s, not a Group",
                 Py_TYPE(*group)->tp_name);
    Py_CLEAR(*group);
    return -1;
}

PyObject *
kcov_current_group(PyObject *module, PyObject *Py_UNUSED(unused))
{
    return kcov_current_group_object(kcov_module_state(module));
}

PyObject *
kcov_current_group_object(struct kcov_module *state)
{
    PyObject *group;

    if (kcov_context_group(state, &group) < 0)
        return NULL;
    return group != NULL ? group : make_group(state->group_type, kcov_group_of_process());
}

/* The number of the caller's group. 0 or -1 with an exception. */
static int
current_group_number(struct kcov_module *state, uint64_t *number)
{
    PyObject *group;

    if (kcov_context_group(state, &group) < 0)
        return -1;
    *number = group != NULL ? ((struct group *)group)->number : kcov_process_group();
    Py_XDECREF(group);
    return 0;
}

int
kcov_as_key(struct kcov_module *state, PyObject *subsystem, PyObject *id, struct kcov_key *key,
            bool *fits)
{
    bool id_fits = true;

    *key = (struct kcov_key){.subsystem = KCOV_REMOTE_COMMON};
    *fits = true;
    if (subsystem != NULL && kcov_as_uint64(subsystem, &key->subsystem, fits) < 0)
        return -1;
    if (id == NULL || id == Py_None) {
        if (key->subsystem != KCOV_REMOTE_COMMON) {
            PyErr_SetString(PyExc_TypeError,
                            "an id is needed with every subsystem but REMOTE_COMMON");
            return -1;
        }
        key->is_group = 1;
        return current_group_number(state, &key->id);
    }
    if (Py_TYPE(id) == state->group_type) {
        key->is_group = 1;
        key->id = ((struct group *)id)->number;
    } else if (kcov_as_uint64(id, &key->id, &id_fits) < 0) {
        return -1;
    }
    *fits = *fits && id_fits;
    if (!*fits)
        *key = NO_KEY;
    return 0;
}

PyObject *
kcov_key_tuple(struct kcov_key key)
{
    return Py_BuildValue("KKN", (unsigned long long)key.subsystem, (unsigned long long)key.id,
                         PyBool_FromLong((long)key.is_group));
}

int
kcov_group_add(PyObject *module, struct kcov_module *state)
{
    state->group_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &group_spec, NULL);
    if (state->group_type == NULL || PyModule_AddType(module, state->group_type) < 0)
        return -1;
    kcov_group_variable = state->group_variable = PyContextVar_New("pykcov.group", NULL);
    return state->group_variable != NULL
               ? PyModule_AddObjectRef(module, "group_variable", state->group_variable)
               : -1;
}
