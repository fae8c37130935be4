/*
 * implied.h: what hits of places say of lines and arcs.
 *
 * Thousands of tests each hit hundreds of places: to look up each one in Python takes as long as to
 * run the tests. So all lines and arcs of the files in question have a bit each, and a place is
 * known as the bits that a hit of it sets.
 *
 * The bits of a file are one after the other: one for each line number up to the greatest that it
 * has, and one for each arc. Nothing is changed once all is made, so that
 * several threads may use it; who has made it frees it.
 */
#ifndef KCOV_IMPLIED_H
#define KCOV_IMPLIED_H

#include <Python.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arc {
    int32_t from, to;
};

/* Positions of bits are those of all files together. */
struct file {
    uint32_t first_line; /* the bit of line 0, which is never set; first in its byte */
    uint32_t lines;      /* how many bits lines have */
    uint32_t first_arc;  /* the bit of the first arc; first in its byte */
    uint32_t arcs;
    struct arc *arc; /* ascending, each once; those from a line to itself are last */
};

/* What a hit of a place sets. Of a table by pc with open addressing; pc 0 is none. */
struct place {
    uint64_t pc;
    uint32_t first; /* in `bits` */
    uint32_t number;
};

struct implied {
    struct file *files;
    Py_ssize_t file_number;
    struct place *places;
    size_t mask; /* of `places`, whose number is a power of two */
    uint32_t *bits;
    size_t bit_number;
    uint32_t bytes; /* of all bits */
    bool has_arcs;
};

/*
 * Learn of all sites of code objects: `files` is a sequence of sequences of tuples, of the bases,
 * the numbers and how many sites a traces.registered.RegisteredCode has. `table` is all zeros. -1
 * with an exception; it is to be freed then, too.
 */
int kcov_implied_build(struct implied *table, PyObject *files, bool has_arcs);
void kcov_implied_free(struct implied *table);

/* The place of a pc; one of pc 0, which implies nothing, if it is not known. */
struct place *kcov_implied_find(const struct implied *table, uint64_t pc);

/* Of an arc that the file has. */
uint32_t kcov_bit_of_arc(const struct file *file, int32_t from, int32_t to);

#endif
