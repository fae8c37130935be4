/* What hits of places say, out of what is known of code objects with probes. */
#define PY_SSIZE_T_CLEAN
#include "implied.h"

#include <stdlib.h>

/* What traces/registered.py has of each site, as numbers of a code object. */
enum { OFFSET, LINES_END = 5, ARCS = 7, CONDITIONS, COLUMNS };
#define NUMBERS_OF_FACT 5
#define OFFSET_BITS 16
/* No source has more lines (traces/arcs.py: LINE_MAX). */
#define GREATEST_LINE (1 << 24)

/* One code object while it is read. */
struct code {
    PyObject *bases;
    Py_buffer numbers;
    Py_ssize_t sites;
};

/* One site of it. */
struct site {
    uint64_t pc;
    const int32_t *lines, *arcs, *arcs_end;
};

static int
open_code(PyObject *row, struct code *code)
{
    PyObject *numbers;

    if (!PyTuple_Check(row)) {
        PyErr_SetString(PyExc_TypeError, "a code object is a tuple: its bases, numbers, and sites");
        return -1;
    }
    if (!PyArg_ParseTuple(row, "O!On", &PyTuple_Type, &code->bases, &numbers, &code->sites) ||
        PyObject_GetBuffer(numbers, &code->numbers, PyBUF_SIMPLE) < 0)
        return -1;
    if (code->sites >= 0 &&
        code->sites <= code->numbers.len / (Py_ssize_t)(COLUMNS * sizeof(int32_t)))
        return 0;
    PyBuffer_Release(&code->numbers);
    PyErr_SetString(PyExc_ValueError, "there are more sites than numbers");
    return -1;
}

static int
read_site(const struct code *code, Py_ssize_t row, struct site *site)
{
    const int32_t *numbers = code->numbers.buf, *column = numbers + row * COLUMNS;
    int64_t size = code->numbers.len / (Py_ssize_t)sizeof(int32_t), end = column[LINES_END];
    int64_t start = row > 0 ? column[LINES_END - COLUMNS] : code->sites * COLUMNS;
    int64_t arcs_end = end - NUMBERS_OF_FACT * (int64_t)column[CONDITIONS];
    int64_t arcs = arcs_end - 2 * (int64_t)column[ARCS];
    Py_ssize_t segment = column[OFFSET] >> OFFSET_BITS;

    if (start < 0 || arcs < start || arcs_end < arcs || end < arcs_end || size < end ||
        segment < 0 || segment >= PyTuple_GET_SIZE(code->bases)) {
        PyErr_SetString(PyExc_ValueError, "the numbers are none of a code object");
        return -1;
    }
    uint64_t base = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(code->bases, segment));
    if (base == (uint64_t)-1 && PyErr_Occurred())
        return -1;
    site->pc = base << OFFSET_BITS | ((uint32_t)column[OFFSET] & ((1u << OFFSET_BITS) - 1));
    site->lines = numbers + start;
    site->arcs = numbers + arcs;
    site->arcs_end = numbers + arcs_end;
    return 0;
}

/* What is done with each site. -1 with an exception. */
typedef int (*visitor)(struct implied *table, struct file *file, const struct site *site);

static int
visit_code(struct implied *table, struct file *file, PyObject *row, visitor visit)
{
    struct code code;
    struct site site;
    int failed = 0;

    if (open_code(row, &code) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < code.sites && !failed; i++)
        failed = read_site(&code, i, &site) < 0 || visit(table, file, &site) < 0;
    PyBuffer_Release(&code.numbers);
    return failed ? -1 : 0;
}

/* files: a list of lists of code objects, that nobody else has. */
static int
visit_all(struct implied *table, PyObject *files, visitor visit)
{
    for (Py_ssize_t i = 0; i < table->file_number; i++) {
        PyObject *codes = PyList_GET_ITEM(files, i);

        for (Py_ssize_t j = 0; j < PyList_GET_SIZE(codes); j++)
            if (visit_code(table, &table->files[i], PyList_GET_ITEM(codes, j), visit) < 0)
                return -1;
    }
    return 0;
}

/* An array with room for one more; it may be moved. NULL with an exception. */
static void *
with_room(void *array, size_t number, size_t size)
{
    if (array != NULL && (number & (number - 1)) != 0)
        return array; /* it grows to powers of two */
    void *moved = PyMem_Realloc(array, (number ? 2 * number : 1) * size);
    if (moved == NULL)
        PyErr_NoMemory();
    return moved;
}

/* Line 0 is that of a module's first instruction, and no line of its source. */
static bool
is_line(int32_t number)
{
    return number > 0 && number <= GREATEST_LINE;
}

static bool
is_arc(const int32_t *arc)
{
    return arc[0] >= -GREATEST_LINE && arc[0] <= GREATEST_LINE && arc[1] >= -GREATEST_LINE &&
           arc[1] <= GREATEST_LINE;
}

static int
add_arc(struct file *file, int32_t from, int32_t to)
{
    struct arc *arcs = with_room(file->arc, file->arcs, sizeof(*arcs));

    if (arcs == NULL)
        return -1;
    file->arc = arcs;
    file->arc[file->arcs++] = (struct arc){from, to};
    return 0;
}

static int
count_site(struct implied *table, struct file *file, const struct site *site)
{
    table->mask++;
    for (const int32_t *line = site->lines; line < site->arcs; line++)
        if (is_line(*line) && (uint32_t)*line >= file->lines)
            file->lines = (uint32_t)*line + 1;
    for (const int32_t *arc = site->arcs; table->has_arcs && arc < site->arcs_end; arc += 2)
        if (is_arc(arc) && add_arc(file, arc[0], arc[1]) < 0)
            return -1;
    for (const int32_t *line = site->lines; table->has_arcs && line < site->arcs; line++)
        if (is_line(*line) && add_arc(file, *line, *line) < 0)
            return -1;
    return 0;
}

/* Arcs from a line to itself come last: few are set, and blobs end with the last bit that is. */
static int
compare_arcs(const void *one, const void *other)
{
    const struct arc *a = one, *b = other;

    if ((a->from == a->to) != (b->from == b->to))
        return a->from == a->to ? 1 : -1;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return (a->to > b->to) - (a->to < b->to);
}

uint32_t
kcov_bit_of_arc(const struct file *file, int32_t from, int32_t to)
{
    struct arc wanted = {from, to};
    struct arc *found = bsearch(&wanted, file->arc, file->arcs, sizeof(wanted), compare_arcs);

    return file->first_arc + (uint32_t)(found - file->arc);
}

static int
lay_out(struct implied *table)
{
    uint64_t bytes = 0;

    for (Py_ssize_t i = 0; i < table->file_number; i++) {
        struct file *file = &table->files[i];
        uint32_t kept = 0;

        if (file->arcs > 0)
            qsort(file->arc, file->arcs, sizeof(*file->arc), compare_arcs);
        for (uint32_t j = 0; j < file->arcs; j++)
            if (kept == 0 || compare_arcs(&file->arc[kept - 1], &file->arc[j]) != 0)
                file->arc[kept++] = file->arc[j];
        file->arcs = kept;
        file->first_line = (uint32_t)(bytes * 8);
        bytes += (file->lines + 7) / 8;
        file->first_arc = (uint32_t)(bytes * 8);
        bytes += (file->arcs + 7) / 8;
        if (bytes > INT32_MAX / 8) {
            PyErr_SetString(PyExc_OverflowError, "there are too many lines and arcs");
            return -1;
        }
    }
    table->bytes = (uint32_t)bytes;
    return 0;
}

static int
make_table(struct implied *table)
{
    size_t size = 8;

    while (size < 2 * table->mask) /* so far how many sites there are */
        size *= 2;
    table->mask = size - 1;
    table->places = PyMem_Calloc(size, sizeof(*table->places));
    if (table->places != NULL)
        return 0;
    PyErr_NoMemory();
    return -1;
}

struct place *
kcov_implied_find(const struct implied *table, uint64_t pc)
{
    size_t at = (size_t)((pc * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

    while (table->places[at & table->mask].pc != pc && table->places[at & table->mask].pc != 0)
        at++;
    return &table->places[at & table->mask];
}

static int
add_bit(struct implied *table, uint32_t bit)
{
    uint32_t *bits = with_room(table->bits, table->bit_number, sizeof(*bits));

    if (bits == NULL)
        return -1;
    table->bits = bits;
    table->bits[table->bit_number++] = bit;
    return 0;
}

static int
add_site(struct implied *table, struct file *file, const struct site *site)
{
    struct place *place = kcov_implied_find(table, site->pc);
    size_t first = table->bit_number;

    if (place->pc != 0 || site->pc == 0)
        return 0; /* of a comparison, which has its pc from the site before it */
    for (const int32_t *line = site->lines; line < site->arcs; line++)
        if (is_line(*line) && add_bit(table, file->first_line + (uint32_t)*line) < 0)
            return -1;
    for (const int32_t *arc = site->arcs; table->has_arcs && arc < site->arcs_end; arc += 2)
        if (is_arc(arc) && add_bit(table, kcov_bit_of_arc(file, arc[0], arc[1])) < 0)
            return -1;
    *place = (struct place){site->pc, (uint32_t)first, (uint32_t)(table->bit_number - first)};
    return 0;
}

/* A copy that nobody else can change: lists of code objects, of each file one. */
static PyObject *
copied(PyObject *files)
{
    PyObject *lists = PySequence_List(files);

    for (Py_ssize_t i = 0; lists != NULL && i < PyList_GET_SIZE(lists); i++) {
        PyObject *codes = PySequence_List(PyList_GET_ITEM(lists, i));

        if (codes == NULL)
            Py_CLEAR(lists);
        else
            PyList_SetItem(lists, i, codes);
    }
    return lists;
}

int
kcov_implied_build(struct implied *table, PyObject *files, bool has_arcs)
{
    int failed = -1;

    files = copied(files);
    if (files == NULL)
        return -1;
    table->has_arcs = has_arcs;
    table->files = PyMem_Calloc((size_t)PyList_GET_SIZE(files) + 1, sizeof(*table->files));
    if (table->files == NULL) {
        PyErr_NoMemory();
    } else {
        table->file_number = PyList_GET_SIZE(files);
        failed = visit_all(table, files, count_site) < 0 || lay_out(table) < 0 ||
                 make_table(table) < 0 || visit_all(table, files, add_site) < 0;
    }
    Py_DECREF(files);
    return failed ? -1 : 0;
}

void
kcov_implied_free(struct implied *table)
{
    for (Py_ssize_t i = 0; i < table->file_number; i++)
        PyMem_Free(table->files[i].arc);
    PyMem_Free(table->files);
    PyMem_Free(table->places);
    PyMem_Free(table->bits);
}
