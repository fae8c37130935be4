/* What programs see of code that has probes: its bytecode as it was before.
 *
 * Libraries read bytecode: compilers (numba, Dynamo), query languages (Pony), disassemblers,
 * whatever asks what a lambda does. They must not meet probes. A code object with probes stays one
 * and the same object wherever it is met (__code__, f_code, gi_code, sys.monitoring), but the
 * attributes that tell its bytecode answer for the original: so do the offsets of instructions in
 * frames and tracebacks, which belong to it. C code that looks into the structures, as the
 * interpreter does, finds what runs, and finds it consistent.
 *
 * The attributes are descriptors in the dictionaries of types of the interpreter. Those here stand
 * in their places, in the main interpreter and for good. Of code without probes they answer what
 * those answer. Nothing that runs a program reads them.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdint.h>
#include <string.h>

#if PY_VERSION_HEX >= 0x030C0000
#define GET_EXTRA PyUnstable_Code_GetExtra
#define SET_EXTRA PyUnstable_Code_SetExtra
#define REQUEST_EXTRA PyUnstable_Eval_RequestCodeExtraIndex
#else
#define GET_EXTRA _PyCode_GetExtra
#define SET_EXTRA _PyCode_SetExtra
#define REQUEST_EXTRA _PyEval_RequestCodeExtraIndex
#endif

/* Who makes code with probes: pykcov, or each of several if it was imported again. */
struct maker {
    PyTypeObject *types[2]; /* of the last constant of such code */
    PyObject *find;         /* find(code): its view, None if there is none */
    PyObject *told;         /* told(code): its bytecode is being read */
};

/* All that follows is written by install() under the GIL, before anything reads it, and stays. */
#define MAKERS_MAX 8
static struct maker makers[MAKERS_MAX];
static int makers_count;
static Py_ssize_t extra_index = -1; /* of code objects: their view or None, a reference */

/* A view is a tuple: the original, constants for all to see, and for each code unit the one of the
 * original that it belongs to, as bytes. */
#define ORIGINAL(view) PyTuple_GET_ITEM(view, 0)
#define CONSTANTS(view) PyTuple_GET_ITEM(view, 1)
#define OFFSETS(view) PyTuple_GET_ITEM(view, 2)

static _Thread_local int finding; /* this thread runs find(), which sees what is there */

static struct maker *
maker_of(PyObject *code)
{
    PyObject *constants = ((PyCodeObject *)code)->co_consts;
    Py_ssize_t size = PyTuple_GET_SIZE(constants);

    if (size == 0)
        return NULL;
    PyTypeObject *type = Py_TYPE(PyTuple_GET_ITEM(constants, size - 1));
    for (int i = 0; i < makers_count; i++) {
        if (type == makers[i].types[0] || type == makers[i].types[1])
            return &makers[i];
    }
    return NULL;
}

/* A trace function in C asks while the frame that it traces is the current one: it takes offsets
 * from the structure, as coverage.py's does, and is given the code that these belong to. */
static int
is_asked_by_tracer(PyObject *code)
{
    if (PyThreadState_Get()->tracing == 0)
        return 0;
    PyFrameObject *frame = PyEval_GetFrame();
    if (frame == NULL)
        return 0;
    PyCodeObject *running = PyFrame_GetCode(frame);
    Py_DECREF(running);
    return (PyObject *)running == code;
}

/* Who makes a copy of a function elsewhere takes all of its code: the copy has the probes, too. Not
 * numba, whose copies are for compiling them. */
static const struct {
    const char *module; /* the last part of its name: others bring copies of cloudpickle along */
    const char *function;
} copiers[] = {{"cloudpickle", "_code_reduce"}, {"_dill", "save_code"}};

static int
is_asked_by_copier(void)
{
    PyObject *globals = PyEval_GetGlobals();
    PyObject *name = globals != NULL && PyDict_CheckExact(globals)
                         ? PyDict_GetItemString(globals, "__name__")
                         : NULL;
    const char *module = name != NULL && PyUnicode_CheckExact(name) ? PyUnicode_AsUTF8(name) : NULL;

    if (module == NULL) {
        PyErr_Clear();
        return 0;
    }
    if (strncmp(module, "numba.", strlen("numba.")) == 0)
        return 0;
    const char *dot = strrchr(module, '.');
    for (size_t i = 0; i < sizeof copiers / sizeof copiers[0]; i++) {
        if (strcmp(dot != NULL ? dot + 1 : module, copiers[i].module) != 0)
            continue;
        PyCodeObject *running = PyFrame_GetCode(PyEval_GetFrame());
        int copies = PyUnicode_CompareWithASCIIString(running->co_name, copiers[i].function) == 0;
        Py_DECREF(running);
        return copies;
    }
    return 0;
}

/* What Python code of ours returns, unseen by tracers. */
static PyObject *
ask(PyObject *function, PyObject *code)
{
    PyThreadState *thread = PyThreadState_Get();

    finding++;
    PyThreadState_EnterTracing(thread);
    PyObject *answer = PyObject_CallOneArg(function, code);
    PyThreadState_LeaveTracing(thread);
    finding--;
    return answer;
}

/* Errors of ours stay ours; KeyboardInterrupt and the like are the program's. */
static int
forget_error(void)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyErr_Clear();
    return 0;
}

/* -1: an exception is set. Else *view is a reference, or NULL: the code is what it seems. */
static int
view_of(PyObject *code, PyObject **view)
{
    struct maker *maker = maker_of(code);
    void *found = NULL;

    *view = NULL;
    if (maker == NULL || finding || is_asked_by_tracer(code) || is_asked_by_copier())
        return 0;
    if (GET_EXTRA(code, extra_index, &found) < 0)
        return forget_error();
    if (found == NULL) {
        found = ask(maker->find, code);
        if (found == NULL)
            return forget_error();
        Py_INCREF((PyObject *)found); /* that of the code */
        if (SET_EXTRA(code, extra_index, found) < 0) {
            Py_DECREF((PyObject *)found);
            Py_DECREF((PyObject *)found);
            return forget_error();
        }
    } else {
        Py_INCREF((PyObject *)found);
    }
    if (found == (void *)Py_None)
        Py_DECREF((PyObject *)found);
    else
        *view = found;
    return 0;
}

static void
drop_extra(void *view)
{
    Py_XDECREF((PyObject *)view);
}

/* Offsets are in bytes, of instructions of 2. */

static const uint32_t *
units_of(PyObject *view, Py_ssize_t *count)
{
    *count = PyBytes_GET_SIZE(OFFSETS(view)) / (Py_ssize_t)sizeof(uint32_t);
    return (const uint32_t *)PyBytes_AS_STRING(OFFSETS(view));
}

static long
seen_offset(PyObject *view, long offset)
{
    Py_ssize_t count;
    const uint32_t *units = units_of(view, &count);

    if (offset < 0 || count == 0)
        return offset;
    Py_ssize_t unit = offset / 2 < count ? offset / 2 : count - 1;
    return (long)units[unit] * 2;
}

/* The last unit that belongs to one of the original is itself, after what was put before it. */
static long
true_offset(PyObject *view, long offset)
{
    Py_ssize_t count, low = 0;
    const uint32_t *units = units_of(view, &count);

    if (offset < 0 || count == 0)
        return offset;
    for (Py_ssize_t high = count; low < high;) {
        Py_ssize_t middle = low + (high - low) / 2;

        if (units[middle] <= (uint32_t)(offset / 2))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? (long)(low - 1) * 2 : 0;
}

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
    struct maker *maker = finding ? NULL : maker_of(self);

    if (maker != NULL) {
        PyObject *answer = ask(maker->told, self);
        if (answer == NULL && forget_error() < 0)
            return NULL;
        Py_XDECREF(answer);
    }
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
        Py_SETREF(offset, PyLong_FromLong(seen_offset(view, PyLong_AsLong(offset))));
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

        if (same == NULL || SET_EXTRA(copy, extra_index, same) < 0) {
            Py_XDECREF(same);
            Py_CLEAR(copy);
        }
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
    PyObject *ours = Py_BuildValue("(OOlO)", next, frame, true_offset(view, number), line);
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

static int
put_all(void)
{
    extra_index = REQUEST_EXTRA(drop_extra);
    if (extra_index < 0) {
        PyErr_SetString(PyExc_RuntimeError, "no place is left in code objects");
        return -1;
    }
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

static PyObject *
install(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *find, *told, *types[2];

    if (!PyArg_ParseTuple(args, "OOO!O!:install", &find, &told, &PyType_Type, &types[0],
                          &PyType_Type, &types[1]))
        return NULL;
    if (PyInterpreterState_Get() != PyInterpreterState_Main() || makers_count == MAKERS_MAX)
        Py_RETURN_NONE;
    if (extra_index < 0 && put_all() < 0)
        return NULL;
    struct maker *maker = &makers[makers_count];
    maker->types[0] = (PyTypeObject *)Py_NewRef(types[0]);
    maker->types[1] = (PyTypeObject *)Py_NewRef(types[1]);
    maker->find = Py_NewRef(find);
    maker->told = Py_NewRef(told);
    makers_count++;
    Py_RETURN_NONE;
}

static int
check_code(PyObject *code)
{
    if (PyCode_Check(code))
        return 1;
    PyErr_SetString(PyExc_TypeError, "expected a code object");
    return 0;
}

static PyObject *
true_constants(PyObject *Py_UNUSED(module), PyObject *code)
{
    return check_code(code) ? Py_NewRef(((PyCodeObject *)code)->co_consts) : NULL;
}

static PyObject *
true_code(PyObject *Py_UNUSED(module), PyObject *code)
{
    return check_code(code) ? PyCode_GetCode((PyCodeObject *)code) : NULL;
}

static PyObject *
with_constants(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *code, *constants, *result = NULL;

    if (!PyArg_ParseTuple(args, "O!O!:with_constants", &PyCode_Type, &code, &PyTuple_Type,
                          &constants))
        return NULL;
    finding++;
    PyObject *method = PyObject_GetAttrString(code, "replace");
    PyObject *nothing = PyTuple_New(0), *named = Py_BuildValue("{sO}", "co_consts", constants);
    if (method != NULL && nothing != NULL && named != NULL)
        result = PyObject_Call(method, nothing, named);
    Py_XDECREF(named);
    Py_XDECREF(nothing);
    Py_XDECREF(method);
    finding--;
    return result;
}

static PyMethodDef functions[] = {
    {"install", install, METH_VARARGS, "Show the originals of code that ends with such constants."},
    {"constants", true_constants, METH_O, "The constants of a code object, probes included."},
    {"code", true_code, METH_O, "The bytecode of a code object, probes included."},
    {"with_constants", with_constants, METH_VARARGS, "The code object with other constants."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pykcov._view",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__view(void)
{
    return PyModuleDef_Init(&definition);
}
