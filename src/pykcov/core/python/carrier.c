/*
 * carrier.c: stands in the place of a function that hands work to somebody, and gives the work its
 * group. In C, so that no frame of ours stands in the program's tracebacks; in everything that can
 * be asked of it, it answers as the function would.
 */
#include "module.h"

#include <stddef.h>

#include "unseen.h"

/* What is done around a call of the function. */
enum carrier_kind {
    CARRY,    /* the argument at `index` is work: it is carried; hook(carried, result), if any */
    START,    /* the same, and the work is of a threading.Thread that may have a context */
    NOBODY,   /* the function works for nobody, as what it does outlives the caller's work */
    CALLBACK, /* as CARRY, but it does not count as work: it may never be called */
    HAND,     /* hook(the argument at `index`), if that can be called, takes its place, unseen */
    ARGUMENT, /* hook(the argument at `index`) takes its place */
    RESULT,   /* hook(result) takes its place */
};

struct carrier {
    PyObject_HEAD PyObject *function; /* [I] */
    vectorcallfunc call;
    Py_ssize_t index; /* [I] */
    PyObject *name;   /* [I] of that argument; NULL: it cannot be given by name */
    PyObject *hook;   /* [I] NULL: none. The last three kinds have one, CARRY may */
    int kind;         /* [I] */
};

#define FEW 16 /* arguments, that are copied on the stack */

/*
 * From CPython 3.14 on threading.Thread runs in a context that it has when it is started, by
 * default one in which nothing is set: it names the group then. Whoever gives it a context that
 * names a group has said whom it works for.
 */
static void
name_in_context_of(struct kcov_module *state, PyObject *work, PyObject *group)
{
    PyObject *name = PyUnicode_InternFromString("_context"), *context = NULL;
    PyObject *named = NULL, *token = NULL;

    /* The attribute of the instance: nothing of the program's runs. */
    if (name != NULL && PyMethod_Check(work))
        context = PyObject_GenericGetAttr(PyMethod_GET_SELF(work), name);
    if (context != NULL && PyContext_CheckExact(context) && PyContext_Enter(context) == 0) {
        if (kcov_context_group(state, &named) == 0 && named == NULL)
            token = PyContextVar_Set(state->group_variable, group);
        else
            Py_XDECREF(named);
        PyContext_Exit(context);
    }
    PyErr_Clear();
    Py_XDECREF(token);
    Py_XDECREF(context);
    Py_XDECREF(name);
}

static enum kcov_carried_kind
carried_kind(int kind)
{
    if (kind == START)
        return KCOV_THREAD;
    return kind == CALLBACK ? KCOV_CALLBACK : KCOV_JOB;
}

/* What takes the place of the argument, a new reference. */
static PyObject *
replacement(struct kcov_module *state, struct carrier *carrier, PyObject *argument)
{
    PyObject *group, *carried;

    if (carrier->kind == ARGUMENT)
        return PyObject_CallOneArg(carrier->hook, argument);
    if (!PyCallable_Check(argument))
        return Py_NewRef(argument);
    if (carrier->kind == HAND)
        return kcov_ask_unseen(carrier->hook, argument, argument);
    if (kcov_context_group(state, &group) < 0)
        return NULL;
    if (carrier->kind == START && group != NULL)
        name_in_context_of(state, argument, group);
    carried = group == NULL ? Py_NewRef(argument)
                            : kcov_carry(state, argument, group, carried_kind(carrier->kind));
    Py_XDECREF(group);
    return carried;
}

/* Which of the arguments of a call is the work; -1: none is. */
static Py_ssize_t
index_of_work(struct carrier *carrier, Py_ssize_t positional, PyObject *names)
{
    if (carrier->index < positional)
        return carrier->index;
    for (Py_ssize_t i = 0; carrier->name != NULL && names != NULL && i < PyTuple_GET_SIZE(names);
         i++) {
        if (PyUnicode_Compare(PyTuple_GET_ITEM(names, i), carrier->name) == 0)
            return positional + i;
    }
    return -1;
}

static PyObject *
call_replaced(struct kcov_module *state, struct carrier *carrier, PyObject *const *args,
              size_t count, PyObject *names)
{
    Py_ssize_t positional = PyVectorcall_NARGS(count);
    Py_ssize_t total = positional + (names != NULL ? PyTuple_GET_SIZE(names) : 0);
    Py_ssize_t work = index_of_work(carrier, positional, names);
    PyObject *few[FEW], **copy = few, *replaced, *result;

    if (work < 0)
        return PyObject_Vectorcall(carrier->function, args, count, names);
    if (total > FEW && (copy = PyMem_New(PyObject *, total)) == NULL)
        return PyErr_NoMemory();
    replaced = replacement(state, carrier, args[work]);
    for (Py_ssize_t i = 0; i < total; i++)
        copy[i] = i == work ? replaced : args[i];
    result = replaced == NULL
                 ? NULL
                 : PyObject_Vectorcall(carrier->function, copy, (size_t)positional, names);
    if (carrier->kind == CARRY && carrier->hook != NULL && result != NULL &&
        Py_TYPE(replaced) == state->carried_type) {
        PyObject *told = PyObject_CallFunctionObjArgs(carrier->hook, replaced, result, NULL);

        if (told == NULL)
            Py_CLEAR(result);
        Py_XDECREF(told);
    }
    Py_XDECREF(replaced);
    if (copy != few)
        PyMem_Free(copy);
    return result;
}

static PyObject *
call_for_nobody(struct kcov_module *state, struct carrier *carrier, PyObject *const *args,
                size_t count, PyObject *names)
{
    PyObject *nobody = kcov_carry(state, carrier->function, NULL, KCOV_JOB);
    PyObject *result;

    if (nobody == NULL)
        return NULL;
    result = PyObject_Vectorcall(nobody, args, count, names);
    Py_DECREF(nobody);
    return result;
}

static PyObject *
carrier_call(PyObject *self, PyObject *const *args, size_t count, PyObject *names)
{
    struct carrier *carrier = (struct carrier *)self;
    struct kcov_module *state = kcov_module_of_type(Py_TYPE(self));
    PyObject *result;

    if (carrier->kind == NOBODY)
        return call_for_nobody(state, carrier, args, count, names);
    if (carrier->kind == RESULT)
        result = PyObject_Vectorcall(carrier->function, args, count, names);
    else
        result = call_replaced(state, carrier, args, count, names);
    if (carrier->kind == RESULT && result != NULL)
        Py_SETREF(result, PyObject_CallOneArg(carrier->hook, result));
    return result;
}

/* As a function in a class becomes a method. */
static PyObject *
carrier_bind(PyObject *self, PyObject *object, PyObject *Py_UNUSED(type))
{
    if (object == NULL || object == Py_None)
        return Py_NewRef(self);
    return PyMethod_New(self, object);
}

static PyObject *
carrier_attribute(PyObject *self, PyObject *name)
{
    PyObject *found = PyObject_GenericGetAttr(self, name);

    if (found != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return found;
    PyErr_Clear();
    return PyObject_GetAttr(((struct carrier *)self)->function, name);
}

/* What is set stays when ours is gone. value NULL: it is deleted. */
static int
carrier_set_attribute(PyObject *self, PyObject *name, PyObject *value)
{
    PyObject *function = ((struct carrier *)self)->function;

    return value != NULL ? PyObject_SetAttr(function, name, value)
                         : PyObject_DelAttr(function, name);
}

static PyObject *
carrier_repr(PyObject *self)
{
    return PyObject_Repr(((struct carrier *)self)->function);
}

static int
carrier_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct carrier *)self)->function);
    Py_VISIT(((struct carrier *)self)->hook);
    return 0;
}

static void
carrier_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_DECREF(((struct carrier *)self)->function);
    Py_XDECREF(((struct carrier *)self)->name);
    Py_XDECREF(((struct carrier *)self)->hook);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* By its name, under which it stands. */
static PyObject *
carrier_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyObject_GetAttrString(((struct carrier *)self)->function, "__qualname__");
}

static PyMethodDef carrier_methods[] = {
    {"__reduce__", carrier_reduce, METH_NOARGS, NULL},
    {0},
};

/* What every type has, so that it would not be asked of the function. */
static PyObject *
carrier_of_function(PyObject *self, void *name)
{
    return PyObject_GetAttrString(((struct carrier *)self)->function, name);
}

static PyGetSetDef carrier_properties[] = {
    {"__doc__", carrier_of_function, NULL, NULL, "__doc__"},
    {"__module__", carrier_of_function, NULL, NULL, "__module__"},
    {0},
};

static PyMemberDef carrier_members[] = {
    {"__wrapped__", T_OBJECT_EX, offsetof(struct carrier, function), READONLY, NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct carrier, call), READONLY, NULL},
    {0},
};

static PyType_Slot carrier_slots[] = {
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_descr_get, carrier_bind},
    {Py_tp_getattro, carrier_attribute},
    {Py_tp_setattro, carrier_set_attribute},
    {Py_tp_repr, carrier_repr},
    {Py_tp_traverse, carrier_traverse},
    {Py_tp_dealloc, carrier_dealloc},
    {Py_tp_members, carrier_members},
    {Py_tp_methods, carrier_methods},
    {Py_tp_getset, carrier_properties},
    {0},
};

#define FLAGS                                                                                      \
    (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |                        \
     Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION)

static PyType_Spec carrier_spec = {
    .name = "pykcov.Carrier",
    .basicsize = sizeof(struct carrier),
    .flags = FLAGS,
    .slots = carrier_slots,
};

static PyObject *
carrier(PyObject *module, PyObject *args)
{
    static const char *const kinds[] = {
        [CARRY] = "carry", [START] = "start",       [NOBODY] = "nobody", [CALLBACK] = "callback",
        [HAND] = "hand",   [ARGUMENT] = "argument", [RESULT] = "result",
    };
    struct kcov_module *state = kcov_module_state(module);
    const char *name;
    PyObject *function, *keyword = Py_None, *hook = Py_None;
    Py_ssize_t index = 0;
    struct carrier *made;
    int kind = 0;

    if (!PyArg_ParseTuple(args, "sO|nOO:carrier", &name, &function, &index, &keyword, &hook))
        return NULL;
    while (kind <= RESULT && strcmp(kinds[kind], name) != 0)
        kind++;
    if (kind > RESULT || index < 0 || !PyCallable_Check(function) ||
        (keyword != Py_None && !PyUnicode_Check(keyword)) ||
        (hook != Py_None && !PyCallable_Check(hook)) || (hook == Py_None && kind >= HAND))
        return PyErr_Format(PyExc_ValueError,
                            "carrier(%s, %R, %zd): no such kind, index or function", name, function,
                            index);
    if ((made = PyObject_GC_New(struct carrier, state->carrier_type)) == NULL)
        return NULL;
    made->function = Py_NewRef(function);
    made->call = carrier_call;
    made->index = index;
    made->hook = hook != Py_None ? Py_NewRef(hook) : NULL;
    made->name = keyword != Py_None ? Py_NewRef(keyword) : NULL;
    made->kind = kind;
    PyObject_GC_Track(made);
    return (PyObject *)made;
}

static PyMethodDef functions[] = {
    {"carrier", carrier, METH_VARARGS,
     "carrier($module, kind, function, index=0, keyword=None, hook=None, /)\n"
     "--\n"
     "\n"
     "Return what can stand in the place of `function`, which hands work to somebody. ValueError: "
     "no such kind.\n"
     "\n"
     "'carry': its argument at `index`, or by the name `keyword`, is work, and is given the "
     "caller's group;\n"
     "hook(carried, result) is called afterwards, if given; 'start': the same, and so is the "
     "context of a thread whose\n"
     "method it is; 'nobody': it works for no group; 'callback': as 'carry', but it does not count "
     "as work that is not\n"
     "done; 'argument': hook(that argument) takes its place; 'hand': the same for what can be "
     "called, and tracers do not\n"
     "see it; 'result': hook(result) takes the place of the result."},
    {0},
};

int
kcov_carrier_add(PyObject *module, struct kcov_module *state)
{
    state->carrier_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &carrier_spec, NULL);
    if (state->carrier_type == NULL)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
