/*
 * kcov.h: the modes, the layout of a buffer, and the C face of pykcov.
 *
 * For native code: compile with -I"$(python -c 'import pykcov; print(pykcov.get_include())')". The
 * functions are weak: each is NULL unless pykcov was imported before the code that uses them was
 * loaded. All of them may be called by any thread, with or without the GIL. For C11 and C++11 or
 * later.
 */
#ifndef KCOV_H
#define KCOV_H

#include <stdint.h>
#include <sys/ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Modes. 1 and 2 are OpenBSD's; ours are flags above them. */
#define KCOV_MODE_NONE 0
#define KCOV_MODE_TRACE_PC 1
#define KCOV_MODE_TRACE_CMP 2
#define KCOV_MODE_TRACE_UNIQUE_PC 0x101 /* each location once per enable, in order of first hit */
#define KCOV_MODE_TRACE_ACCESS 0x801    /* each hit with its thread, each access with its object */
#define KCOV_CMP_BYTES 0x200            /* with KCOV_MODE_TRACE_CMP: operands of any kind */
#define KCOV_CMP_SAMPLED 0x400 /* with KCOV_CMP_BYTES: of a place that compares much, not all */

#define KCOV_REMOTE_COMMON 0 /* the subsystem of handles that are keyed by a group */

/* Requests of Device.ioctl(), as in OpenBSD's <sys/kcov.h>. */
struct kio_remote_attach {
    int subsystem;
    int id;
};

#define KIOSETBUFSIZE _IOW('K', 1, unsigned long)
#define KIOENABLE _IOW('K', 2, int)
#define KIODISABLE _IO('K', 3)
#define KIOREMOTEATTACH _IOW('K', 4, struct kio_remote_attach)

/*
 * The buffer: nmemb words of 64 bits. Word 0 counts entries; the reader may set it to any value at
 * any time. An entry of w words (1: pc; 2, under KCOV_MODE_TRACE_ACCESS: pc, who; 4: type, operand
 * 1, operand 2, pc) with index e begins at word e * w + 1. Type of a comparison: KCOV_CMP_SIZE of
 * log2(bytes), and KCOV_CMP_CONST if the first operand is a constant.
 *
 * What another core writes to word 0 while the traced thread records native events without a pause
 * may be overwritten, as that thread alone counts there, without a bus lock: look again a
 * microsecond later (Buffer.reset() does). What the traced thread itself writes always holds.
 */
#define KCOV_BUFFER_WORDS_MAX 262144
#define KCOV_CMP_WORDS 4
#define KCOV_CMP_CONST 0x1
#define KCOV_CMP_SIZE(x) ((x) << 1)

/*
 * Under KCOV_MODE_TRACE_ACCESS the order of the entries is an order of the accesses of all threads
 * that append: none comes before an access that happened before it. `who` names the thread in its
 * upper bits, by a number from 1 on that no other thread of the process has, and in the lower bits
 * what is accessed: an object by its address / 16, KCOV_ACCESS_NAME if the place itself names it
 * (a global variable, one of an enclosing function), 0 if the entry is no access but a hit.
 */
#define KCOV_ACCESS_WORDS 2
#define KCOV_ACCESS_OBJECT_BITS 44
#define KCOV_ACCESS_NAME 1

/*
 * Under KCOV_CMP_BYTES the type says more. Bits 8 to 15 are the operation, 0 in native code. With
 * KCOV_CMP_PAYLOAD the operands are the lengths of two operands in bytes, which are in the entries
 * that follow, as many as bits 16 to 31 say: the first operand, then the second, each 0 to 2
 * entries that hold at most its first KCOV_OPERAND_BYTES bytes, and zeros behind it. They are
 * bytes, or UTF-8 (KCOV_CMP_TEXT), or integers in two's complement, least significant byte first
 * (KCOV_CMP_INTEGER). Of text of more than KCOV_OPERAND_BYTES characters the length is the number
 * of characters. A record is never split: all of its entries are there, in one piece, or none.
 */
#define KCOV_CMP_PAYLOAD 0x8
#define KCOV_CMP_FLOAT 0x10   /* the operands are IEEE 754 numbers */
#define KCOV_CMP_SWAPPED 0x20 /* the first operand is the right one in the source */
#define KCOV_CMP_TEXT 0x40
#define KCOV_CMP_INTEGER 0x80
#define KCOV_CMP_OPERATION(x) ((x) << 8)
#define KCOV_CMP_ENTRIES(x) ((x) << 16)
#define KCOV_OPERAND_BYTES 64

enum kcov_operation {
    KCOV_CMP_EQ = 1,
    KCOV_CMP_NE,
    KCOV_CMP_LT,
    KCOV_CMP_LE,
    KCOV_CMP_GT,
    KCOV_CMP_GE,
    KCOV_CMP_IN,
    KCOV_CMP_NOT_IN,
    KCOV_CMP_STARTSWITH,
    KCOV_CMP_ENDSWITH,
    KCOV_CMP_FIND,
    KCOV_CMP_INDEX,
    KCOV_CMP_COUNT,
    KCOV_CMP_SPLIT,
    KCOV_CMP_PARTITION,
    KCOV_CMP_REMOVEPREFIX,
    KCOV_CMP_REMOVESUFFIX,
    KCOV_CMP_SUBSCRIPT, /* a key that is looked up in a dict, with one of the dict's */
    KCOV_CMP_MATCH,     /* a key of a mapping pattern, with one of the dict's */
    KCOV_CMP_GET,       /* dict.get(): a key that is looked up, with one of the dict's */
};

/*
 * The descriptor of a device is a memfd, sealed against shrinking and growing. It holds the words,
 * rounded up to whole pages, and then one more page that begins with this. Written by the process
 * that traces; readers map it and look.
 */
#define KCOV_PAGE 4096
#define KCOV_INFO_MAGIC UINT64_C(0x766f636b7970) /* "pykcov" */
#define KCOV_INFO_VERSION 1

struct kcov_info {
    uint64_t magic;
    uint32_t version;
    uint32_t mode; /* of the last successful enable, 0: never enabled */
    uint64_t nmemb;
    int32_t pid;       /* of the last successful enable */
    int32_t tid;       /* the thread enabled last, 0: none yet, or the device is remote */
    uint32_t alone;    /* atomic: one thread alone appends, without a bus lock */
    uint32_t borrowed; /* atomic: somebody else wants to append, or did: with a bus lock from the
                          next enable on */
    uint64_t reserved[3];
    uint64_t dropped; /* atomic, since the last enable: entries refused because the buffer was full,
                         and hits of probes that have no place in the counter map */
};

/* Where kcov_info begins, in bytes, in the descriptor of a buffer of nmemb words. */
#define KCOV_INFO_OFFSET(nmemb) (((nmemb) * UINT64_C(8) + KCOV_PAGE - 1) / KCOV_PAGE * KCOV_PAGE)

/* The names of the functions below, weak unless the core itself is compiled. */
#ifdef KCOV_CORE
#define KCOV_API __attribute__((visibility("default")))
#else
#define KCOV_API __attribute__((weak))
#endif

/*
 * Names a handle: {subsystem, id, 0}, or {subsystem, group, 1} where the id is the number of a
 * group. The common handle of a group is {KCOV_REMOTE_COMMON, group, 1}. A group's number is never
 * equal to a plain id.
 */
struct kcov_key {
    uint64_t subsystem;
    uint64_t id;
    uint64_t is_group; /* 0 or 1 */
};

/* The number of the group of this process; another one in a forked child. */
KCOV_API uint64_t kcov_process_group(void);

/* Make a handle known; sleep while an older one of the same name is being removed. 0 or ENOMEM. */
KCOV_API int kcov_remote_register(struct kcov_key key);

/* Remove a handle, stop its device; sleep until its last section is left. Always 0. */
KCOV_API int kcov_remote_unregister(struct kcov_key key);

/*
 * The calling thread begins, ends to work for the device of a handle. leave undoes only the enter
 * made last, and only if that was of the same handle. 0 or ENOMEM. Not for asynchronous signal
 * handlers.
 */
KCOV_API int kcov_remote_enter(struct kcov_key key);
KCOV_API void kcov_remote_leave(struct kcov_key key);

/*
 * Around code that barges in on the thread: what it runs is not recorded, unless it enters a
 * section of its own. Calls nest. A signal handler may call these two.
 */
KCOV_API void kcov_interrupt_enter(void);
KCOV_API void kcov_interrupt_leave(void);

/*
 * One event of the calling thread. size: 1, 2, 4 or 8 bytes, to which a and b are cut; is_const: a
 * is a constant. A signal handler may call these.
 */
KCOV_API void kcov_trace_pc(uint64_t pc);
KCOV_API void kcov_trace_cmp(unsigned size, int is_const, uint64_t a, uint64_t b, uint64_t pc);

#ifdef __cplusplus
}
#endif

#endif
