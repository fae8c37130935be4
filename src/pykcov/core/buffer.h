/*
 * buffer.h: the shared memory of a device: a sealed memfd and a mapping of it.
 */
#ifndef KCOV_BUFFER_H
#define KCOV_BUFFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kcov.h"

/* A mapping. It lives as long as a device or a reader refers to it. */
struct kcov_buffer {
    atomic_uint references;  /* [a] as in group.h */
    _Atomic uint64_t *words; /* [I] where the mapping begins */
    struct kcov_info *info;  /* [I] in the mapping's last page; others may write there, so only
                                shown, never trusted */
    uint64_t nmemb;          /* [I] */
    size_t size;             /* [I] of the mapping, in bytes */
    bool writable;           /* [I] */
    bool foreign; /* [I] a kernel's driver has made the words; `info` is memory of ours */
};

/* A new memfd, empty. errno on failure. */
int kcov_memfd_open(int *fd);

/* Give an empty memfd its nmemb words, seal it and map it. 0 or an errno. */
int kcov_buffer_create(struct kcov_buffer **buffer, int fd, uint64_t nmemb);

/* Map the memfd of any process's device. EINVAL if it is not one, or has no buffer yet. */
int kcov_buffer_from_fd(struct kcov_buffer **buffer, int fd, bool writable);

/*
 * Map the nmemb words of a kernel's own kcov device: offset 0, exactly these words, which is what
 * all drivers allow. errno on failure, among them EINVAL if the driver has no buffer of that size.
 */
int kcov_buffer_from_driver(struct kcov_buffer **buffer, int fd, uint64_t nmemb);

/*
 * Who alone appends counts without a bus lock (append.h). That goes wrong beside others, so each
 * first says what it is about to do, and then looks what the other has said: at least one sees it,
 * as both places are sequentially consistent.
 */

/* One thread is about to append, alone as far as this process knows; false: there may be others. */
bool kcov_buffer_begin_alone(struct kcov_buffer *buffer);
void kcov_buffer_end_alone(struct kcov_buffer *buffer);

/* Another process is about to append, now or at any time later. EBUSY: somebody does so alone. */
int kcov_buffer_join(struct kcov_buffer *buffer);

/* Whether the descriptor is that of a device, with or without a buffer. */
bool kcov_is_device(int fd);

void kcov_buffer_reference(struct kcov_buffer *buffer);
void kcov_buffer_release(struct kcov_buffer *buffer);

/* Set word 0 to 0, so that it holds also while another thread or process traces. */
void kcov_buffer_reset(struct kcov_buffer *buffer);

static inline _Atomic uint64_t *
kcov_buffer_dropped(struct kcov_buffer *buffer)
{
    return (_Atomic uint64_t *)&buffer->info->dropped;
}

#endif
