/*
 * carried.c: a piece of work together with the group that it belongs to, or with what is to be told
 * when it begins. It is called, or stands in a with statement, in whatever thread does the work. In
 * C, so that no frame of ours stands in the program's tracebacks.
 */
#include "module.h"

#include <stdatomic.h>
#include <stddef.h>

#include "critical.h"
#include "unseen.h"

/* [I] immutable, [a] atomic, [C] guarded by the object's critical section, or the GIL. */
struct carried {
    PyObject_HEAD PyObject *job; /* [I] */
    PyObject *group;             /* [I] a Group, or None */
    PyObject *taken;             /* [I] called before the job, which keeps its group; or NULL */
    PyObject *token;             /* [C] of a with statement that is open */
    PyObject *weakrefs;
    vectorcallfunc call;
    enum kcov_carried_kind kind; /* [I] */
    atomic_bool pending;         /* [a] counted in the group as work that is not done */
};

static void
done(struct carried *carried)
{
    if (atomic_exchange(&carried->pending, false))
        kcov_group_pending(carried->group, -1);
}

PyObject *
kcov_group_enter(PyObject *group)
{
    PyObject *token = PyContextVar_Set(kcov_group_variable, group);

    kcov_follow_anew();
    return token;
}

void
kcov_group_leave(PyObject *token)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    /* A job that left its thread in another context than it found takes the group along. */
    if (PyContextVar_Reset(kcov_group_variable, token) < 0)
        PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    kcov_follow_now(); /* the thread may sleep next, and others wait for its section */
    Py_DECREF(token);
}

/*
 * The group stays: what the thread has for itself goes only now. But nobody waits for it, as
 * Thread.join() may return.
 */
static void
end_thread(PyObject *token)
{
    Py_DECREF(token);
    kcov_follow_rest();
}

static PyObject *
call_taken(struct carried *carried, PyObject *const *args, size_t count, PyObject *names)
{
    PyObject *told = kcov_ask_unseen(carried->taken, NULL, Py_None);
    PyObject *job, *result;

    if (told == NULL)
        return NULL;
    Py_DECREF(told);
    job = Py_NewRef(carried->job);
    result = PyObject_Vectorcall(job, args, count, names);
    Py_DECREF(job);
    return result;
}

static PyObject *
carried_call(PyObject *self, PyObject *const *args, size_t count, PyObject *names)
{
    struct carried *carried = (struct carried *)self;
    PyObject *token, *job, *result;

    if (carried->taken != NULL)
        return call_taken(carried, args, count, names);
    token = kcov_group_enter(carried->group);

    if (token == NULL)
        return NULL;
    job = Py_NewRef(carried->job); /* a job may drop what carries it */
    Py_INCREF(self);
    result = PyObject_Vectorcall(job, args, count, names);
    Py_DECREF(job);
    if (carried->kind == KCOV_THREAD)
        end_thread(token);
    else
        kcov_group_leave(token);
    /* After a thread has raised, Python reports that, then frees this: only then is it done. */
    if (result != NULL || carried->kind != KCOV_THREAD)
        done(carried);
    Py_DECREF(self);
    return result;
}

PyObject *
kcov_carry(struct kcov_module *state, PyObject *job, PyObject *group, enum kcov_carried_kind kind)
{
    struct carried *carried = PyObject_GC_New(struct carried, state->carried_type);
    bool pending = kind != KCOV_CALLBACK && group != NULL;

    if (carried == NULL)
        return NULL;
    carried->job = Py_NewRef(job);
    carried->group = Py_NewRef(group != NULL ? group : Py_None);
    carried->taken = carried->token = carried->weakrefs = NULL;
    carried->call = carried_call;
    carried->kind = kind;
    atomic_init(&carried->pending, pending);
    if (pending)
        kcov_group_pending(group, 1);
    PyObject_GC_Track(carried);
    return (PyObject *)carried;
}

/* Gives what was there before. */
static PyObject *
exchange_token(struct carried *carried, PyObject *token)
{
    PyObject *before;

    KCOV_BEGIN_CRITICAL(carried);
    before = carried->token;
    if (before == NULL || token == NULL)
        carried->token = token;
    KCOV_END_CRITICAL();
    return before;
}

static PyObject *
carried_enter(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct carried *carried = (struct carried *)self;
    PyObject *token = kcov_group_enter(carried->group);

    if (token == NULL)
        return NULL;
    if (exchange_token(carried, token) != NULL) {
        kcov_group_leave(token);
        PyErr_SetString(PyExc_RuntimeError, "this job is being done already");
        return NULL;
    }
    return Py_NewRef(carried->job);
}

static PyObject *
carried_exit(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct carried *carried = (struct carried *)self;
    PyObject *token = exchange_token(carried, NULL);

    if (token != NULL)
        kcov_group_leave(token);
    done(carried);
    Py_RETURN_NONE;
}

static PyObject *
carried_finish(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(count))
{
    done((struct carried *)self);
    Py_RETURN_NONE;
}

static int
carried_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct carried *carried = (struct carried *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(carried->job);
    Py_VISIT(carried->group);
    Py_VISIT(carried->taken);
    Py_VISIT(carried->token);
    return 0;
}

static int
carried_clear(PyObject *self)
{
    Py_CLEAR(((struct carried *)self)->token);
    return 0;
}

static void
carried_dealloc(PyObject *self)
{
    struct carried *carried = (struct carried *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    if (carried->weakrefs != NULL)
        PyObject_ClearWeakRefs(self);
    done(carried);
    Py_XDECREF(carried->token);
    Py_XDECREF(carried->taken);
    Py_DECREF(carried->job);
    Py_DECREF(carried->group);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyObject *
carried_repr(PyObject *self)
{
    struct carried *carried = (struct carried *)self;

    return PyUnicode_FromFormat("<pykcov.Carried %R for %R>", carried->job, carried->group);
}

/* For another process: lending.py says how it is made there. */
static PyObject *
carried_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *module = PyImport_ImportModule("pykcov.remote.lending"), *reduced;

    if (module == NULL)
        return NULL;
    reduced = PyObject_CallMethod(module, "reduce", "O", self);
    Py_DECREF(module);
    return reduced;
}

/* Those who are handed work may look at it: eventlet does, at the function of a thread. */
static PyObject *
carried_attribute(PyObject *self, PyObject *name)
{
    PyObject *found = PyObject_GenericGetAttr(self, name);

    if (found != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return found;
    PyErr_Clear();
    return PyObject_GetAttr(((struct carried *)self)->job, name);
}

/* What every type has, so that it would not be asked of the job. */
static PyObject *
carried_of_job(PyObject *self, void *name)
{
    return PyObject_GetAttrString(((struct carried *)self)->job, name);
}

static PyGetSetDef carried_properties[] = {
    {"__doc__", carried_of_job, NULL, NULL, "__doc__"},
    {"__module__", carried_of_job, NULL, NULL, "__module__"},
    {0},
};

static PyMemberDef carried_members[] = {
    {"job", T_OBJECT_EX, offsetof(struct carried, job), READONLY, "The job itself."},
    {"group", T_OBJECT_EX, offsetof(struct carried, group), READONLY,
     "The group that the job is done for."},
    {"pending", T_BOOL, offsetof(struct carried, pending), READONLY,
     "Whether the job counts as unfinished work of the group."},
    {"__wrapped__", T_OBJECT_EX, offsetof(struct carried, job), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct carried, weakrefs), READONLY, NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct carried, call), READONLY, NULL},
    {0},
};

static PyMethodDef carried_methods[] = {
    {"__enter__", carried_enter, METH_NOARGS, "Work for the group from now on; give the job."},
    {"__exit__", carried_exit, METH_VARARGS, "Work for whom the thread worked before."},
    {"finish", (PyCFunction)(void (*)(void))carried_finish, METH_FASTCALL,
     "finish($self, /, *unused)\n"
     "--\n\n"
     "Count the job as done, or abandoned. Arguments are ignored."},
    {"__reduce__", carried_reduce, METH_NOARGS,
     "In another process the job is done for the trace that is open for the group here."},
    {0},
};

/* As the job itself: programs look for one among those that they have (TrioToken.run_sync_soon()
 * does with idempotent=True), also for one that was there before a trace began. */

static Py_hash_t
carried_hash(PyObject *self)
{
    PyObject *job = ((struct carried *)self)->job;

    return job != NULL ? PyObject_Hash(job) : 0;
}

static PyObject *
carried_compare(PyObject *self, PyObject *other, int operation)
{
    PyObject *job = ((struct carried *)self)->job;

    if (Py_IS_TYPE(other, Py_TYPE(self)))
        other = ((struct carried *)other)->job;
    if ((operation != Py_EQ && operation != Py_NE) || job == NULL || other == NULL)
        Py_RETURN_NOTIMPLEMENTED;
    Py_INCREF(job);
    Py_INCREF(other);
    int equal = PyObject_RichCompareBool(job, other, Py_EQ);
    Py_DECREF(job);
    Py_DECREF(other);
    return equal < 0 ? NULL : PyBool_FromLong(equal == (operation == Py_EQ));
}

static PyType_Slot carried_slots[] = {
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_traverse, carried_traverse},
    {Py_tp_clear, carried_clear},
    {Py_tp_dealloc, carried_dealloc},
    {Py_tp_repr, carried_repr},
    {Py_tp_hash, carried_hash},
    {Py_tp_richcompare, carried_compare},
    {Py_tp_getattro, carried_attribute},
    {Py_tp_getset, carried_properties},
    {Py_tp_members, carried_members},
    {Py_tp_methods, carried_methods},
    {Py_tp_doc, "A job and the group that it is done for. carry() makes them. Called, or in a with "
                "statement, it is done for that group, in whatever thread."},
    {0},
};

static PyType_Spec carried_spec = {
    .name = "pykcov.Carried",
    .basicsize = sizeof(struct carried),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = carried_slots,
};

static PyObject *
carry(PyObject *module, PyObject *job)
{
    struct kcov_module *state = kcov_module_state(module);
    PyObject *group, *carried;

    if (Py_TYPE(job) == state->carried_type)
        return Py_NewRef(job);
    if (kcov_context_group(state, &group) < 0)
        return NULL;
    carried = kcov_carry(state, job, group, KCOV_JOB);
    Py_XDECREF(group);
    return carried;
}

static PyObject *
handed(PyObject *module, PyObject *args)
{
    PyObject *job, *taken, *carried;

    if (!PyArg_ParseTuple(args, "OO:handed", &job, &taken))
        return NULL;
    carried = kcov_carry(kcov_module_state(module), job, NULL, KCOV_CALLBACK);
    if (carried != NULL)
        ((struct carried *)carried)->taken = Py_NewRef(taken);
    return carried;
}

static PyMethodDef functions[] = {
    {"handed", handed, METH_VARARGS,
     "handed($module, job, taken, /)\n"
     "--\n"
     "\n"
     "Return a job before which taken() is called, in whatever thread does it."},
    {"carry", carry, METH_O,
     "carry($module, job, /)\n"
     "--\n"
     "\n"
     "Tie a job to the caller's group: called, or in `with carry(job) as job:`, it is done for"
     " that group.\n"
     "\n"
     "This holds in any thread. A job that is carried already stays as it is."},
    {0},
};

int
kcov_carried_add(PyObject *module, struct kcov_module *state)
{
    state->carried_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &carried_spec, NULL);
    if (state->carried_type == NULL || PyModule_AddType(module, state->carried_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
