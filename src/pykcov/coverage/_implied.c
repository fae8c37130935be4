/* implied.h as a type of Python. */
#define PY_SSIZE_T_CLEAN
#include "implied.h"

#include <string.h>

#include "functions_module.h"

typedef struct {
    PyObject_HEAD struct implied table;
} Implied;

static PyObject *
implied_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"files", "arcs", NULL};
    PyObject *files;
    int has_arcs;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "Op:Implied", names, &files, &has_arcs))
        return NULL;
    Implied *self = (Implied *)type->tp_alloc(type, 0);
    if (self != NULL && kcov_implied_build(&self->table, files, has_arcs) < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void
implied_dealloc(Implied *self)
{
    PyTypeObject *type = Py_TYPE(self);

    kcov_implied_free(&self->table);
    type->tp_free(self);
    Py_DECREF(type);
}

static inline bool
is_set(const uint8_t *bits, uint32_t bit)
{
    return bits[bit / 8] >> bit % 8 & 1;
}

static inline void
set(uint8_t *bits, uint32_t bit)
{
    bits[bit / 8] |= (uint8_t)(1 << bit % 8);
}

/*
 * Places imply arcs to lines that may not have run, as when what is between raises: these go. Then
 * each line that ran and is in no arc gets its arc to itself. `known`: room for a bit each line.
 */
static void
complete(const struct file *file, uint8_t *bits, uint8_t *known)
{
    const uint8_t *lines = bits + file->first_line / 8;

    memset(known, 0, (file->lines + 7) / 8);
    for (uint32_t i = 0; i < file->arcs; i++) {
        uint32_t bit = file->first_arc + i, from = (uint32_t)file->arc[i].from;
        int32_t to = file->arc[i].to;

        if (bits[bit / 8] == 0) {
            i |= 7; /* on to the next byte */
            continue;
        }
        if (!is_set(bits, bit))
            continue;
        if (to >= 0 && ((uint32_t)to >= file->lines || !is_set(lines, (uint32_t)to))) {
            bits[bit / 8] &= (uint8_t)~(1 << bit % 8);
            continue;
        }
        if (to > 0)
            set(known, (uint32_t)to);
        if (from < file->lines)
            set(known, from);
    }
    for (uint32_t line = 1; line < file->lines; line++)
        if (is_set(lines, line) && !is_set(known, line))
            set(bits, kcov_bit_of_arc(file, (int32_t)line, (int32_t)line));
}

static bool
is_empty(const uint8_t *bytes, uint32_t number)
{
    return number == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, number - 1) == 0);
}

/* Whether any line of a file ran. */
static bool
ran(const struct file *file, const uint8_t *bits)
{
    return !is_empty(bits + file->first_line / 8, (file->lines + 7) / 8);
}

/* Add what places imply; what is not known implies nothing. */
static void
add_places(const struct implied *table, const Py_buffer *pcs, uint8_t *bits)
{
    uint64_t pc;

    for (Py_ssize_t at = 0; at + (Py_ssize_t)sizeof(pc) <= pcs->len; at += sizeof(pc)) {
        memcpy(&pc, (const char *)pcs->buf + at, sizeof(pc));
        const struct place *place = kcov_implied_find(table, pc);
        for (uint32_t i = 0; i < place->number; i++)
            set(bits, table->bits[place->first + i]);
    }
}

/* The number, lines and arcs of each file of which lines ran. */
static PyObject *
rows_of(const struct implied *table, const uint8_t *bits)
{
    PyObject *rows = PyList_New(0);

    for (Py_ssize_t i = 0; rows != NULL && i < table->file_number; i++) {
        const struct file *file = &table->files[i];
        const uint8_t *lines = bits + file->first_line / 8, *arcs = bits + file->first_arc / 8;
        uint32_t line_bytes = (file->lines + 7) / 8, arc_bytes = (file->arcs + 7) / 8;

        if (!ran(file, bits))
            continue;
        PyObject *row =
            Py_BuildValue("ny#y#", i, lines, (Py_ssize_t)line_bytes, arcs, (Py_ssize_t)arc_bytes);
        if (row == NULL || PyList_Append(rows, row) < 0)
            Py_CLEAR(rows);
        Py_XDECREF(row);
    }
    return rows;
}

static PyObject *
implied_of(Implied *self, PyObject *pcs)
{
    const struct implied *table = &self->table;
    Py_buffer buffer;
    PyObject *rows = NULL;

    if (PyObject_GetBuffer(pcs, &buffer, PyBUF_SIMPLE) < 0)
        return NULL;
    /* No file has more lines than there are bits. */
    uint8_t *bits = PyMem_Calloc(2, (size_t)table->bytes + 1);
    if (bits == NULL) {
        PyErr_NoMemory();
    } else {
        add_places(table, &buffer, bits);
        for (Py_ssize_t i = 0; table->has_arcs && i < table->file_number; i++)
            if (ran(&table->files[i], bits))
                complete(&table->files[i], bits, bits + table->bytes + 1);
        rows = rows_of(table, bits);
    }
    PyMem_Free(bits);
    PyBuffer_Release(&buffer);
    return rows;
}

static PyObject *
implied_everything(Implied *self, PyObject *Py_UNUSED(none))
{
    const struct implied *table = &self->table;
    PyObject *rows = NULL;
    uint8_t *bits = PyMem_Calloc(1, (size_t)table->bytes + 1);

    if (bits == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < table->bit_number; i++)
        set(bits, table->bits[i]);
    rows = rows_of(table, bits);
    PyMem_Free(bits);
    return rows;
}

static PyObject *
implied_unknown(Implied *self, PyObject *pcs)
{
    Py_buffer buffer;
    PyObject *found = PyList_New(0);
    uint64_t pc;

    if (found == NULL || PyObject_GetBuffer(pcs, &buffer, PyBUF_SIMPLE) < 0) {
        Py_XDECREF(found);
        return NULL;
    }
    for (Py_ssize_t at = 0; found != NULL && at + (Py_ssize_t)sizeof(pc) <= buffer.len;
         at += sizeof(pc)) {
        memcpy(&pc, (const char *)buffer.buf + at, sizeof(pc));
        if (kcov_implied_find(&self->table, pc)->pc != 0)
            continue;
        PyObject *number = PyLong_FromUnsignedLongLong(pc);
        if (number == NULL || PyList_Append(found, number) < 0)
            Py_CLEAR(found);
        Py_XDECREF(number);
    }
    PyBuffer_Release(&buffer);
    return found;
}

static PyObject *
implied_arcs(Implied *self, PyObject *argument)
{
    Py_ssize_t number = PyNumber_AsSsize_t(argument, PyExc_IndexError);

    if (number == -1 && PyErr_Occurred())
        return NULL;
    if (number < 0 || number >= self->table.file_number) {
        PyErr_SetString(PyExc_IndexError, "there is no such file");
        return NULL;
    }
    const struct file *file = &self->table.files[number];
    return PyBytes_FromStringAndSize((const char *)file->arc,
                                     (Py_ssize_t)(file->arcs * sizeof(*file->arc)));
}

static PyMethodDef implied_methods[] = {
    {"of", (PyCFunction)implied_of, METH_O, "What hits of these places say, 8 bytes a pc."},
    {"everything", (PyCFunction)implied_everything, METH_NOARGS, "What hits of all would say."},
    {"unknown", (PyCFunction)implied_unknown, METH_O, "Those of pcs that it does not know."},
    {"arcs", (PyCFunction)implied_arcs, METH_O, "The arcs of a file, two numbers each."},
    {0},
};

static PyType_Slot implied_slots[] = {
    {Py_tp_doc, "What hits of places say of lines and arcs of files."},
    {Py_tp_new, implied_new},
    {Py_tp_dealloc, implied_dealloc},
    {Py_tp_methods, implied_methods},
    {0, NULL},
};

static PyType_Spec implied_spec = {
    .name = "pykcov._implied.Implied",
    .basicsize = sizeof(Implied),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = implied_slots,
};

static int
add_type(PyObject *module)
{
    return kcov_add_type(module, &implied_spec);
}

KCOV_MODULE(_implied, "pykcov._implied", NULL, add_type)
