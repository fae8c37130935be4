/*
 * view_types.c: the attributes and methods that tell the bytecode of code, and offsets in it.
 */
#include "view.h"

#include <string.h>
#include <structmember.h>

/* Attributes. What the interpreter's own descriptors do is the same in all interpreters. */
struct attribute {
    const char *name;
    getter get; /* NULL: it is a member */
    void *closure;
    PyMemberDef *member;
    PyGetSetDef ours;
};

static PyObject *
get_true(struct attribute *attribute, PyObject *self)
{
    if (attribute->get != NULL)
        return attribute->get(self, attribute->closure);
    return PyMember_GetOne((const char *)self, attribute->member);
}

static PyObject *
get_of_original(PyObject *self, void *closure)
{
    PyObject *view;

    if (view_of(self, &view) < 0)
        return NULL;
    PyObject *result = get_true(closure, view != NULL ? ORIGINAL(view) : self);
    Py_XDECREF(view);
    return result;
}

static PyObject *
get_bytecode(PyObject *self, void *closure)
{
    if (view_tell(self) < 0)
        return NULL;
    return get_of_original(self, closure);
}

static PyObject *
get_constants(PyObject *self, void *closure)
{
    PyObject *view;

    if (view_of(self, &view) < 0)
        return NULL;
    if (view == NULL)
        return get_true(closure, self);
    PyObject *result = Py_NewRef(CONSTANTS(view));
    Py_DECREF(view);
    return result;
}

static PyObject *
get_offset(PyObject *self, PyFrameObject *frame, struct attribute *attribute)
{
    PyObject *code = (PyObject *)PyFrame_GetCode(frame), *view;
    int status = view_of(code, &view);

    Py_DECREF(code);
    if (status < 0)
        return NULL;
    PyObject *offset = get_true(attribute, self);
    if (view != NULL && offset != NULL)
        Py_SETREF(offset, PyLong_FromLong(view_shown_offset(view, PyLong_AsLong(offset))));
    Py_XDECREF(view);
    return offset;
}

static PyObject *
get_frame_offset(PyObject *self, void *closure)
{
    return get_offset(self, (PyFrameObject *)self, closure);
}

static PyObject *
get_traceback_offset(PyObject *self, void *closure)
{
    return get_offset(self, ((PyTracebackObject *)self)->tb_frame, closure);
}

/* Methods. */

enum { LINES, POSITIONS, BRANCHES, METHODS };
static PyCFunction true_methods[METHODS];

static PyObject *
call_on_original(PyObject *self, int method)
{
    PyObject *view;

    if (view_of(self, &view) < 0)
        return NULL;
    PyObject *result = true_methods[method](view != NULL ? ORIGINAL(view) : self, NULL);
    Py_XDECREF(view);
    return result;
}

static PyObject *
co_lines(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return call_on_original(self, LINES);
}

static PyObject *
co_positions(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return call_on_original(self, POSITIONS);
}

static PyObject *
co_branches(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return call_on_original(self, BRANCHES);
}

typedef PyObject *(*fast_method)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
static fast_method true_replace;

static int
changes_bytecode(PyObject *names)
{
    static const char *const fields[] = {"co_code", "co_consts", "co_linetable",
                                         "co_exceptiontable", "co_stacksize"};

    for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(names); i++) {
        for (size_t j = 0; j < sizeof fields / sizeof fields[0]; j++) {
            if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), fields[j]) == 0)
                return 1;
        }
    }
    return 0;
}

/* A copy with another name, say, has the probes. One with other bytecode is made of the bytecode
 * that its maker has seen, and has none itself. */
static PyObject *
replace(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    PyObject *view, *copy = NULL, *original = NULL;

    if (view_of(self, &view) < 0)
        return NULL;
    if (view == NULL)
        return true_replace(self, args, nargs, names);
    if (changes_bytecode(names)) {
        PyObject *constants[] = {CONSTANTS(view)};
        PyObject *name = Py_BuildValue("(s)", "co_consts");

        original = name != NULL ? true_replace(ORIGINAL(view), constants, 0, name) : NULL;
        copy = original != NULL ? true_replace(original, args, nargs, names) : NULL;
        Py_XDECREF(name);
    } else if ((copy = true_replace(self, args, nargs, names)) != NULL) {
        original = true_replace(ORIGINAL(view), args, nargs, names);
        PyObject *same =
            original != NULL ? PyTuple_Pack(3, original, CONSTANTS(view), OFFSETS(view)) : NULL;

        if (same == NULL || view_set(copy, same) < 0)
            Py_CLEAR(copy);
        Py_XDECREF(same);
    }
    Py_XDECREF(original);
    Py_DECREF(view);
    return copy;
}

/* Tracebacks made by programs (jinja2, tblib) are given offsets that these have seen. */
static newfunc true_traceback_new;

static PyObject *
traceback_new(PyTypeObject *type, PyObject *args, PyObject *names)
{
    static char *keywords[] = {"tb_next", "tb_frame", "tb_lasti", "tb_lineno", NULL};
    PyObject *next, *frame, *offset, *line, *view;

    if (!PyArg_ParseTupleAndKeywords(args, names, "OO!O!O", keywords, &next, &PyFrame_Type, &frame,
                                     &PyLong_Type, &offset, &line)) {
        PyErr_Clear(); /* it will say what is wrong */
        return true_traceback_new(type, args, names);
    }
    PyObject *code = (PyObject *)PyFrame_GetCode((PyFrameObject *)frame);
    int status = view_of(code, &view), overflow;
    Py_DECREF(code);
    if (status < 0)
        return NULL;
    long number = PyLong_AsLongAndOverflow(offset, &overflow);
    if (view == NULL || overflow) {
        Py_XDECREF(view);
        return true_traceback_new(type, args, names);
    }
    PyObject *ours = Py_BuildValue("(OOlO)", next, frame, view_true_offset(view, number), line);
    Py_DECREF(view);
    PyObject *result = ours != NULL ? true_traceback_new(type, ours, NULL) : NULL;
    Py_XDECREF(ours);
    return result;
}

/* marshal knows structures: what it is to write is the original. */
static PyObject *
marshal_original(PyObject *function, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    PyObject *view = NULL, *copied[8];
    Py_ssize_t count = nargs + (names != NULL ? PyTuple_GET_SIZE(names) : 0);

    if (nargs < 1 || count > 8 || !PyCode_Check(args[0]))
        return PyObject_Vectorcall(function, args, (size_t)nargs, names);
    if (view_of(args[0], &view) < 0)
        return NULL;
    memcpy(copied, args, (size_t)count * sizeof *args);
    if (view != NULL)
        copied[0] = ORIGINAL(view);
    PyObject *result = PyObject_Vectorcall(function, copied, (size_t)nargs, names);
    Py_XDECREF(view);
    return result;
}

static PyMethodDef marshal_methods[2];

static int
stand_in_for_marshal(int number, const char *name)
{
    PyObject *marshal = PyImport_ImportModule("marshal"), *function = NULL, *ours = NULL;
    int result = -1;

    if (marshal != NULL && (function = PyObject_GetAttrString(marshal, name)) != NULL &&
        PyCFunction_Check(function)) {
        marshal_methods[number] = *((PyCFunctionObject *)function)->m_ml;
        marshal_methods[number].ml_meth = (PyCFunction)(void (*)(void))marshal_original;
        marshal_methods[number].ml_flags = METH_FASTCALL | METH_KEYWORDS;
        /* As `self` it has the function in whose place it stands. */
        PyObject *module = PyUnicode_FromString("marshal");
        ours = PyCFunction_NewEx(&marshal_methods[number], function, module);
        Py_XDECREF(module);
        result = ours != NULL ? PyObject_SetAttrString(marshal, name, ours) : -1;
    }
    Py_XDECREF(ours);
    Py_XDECREF(function);
    Py_XDECREF(marshal);
    return result;
}

/* Putting all of that in its places. */

static PyObject *
dictionary_of(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyType_GetDict(type);
#else
    return Py_NewRef(type->tp_dict);
#endif
}

static int
put(PyTypeObject *type, const char *name, PyObject *descriptor)
{
    PyObject *dictionary = dictionary_of(type);
    int result = descriptor != NULL ? PyDict_SetItemString(dictionary, name, descriptor) : -1;

    Py_XDECREF(descriptor);
    Py_DECREF(dictionary);
    PyType_Modified(type);
    return result;
}

/* A borrowed reference, that stays: the descriptor is kept for the threads that use it now. */
static PyObject *
keep(PyTypeObject *type, const char *name)
{
    PyObject *dictionary = dictionary_of(type);
    PyObject *found = PyDict_GetItemString(dictionary, name);

    Py_XINCREF(found);
    Py_DECREF(dictionary);
    return found;
}

static struct attribute attributes[] = {
    {.name = "co_code", .ours = {.get = get_bytecode}},
    {.name = "_co_code_adaptive", .ours = {.get = get_bytecode}},
    {.name = "co_consts", .ours = {.get = get_constants}},
    {.name = "co_linetable", .ours = {.get = get_of_original}},
    {.name = "co_lnotab", .ours = {.get = get_of_original}},
    {.name = "co_exceptiontable", .ours = {.get = get_of_original}},
    {.name = "co_stacksize", .ours = {.get = get_of_original}},
    {.name = "f_lasti", .ours = {.get = get_frame_offset}},
    {.name = "tb_lasti", .ours = {.get = get_traceback_offset}},
};

static int
put_attribute(struct attribute *attribute)
{
    PyTypeObject *type = attribute->name[0] == 'f'   ? &PyFrame_Type
                         : attribute->name[0] == 't' ? &PyTraceBack_Type
                                                     : &PyCode_Type;
    PyObject *found = keep(type, attribute->name);

    if (found == NULL)
        return 0; /* co_lnotab goes some day */
    if (Py_IS_TYPE(found, &PyGetSetDescr_Type)) {
        PyGetSetDef *theirs = ((PyGetSetDescrObject *)found)->d_getset;

        attribute->get = theirs->get;
        attribute->closure = theirs->closure;
        attribute->ours.set = theirs->set;
        attribute->ours.doc = theirs->doc;
    } else if (Py_IS_TYPE(found, &PyMemberDescr_Type)) {
        attribute->member = ((PyMemberDescrObject *)found)->d_member;
        attribute->ours.doc = attribute->member->doc;
    } else {
        return 0;
    }
    attribute->ours.name = attribute->name;
    attribute->ours.closure = attribute;
    return put(type, attribute->name, PyDescr_NewGetSet(type, &attribute->ours));
}

static struct {
    const char *name;
    PyCFunction ours;
    PyCFunction *theirs;
    PyMethodDef definition;
} methods_of_code[] = {
    {"co_lines", co_lines, &true_methods[LINES], {0}},
    {"co_positions", co_positions, &true_methods[POSITIONS], {0}},
    {"co_branches", co_branches, &true_methods[BRANCHES], {0}},
    {"replace", (PyCFunction)(void (*)(void))replace, (PyCFunction *)&true_replace, {0}},
    {"__replace__", (PyCFunction)(void (*)(void))replace, (PyCFunction *)&true_replace, {0}},
};

static int
put_method(size_t number)
{
    PyObject *found = keep(&PyCode_Type, methods_of_code[number].name);

    if (found == NULL || !Py_IS_TYPE(found, &PyMethodDescr_Type))
        return 0; /* a version that has no such method */
    PyMethodDef *definition = &methods_of_code[number].definition;
    *definition = *((PyMethodDescrObject *)found)->d_method;
    *methods_of_code[number].theirs = definition->ml_meth;
    definition->ml_meth = methods_of_code[number].ours;
    return put(&PyCode_Type, definition->ml_name, PyDescr_NewMethod(&PyCode_Type, definition));
}

int
view_put_all(void)
{
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (put_attribute(&attributes[i]) < 0)
            return -1;
    }
    for (size_t i = 0; i < sizeof methods_of_code / sizeof methods_of_code[0]; i++) {
        if (put_method(i) < 0)
            return -1;
    }
    true_traceback_new = PyTraceBack_Type.tp_new;
    PyTraceBack_Type.tp_new = traceback_new;
    return stand_in_for_marshal(0, "dumps") < 0 || stand_in_for_marshal(1, "dump") < 0 ? -1 : 0;
}
